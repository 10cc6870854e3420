package tenant

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a Store in memory: for tests, and for servers whose tenants come from
// elsewhere whenever they start. Its zero value is empty and ready to use. A
// connection with a token takes about 700 bytes; records take what Trim leaves.
type Memory struct {
	mu     sync.RWMutex
	byID   map[string]*remembered
	tokens map[string]*remembered // by the ids of tokens
	order  []*remembered          // by tenant and id; nil: not sorted since one came or went
}

var _ Store = (*Memory)(nil)

// remembered is a connection with what belongs to it.
type remembered struct {
	connection Connection
	tokens     []secret              // the oldest first
	records    []*Record             // by ID
	spent      map[string][]spending // by names; each in the order of time, and more than nothing
	pruned     int64                 // when spent was looked through last; seconds since 1970
}

// secret is a Token as it is remembered.
type secret struct {
	id, hash, label, createdBy string
	created, ends, used        int64 // milliseconds since 1970; 0: never
	revoked                    bool
}

type spending struct {
	at int64 // seconds since 1970
	n  int
}

// find returns a connection, if its tenant has one of the id.
func (m *Memory) find(ref Ref) (*remembered, error) {
	if r := m.byID[ref.ID]; r != nil && r.connection.Tenant == ref.Tenant {
		return r, nil
	}
	return nil, ErrNotFound
}

// reading locks the Memory to be read, unless the context has ended.
func (m *Memory) reading(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.RLock()
	return nil
}

// writing locks the Memory to be written to, unless the context has ended.
func (m *Memory) writing(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	return nil
}

// Add implements Store.
func (m *Memory) Add(ctx context.Context, c Connection) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.byID[c.ID] != nil {
		return errors.New("tenant: there is a connection with this ID already")
	}
	if m.byID == nil {
		m.byID, m.tokens = map[string]*remembered{}, map[string]*remembered{}
	}
	c = c.clone()
	c.Created, c.Status = stamp(c.Created), Status{}
	m.byID[c.ID] = &remembered{connection: c}
	m.order = nil
	return nil
}

// clone returns a Connection that shares nothing with another.
func (c *Connection) clone() Connection {
	d := *c
	d.Types = slices.Clone(c.Types)
	return d
}

// Connection implements Store.
func (m *Memory) Connection(ctx context.Context, ref Ref) (Connection, error) {
	if err := m.reading(ctx); err != nil {
		return Connection{}, err
	}
	defer m.mu.RUnlock()
	r, err := m.find(ref)
	if err != nil {
		return Connection{}, err
	}
	return r.connection.clone(), nil
}

// Find implements Store.
func (m *Memory) Find(ctx context.Context, id string, at time.Time) (Connection, bool, error) {
	if err := m.reading(ctx); err != nil {
		return Connection{}, false, err
	}
	defer m.mu.RUnlock()
	r := m.byID[id]
	if r == nil {
		return Connection{}, false, ErrNotFound
	}
	return r.connection.clone(), r.live(at), nil
}

func (r *remembered) live(at time.Time) bool {
	return slices.ContainsFunc(r.tokens, func(s secret) bool { return !s.revoked && (s.ends == 0 || at.Before(timeOf(s.ends))) })
}

// Connections implements Store.
func (m *Memory) Connections(ctx context.Context, tenant string, after Ref, limit int) ([]Connection, error) {
	if tenant > after.Tenant {
		after = Ref{Tenant: tenant}
	}
	return m.page(ctx, after, limit, func(c *Connection) bool { return c.Tenant == tenant })
}

// AllConnections implements Store.
func (m *Memory) AllConnections(ctx context.Context, after Ref, limit int) ([]Connection, error) {
	return m.page(ctx, after, limit, func(*Connection) bool { return true })
}

