package dbtest

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/tenant"
)

// A database from before there were tenants' connections holds what it held when it
// is brought up to date, by the program or by hand, and can have connections then.
func TestMigrateToTenants(t *testing.T) {
	byProgram := func(t *testing.T, at location) {
		if err := sqlstore.Migrate(t.Context(), at.open(t), at.dialect); err != nil {
			t.Fatal(err)
		}
	}
	byHand := func(t *testing.T, at location) {
		script, err := sqlstore.Script(at.dialect, 1)
		if err != nil {
			t.Fatal(err)
		}
		at.script(t, script)
	}
	for name, migrate := range map[string]func(*testing.T, location){"by the program": byProgram, "by hand": byHand} {
		t.Run(name, func(t *testing.T) {
			locations(t, func(t *testing.T, at location) { migrateToTenants(t, at, migrate) })
		})
	}
}

func migrateToTenants(t *testing.T, at location, migrate func(*testing.T, location)) {
	first, err := fs.ReadFile(sqlstore.Migrations(at.dialect), "0001_directory.sql")
	if err != nil {
		t.Fatal(err)
	}
	up, _, _ := strings.Cut(string(first), "-- +goose Down")
	at.script(t, up)
	execute(t, at.open(t), "CREATE TABLE scim_migration (version integer NOT NULL PRIMARY KEY, name text NOT NULL, applied_ms bigint NOT NULL)",
		"INSERT INTO scim_migration VALUES (1, 'directory', 0)")
	loadCrowd(t, at.open(t), at.dialect, crowd{"'acme'", "i", 1, 100, 3, 30})
	_, err = sqlstore.Open(t.Context(), at.open(t), at.dialect, nil)
	toldUnavailable(t, "Open before the migration", err, "of version 1, and version")

	migrate(t, at)
	if got := at.version(t); got < 2 {
		t.Fatalf("got version %d after the migration, want 2 or more", got)
	}
	store := at.store(t, nil)
	page, err := store.List(t.Context(), scim.Query{Tenant: "acme", Type: "User", Limit: 1000})
	if err != nil || len(page.Resources) != 100 {
		t.Errorf("got %d users after the migration, %v; want 100", len(page.Resources), err)
	}
	if got := number(t, at.open(t), "SELECT count(*) FROM scim_member"); got != 70 {
		t.Errorf("got %d memberships after the migration, want 70", got)
	}
	want := tenant.Connection{Tenant: "acme", ID: "c", Version: 1}
	if err := store.Tenants().Add(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Tenants().Connection(t.Context(), want.Ref()); err != nil || got.Ref() != want.Ref() {
		t.Errorf("got %+v, %v; want the connection that was added", got, err)
	}
	created(t, store, "after")
}

// Who takes the last step back takes the connections away, and nothing else.
func TestMigrateBackFromTenants(t *testing.T) {
	locations(t, func(t *testing.T, at location) {
		store := at.store(t, &sqlstore.Options{Migrate: true})
		was := created(t, store, "before")
		second, err := fs.ReadFile(sqlstore.Migrations(at.dialect), "0002_tenants.sql")
		if err != nil {
			t.Fatal(err)
		}
		_, down, _ := strings.Cut(string(second), "-- +goose Down\n")
		at.script(t, down)
		if got, err := store.Get(t.Context(), was.Ref, scim.Projection{}); err != nil || got.Document.String() != was.Document.String() {
			t.Errorf("got %v, %v; want the user that was there", got, err)
		}
		_, err = store.Tenants().Connection(t.Context(), tenant.Ref{Tenant: "acme", ID: "c"})
		toldUnavailable(t, "a connection without the tables", err, "has not been set up")
		if at.dialect == sqlfilter.SQLite && !strings.Contains(at.catalogue(t), "scim_member") {
			t.Error("the tables of the first migration are gone")
		}
	})
}
