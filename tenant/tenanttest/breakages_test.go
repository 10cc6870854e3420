package tenanttest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usherkit/scim/tenant"
)

// A breakage is a store that breaks the contract.
type breakage struct {
	name  string
	store func(good *tenant.Memory) tenant.Store
	found []string // by these clauses
}

// altered changes the records that a store hands out.
func altered(change func(r *tenant.Record)) func(*tenant.Memory) tenant.Store {
	return with(func(b *broken, good *tenant.Memory) {
		b.records = func(ctx context.Context, q tenant.Query) ([]tenant.Record, error) {
			list, err := good.Records(ctx, q)
			for i := range list {
				change(&list[i])
			}
			return list, err
		}
	})
}

// asked changes what a store is asked for.
func asked(change func(q *tenant.Query)) func(*tenant.Memory) tenant.Store {
	return with(func(b *broken, good *tenant.Memory) {
		b.records = func(ctx context.Context, q tenant.Query) ([]tenant.Record, error) {
			change(&q)
			return good.Records(ctx, q)
		}
	})
}

// noted changes what a store is told of.
func noted(change func(seen []tenant.Seen) []tenant.Seen) func(*tenant.Memory) tenant.Store {
	return with(func(b *broken, good *tenant.Memory) {
		b.note = func(ctx context.Context, seen []tenant.Seen) error {
			return good.Note(ctx, change(slices.Clone(seen)))
		}
	})
}

