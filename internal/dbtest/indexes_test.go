package dbtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
)

// A process is one of several on a database, with a definition of users of its own.
type process struct {
	*sqlstore.Store
	users   *scim.ResourceType
	handler http.Handler
	said    *recorder
}

// process opens a Store as another process would.
func (at location) process(t *testing.T, users *scim.ResourceType) *process {
	t.Helper()
	db, said := recorded(at.open(t), at.dsn)
	t.Cleanup(func() { _ = db.Close() })
	store := openStore(t, db, at.dialect, &sqlstore.Options{Migrate: true, Relaxed: true, BusyTimeout: 20 * time.Second})
	handler, err := scim.NewHandler(store, scim.StaticToken("t", scim.Principal{Tenant: "acme"}), &scim.Options{Types: []*scim.ResourceType{users}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &process{store, users, handler, said}
}

func (p *process) request(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer t")
	r.Header.Set("Content-Type", "application/scim+json")
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

// finds looks users up, and reports how many there are, -1 for an error.
func (p *process) finds(filter string) int {
	w := p.request(http.MethodGet, "/Users?filter="+url.QueryEscape(filter), "")
	var n int
	if _, after, ok := strings.Cut(w.Body.String(), `"totalResults":`); !ok || w.Code != http.StatusOK {
		return -1
	} else if _, err := fmt.Sscanf(after, "%d", &n); err != nil {
		return -1
	}
	return n
}

// creates makes a user of the attributes, and returns the path to it.
func (p *process) creates(t *testing.T, attributes string) (path string) {
	t.Helper()
	w := p.request(http.MethodPost, "/Users", `{"schemas":["`+scim.UserSchemaURI+`"],`+attributes+`}`)
	if w.Code != http.StatusCreated {
		t.Fatalf("%s: got %d: %s", attributes, w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// readsDocuments reports whether a look-up is answered from the documents.
func (p *process) readsDocuments(filter string) bool {
	p.said.take()
	p.finds(filter)
	for _, s := range p.said.take() {
		if strings.Contains(s.text, "json_type(r.document") || strings.Contains(s.text, "json_each(r.document") || strings.Contains(s.text, "j.document") {
			return true
		}
	}
	return false
}

// usersWith is the type of RFC 7643 with a change of its definition.
func usersWith(t *testing.T, change func(*scim.TypeDefinition)) *scim.ResourceType {
	t.Helper()
	plain, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	d := plain.Definition()
	change(&d)
	users, err := scim.NewResourceType(d)
	if err != nil {
		t.Fatal(err)
	}
	return users
}

const employeeNumber = scim.EnterpriseUserSchemaURI + ":employeeNumber"

func withNumbers(d *scim.TypeDefinition) { d.Indexed = append(d.Indexed, employeeNumber) }

func asBefore(*scim.TypeDefinition) {}

func employee(name, number string) string {
	return fmt.Sprintf(`"userName":%q,%q:{"employeeNumber":%q}`, name, scim.EnterpriseUserSchemaURI, number)
}

// What is indexed anew, or otherwise, is found before Reindex as well as after it, and
// only then by the index.
func TestIndexesAreNotUsedBeforeTheyAreWhole(t *testing.T) {
	tests := []struct {
		name, reason    string
		before, after   func(*scim.TypeDefinition)
		user            string // attributes, of which # is a number
		finds, findsNot string
	}{
		{
			"of an extension", "what identity providers match by", asBefore, withNumbers,
			employee("u#", "E#"), employeeNumber + ` eq "e7"`, employeeNumber + ` eq "E17"`,
		},
		{
			"of several values", "the keys are rows, and a filter in brackets uses them",
			asBefore, func(d *scim.TypeDefinition) { d.Indexed = append(d.Indexed, "phoneNumbers.value") },
			`"userName":"u#","phoneNumbers":[{"value":"#"},{"value":"7#","type":"work"}]`,
			`phoneNumbers[type eq "work" and value eq "77"]`, `phoneNumbers.value eq "17"`,
		},
		{
			"no longer caseExact", "the keys are rows with other values",
			func(d *scim.TypeDefinition) {
				d.Schema.Attribute("nickName").CaseExact = true
				d.Indexed = append(d.Indexed, "nickName")
			}, func(d *scim.TypeDefinition) { d.Indexed = append(d.Indexed, "nickName") },
			`"userName":"u#","nickName":"Nick#"`, `nickName eq "NICK7"`, `nickName eq "NICK17"`,
		},
		{
			"caseExact", "the key in the column is another one",
			asBefore, func(d *scim.TypeDefinition) { d.Schema.Attribute("displayName").CaseExact = true },
			`"userName":"u#","displayName":"Person #"`, `displayName eq "Person 7"`, `displayName eq "person 7"`,
		},
		{
			"unique", "the key moves from the column to a row",
			asBefore, func(d *scim.TypeDefinition) { d.Schema.Attribute("displayName").Uniqueness = scim.UniqueServer },
			`"userName":"u#","displayName":"Person #"`, `displayName eq "PERSON 7"`, `displayName eq "person 17"`,
		},
		{
			"no longer unique", "the key moves from the row to the column",
			func(d *scim.TypeDefinition) { d.Schema.Attribute("displayName").Uniqueness = scim.UniqueServer }, asBefore,
			`"userName":"u#","displayName":"Person #"`, `displayName eq "PERSON 7"`, `displayName eq "person 17"`,
		},
		{
			"indexed again", "a definition leaves out what has been there from the start",
			func(d *scim.TypeDefinition) { d.Indexed = []string{"externalId"} }, asBefore,
			`"userName":"u#","emails":[{"value":"u#@example.com"}]`, `emails.value eq "U7@example.com"`, `emails eq "u17@example.com"`,
		},
		{
			"a boolean", "no two users differ by it",
			asBefore, func(d *scim.TypeDefinition) { d.Indexed = append(d.Indexed, "active") },
			`"userName":"u#","active":true`, `userName eq "u7" and active eq true`, `active eq false`,
		},
	}
	locations(t, func(t *testing.T, at location) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				at := at.another(t)
				old := at.process(t, usersWith(t, test.before))
				if _, err := old.Reindex(t.Context(), old.users); err != nil {
					t.Fatal(err)
				}
				now := at.process(t, usersWith(t, test.after))
				for i := range 10 {
					old.creates(t, strings.ReplaceAll(test.user, "#", fmt.Sprint(i)))
				}
				check := func(when string) {
					t.Helper()
					if got := now.finds(test.finds); got != 1 {
						t.Errorf("%s: %s: got %d users, want 1: %s", when, test.finds, got, test.reason)
					}
					if got := now.finds(test.findsNot); got != 0 {
						t.Errorf("%s: %s: got %d users, want none", when, test.findsNot, got)
					}
				}
				check("before Reindex")
				changed, err := now.Reindex(t.Context(), now.users)
				if err != nil || changed != 10 {
					t.Fatalf("Reindex: got %d, %v; want 10", changed, err)
				}
				check("after Reindex")
				if !strings.Contains(test.finds, "[") && now.readsDocuments(test.finds) {
					t.Errorf("after Reindex %s reads documents", test.finds)
				}
				if changed, err := now.Reindex(t.Context(), now.users); err != nil || changed != 0 {
					t.Errorf("Reindex again: got %d, %v; want 0", changed, err)
				}
			})
		}
	})
}

// another is a database of its own, of the same kind.
func (at location) another(t *testing.T) location {
	t.Helper()
	if at.dialect == sqlfilter.SQLite {
		return location{dialect: at.dialect, dsn: SQLite(t)}
	}
	return location{dialect: at.dialect, dsn: Postgres(t)}
}

// What the default types say is Indexed is whole from the start; what a definition
// adds is when it was reindexed, which other processes learn.
func TestIndexesOfANewDatabase(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		t.Parallel()
		p := at.process(t, usersWith(t, withNumbers))
		for _, filter := range []string{`userName eq "u"`, `externalId eq "u"`, `displayName eq "u"`, `emails.value eq "u"`} {
			if p.readsDocuments(filter) {
				t.Errorf("%s reads documents in a new database", filter)
			}
		}
		before := at.indexes(t)
		for _, of := range []func(...scim.Extension) (*scim.ResourceType, error){scim.UserType, scim.GroupType, scim.RoleType, scim.EntitlementType} {
			typ, err := of()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Reindex(t.Context(), typ); err != nil {
				t.Errorf("Reindex of %s: %v", typ.Name(), err)
			}
		}
		if got := at.indexes(t); got != before {
			t.Errorf("the default types have the indexes\n%s\nand the database has from the start\n%s", got, before)
		}

		p.creates(t, employee("ann", "E1"))
		filter := employeeNumber + ` eq "e1"`
		other := at.process(t, p.users)
		if p.finds(filter) != 1 || !p.readsDocuments(filter) {
			t.Errorf("%s: not found in documents before Reindex", filter)
		}
		if _, err := p.Reindex(t.Context(), p.users); err != nil {
			t.Fatal(err)
		}
		if p.finds(filter) != 1 || p.readsDocuments(filter) {
			t.Errorf("%s: not found by the index after Reindex", filter)
		}
		for until := time.Now().Add(30 * time.Second); other.readsDocuments(filter); time.Sleep(200 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatal("another process has not learnt of it")
			}
		}
		if other.finds(filter) != 1 {
			t.Errorf("%s: not found by another process", filter)
		}

		// Back again.
		plain := usersWith(t, asBefore)
		if _, err := p.Reindex(t.Context(), plain); err != nil {
			t.Fatal(err)
		}
		if got := at.indexes(t); got != before {
			t.Errorf("after Reindex with the definition of before there are\n%s\nwant\n%s", got, before)
		}
	})
}

