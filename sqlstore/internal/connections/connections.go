// Package connections is the Store of package tenant in the tables of sqlstore.
package connections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim/sqlfilter"
	"github.com/usherkit/scim/sqlstore/internal/engine"
	"github.com/usherkit/scim/tenant"
)

// A Store is a tenant.Store. Its methods are no part of a transaction of the
// resources' Store, and do not wait for one in their context.
type Store struct {
	db  engine.Others
	sql *statements
}

var _ tenant.Store = (*Store)(nil)

// New returns a Store in a database whose schema is there.
func New(db engine.Others, d sqlfilter.Dialect) *Store {
	if d == sqlfilter.SQLite {
		return &Store{db, sqlite()}
	}
	return &Store{db, postgres()}
}

// settings are a Connection but for what has a column of its own.
type settings struct {
	tenant.Connection
	Tenant, ID, Created, Version, Status *struct{} `json:",omitempty"` // in place of the Connection's
}

func settingsOf(c *tenant.Connection) (string, error) {
	text, err := json.Marshal(settings{Connection: *c})
	return string(text), err
}

// A row is a Connection as it is read.
type row struct {
	tenant, id    string
	version       int
	created       int64
	settings      string
	seen, errorAt *int64
	error         string
	unknown       *int64
	held          *int64
	heldReason    string
	approved      *int64
}

func (r *row) dest() []any {
	return []any{&r.tenant, &r.id, &r.version, &r.created, &r.settings, &r.seen, &r.errorAt, &r.error, &r.unknown, &r.held, &r.heldReason, &r.approved}
}

func (r *row) connection() (tenant.Connection, error) {
	var s settings
	if err := json.Unmarshal([]byte(r.settings), &s); err != nil {
		return tenant.Connection{}, fmt.Errorf("sqlstore: the settings of connection %s: %w", r.id, err)
	}
	c := s.Connection
	c.Tenant, c.ID, c.Version, c.Created = r.tenant, r.id, r.version, timeOf(&r.created)
	c.Status = tenant.Status{
		LastSeen: timeOf(r.seen), LastError: r.error, LastErrorAt: timeOf(r.errorAt), LastUnknown: timeOf(r.unknown),
		Held: timeOf(r.held), HeldReason: r.heldReason, Approved: timeOf(r.approved),
	}
	return c, nil
}

// millis is a time as it is stored: null, if there is none.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

func timeOf(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}

// text is a text of others as a database can hold it.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

func legible(ref tenant.Ref) bool { return engine.Legible(ref.Tenant, ref.ID) }

// Add implements tenant.Store.
func (s *Store) Add(ctx context.Context, c tenant.Connection) error {
	if !legible(c.Ref()) {
		return fmt.Errorf("%w: Tenant or ID is no text", tenant.ErrInvalid)
	}
	settings, err := settingsOf(&c)
	if err != nil {
		return err
	}
	n, err := s.db.Exec(ctx, s.sql.Add, c.Tenant, c.ID, c.Version, c.Created.UnixMilli(), settings)
	if err == nil && n == 0 {
		return errors.New("tenant: there is a connection with this ID already")
	}
	return err
}

// Connection implements tenant.Store.
func (s *Store) Connection(ctx context.Context, ref tenant.Ref) (tenant.Connection, error) {
	if !legible(ref) {
		return tenant.Connection{}, tenant.ErrNotFound
	}
	var r row
	if err := s.one(ctx, r.dest(), s.sql.Get, ref.Tenant, ref.ID); err != nil {
		return tenant.Connection{}, err
	}
	return r.connection()
}

// one reads the only row of a query, or reports tenant.ErrNotFound.
func (s *Store) one(ctx context.Context, dest []any, query string, args ...any) error {
	return s.db.Read(ctx, func(q engine.Querier) error { return oneOf(ctx, q, dest, query, args...) })
}

func oneOf(ctx context.Context, q engine.Querier, dest []any, query string, args ...any) error {
	found, err := engine.One(ctx, q, dest, query, args...)
	if err == nil && !found {
		return tenant.ErrNotFound
	}
	return err
}

