package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// Bulk over Stores with and without transactions, and its costs. What it
// answers is in testdata/wire/R279_bulk.txt and what follows it.

const bulkHead = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`

// endpoint is a Handler, and a client of it.
type endpoint struct {
	t testing.TB
	h http.Handler
}

func newEndpoint(t testing.TB, store scim.Store, o *scim.Options) endpoint {
	t.Helper()
	if o == nil {
		o = &scim.Options{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h, err := scim.NewHandler(store, scim.StaticToken("secret", scim.Principal{}), o)
	if err != nil {
		t.Fatal(err)
	}
	return endpoint{t, h}
}

func (e endpoint) do(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer secret")
	rec := httptest.NewRecorder()
	e.h.ServeHTTP(rec, r)
	return rec
}

type bulkResult struct {
	Method, BulkID, Location, Version, Status string
	Response                                  *struct{ Status, Detail string }
}

// bulk sends operations and returns their results.
func (e endpoint) bulk(operations ...string) []bulkResult {
	e.t.Helper()
	rec := e.do("POST", "/Bulk", bulkHead+strings.Join(operations, ",")+"]}")
	var answer struct{ Operations []bulkResult }
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code != 200 {
		e.t.Fatalf("POST /Bulk: got %d %s (%v)", rec.Code, rec.Body, err)
	}
	return answer.Operations
}

func bulkStatuses(results []bulkResult) (s []string) {
	for _, r := range results {
		s = append(s, r.Status)
	}
	return s
}

func (e endpoint) total(path string) int {
	e.t.Helper()
	var page struct{ TotalResults int }
	rec := e.do("GET", path, "")
	if err := json.Unmarshal(rec.Body.Bytes(), &page); err != nil || rec.Code != 200 {
		e.t.Fatalf("GET %s: got %d %s", path, rec.Code, rec.Body)
	}
	return page.TotalResults
}

func bulkUser(name string) string {
	return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"userName":%q}}`, name, name)
}

// transactions makes a store in memory a Transactor, by snapshots.
type transactions struct {
	*memstore.Store
	nests    bool
	mu       *sync.Mutex // held by the outer transaction
	failing  int         // commits of outer transactions that are to fail
	retrying int         // outer transactions that are to be tried twice
	begun    *[]int      // depths of the transactions that were begun
}

func newTransactions(nests bool) *transactions {
	return &transactions{Store: new(memstore.Store), nests: nests, mu: new(sync.Mutex), begun: new([]int)}
}

var errCommit = errors.New("the commit failed")

func (s *transactions) InTx(ctx context.Context, fn func(context.Context, scim.Store) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	inner := scim.Store(s.Store)
	if s.nests {
		inner = &nested{s.Store, s.begun, 1}
	}
	try := func() error {
		*s.begun = append(*s.begun, 0)
		return within(s.Store, func() error {
			if err := fn(ctx, inner); err != nil {
				return err
			}
			if s.retrying > 0 || s.failing > 0 {
				return errCommit
			}
			return nil
		})
	}
	err := try()
	if s.retrying > 0 {
		s.retrying--
		return try()
	}
	if err != nil && s.failing > 0 {
		s.failing--
	}
	return err
}

// nested is the Store in a transaction that can begin another.
type nested struct {
	*memstore.Store
	begun *[]int
	depth int
}

func (s *nested) InTx(ctx context.Context, fn func(context.Context, scim.Store) error) error {
	*s.begun = append(*s.begun, s.depth)
	return within(s.Store, func() error { return fn(ctx, &nested{s.Store, s.begun, s.depth + 1}) })
}

// within undoes what fn did if it fails or panics.
func within(s *memstore.Store, fn func() error) (err error) {
	var was bytes.Buffer
	if err := s.Snapshot(&was); err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			err = errors.Join(err, s.Restore(&was))
		}
	}()
	err = fn()
	done = err == nil
	return err
}