// A Reindex that ends half-way leaves no index that is not whole.
func TestReindexFails(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		t.Parallel()
		old := at.process(t, usersWith(t, asBefore))
		for i := range 12 {
			old.creates(t, fmt.Sprintf(`"userName":"u%d","displayName":"Person %d"`, i, i/11*3+i%11)) // two are called alike
		}
		filter := `displayName eq "PERSON 7"`
		now := at.process(t, usersWith(t, func(d *scim.TypeDefinition) { d.Schema.Attribute("displayName").Uniqueness = scim.UniqueServer }))
		if _, err := now.Reindex(t.Context(), now.users); !errors.Is(err, scim.ErrUniqueness) {
			t.Fatalf("Reindex: got %v, want ErrUniqueness", err)
		}
		again := at.process(t, usersWith(t, asBefore))
		for name, p := range map[string]*process{"one from before": old, "a new one with the old definition": again, "one with the new definition": now} {
			if got := p.finds(filter); got != 1 {
				t.Errorf("%s: got %d users, want 1", name, got)
			}
		}
		if _, err := again.Reindex(t.Context(), again.users); err != nil {
			t.Fatal(err)
		}
		if got := again.finds(filter); got != 1 || again.readsDocuments(filter) {
			t.Errorf("reindexed with the old definition: got %d users, want 1 by the index", got)
		}
	})
}

