package scim_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// The wire cases: what identity providers are known to send, replayed byte for
// byte, and what they need back. testdata/wire/README.md has the format.

var update = flag.Bool("update", false, "rewrite the recorded answers in testdata/wire; the wants are never rewritten")

func TestWire(t *testing.T) {
	for _, name := range wireFiles(t) {
		c := readWireCase(t, name)
		t.Run(c.number(), func(t *testing.T) {
			w := newWireWorld(t, c)
			for i, s := range c.steps {
				w.replay(t, i, s)
			}
			if *update {
				c.write(t)
			}
		})
	}
}

// catalogue is the numbers of the cases that are known; the gaps between the
// ranges are none.
var catalogue = [][2]int{{1, 12}, {20, 36}, {40, 54}, {60, 97}, {100, 104}, {110, 136}, {140, 150}}

// elsewhere lists the cases that are no file, with the test that has them or
// the reason why there is none yet.
var elsewhere = map[string]string{
	"E008": "the token endpoint is module oauth's: its TestClientSecret",
	"E009": "workload identity federation is module oauth's: its TestWorkloadIdentity",
	"E010": "the limiter is package tenant's: its TestRate",
	"E011": "the limiter is package tenant's: its TestRate; how its refusal is answered is in E012",
	"E096": "TestParallelPatches",
	"E132": "TestParallelPatchesOfGroup",
	"E142": "TestSchemasFlattened",
	"E146": "package scimtest/conformance replays Microsoft's web validator: its suite microsoft, which TestUsher there runs against this Handler",
	"E147": "likewise the direct SCIMTests of Microsoft's Logic App suite, but for Federated_Identity_Test, which needs a token endpoint: TestLogicAppSuite of module oauth",
	"E148": "TestEmptyCycle",
}

func TestWireCoversCatalogue(t *testing.T) {
	have := map[string]bool{}
	for _, name := range wireFiles(t) {
		have[filepath.Base(name)[:4]] = true
	}
	tests := goTests(t)
	for number, where := range elsewhere {
		if strings.HasPrefix(where, "Test") && !strings.Contains(tests, "func "+where+"(") {
			t.Errorf("%s is said to be tested by %s, which does not exist", number, where)
		}
	}
	known := map[string]bool{}
	for _, r := range catalogue {
		for n := r[0]; n <= r[1]; n++ {
			number := fmt.Sprintf("E%03d", n)
			known[number] = true
			switch _, other := elsewhere[number]; {
			case !have[number] && !other:
				t.Errorf("%s has no file in testdata/wire and no reason for that", number)
			case have[number] && other:
				t.Errorf("%s has a file and still stands in the list of those elsewhere", number)
			}
		}
	}
	for number := range have {
		if strings.HasPrefix(number, "E") && !known[number] {
			t.Errorf("a file is named %s, which is no number of the catalogue", number)
		}
	}
}

// goTests returns the source of the tests beside this one.
func goTests(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(src)
	}
	return all.String()
}

func wireFiles(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/wire/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no wire cases found: %v", err)
	}
	return names
}

// wireCase is one file.
type wireCase struct {
	name  string
	head  []string // lines, verbatim
	steps []*wireStep
	tail  []string // comments after the last answer
}

// wireStep is one request, what must be true of its answer, and the answer
// that was recorded.
type wireStep struct {
	line     int
	src      []string // the lines up to the recorded answer, verbatim
	method   string
	target   string
	header   []string // header lines, or "-Name"
	body     string
	wants    []want
	recorded string // the lines of the answer
}

type want struct {
	line int
	text string
}

// number is the name of the file without its ending.
func (c *wireCase) number() string { return strings.TrimSuffix(filepath.Base(c.name), ".txt") }

// setting returns what a head line such as "options: strict" says.
func (c *wireCase) setting(name string) []string {
	var words []string
	for _, l := range c.head {
		if rest, ok := strings.CutPrefix(l, name+":"); ok {
			words = append(words, strings.Fields(rest)...)
		}
	}
	return words
}