// stagingHooks refuse some users after they were stored, and count the others.
type stagingHooks struct {
	scim.NoHooks
	staged []string
}

func (h *stagingHooks) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	name := e.User().UserName
	if strings.HasPrefix(name, "bad") {
		return scim.Errorf(scim.ErrForbidden, "no user may be called %s", name)
	}
	h.staged = append(h.staged, name)
	return nil
}

func TestBulkInTransactions(t *testing.T) {
	operations := []string{
		bulkUser("a"), bulkUser("bad"), bulkUser("A"), bulkUser("b"),
		`{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[{"value":"bulkId:b"},{"value":"bulkId:c"}]}}`, bulkUser("c"),
	}
	want := []string{"201", "403", "409", "201", "201", "201"}
	for _, c := range []struct {
		name   string
		store  *transactions
		staged []string
		begun  []int // their depths
	}{
		{"that nest", newTransactions(true), []string{"a", "b", "c"}, []int{0, 1, 1, 1, 1, 1, 1}},
		{"that do not: each operation has its own", newTransactions(false), []string{"a", "b", "c"}, []int{0, 0, 0, 0, 0, 0, 0}},
		{
			"that are tried twice", func() *transactions { s := newTransactions(true); s.retrying = 1; return s }(),
			[]string{"a", "b", "c", "a", "b", "c"},
			[]int{0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1},
		},
		{
			"of which the first cannot be committed: then each operation has its own", func() *transactions { s := newTransactions(true); s.failing = 1; return s }(),
			[]string{"a", "b", "c", "a", "b", "c"},
			[]int{0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			hooks := new(stagingHooks)
			e := newEndpoint(t, c.store, &scim.Options{Hooks: hooks})
			results := e.bulk(operations...)
			if got := bulkStatuses(results); !slices.Equal(got, want) {
				t.Errorf("statuses: got %v, want %v", got, want)
			}
			if !slices.Equal(hooks.staged, c.staged) {
				t.Errorf("the hooks were told of %v, want %v", hooks.staged, c.staged)
			}
			if !slices.Equal(*c.store.begun, c.begun) {
				t.Errorf("depths of the transactions: got %v, want %v", *c.store.begun, c.begun)
			}
			if got := e.total("/Users?count=0"); got != 3 {
				t.Errorf("got %d users, want 3: what was refused is undone, and nothing else", got)
			}
			for _, r := range results {
				if r.Location == "" {
					continue
				}
				if rec := e.do("GET", strings.TrimPrefix(r.Location, "http://example.com"), ""); rec.Code != 200 {
					t.Errorf("GET %s: got %d; the result is of an operation that was undone", r.Location, rec.Code)
				}
			}
		})
	}
}

// A Store that can commit nothing fails every operation, and the answer says so.
func TestBulkWithoutCommit(t *testing.T) {
	store := newTransactions(true)
	store.failing = 1000
	e := newEndpoint(t, store, &scim.Options{Hooks: new(stagingHooks)})
	if got, want := bulkStatuses(e.bulk(bulkUser("a"), bulkUser("b"))), []string{"500", "500"}; !slices.Equal(got, want) {
		t.Errorf("statuses: got %v, want %v", got, want)
	}
	if got := e.total("/Users?count=0"); got != 0 {
		t.Errorf("got %d users, want none", got)
	}
}

// A long job is several transactions, and failOnErrors counts through them.
func TestBulkInRuns(t *testing.T) {
	store := newTransactions(true)
	e := newEndpoint(t, store, nil)
	job := func(name string) (operations []string) {
		for i := range 450 {
			operations = append(operations, bulkUser(name+strconv.Itoa(i)))
		}
		operations[300] = `{"method":"DELETE","path":"/Users/nobody"}`
		operations[100] = operations[300]
		return operations
	}
	if got := bulkStatuses(e.bulk(job("u")...)); len(got) != 450 || got[100] != "404" || got[300] != "404" || got[449] != "201" {
		t.Errorf("got %d results, and %v", len(got), got)
	}
	if want := []int{0, 0, 0}; !slices.Equal(*store.begun, want) {
		t.Errorf("depths of the transactions: got %v, want %v", *store.begun, want)
	}
	rec := e.do("POST", "/Bulk", strings.Replace(bulkHead, `"Op`, `"failOnErrors":2,"Op`, 1)+strings.Join(job("v"), ",")+"]}")
	if got := strings.Count(rec.Body.String(), `"method"`); got != 301 {
		t.Errorf("failOnErrors 2: got %d results, want 301: the second error is of operation 301", got)
	}
	if got := e.total("/Users?count=0"); got != 448+299 {
		t.Errorf("got %d users, want %d", got, 448+299)
	}
}

