package dbtest

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/sqlstore/pgxstore"
)

// A contender does one thing over and over again.
type contender struct {
	name string
	do   func(i int) error
}

// contest runs contenders in turn, each for a while by so many clients, and
// reports the rates, and of each but the first what it is of the first's.
func contest(b *testing.B, clients int, list ...contender) {
	b.Helper()
	var operations []func(client, i int) error
	for _, c := range list {
		operations = append(operations, func(_, i int) error { return c.do(i) })
	}
	rates := ratesOf(b, clients, operations...)
	b.ReportMetric(0, "ns/op") // of all: tells nothing
	for which, c := range list {
		b.ReportMetric(rates[which], c.name+"/s")
		if which > 0 {
			b.ReportMetric(100*rates[which]/rates[0], c.name+"-percent")
		}
	}
}

// A course is a durable server with a database for each contender, so that the
// rows of one are not in the way of another.
type course struct {
	raw *pgxpool.Pool
	pgx *pgxstore.Store
	sql *sqlstore.Store
}

// newCourse opens pools of so many connections, on each of which a trip takes some
// time.
func newCourse(b *testing.B, server *Server, connections int, trip time.Duration) course {
	b.Helper()
	pool := func() pgxStore {
		s := overPgx(b, server.DSN(server.CreateDatabase(b)), func(c *pgxpool.Config) { c.MaxConns = int32(connections) })
		s.wire.takes = trip
		return s
	}
	c := course{raw: pool().pool, pgx: pool().store}
	for _, statement := range []string{
		`CREATE TABLE raw_user (id text PRIMARY KEY, user_name text NOT NULL UNIQUE, external_id text, document text NOT NULL)`,
		`CREATE INDEX raw_external_id ON raw_user (external_id)`,
	} {
		if _, err := c.raw.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	db := stdlib.OpenDB(*pool().pool.Config().ConnConfig)
	b.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	var err error
	if c.sql, err = sqlstore.Open(b.Context(), db, sqlstore.PostgreSQL, nil); err != nil {
		b.Fatal(err)
	}
	return c
}

// BenchmarkPgxCreate creates users beside inserts of one row, with a connection
// for each client and with no more than a pool has by itself.
func BenchmarkPgxCreate(b *testing.B) {
	user, _ := types(b)
	server := StartPostgres(b, PostgresOptions{Durable: true})
	for _, connections := range []int{40, 4} {
		on := newCourse(b, server, connections, 0)
		for _, clients := range []int{1, 8, 32} {
			b.Run(fmt.Sprintf("connections=%d/clients=%d", connections, clients), func(b *testing.B) {
				run := strconv.FormatInt(time.Now().UnixNano(), 36) // a benchmark may run several times
				users := newTemplate(b, user, run)
				create := func(store scim.Store) func(int) error {
					return func(i int) error {
						_, err := store.Create(context.Background(), aUser, users.user(i))
						return err
					}
				}
				contest(b, clients, contender{"raw", func(i int) error {
					c := users.user(i)
					_, err := on.raw.Exec(context.Background(), "INSERT INTO raw_user VALUES ($1, $2, $3, $4)",
						fmt.Sprintf("%s-%08d", run, i), key(c, "userName"), key(c, "externalId"), c.Document.String())
					return err
				}}, contender{"pgx", create(on.pgx)}, contender{"sql", create(on.sql)})
			})
		}
	}
}

// BenchmarkPgxRead reads users by id and by userName beside reads of one row.
func BenchmarkPgxRead(b *testing.B) {
	user, _ := types(b)
	const users = 2000
	on := newCourse(b, StartPostgres(b, PostgresOptions{}), 40, 0)
	of := newTemplate(b, user, "u")
	var rawIDs, names []string
	var filters []scim.Filter
	ids := map[scim.Store][]string{}
	for i := range users {
		c := of.user(i)
		name := key(c, "userName")
		rawIDs, names = append(rawIDs, fmt.Sprintf("id-%08d", i)), append(names, name)
		if _, err := on.raw.Exec(b.Context(), "INSERT INTO raw_user VALUES ($1, $2, $3, $4)", rawIDs[i], name, key(c, "externalId"), c.Document.String()); err != nil {
			b.Fatal(err)
		}
		filter, err := user.ParseFilter(fmt.Sprintf("userName eq %q", name))
		if err != nil {
			b.Fatal(err)
		}
		filters = append(filters, filter)
		for _, store := range []scim.Store{on.pgx, on.sql} {
			u, err := store.Create(b.Context(), aUser, c)
			if err != nil {
				b.Fatal(err)
			}
			ids[store] = append(ids[store], u.Resource.ID)
		}
	}
	for _, clients := range []int{1, 8, 32} {
		for _, how := range []struct {
			name, column string
			keys         []string
			read         func(store scim.Store, i int) error
		}{
			{"id", "id", rawIDs, func(store scim.Store, i int) error {
				ref := aUser
				ref.ID = ids[store][i]
				_, err := store.Get(context.Background(), ref, scim.Projection{})
				return err
			}},
			{"userName", "user_name", names, func(store scim.Store, i int) error {
				page, err := store.List(context.Background(), scim.Query{Tenant: "contoso", Type: "User", Filter: filters[i], Limit: 100})
				if err == nil && page.Total != 1 {
					err = fmt.Errorf("found %d users", page.Total)
				}
				return err
			}},
		} {
			b.Run(fmt.Sprintf("%s/clients=%d", how.name, clients), func(b *testing.B) {
				query := "SELECT id, user_name, external_id, document FROM raw_user WHERE " + how.column + " = $1"
				contest(b, clients, contender{"raw", func(i int) error {
					var id, name, external, document string
					return on.raw.QueryRow(context.Background(), query, how.keys[i*7919%users]).Scan(&id, &name, &external, &document)
				}},
					contender{"pgx", func(i int) error { return how.read(on.pgx, i*7919%users) }},
					contender{"sql", func(i int) error { return how.read(on.sql, i*7919%users) }})
			})
		}
	}
}

// BenchmarkPgxFar writes to a server that is a millisecond away, where trips are
// what a write costs.
func BenchmarkPgxFar(b *testing.B) {
	p := newPeople(b)
	on := newCourse(b, StartPostgres(b, PostgresOptions{}), 10, time.Millisecond)
	ctx := context.Background()
	for _, row := range []struct {
		name  string
		ready func(b *testing.B, store scim.Store) func(i int) error
	}{
		{"create", func(b *testing.B, store scim.Store) func(int) error {
			run := strconv.FormatInt(time.Now().UnixNano(), 36)
			return func(i int) error {
				_, err := store.Create(ctx, aUser, p.named(fmt.Sprint(run, i), "", fmt.Sprint(run, i, "@example.com")))
				return err
			}
		}},
		{"member", func(b *testing.B, store scim.Store) func(int) error {
			run := strconv.FormatInt(time.Now().UnixNano(), 36)
			u, err := store.Create(ctx, aUser, p.named(run, "", ""))
			if err != nil {
				b.Fatal(err)
			}
			g, err := store.Create(ctx, aGroup, p.called(run))
			if err != nil {
				b.Fatal(err)
			}
			return func(i int) error {
				d := scim.MemberDelta{Add: membersOf(u.Resource.ID), Types: []string{"User"}}
				if i%2 == 0 {
					d = scim.MemberDelta{Remove: []string{u.Resource.ID}}
				}
				_, err := store.Update(ctx, g.Resource.Ref, scim.Change{Members: d})
				return err
			}
		}},
		{"key", func(b *testing.B, store scim.Store) func(int) error {
			run := strconv.FormatInt(time.Now().UnixNano(), 36)
			u, err := store.Create(ctx, aUser, p.named(run, "", run))
			if err != nil {
				b.Fatal(err)
			}
			return func(i int) error {
				_, err := store.Update(ctx, u.Resource.Ref, p.named(run, "", fmt.Sprint(run, i)))
				return err
			}
		}},
		{"delete", func(b *testing.B, store scim.Store) func(int) error {
			run := strconv.FormatInt(time.Now().UnixNano(), 36)
			return func(i int) error {
				u, err := store.Create(ctx, aUser, p.named(fmt.Sprint(run, i), "", ""))
				if err != nil {
					return err
				}
				return store.Delete(ctx, u.Resource.Ref, "")
			}
		}},
		{"bulk", func(b *testing.B, store scim.Store) func(int) error {
			run := strconv.FormatInt(time.Now().UnixNano(), 36)
			return func(i int) error {
				return store.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
					for j := range 20 {
						err := tx.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
							_, err := tx.Create(ctx, aUser, p.named(fmt.Sprint(run, i, "-", j), "", ""))
							return err
						})
						if err != nil {
							return err
						}
					}
					return nil
				})
			}
		}},
	} {
		b.Run(row.name, func(b *testing.B) {
			contest(b, 1, contender{"sql", row.ready(b, on.sql)}, contender{"pgx", row.ready(b, on.pgx)})
		})
	}
}
