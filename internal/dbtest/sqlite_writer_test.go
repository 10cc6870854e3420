package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

// These tests are about how writes to SQLite share commits. They write to a table
// of their own, in transactions of the Store.

// onEachSQLite runs a test with each driver.
func onEachSQLite(t *testing.T, test func(t *testing.T, driver string)) {
	for _, driver := range SQLiteDrivers() {
		t.Run(driver, func(t *testing.T) { test(t, driver) })
	}
}

// A notebook is a table of lines beside a Store's own.
type notebook struct {
	*sqlstore.Store
	t      *testing.T
	driver string
	path   string
	other  *sql.DB // as another process would see it
}

func openNotebook(t *testing.T, driver string, o sqlstore.Options) *notebook {
	t.Helper()
	path := SQLite(t)
	n := &notebook{t: t, driver: driver, path: path, other: Open(t, driver, path)}
	o.Migrate = true
	n.Store = openStore(t, Open(t, driver, path), sqlstore.SQLite, &o)
	n.in(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT UNIQUE)")
		return err
	})
	return n
}

// in runs fn in a transaction.
func (n *notebook) in(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return n.InTx(ctx, func(ctx context.Context, _ scim.Store) error {
		tx, ok := sqlstore.Tx(ctx)
		if !ok {
			return errors.New("no transaction in the context")
		}
		return fn(tx)
	})
}

func (n *notebook) write(ctx context.Context, line string) error {
	return n.in(ctx, writes(line))
}

func writes(line string) func(tx *sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO line (text) VALUES (?)", line)
		return err
	}
}

// lines are the lines that are committed.
func (n *notebook) lines() []string { return lines(n.t, n.other) }

func lines(t *testing.T, db *sql.DB) (texts []string) {
	t.Helper()
	rows, err := db.Query("SELECT text FROM line ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

func (n *notebook) expect(want ...string) {
	n.t.Helper()
	if got := n.lines(); !slices.Equal(got, want) {
		n.t.Errorf("got the lines %q, want %q", got, want)
	}
}

// hold keeps the turn to write until release is called, so that those who come
// meanwhile are in one group with it. It returns when it has it.
func (n *notebook) hold(line string) (release func()) {
	begun, end, done := make(chan bool), make(chan bool), make(chan error)
	go func() {
		done <- n.in(context.Background(), func(tx *sql.Tx) error {
			close(begun)
			<-end
			return writes(line)(tx)
		})
	}()
	<-begun
	return func() {
		n.t.Helper()
		close(end)
		if err := <-done; err != nil {
			n.t.Errorf("%s: %v", line, err)
		}
	}
}

// await waits until so many wait for their turn: it has no other sign than where
// their goroutines are.
func await(t *testing.T, waiting int) {
	t.Helper()
	for range 2000 {
		if goroutines("(*committer).enter") >= waiting {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d wait for their turn, want %d", goroutines("(*committer).enter"), waiting)
}

// goroutines counts those that are in a function, blocked.
func goroutines(function string) (n int) {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		head, _, _ := bytes.Cut(stack, []byte("\n"))
		if bytes.Contains(stack, []byte(function)) && bytes.Contains(head, []byte("[select")) {
			n++
		}
	}
	return n
}

// commits counts the transactions in the write-ahead log since it was begun anew
// (https://sqlite.org/fileformat2.html#walformat).
func (n *notebook) commits() (commits int) {
	n.t.Helper()
	log, err := os.ReadFile(n.path + "-wal")
	if err != nil {
		n.t.Fatal(err)
	}
	const header, frameHeader = 32, 24
	if len(log) < header {
		return 0
	}
	size, salt := int(binary.BigEndian.Uint32(log[8:])), log[16:24]
	for frames := log[header:]; len(frames) >= frameHeader+size; frames = frames[frameHeader+size:] {
		if !bytes.Equal(frames[8:16], salt) {
			break // of an earlier time
		}
		if binary.BigEndian.Uint32(frames[4:]) != 0 {
			commits++
		}
	}
	return commits
}

func TestSQLiteWritersShareACommit(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		n := openNotebook(t, driver, sqlstore.Options{})
		before := n.commits()
		release := n.hold("first")
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				if err := n.write(context.Background(), fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			})
		}
		await(t, 30)
		if got := n.lines(); len(got) > 0 {
			t.Fatalf("got the lines %q before the commit, want none", got)
		}
		release()
		all.Wait()
		if got := n.lines(); len(got) != 31 {
			t.Errorf("got %d lines, want 31", len(got))
		}
		// One for all, but that a group is not open for long, and this machine may be slow.
		if got := n.commits() - before; got > 6 {
			t.Errorf("31 writes took %d commits, want them to share", got)
		}
	})
}