// A client that goes ends the job between two operations, and what is done is
// done: without transactions at that operation, with them at the last commit.
func TestBulkOfClientThatGoes(t *testing.T) {
	for _, c := range []struct {
		name  string
		store scim.Store
		want  int
	}{{"without transactions", new(memstore.Store), 3}, {"with transactions", newTransactions(true), 0}} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			hooks := &leavingHooks{leave: cancel, at: 3}
			e := newEndpoint(t, c.store, &scim.Options{Hooks: hooks})
			var operations []string
			for i := range 10 {
				operations = append(operations, bulkUser("u"+strconv.Itoa(i)))
			}
			r := httptest.NewRequest("POST", "/Bulk", strings.NewReader(bulkHead+strings.Join(operations, ",")+"]}")).WithContext(ctx)
			r.Header.Set("Authorization", "Bearer secret")
			rec := httptest.NewRecorder()
			e.h.ServeHTTP(rec, r)
			if rec.Code == 200 {
				t.Errorf("got 200, with %s", rec.Body)
			}
			if got := e.total("/Users?count=0"); got != c.want {
				t.Errorf("got %d users, want %d", got, c.want)
			}
		})
	}
}

type leavingHooks struct {
	scim.NoHooks
	leave func()
	at, n int
}

func (h *leavingHooks) OnUserStaged(context.Context, scim.UserEvent) error {
	if h.n++; h.n == h.at {
		h.leave()
	}
	return nil
}

// frail is a Store, and hooks, that panic over some users.
type frail struct {
	scim.Store
	scim.NoHooks
	stored bool // Create panics after it has stored the user
}

func (p *frail) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	up, err := p.Store.Create(ctx, ref, c)
	if p.stored && err == nil && strings.Contains(up.Resource.Document.String(), "odd") {
		panic("boom in the Store")
	}
	return up, err
}

func (p *frail) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	if e.User().UserName == "odd" {
		panic("boom in a hook")
	}
	return nil
}

func (p *frail) Admit(_ context.Context, e scim.Event) error {
	if e.After != nil && e.After.User().UserName == "even" {
		panic(scim.Errorf(scim.ErrNotFound, "boom in Admit"))
	}
	return nil
}

// frailTransactions is one with transactions.
type frailTransactions struct {
	frail
	tx scim.Transactor
}

func (p *frailTransactions) InTx(ctx context.Context, fn func(context.Context, scim.Store) error) error {
	return p.tx.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
		inner := frail{Store: tx, stored: p.stored}
		if t, ok := tx.(scim.Transactor); ok {
			return fn(ctx, &frailTransactions{inner, t})
		}
		return fn(ctx, &inner)
	})
}

