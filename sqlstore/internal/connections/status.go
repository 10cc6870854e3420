package connections

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/usherkit/scim/sqlstore/internal/engine"
	"github.com/usherkit/scim/tenant"
)

// Note implements tenant.Store.
func (s *Store) Note(ctx context.Context, seen []tenant.Seen) error {
	connections, tokens := rowsOf(seen)
	if len(connections) == 0 {
		return ctx.Err()
	}
	return s.db.Write(ctx, func(ctx context.Context, tx engine.Querier) error {
		if _, err := tx.Exec(ctx, s.sql.SeenConnections, encoded(connections), len(connections)); err != nil || len(tokens) == 0 {
			return err
		}
		_, err := tx.Exec(ctx, s.sql.SeenTokens, encoded(tokens), len(tokens))
		return err
	})
}

// rowsOf returns what was seen as one row for each connection and each token, in
// the order of their keys, so that two who note the same do not lock each other
// out.
func rowsOf(seen []tenant.Seen) (connections, tokens [][]any) {
	type tokenRef struct {
		of tenant.Ref
		id string
	}
	of, used := map[tenant.Ref]tenant.Status{}, map[tokenRef]time.Time{}
	for _, n := range seen {
		if !legible(n.Ref) {
			continue
		}
		status := of[n.Ref]
		if n.At.After(status.LastSeen) {
			status.LastSeen = n.At
		}
		if n.LastErrorAt.After(status.LastErrorAt) {
			status.LastError, status.LastErrorAt = n.LastError, n.LastErrorAt
		}
		if n.Unknown.After(status.LastUnknown) {
			status.LastUnknown = n.Unknown
		}
		of[n.Ref] = status
		if key := (tokenRef{n.Ref, n.TokenID}); n.TokenID != "" && engine.Legible(n.TokenID) && n.At.After(used[key]) {
			used[key] = n.At
		}
	}
	for _, ref := range slices.SortedFunc(maps.Keys(of), compare) {
		status := of[ref]
		connections = append(connections, []any{ref.Tenant, ref.ID, number(status.LastSeen), number(status.LastErrorAt), text(status.LastError), number(status.LastUnknown)})
	}
	for _, key := range slices.SortedFunc(maps.Keys(used), func(a, b tokenRef) int { return cmp.Or(compare(a.of, b.of), cmp.Compare(a.id, b.id)) }) {
		tokens = append(tokens, []any{key.of.Tenant, key.of.ID, key.id, number(used[key])})
	}
	return connections, tokens
}

func compare(a, b tenant.Ref) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.ID, b.ID))
}

// number is a time in a list; 0 is none.
func number(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// encoded is a list as an argument of a statement.
func encoded(rows [][]any) string {
	list, err := json.Marshal(rows)
	if err != nil {
		panic(err) // of texts and numbers there is none
	}
	return string(list)
}

// Hold implements tenant.Store.
func (s *Store) Hold(ctx context.Context, ref tenant.Ref, since time.Time, reason string) error {
	return s.exec(ctx, ref, s.sql.Hold, ref.Tenant, ref.ID, since.UnixMilli(), text(reason))
}

// Approve implements tenant.Store.
func (s *Store) Approve(ctx context.Context, ref tenant.Ref, until time.Time) error {
	return s.write(ctx, ref, func(ctx context.Context, tx engine.Querier) error {
		if err := exec(ctx, tx, s.sql.Approve, ref.Tenant, ref.ID, millis(until)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, s.sql.ForgetAll, ref.Tenant, ref.ID)
		return err
	})
}

// Spend implements tenant.Store. Those who spend for the same connection follow
// each other, so that the later one sees what the earlier one has spent.
func (s *Store) Spend(ctx context.Context, ref tenant.Ref, name string, n int, at, after time.Time) (sum int, err error) {
	if !legible(ref) {
		return 0, tenant.ErrNotFound
	}
	name = text(name)
	spent := []any{ref.Tenant, ref.ID, name, after.Unix()}
	if n == 0 {
		err = s.one(ctx, []any{&sum}, s.sql.Spent, spent...)
		return sum, err
	}
	err = s.write(ctx, ref, func(ctx context.Context, tx engine.Querier) error {
		if err := s.lock(ctx, tx, ref); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, s.sql.Forget, ref.Tenant, ref.ID, at.Add(-tenant.MaxWindow).Unix()); err != nil {
			return err
		}
		if err := s.spend(ctx, tx, n, ref.Tenant, ref.ID, name, at.Unix(), n); err != nil {
			return err
		}
		return oneOf(ctx, tx, []any{&sum}, s.sql.Spent, spent...)
	})
	return sum, err
}

// spend adds what is spent, or takes it back.
func (s *Store) spend(ctx context.Context, tx engine.Querier, n int, what ...any) error {
	if n > 0 {
		_, err := tx.Exec(ctx, s.sql.Spend, what...)
		return err
	}
	gone, err := tx.Exec(ctx, s.sql.GiveBackAll, what...)
	if err == nil && gone == 0 {
		_, err = tx.Exec(ctx, s.sql.GiveBack, what...)
	}
	return err
}
