package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
	"github.com/usherkit/scim/sqlstore/pgxstore"
	"github.com/usherkit/scim/tenant"
)

// databaseFlags say where users and groups are kept.
type databaseFlags struct {
	DB   string        `name:"db" default:"usher.db" env:"USHER_DB" placeholder:"FILE|URL" help:"Where users and groups are kept: an SQLite file, which usher serve makes if there is none, or postgres://user:password@host/database. Default: usher.db."`
	Wait time.Duration `placeholder:"DURATION" help:"How long to wait at the start for a database that does not answer. Default: not at all."`
}

const inMemory = "memory" // as a value of -db

// check reports what cannot be a database. It shows nothing that may hold a
// password.
func (f *databaseFlags) check() error {
	scheme, _, isURL := strings.Cut(f.DB, "://")
	switch {
	case f.isPostgres(), f.DB == inMemory:
		return nil
	case isURL:
		return fmt.Errorf("-db: there is nothing for %s://; want a file for SQLite, postgres://user:password@host/database, or memory", scheme)
	case keyword.MatchString(f.DB), strings.HasPrefix(f.DB, "postgres:"), strings.HasPrefix(f.DB, "postgresql:"): // and a password, perhaps
		return errors.New("-db: give PostgreSQL's address as a URL, postgres://user:password@host/database")
	case strings.HasPrefix(f.DB, "file:"), strings.HasPrefix(f.DB, ":"):
		return fmt.Errorf("-db %s: want the plain name of a file, or %s", f.DB, inMemory)
	}
	return nil
}

// keyword finds an address of PostgreSQL in libpq's other form, keywords and values.
var keyword = regexp.MustCompile(`(?i)(^|[\s?&])(dbname|host|hostaddr|port|user|password|passfile|service|servicefile|sslmode|sslkey|sslcert|sslpassword|options)\s*=`)

func (f *databaseFlags) isPostgres() bool {
	return strings.HasPrefix(f.DB, "postgres://") || strings.HasPrefix(f.DB, "postgresql://")
}

func (f *databaseFlags) dialect() sqlstore.Dialect {
	if f.isPostgres() {
		return sqlstore.PostgreSQL
	}
	return sqlstore.SQLite
}

// A database is one that answers.
type database struct {
	*sql.DB
	pool *pgxpool.Pool // that DB takes its connections from; nil for SQLite
	name string        // for people: without a user, a password and parameters
}

// connect reaches the database by a number of connections at most. A file that
// is not there is made if create is set.
func (f *databaseFlags) connect(ctx context.Context, logger *slog.Logger, connections int, create bool) (*database, error) {
	d, err := f.open(connections, create)
	if err != nil {
		return nil, fmt.Errorf("-db: %w", err)
	}
	if err := d.reach(ctx, logger, f.Wait); err != nil {
		return nil, errors.Join(d.failed(err), d.Close())
	}
	return d, nil
}

func (f *databaseFlags) open(connections int, create bool) (*database, error) {
	if f.isPostgres() {
		config, err := poolConfig(f.DB)
		if err != nil {
			return nil, err
		}
		config.MaxConns = int32(connections)
		config.MaxConnLifetime = 30 * time.Minute // and so come to servers that were added, or took over
		pool, err := pgxpool.NewWithConfig(context.Background(), config)
		if err != nil {
			return nil, err
		}
		return &database{stdlib.OpenDBFromPool(pool), pool, nameOf(config.ConnConfig)}, nil
	}
	dsn, err := fileDSN(f.DB, create)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &database{db, nil, f.DB}, nil
}

// withoutJIT turns off the compiling of queries: it takes half a minute for a long
// filter that takes a tenth of a second to run. Not as a parameter of the connection,
// which poolers refuse that do not know it.
func withoutJIT(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET jit = off")
	var refused *pgconn.PgError
	if errors.As(err, &refused) && !conn.IsClosed() { // by an engine that has no such thing
		return nil
	}
	return err
}

// Close closes all connections, when those who use them are done.
func (d *database) Close() error {
	err := d.DB.Close()
	if d.pool != nil {
		d.pool.Close()
	}
	return err
}

// durable is a Store in a database.
type durable interface {
	scim.Transactor
	Ping(context.Context) error
	Tenants() tenant.Store
	DeleteTenant(ctx context.Context, tenant string) (deleted int, err error)
}