// A panic fails the one operation, and the others stand.
func TestBulkOfPanics(t *testing.T) {
	operations := []string{
		bulkUser("a"), bulkUser("odd"), bulkUser("b"), bulkUser("even"),
		`{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[{"value":"bulkId:a"},{"value":"bulkId:b"}]}}`,
		`{"method":"DELETE","path":"/Users/bulkId:odd"}`,
	}
	hooked := []string{"201", "500", "201", "500", "201", "400"}
	for _, c := range []struct {
		name  string
		hooks bool // that panic; otherwise the Store does
		nests bool
		tx    bool
		want  []string
		total int
	}{
		{"a hook in a transaction in another", true, true, true, hooked, 2},
		{"a hook in a transaction", true, false, true, hooked, 2},
		{"a hook after the write: it stands", true, false, false, []string{"201", "201", "201", "500", "201", "204"}, 2},
		{"the Store in a transaction of all, which is undone", false, true, true, []string{"201", "500", "201", "201", "201", "400"}, 4},
		{"the Store without one, where nobody can undo it", false, false, false, []string{"201", "500", "201", "201", "201", "400"}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			o := &scim.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
			if c.hooks {
				o.Hooks = new(frail)
			}
			var store scim.Store = &frail{Store: new(memstore.Store), stored: !c.hooks}
			if c.tx {
				s := newTransactions(c.nests)
				store = &frailTransactions{frail{Store: s, stored: !c.hooks}, s}
			}
			e := newEndpoint(t, store, o)
			results := e.bulk(operations...)
			if got := bulkStatuses(results); !slices.Equal(got, c.want) {
				t.Errorf("statuses: got %v, want %v", got, c.want)
			}
			for _, r := range results {
				if r.Response != nil && strings.Contains(r.Response.Detail, "boom") {
					t.Errorf("the client is told %q", r.Response.Detail)
				}
			}
			if got := log.String(); !strings.Contains(got, "boom") || !strings.Contains(got, "goroutine") {
				t.Errorf("the log has not the panic and its stack: %s", got)
			}
			if got := e.total("/Users?count=0"); got != c.total {
				t.Errorf("got %d users, want %d", got, c.total)
			}
			if got := e.total("/Groups?count=0"); got != 1 {
				t.Errorf("got %d groups, want 1: it is of an operation that was done", got)
			}
		})
	}
}

// A circle of which one cannot be is undone as a whole, whatever the Store is
// and whatever fails in undoing it.
func TestBulkCircleUndone(t *testing.T) {
	manager := func(name, of string) string {
		return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"userName":%[1]q,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:%s"}}}}`, name, of)
	}
	operations := []string{manager("a", "taken"), manager("taken", "b"), manager("b", "a"), bulkUser("c")}
	for _, c := range []struct {
		name  string
		store scim.Store
		want  []string
		total int
	}{
		{"without transactions", new(memstore.Store), []string{"409", "409", "409", "201"}, 2},
		{"with transactions", newTransactions(false), []string{"409", "409", "409", "201"}, 2},
		{"with transactions that nest", newTransactions(true), []string{"409", "409", "409", "201"}, 2},
		{"of which none can be undone", undeletable{new(memstore.Store)}, []string{"409", "409", "500", "201"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEndpoint(t, c.store, nil)
			e.do("POST", "/Users", `{"userName":"taken"}`)
			results := e.bulk(operations...)
			if got := bulkStatuses(results); !slices.Equal(got, c.want) {
				t.Errorf("statuses: got %v, want %v", got, c.want)
			}
			if got := e.total("/Users?count=0"); got != c.total {
				t.Errorf("got %d users, want %d", got, c.total)
			}
		})
	}
}

// undeletable is a Store that deletes nothing.
type undeletable struct{ *memstore.Store }

func (undeletable) Delete(context.Context, scim.Ref, string) error { return errCommit }

// An operation that failed counts once, also if it could not be undone: the
// group is a member of itself, and what is on it comes after it.
func TestBulkCountsErrorsOnce(t *testing.T) {
	e := newEndpoint(t, undeletable{new(memstore.Store)}, nil)
	rec := e.do("POST", "/Bulk", strings.Replace(bulkHead, `"Op`, `"failOnErrors":2,"Op`, 1)+
		`{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[{"value":"bulkId:g"}]}},{"method":"DELETE","path":"/Groups/bulkId:g"},`+bulkUser("a")+"]}")
	var answer struct{ Operations []bulkResult }
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if got, want := bulkStatuses(answer.Operations), []string{"500", "400", "201"}; !slices.Equal(got, want) {
		t.Errorf("statuses: got %v, want %v", got, want)
	}
}

