package dbtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// The recorded conversations of testdata/wire, which identity providers are known
// to lead, have the recorded statuses and errors over the Store too, each in a
// tenant of its own; and what it answers to the Handler is what memstore answers.
// See the README there for the format.
func TestConversations(t *testing.T) {
	names, err := filepath.Glob("../../testdata/wire/*.txt")
	if err != nil || len(names) < 200 {
		t.Fatalf("found %d conversations, want 200 or more: %v", len(names), err)
	}
	databases(t, func(t *testing.T, open func(now func() time.Time) *underTest) {
		clock := newClock()
		store := newTwin(t, open(clock.now).store, clock)
		replayed := 0
		for _, name := range names {
			c := readConversation(t, name)
			if c.about != "" {
				continue
			}
			replayed++
			c.replay(t, store)
			if t.Failed() {
				t.Fatal(name)
			}
		}
		t.Logf("%d of %d", replayed, len(names))
		if replayed < len(names)*9/10 {
			t.Errorf("replayed %d of %d conversations", replayed, len(names))
		}
	})
}

// A conversation is a file: the requests and the answers that were recorded.
type conversation struct {
	name  string
	head  []string
	turns []turn
	about string // what it is about, if that is no store
}

type turn struct {
	method, target string
	header         []string
	body           string
	status         int
	answer         string // of an error
}

func readConversation(t *testing.T, name string) *conversation {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c := &conversation{name: filepath.Base(name)}
	head, rest, _ := strings.Cut("\n"+string(text), "\n>>> ")
	c.head = strings.Split(head, "\n")
	for _, option := range c.setting("options") {
		switch about, _, _ := strings.Cut(option, "="); about {
		case "hooks", "store", "tokens", "password", "mount":
			c.about = about
		}
	}
	for _, users := range c.setting("users") {
		if n, _ := strconv.Atoi(users); n > 500 {
			c.about = "long answers"
		}
	}
	for _, part := range strings.Split(rest, "\n>>> ") {
		c.turns = append(c.turns, readTurn(t, part))
	}
	return c
}

func readTurn(t *testing.T, part string) (u turn) {
	t.Helper()
	lines := strings.Split(part, "\n")
	u.method, u.target, _ = strings.Cut(lines[0], " ")
	in := "header"
	var body, answer []string
	for _, l := range lines[1:] {
		first, more, _ := strings.Cut(l, " ")
		switch {
		case first == "#", first == "want":
			in = "wants"
		case first == "<<<":
			var err error
			if u.status, err = strconv.Atoi(more); err != nil {
				t.Fatalf("%s: %v", l, err)
			}
			in = "answer"
		case in == "header" && l == "":
			in = "body"
		case in == "header":
			u.header = append(u.header, written(l))
		case in == "body":
			body = append(body, written(l))
		case in == "answer":
			answer = append(answer, l)
		}
	}
	u.target, u.body = written(u.target), strings.TrimRight(strings.Join(body, "\n"), "\n")
	if _, text, ok := strings.Cut(strings.TrimSpace(strings.Join(answer, "\n")), "\n\n"); ok && u.status >= 400 {
		u.answer = text
	}
	return u
}

func (c *conversation) setting(name string) (words []string) {
	for _, l := range c.head {
		if rest, ok := strings.CutPrefix(l, name+":"); ok {
			words = append(words, strings.Fields(rest)...)
		}
	}
	return words
}

var repetition = regexp.MustCompile(`\$\{(\d+)(\*|\.\.(\d+): ?)(.*?)\}\$`)

// written writes repetitions out.
func written(s string) string {
	return repetition.ReplaceAllStringFunc(s, func(m string) string {
		p := repetition.FindStringSubmatch(m)
		from, _ := strconv.Atoi(p[1]) // the expression takes digits only
		if p[2] == "*" {
			return strings.Repeat(p[4], from)
		}
		to, _ := strconv.Atoi(p[3])
		var list []string
		for n := from; n <= to; n++ {
			list = append(list, strings.NewReplacer("%d", strconv.Itoa(n), "%id", recordedID(n)).Replace(p[4]))
		}
		return strings.Join(list, ",")
	})
}

func recordedID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// numbered is a Store that remembers the ids it gave, in order.
type numbered struct {
	scim.Store
	ids []string
}

// Create implements scim.Store.
func (n *numbered) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	u, err := n.Store.Create(ctx, ref, c)
	if err == nil {
		n.ids = append(n.ids, u.Resource.ID)
	}
	return u, err
}

// recorded and given translate ids between the file and the Store.
func (n *numbered) given(s string) string {
	return recordedIDs.ReplaceAllStringFunc(s, func(id string) string {
		if i, _ := strconv.Atoi(id[len(id)-12:]); 0 < i && i <= len(n.ids) {
			return n.ids[i-1]
		}
		return id
	})
}

func (n *numbered) recorded(s string) string {
	for i, id := range n.ids {
		s = strings.ReplaceAll(s, id, recordedID(i+1))
	}
	return s
}

var (
	recordedIDs = regexp.MustCompile(`00000000-0000-4000-8000-\d{12}`)
	nextCursor  = regexp.MustCompile(`"nextCursor":"([^"]*)"`)
)