// store returns the Store in the database, to be closed before that.
func (d *database) store(ctx context.Context, migrate bool) (store durable, closeStore func() error, err error) {
	if d.pool != nil {
		store, err := pgxstore.Open(ctx, d.pool, &pgxstore.Options{Migrate: migrate})
		return store, func() error { return nil }, err
	}
	s, err := sqlstore.Open(ctx, d.DB, sqlstore.SQLite, &sqlstore.Options{Migrate: migrate})
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

// migrate brings the schema up to date.
func (d *database) migrate(ctx context.Context) error {
	if d.pool != nil {
		return pgxstore.Migrate(ctx, d.pool)
	}
	return sqlstore.Migrate(ctx, d.DB, sqlstore.SQLite)
}

// poolConfig reads a URL, and adds what suits the Store where that says nothing. Its
// error has no part of a password in it.
func poolConfig(dsn string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err == nil {
		if !strings.Contains(dsn, "statement_cache_capacity") {
			config.ConnConfig.StatementCacheCapacity = 128 // each of which the server keeps, for each connection
		}
		params := config.ConnConfig.RuntimeParams
		if _, told := params["jit"]; !told && !strings.Contains(params["options"], "jit") {
			config.AfterConnect = withoutJIT
		}
		return config, nil
	}
	if _, unclear := url.Parse(dsn); unclear != nil { // so it is unclear, too, what the password in it is
		return nil, errors.New("that is no URL of PostgreSQL; in a password, / ? # @ : and % are written %2F %3F %23 %40 %3A and %25")
	}
	return nil, err
}

// nameOf names a database of PostgreSQL without what is secret.
func nameOf(config *pgx.ConnConfig) string {
	hosts := []string{}
	add := func(host string, port uint16) {
		if strings.HasPrefix(host, "/") { // the directory of a socket
			host = url.PathEscape(host)
		}
		if host = net.JoinHostPort(host, strconv.Itoa(int(port))); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	add(config.Host, config.Port)
	for _, f := range config.Fallbacks {
		add(f.Host, f.Port)
	}
	return "postgres://" + strings.Join(hosts, ",") + "/" + cmp.Or(config.Database, config.User)
}

// withoutPassword is a value of -db to be printed: the URL of PostgreSQL has its user and
// parameters still, as others need them too.
func withoutPassword(db string) string {
	scheme, rest, isURL := strings.Cut(db, "://")
	if !isURL {
		return db
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	authority, rest := rest[:end], rest[end:]
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, _, _ := strings.Cut(authority[:at], ":")
		authority = user + authority[at:]
	}
	path, query, _ := strings.Cut(rest, "?")
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(parameter string) bool {
		name, _, _ := strings.Cut(parameter, "=")
		name, err := url.QueryUnescape(name)
		return err != nil || name == "" || strings.EqualFold(name, "password") || strings.EqualFold(name, "sslpassword")
	})
	return strings.TrimSuffix(scheme+"://"+authority+path+"?"+strings.Join(kept, "&"), "?")
}

// fileDSN returns the DSN of an SQLite file. Only its owner may read a file that
// it makes, since it has personal data in it, and SQLite makes those beside it
// alike.
func fileDSN(path string, create bool) (string, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return "", err
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // C:/…
		path = "/" + path
	}
	at := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(5000)"}
	return at.String(), nil
}

// reach returns when the database answers, for which it waits.
func (d *database) reach(ctx context.Context, logger *slog.Logger, wait time.Duration) error {
	until := time.Now().Add(wait)
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := d.answers(ctx)
		if err == nil || ctx.Err() != nil || !time.Now().Add(pause).Before(until) {
			return err
		}
		logger.Warn("waiting for the database", "db", d.name, "err", plainly(err))
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (d *database) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return d.PingContext(ctx)
}

// version returns the version of the schema, which is 0 where there is none.
func (d *database) version(ctx context.Context) (version int) {
	if err := d.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM scim_migration").Scan(&version); err != nil {
		return 0
	}
	return version
}

func (d *database) failed(err error) error {
	return fmt.Errorf("%s: %s", d.name, plainly(err))
}

// plainly says in a line what a database said, which the operator may read and
// clients may not.
func plainly(err error) string {
	text := err.Error()
	var told *scim.Error
	if errors.As(err, &told) {
		text = told.Detail
		if told.Err != nil {
			text += ": " + told.Err.Error()
		}
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}
