package dbtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
)

// What a request of some kilobytes may cost. The tests count what is asked of the
// database, for time tells little on a machine that others use.

// A watched Handler is on a database that is recorded.
type watched struct {
	http.Handler
	dialect sqlfilter.Dialect
	store   *sqlstore.Store
	said    *recorder
	execute func(statement string) // beside it
}

// watch runs a test on each database.
func watch(t *testing.T, test func(t *testing.T, w *watched)) {
	for _, d := range []sqlfilter.Dialect{sqlfilter.SQLite, sqlfilter.PostgreSQL} {
		t.Run(dialectName(d), func(t *testing.T) {
			driver, dsn := SQLiteDrivers()[0], SQLite(t)
			if d == sqlfilter.PostgreSQL {
				driver, dsn = DriverPGX, Postgres(t)
			}
			db := Open(t, driver, dsn)
			over, said := recorded(db, dsn)
			t.Cleanup(func() { _ = over.Close() })
			store := openStore(t, over, d, &sqlstore.Options{Migrate: true, Relaxed: true})
			tokens := scim.TokenValidatorFunc(func(_ context.Context, token string) (scim.Principal, error) {
				return scim.Principal{Tenant: token}, nil
			})
			h, err := scim.NewHandler(store, tokens, &scim.Options{Logger: slog.New(slog.DiscardHandler), MaxFilter: 1 << 20, MaxResults: 1000})
			if err != nil {
				t.Fatal(err)
			}
			test(t, &watched{h, d, store, said, func(statement string) { execute(t, db, statement) }})
		})
	}
}

// ask makes a request, and returns the answer and the statements about resources,
// keys or members that it took; not the one of each second, about scim_index.
func (w *watched) ask(t *testing.T, method, path, query, body string, status int) (answer string, statements []said) {
	t.Helper()
	w.said.take()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
	r.URL = &url.URL{Path: path, RawQuery: query}
	r.Header.Set("Authorization", "Bearer acme")
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Code != status {
		t.Fatalf("%s %s?%.200s: got %d, want %d: %.500s", method, path, query, rec.Code, status, rec.Body)
	}
	for _, s := range w.said.take() {
		if strings.Contains(s.text, "scim_") && !strings.Contains(s.text, "FROM scim_index ") {
			statements = append(statements, s)
		}
	}
	return rec.Body.String(), statements
}

// populate creates users, and groups that all of them are in.
func (w *watched) populate(t *testing.T, users, groups int) (ids []string) {
	t.Helper()
	create := func(path, body string) string {
		answer, _ := w.ask(t, "POST", path, "", body, http.StatusCreated)
		var r struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &r); err != nil {
			t.Fatal(err)
		}
		return r.ID
	}
	for i := range users {
		ids = append(ids, create("/Users", fmt.Sprintf(`{"schemas":[%q],"userName":"user%d","externalId":"same","title":"Engineer","nickName":"n","name":{"familyName":"F%d"},"emails":[{"value":"u%d@example.com","type":"work"}]}`,
			scim.UserSchemaURI, i, i*7%users, i)))
	}
	for i := range groups {
		create("/Groups", groupJSON(fmt.Sprintf("Group %d", i), ids...))
	}
	return ids
}