// page returns connections from one on, while they are of those that are asked for.
func (m *Memory) page(ctx context.Context, after Ref, limit int, of func(*Connection) bool) ([]Connection, error) {
	if err := m.writing(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if m.order == nil {
		for _, r := range m.byID {
			m.order = append(m.order, r)
		}
		slices.SortFunc(m.order, func(a, b *remembered) int { return a.compare(b.connection.Ref()) })
	}
	at, there := slices.BinarySearchFunc(m.order, after, (*remembered).compare)
	if there {
		at++
	}
	var page []Connection
	for _, r := range m.order[at:] {
		if len(page) >= limit || !of(&r.connection) {
			break
		}
		page = append(page, r.connection.clone())
	}
	return page, nil
}

func (r *remembered) compare(ref Ref) int {
	return cmp.Or(strings.Compare(r.connection.Tenant, ref.Tenant), strings.Compare(r.connection.ID, ref.ID))
}

// Change implements Store.
func (m *Memory) Change(ctx context.Context, c Connection) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r, err := m.find(c.Ref())
	switch {
	case err != nil:
		return err
	case r.connection.Version != c.Version-1:
		return ErrChanged
	}
	c = c.clone()
	c.Created, c.Status = r.connection.Created, r.connection.Status
	r.connection = c
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, ref Ref) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r, err := m.find(ref)
	if err != nil {
		return err
	}
	for _, s := range r.tokens {
		delete(m.tokens, s.id)
	}
	delete(m.byID, ref.ID)
	m.order = nil
	return nil
}

// Replace implements Store.
func (m *Memory) Replace(ctx context.Context, ref Ref, end time.Time, token *Token) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r, err := m.find(ref)
	if err != nil {
		return err
	}
	if token != nil && m.tokens[token.ID] != nil {
		return errors.New("tenant: there is a token with this ID already")
	}
	if !end.IsZero() {
		for i := range r.tokens {
			r.tokens[i].end(end)
		}
	}
	if token == nil {
		return nil
	}
	m.addToken(r, token)
	return nil
}

func (m *Memory) addToken(r *remembered, token *Token) {
	r.tokens = append(slices.Grow(r.tokens, 1), secret{
		id: token.ID, hash: string(token.Hash), label: token.Label, createdBy: token.CreatedBy,
		created: millis(token.Created), ends: millis(token.Ends), used: millis(token.LastUsed), revoked: token.Revoked,
	})
	m.tokens[token.ID] = r
}

// end ends a token, unless it ends earlier.
func (s *secret) end(at time.Time) {
	if ms := millis(at); s.ends == 0 || ms < s.ends {
		s.ends = ms
	}
}

// token returns one as others see it.
func (s *secret) token(of Ref) Token {
	return Token{
		ID: s.id, Connection: of, Hash: []byte(s.hash), Label: s.label, CreatedBy: s.createdBy,
		Created: timeOf(s.created), Ends: timeOf(s.ends), LastUsed: timeOf(s.used), Revoked: s.revoked,
	}
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// known returns a token of a connection.
func (r *remembered) known(id string) *secret {
	i := slices.IndexFunc(r.tokens, func(s secret) bool { return s.id == id })
	if i < 0 {
		return nil
	}
	return &r.tokens[i]
}

// Revoke implements Store.
func (m *Memory) Revoke(ctx context.Context, ref Ref, what Revocation) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r, err := m.find(ref)
	switch {
	case err != nil:
		return err
	case what.Token != nil && m.tokens[what.Token.ID] != nil:
		return errors.New("tenant: there is a token with this ID already")
	case what.TokenID != "" && r.known(what.TokenID) == nil:
		return ErrNotFound
	}
	for i := range r.tokens {
		if s := &r.tokens[i]; what.TokenID == "" || what.TokenID == s.id {
			s.revoked = true
			s.end(what.At)
		}
	}
	if what.Token != nil {
		m.addToken(r, what.Token)
	}
	what.Apply(&r.connection)
	return nil
}

// Token implements Store.
func (m *Memory) Token(ctx context.Context, tokenID string, at time.Time) (Token, Connection, bool, error) {
	if err := m.reading(ctx); err != nil {
		return Token{}, Connection{}, false, err
	}
	defer m.mu.RUnlock()
	r := m.tokens[tokenID]
	if r == nil {
		return Token{}, Connection{}, false, ErrNotFound
	}
	return r.known(tokenID).token(r.connection.Ref()), r.connection.clone(), r.live(at), nil
}