// Operations that each look at all members of a group share what one request
// may cost.
func TestBulkWorkIsShared(t *testing.T) {
	const members, operations = 5000, 1000
	e := newEndpoint(t, new(memstore.Store), &scim.Options{MaxBulk: members + 1, MaxBody: 16 << 20})
	var create []string
	var list strings.Builder
	for i := range members {
		create = append(create, bulkUser("u"+strconv.Itoa(i)))
		fmt.Fprintf(&list, `,{"value":"bulkId:u%d"}`, i)
	}
	group := e.bulk(append(create, `{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[`+list.String()[1:]+`]}}`)...)[members]
	id := group.Location[strings.LastIndexByte(group.Location, '/'):]
	remove := `{"method":"PATCH","path":"/Groups` + id + `","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value co \"zzz\"]"}]}}`
	got := bulkStatuses(e.bulk(append(slices.Repeat([]string{remove}, operations), bulkUser("last"))...))
	if got[0] != "204" || got[operations-1] != "413" || got[operations] != "201" {
		t.Errorf("the first, the last of these, and what costs little: got %s, %s and %s, want 204, 413 and 201", got[0], got[operations-1], got[operations])
	}
	if n := slices.Index(got, "413"); n > 300 {
		t.Errorf("%d operations looked at %d members each", n, members)
	}
	if got := bulkStatuses(e.bulk(remove))[0]; got != "204" {
		t.Errorf("the next request: got %s, want 204", got)
	}
}

// A path is sent back no longer than it may be.
func TestBulkOfLongPaths(t *testing.T) {
	e := newEndpoint(t, new(memstore.Store), nil)
	for _, path := range []string{"/Users/" + strings.Repeat(`é`, 1<<20), "/Users/bulkId:" + strings.Repeat("%", 3<<20), strings.Repeat("x", 8<<10+1)} {
		rec := e.do("POST", "/Bulk", bulkHead+`{"method":"DELETE","path":"`+path+`"}]}`)
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"status":"400"`) || rec.Body.Len() > 1000 {
			t.Errorf("a path of %d bytes: got %d and %d bytes", len(path), rec.Code, rec.Body.Len())
		}
	}
	if got := bulkStatuses(e.bulk(`{"method":"DELETE","path":"/Users/` + strings.Repeat("x", 8000) + `"}`)); got[0] != "404" {
		t.Errorf("a path of 8006 bytes: got %s, want 404", got[0])
	}
}

// Forward references are followed as deep as they go, and circles as wide.
func TestBulkChains(t *testing.T) {
	const n = 20_000
	manager := func(i int, ref string) string {
		return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"u%d","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:%s"}}}}`, i, i, ref)
	}
	for _, c := range []struct {
		name, last, want string
	}{
		{"a chain", bulkUser(strconv.Itoa(n - 1)), "201"},
		{"a circle", manager(n-1, "0"), "201"},
		{"a chain that ends nowhere", manager(n-1, "nobody"), "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEndpoint(t, new(memstore.Store), &scim.Options{MaxBulk: n, MaxBody: 64 << 20})
			var operations []string
			for i := range n - 1 {
				operations = append(operations, manager(i, strconv.Itoa(i+1)))
			}
			for i, r := range e.bulk(append(operations, c.last)...) {
				if r.Status != c.want {
					t.Fatalf("operation %d: got %+v, want status %s", i, r, c.want)
				}
			}
		})
	}
}

