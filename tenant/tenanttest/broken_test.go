package tenanttest

import (
	"context"
	"time"

	"github.com/usherkit/scim/tenant"
)

// A broken store is a good one with some methods replaced.
type broken struct {
	*tenant.Memory // the good one

	add         func(ctx context.Context, c tenant.Connection) error
	connection  func(ctx context.Context, ref tenant.Ref) (tenant.Connection, error)
	find        func(ctx context.Context, id string, at time.Time) (tenant.Connection, bool, error)
	all         func(ctx context.Context, after tenant.Ref, limit int) ([]tenant.Connection, error)
	connections func(ctx context.Context, of string, after tenant.Ref, limit int) ([]tenant.Connection, error)
	change      func(ctx context.Context, c tenant.Connection) error
	delete      func(ctx context.Context, ref tenant.Ref) error
	replace     func(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error
	revoke      func(ctx context.Context, ref tenant.Ref, r tenant.Revocation) error
	token       func(ctx context.Context, id string, at time.Time) (tenant.Token, tenant.Connection, bool, error)
	tokens      func(ctx context.Context, ref tenant.Ref) ([]tenant.Token, error)
	note        func(ctx context.Context, seen []tenant.Seen) error
	hold        func(ctx context.Context, ref tenant.Ref, since time.Time, reason string) error
	approve     func(ctx context.Context, ref tenant.Ref, until time.Time) error
	spend       func(ctx context.Context, ref tenant.Ref, name string, n int, at, after time.Time) (int, error)
	append      func(ctx context.Context, records []tenant.Record) error
	records     func(ctx context.Context, q tenant.Query) ([]tenant.Record, error)
	trim        func(ctx context.Context, ref tenant.Ref, before time.Time, keep int) error
	expire      func(ctx context.Context, before time.Time) error
}

// with returns a maker of stores that breaks the good ones.
func with(mistake func(b *broken, good *tenant.Memory)) func(*tenant.Memory) tenant.Store {
	return func(good *tenant.Memory) tenant.Store {
		b := &broken{
			Memory: good,
			add:    good.Add, connection: good.Connection, find: good.Find, connections: good.Connections, all: good.AllConnections, change: good.Change, delete: good.Delete,
			replace: good.Replace, revoke: good.Revoke, token: good.Token, tokens: good.Tokens,
			note: good.Note, hold: good.Hold, approve: good.Approve, spend: good.Spend,
			append: good.Append, records: good.Records, trim: good.Trim, expire: good.Expire,
		}
		mistake(b, good)
		return b
	}
}

func (b *broken) Add(ctx context.Context, c tenant.Connection) error { return b.add(ctx, c) }

func (b *broken) Connection(ctx context.Context, ref tenant.Ref) (tenant.Connection, error) {
	return b.connection(ctx, ref)
}

func (b *broken) Find(ctx context.Context, id string, at time.Time) (tenant.Connection, bool, error) {
	return b.find(ctx, id, at)
}

func (b *broken) Connections(ctx context.Context, of string, after tenant.Ref, limit int) ([]tenant.Connection, error) {
	return b.connections(ctx, of, after, limit)
}

func (b *broken) AllConnections(ctx context.Context, after tenant.Ref, limit int) ([]tenant.Connection, error) {
	return b.all(ctx, after, limit)
}

func (b *broken) Change(ctx context.Context, c tenant.Connection) error { return b.change(ctx, c) }

func (b *broken) Delete(ctx context.Context, ref tenant.Ref) error { return b.delete(ctx, ref) }

func (b *broken) Replace(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error {
	return b.replace(ctx, ref, end, t)
}

func (b *broken) Revoke(ctx context.Context, ref tenant.Ref, r tenant.Revocation) error {
	return b.revoke(ctx, ref, r)
}

func (b *broken) Token(ctx context.Context, id string, at time.Time) (tenant.Token, tenant.Connection, bool, error) {
	return b.token(ctx, id, at)
}

func (b *broken) Tokens(ctx context.Context, ref tenant.Ref) ([]tenant.Token, error) {
	return b.tokens(ctx, ref)
}

func (b *broken) Note(ctx context.Context, seen []tenant.Seen) error { return b.note(ctx, seen) }

func (b *broken) Hold(ctx context.Context, ref tenant.Ref, since time.Time, reason string) error {
	return b.hold(ctx, ref, since, reason)
}

func (b *broken) Approve(ctx context.Context, ref tenant.Ref, until time.Time) error {
	return b.approve(ctx, ref, until)
}

func (b *broken) Spend(ctx context.Context, ref tenant.Ref, name string, n int, at, after time.Time) (int, error) {
	return b.spend(ctx, ref, name, n, at, after)
}

func (b *broken) Append(ctx context.Context, records []tenant.Record) error {
	return b.append(ctx, records)
}

func (b *broken) Records(ctx context.Context, q tenant.Query) ([]tenant.Record, error) {
	return b.records(ctx, q)
}

func (b *broken) Trim(ctx context.Context, ref tenant.Ref, before time.Time, keep int) error {
	return b.trim(ctx, ref, before, keep)
}

func (b *broken) Expire(ctx context.Context, before time.Time) error { return b.expire(ctx, before) }
