package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/storetest"
)

// A database under test, with a Store whose clock is the test's.
type underTest struct {
	*sql.DB
	dialect sqlfilter.Dialect
	store   *sqlstore.Store
}

// databases runs a test on each kind of database.
func databases(t *testing.T, run func(t *testing.T, open func(now func() time.Time) *underTest)) {
	for _, d := range []sqlfilter.Dialect{sqlfilter.SQLite, sqlfilter.PostgreSQL} {
		t.Run(dialectName(d), func(t *testing.T) {
			run(t, func(now func() time.Time) *underTest {
				t.Helper()
				u := &underTest{dialect: d}
				if d == sqlfilter.SQLite {
					u.DB = OpenSQLite(t, SQLite(t))
				} else {
					u.DB = Open(t, DriverPGX, Postgres(t))
				}
				u.store = openStore(t, u.DB, d, &sqlstore.Options{Migrate: true, Relaxed: true, Now: now})
				return u
			})
		})
	}
}

// A population is what a random walk of writes has made of a twin.
type population struct {
	directory
	*twin
	r     random
	kinds []*kindOfResource
	there []*inhabitant
	gone  []scim.Ref
}

// An inhabitant is a resource that there is, with the attributes that it was last
// given.
type inhabitant struct {
	scim.Ref
	kind    *kindOfResource
	version string
	fields  map[string]any
	keys    []scim.Key
}

var errUndo = errors.New("a transaction that is not to be")

// The tenants of the walk, of which only a careless store confuses any two.
var tenants = []string{"acme", "ACME", "", "o'%s"}