// hostile are bodies of some megabytes on which a careless server works for
// minutes; what they are answered matters less.
func hostileBulks() map[string]string {
	const size = 3 << 20
	users := func(data string) string {
		return bulkHead + `{"method":"POST","path":"/Users","bulkId":"1","data":` + data + `}]}`
	}
	var refs, all strings.Builder
	for i := 0; refs.Len() < size; i++ {
		fmt.Fprintf(&refs, `{"value":"bulkId:%d"},`, i)
	}
	for i := range 400 {
		fmt.Fprintf(&all, `{"method":"POST","path":"/Groups","bulkId":"%d","data":{"displayName":"g%[1]d","members":[{"value":"bulkId:%d"}`, i, (i+1)%400)
		for j := 2; j < 400; j++ {
			fmt.Fprintf(&all, `,{"value":"bulkId:%d"}`, (i+j)%400)
		}
		all.WriteString("]}},")
	}
	return map[string]string{
		"many references to nobody":  bulkHead + `{"method":"POST","path":"/Groups","bulkId":"1","data":{"displayName":"g","members":[` + strings.TrimSuffix(refs.String(), ",") + `]}}]}`,
		"all groups are in all":      bulkHead + strings.TrimSuffix(all.String(), ",") + "]}",
		"bulkId: again and again":    users(`{"userName":"` + strings.Repeat("bulkId:", size/7) + `"}`),
		"the same without a start":   users(`{"userName":"x` + strings.Repeat("bulkId:", size/7) + `"}`),
		"quotes in a path":           bulkHead + `{"method":"PATCH","path":"/Users/1","data":{"Operations":[{"op":"add","value":1,"path":"` + strings.Repeat(`\"bulkId:`, size/9) + `"}]}}]}`,
		"backslashes":                users(`{"userName":"` + strings.Repeat(`\\`, size/2) + `","displayName":"bulkId:1"}`),
		"a long path":                bulkHead + `{"method":"DELETE","path":"` + strings.Repeat("/bulkId:", size/8) + `"}]}`,
		"one operation of many keys": bulkHead + `{` + strings.TrimSuffix(numbered(`"k%d":1,`, size), ",") + `}]}`,
		"data of many keys":          users("{" + strings.TrimSuffix(numbered(`"k%d":"bulkId:%[1]d",`, size), ",") + "}"),
		"deep data":                  users(strings.Repeat(`{"a":[`, 14) + `"bulkId:1"` + strings.Repeat("]}", 14)),
		"too deep data":              users(strings.Repeat(`{"a":[`, size/12) + strings.Repeat("]}", size/12)),
		"bytes that open":            bulkHead + strings.Repeat("[", size),
	}
}

// numbered repeats a format with numbers until it has a size.
func numbered(format string, size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestHostileBulk(t *testing.T) {
	for name, body := range hostileBulks() {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, new(memstore.Store), &scim.Options{MaxBulk: 1000})
			start := time.Now()
			rec := e.do("POST", "/Bulk", body)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%d bytes took %v", len(body), took)
			}
			if rec.Code >= 500 || strings.Contains(rec.Body.String(), `"status":"5`) {
				t.Errorf("got %d %s", rec.Code, clipped(rec.Body.String()))
			}
		})
	}
}

func TestHostileSearch(t *testing.T) {
	const size = 3 << 20
	for name, members := range map[string]string{
		"many attributes":           `"attributes":[` + strings.TrimSuffix(numbered(`"a%d",`, size), ",") + `]`,
		"one attribute many times":  `"excludedAttributes":["id"` + strings.Repeat(`,"name.givenName"`, size/17) + `]`,
		"an attribute of commas":    `"attributes":["` + strings.Repeat(",", size) + `"]`,
		"a long sortBy":             `"sortBy":"` + strings.Repeat("a.", size/2) + `"`,
		"a long filter":             `"filter":"` + strings.Repeat("(", size) + `"`,
		"many conditions":           `"filter":"title pr` + strings.Repeat(" or title pr", 600) + `"`,
		"brackets nobody knows":     `"filter":"` + strings.Repeat("a[b pr] or ", 600) + `title pr"`,
		"a long cursor":             `"cursor":"` + strings.Repeat("A", size) + `"`,
		"many members":              strings.TrimSuffix(numbered(`"k%d":1,`, size), ","),
		"a number of a million":     `"count":` + strings.Repeat("9", 1<<20),
		"deep, and nobody knows it": `"x":` + strings.Repeat("[", size),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, new(memstore.Store), nil)
			e.do("POST", "/Users", `{"userName":"ann"}`)
			for _, path := range []string{"/.search", "/Users/.search"} {
				start := time.Now()
				rec := e.do("POST", path, "{"+members+"}")
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("%s took %v", path, took)
				}
				if rec.Code >= 500 || rec.Body.Len() > 4096 {
					t.Errorf("%s: got %d, %d bytes: %s", path, rec.Code, rec.Body.Len(), clipped(rec.Body.String()))
				}
			}
		})
	}
}