// A document is parsed once for a row, whatever the filter, and mentioned no more
// often than is faster than scim.Match.
func TestFilterReadsDocuments(t *testing.T) {
	repeated := func(n int, condition, operator string) string {
		return strings.Join(slices.Repeat([]string{condition}, n), " "+operator+" ")
	}
	watch(t, func(t *testing.T, w *watched) {
		w.populate(t, 3, 0)
		type filter struct {
			filter string
			total  int
		}
		var filters []filter
		// As many as are left to SQL, and more than that.
		for _, n := range []int{1, 6, 10, 15, 20, 90, 180, 500} {
			filters = append(filters, []filter{
				{repeated(n, `title co "xx"`, "or"), 0},
				{repeated(n, `title co "xx" or nickName ew "x"`, "or"), 0},
				{repeated(n, `title gt "zz" or nickName lt "a"`, "or"), 0},
				{repeated(n, `title co "gin"`, "and"), 3},
				{"not (" + repeated(n, `(title co "xx" or nickName co "ä")`, "and") + ")", 3},
				{repeated(n, `name.familyName pr`, "and"), 3},
				{repeated(n, `emails[type eq "work" and display co "x"]`, "or"), 0},
				{repeated(n, `emails.type co "wo"`, "and"), 3},
				{repeated(n, `emails[value eq "x" or type co "wo"]`, "and"), 3},
			}...)
		}
		for _, c := range filters {
			answer, statements := w.ask(t, "GET", "/Users", "sortBy=name.familyName&filter="+url.QueryEscape(c.filter), "", http.StatusOK)
			if want := fmt.Sprintf(`"totalResults":%d,`, c.total); !strings.Contains(answer, want) {
				t.Errorf("%.100s: got %.300s, want %s", c.filter, answer, want)
			}
			const most = 400 // of 20 comparisons, each with what is in doubt of it
			for _, s := range statements {
				parsed, mentions := strings.Count(s.text, "r.document::jsonb"), strings.Count(s.text, "j.document")
				if w.dialect == sqlfilter.SQLite {
					mentions = strings.Count(s.text, "json_")
				}
				if parsed > 1 || mentions > most {
					t.Errorf("%.100s: got %d casts and %d mentions of a document, want at most 1 and %d: %.500s", c.filter, parsed, mentions, most, s.text)
				}
				if mentions == 0 && parsed > 0 {
					t.Errorf("%.100s: the document is parsed for nothing: %s", c.filter, s.text)
				}
			}
		}
	})
}

// The groups are read of those who are on the page, and of nobody else, with one
// more statement: and with none, if there is one whom a unique key leads to.
func TestGroupsOfPage(t *testing.T) {
	watch(t, func(t *testing.T, w *watched) {
		ids := w.populate(t, 30, 3)
		for _, c := range []struct {
			name, query, filter string
			statements          int // about groups
			users               int // whose groups they read; 0: of the one with the statement
		}{
			{"far away", "startIndex=29&count=1", "", 1, 1},
			{"a page", "count=7", "", 1, 7},
			{"sorted by SQL", "sortBy=userName&startIndex=20&count=2", "", 1, 2},
			{"sorted here", "sortBy=name.familyName&startIndex=20&count=2", "", 1, 2},
			{"matched here", "startIndex=25&count=2", `title ne "ä" and emails co "ä" or title co "e"`, 1, 2},
			{"found by what is not unique", "startIndex=28&count=2", `externalId eq "same"`, 1, 2},
			{"looked up", "", `userName eq "user3"`, 1, 0},
			{"looked up with something else", "", `userName eq "user3" and title pr`, 1, 0},
			{"looked up by id", "", `id eq "` + ids[3] + `"`, 1, 0},
			{"looked up in vain", "", `externalId eq "nobody"`, 0, 0},
			{"matched with their names", "count=2", `groups.display co "oup 2"`, 1, 30},
			{"not wanted", "attributes=userName&count=2", "", 0, 0},
			{"only counted", "count=0", "", 0, 0},
		} {
			t.Run(c.name, func(t *testing.T) {
				query := c.query
				if c.filter != "" {
					query += "&filter=" + url.QueryEscape(c.filter)
				}
				answer, statements := w.ask(t, "GET", "/Users", query, "", http.StatusOK)
				about := slices.DeleteFunc(slices.Clone(statements), func(s said) bool { return !strings.Contains(s.text, "x.display") })
				if len(about) != c.statements {
					t.Fatalf("%d statements about groups, want %d: %q", len(about), c.statements, statements)
				}
				var page struct {
					Resources []struct {
						UserName string
						Groups   []struct{ Display string }
					}
				}
				if err := json.Unmarshal([]byte(answer), &page); err != nil {
					t.Fatal(err)
				}
				for _, r := range page.Resources {
					if c.statements > 0 && (len(r.Groups) != 3 || r.Groups[0].Display != "Group 0") {
						t.Errorf("%s: got the groups %q, want all three", r.UserName, r.Groups)
					}
				}
				switch {
				case c.users > 0:
					var read []string
					if err := json.Unmarshal([]byte(fmt.Sprint(about[0].args[1])), &read); err != nil || len(read) != c.users {
						t.Errorf("the groups of %v were read, want those of %d users: %v", about[0].args, c.users, err)
					}
				case c.statements > 0 && len(statements) != 1:
					t.Errorf("%d statements, want one: %q", len(statements), statements)
				}
			})
		}
	})
}