func readWireCase(t *testing.T, name string) *wireCase {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c := &wireCase{name: name}
	var (
		pending []string // comments and blank lines that belong to what follows
		s       *wireStep
		in      = "head" // head, request, body, wants, answer
		answer  []string
	)
	endAnswer := func() {
		if s != nil {
			s.recorded = strings.TrimRight(strings.Join(answer, "\n"), "\n")
		}
		answer = nil
	}
	for i, l := range strings.Split(strings.TrimRight(string(src), "\n"), "\n") {
		first, rest, _ := strings.Cut(l, " ")
		switch {
		case first == ">>>":
			endAnswer()
			method, target, ok := strings.Cut(rest, " ")
			if !ok {
				t.Fatalf("%s:%d: want >>> METHOD TARGET", name, i+1)
			}
			s = &wireStep{line: i + 1, method: method, target: expand(target)}
			c.steps = append(c.steps, s)
			if in == "head" {
				c.head, pending = pending, nil
			}
			s.src, pending = append(pending, l), nil
			in = "request"
		case in == "head":
			pending = append(pending, l)
		case first == "#" || l == "#":
			if in != "answer" {
				s.src = append(s.src, l)
				break
			}
			pending = append(pending, l)
		case first == "<<<":
			in, answer = "answer", append(answer, l)
		case in == "answer" && len(pending) == 0:
			answer = append(answer, l)
		case in == "answer":
			pending = append(pending, l)
		case first == "want":
			s.src = append(s.src, l)
			s.wants = append(s.wants, want{i + 1, expand(rest)})
			in = "wants"
		default:
			s.src = append(s.src, l)
			switch {
			case in == "request" && l == "":
				in = "body"
			case in == "request":
				s.header = append(s.header, expand(l))
			case in == "body":
				s.body += expand(l) + "\n"
			case l != "":
				t.Fatalf("%s:%d: cannot tell what %q is", name, i+1, l)
			}
		}
	}
	endAnswer()
	c.tail = pending
	for _, s := range c.steps {
		s.body = strings.TrimRight(s.body, "\n")
	}
	if len(c.steps) == 0 {
		t.Fatalf("%s: no steps", name)
	}
	return c
}

// expand writes out ${3*ab}$ as ababab and ${1..3: x%dy}$ as x1y,x2y,x3y; %id
// stands for the id with that number.
func expand(s string) string {
	return expansion.ReplaceAllStringFunc(s, func(m string) string {
		p := expansion.FindStringSubmatch(m)
		from, _ := strconv.Atoi(p[1])
		if p[2] == "*" {
			return strings.Repeat(p[4], from)
		}
		to, _ := strconv.Atoi(p[3])
		var list []string
		for n := from; n <= to; n++ {
			list = append(list, strings.NewReplacer("%d", strconv.Itoa(n), "%id", wireID(n)).Replace(p[4]))
		}
		return strings.Join(list, ",")
	})
}

var expansion = regexp.MustCompile(`\$\{(\d+)(\*|\.\.(\d+): ?)(.*?)\}\$`)

