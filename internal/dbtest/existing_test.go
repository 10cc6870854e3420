package dbtest

import (
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/usherkit/scim"
	existing "github.com/usherkit/scim/examples/existing-tables/directory"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/storetest"
)

// existingTables returns the Store of examples/existing-tables, whose own tests are
// on SQLite.
func existingTables(t *testing.T) (*existing.Store, *sql.DB, *scim.ResourceType) {
	t.Helper()
	db := Open(t, DriverPGX, Postgres(t))
	if err := existing.CreateTables(t.Context(), db, sqlfilter.PostgreSQL); err != nil {
		t.Fatal(err)
	}
	users, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	groups, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	return existing.New(db, sqlfilter.PostgreSQL, users, groups), db, users
}

func TestExistingTables(t *testing.T) {
	// Each of a hundred thousand users would be a transaction.
	short := flag.Lookup("test.short").Value.String()
	defer flag.Set("test.short", short)
	flag.Set("test.short", "true")
	storetest.Run(t, func(t *testing.T) scim.Store {
		store, _, _ := existingTables(t)
		return store
	})
}

// Whoever said what, the application or SCIM, a filter finds what the Resources say.
func TestExistingTablesChangedByTheApplication(t *testing.T) {
	store, db, users := existingTables(t)
	for i, active := range []string{``, `,"active":true`, `,"active":false`} {
		for j, set := range []string{"version = version", "enabled = TRUE", "enabled = FALSE", "title = 'Reader'", "title = ''", "scim = NULL"} {
			d, keys, err := users.Encode(json.RawMessage(fmt.Sprintf(`{"userName":"user%d%d","nickName":"Nick","title":"Countess"%s}`, i, j, active)))
			if err != nil {
				t.Fatal(err)
			}
			u, err := store.Create(t.Context(), scim.Ref{Type: "User"}, scim.Change{Document: d, Keys: keys})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("UPDATE users SET "+set+" WHERE id = $1", u.Resource.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	q := scim.Query{Type: "User", Limit: 100}
	all, err := store.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for filter, found := range map[string]int{
		"active eq true": 7, "active eq false": 7, "active pr": 14, "active ne true": 11, // of 4 users nobody has said
		`title eq "reader"`: 3, "title pr": 15, `nickName eq "nick"`: 15,
	} {
		if q.Filter, err = users.ParseFilter(filter); err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, r := range all.Resources {
			ok, err := scim.Match(q.Filter, r)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				want = append(want, r.User().UserName)
			}
		}
		page, err := store.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Resources {
			got = append(got, r.User().UserName)
		}
		if !slices.Equal(got, want) || len(want) != found {
			t.Errorf("%s: got %q, want %q, of whom there are %d", filter, got, want, found)
		}
	}
}
