package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// Bulk over Stores with and without transactions.

// transactions are those of a store in memory, which nest or do not, and of which
// some fail.
type transactions struct {
	*memstore.Store
	nests    bool
	failing  int    // commits of outer transactions that are to fail
	retrying int    // outer transactions that are to be tried twice
	begun    *[]int // depths of the transactions that were begun
	running  bool   // an outer transaction runs
}

func newTransactions(nests bool) *transactions {
	return &transactions{Store: new(memstore.Store), nests: nests, begun: new([]int)}
}

var errCommit = errors.New("the commit failed")

func (s *transactions) InTx(ctx context.Context, fn func(context.Context, scim.Store) error) error {
	try := func() error {
		*s.begun = append(*s.begun, 0)
		s.running = true
		defer func() { s.running = false }()
		return s.Store.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
			inner := scim.Store(callByCall{tx})
			if s.nests {
				inner = &nested{tx.(scim.Transactor), s.begun, 1}
			}
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
	scim.Transactor
	begun *[]int
	depth int
}

func (s *nested) InTx(ctx context.Context, fn func(context.Context, scim.Store) error) error {
	*s.begun = append(*s.begun, s.depth)
	return s.Transactor.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
		return fn(ctx, &nested{tx.(scim.Transactor), s.begun, s.depth + 1})
	})
}

// callByCall is no Transactor, whatever the Store in it is.
type callByCall struct{ scim.Store }

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
	}{{"without transactions", callByCall{new(memstore.Store)}, 3}, {"with transactions", newTransactions(true), 0}} {
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
		{"without transactions", callByCall{new(memstore.Store)}, []string{"409", "409", "409", "201"}, 2},
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
type undeletable struct{ scim.Store }

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