func (c *wireCase) write(t *testing.T) {
	t.Helper()
	var b strings.Builder
	block := func(lines []string) {
		if text := strings.Trim(strings.Join(lines, "\n"), "\n"); text != "" {
			b.WriteString(text + "\n\n")
		}
	}
	block(c.head)
	for _, s := range c.steps {
		block(s.src)
		block(strings.Split(s.recorded, "\n"))
	}
	block(c.tail)
	if err := os.WriteFile(c.name, []byte(strings.TrimRight(b.String(), "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// wireWorld is the endpoint that one case talks to.
type wireWorld struct {
	mux     *http.ServeMux
	bare    *scim.Handler // without the mux
	mount   string
	hooks   *recordingHooks
	logs    *recordingLogger
	answers []string // bodies of the case's own steps
	cursors []string // that they were answered with
}

func newWireWorld(t *testing.T, c *wireCase) *wireWorld {
	t.Helper()
	w := &wireWorld{mux: http.NewServeMux(), mount: "/scim/v2/", hooks: new(recordingHooks), logs: new(recordingLogger)}
	store, tokens := wireStore(), scim.TokenValidator(scim.TokenValidatorFunc(wireTokens))
	o := scim.Options{Hooks: w.hooks, Logger: slog.New(w.logs), CursorKey: []byte("one key for all, so that cursors stay")}
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
				return scim.Ref{Tenant: p.Tenant, Type: "User", ID: wireID(number)}, nil
			}
		case "password":
			o.Types = []*scim.ResourceType{passwordType(t), must(t)(scim.GroupType())}
		case "userPatch204":
			o.UserPatch204 = true
		case "groupPatch200":
			o.GroupPatch200 = true
		case "privateDiscovery":
			o.PrivateDiscovery = true
		case "baseURL":
			o.BaseURL = value
		case "mount":
			w.mount = value
		case "custom":
			o.Types = []*scim.ResourceType{must(t)(scim.UserType(scim.Extension{Schema: acmeSchema(t)})), must(t)(scim.GroupType())}
		case "noGroupsInGroups":
			o.Types = []*scim.ResourceType{must(t)(scim.UserType()), flatGroupType(t)}
		case "hooks":
			w.hooks.mood = value
		case "store":
			store = brokenStore{store}
		case "tokens":
			tokens = scim.TokenValidatorFunc(func(context.Context, string) (p scim.Principal, err error) { return p, noTokens[value] })
		default:
			t.Fatalf("%s: unknown option %q", c.name, setting)
		}
	}
	h, err := scim.NewHandler(store, tokens, &o)
	if err != nil {
		t.Fatalf("NewHandler: %v", err)
	}
	w.bare = h
	w.mux.Handle(w.mount, h)
	w.prepare(t, c)
	return w
}

// wireStore is empty; its ids count up and its clock moves a second at a time.
func wireStore() scim.Store {
	var (
		lock  sync.Mutex
		ids   int
		clock = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	)
	return &memstore.Store{
		NewID: func() string {
			lock.Lock()
			defer lock.Unlock()
			ids++
			return wireID(ids)
		},
		Now: func() time.Time {
			lock.Lock()
			defer lock.Unlock()
			clock = clock.Add(time.Second)
			return clock
		},
	}
}

// wireTokens knows two tenants, and a client of the first that is held to the
// letter of the RFCs.
func wireTokens(_ context.Context, token string) (scim.Principal, error) {
	switch token {
	case "secret":
		return scim.Principal{Tenant: "a", Subject: "Contoso"}, nil
	case "strict":
		return scim.Principal{Tenant: "a", Subject: "Contoso, strictly", Strict: true}, nil
	case "other":
		return scim.Principal{Tenant: "b", Subject: "Fabrikam"}, nil
	}
	return scim.Principal{}, scim.ErrUnauthorized
}

// noTokens is what a validator says that does not come to say whose token it is.
var noTokens = map[string]error{
	"busy": &scim.Error{Kind: scim.ErrTooManyRequests, Detail: "more than 25 requests a second", RetryAfter: 7 * time.Second},
	"down": errors.New("dial tcp 10.0.0.7:5432: connection refused"),
}

func wireID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// prepare makes the state a case starts from: the steps of the preludes it
// includes, and as many plain users as it asks for.
func (w *wireWorld) prepare(t *testing.T, c *wireCase) {
	t.Helper()
	var steps []*wireStep
	for _, name := range c.setting("include") {
		steps = append(steps, readWireCase(t, "testdata/wire/prelude/"+name).steps...)
	}
	for _, n := range c.setting("users") {
		most, err := strconv.Atoi(n)
		if err != nil {
			t.Fatalf("%s: users: %v", c.name, err)
		}
		for i := range most {
			steps = append(steps, &wireStep{method: "POST", target: "/Users", body: fmt.Sprintf(
				`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%d@contoso.com"}`, i+1)})
		}
	}
	for _, s := range steps {
		if rec := w.send(t, s); rec.Code/100 != 2 {
			t.Fatalf("prelude: %s %s: got %d %s", s.method, s.target, rec.Code, rec.Body)
		}
	}
	w.hooks.take()
	w.logs.take()
	w.cursors = nil
}

// raw is the request as it goes over the wire.
func (w *wireWorld) raw(s *wireStep) []byte {
	lines := []string{"Host: example.com", "Authorization: Bearer secret"}
	if s.body != "" {
		lines = append(lines, "Content-Type: application/scim+json; charset=utf-8", fmt.Sprintf("Content-Length: %d", len(s.body)))
	}
	for _, l := range s.header {
		name, _, named := strings.Cut(l, ":")
		name = strings.TrimPrefix(name, "-")
		lines = slices.DeleteFunc(lines, func(d string) bool { return strings.HasPrefix(strings.ToLower(d), strings.ToLower(name)+":") })
		if named {
			lines = append(lines, l)
		}
	}
	base := strings.TrimSuffix(strings.ReplaceAll(w.mount, "{tenant}", "a"), "/")
	return fmt.Appendf(nil, "%s %s%s HTTP/1.1\r\n%s\r\n\r\n%s", s.method, base, s.target, strings.Join(lines, "\r\n"), s.body)
}

// withCursors puts the cursors of earlier answers where a step names them.
func (w *wireWorld) withCursors(s *wireStep) *wireStep {
	out := *s
	for i, c := range w.cursors {
		name := fmt.Sprintf("${cursor %d}$", i+1)
		out.target, out.body = strings.ReplaceAll(out.target, name, c), strings.ReplaceAll(out.body, name, c)
	}
	return &out
}

var nextCursor = regexp.MustCompile(`"nextCursor":"([^"]*)"`)

func (w *wireWorld) send(t *testing.T, s *wireStep) *httptest.ResponseRecorder {
	t.Helper()
	s = w.withCursors(s)
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(w.raw(s))))
	if err != nil {
		t.Fatalf("%s %s is no HTTP request: %v", s.method, s.target, err)
	}
	rec := httptest.NewRecorder()
	if clean := path.Clean(r.URL.Path); clean != r.URL.Path && clean+"/" != r.URL.Path {
		r.Pattern = w.mount // a ServeMux redirects to the clean path; other routers do not
		w.bare.ServeHTTP(rec, r)
	} else {
		w.mux.ServeHTTP(rec, r)
	}
	return rec
}

