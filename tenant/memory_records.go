package tenant

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// defaultLimit is how many Records a Query without a Limit returns.
const defaultLimit = 100

// Append implements Store.
func (m *Memory) Append(ctx context.Context, records []Record) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for i := range records {
		r, err := m.find(records[i].Connection)
		if err != nil {
			continue
		}
		rec := records[i].clone()
		rec.At = stamp(rec.At)
		at, _ := slices.BinarySearchFunc(r.records, rec.ID, (*Record).compare)
		r.records = slices.Insert(r.records, at, &rec)
	}
	return nil
}

func (r *Record) compare(id string) int { return strings.Compare(r.ID, id) }

// clone returns a Record that shares nothing with another.
func (r *Record) clone() Record {
	c := *r
	c.Rules, c.Body = slices.Clone(r.Rules), slices.Clone(r.Body)
	c.Changes = slices.Clone(r.Changes)
	for i := range c.Changes {
		c.Changes[i].Attributes = slices.Clone(c.Changes[i].Attributes)
	}
	return c
}

// Records implements Store.
func (m *Memory) Records(ctx context.Context, q Query) ([]Record, error) {
	if err := m.reading(ctx); err != nil {
		return nil, err
	}
	defer m.mu.RUnlock()
	if q.ResourceID != "" && q.AllTenants && q.Connection == "" {
		return nil, invalid("a Query by ResourceID needs a Tenant or a Connection")
	}
	limit := cmp.Or(max(q.Limit, 0), defaultLimit)
	var found []*Record
	for _, r := range m.asked(&q) {
		n := 0
		for i := len(r.records) - 1; i >= 0 && n < limit; i-- {
			if rec := r.records[i]; q.matches(rec) {
				found = append(found, rec)
				n++
			}
		}
	}
	slices.SortFunc(found, func(a, b *Record) int { return strings.Compare(b.ID, a.ID) })
	var page []Record
	for _, rec := range found[:min(limit, len(found))] {
		page = append(page, rec.clone())
	}
	return page, nil
}

// asked returns the connections that a query is about.
func (m *Memory) asked(q *Query) (list []*remembered) {
	if q.Connection != "" {
		if r := m.byID[q.Connection]; r != nil && q.isOf(r.connection.Tenant) {
			list = append(list, r)
		}
		return list
	}
	for _, r := range m.byID {
		if q.isOf(r.connection.Tenant) {
			list = append(list, r)
		}
	}
	return list
}

func (q *Query) isOf(tenant string) bool { return q.AllTenants || q.Tenant == tenant }

// matches reports whether a query is about a record of a connection that it is
// about.
func (q *Query) matches(r *Record) bool {
	return (q.Before == "" || r.ID < q.Before) && (!q.Refused || r.Status >= 400) &&
		(q.ResourceID == "" || r.ResourceID == q.ResourceID ||
			slices.ContainsFunc(r.Changes, func(c Change) bool { return c.ID == q.ResourceID }))
}

// Trim implements Store.
func (m *Memory) Trim(ctx context.Context, ref Ref, before time.Time, keep int) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r, err := m.find(ref)
	if err != nil {
		return nil // it has none
	}
	r.trim(before, keep)
	return nil
}

func (r *remembered) trim(before time.Time, keep int) {
	r.records = slices.Clip(slices.DeleteFunc(r.records[max(0, len(r.records)-max(keep, 0)):], func(rec *Record) bool { return rec.At.Before(stamp(before)) }))
}

// Expire implements Store.
func (m *Memory) Expire(ctx context.Context, before time.Time) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for _, r := range m.byID {
		r.trim(before, len(r.records))
	}
	return nil
}