func TestSQLiteWritesAreThereWhenTheyAreAcknowledged(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		n := openNotebook(t, driver, sqlstore.Options{})
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				for j := range 15 {
					line := fmt.Sprint(i, ".", j)
					if err := n.write(context.Background(), line); err != nil {
						t.Error(err)
						continue
					}
					var found int
					if err := n.other.QueryRow("SELECT count(*) FROM line WHERE text = ?", line).Scan(&found); err != nil || found != 1 {
						t.Errorf("%s was acknowledged and is there %d times, error %v", line, found, err)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestSQLiteWriterUndoesItsOwnPartAlone(t *testing.T) {
	mine := errors.New("mine")
	ends := map[string]struct {
		reason string
		end    func(tx *sql.Tx) error
		want   error
	}{
		"an error":     {"the application's own", func(*sql.Tx) error { return mine }, mine},
		"a constraint": {"an error of SQLite's that leaves the transaction", writes("first"), nil},
		"a panic":      {"of a hook; net/http recovers it", func(*sql.Tx) error { panic(mine) }, mine},
		"no statement": {"SQL that is wrong", func(tx *sql.Tx) error { _, err := tx.Exec("NONSENSE"); return err }, nil},
	}
	onEachSQLite(t, func(t *testing.T, driver string) {
		for name, c := range ends {
			t.Run(name, func(t *testing.T) {
				n := openNotebook(t, driver, sqlstore.Options{})
				release := n.hold("first")
				var all sync.WaitGroup
				write := func(line string, end func(*sql.Tx) error) (answer *error) {
					answer = new(error)
					queued := goroutines("(*committer).enter")
					all.Go(func() {
						defer func() {
							if p := recover(); p != nil {
								*answer = p.(error)
							}
						}()
						*answer = n.in(context.Background(), func(tx *sql.Tx) error {
							if err := writes(line)(tx); err != nil || end == nil {
								return err
							}
							return end(tx)
						})
					})
					await(t, queued+1)
					return answer
				}
				before, fails, after := write("before", nil), write("fails", c.end), write("after", nil)
				release()
				all.Wait()
				if *before != nil || *after != nil {
					t.Errorf("the others got %v and %v, want no error", *before, *after)
				}
				if *fails == nil || c.want != nil && !errors.Is(*fails, c.want) {
					t.Errorf("got %v, want %v (%s)", *fails, c.want, c.reason)
				}
				n.expect("first", "before", "after")
				if err := n.write(t.Context(), "later"); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestSQLiteWriterMayGiveUpWaiting(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		n := openNotebook(t, driver, sqlstore.Options{})
		release := n.hold("first")
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan error)
		go func() { answer <- n.write(ctx, "gone") }()
		await(t, 1)
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled while another has the turn", err)
		}
		release()
		n.expect("first")

		ctx, cancel = context.WithCancel(t.Context())
		err := n.in(ctx, func(tx *sql.Tx) error {
			cancel()
			return writes("begun")(tx)
		})
		if err != nil {
			t.Errorf("got %v, want that a turn which has begun ends", err)
		}
		n.expect("first", "begun")
	})
}

// The database is full for one who writes much. Whoever is told that their line is
// written has it written, the others do not, and afterwards all is well.
func TestSQLiteFull(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		n := openNotebook(t, driver, sqlstore.Options{})
		var all sync.WaitGroup
		var crowd sync.Once
		answers := make([]error, 9)
		err := n.in(t.Context(), func(tx *sql.Tx) error {
			var pages int
			if err := tx.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
				return err
			}
			if err := tx.QueryRow(fmt.Sprintf("PRAGMA max_page_count=%d", pages+20)).Scan(&pages); err != nil {
				return err
			}
			crowd.Do(func() { // who lose their group with another try again
				for i := range answers {
					all.Go(func() {
						answers[i] = n.in(context.Background(), func(tx *sql.Tx) error {
							if err := writes(fmt.Sprint(i))(tx); err != nil || i != 4 {
								return err
							}
							return writes(strings.Repeat("much", 100_000))(tx)
						})
					})
				}
				await(t, len(answers))
			})
			return writes("first")(tx)
		})
		all.Wait()
		if err != nil {
			t.Errorf("first: %v", err)
		}
		there := n.lines()
		for i, err := range answers {
			if written := slices.Contains(there, fmt.Sprint(i)); written != (err == nil) {
				t.Errorf("%d: written %t, answered %v", i, written, err)
			}
			if i != 4 && err != nil {
				t.Errorf("%d got %v, want its line written, if need be in another group", i, err)
			}
		}
		refusal(t, answers[4], "no room left")
		if err := n.write(t.Context(), "later"); err != nil {
			t.Error(err)
		}
	})
}

// Whoever goes on after an error that may have ended the transaction writes
// nothing: each statement would be one of its own.
func TestSQLiteFullCannotBeOverlooked(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		n := openNotebook(t, driver, sqlstore.Options{})
		err := n.InTx(t.Context(), func(ctx context.Context, s scim.Store) error {
			tx, _ := sqlstore.Tx(ctx)
			var pages int
			if err := tx.QueryRow("PRAGMA max_page_count=1").Scan(&pages); err != nil { // as many as there are
				return err
			}
			if _, err := s.Create(ctx, users, userNamed(t, "much"+strings.Repeat("x", 200_000))); err == nil {
				t.Error("a full database took a large user")
			}
			if _, err := s.Create(ctx, users, userNamed(t, "little")); err == nil {
				t.Error("a transaction went on that may be no more")
			}
			return nil
		})
		refusal(t, err, "no room left")
		if got := countUsers(t, n, ""); got != 0 {
			t.Errorf("got %d users, want none", got)
		}
	})
}

