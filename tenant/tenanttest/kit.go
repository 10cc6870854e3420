package tenanttest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/usherkit/scim/tenant"
)

// A kit is what a clause works with. Its methods end the clause if the store does
// not do what every clause takes for granted.
type kit struct {
	t     reporter
	ctx   context.Context
	store tenant.Store
	says  string

	made int // how many ids
}

// noon is when most things happen here.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// The tenants of the checks: names that only a careless store confuses.
const (
	acme  = "acme"
	other = "ACME"
)

// fail reports what was done and what came of it.
func (k *kit) fail(what string, got, want any) {
	k.t.Helper()
	k.t.Errorf("%s\n   got:      %s\n   want:     %s\n   contract: %s", what, show(got), show(want), k.says)
}

func show(v any) string {
	if v == nil {
		return "no error"
	}
	if err, ok := v.(error); ok {
		return "error: " + err.Error()
	}
	return fmt.Sprintf("%+v", v)
}

// equal checks a value, to the last bit; an empty list may be nil.
func (k *kit) equal(what string, got, want any) {
	k.t.Helper()
	if g, w := reflect.ValueOf(got), reflect.ValueOf(want); g.Kind() == reflect.Slice && g.Len() == 0 && w.Len() == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		k.fail(what, got, want)
	}
}

// refused checks that err is of the kind.
func (k *kit) refused(what string, err, kind error) {
	k.t.Helper()
	if !errors.Is(err, kind) {
		k.fail(what, err, kind)
	}
}

// done checks that there is no error, and else ends the clause.
func (k *kit) done(what string, err error) {
	k.t.Helper()
	if err != nil {
		k.fail(what, err, nil)
		k.t.FailNow()
	}
}

// newID returns an id like those of a Registry: in the order of creation.
func (k *kit) newID() string {
	k.made++
	return fmt.Sprintf("01958000-0000-7000-8000-%012d", k.made)
}

// add stores a plain connection.
func (k *kit) add(of string) tenant.Ref {
	k.t.Helper()
	c := tenant.Connection{Tenant: of, ID: k.newID(), Name: "Entra ID", Created: noon, Version: 1}
	k.done("Add", k.store.Add(k.ctx, c))
	return c.Ref()
}

func (k *kit) connection(ref tenant.Ref) tenant.Connection {
	k.t.Helper()
	c, err := k.store.Connection(k.ctx, ref)
	k.done(fmt.Sprintf("Connection(%+v)", ref), err)
	return c
}

// issue stores a token that ends at a time, or never, and returns it.
func (k *kit) issue(ref tenant.Ref, ends time.Time) tenant.Token {
	k.t.Helper()
	k.made++
	t := tenant.Token{
		ID: fmt.Sprintf("token%07d", k.made), Connection: ref, Hash: []byte{0, 255, byte(k.made), '\''},
		Label: "first", CreatedBy: "ada", Created: after(k.made), Ends: ends,
	}
	k.done("Replace", k.store.Replace(k.ctx, ref, time.Time{}, &t))
	return t
}

func (k *kit) token(id string, at time.Time) (t tenant.Token, live bool) {
	k.t.Helper()
	t, _, live, err := k.store.Token(k.ctx, id, at)
	k.done("Token("+id+")", err)
	return t, live
}

func (k *kit) tokens(ref tenant.Ref) []tenant.Token {
	k.t.Helper()
	list, err := k.store.Tokens(k.ctx, ref)
	k.done(fmt.Sprintf("Tokens(%+v)", ref), err)
	return list
}

// record stores a record of a request about a resource that was answered.
func (k *kit) record(ref tenant.Ref, status int, resource string) tenant.Record {
	k.t.Helper()
	r := tenant.Record{ID: k.newID(), Connection: ref, Method: "PATCH", Status: status, ResourceID: resource}
	r.At = after(k.made)
	k.done("Append", k.store.Append(k.ctx, []tenant.Record{r}))
	return r
}

// found returns the IDs of the records of a query.
func (k *kit) found(q tenant.Query) (ids []string) {
	k.t.Helper()
	list, err := k.store.Records(k.ctx, q)
	k.done(fmt.Sprintf("Records(%+v)", q), err)
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	return ids
}

// spent returns what is counted under a name in the minute before the last.
func (k *kit) spent(ref tenant.Ref, name string) int {
	k.t.Helper()
	n, err := k.store.Spend(k.ctx, ref, name, 0, after(0), after(-60))
	k.done("Spend of 0", err)
	return n
}

func (k *kit) spend(ref tenant.Ref, name string, n int, at, since time.Time) int {
	k.t.Helper()
	sum, err := k.store.Spend(k.ctx, ref, name, n, at, since)
	k.done("Spend", err)
	return sum
}

// everybody is for page in place of a tenant.
const everybody = "/"