// remember keeps the cursor of an answer for later steps.
func (w *wireWorld) remember(rec *httptest.ResponseRecorder) {
	cursor := ""
	if found := nextCursor.FindStringSubmatch(rec.Body.String()); found != nil {
		cursor = found[1]
	}
	w.cursors = append(w.cursors, cursor)
}

func (w *wireWorld) replay(t *testing.T, i int, s *wireStep) {
	t.Helper()
	rec := w.send(t, s)
	w.remember(rec)
	a := &answer{
		status: rec.Code, header: rec.Result().Header, body: rec.Body.String(),
		events: w.hooks.take(), logs: w.logs.take(), earlier: w.answers,
	}
	w.answers = append(w.answers, a.body)
	var failures []string
	if err := a.parse(); err != nil {
		failures = append(failures, err.Error())
	}
	failures = append(failures, a.houseRules(s)...)
	for _, want := range s.wants {
		if err := a.check(want.text); err != nil {
			failures = append(failures, fmt.Sprintf("line %d: want %s: %v", want.line, want.text, err))
		}
	}
	switch got := a.record(); {
	case len(failures) > 0: // an answer that is wrong is not recorded
	case *update:
		s.recorded = got
	case got != s.recorded:
		failures = append(failures, "the answer is not the recorded one (-recorded +got):\n"+cmp.Diff(s.recorded, got))
	}
	if len(failures) > 0 {
		t.Errorf("step %d, line %d: %s %s\n\t%s\n\tanswer: %d %s\n\tevents: %v", i+1, s.line, s.method, s.target,
			strings.Join(failures, "\n\t"), a.status, clipped(a.body), a.events)
	}
}

func clipped(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "…"
	}
	return s
}

// answer is what came back, and what happened besides.
type answer struct {
	status  int
	header  http.Header
	body    string
	value   any      // body, decoded
	events  []string // "OnUserUpdated (title, name)"
	logs    []string
	earlier []string
}

func (a *answer) parse() error {
	if a.body == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&a.value); err != nil {
		return fmt.Errorf("the body is no JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("the body is more than one JSON value")
	}
	return nil
}

// record is the part of the answer that is kept in the file.
func (a *answer) record() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<<< %d", a.status)
	for _, name := range []string{"Content-Type", "Location", "Content-Location", "ETag", "WWW-Authenticate", "Allow", "Retry-After"} {
		for _, v := range a.header.Values(name) {
			fmt.Fprintf(&b, "\n%s: %s", name, v)
		}
	}
	switch {
	case a.body == "":
	case len(a.body) > 8000:
		fmt.Fprintf(&b, "\n\n(%d bytes, SHA-256 %x)", len(a.body), sha256.Sum256([]byte(a.body)))
	default:
		b.WriteString("\n\n" + a.body)
	}
	return b.String()
}