// Tokens implements Store.
func (m *Memory) Tokens(ctx context.Context, ref Ref) ([]Token, error) {
	if err := m.reading(ctx); err != nil {
		return nil, err
	}
	defer m.mu.RUnlock()
	r, err := m.find(ref)
	if err != nil {
		return nil, err
	}
	var tokens []Token
	for _, s := range slices.Backward(r.tokens) {
		tokens = append(tokens, s.token(ref))
	}
	slices.SortStableFunc(tokens, func(a, b Token) int { return b.Created.Compare(a.Created) })
	return tokens, nil
}

// Note implements Store.
func (m *Memory) Note(ctx context.Context, seen []Seen) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for _, n := range seen {
		r, err := m.find(n.Ref)
		if err != nil {
			continue
		}
		status := &r.connection.Status
		if at := stamp(n.At); at.After(status.LastSeen) {
			status.LastSeen = at
		}
		if s := r.known(n.TokenID); s != nil {
			s.used = max(s.used, millis(n.At))
		}
		if at := stamp(n.LastErrorAt); at.After(status.LastErrorAt) {
			status.LastError, status.LastErrorAt = n.LastError, at
		}
		if at := stamp(n.Unknown); at.After(status.LastUnknown) {
			status.LastUnknown = at
		}
	}
	return nil
}

// Hold implements Store.
func (m *Memory) Hold(ctx context.Context, ref Ref, since time.Time, reason string) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r, err := m.find(ref)
	if err != nil {
		return err
	}
	if status := &r.connection.Status; status.Held.IsZero() && !status.Approved.After(since) {
		status.Held, status.HeldReason = stamp(since), reason
	}
	return nil
}

// Approve implements Store.
func (m *Memory) Approve(ctx context.Context, ref Ref, until time.Time) error {
	if err := m.writing(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r, err := m.find(ref)
	if err != nil {
		return err
	}
	status := &r.connection.Status
	status.Held, status.HeldReason, status.Approved = time.Time{}, "", stamp(until)
	maps.DeleteFunc(r.spent, func(name string, _ []spending) bool { return !strings.HasPrefix(name, KeptPrefix) })
	return nil
}

// Spend implements Store.
func (m *Memory) Spend(ctx context.Context, ref Ref, name string, n int, at, after time.Time) (int, error) {
	if err := m.writing(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	r, err := m.find(ref)
	if err != nil {
		return 0, err
	}
	if n != 0 {
		r.spend(name, n, at.Unix(), at.Add(-MaxWindow).Unix())
	}
	sum := 0
	for _, s := range slices.Backward(r.spent[name]) {
		if s.at <= after.Unix() {
			break
		}
		sum += s.n
	}
	return sum, nil
}

// spend adds n, or takes back what is there of it. What is not later than a time may
// be forgotten.
func (r *remembered) spend(name string, n int, at, forget int64) {
	const often = 3600 // seconds
	if at >= r.pruned+often {
		r.pruned = at
		for other, spent := range r.spent {
			r.keep(other, slices.DeleteFunc(spent, func(s spending) bool { return s.at <= forget }))
		}
	}
	spent := r.spent[name]
	i, there := slices.BinarySearchFunc(spent, at, func(s spending, at int64) int { return cmp.Compare(s.at, at) })
	switch {
	case there && spent[i].n+n > 0:
		spent[i].n += n
	case there:
		spent = slices.Delete(spent, i, i+1)
	case n > 0:
		spent = slices.Insert(spent, i, spending{at, n})
	}
	r.keep(name, spent)
}

// keep keeps what is spent under a name, if there is anything.
func (r *remembered) keep(name string, spent []spending) {
	switch {
	case len(spent) == 0:
		delete(r.spent, name)
	case r.spent == nil:
		r.spent = map[string][]spending{name: spent}
	default:
		r.spent[name] = spent
	}
}
