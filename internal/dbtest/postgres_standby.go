package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// StartStandby starts a copy of a running server that follows it by streaming
// replication, and is stopped and removed when the test ends. From its return
// on the primary acknowledges no commit before the standby has it (where the
// client's synchronous_commit is on).
func StartStandby(t testing.TB, primary *Server) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := startStandby(ctx, primary)
	if err != nil {
		t.Fatal(err)
	}
	cleanUp(t, s)
	return s
}

func startStandby(ctx context.Context, primary *Server) (_ *Server, err error) {
	conn, err := pgx.Connect(ctx, primary.DSN("postgres"))
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.Background())
	s, err := newServer(filepath.Dir(primary.dir), primary.Bin)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	// A slot keeps on the primary what the standby has yet to fetch.
	name := strings.ReplaceAll(filepath.Base(s.dir), "-", "_")
	if _, err := conn.Exec(ctx, "SELECT pg_create_physical_replication_slot($1, true)", name); err != nil {
		return nil, err
	}
	if err := s.copyFrom(ctx, primary, conn); err != nil {
		return nil, err
	}
	conf, err := os.ReadFile(filepath.Join(primary.data(), "postgresql.conf"))
	if err != nil {
		return nil, err
	}
	follow := fmt.Appendf(conf, "primary_conninfo = 'host=%s port=5432 user=%s application_name=%s'\n", primary.dir, superuser, name)
	follow = fmt.Appendf(follow, "primary_slot_name = '%s'\nwal_retrieve_retry_interval = '100ms'\n", name) // 5 s by default
	if err := errors.Join(s.write("postgresql.conf", string(follow)), s.write("standby.signal", "")); err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	if err := execSQL(primary.DSN("postgres"), "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"); err != nil {
		return nil, err
	}
	return s, waitFor(ctx, conn, "SELECT sync_state = 'sync' FROM pg_stat_replication WHERE application_name = '"+name+"'")
}

// copyFrom is a base backup (PostgreSQL's documentation, "Making a Base Backup
// Using the Low Level API"): pg_basebackup is not where there is only a server.
func (s *Server) copyFrom(ctx context.Context, primary *Server, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "SELECT pg_backup_start('standby', true)"); err != nil {
		return err
	}
	if err := s.copyFiles(primary); err != nil {
		return err
	}
	var label string
	if err := conn.QueryRow(ctx, "SELECT labelfile FROM pg_backup_stop(false)").Scan(&label); err != nil {
		return err
	}
	return s.write("backup_label", label)
}

// What of a data directory belongs to the server that runs in it.
var notCopied = map[string]bool{
	"postmaster.pid": true, "postmaster.opts": true, "standby.signal": true, "pg_wal": true, "pg_replslot": true, "pgsql_tmp": true,
}

func (s *Server) copyFiles(primary *Server) error {
	return filepath.WalkDir(primary.data(), func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the primary goes on working
		}
		if err != nil {
			return err
		}
		to := filepath.Join(s.data(), strings.TrimPrefix(file, primary.data()))
		switch {
		case d.IsDir():
			if err := errors.Join(os.Mkdir(to, 0o700), s.as.own(to)); err != nil {
				return err
			}
			if notCopied[d.Name()] {
				return fs.SkipDir
			}
			return nil
		case notCopied[d.Name()]:
			return nil
		}
		return s.copyFile(to, file)
	})
}

func (s *Server) copyFile(to, from string) error {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), s.as.own(to))
}

// Promote makes a standby a server that takes writes, and waits until it does.
// It follows its primary no longer, and waits for no standby of its own.
func (s *Server) Promote() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range []string{
		"ALTER SYSTEM RESET synchronous_standby_names", // which was copied, if the primary had had a standby before
		"SELECT pg_reload_conf()",
		"SELECT pg_promote(false)",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return waitFor(ctx, conn, "SELECT NOT pg_is_in_recovery()")
}

// waitFor asks until the answer is true.
func waitFor(ctx context.Context, conn *pgx.Conn, question string) error {
	for {
		var yes bool
		err := conn.QueryRow(ctx, question).Scan(&yes)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%s: %w", question, err)
		}
		if yes {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}
