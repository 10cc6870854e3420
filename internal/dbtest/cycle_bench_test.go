package dbtest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// A cycle is the first that an identity provider runs: each user and group is
// looked up and created, and then the members are added, some at a time.
type cycle struct {
	users, groups, members, batch int
}

// each does something n times with so many clients at once, and stops at an error.
func each(clients, n int, do func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// over runs the cycle against an endpoint over HTTP, for one tenant, whose name is
// its token.
func (c cycle) over(endpoint, tenant string, of template, clients int) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, MaxConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	ask := func(method, path, body string, want int) (id string, err error) {
		request, err := http.NewRequest(method, endpoint+path, strings.NewReader(body))
		if err != nil {
			return "", err
		}
		request.Header.Set("Authorization", "Bearer "+tenant)
		request.Header.Set("Content-Type", "application/scim+json")
		answer, err := client.Do(request)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != want {
			err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
		}
		if err != nil || want != http.StatusCreated {
			return "", err
		}
		var created struct{ ID string }
		return created.ID, json.Unmarshal(text, &created)
	}
	create := func(path, attribute, value, body string) (id string, err error) {
		if _, err := ask("GET", path+"?filter="+url.QueryEscape(fmt.Sprintf("%s eq %q", attribute, value)), "", http.StatusOK); err != nil {
			return "", err
		}
		return ask("POST", path, body, http.StatusCreated)
	}
	users, groups := make([]string, c.users), make([]string, c.groups)
	if err := each(clients, c.users, func(i int) (err error) {
		u := of.user(i)
		users[i], err = create("/Users", "userName", key(u, "userName"), u.Document.String())
		return err
	}); err != nil {
		return err
	}
	if err := each(clients, c.groups, func(i int) (err error) {
		name := fmt.Sprintf("Group %d", i)
		groups[i], err = create("/Groups", "displayName", name, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q}`, name))
		return err
	}); err != nil {
		return err
	}
	return each(clients, c.patches(), func(i int) error {
		body := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","path":"members","value":[`)
		for k, user := range c.of(i) {
			body = fmt.Appendf(body, "%s{\"value\":%q}", ","[:min(k, 1)], users[user])
		}
		_, err := ask("PATCH", "/Groups/"+groups[i%c.groups], string(append(body, "]}]}"...)), http.StatusNoContent)
		return err
	})
}

// patches is how many requests add all the members.
func (c cycle) patches() int { return c.groups * (c.members / c.batch) }

// of returns which users the ith PATCH adds, to the group i modulo their number.
func (c cycle) of(i int) []int {
	list := make([]int, c.batch)
	for k := range list {
		list[k] = (i%c.groups*31 + i/c.groups*c.batch + k) % c.users
	}
	return list
}

// floor is a Store in memory that writes the same rows into the database, and no
// more: a commit of one statement for each resource and for each change of members.
type floor struct {
	*memstore.Store
	insert func(id, userName, externalID, document string) error
	exec   func(query string, args ...any) error
	bind   func(int) string
}

// Create implements scim.Store.
func (f floor) Create(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	u, err := f.Store.Create(ctx, ref, c)
	if err != nil {
		return nil, err
	}
	id := ref.Tenant + u.Resource.ID
	return u, f.insert(id, ref.Tenant+cmp.Or(key(c, "userName"), id), key(c, "externalId"), c.Document.String())
}

// Update implements scim.Store.
func (f floor) Update(ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
	u, err := f.Store.Update(ctx, ref, c)
	if err != nil || len(u.Added) == 0 {
		return u, err
	}
	text, args := "INSERT INTO raw_member VALUES ", []any{ref.Tenant + ref.ID}
	for i, m := range u.Added {
		text += ", "[:2*min(i, 1)] + "(" + f.bind(1) + ", " + f.bind(i+2) + ")"
		args = append(args, m.ID)
	}
	return u, f.exec(text, args...)
}

// serve mounts a Handler over a store on a server of HTTP. A token is the name of
// its tenant.
func serve(b *testing.B, store scim.Store) string {
	b.Helper()
	h, err := scim.NewHandler(store, scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
		return scim.Principal{Tenant: token}, nil
	}), nil)
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	return server.URL
}

// BenchmarkCycle runs an initial cycle of 10,000 users and 100 groups of 1,000 over
// a Store in memory that writes the same rows into the database, and over the
// database's own, in turn: "ratio" is what the second takes of the first. It is what
// both take in memory, too.
func BenchmarkCycle(b *testing.B) {
	user, _ := types(b)
	c := cycle{users: 10_000, groups: 100, members: 1000, batch: 100}
	if testing.Short() {
		c = cycle{users: 200, groups: 4, members: 100, batch: 50}
	}
	pgx := newCourse(b, StartPostgres(b, PostgresOptions{Durable: true}), 8, 0).pgx
	for _, g := range grounds(b) {
		stores := map[string]scim.Store{g.name: g.store}
		if g.name == "postgres" {
			stores["pgxstore"] = pgx
		}
		f := floor{new(memstore.Store), g.inserter(b), g.executor(b), g.bind}
		for _, clients := range []int{1, 8} {
			for name, store := range stores {
				b.Run(fmt.Sprintf("%s/clients=%d", name, clients), func(b *testing.B) {
					of := newTemplate(b, user, "u")
					endpoints := [...]string{serve(b, new(memstore.Store)), serve(b, f), serve(b, store)}
					var took [len(endpoints)][]float64
					for b.Loop() {
						tenant := fmt.Sprintf("t%x", time.Now().UnixNano())
						for which, endpoint := range endpoints {
							start := time.Now()
							if err := c.over(endpoint, tenant, of, clients); err != nil {
								b.Fatal(err)
							}
							took[which] = append(took[which], time.Since(start).Seconds())
						}
					}
					b.ReportMetric(0, "ns/op") // of all: tells nothing
					b.ReportMetric(median(took[0]), "memory-s")
					b.ReportMetric(median(took[1]), "floor-s")
					b.ReportMetric(median(took[2]), "store-s")
					b.ReportMetric(median(took[2])/median(took[1]), "ratio")
				})
			}
		}
	}
}

// executor returns what executes a statement as inserter does.
func (g ground) executor(b *testing.B) func(query string, args ...any) error {
	if g.name != "sqlite" {
		return func(query string, args ...any) error {
			_, err := g.db.Exec(query, args...)
			return err
		}
	}
	return func(query string, args ...any) error {
		g.turn.Lock()
		defer g.turn.Unlock()
		_, err := g.other.ExecContext(b.Context(), query, args...)
		return err
	}
}