func (c *conversation) replay(t *testing.T, store scim.Store) {
	t.Helper()
	n := &numbered{Store: store}
	const mount = "/scim/v2/"
	o := scim.Options{Hooks: struct{ scim.NoHooks }{}, Logger: slog.New(slog.DiscardHandler)}
	for _, setting := range c.setting("options") {
		name, value, _ := strings.Cut(setting, "=")
		number, _ := strconv.Atoi(value)
		switch name {
		case "strict":
			o.Strict = true
		case "maxBody":
			o.MaxBody = int64(number)
		case "maxOperations":
			o.MaxOperations = number
		case "maxResults":
			o.MaxResults = number
		case "maxBulk":
			o.MaxBulk = number
		case "maxDepth":
			o.MaxDepth = number
		case "me":
			o.Me = func(_ context.Context, p scim.Principal) (scim.Ref, error) {
				return scim.Ref{Tenant: p.Tenant, Type: "User", ID: n.given(recordedID(number))}, nil
			}
		case "userPatch204":
			o.UserPatch204 = true
		case "groupPatch200":
			o.GroupPatch200 = true
		case "privateDiscovery":
			o.PrivateDiscovery = true
		case "baseURL":
			o.BaseURL = value
		case "custom", "noGroupsInGroups":
			o.Types = conversationTypes(t, name)
		default:
			t.Fatalf("%s: unknown option %q", c.name, setting)
		}
	}
	tenant := func(name string) string { return name + " of " + c.name }
	tokens := scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
		switch token {
		case "secret":
			return scim.Principal{Tenant: tenant("a")}, nil
		case "strict":
			return scim.Principal{Tenant: tenant("a"), Strict: true}, nil
		case "other":
			return scim.Principal{Tenant: tenant("b")}, nil
		}
		return scim.Principal{}, scim.ErrUnauthorized
	})
	h, err := scim.NewHandler(n, tokens, &o)
	if err != nil {
		t.Fatal(err)
	}

	var turns []turn
	for _, name := range c.setting("include") {
		turns = append(turns, readConversation(t, "../../testdata/wire/prelude/"+name).turns...)
	}
	for _, users := range c.setting("users") {
		most, _ := strconv.Atoi(users)
		for i := range most {
			turns = append(turns, turn{method: "POST", target: "/Users", body: fmt.Sprintf(`{"schemas":[%q],"userName":"user%d@contoso.com"}`, scim.UserSchemaURI, i+1)})
		}
	}
	var cursors []string
	for _, u := range append(turns, c.turns...) {
		for i, cursor := range cursors {
			name := fmt.Sprintf("${cursor %d}$", i+1)
			u.target, u.body = strings.ReplaceAll(u.target, name, cursor), strings.ReplaceAll(u.body, name, cursor)
		}
		r := u.request(t, strings.TrimSuffix(mount, "/"), n)
		r.Pattern = mount // as a ServeMux sets it, which would redirect to clean paths
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if u.status != 0 {
			cursor := ""
			if found := nextCursor.FindStringSubmatch(w.Body.String()); found != nil {
				cursor = found[1]
			}
			cursors = append(cursors, cursor)
		}
		answer := n.recorded(w.Body.String())
		if u.status != 0 && w.Code != u.status || u.status == 0 && w.Code/100 != 2 || u.answer != "" && answer != u.answer {
			t.Errorf("%s: %s %s: got %d %.1000s, want %d %s", c.name, u.method, u.target, w.Code, answer, u.status, u.answer)
		}
	}
}

// request is a turn as it goes over the wire.
func (u turn) request(t *testing.T, base string, n *numbered) *http.Request {
	t.Helper()
	body := n.given(u.body)
	lines := []string{"Host: example.com", "Authorization: Bearer secret"}
	if body != "" {
		lines = append(lines, "Content-Type: application/scim+json; charset=utf-8", fmt.Sprintf("Content-Length: %d", len(body)))
	}
	for _, l := range u.header {
		name, _, has := strings.Cut(l, ":")
		name = strings.ToLower(strings.TrimPrefix(name, "-")) + ":"
		lines = slices.DeleteFunc(lines, func(d string) bool { return strings.HasPrefix(strings.ToLower(d), name) })
		if has {
			lines = append(lines, n.given(l))
		}
	}
	raw := fmt.Appendf(nil, "%s %s%s HTTP/1.1\r\n%s\r\n\r\n%s", u.method, base, n.given(u.target), strings.Join(lines, "\r\n"), body)
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatalf("%s %s: %v", u.method, u.target, err)
	}
	return r.WithContext(t.Context())
}

// conversationTypes are the types of an option.
func conversationTypes(t *testing.T, option string) []*scim.ResourceType {
	t.Helper()
	acme := &scim.Schema{ID: "urn:ietf:params:scim:schemas:extension:Acme:2.0:User", Attributes: []scim.Attribute{
		{Name: "badge"},
		{Name: "level", Type: scim.TypeInteger},
		{Name: "ratio", Type: scim.TypeDecimal},
		{Name: "hired", Type: scim.TypeDateTime},
		{Name: "vip", Type: scim.TypeBoolean},
		{Name: "tags", MultiValued: true},
	}}
	user, err := scim.UserType()
	if option == "custom" {
		user, err = scim.UserType(scim.Extension{Schema: acme})
	}
	if err != nil {
		t.Fatal(err)
	}
	group, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	if option == "custom" {
		return []*scim.ResourceType{user, group}
	}
	def := group.Definition()
	def.Schema = scim.GroupSchema()
	def.Schema.Attribute("displayName").Uniqueness = scim.UniqueServer
	def.Schema.Attribute("members").SubAttribute("$ref").ReferenceTypes = []string{"User"}
	if group, err = scim.NewResourceType(def); err != nil {
		t.Fatal(err)
	}
	return []*scim.ResourceType{user, group}
}
