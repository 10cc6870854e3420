// Existing-tables serves SCIM 2.0 from the tables of an application: users, teams and
// team_members (directory/schema.sql), behind a Store of its own (directory/store.go):
//
//	go run ./examples/existing-tables [-addr 127.0.0.1:8080] [-token T] [database]
//
// The database is the path of an SQLite file, by default acme.db, or the URL of a
// PostgreSQL database, postgres://…. Tables that are not there are created, with two
// users whom SCIM did not bring.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/examples/existing-tables/directory"
	"github.com/usherkit/scim/sqlfilter"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "`address` to serve on")
	token := flag.String("token", rand.Text(), "secret `token` that clients must send; default: a random one")
	flag.Parse()
	database := "acme.db"
	if flag.NArg() > 0 {
		database = flag.Arg(0)
	}
	db, dialect, err := open(context.Background(), database)
	if err != nil {
		log.Fatal(err)
	}
	handler, err := endpoint(db, dialect, *token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf(welcome, *addr, *token, query(database), customer)
	server := &http.Server{Addr: *addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// endpoint is SCIM for one customer of the application, below /scim/v2.
func endpoint(db *sql.DB, dialect sqlfilter.Dialect, token string) (http.Handler, error) {
	users, err := scim.UserType()
	if err != nil {
		return nil, err
	}
	groups, err := scim.GroupType()
	if err != nil {
		return nil, err
	}
	handler, err := scim.NewHandler(directory.New(db, dialect, users, groups), scim.StaticToken(token, scim.Principal{Tenant: customer}),
		&scim.Options{Types: []*scim.ResourceType{users, groups}})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", handler)
	return mux, nil
}

const customer = "acme" // org_id

// open opens the database and sees that the application has tables and users there.
func open(ctx context.Context, database string) (db *sql.DB, dialect sqlfilter.Dialect, err error) {
	if isPostgres(database) {
		dialect = sqlfilter.PostgreSQL
		db, err = sql.Open("pgx", database)
	} else {
		dialect = sqlfilter.SQLite
		db, err = sql.Open("sqlite", database+directory.SQLiteOptions)
	}
	if err != nil {
		return nil, 0, err
	}
	if err = directory.CreateTables(ctx, db, dialect); err == nil {
		err = signUpFirst(ctx, db)
	}
	if err != nil {
		return nil, 0, errors.Join(err, db.Close())
	}
	return db, dialect, nil
}

func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// signUpFirst makes users as the application does without SCIM, where there are none.
func signUpFirst(ctx context.Context, db *sql.DB) error {
	var users int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM users").Scan(&users); err != nil || users > 0 {
		return err
	}
	for _, u := range []struct{ login, name, title string }{
		{"Ada@acme.example", "Ada Lovelace", "Countess"},
		{"grace@acme.example", "Grace Hopper", "Rear Admiral"},
	} {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, `
			INSERT INTO users (id, org_id, login, login_key, full_name, title, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
			id.String(), customer, u.login, strings.ToLower(u.login), u.name, u.title, time.Now().UTC().Format("2006-01-02T15:04:05.000Z")); err != nil {
			return err
		}
	}
	return nil
}

// query is a command that shows what is in a table, without the password.
func query(database string) string {
	const sql = `"SELECT login, full_name, title, enabled, version FROM users ORDER BY login"`
	if !isPostgres(database) {
		return "sqlite3 -box '" + database + "' " + sql
	}
	if u, err := url.Parse(database); err == nil {
		database = u.Redacted()
	}
	return "psql '" + database + "' -c " + sql
}

const welcome = `
  SCIM 2.0 for customer %[4]q, from the tables that the application has

  In the Microsoft Entra admin center, open Enterprise applications, New
  application, Create your own application; then in the new application
  Provisioning, New configuration, and paste:

    Tenant URL     http://%[1]s/scim/v2
    Secret Token   %[2]s

  Entra calls from the internet and wants HTTPS: put a tunnel or a reverse proxy
  before this address and paste its URL instead. Then press Test connection.

  Or be the identity provider yourself, in another terminal:

    curl -H 'Authorization: Bearer %[2]s' 'http://%[1]s/scim/v2/Users'
    curl -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/scim+json' \
      -d '{"userName":"alan@acme.example","displayName":"Alan Turing","nickName":"Prof"}' 'http://%[1]s/scim/v2/Users'

  What the application sees of them:

    %[3]s

  Press Ctrl-C to stop.

`