const (
	listURI  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorURI = "urn:ietf:params:scim:api:messages:2.0:Error"
	bulkURI  = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

var cursorIsNamed = regexp.MustCompile(`[?&]cursor(=|&|$)`)

var scimTypes = map[string][]int{
	"invalidFilter": {400}, "tooMany": {400}, "uniqueness": {409}, "mutability": {400}, "invalidSyntax": {400}, "invalidPath": {400},
	"noTarget": {400}, "invalidValue": {400}, "invalidVers": {400}, "sensitive": {403}, "invalidCursor": {400}, "invalidCount": {400},
}

// houseRules are what must be true of every answer.
func (a *answer) houseRules(s *wireStep) (broken []string) {
	rule := func(ok bool, format string, args ...any) {
		if !ok {
			broken = append(broken, fmt.Sprintf(format, args...))
		}
	}
	contentType := a.header.Values("Content-Type")
	if a.body == "" {
		rule(len(contentType) == 0, "Content-Type %q without a body", contentType)
		rule(a.status == 204 || a.status == 304 || s.method == "HEAD", "%d without a body", a.status)
		return broken
	}
	rule(slices.Equal(contentType, []string{"application/scim+json"}), "Content-Type %q: Entra takes nothing but application/scim+json (R-111)", contentType)
	rule(a.status != 204 && a.status != 304 && s.method != "HEAD", "%d with a body", a.status)
	rule(!strings.Contains(a.body, "\n"), "the body is more than one line")
	for path := range nulls(a.value, "") {
		rule(false, "%s is null: unassigned attributes are left out", path)
	}
	if n := a.header.Get("Content-Length"); n != "" {
		rule(n == strconv.Itoa(len(a.body)), "Content-Length %s, body of %d bytes", n, len(a.body))
	}
	object, _ := a.value.(map[string]any)
	schemas, _ := object["schemas"].([]any)
	rule(len(schemas) > 0, "no schemas (R-033)")
	detail, _ := object["detail"].(string)
	switch {
	case a.status >= 400:
		rule(slices.Equal(schemas, []any{errorURI}), "the body is no SCIM error (R-311)")
		rule(object["status"] == strconv.Itoa(a.status), "status in the body is %v (R-312)", object["status"])
		rule(detail != "", "no detail: an admin must read what is wrong")
		for _, hint := range []string{"goroutine", ".go:", "secret", "hunter2", "10.0.0.7", "panic", "scim: ", "%!"} {
			rule(!strings.Contains(detail, hint), "the error tells of %q", hint)
		}
		if kind, ok := object["scimType"]; ok {
			name, _ := kind.(string)
			rule(slices.Contains(scimTypes[name], a.status), "scimType %v with status %d", kind, a.status)
		}
		rule(a.status != 401 || a.header.Get("WWW-Authenticate") != "", "401 without WWW-Authenticate (R-120)")
		rule(a.status != 405 || a.header.Get("Allow") != "", "405 without Allow")
		rule(len(a.events) == 0, "an error, and still the application was told of %v", a.events)
		rule(len(a.logs) > 0, "the error was not logged")
	case slices.Equal(schemas, []any{listURI}):
		resources, ok := object["Resources"].([]any)
		rule(ok, "Resources is no array (A-18)")
		rule(fmt.Sprint(object["itemsPerPage"]) == strconv.Itoa(len(resources)), "itemsPerPage is %v of %d (A-17)", object["itemsPerPage"], len(resources))
		byCursor := cursorIsNamed.MatchString(s.target) || strings.HasSuffix(s.target, "/.search") && strings.Contains(s.body, `"cursor":"`)
		rule((object["startIndex"] == nil) == byCursor, "startIndex is %v, which only a page by cursor lacks (A-18)", object["startIndex"])
		rule(byCursor || object["nextCursor"] == nil, "a cursor that nobody asked for (R-191)")
		for i, r := range resources {
			one, _ := r.(map[string]any)
			rule(one["schemas"] != nil, "Resources[%d] has no schemas (A-21)", i)
		}
	default:
		if id, ok := object["id"]; ok {
			rule(id != "", "empty id")
		}
		if meta, ok := object["meta"].(map[string]any); ok && meta["version"] != nil {
			rule(a.header.Get("ETag") == meta["version"], "ETag %q, meta.version %v (R-301)", a.header.Get("ETag"), meta["version"])
		}
	}
	if slices.Equal(schemas, []any{bulkURI}) {
		list, ok := object["Operations"].([]any)
		rule(ok, "Operations is no array")
		for i, r := range list {
			one, _ := r.(map[string]any)
			status, _ := one["status"].(string)
			response, _ := one["response"].(map[string]any)
			failed := !strings.HasPrefix(status, "2")
			rule(len(status) == 3, "Operations[%d]: status %v is no string of three digits (R-287)", i, one["status"])
			rule(failed == (response != nil), "Operations[%d]: status %s with response %v (R-288)", i, status, response)
			rule(!failed || response["status"] == status && response["detail"] != nil, "Operations[%d]: status %s with response %v (R-312)", i, status, response)
			rule(one["location"] != nil || failed && one["method"] == "POST" || status == "400", "Operations[%d] has no location (R-286)", i)
			rule(one["location"] == nil || !failed || one["method"] != "POST", "Operations[%d], a failed POST, has a location (R-286)", i)
			rule(one["method"] != "POST" || failed || one["bulkId"] != nil, "Operations[%d] has no bulkId (R-282)", i)
			rule(one["version"] == nil || !failed, "Operations[%d] failed and has a version", i)
		}
	}
	for _, l := range a.logs {
		rule(!strings.Contains(l, "Bearer") && !strings.Contains(l, "secret"), "the log tells the token: %s", l)
	}
	return broken
}

func nulls(v any, path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		switch v := v.(type) {
		case nil:
			yield(path)
		case map[string]any:
			for name, member := range v {
				for p := range nulls(member, path+"."+name) {
					if !yield(p) {
						return
					}
				}
			}
		case []any:
			for i, element := range v {
				for p := range nulls(element, fmt.Sprintf("%s[%d]", path, i)) {
					if !yield(p) {
						return
					}
				}
			}
		}
	}
}