// Of two that reindex at the same time with two definitions one is told, and what
// look-ups go by is whole.
func TestReindexAtOnce(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		t.Parallel()
		const users = 200
		a, b := at.process(t, usersWith(t, withNumbers)), at.process(t, usersWith(t, asBefore))
		for i := range users {
			b.creates(t, employee(fmt.Sprint("u", i), fmt.Sprint("E", i)))
		}
		for round := range 4 {
			var both sync.WaitGroup
			var failed [2]error
			for i, p := range []*process{a, b} {
				both.Go(func() {
					time.Sleep(time.Duration(i*round) * 20 * time.Millisecond)
					_, failed[i] = p.Reindex(t.Context(), p.users)
				})
			}
			both.Wait()
			for i, err := range failed {
				if err != nil && !strings.Contains(err.Error(), "another Reindex of User has begun") {
					t.Errorf("round %d: Reindex %d: %v", round, i, err)
				}
			}
			c := at.process(t, a.users)
			for i := range users {
				if filter := fmt.Sprintf(`%s eq "e%d"`, employeeNumber, i); c.finds(filter) != 1 {
					t.Fatalf("round %d: %s is not found; reindexed: %v", round, filter, failed)
				}
			}
		}
	})
}

// However many begin at the same moment, one at most marks the type as its own.
func TestReindexBegunAtOnce(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		t.Parallel()
		const many = 6
		db := at.open(t)
		var list []*process
		for range many {
			list = append(list, at.process(t, usersWith(t, withNumbers)))
		}
		for i := range 40 {
			list[0].creates(t, employee(fmt.Sprint("u", i), fmt.Sprint("E", i)))
		}
		for range 5 {
			var all sync.WaitGroup
			start := make(chan struct{})
			for _, p := range list {
				all.Go(func() {
					<-start
					_, _ = p.Reindex(t.Context(), p.users)
				})
			}
			close(start)
			done := make(chan struct{})
			go func() {
				all.Wait()
				close(done)
			}()
			for running := true; running; {
				var marks int
				if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM scim_index WHERE path = '' AND form <> ''").Scan(&marks); err != nil {
					t.Fatal(err)
				}
				if marks > 1 {
					t.Errorf("%d have marked the type as theirs", marks)
				}
				select {
				case <-done:
					running = false
				default:
				}
			}
		}
	})
}

