package connections

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/usherkit/scim/sqlstore/internal/engine"
	"github.com/usherkit/scim/tenant"
)

// A tokenRow is a Token as it is read.
type tokenRow struct {
	id, hash, label, createdBy string
	created                    int64
	ends, used                 *int64
	revoked                    int // 1: it is
}

func (r *tokenRow) dest() []any {
	return []any{&r.id, &r.hash, &r.label, &r.createdBy, &r.created, &r.ends, &r.used, &r.revoked}
}

func (r *tokenRow) token(of tenant.Ref) (tenant.Token, error) {
	hash, err := base64.StdEncoding.DecodeString(r.hash)
	if err != nil {
		return tenant.Token{}, fmt.Errorf("sqlstore: the hash of token %s: %w", r.id, err)
	}
	return tenant.Token{
		ID: r.id, Connection: of, Hash: hash, Label: r.label, CreatedBy: r.createdBy,
		Created: timeOf(&r.created), Ends: timeOf(r.ends), LastUsed: timeOf(r.used), Revoked: r.revoked != 0,
	}, nil
}

// Replace implements tenant.Store. Those who do it at the same time for a
// connection follow each other.
func (s *Store) Replace(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error {
	return s.write(ctx, ref, func(ctx context.Context, tx engine.Querier) error {
		if err := s.lock(ctx, tx, ref); err != nil {
			return err
		}
		if !end.IsZero() {
			if _, err := tx.Exec(ctx, s.sql.EndAll, ref.Tenant, ref.ID, end.UnixMilli()); err != nil {
				return err
			}
		}
		return s.addToken(ctx, tx, ref, t)
	})
}

// addToken stores a token, if there is one.
func (s *Store) addToken(ctx context.Context, tx engine.Querier, ref tenant.Ref, t *tenant.Token) error {
	if t == nil {
		return nil
	}
	revoked := 0
	if t.Revoked {
		revoked = 1
	}
	n, err := tx.Exec(ctx, s.sql.AddToken, ref.Tenant, ref.ID, t.ID, base64.StdEncoding.EncodeToString(t.Hash), text(t.Label), text(t.CreatedBy),
		t.Created.UnixMilli(), millis(t.Ends), millis(t.LastUsed), revoked)
	if err == nil && n == 0 {
		return errors.New("tenant: there is a token with this ID already")
	}
	return err
}

// Revoke implements tenant.Store. Those who do it at the same time for a
// connection follow each other.
func (s *Store) Revoke(ctx context.Context, ref tenant.Ref, what tenant.Revocation) error {
	if !engine.Legible(what.TokenID) {
		return tenant.ErrNotFound
	}
	return s.write(ctx, ref, func(ctx context.Context, tx engine.Querier) error {
		if err := s.lock(ctx, tx, ref); err != nil {
			return err
		}
		var r row
		if err := oneOf(ctx, tx, r.dest(), s.sql.Get, ref.Tenant, ref.ID); err != nil {
			return err
		}
		c, err := r.connection()
		if err != nil {
			return err
		}
		what.Apply(&c)
		settings, err := settingsOf(&c)
		if err != nil {
			return err
		}
		if err := exec(ctx, tx, s.sql.Change, ref.Tenant, ref.ID, c.Version, settings); err != nil {
			return err
		}
		if what.TokenID != "" {
			err = exec(ctx, tx, s.sql.Revoke, ref.Tenant, ref.ID, what.At.UnixMilli(), what.TokenID)
		} else {
			_, err = tx.Exec(ctx, s.sql.RevokeAll, ref.Tenant, ref.ID, what.At.UnixMilli())
		}
		if err != nil {
			return err
		}
		return s.addToken(ctx, tx, ref, what.Token)
	})
}

// Token implements tenant.Store.
func (s *Store) Token(ctx context.Context, tokenID string, at time.Time) (t tenant.Token, c tenant.Connection, live bool, err error) {
	if !engine.Legible(tokenID) {
		return t, c, false, tenant.ErrNotFound
	}
	var token tokenRow
	var of row
	dest := append(append(token.dest(), of.dest()...), &live)
	if err := s.one(ctx, dest, s.sql.Token, tokenID, at.UnixMilli()); err != nil {
		return t, c, false, err
	}
	if c, err = of.connection(); err == nil {
		t, err = token.token(c.Ref())
	}
	return t, c, live, err
}

// Tokens implements tenant.Store.
func (s *Store) Tokens(ctx context.Context, ref tenant.Ref) (list []tenant.Token, err error) {
	if _, err := s.Connection(ctx, ref); err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(q engine.Querier) error {
		list = nil
		return engine.Each(ctx, q, func(rows engine.Rows) error {
			var r tokenRow
			if err := rows.Scan(r.dest()...); err != nil {
				return err
			}
			t, err := r.token(ref)
			list = append(list, t)
			return err
		}, s.sql.Tokens, ref.Tenant, ref.ID)
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}
