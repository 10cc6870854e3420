package directory

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/storetest"
)

func onSQLite(t *testing.T) scim.Store {
	t.Helper()
	store, _ := open(t)
	return store
}

func open(t *testing.T) (*Store, *sql.DB) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "app.db")+SQLiteOptions+"&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := CreateTables(t.Context(), db, sqlfilter.SQLite); err != nil {
		t.Fatal(err)
	}
	users, err := scim.UserType(scim.Extension{Schema: badges})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	return New(db, sqlfilter.SQLite, users, groups), db
}

const badgesURI = "urn:example:badges:2.0:User"

var badges = &scim.Schema{ID: badgesURI, Attributes: []scim.Attribute{{Name: "number", Type: scim.TypeInteger}}}

func TestStore(t *testing.T) {
	// Each of a hundred thousand users would be a transaction.
	short := flag.Lookup("test.short").Value.String()
	defer flag.Set("test.short", short)
	flag.Set("test.short", "true")
	storetest.Run(t, onSQLite)
}

func TestEndToEnd(t *testing.T) { storetest.EndToEnd(t, onSQLite) }

func TestStoreIsShort(t *testing.T) {
	text, err := os.ReadFile("store.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n >= 200 {
		t.Errorf("store.go has %d lines, and is said to have less than 200", n)
	}
}

// What the application writes into its columns is what SCIM reads, and what else SCIM
// has said stays.
func TestColumnsAreTheApplications(t *testing.T) {
	const said = `{"userName":"ada@x.example","name":{"formatted":"Ada L.","givenName":"Ada"},"title":"Countess","active":true,` +
		`"emails":[{"value":"ada@x.example"}],"` + scim.EnterpriseUserSchemaURI + `":{"costCenter":"7","department":"Engines"},"` + badgesURI + `":{"number":9007199254740993}}`
	with := func(old, changed string) string { return strings.Replace(said, old, changed, 1) }
	for _, tt := range []struct{ name, set, want string }{
		{"nothing", "version = version", said},
		{"a text", "title = 'Reader'", with("Countess", "Reader")},
		{"to none", "title = ''", with(`"title":"Countess",`, "")},
		{"one there was none of", "full_name = 'A. Lovelace'", with(`"title"`, `"displayName":"A. Lovelace","title"`)},
		{"a boolean", "enabled = FALSE", with("true", "false")},
		{"in a complex attribute", "family_name = 'Lovelace'", with(`L.",`, `L.","familyName":"Lovelace",`)},
		{"in an extension", "department = ''", with(`,"department":"Engines"`, "")},
		{"before there was SCIM", "scim = NULL", `{"userName":"ada@x.example","name":{"givenName":"Ada"},"title":"Countess","active":true,"` + scim.EnterpriseUserSchemaURI + `":{"department":"Engines"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, db := open(t)
			r := create(t, store, said)
			if _, err := db.Exec("UPDATE users SET " + tt.set); err != nil {
				t.Fatal(err)
			}
			got, err := store.Get(t.Context(), r.Ref, scim.Projection{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Document.String() != tt.want {
				t.Errorf("got  %s\nwant %s", got.Document, tt.want)
			}
		})
	}
}

// Whoever said what, a filter finds what the Resources say.
func TestFiltersAgreeWithMatch(t *testing.T) {
	store, db := open(t)
	for i, active := range []string{``, `,"active":true`, `,"active":false`} {
		for j, set := range []string{"version = version", "enabled = TRUE", "enabled = FALSE", "title = 'Reader'", "title = ''", "scim = NULL"} {
			r := create(t, store, fmt.Sprintf(`{"userName":"user%d%d","title":"Countess"%s}`, i, j, active))
			if _, err := db.Exec("UPDATE users SET "+set+" WHERE id = $1", r.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	q := scim.Query{Type: "User", Limit: 100}
	all, err := store.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, filter := range []string{"active eq true", "active eq false", "active ne true", "active pr", "not (active pr)", `title eq "reader"`, "title pr", `active eq true and title ne "countess"`} {
		if q.Filter, err = store.tables["User"].ParseFilter(filter); err != nil {
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
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s: got %q, want %q", filter, got, want)
		}
	}
}

func create(t *testing.T, store *Store, document string) *scim.Resource {
	t.Helper()
	d, keys, err := store.tables["User"].Encode(json.RawMessage(document))
	if err != nil {
		t.Fatal(err)
	}
	u, err := store.Create(t.Context(), scim.Ref{Type: "User"}, scim.Change{Document: d, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return u.Resource
}

type sqlState string

func (s sqlState) Error() string    { return "the database says " + string(s) }
func (s sqlState) SQLState() string { return string(s) }

// A transaction that lost to others is done again, and not for ever.
func TestTransactionsAreDoneAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails int // so often, before it succeeds
		with  error
		calls int
		want  error
	}{
		{"at once", 0, nil, 1, nil},
		{"deadlock", 1, sqlState("40P01"), 2, nil},
		{"serialization failure", 3, sqlState("40001"), 4, nil},
		{"a value is taken", 1, sqlState("23505"), 1, sqlState("23505")},
		{"for ever", 1000, sqlState("40001"), 10, scim.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, db := open(t)
			calls := 0
			err := inTx(t.Context(), db, func(*sql.Tx) error {
				if calls++; calls <= tt.fails {
					return fmt.Errorf("write: %w", tt.with)
				}
				return nil
			})
			if calls != tt.calls || !errors.Is(err, tt.want) {
				t.Errorf("got %d calls, %v; want %d, %v", calls, err, tt.calls, tt.want)
			}
		})
	}
}