func newPopulation(t *testing.T, u *underTest, clock *clock) *population {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("USHER_TEST_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("USHER_TEST_SEED=%d", seed)
	p := &population{r: random{rand.New(rand.NewPCG(seed, 5))}}
	p.twin, p.directory.clock = newTwin(t, u.store, clock), clock
	user, err := scim.UserType(scim.Extension{Schema: &scim.Schema{ID: "urn:example:2.0:User", Attributes: []scim.Attribute{
		{Name: "level", Type: scim.TypeInteger}, {Name: "since", Type: scim.TypeDateTime}, {Name: "badge", CaseExact: true}, {Name: "tags", MultiValued: true},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	group, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []*scim.ResourceType{user, group, deviceType(t)} {
		p.kinds = append(p.kinds, newKindOfResource(t, typ))
		// What is more than may be looked at, an index finds even so, if it is whole.
		if _, err := u.store.Reindex(t.Context(), typ); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// within returns the population as a transaction sees it.
func (p *population) within(tx *twin) *population {
	in := *p
	in.twin = tx
	in.there = nil
	for _, x := range p.there {
		copied := *x
		in.there = append(in.there, &copied)
	}
	in.gone = slices.Clone(p.gone)
	return &in
}

// step does something at random.
func (p *population) step(ctx context.Context) {
	switch n := p.r.IntN(40); {
	case len(p.there) < 40 || n < 12 && len(p.there) < 400:
		p.create(ctx)
	case n < 22:
		p.rewrite(ctx)
	case n < 32:
		p.regroup(ctx)
	case n < 36:
		p.remove(ctx)
	case n < 38:
		p.transaction(ctx, 0)
	default:
		p.miss(ctx)
	}
}

func (p *population) tenant() string { return tenants[min(p.r.IntN(8), len(tenants)-1)] }

// any returns an inhabitant, of a kind if that is not nil.
func (p *population) any(of *kindOfResource) *inhabitant {
	for range 100 {
		if x := p.there[p.r.IntN(len(p.there))]; of == nil || x.kind == of {
			return x
		}
	}
	return nil
}

// encode makes a Document; nil fields are made anew.
func (p *population) encode(k *kindOfResource, fields map[string]any) (map[string]any, scim.Document, []scim.Key) {
	p.t.Helper()
	if fields == nil {
		fields = k.document(p.r)
	}
	document, keys, err := k.Encode(fields)
	if err != nil {
		p.t.Fatalf("%s %v: %v", k.Name(), fields, err)
	}
	return fields, document, keys
}

func (p *population) create(ctx context.Context) {
	x := &inhabitant{Ref: scim.Ref{Tenant: p.tenant()}, kind: p.kinds[p.r.IntN(3)]}
	x.Type = x.kind.Name()
	c := scim.Change{}
	x.fields, c.Document, c.Keys = p.encode(x.kind, nil)
	x.keys = c.Keys
	if x.Type == "Group" && len(p.there) > 0 {
		c.Members = p.delta()
		c.Members.Reset, c.Members.Remove = false, nil
	}
	u, err := p.Create(ctx, x.Ref, c)
	if err != nil {
		return
	}
	x.Ref, x.version = u.Resource.Ref, u.Resource.Version
	p.there, p.ids = append(p.there, x), append(p.ids, x.ID)
	p.see(ctx, x)
}

// see compares a resource with its Sets.
func (p *population) see(ctx context.Context, x *inhabitant) {
	r, err := p.Get(ctx, x.Ref, scim.Projection{Members: true, Groups: p.r.IntN(2) == 0})
	if err == nil {
		x.version = r.Version
	}
}

// version returns a condition on the version, which most writes have not.
func (p *population) versionOf(x *inhabitant) string {
	switch p.r.IntN(8) {
	case 0, 1:
		return x.version // which may be out of date
	case 2:
		return p.r.pick("1", "2", "03", "x", "-1", "99999999999999999999", "é")
	}
	return ""
}

// rewrite replaces a document, at times by itself.
func (p *population) rewrite(ctx context.Context) {
	x := p.any(nil)
	fields := x.fields
	switch p.r.IntN(5) {
	case 0:
	case 1:
		fields = nil
	default:
		fields = x.kind.mutated(p.r, fields)
	}
	c := scim.Change{Version: p.versionOf(x)}
	fields, c.Document, c.Keys = p.encode(x.kind, fields)
	keys := c.Keys
	if slices.Equal(keys, x.keys) && p.r.IntN(4) > 0 {
		c.Keys = nil // as the Handler does
	}
	if x.Type == "Group" && p.r.IntN(4) == 0 {
		c.Members = p.delta()
	}
	u, err := p.Update(ctx, x.Ref, c)
	if err == nil {
		x.fields, x.keys, x.version = fields, keys, u.Resource.Version
	}
	p.see(ctx, x)
}

// delta returns a change of members of which anything may be wrong.
func (p *population) delta() (d scim.MemberDelta) {
	if p.r.IntN(6) == 0 {
		d.Reset = true
	}
	tenant := p.any(nil).Tenant
	for range p.r.IntN(6) {
		x := p.any(nil)
		if x.Tenant != tenant && p.r.IntN(20) > 0 { // of another tenant there is none
			continue
		}
		m := scim.Member{ID: x.ID}
		switch p.r.IntN(20) {
		case 0:
			m.ID = p.r.pick("", "none", "a\x00b", "\xff", m.ID+" ", p.ids[p.r.IntN(len(p.ids))])
		case 1:
			m.Type = p.r.pick("User", "Group", "user")
		case 2, 3, 4, 5:
			m.Type = x.Type
		}
		d.Add = append(d.Add, m)
	}
	for range p.r.IntN(5) {
		if id := p.ids[p.r.IntN(len(p.ids))]; !slices.ContainsFunc(d.Add, func(m scim.Member) bool { return m.ID == id }) {
			d.Remove = append(d.Remove, id)
		}
	}
	if p.r.IntN(30) == 0 {
		d.Remove = append(d.Remove, "a\x00b", "\xff")
	}
	if p.r.IntN(3) == 0 {
		d.Types = [][]string{{"User", "Group"}, {"User"}, {"User", "Group", "Device"}}[p.r.IntN(3)]
	}
	return d
}

func (p *population) regroup(ctx context.Context) {
	x := p.any(p.kinds[1])
	if x == nil {
		return
	}
	d := p.delta()
	for try := 0; try < 5 && len(d.Add) > 0 && !p.lives(d.Add[0].ID, x.Tenant); try++ {
		d = p.delta() // mostly of the group's tenant
	}
	u, err := p.Update(ctx, x.Ref, scim.Change{Version: p.versionOf(x), Members: d})
	if err == nil {
		x.version = u.Resource.Version
	}
	p.see(ctx, x)
	if len(d.Add) > 0 {
		p.see(ctx, p.find(d.Add[0].ID, x))
	}
}

func (p *population) lives(id, tenant string) bool {
	return slices.ContainsFunc(p.there, func(x *inhabitant) bool { return x.ID == id && x.Tenant == tenant })
}

func (p *population) find(id string, or *inhabitant) *inhabitant {
	for _, x := range p.there {
		if x.ID == id {
			return x
		}
	}
	return or
}

func (p *population) remove(ctx context.Context) {
	i := p.r.IntN(len(p.there))
	x := p.there[i]
	if err := p.Delete(ctx, x.Ref, p.versionOf(x)); err == nil {
		p.there = slices.Delete(p.there, i, i+1)
		p.gone = append(p.gone, x.Ref)
	}
	p.see(ctx, x)
}

// miss asks for what is not there.
func (p *population) miss(ctx context.Context) {
	ref := p.any(nil).Ref
	switch p.r.IntN(4) {
	case 0:
		ref.Tenant = p.r.pick("acme", "ACME", "", "nobody", "a\x00", "\xff")
	case 1:
		ref.Type = p.r.pick("User", "Group", "Device", "user", "Nothing", "\x00")
	case 2:
		ref.ID = p.r.pick("", "x", "\x00", "\xff", ref.ID+" ", "%")
	case 3:
		if len(p.gone) > 0 {
			ref = p.gone[p.r.IntN(len(p.gone))]
		}
	}
	if _, err := p.Get(ctx, ref, scim.Projection{Groups: true}); err == nil {
		return // it is there after all
	}
	_, document, keys := p.encode(p.kinds[0], nil)
	_, _ = p.Update(ctx, ref, scim.Change{Document: document, Keys: keys}) // both are compared
	_, _ = p.Update(ctx, ref, scim.Change{Members: scim.MemberDelta{Remove: []string{"x"}}})
	_ = p.Delete(ctx, ref, "")
}

// transaction does some things as one, and then at times undoes them.
func (p *population) transaction(ctx context.Context, depth int) {
	var in *population
	err := p.inTx(ctx, func(ctx context.Context, tx *twin) error {
		in = p.within(tx)
		for range 1 + p.r.IntN(6) {
			if n := p.r.IntN(12); n == 0 && depth < 3 {
				in.transaction(ctx, depth+1)
			} else if n < 4 {
				in.ask(ctx)
			} else if len(in.there) > 0 {
				[]func(context.Context){in.create, in.rewrite, in.regroup, in.remove}[p.r.IntN(4)](ctx)
			}
		}
		if p.r.IntN(3) == 0 {
			return errUndo
		}
		return nil
	})
	switch {
	case err == nil:
		p.there, p.gone, p.ids = in.there, in.gone, in.ids
	case !errors.Is(err, errUndo):
		p.t.Errorf("a transaction: got %v, want no error", err)
	}
}

// ask makes a random query and follows it to its end, or some way.
func (p *population) ask(ctx context.Context) {
	q := p.kinds[p.r.IntN(3)].query(p.t, p.r, &p.directory, p.tenant())
	for range 1 + p.r.IntN(8) {
		page, err := p.List(ctx, q)
		if err != nil || page.Next.IsZero() || !q.Resumes || p.t.Failed() {
			return
		}
		q.After = page.Next
	}
}

// all compares everything there is.
func (p *population) all(ctx context.Context) {
	for _, tenant := range tenants {
		for _, k := range p.kinds {
			_, _ = p.List(ctx, scim.Query{Tenant: tenant, Type: k.Name(), Limit: 10000, Projection: scim.Projection{Members: true, Groups: true}})
		}
	}
}

// A long random walk of writes leaves the Store in the state of the model after
// each step: versions, times, Keys, members both ways, and what was refused.
func TestModel(t *testing.T) {
	databases(t, func(t *testing.T, open func(now func() time.Time) *underTest) {
		clock := newClock()
		u := open(clock.now)
		p := newPopulation(t, u, clock)
		for i := range rounds(2500) {
			p.step(t.Context())
			if i%250 == 0 {
				p.all(t.Context())
				consistent(t, u)
			}
			if t.Failed() {
				t.Fatalf("at step %d", i)
			}
		}
		p.all(t.Context())
		consistent(t, u)
		t.Logf("%d resources, %d deleted", len(p.there), len(p.gone))
	})
}

// consistent checks what the tables say of each other.
func consistent(t *testing.T, u *underTest) {
	t.Helper()
	each := "json_each(r.keys) k"
	part := func(i string) string { return "json_extract(k.value, '$[" + i + "]')" }
	shown := "CASE json_type(document, '$.displayName') WHEN 'text' THEN json_extract(document, '$.displayName') END"
	if u.dialect == sqlfilter.PostgreSQL {
		each = "jsonb_array_elements(r.keys::jsonb) k"
		part = func(i string) string { return "(k.value->>" + i + ")" }
		shown = "CASE jsonb_typeof(document::jsonb->'displayName') WHEN 'string' THEN document::jsonb->>'displayName' END"
	}
	stored := "SELECT r.tenant_id, r.type, " + part("0") + ", " + part("1") + ", r.id, CAST(" + part("2") + " AS integer) FROM scim_resource r, " + each + " WHERE r.keys IS NOT NULL"
	const keys = "SELECT tenant_id, type, path, value, id, is_unique FROM scim_key"
	for what, query := range map[string]string{
		"keys of resources that are no rows": stored + " EXCEPT " + keys,
		"rows of keys that no resource has":  keys + " EXCEPT " + stored,
		"members that do not exist":          "SELECT 1 FROM scim_member m WHERE NOT EXISTS (SELECT 1 FROM scim_resource r WHERE r.tenant_id = m.tenant_id AND r.type = m.member_type AND r.id = m.member_id)",
		"members of what does not exist":     "SELECT 1 FROM scim_member m WHERE NOT EXISTS (SELECT 1 FROM scim_resource r WHERE r.tenant_id = m.tenant_id AND r.type = m.group_type AND r.id = m.group_id)",
		"names that are not the document's":  "SELECT 1 FROM scim_resource WHERE coalesce(display, '-') <> coalesce(" + shown + ", '-')",
		"ids that two resources have":        "SELECT id FROM scim_resource GROUP BY tenant_id, id HAVING count(*) > 1",
	} {
		if n := number(t, u.DB, "SELECT count(*) FROM ("+query+") AS wrong"); n > 0 {
			t.Errorf("got %d %s, want none", n, what)
		}
	}
}

// The whole way, with the Store as it is: a Transactor, which bulk requests use.
func TestEndToEnd(t *testing.T) {
	databases(t, func(t *testing.T, open func(now func() time.Time) *underTest) {
		storetest.EndToEnd(t, func(t *testing.T) scim.Store { return open(time.Now).store })
	})
}

// What identity providers do, and all that the conformance check asks, is answered
// by the Store as by memstore.
func TestModelEndToEnd(t *testing.T) {
	databases(t, func(t *testing.T, open func(now func() time.Time) *underTest) {
		storetest.EndToEnd(t, func(t *testing.T) scim.Store {
			clock := newClock()
			return newTwin(t, open(clock.now).store, clock)
		})
	})
}