// check checks one want.
func (a *answer) check(text string) error {
	what, rest, _ := strings.Cut(text, " ")
	switch what {
	case "status":
		if strconv.Itoa(a.status) != rest {
			return fmt.Errorf("got %d", a.status)
		}
	case "header":
		name, value, exact := strings.Cut(rest, " = ")
		if part, text, ok := strings.Cut(rest, " contains "); ok {
			name, value = part, text
		}
		got := a.header.Values(name)
		if len(got) != 1 || exact && got[0] != value || !strings.Contains(got[0], value) {
			return fmt.Errorf("got %q", got)
		}
	case "body":
		return a.checkBody(rest)
	case "event":
		if !slices.ContainsFunc(a.events, func(e string) bool { return e == rest || strings.HasPrefix(e, rest+" (") }) {
			return fmt.Errorf("got %v", a.events)
		}
	case "events": // all of them, in any order
		want := strings.Split(rest, ", On")
		for i := range want[1:] {
			want[i+1] = "On" + want[i+1]
		}
		got := slices.Clone(a.events)
		if !strings.Contains(rest, "(") {
			for i := range got {
				got[i], _, _ = strings.Cut(got[i], " (")
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("got %v", a.events)
		}
	case "log":
		if !slices.ContainsFunc(a.logs, func(l string) bool { return strings.Contains(l, rest) }) {
			return fmt.Errorf("got %q", a.logs)
		}
	case "no":
		return a.checkAbsence(rest)
	default:
		return errors.New("no such want: see testdata/wire/README.md")
	}
	return nil
}

func (a *answer) checkBody(text string) error {
	if step, ok := strings.CutPrefix(text, "of step "); ok {
		n, err := strconv.Atoi(step)
		if err != nil || n < 1 || n > len(a.earlier) {
			return errors.New("no such step before this one")
		}
		if d := cmp.Diff(a.earlier[n-1], a.body); d != "" {
			return errors.New("it differs (-earlier +now):\n" + d)
		}
		return nil
	}
	if at := bodyOperator.FindStringSubmatchIndex(" " + text); at != nil {
		path, op, operand := (" " + text)[:at[0]], (" " + text)[at[2]:at[3]], (" " + text)[at[1]:]
		got, found, err := lookUp(a.value, strings.TrimSpace(path))
		if err != nil {
			return err
		}
		if !found {
			return errors.New("it is absent")
		}
		if op == "count" {
			if list, ok := got.([]any); !ok || strconv.Itoa(len(list)) != operand {
				return fmt.Errorf("got %s", jsonText(got))
			}
			return nil
		}
		var want any
		d := json.NewDecoder(strings.NewReader(operand))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			return fmt.Errorf("the wanted value is no JSON: %v", err)
		}
		switch op {
		case "contains":
			text, ok := got.(string)
			part, _ := want.(string)
			if !ok || part == "" || !strings.Contains(text, part) {
				return fmt.Errorf("got %s", jsonText(got))
			}
			return nil
		case "in any order":
			list, _ := got.([]any)
			other, ok := want.([]any)
			if !ok {
				return errors.New("the wanted value is no array")
			}
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(jsonText(a), jsonText(b)) })
			slices.SortFunc(other, func(a, b any) int { return strings.Compare(jsonText(a), jsonText(b)) })
		}
		if d := cmp.Diff(want, got); d != "" {
			return fmt.Errorf("got %s", jsonText(got))
		}
		return nil
	}
	_, found, err := lookUp(a.value, text)
	if err == nil && !found {
		return errors.New("it is absent")
	}
	return err
}