// A thousand operations cost ten times what a hundred do.
func TestBulkIsLinear(t *testing.T) {
	perOperation := func(n int) float64 {
		var body strings.Builder
		body.WriteString(bulkHead)
		for i := range n {
			if i > 0 {
				body.WriteByte(',')
			}
			body.WriteString(bulkUser("u" + strconv.Itoa(i)))
		}
		body.WriteString("]}")
		return testing.AllocsPerRun(5, func() {
			e := newEndpoint(t, new(memstore.Store), nil)
			if rec := e.do("POST", "/Bulk", body.String()); rec.Code != 200 || strings.Count(rec.Body.String(), `"status":"201"`) != n {
				t.Fatalf("got %d %s", rec.Code, clipped(rec.Body.String()))
			}
		}) / float64(n)
	}
	perOperation(10) // pools fill
	none := testing.AllocsPerRun(5, func() { newEndpoint(t, new(memstore.Store), nil) })
	few, many := perOperation(100)-none/100, perOperation(1000)-none/1000
	t.Logf("allocations of an operation: %.1f of 100, %.1f of 1000", few, many)
	if many > 1.1*few+1 {
		t.Errorf("an operation allocates %.1f times among 1000, and %.1f times among 100", many, few)
	}
}

// A thousand users in one request, and in a thousand, on one Store each.
func BenchmarkBulkCreates(b *testing.B) {
	const n = 1000
	var whole strings.Builder
	single := make([]string, n)
	for i := range n {
		single[i] = fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%d@contoso.com","externalId":"e%d","name":{"givenName":"Ann","familyName":"Lee %d"},"active":true,"emails":[{"type":"work","primary":true,"value":"user%d@contoso.com"}]}`, i, i, i, i)
		fmt.Fprintf(&whole, `,{"method":"POST","path":"/Users","bulkId":"%d","data":%s}`, i, single[i])
	}
	body := bulkHead + whole.String()[1:] + "]}"
	send := func(b *testing.B, e endpoint, path, body string, want int) {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer secret")
		w := &discarded{header: http.Header{}}
		if e.h.ServeHTTP(w, r); w.status != want {
			b.Fatalf("POST %s: got %d", path, w.status)
		}
	}
	perCreate := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/create") }
	b.Run("one request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			send(b, newEndpoint(b, new(memstore.Store), nil), "/Bulk", body, 200)
		}
		perCreate(b)
	})
	b.Run("a thousand requests", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e := newEndpoint(b, new(memstore.Store), nil)
			for _, body := range single {
				send(b, e, "/Users", body, 201)
			}
		}
		perCreate(b)
	})
}

type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(b []byte) (int, error) { return io.Discard.Write(b) }