var breakages = []breakage{
	{"a setting is forgotten", with(func(b *broken, good *tenant.Memory) {
		b.add = func(ctx context.Context, c tenant.Connection) error { c.KeepValues = false; return good.Add(ctx, c) }
		b.change = func(ctx context.Context, c tenant.Connection) error { c.Brake.Window = 0; return good.Change(ctx, c) }
	}), []string{"add", "change"}},
	{"a connection is looked up by its id alone", with(func(b *broken, good *tenant.Memory) {
		b.connection = func(ctx context.Context, ref tenant.Ref) (tenant.Connection, error) {
			c, _, err := good.Find(ctx, ref.ID, noon)
			return c, err
		}
	}), []string{"what there is not", "tenants"}},
	{"what is not there is an empty connection", with(func(b *broken, good *tenant.Memory) {
		b.connection = func(ctx context.Context, ref tenant.Ref) (tenant.Connection, error) {
			c, err := good.Connection(ctx, ref)
			if errors.Is(err, tenant.ErrNotFound) {
				err = nil
			}
			return c, err
		}
	}), []string{"what there is not", "delete"}},
	{"a token of another tenant is revoked", with(func(b *broken, good *tenant.Memory) {
		b.revoke = func(ctx context.Context, ref tenant.Ref, r tenant.Revocation) error {
			if _, c, _, err := good.Token(ctx, r.TokenID, r.At); err == nil {
				ref = c.Ref()
			}
			return good.Revoke(ctx, ref, r)
		}
	}), []string{"tenants", "revoke"}},
	{"tenants are compared without case", with(func(b *broken, good *tenant.Memory) {
		b.connections = func(ctx context.Context, of string, after tenant.Ref, limit int) (list []tenant.Connection, err error) {
			all, err := good.AllConnections(ctx, after, 1000)
			for _, c := range all {
				if strings.EqualFold(c.Tenant, of) {
					list = append(list, c)
				}
			}
			return list[:max(min(len(list), limit), 0)], err
		}
	}), []string{"tenants", "text", "pages"}},
	{"a text is trimmed", with(func(b *broken, good *tenant.Memory) {
		b.add = func(ctx context.Context, c tenant.Connection) error {
			c.Name = strings.TrimSpace(c.Name)
			return good.Add(ctx, c)
		}
	}), []string{"text"}},
	{"what is no text is an error", with(func(b *broken, good *tenant.Memory) {
		b.append = func(ctx context.Context, list []tenant.Record) error {
			if slices.ContainsFunc(list, func(r tenant.Record) bool { return strings.Contains(r.Detail, "\x00") }) {
				return errors.New("a zero byte")
			}
			return good.Append(ctx, list)
		}
	}), []string{"text that is none"}},
	{"times are in the zone of the server", with(func(b *broken, good *tenant.Memory) {
		b.connection = func(ctx context.Context, ref tenant.Ref) (tenant.Connection, error) {
			c, err := good.Connection(ctx, ref)
			c.Created = c.Created.In(time.FixedZone("", 60))
			return c, err
		}
	}), []string{"times", "add"}},
	{"times are to the second", altered(func(r *tenant.Record) { r.At = r.At.Truncate(time.Second) }), []string{"times"}},
	{"what is handed over is shared", with(func(b *broken, good *tenant.Memory) {
		var types []string
		b.add = func(ctx context.Context, c tenant.Connection) error { types = c.Types; return good.Add(ctx, c) }
		b.all = func(ctx context.Context, after tenant.Ref, limit int) ([]tenant.Connection, error) {
			list, err := good.AllConnections(ctx, after, limit)
			for i := range list {
				list[i].Types = types
			}
			return list, err
		}
	}), []string{"nothing is shared"}},
	{"contexts are not looked at", with(func(b *broken, good *tenant.Memory) {
		b.add = func(ctx context.Context, c tenant.Connection) error { return good.Add(context.WithoutCancel(ctx), c) }
	}), []string{"contexts"}},
	{"a connection has always a token that is alive", with(func(b *broken, good *tenant.Memory) {
		b.find = func(ctx context.Context, id string, at time.Time) (tenant.Connection, bool, error) {
			c, _, err := good.Find(ctx, id, at)
			return c, true, err
		}
		b.token = func(ctx context.Context, id string, at time.Time) (tenant.Token, tenant.Connection, bool, error) {
			t, c, _, err := good.Token(ctx, id, at)
			return t, c, true, err
		}
	}), []string{"find", "alive", "replace by none"}},
	{"only the token that is asked for counts", with(func(b *broken, good *tenant.Memory) {
		b.token = func(ctx context.Context, id string, at time.Time) (tenant.Token, tenant.Connection, bool, error) {
			t, c, _, err := good.Token(ctx, id, at)
			return t, c, t.Live(at), err
		}
	}), []string{"alive"}},
	{"a page begins with the last one of the page before", with(func(b *broken, good *tenant.Memory) {
		b.connections = func(ctx context.Context, of string, after tenant.Ref, limit int) ([]tenant.Connection, error) {
			if n := len(after.ID); n > 0 {
				after.ID = after.ID[:n-1]
			}
			return good.Connections(ctx, of, after, limit)
		}
	}), []string{"pages"}},
	{"a limit that is none means all", with(func(b *broken, good *tenant.Memory) {
		b.connections = func(ctx context.Context, of string, after tenant.Ref, limit int) ([]tenant.Connection, error) {
			if limit <= 0 {
				limit = 1000
			}
			return good.Connections(ctx, of, after, limit)
		}
	}), []string{"pages"}},
	{"a change of whatever version is made", with(func(b *broken, good *tenant.Memory) {
		b.change = func(ctx context.Context, c tenant.Connection) error {
			was, err := good.Connection(ctx, c.Ref())
			if err != nil {
				return err
			}
			c.Version = was.Version + 1
			return good.Change(ctx, c)
		}
	}), []string{"change of another version", "change at the same time"}},
	{"a connection goes and its records stay", with(func(b *broken, good *tenant.Memory) {
		var kept []tenant.Record
		b.append = func(ctx context.Context, list []tenant.Record) error {
			kept = append(kept, list...)
			return good.Append(ctx, list)
		}
		b.records = func(ctx context.Context, q tenant.Query) ([]tenant.Record, error) {
			if q.Refused {
				return kept, nil
			}
			return good.Records(ctx, q)
		}
	}), []string{"delete"}},

	{"a hash loses its last byte", with(func(b *broken, good *tenant.Memory) {
		b.replace = func(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error {
			if t != nil {
				short := *t
				short.Hash = bytes.TrimRight(t.Hash, "'"+string(t.Hash[len(t.Hash)-1:]))
				t = &short
			}
			return good.Replace(ctx, ref, end, t)
		}
	}), []string{"token", "text"}},
	{"a replacement ends those that ended earlier", with(func(b *broken, good *tenant.Memory) {
		b.replace = func(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error {
			if !end.IsZero() {
				end = after(-10)
			}
			return good.Replace(ctx, ref, end, t)
		}
	}), []string{"replace", "replace by none"}},
	{"a replacement ends the new one too", with(func(b *broken, good *tenant.Memory) {
		b.replace = func(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error {
			if err := good.Replace(ctx, ref, time.Time{}, t); err != nil || end.IsZero() {
				return err
			}
			return good.Replace(ctx, ref, end, nil)
		}
	}), []string{"replace", "replace at the same time"}},
	{"a new token ends all others", with(func(b *broken, good *tenant.Memory) {
		b.replace = func(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error {
			if end.IsZero() {
				end = noon
			}
			return good.Replace(ctx, ref, end, t)
		}
	}), []string{"replace and end none"}},
	{"a replacement by none does nothing", with(func(b *broken, good *tenant.Memory) {
		b.replace = func(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error {
			if t == nil {
				return nil
			}
			return good.Replace(ctx, ref, end, t)
		}
	}), []string{"replace by none", "what there is not"}},
	{"a token is stored without a connection", with(func(b *broken, good *tenant.Memory) {
		orphans := map[string]bool{}
		b.replace = func(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error {
			err := good.Replace(ctx, ref, end, t)
			if err != nil && t != nil {
				orphans[t.ID] = true
			}
			return err
		}
		b.token = func(ctx context.Context, id string, at time.Time) (tenant.Token, tenant.Connection, bool, error) {
			if orphans[id] {
				return tenant.Token{ID: id}, tenant.Connection{}, true, nil
			}
			return good.Token(ctx, id, at)
		}
	}), []string{"replace without a connection"}},
	{"replacements look, and end what they saw", with(func(b *broken, good *tenant.Memory) {
		var looked sync.WaitGroup
		looked.Add(12)
		b.replace = func(ctx context.Context, ref tenant.Ref, end time.Time, t *tenant.Token) error {
			if end.IsZero() {
				return good.Replace(ctx, ref, end, t)
			}
			seen, err := good.Tokens(ctx, ref)
			looked.Done()
			looked.Wait()
			for _, s := range seen {
				err = errors.Join(err, good.Revoke(ctx, ref, tenant.Revocation{At: end, TokenID: s.ID}))
			}
			return errors.Join(err, good.Replace(ctx, ref, time.Time{}, t))
		}
	}), []string{"replace at the same time"}},
	{"revocations look, and end what they saw", with(func(b *broken, good *tenant.Memory) {
		var looked sync.WaitGroup
		looked.Add(12)
		b.revoke = func(ctx context.Context, ref tenant.Ref, r tenant.Revocation) error {
			seen, err := good.Tokens(ctx, ref)
			looked.Done()
			looked.Wait()
			for _, s := range seen {
				err = errors.Join(err, good.Revoke(ctx, ref, tenant.Revocation{At: r.At, TokenID: s.ID}))
			}
			return errors.Join(err, good.Replace(ctx, ref, time.Time{}, r.Token))
		}
	}), []string{"revoke at the same time"}},
	{"to revoke a token revokes all", with(func(b *broken, good *tenant.Memory) {
		b.revoke = func(ctx context.Context, ref tenant.Ref, r tenant.Revocation) error {
			r.TokenID = ""
			return good.Revoke(ctx, ref, r)
		}
	}), []string{"revoke", "what there is not"}},
	{"to revoke is to end", with(func(b *broken, good *tenant.Memory) {
		b.revoke = func(ctx context.Context, ref tenant.Ref, r tenant.Revocation) error {
			return good.Replace(ctx, ref, r.At, r.Token)
		}
	}), []string{"revoked", "revoke", "revoke all"}},
	{"a revocation is two writes", with(func(b *broken, good *tenant.Memory) {
		b.revoke = func(ctx context.Context, ref tenant.Ref, r tenant.Revocation) error {
			t := r.Token
			r.Token = nil
			if err := good.Revoke(ctx, ref, r); err != nil || t == nil {
				return err
			}
			return good.Replace(ctx, ref, time.Time{}, t)
		}
	}), []string{"revoke all"}},
	{"a revocation is no setting", with(func(b *broken, good *tenant.Memory) {
		b.connection = func(ctx context.Context, ref tenant.Ref) (tenant.Connection, error) {
			c, err := good.Connection(ctx, ref)
			c.Revocations = 0
			return c, err
		}
	}), []string{"revoke and the settings"}},
	{"tokens come the oldest first", with(func(b *broken, good *tenant.Memory) {
		b.tokens = func(ctx context.Context, ref tenant.Ref) ([]tenant.Token, error) {
			list, err := good.Tokens(ctx, ref)
			slices.Reverse(list)
			return list, err
		}
	}), []string{"tokens"}},
	{"dead tokens are not shown", with(func(b *broken, good *tenant.Memory) {
		b.tokens = func(ctx context.Context, ref tenant.Ref) ([]tenant.Token, error) {
			list, err := good.Tokens(ctx, ref)
			return slices.DeleteFunc(list, func(t tenant.Token) bool { return !t.Live(noon) }), err
		}
	}), []string{"tokens", "replace by none"}},

	{"an error is noted whenever a use is", noted(func(seen []tenant.Seen) []tenant.Seen {
		for i := range seen {
			seen[i].LastErrorAt = later(seen[i].LastErrorAt, seen[i].At)
		}
		return seen
	}), []string{"note", "note of what is zero"}},
	{"the last error is always the last one noted", with(func(b *broken, good *tenant.Memory) {
		b.note = func(ctx context.Context, seen []tenant.Seen) error {
			for i := range seen {
				seen[i].LastErrorAt = seen[i].LastErrorAt.Add(100 * time.Hour)
			}
			return good.Note(ctx, seen)
		}
	}), []string{"note"}},
	{"only the first of a connection is noted", noted(func(seen []tenant.Seen) (first []tenant.Seen) {
		known := map[tenant.Ref]bool{}
		for _, s := range seen {
			if !known[s.Ref] {
				known[s.Ref] = true
				first = append(first, s)
			}
		}
		return first
	}), []string{"note of many"}},
	{"what is gone spoils a note", with(func(b *broken, good *tenant.Memory) {
		b.note = func(ctx context.Context, seen []tenant.Seen) error {
			for _, s := range seen {
				if _, err := good.Connection(ctx, s.Ref); err != nil {
					return err
				}
			}
			return good.Note(ctx, seen)
		}
	}), []string{"note of many", "what there is not", "tenants"}},
	{"a second hold counts", with(func(b *broken, good *tenant.Memory) {
		b.hold = func(ctx context.Context, ref tenant.Ref, since time.Time, reason string) error {
			if err := good.Approve(ctx, ref, time.Time{}); err != nil {
				return err
			}
			return good.Hold(ctx, ref, since, reason)
		}
	}), []string{"hold", "hold what is approved"}},
	{"an approval says only that it was", with(func(b *broken, good *tenant.Memory) {
		b.approve = func(ctx context.Context, ref tenant.Ref, until time.Time) error {
			c, err := good.Connection(ctx, ref)
			if err != nil {
				return err
			}
			if err := good.Approve(ctx, ref, until); err != nil {
				return err
			}
			_, err = good.Spend(ctx, ref, "users", 5, noon, after(-60))
			return errors.Join(err, good.Hold(ctx, ref, later(until, c.Status.Held), c.Status.HeldReason))
		}
	}), []string{"approve", "hold what is approved"}},

	{"one count for all names", with(func(b *broken, good *tenant.Memory) {
		b.spend = func(ctx context.Context, ref tenant.Ref, _ string, n int, at, after time.Time) (int, error) {
			return good.Spend(ctx, ref, "all", n, at, after)
		}
	}), []string{"spend"}},
	{"what was counted at the time counts", with(func(b *broken, good *tenant.Memory) {
		b.spend = func(ctx context.Context, ref tenant.Ref, name string, n int, at, after time.Time) (int, error) {
			return good.Spend(ctx, ref, name, n, at, after.Add(-time.Second))
		}
	}), []string{"spend"}},
	{"to ask is to spend", with(func(b *broken, good *tenant.Memory) {
		b.spend = func(ctx context.Context, ref tenant.Ref, name string, n int, at, after time.Time) (int, error) {
			if n == 0 {
				n = 1
			}
			return good.Spend(ctx, ref, name, n, at, after)
		}
	}), []string{"ask what is spent"}},
	{"more is given back than there was", with(func(b *broken, good *tenant.Memory) {
		owed := 0
		b.spend = func(ctx context.Context, ref tenant.Ref, name string, n int, at, after time.Time) (int, error) {
			if n < 0 {
				owed -= n
				n = 0
			}
			sum, err := good.Spend(ctx, ref, name, n, at, after)
			return sum - owed, err
		}
	}), []string{"give back"}},
	{"a clock that is ahead wipes what others count", with(func(b *broken, good *tenant.Memory) {
		var last time.Time
		b.spend = func(ctx context.Context, ref tenant.Ref, name string, n int, at, after time.Time) (int, error) {
			if n != 0 && after.After(last) {
				last = after
			}
			if after.Before(last) {
				after = last
			}
			return good.Spend(ctx, ref, name, n, at, after)
		}
	}), []string{"spend by other clocks"}},
	{"names are clipped", with(func(b *broken, good *tenant.Memory) {
		b.spend = func(ctx context.Context, ref tenant.Ref, name string, n int, at, after time.Time) (int, error) {
			return good.Spend(ctx, ref, name[:min(len(name), 200)], n, at, after)
		}
	}), []string{"spend under long names"}},
	{"those who spend at the same time do not see each other", with(func(b *broken, good *tenant.Memory) {
		b.spend = func(ctx context.Context, ref tenant.Ref, name string, n int, at, after time.Time) (int, error) {
			sum, err := good.Spend(ctx, ref, name, 0, at, after)
			runtime.Gosched()
			if err == nil && n != 0 {
				_, err = good.Spend(ctx, ref, name, n, at, after)
			}
			return sum / 2, err
		}
	}), []string{"spend at the same time", "spend"}},

	{"a field of a record is forgotten", altered(func(r *tenant.Record) { r.Duration = 0 }), []string{"append"}},
	{"the first of many are stored", with(func(b *broken, good *tenant.Memory) {
		b.append = func(ctx context.Context, list []tenant.Record) error {
			return good.Append(ctx, list[:min(len(list), 256)])
		}
	}), []string{"append many", "trim many"}},
	{"what is gone spoils an append", with(func(b *broken, good *tenant.Memory) {
		b.append = func(ctx context.Context, list []tenant.Record) error {
			for _, r := range list {
				if _, err := good.Connection(ctx, r.Connection); err != nil {
					return err
				}
			}
			return good.Append(ctx, list)
		}
	}), []string{"append without a connection", "what there is not"}},
	{"refused or not", asked(func(q *tenant.Query) { q.Refused = false }), []string{"records"}},
	{"the records of all connections of a tenant", asked(func(q *tenant.Query) {
		if q.Tenant != "" {
			q.Connection = ""
		}
	}), []string{"records", "tenants"}},
	{"records come the oldest first", with(func(b *broken, good *tenant.Memory) {
		b.records = func(ctx context.Context, q tenant.Query) ([]tenant.Record, error) {
			list, err := good.Records(ctx, q)
			slices.Reverse(list)
			return list, err
		}
	}), []string{"records", "append many", "pages of records"}},
	{"what a request changed is not looked at", with(func(b *broken, good *tenant.Memory) {
		b.records = func(ctx context.Context, q tenant.Query) ([]tenant.Record, error) {
			list, err := good.Records(ctx, q)
			return slices.DeleteFunc(list, func(r tenant.Record) bool { return q.ResourceID != "" && r.ResourceID != q.ResourceID }), err
		}
	}), []string{"records of a resource"}},
	{"there is one page of records", asked(func(q *tenant.Query) { q.Before = "" }), []string{"pages of records", "records"}},
	{"young records are trimmed", with(func(b *broken, good *tenant.Memory) {
		b.trim = func(ctx context.Context, ref tenant.Ref, before time.Time, keep int) error {
			return good.Trim(ctx, ref, before.Add(2*time.Second), keep)
		}
	}), []string{"trim"}},
	{"one too many is kept", with(func(b *broken, good *tenant.Memory) {
		b.trim = func(ctx context.Context, ref tenant.Ref, before time.Time, keep int) error {
			return good.Trim(ctx, ref, before, keep+1)
		}
	}), []string{"trim", "trim many"}},
	{"young records expire", with(func(b *broken, good *tenant.Memory) {
		b.expire = func(ctx context.Context, before time.Time) error {
			return good.Expire(ctx, before.Add(2*time.Second))
		}
	}), []string{"expire"}},
	{"some that are too old are left", with(func(b *broken, good *tenant.Memory) {
		b.expire = func(ctx context.Context, before time.Time) error {
			return good.Expire(ctx, before.Add(-2*time.Second))
		}
	}), []string{"expire"}},
	{"a token that is nobody's is not noted", with(func(b *broken, good *tenant.Memory) {
		b.note = func(ctx context.Context, seen []tenant.Seen) error {
			seen = slices.Clone(seen)
			for i := range seen {
				seen[i].Unknown = time.Time{}
			}
			return good.Note(ctx, seen)
		}
	}), []string{"note"}},
	{"tenants without a name are shown everybody's", with(func(b *broken, good *tenant.Memory) {
		b.connections = func(ctx context.Context, of string, after tenant.Ref, limit int) ([]tenant.Connection, error) {
			if of == "" {
				return good.AllConnections(ctx, after, limit)
			}
			return good.Connections(ctx, of, after, limit)
		}
	}), []string{"pages"}},
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