// Find implements tenant.Store.
func (s *Store) Find(ctx context.Context, id string, at time.Time) (c tenant.Connection, live bool, err error) {
	if !engine.Legible(id) {
		return tenant.Connection{}, false, tenant.ErrNotFound
	}
	var r row
	if err := s.one(ctx, append(r.dest(), &live), s.sql.Find, id, at.UnixMilli()); err != nil {
		return tenant.Connection{}, false, err
	}
	c, err = r.connection()
	return c, live, err
}

// Connections implements tenant.Store.
func (s *Store) Connections(ctx context.Context, of string, after tenant.Ref, limit int) ([]tenant.Connection, error) {
	if of > after.Tenant {
		after = tenant.Ref{Tenant: of}
	}
	if !engine.Legible(of) {
		return nil, ctx.Err()
	}
	page, err := s.AllConnections(ctx, after, limit)
	// To look no further than the tenant is left to this: the database is then sure to
	// go along the key.
	if end := slices.IndexFunc(page, func(c tenant.Connection) bool { return c.Tenant != of }); end >= 0 {
		page = page[:end]
	}
	return page, err
}

// AllConnections implements tenant.Store.
func (s *Store) AllConnections(ctx context.Context, after tenant.Ref, limit int) (page []tenant.Connection, err error) {
	if !legible(after) {
		return nil, ctx.Err()
	}
	err = s.db.Read(ctx, func(q engine.Querier) error {
		page = nil
		return engine.Each(ctx, q, func(rows engine.Rows) error {
			var r row
			if err := rows.Scan(r.dest()...); err != nil {
				return err
			}
			c, err := r.connection()
			page = append(page, c)
			return err
		}, s.sql.Page, after.Tenant, after.ID, max(limit, 0))
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// Change implements tenant.Store.
func (s *Store) Change(ctx context.Context, c tenant.Connection) error {
	if !legible(c.Ref()) {
		return tenant.ErrNotFound
	}
	settings, err := settingsOf(&c)
	if err != nil {
		return err
	}
	n, err := s.db.Exec(ctx, s.sql.Change, c.Tenant, c.ID, c.Version, settings)
	if err != nil || n > 0 {
		return err
	}
	if _, err := s.Connection(ctx, c.Ref()); err != nil {
		return err
	}
	return tenant.ErrChanged
}

// Delete implements tenant.Store. Tokens and what was spent go by their foreign
// keys.
func (s *Store) Delete(ctx context.Context, ref tenant.Ref) error {
	return s.write(ctx, ref, func(ctx context.Context, tx engine.Querier) error {
		if err := exec(ctx, tx, s.sql.Delete, ref.Tenant, ref.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, s.sql.DeleteRecords, ref.Tenant, ref.ID)
		return err
	})
}

// write calls fn in a transaction, if there can be such a connection.
func (s *Store) write(ctx context.Context, ref tenant.Ref, fn func(ctx context.Context, tx engine.Querier) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !legible(ref) {
		return tenant.ErrNotFound
	}
	return s.db.Write(ctx, fn)
}

// exec executes a statement about one row in a transaction, or reports
// tenant.ErrNotFound.
func exec(ctx context.Context, tx engine.Querier, statement string, args ...any) error {
	return found(tx.Exec(ctx, statement, args...))
}

// exec executes a statement about one row of a connection, if there can be such a
// one.
func (s *Store) exec(ctx context.Context, ref tenant.Ref, statement string, args ...any) error {
	if !legible(ref) {
		return tenant.ErrNotFound
	}
	return found(s.db.Exec(ctx, statement, args...))
}

func found(affected int64, err error) error {
	if err == nil && affected == 0 {
		return tenant.ErrNotFound
	}
	return err
}

// lock locks a connection, so that those who change what it has follow each other.
func (s *Store) lock(ctx context.Context, tx engine.Querier, ref tenant.Ref) error {
	var one int
	return oneOf(ctx, tx, []any{&one}, s.sql.Lock, ref.Tenant, ref.ID)
}
