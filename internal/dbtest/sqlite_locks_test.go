package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

func TestSQLiteTwoProcessesWrite(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		n := openNotebook(t, driver, sqlstore.Options{})
		second := &notebook{Store: openStore(t, Open(t, driver, n.path), sqlstore.SQLite, &sqlstore.Options{Migrate: true}), t: t}
		var all sync.WaitGroup
		for i, of := range []*notebook{n, second, n, second, n, second} {
			all.Go(func() {
				for j := range 15 {
					if err := of.write(context.Background(), fmt.Sprint(i, ".", j)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got := len(n.lines()); got != 6*15 {
			t.Errorf("got %d lines, want %d", got, 6*15)
		}
	})
}

func TestSQLiteLockedByAnother(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		n := openNotebook(t, driver, sqlstore.Options{BusyTimeout: 400 * time.Millisecond})
		conn, err := n.other.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		exec := func(statement string) {
			t.Helper()
			if _, err := conn.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		exec("BEGIN IMMEDIATE")

		var all sync.WaitGroup
		start := time.Now()
		for i := range 10 {
			all.Go(func() { refusal(t, n.write(context.Background(), fmt.Sprint("refused ", i)), "busy") })
		}
		all.Wait()
		if took := time.Since(start); took < 400*time.Millisecond || took > 4*time.Second {
			t.Errorf("it took %v to refuse ten, want the timeout of one", took)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := n.write(ctx, "late"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}

		go func() {
			time.Sleep(100 * time.Millisecond)
			conn.ExecContext(context.Background(), "INSERT INTO line (text) VALUES ('theirs')")
			conn.ExecContext(context.Background(), "COMMIT")
		}()
		if err := n.write(t.Context(), "ours"); err != nil {
			t.Errorf("got %v, want that it waits", err)
		}
		n.expect("theirs", "ours")
	})
}

// A transaction has the lock from its beginning: what it has read is not changed
// by others before it writes.
func TestSQLiteTransactionsHaveTheLock(t *testing.T) {
	for name, options := range map[string]string{"deferred": "", "immediate": "?_txlock=immediate", "exclusive": "?_txlock=exclusive"} {
		t.Run(name, func(t *testing.T) {
			onEachSQLite(t, func(t *testing.T, driver string) {
				path := SQLite(t)
				n := &notebook{t: t, Store: openStore(t, Open(t, driver, "file:"+path+options), sqlstore.SQLite, &sqlstore.Options{Migrate: true})}
				other := Open(t, driver, path)
				other.SetMaxOpenConns(1)
				if _, err := other.Exec("PRAGMA busy_timeout=20"); err != nil {
					t.Fatal(err)
				}
				err := n.in(t.Context(), func(tx *sql.Tx) error {
					if _, err := other.Exec("CREATE TABLE theirs (a)"); err == nil {
						t.Error("another could write during a transaction that has not written yet")
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				if _, err := other.Exec("CREATE TABLE theirs (a)"); err != nil {
					t.Errorf("got %v after the transaction", err)
				}
			})
		})
	}
}

func TestSQLiteOnOneConnection(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		for name, dsn := range map[string]string{"file": SQLite(t), "memory": ":memory:"} {
			t.Run(name, func(t *testing.T) {
				db := Open(t, driver, dsn)
				db.SetMaxOpenConns(1)
				n := &notebook{t: t, Store: openStore(t, db, sqlstore.SQLite, &sqlstore.Options{Migrate: true}), other: db}
				if err := n.in(t.Context(), func(tx *sql.Tx) error {
					_, err := tx.Exec("CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT UNIQUE)")
					return err
				}); err != nil {
					t.Fatal(err)
				}
				var all sync.WaitGroup
				for i := range 8 {
					all.Go(func() {
						for j := range 10 {
							if err := n.write(context.Background(), fmt.Sprint(i, ".", j)); err != nil {
								t.Error(err)
							}
							if got := lines(t, db); len(got) == 0 {
								t.Error("got no lines after one was acknowledged")
							}
							_, err := n.Get(context.Background(), scim.Ref{Tenant: "t", Type: "User", ID: "none"}, scim.Projection{})
							if !errors.Is(err, scim.ErrNotFound) {
								t.Errorf("got %v, want scim.ErrNotFound", err)
							}
						}
					})
				}
				all.Wait()
				if got := len(n.lines()); got != 80 {
					t.Errorf("got %d lines, want 80", got)
				}
			})
		}
	})
}

func TestSQLiteInMemoryWantsOneConnection(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		_, err := sqlstore.Open(t.Context(), Open(t, driver, ":memory:"), sqlstore.SQLite, &sqlstore.Options{Migrate: true})
		if err == nil || !strings.Contains(err.Error(), "SetMaxOpenConns(1)") {
			t.Errorf("got %v, want an error that says what to do", err)
		}
	})
}