// refusal checks that an error is one to try again later, and says what with no
// word of the database's own.
func refusal(t *testing.T, err error, want string) {
	t.Helper()
	var said *scim.Error
	if !errors.As(err, &said) || !errors.Is(err, scim.ErrUnavailable) {
		t.Errorf("got %v, want scim.ErrUnavailable", err)
		return
	}
	if !strings.Contains(said.Detail, want) || strings.Contains(strings.ToLower(said.Detail), "sql") {
		t.Errorf("got the detail %q, want one with %q", said.Detail, want)
	}
}

// A write with the Store instead of the one that InTx hands over does not wait for
// itself: it is in the transaction.
func TestSQLiteWriteWithinAWrite(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		n := openNotebook(t, driver, sqlstore.Options{})
		undo := errors.New("undo")
		err := n.InTx(t.Context(), func(ctx context.Context, _ scim.Store) error {
			if _, err := n.Create(ctx, users, userNamed(t, "within")); err != nil {
				return err
			}
			return undo
		})
		if err != undo {
			t.Errorf("got %v, want %v", err, undo)
		}
		if got := countUsers(t, n, ""); got != 0 {
			t.Errorf("got %d users, want none", got)
		}
	})
}

// The write-ahead log is brought into the database while there are writes, and
// does not grow with them.
func TestSQLiteLogStaysShort(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		n := openNotebook(t, driver, sqlstore.Options{})
		const pages = 4000 // of the log, at which a checkpoint is made at the latest
		for i := range 60 {
			if err := n.in(t.Context(), func(tx *sql.Tx) error {
				return writes(fmt.Sprint(i) + strings.Repeat("x", 1<<20))(tx)
			}); err != nil {
				t.Fatal(err)
			}
		}
		info, err := os.Stat(n.path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if most := int64(pages * 4096 * 3 / 2); info.Size() > most {
			t.Errorf("the log has %d bytes after 60 MiB were written, want at most %d", info.Size(), most)
		}
	})
}

func TestSQLiteCloseLeavesNothing(t *testing.T) {
	onEachSQLite(t, func(t *testing.T, driver string) {
		path := SQLite(t)
		db := Open(t, driver, path)
		store, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		n := &notebook{t: t, Store: store, other: db}
		if err := n.in(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec("CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT UNIQUE)")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		release := n.hold("under way")
		closed := make(chan error)
		go func() { closed <- store.Close() }()
		for waitToClose() == 0 {
			time.Sleep(time.Millisecond)
		}
		refusal(t, n.write(t.Context(), "late"), "stopped")
		release()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		n.expect("under way")

		if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
			t.Errorf("the log has %d bytes, want none", info.Size())
		}
		if got := db.Stats().InUse; got != 0 {
			t.Errorf("%d connections are in use, want none", got)
		}
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if bytes.Contains(stacks, []byte("sqlstore.(*checkpointer)")) {
			t.Errorf("a goroutine is left:\n%s", stacks)
		}
		if err := store.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
	})
}

func waitToClose() int {
	stacks := make([]byte, 1<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("sqlstore.(*committer).close("))
}
