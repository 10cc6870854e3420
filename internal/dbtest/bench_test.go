package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
)

// The benchmarks do what the Store does beside the database alone doing the same
// for it, through the same driver and in turn, so that both meet the same noise.
// "raw/s" and "store/s" are medians of operations in a second, and "percent" is what
// the second is of the first.

// A ground is a database to measure on, as durable as in production.
type ground struct {
	name  string
	db    *sql.DB
	store *sqlstore.Store
	bind  func(int) string
	other *sql.Conn   // for what the Store does not write, of the same durability
	turn  *sync.Mutex // whose turn it is to use it
}

// grounds returns the databases with room for so many clients at once.
func grounds(b *testing.B) []ground {
	b.Helper()
	open := func(name string, db *sql.DB, d sqlfilter.Dialect) ground {
		store := openStore(b, db, d, &sqlstore.Options{Migrate: true})
		g := ground{name: name, db: db, store: store, bind: d.Placeholder, turn: new(sync.Mutex)}
		g.other = g.connection(b)
		for _, statement := range []string{
			`CREATE TABLE raw_user (id text PRIMARY KEY, user_name text NOT NULL UNIQUE, external_id text, document text NOT NULL)`,
			`CREATE INDEX raw_external_id ON raw_user (external_id)`,
			`CREATE TABLE raw_member (group_id text, member_id text, PRIMARY KEY (group_id, member_id))`,
			`CREATE INDEX raw_groups ON raw_member (member_id, group_id)`,
		} {
			if _, err := db.Exec(statement); err != nil {
				b.Fatal(err)
			}
		}
		return g
	}
	server := StartPostgres(b, PostgresOptions{Durable: true})
	postgres := Open(b, DriverPGX, server.DSN("postgres"))
	postgres.SetMaxOpenConns(40)
	postgres.SetMaxIdleConns(40)
	return []ground{open("sqlite", OpenSQLite(b, SQLite(b)), sqlstore.SQLite), open("postgres", postgres, sqlstore.PostgreSQL)}
}

// inserter returns raw inserts of one row, each a commit of its own. In SQLite one
// connection makes them, as durable as the Store's.
func (g ground) inserter(b *testing.B) func(id, userName, externalID, document string) error {
	b.Helper()
	text := fmt.Sprintf("INSERT INTO raw_user VALUES (%s, %s, %s, %s)", g.bind(1), g.bind(2), g.bind(3), g.bind(4))
	if g.name != "sqlite" {
		stmt, err := g.db.Prepare(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { stmt.Close() })
		return func(id, userName, externalID, document string) error {
			_, err := stmt.Exec(id, userName, externalID, document)
			return err
		}
	}
	stmt, err := g.other.PrepareContext(b.Context(), text)
	if err != nil {
		b.Fatal(err)
	}
	return func(id, userName, externalID, document string) error {
		g.turn.Lock()
		defer g.turn.Unlock()
		_, err := stmt.Exec(id, userName, externalID, document)
		return err
	}
}

// connection is one that waits for its turn, and for the disk.
func (g ground) connection(b *testing.B) *sql.Conn {
	b.Helper()
	conn, err := g.db.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	if g.name != "sqlite" {
		return conn
	}
	for _, pragma := range []string{"PRAGMA busy_timeout=10000", "PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=16000"} {
		if _, err := conn.ExecContext(b.Context(), pragma); err != nil {
			b.Fatal(err)
		}
	}
	return conn
}

// compare runs two operations in turn and reports their rates.
func compare(b *testing.B, clients int, first, second func(client, i int) error) {
	b.Helper()
	rates := ratesOf(b, clients, first, second)
	one, two := rates[0], rates[1]
	b.ReportMetric(0, "ns/op") // of both: tells nothing
	b.ReportMetric(one, "raw/s")
	b.ReportMetric(two, "store/s")
	b.ReportMetric(100*two/one, "percent")
}