func (k *kit) page(of string, after tenant.Ref, limit int) ([]tenant.Connection, error) {
	if of == everybody {
		return k.store.AllConnections(k.ctx, after, limit)
	}
	return k.store.Connections(k.ctx, of, after, limit)
}

// state describes all that there is, a line each.
func (k *kit) state() string {
	k.t.Helper()
	var text strings.Builder
	list, err := k.store.AllConnections(k.ctx, tenant.Ref{}, 1000)
	k.done("Connections", err)
	for _, c := range list {
		fmt.Fprintf(&text, "%+v\n", c)
		for _, t := range k.tokens(c.Ref()) {
			fmt.Fprintf(&text, "\t%+v\n", t)
		}
		fmt.Fprintf(&text, "\tspent %d\n", k.spent(c.Ref(), "users"))
	}
	all, err := k.store.Records(k.ctx, tenant.Query{AllTenants: true, Limit: 10_000})
	k.done("Records", err)
	for _, r := range all {
		fmt.Fprintf(&text, "%+v\n", r)
	}
	return text.String()
}

// full is a store with a bit of everything, of two tenants.
func (k *kit) full() (ours, theirs tenant.Ref, token tenant.Token) {
	k.t.Helper()
	ours, theirs = k.add(acme), k.add(other)
	for _, ref := range []tenant.Ref{ours, theirs} {
		token = k.issue(ref, time.Time{})
		k.record(ref, 200, "u-1")
		k.spend(ref, "users", 3, noon, after(-60))
	}
	return ours, theirs, token
}

// calls are all methods that are asked about one connection, and a token of it.
func (k *kit) calls(ref tenant.Ref, tokenID string) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Connection": func(ctx context.Context) error { _, err := k.store.Connection(ctx, ref); return err },
		"Change": func(ctx context.Context) error {
			return k.store.Change(ctx, tenant.Connection{Tenant: ref.Tenant, ID: ref.ID, Name: "changed", Version: 2})
		},
		"Delete": func(ctx context.Context) error { return k.store.Delete(ctx, ref) },
		"Replace": func(ctx context.Context) error {
			return k.store.Replace(ctx, ref, after(1), &tenant.Token{ID: "new-token", Connection: ref, Hash: []byte("hash"), Created: noon})
		},
		"Replace with none": func(ctx context.Context) error { return k.store.Replace(ctx, ref, after(1), nil) },
		"Revoke": func(ctx context.Context) error {
			return k.store.Revoke(ctx, ref, tenant.Revocation{At: after(1), TokenID: tokenID})
		},
		"Revoke of all": func(ctx context.Context) error {
			return k.store.Revoke(ctx, ref, tenant.Revocation{At: after(1), Off: true})
		},
		"Tokens":  func(ctx context.Context) error { _, err := k.store.Tokens(ctx, ref); return err },
		"Hold":    func(ctx context.Context) error { return k.store.Hold(ctx, ref, noon, "held") },
		"Approve": func(ctx context.Context) error { return k.store.Approve(ctx, ref, noon) },
		"Spend": func(ctx context.Context) error {
			_, err := k.store.Spend(ctx, ref, "users", 1, noon, after(-60))
			return err
		},
		"Spend of 0": func(ctx context.Context) error {
			_, err := k.store.Spend(ctx, ref, "users", 0, noon, after(-60))
			return err
		},
	}
}

// passing are the methods that pass over what there is not.
func (k *kit) passing(ref tenant.Ref, tokenID string) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Note": func(ctx context.Context) error {
			return k.store.Note(ctx, []tenant.Seen{{Ref: ref, TokenID: tokenID, At: after(9), LastError: "refused", LastErrorAt: after(9)}})
		},
		"Append": func(ctx context.Context) error {
			return k.store.Append(ctx, []tenant.Record{{ID: "zzz", At: noon, Connection: ref, Status: 400}})
		},
		"Trim": func(ctx context.Context) error { return k.store.Trim(ctx, ref, after(1000), 0) },
	}
}

// atOnce calls a function so many times at once.
func atOnce(n int, call func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			call(i)
		})
	}
	close(start)
	all.Wait()
}

// fill gives each field of a struct, and of what is in it, a value of its own, so
// that one that a store forgets is seen.
func fill(v any) {
	n := 0
	fillValue(reflect.ValueOf(v).Elem(), &n)
}

func fillValue(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(after(*n)))
			return
		}
		for i := range v.NumField() {
			fillValue(v.Field(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("Zoë's %%_\\\"%d\" <&>\u2028🦊", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.1)
	case reflect.Uint8:
		v.SetUint(uint64(250 + *n%10))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillValue(v.Index(i), n)
		}
	default:
		panic("tenanttest: a field of type " + v.Type().String())
	}
}