// Users are shown with the names of their groups, and nobody reads the documents of
// these: one may be of megabytes, and be in each line of a page.
func TestGroupsWithoutDocuments(t *testing.T) {
	watch(t, func(t *testing.T, w *watched) {
		ids := w.populate(t, 2, 1)
		w.execute("UPDATE scim_resource SET document = 'what is no JSON' WHERE type = 'Group'")
		for _, path := range []string{"/Users", "/Users/" + ids[0]} {
			if answer, _ := w.ask(t, "GET", path, "", "", http.StatusOK); !strings.Contains(answer, `"display":"Group 0"`) {
				t.Errorf("%s: got %s, want the name of the group", path, answer)
			}
		}
	})
	// The name follows the document, by whichever statement that is written.
	watch(t, func(t *testing.T, w *watched) {
		user := w.populate(t, 1, 0)[0]
		answer, _ := w.ask(t, "POST", "/Groups", "", groupJSON("One", user), http.StatusCreated)
		var group struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &group); err != nil {
			t.Fatal(err)
		}
		rename := func(name string) string { return fmt.Sprintf(`{"op":"replace","path":"displayName","value":%q}`, name) }
		for _, c := range []struct{ name, method, body, want string }{
			{"created", "", "", "One"},
			{"the same key", "PATCH", patchJSON(rename("ONE")), "ONE"},
			{"another key", "PATCH", patchJSON(rename("Two \"2\" ä")), `Two \"2\" ä`},
			{"with members", "PATCH", patchJSON(rename("THREE") + `,{"op":"remove","path":"members","value":[{"value":"nobody"}]}`), "THREE"},
			{"members alone", "PATCH", patchJSON(`{"op":"remove","path":"members"},{"op":"add","path":"members","value":[{"value":"` + user + `"}]}`), "THREE"},
			{"put", "PUT", groupJSON("Four", user), "Four"},
		} {
			if c.method != "" {
				status := http.StatusNoContent
				if c.method == "PUT" {
					status = http.StatusOK
				}
				w.ask(t, c.method, "/Groups/"+group.ID, "", c.body, status)
			}
			if answer, _ := w.ask(t, "GET", "/Users/"+user, "", "", http.StatusOK); !strings.Contains(answer, `"display":"`+c.want+`"`) {
				t.Errorf("%s: got %s, want %s", c.name, answer, c.want)
			}
		}
	})
}