// ratesOf runs operations in turn, each for a while by so many clients, and returns
// how many a second were done of each.
func ratesOf(b *testing.B, clients int, operations ...func(client, i int) error) (rates []float64) {
	b.Helper()
	const slice = 150 * time.Millisecond
	measured := make([][]float64, len(operations))
	next := make([]atomic.Int64, len(operations))
	for b.Loop() {
		for which, op := range operations {
			var done atomic.Int64
			var all sync.WaitGroup
			start := time.Now()
			for client := range clients {
				all.Go(func() {
					for time.Since(start) < slice {
						if err := op(client, int(next[which].Add(1))); err != nil {
							b.Error(err)
							return
						}
						done.Add(1)
					}
				})
			}
			all.Wait()
			measured[which] = append(measured[which], float64(done.Load())/time.Since(start).Seconds())
		}
		if b.Failed() {
			b.FailNow()
		}
	}
	for _, list := range measured {
		rates = append(rates, median(list))
	}
	return rates
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// types are the users and groups that the benchmarks are about.
func types(b *testing.B) (user, group *scim.ResourceType) {
	b.Helper()
	user, err := scim.UserType()
	if err != nil {
		b.Fatal(err)
	}
	if group, err = scim.GroupType(); err != nil {
		b.Fatal(err)
	}
	return user, group
}

// A template makes users of 1.3 KB, as Entra sends them, of which the nth has n in
// its names and keys. To make one costs two microseconds, so that what is measured
// is the rest.
type template struct {
	document string
	keys     []scim.Key
}

const someNumber = "00000000"

// newTemplate returns a template of users whose names begin with a prefix.
func newTemplate(b *testing.B, t *scim.ResourceType, prefix string) template {
	b.Helper()
	name := prefix + someNumber
	document, keys, err := t.Encode(scim.User{
		UserName: name + "@contoso.example", ExternalID: "9a6c-4b1e-8f2d-" + name, DisplayName: "ada lovelace " + name, Active: true,
		Name:              scim.Name{GivenName: "Ada", FamilyName: "Lovelace", Formatted: "Ada Lovelace"},
		Emails:            []scim.Value{{Value: name + "@contoso.example", Type: "work", Primary: true}},
		PhoneNumbers:      []scim.Value{{Value: "+44 20 7946 0001", Type: "work"}, {Value: "+44 7700 900001", Type: "mobile"}},
		Roles:             []scim.Value{{Value: "editor", Display: "Editor", Primary: true}},
		PreferredLanguage: "en-GB", NickName: "ada", Title: "Principal Analytical Engineer",
		Addresses: []scim.Address{{
			Type: "work", Country: "United Kingdom", Locality: "London", PostalCode: "SW1Y 4JH", Region: "Greater London",
			StreetAddress: "12 St James's Square", Formatted: "12 St James's Square, London, SW1Y 4JH",
		}},
		Enterprise: &scim.EnterpriseUser{
			EmployeeNumber: name, Department: "Analytical Engines", Division: "Research", CostCenter: "CC-001", Organization: "Contoso",
			Manager: scim.Manager{ID: "2f9a6c-4b1e-8f2d-a1"},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return template{document.String(), keys}
}

// user returns the nth user.
func (t template) user(n int) scim.Change {
	text := fmt.Sprintf("%08d", n)
	document, err := scim.ReadDocument(strings.ReplaceAll(t.document, someNumber, text))
	if err != nil {
		panic(err) // the template was one
	}
	keys := slices.Clone(t.keys)
	for i := range keys {
		keys[i].Value = strings.Replace(keys[i].Value, someNumber, text, 1)
	}
	return scim.Change{Document: document, Keys: keys}
}

// key returns the Value of a Key of a user.
func key(c scim.Change, path string) string {
	for _, k := range c.Keys {
		if k.Path == path {
			return k.Value
		}
	}
	return ""
}

// BenchmarkCreate creates users beside single-row inserts, each of which is
// durable when the next begins.
func BenchmarkCreate(b *testing.B) {
	user, _ := types(b)
	for _, g := range grounds(b) {
		insert := g.inserter(b)
		for _, clients := range []int{1, 8, 32} {
			b.Run(fmt.Sprintf("%s/clients=%d", g.name, clients), func(b *testing.B) {
				run := strconv.FormatInt(time.Now().UnixNano(), 36) // a benchmark may run several times
				users := newTemplate(b, user, run)
				compare(b, clients, func(_, i int) error {
					c := users.user(i)
					// Ids in order of creation, as the Store's are.
					return insert(fmt.Sprintf("%s-%08d", run, i), key(c, "userName"), key(c, "externalId"), c.Document.String())
				}, func(_, i int) error {
					_, err := g.store.Create(context.Background(), scim.Ref{Tenant: "contoso", Type: "User"}, users.user(i))
					return err
				})
			})
		}
	}
}

// BenchmarkRead reads users by id and by userName beside a read of one row.
func BenchmarkRead(b *testing.B) {
	user, _ := types(b)
	const users = 2000
	for _, g := range grounds(b) {
		insert := g.inserter(b)
		var ids, names []string
		var filters []scim.Filter
		of := newTemplate(b, user, "u")
		for i := range users {
			c := of.user(i)
			u, err := g.store.Create(b.Context(), scim.Ref{Tenant: "contoso", Type: "User"}, c)
			if err != nil {
				b.Fatal(err)
			}
			filter, err := user.ParseFilter(fmt.Sprintf("userName eq %q", key(c, "userName")))
			if err != nil {
				b.Fatal(err)
			}
			ids, names, filters = append(ids, u.Resource.ID), append(names, key(c, "userName")), append(filters, filter)
			if err := insert(u.Resource.ID, key(c, "userName"), key(c, "externalId"), c.Document.String()); err != nil {
				b.Fatal(err)
			}
		}
		for _, clients := range []int{1, 8, 32} {
			for _, how := range []struct {
				name   string
				column string
				key    []string
				read   func(i int) error
			}{
				{"id", "id", ids, func(i int) error {
					_, err := g.store.Get(context.Background(), scim.Ref{Tenant: "contoso", Type: "User", ID: ids[i]}, scim.Projection{})
					return err
				}},
				{"userName", "user_name", names, func(i int) error {
					page, err := g.store.List(context.Background(), scim.Query{Tenant: "contoso", Type: "User", Filter: filters[i], Limit: 100})
					if err == nil && page.Total != 1 {
						err = fmt.Errorf("found %d users", page.Total)
					}
					return err
				}},
			} {
				b.Run(fmt.Sprintf("%s/%s/clients=%d", g.name, how.name, clients), func(b *testing.B) {
					stmt, err := g.db.Prepare("SELECT id, user_name, external_id, document FROM raw_user WHERE " + how.column + " = " + g.bind(1))
					if err != nil {
						b.Fatal(err)
					}
					defer stmt.Close()
					compare(b, clients, func(_, i int) error {
						var id, name, external, document string
						return stmt.QueryRow(how.key[i*7919%users]).Scan(&id, &name, &external, &document)
					}, func(_, i int) error { return how.read(i * 7919 % users) })
				})
			}
		}
	}
}

// BenchmarkMembers adds a member to a group and removes it, for a small group and
// a large one: "ratio" is what the size costs. And it adds a thousand at once: "ms".
func BenchmarkMembers(b *testing.B) {
	user, group := types(b)
	large := 100_000
	if testing.Short() {
		large = 5000
	}
	for _, g := range grounds(b) {
		users := make([]scim.Member, large+1000)
		load(b, g, newTemplate(b, user, "u"), "contoso", users)
		analyze(b, g)
		groupOf := func(n int) scim.Ref {
			document, keys, err := group.Encode(scim.Group{DisplayName: fmt.Sprint("Group of ", n)})
			if err != nil {
				b.Fatal(err)
			}
			u, err := g.store.Create(b.Context(), scim.Ref{Tenant: "contoso", Type: "Group"}, scim.Change{Document: document, Keys: keys})
			if err != nil {
				b.Fatal(err)
			}
			for some := range slices.Chunk(users[:n], 10_000) {
				if _, err := g.store.Update(b.Context(), u.Resource.Ref, scim.Change{Members: scim.MemberDelta{Add: some}}); err != nil {
					b.Fatal(err)
				}
			}
			return u.Resource.Ref
		}
		small, big := groupOf(10), groupOf(large)
		change := func(ref scim.Ref, d scim.MemberDelta, want int) error {
			d.Types = []string{"User", "Group"}
			u, err := g.store.Update(context.Background(), ref, scim.Change{Members: d})
			if err == nil && len(u.Added)+len(u.Removed) != want {
				err = fmt.Errorf("%d members changed, want %d", len(u.Added)+len(u.Removed), want)
			}
			return err
		}
		b.Run(g.name+"/one", func(b *testing.B) {
			toggle := func(ref scim.Ref) func(i int) error {
				return func(i int) error {
					m := users[large+i%1000]
					if err := change(ref, scim.MemberDelta{Add: []scim.Member{m}}, 1); err != nil {
						return err
					}
					return change(ref, scim.MemberDelta{Remove: []string{m.ID}}, 1)
				}
			}
			ofSmall, ofBig := toggle(small), toggle(big)
			var took [2][]float64
			for i := 0; b.Loop(); i++ {
				for which, op := range []func(int) error{ofSmall, ofBig} {
					start := time.Now()
					if err := op(i); err != nil {
						b.Fatal(err)
					}
					took[which] = append(took[which], float64(time.Since(start).Nanoseconds())/2)
				}
			}
			b.ReportMetric(median(took[0]), "ns-small")
			b.ReportMetric(median(took[1]), "ns-large")
			b.ReportMetric(median(took[1])/median(took[0]), "ratio")
		})
		b.Run(g.name+"/thousand", func(b *testing.B) {
			var took []float64
			ids := make([]string, 1000)
			for i, m := range users[large:] {
				ids[i] = m.ID
			}
			for b.Loop() {
				start := time.Now()
				if err := change(big, scim.MemberDelta{Add: users[large:]}, 1000); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start).Seconds()*1000)
				if err := change(big, scim.MemberDelta{Remove: ids}, 1000); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(median(took), "ms")
		})
	}
}