// Whatever the body, a bulk request is answered and never with a fault of the
// server; each result has a status, an error body exactly if it failed, and no
// resource that is not there.
func FuzzBulk(f *testing.F) {
	for _, name := range []string{"R279_bulk", "R281_bulk_operations_that_are_none", "R280_bulk_requests_that_are_none", "R282_bulk_ids", "R292_bulk_fail_on_errors", "R293_bulk_references", "R293b_bulk_references_that_lead_nowhere", "R293c_bulk_texts", "R295_bulk_order", "R296_bulk_circles"} {
		src, err := readSteps("testdata/wire/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		for _, body := range src {
			f.Add(body, false)
		}
	}
	f.Add(bulkHead+`{"method":"POST","path":"/Users","bulkId":"x/bulkId:y","data":{}},{"method":"DELETE","path":"/bulkId:x/bulkId:y"}]}`, true)
	f.Fuzz(func(t *testing.T, body string, strict bool) {
		e := newEndpoint(t, wireStore(), &scim.Options{Strict: strict, Hooks: new(recordingHooks), MaxBulk: 50})
		e.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"one"}`)
		rec := e.do("POST", "/Bulk", body)
		if rec.Code >= 500 {
			t.Fatalf("got %d %s", rec.Code, rec.Body)
		}
		var answer struct{ Operations []bulkResult }
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
			t.Fatalf("the answer is no JSON: %v: %s", err, rec.Body)
		}
		for i, r := range answer.Operations {
			status, err := strconv.Atoi(r.Status)
			switch {
			case err != nil || status < 200 || status >= 500:
				t.Errorf("result %d: status %q", i, r.Status)
			case (status >= 300) != (r.Response != nil), r.Response != nil && (r.Response.Status != r.Status || r.Response.Detail == ""):
				t.Errorf("result %d: %+v", i, r)
			case status == 201 && r.Location == "", r.Method == "POST" && status > 300 && r.Location != "":
				t.Errorf("result %d: location %q with status %d", i, r.Location, status)
			}
		}
	})
}

// readSteps returns the bodies of a wire case.
func readSteps(name string) (bodies []string, err error) {
	t := new(testing.T)
	for _, s := range readWireCase(t, name).steps {
		bodies = append(bodies, s.body)
	}
	if t.Failed() {
		err = fmt.Errorf("%s cannot be read", name)
	}
	return bodies, err
}

// Whatever the body, a search is answered, the same a second time, and never
// with more than it may have.
func FuzzSearchRequest(f *testing.F) {
	for _, name := range []string{"R199_search", "R200_searches_that_are_none", "R202_root", "R189_cursors_and_order"} {
		bodies, err := readSteps("testdata/wire/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		for _, body := range bodies {
			f.Add(body, false)
		}
	}
	for _, by := range []string{"displayName", "meta.created", "userName", "emails", "name.familyName"} {
		f.Add(`{"cursor":"","count":1,"sortBy":"`+by+`"}`, true)
	}
	for _, filter := range []string{`x[\\`, `nope[a eq \"b\"].c pr or userName pr`, `not (nope ne null)`} {
		f.Add(`{"filter":"`+filter+`"}`, false)
	}
	tolerant, strict := newEndpoint(f, wireStore(), nil), newEndpoint(f, wireStore(), &scim.Options{Strict: true})
	for _, e := range []endpoint{tolerant, strict} {
		e.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"one","displayName":"B"}`)
		e.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"two","emails":[{"value":"a@b","type":"work"}]}`)
		e.do("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"a"}`)
	}
	f.Fuzz(func(t *testing.T, body string, held bool) {
		e := tolerant
		if held {
			e = strict
		}
		e.t = t
		for _, path := range []string{"/.search", "/Users/.search", "/Groups/.search"} {
			rec := e.do("POST", path, body)
			var page struct {
				TotalResults, ItemsPerPage int
				Resources                  []any
				NextCursor                 string
			}
			if err := json.Unmarshal(rec.Body.Bytes(), &page); err != nil || rec.Code != 200 && (rec.Code < 400 || rec.Code >= 500) {
				t.Fatalf("%s: got %d %s", path, rec.Code, rec.Body)
			}
			if len(page.Resources) > 3 || page.TotalResults > 3 || page.ItemsPerPage != len(page.Resources) {
				t.Errorf("%s: got %s", path, rec.Body)
			}
			if again := e.do("POST", path, body); again.Body.String() != rec.Body.String() {
				t.Errorf("%s: got %s and then %s", path, rec.Body, again.Body)
			}
		}
	})
}