// No filter is more than a database takes, be it as long as an application permits.
// Each answer is that of memstore.
func TestLongFilters(t *testing.T) {
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	list := func(n int, operator, condition string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = strings.ReplaceAll(condition, "#", fmt.Sprint(i))
		}
		return strings.Join(all, " "+operator+" ")
	}
	nested := func(n int, before, inner, after string) string {
		return strings.Repeat(before, n) + inner + strings.Repeat(after, n)
	}
	filters := map[string]string{
		"alternatives of alternatives":         list(30, "or", `(id eq "x#" and (`+list(30, "or", `userName eq "u#"`)+`))`),
		"alternatives below a condition":       `active eq true and (` + list(30, "or", `(title pr and (`+list(99, "or", `id eq "#"`)+`))`) + `)`,
		"alternatives of elements":             list(12, "or", `emails[`+list(99, "or", `value eq "#"`)+`]`),
		"many alternatives of an element":      `emails[` + list(20_000, "or", `value eq "u#@example.com"`) + `]`,
		"many alternatives of elements":        list(20_000, "or", `emails[value eq "u#@example.com"]`),
		"many alternatives":                    list(30_000, "or", `userName eq "user#"`),
		"many alternatives of a document":      list(40_000, "or", `title eq "x#"`),
		"many conditions":                      list(30_000, "and", `userName ne "nobody#"`),
		"many conditions of a document":        list(40_000, "and", `title co "e"`),
		"many conditions of members of sets":   list(20_000, "and", `groups.value ne "#"`),
		"many ranges":                          list(10_000, "or", `userName sw "x#"`),
		"many times":                           list(10_000, "or", `meta.created lt "2001-01-01T00:00:00Z"`),
		"negations":                            nested(30, "not (", `title co "e"`, ")"),
		"negations of alternatives":            nested(20, `not (userName sw "x" or `, `userName sw "user"`, ")"),
		"negations of conditions in documents": nested(20, `not (title co "xx" and `, `emails[type eq "work"]`, ")"),
		"long lists, nested":                   nested(9, `not (`+list(40, "or", `userName sw "x#"`)+` or `, `userName sw "user"`, ")"),
		"a long value":                         `title co "` + strings.Repeat("x", 900_000) + `"`,
		"a long value of a key":                `userName co "` + strings.Repeat("ä", 400_000) + `"`,
	}
	databases(t, func(t *testing.T, open func(now func() time.Time) *underTest) {
		clock := newClock()
		w := newTwin(t, open(clock.now).store, clock)
		for i := range 5 {
			document, keys, err := user.Encode(scim.User{UserName: fmt.Sprint("user", i), Title: "Engineer", Emails: []scim.Value{{Value: fmt.Sprintf("u%d@example.com", i), Type: "work"}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Create(t.Context(), scim.Ref{Tenant: "acme", Type: "User"}, scim.Change{Document: document, Keys: keys}); err != nil {
				t.Fatal(err)
			}
		}
		for name, src := range filters {
			t.Run(name, func(t *testing.T) {
				if len(src) > 1<<20 {
					t.Fatalf("the filter has %d bytes", len(src))
				}
				f, err := user.ParseFilter(src)
				if err != nil {
					t.Fatal(err)
				}
				within := &twin{t, w.store, w.twinState}
				for _, by := range []string{"", "userName", "title"} {
					sort, err := user.ParseSort(by, "")
					if err != nil {
						t.Fatal(err)
					}
					if _, err := within.List(t.Context(), scim.Query{Tenant: "acme", Type: "User", Filter: f, Sort: sort, Limit: 3, MaxScan: 1_000_000}); err != nil {
						t.Errorf("by %q: %.300v", by, err)
					}
				}
			})
		}
	})
}

// A filter about groups or members that SQL does not decide asks the database once
// for some hundred users, and twice for a group, however often it mentions them.
func TestFilterAsksSets(t *testing.T) {
	conditions := func(n int, attribute string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`%s.value ne "nobody%d"`, attribute, i)
		}
		return strings.Join(all, " and ")
	}
	watch(t, func(t *testing.T, w *watched) {
		w.populate(t, 30, 10)
		for _, c := range []struct {
			path, attribute, query string
			most                   int // statements
		}{
			{"/Users", "groups", "attributes=userName", 4},
			{"/Users", "groups", "", 4},
			{"/Groups", "members", "attributes=displayName", 3 + 2*10},
		} {
			query := c.query + "&filter=" + url.QueryEscape(conditions(500, c.attribute)+" and "+c.attribute+`.type ne "ä"`)
			answer, statements := w.ask(t, "GET", c.path, query, "", http.StatusOK)
			if strings.Contains(answer, `"totalResults":0,`) {
				t.Errorf("%s of %s: got %.200s, want all of them", c.path, c.attribute, answer)
			}
			if len(statements) > c.most {
				t.Errorf("%s of %s: %d statements, want at most %d", c.path, c.attribute, len(statements), c.most)
			}
		}
	})
}