// indexes lists what is in scim_index.
func (at location) indexes(t *testing.T) string {
	t.Helper()
	rows, err := at.open(t).QueryContext(t.Context(), "SELECT type, path, form FROM scim_index WHERE path <> '' ORDER BY type, path, form")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list strings.Builder
	for rows.Next() {
		var typ, path, form string
		if err := rows.Scan(&typ, &path, &form); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&list, typ, path, form)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list.String()
}

// A database of before has the indexes that it always had, and no others.
func TestMigrateToIndexes(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		script, err := sqlstore.Script(at.dialect, 0)
		if err != nil {
			t.Fatal(err)
		}
		before, _, ok := strings.Cut(script, "-- 0003_")
		if !ok {
			t.Fatalf("found no migration 3 in\n%s", script)
		}
		at.script(t, before)
		loadCrowd(t, at.open(t), at.dialect, crowd{"'acme'", "i", 1, 100, 3, 30})
		p := at.process(t, usersWith(t, func(d *scim.TypeDefinition) {
			d.Schema.Attribute("displayName").CaseExact = true
		}))
		for _, filter := range []string{`userName eq "USER-7"`, `externalId eq "ext-7"`, `emails.value eq "USER-7@example.com"`} {
			if got := p.finds(filter); got != 1 || p.readsDocuments(filter) {
				t.Errorf("%s: got %d users, want 1 by the index", filter, got)
			}
		}
		if got := p.finds(`displayName eq "Person 7"`); got != 1 {
			t.Errorf("displayName, which is caseExact now: got %d users, want 1", got)
		}
	})
}

// After Reindex the planner goes by the index, whatever it knows of the tables.
func TestExplainReindexed(t *testing.T) {
	for _, d := range []sqlfilter.Dialect{sqlfilter.SQLite, sqlfilter.PostgreSQL} {
		t.Run(dialectName(d), func(t *testing.T) {
			e, store := openExplained(t, d)
			loadCrowd(t, e.DB, d, crowd{"'large'", "i", 1, 2000, 3, 30})
			users := usersWith(t, func(d *scim.TypeDefinition) { d.Schema.Attribute("displayName").Uniqueness = scim.UniqueServer })
			tokens := scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
				return scim.Principal{Tenant: token}, nil
			})
			handler, err := scim.NewHandler(store, tokens, &scim.Options{Types: []*scim.ResourceType{users}, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			e.handler = handler
			if _, err := store.Reindex(t.Context(), users); err != nil {
				t.Fatal(err)
			}
			for _, e.statistics = range []bool{false, true} {
				if e.statistics {
					execute(t, e.DB, "ANALYZE")
				}
				e.check(t, "large", usualRequest{
					method: "GET", path: "Users?filter=" + url.QueryEscape(`displayName eq "PERSON 7"`) + "&attributes=userName",
					status: 200, finds: `"totalResults":1,`, rows: 8,
				})
			}
		})
	}
}