var bodyOperator = regexp.MustCompile(` (=|contains|count|in any order) `)

func (a *answer) checkAbsence(text string) error {
	what, rest, _ := strings.Cut(text, " ")
	switch {
	case what == "header":
		if got, has := a.header[http.CanonicalHeaderKey(rest)]; has {
			return fmt.Errorf("got %q", got)
		}
	case what == "body" && rest == "":
		if a.body != "" {
			return errors.New("there is one")
		}
	case what == "body":
		if got, found, err := lookUp(a.value, rest); found || err != nil {
			return errors.Join(err, fmt.Errorf("got %s", jsonText(got)))
		}
	case what == "event" && rest == "":
		if len(a.events) > 0 {
			return fmt.Errorf("got %v", a.events)
		}
	case what == "event":
		if slices.ContainsFunc(a.events, func(e string) bool { return e == rest || strings.HasPrefix(e, rest+" (") }) {
			return fmt.Errorf("got %v", a.events)
		}
	case what == "log" && rest == "":
		if len(a.logs) > 0 {
			return fmt.Errorf("got %q", a.logs)
		}
	case what == "log":
		if slices.ContainsFunc(a.logs, func(l string) bool { return strings.Contains(l, rest) }) {
			return fmt.Errorf("got %q", a.logs)
		}
	default:
		return errors.New("no such want: see testdata/wire/README.md")
	}
	return nil
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// lookUp follows a path such as Resources[0]."urn:x:2.0:User".manager.value.
func lookUp(v any, path string) (got any, found bool, err error) {
	for rest := path; rest != ""; {
		p := wirePath.FindStringSubmatch(rest)
		if p == nil {
			return nil, false, fmt.Errorf("%q is no path", path)
		}
		rest = rest[len(p[0]):]
		if p[3] != "" {
			list, _ := v.([]any)
			n, _ := strconv.Atoi(p[3])
			if n >= len(list) {
				return nil, false, nil
			}
			v = list[n]
			continue
		}
		object, _ := v.(map[string]any)
		member, ok := object[p[1]+p[2]]
		if !ok {
			return nil, false, nil
		}
		v = member
	}
	return v, true, nil
}

var wirePath = regexp.MustCompile(`^(?:\.?([A-Za-z$][\w$-]*)|\.?"([^"]+)"|\[(\d+)\])`)

// recordingHooks note the names of the events, with the attributes that
// changed or the members concerned.
type recordingHooks struct {
	mood   string // "refuse" or "panic" in Admit
	mu     sync.Mutex
	events []string
}

var _ scim.Hooks = (*recordingHooks)(nil)

func (h *recordingHooks) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := h.events
	h.events = nil
	return events
}

func (h *recordingHooks) note(name string, about []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(about) > 0 {
		name += " (" + strings.Join(about, ", ") + ")"
	}
	h.events = append(h.events, name)
	return nil
}

func (h *recordingHooks) Admit(context.Context, scim.Event) error {
	switch h.mood {
	case "refuse":
		return scim.Errorf(scim.ErrForbidden, "all 25 seats of the plan are taken: buy more or free one")
	case "panic":
		panic("hunter2 in application code")
	}
	return nil
}

func (h *recordingHooks) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserStaged", nil)
}

func (h *recordingHooks) OnUserUpdated(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserUpdated", e.Changed)
}

func (h *recordingHooks) OnUserDeactivated(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserDeactivated", nil)
}

func (h *recordingHooks) OnUserReactivated(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserReactivated", nil)
}

func (h *recordingHooks) OnUserDeleted(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserDeleted", nil)
}

func (h *recordingHooks) OnGroupCreated(_ context.Context, e scim.GroupEvent) error {
	return h.note("OnGroupCreated", nil)
}

func (h *recordingHooks) OnGroupUpdated(_ context.Context, e scim.GroupEvent) error {
	return h.note("OnGroupUpdated", e.Changed)
}

func (h *recordingHooks) OnGroupDeleted(_ context.Context, e scim.GroupEvent) error {
	return h.note("OnGroupDeleted", nil)
}

func (h *recordingHooks) OnGroupMemberAdded(_ context.Context, e scim.MemberEvent) error {
	return h.note("OnGroupMemberAdded", memberNumbers(e.Members))
}

func (h *recordingHooks) OnGroupMemberRemoved(_ context.Context, e scim.MemberEvent) error {
	return h.note("OnGroupMemberRemoved", memberNumbers(e.Members))
}

// memberNumbers shortens ids to the number that newWireWorld gave them, in
// order: an event's members come in any.
func memberNumbers(members []scim.Member) (numbers []string) {
	for _, m := range members {
		numbers = append(numbers, strings.TrimLeft(m.ID[strings.LastIndexByte(m.ID, '-')+1:], "0"))
	}
	slices.SortFunc(numbers, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return numbers
}

// recordingLogger is a slog.Handler that keeps each record as one text.
type recordingLogger struct {
	mu    sync.Mutex
	lines []string
}

func (l *recordingLogger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

func (l *recordingLogger) Enabled(context.Context, slog.Level) bool { return true }
func (l *recordingLogger) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *recordingLogger) WithGroup(string) slog.Handler            { return l }

func (l *recordingLogger) Handle(_ context.Context, r slog.Record) error {
	line := fmt.Sprintf("%s %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// brokenStore answers everything with an error that no client may read.
type brokenStore struct{ scim.Store }

var errBroken = errors.New("pq: password authentication failed for user hunter2")

func (brokenStore) Create(context.Context, scim.Ref, scim.Change) (*scim.Updated, error) {
	return nil, errBroken
}

func (brokenStore) Get(context.Context, scim.Ref, scim.Projection) (*scim.Resource, error) {
	return nil, errBroken
}

func (brokenStore) List(context.Context, scim.Query) (*scim.Page, error) { return nil, errBroken }

func (brokenStore) Update(context.Context, scim.Ref, scim.Change) (*scim.Updated, error) {
	return nil, errBroken
}

func (brokenStore) Delete(context.Context, scim.Ref, string) error { return errBroken }

func must(t *testing.T) func(*scim.ResourceType, error) *scim.ResourceType {
	return func(typ *scim.ResourceType, err error) *scim.ResourceType {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return typ
	}
}

// flatGroupType is the type of groups that have users as members only.
func flatGroupType(t *testing.T) *scim.ResourceType {
	t.Helper()
	s := scim.GroupSchema()
	s.Attribute("displayName").Uniqueness = scim.UniqueServer
	s.Attribute("members").SubAttribute("$ref").ReferenceTypes = []string{"User"}
	return must(t)(scim.NewResourceType(scim.TypeDefinition{
		Name: "Group", Endpoint: "Groups", Schema: s, Members: "members", Indexed: []string{"displayName", "externalId"},
	}))
}

// passwordType is the type of users whose passwords the hooks are told.
func passwordType(t *testing.T) *scim.ResourceType {
	t.Helper()
	def := must(t)(scim.UserType()).Definition()
	def.Schema.Attributes = append(def.Schema.Attributes, scim.PasswordAttribute())
	return must(t)(scim.NewResourceType(def))
}

// acmeSchema is an extension of an application's own.
func acmeSchema(t *testing.T) *scim.Schema {
	t.Helper()
	s, err := scim.ParseSchema([]byte(`{
		"id": "urn:ietf:params:scim:schemas:extension:Acme:2.0:User", "name": "Acme",
		"attributes": [
			{"name": "badge"},
			{"name": "level", "type": "integer"},
			{"name": "ratio", "type": "decimal"},
			{"name": "hired", "type": "dateTime"},
			{"name": "vip", "type": "boolean"},
			{"name": "tags", "multiValued": true}
		]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
