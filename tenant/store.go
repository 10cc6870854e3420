package tenant

import (
	"context"
	"errors"
	"time"
)

// A Store keeps connections, their tokens and records: Memory does, and sqlstore and
// pgxstore do. There will be more methods; package tenanttest then has their tests. Its methods may be called
// concurrently, and by several processes on one database; what a method writes is
// durable when it returns, or nothing of it is there. No method sees what belongs
// to another tenant than it is asked for, but for Token and Find, which know an id
// alone, and for AllConnections and Records of AllTenants. Strings are kept as they are and
// compared byte by byte, but what is no UTF-8 and zero bytes may be replaced; times are
// kept to the millisecond, in UTC. If the context has ended a method does nothing and
// reports that.
type Store interface {
	// Add stores a new connection. Tenant and ID are set, and no other connection
	// has them; Version is 1.
	Add(ctx context.Context, c Connection) error

	// Connection returns one, or ErrNotFound.
	Connection(ctx context.Context, ref Ref) (Connection, error)

	// Find returns the connection with an ID, whatever its tenant, and reports
	// whether it has a token that is alive at a time; or ErrNotFound.
	Find(ctx context.Context, id string, at time.Time) (Connection, bool, error)

	// Connections returns those of a tenant in the order of Tenant and ID, after a Ref that need not exist, limit at most, and
	// none if that is not positive.
	Connections(ctx context.Context, tenant string, after Ref, limit int) ([]Connection, error)

	// AllConnections returns those of all tenants, likewise.
	AllConnections(ctx context.Context, after Ref, limit int) ([]Connection, error)

	// Change stores the settings of a connection, all but its Status and Created,
	// if it still has the Version before c.Version; otherwise it reports
	// ErrChanged, or ErrNotFound.
	Change(ctx context.Context, c Connection) error

	// Delete deletes a connection, its tokens and its records, or reports
	// ErrNotFound.
	Delete(ctx context.Context, ref Ref) error

	// Replace ends the connection's tokens, those that end later, at a time, if
	// that is not zero, and stores a new one, if there is one: all of it or
	// nothing. It reports ErrNotFound if there is no such connection. Of several
	// calls at the same time each ends the tokens of those before it.
	Replace(ctx context.Context, ref Ref, end time.Time, token *Token) error

	// Revoke sets Revoked of one token of a connection or of all, ends them, and changes
	// the settings as Revocation.Apply does: all of it or nothing. It reports
	// ErrNotFound if there is no such connection or token. Of several calls at the same
	// time each revokes the tokens of those before it.
	Revoke(ctx context.Context, ref Ref, r Revocation) error

	// Token finds a token by its id, with its connection, and reports whether the
	// connection has one that is alive at a time; or ErrNotFound. It is one read by
	// an index.
	Token(ctx context.Context, tokenID string, at time.Time) (Token, Connection, bool, error)

	// Tokens returns those of a connection, the newest first, or ErrNotFound.
	Tokens(ctx context.Context, ref Ref) ([]Token, error)

	// Note stores what was seen of connections and tokens. What there is no longer
	// is passed over, and a time that is not later than the one that is stored.
	Note(ctx context.Context, seen []Seen) error

	// Hold sets Status.Held and HeldReason, unless it is held already or
	// Status.Approved is later than since; or reports ErrNotFound.
	Hold(ctx context.Context, ref Ref, since time.Time, reason string) error

	// Approve clears Status.Held and HeldReason, sets Status.Approved and forgets
	// what Spend has counted, but under names that begin with KeptPrefix, all at once;
	// or reports ErrNotFound.
	Approve(ctx context.Context, ref Ref, until time.Time) error

	// Spend adds n to what is counted under a name for a connection at a time, and
	// returns how much was counted after another, n included; or ErrNotFound. n may
	// be negative: what was spent in vain is given back at the time it was spent, as
	// much of it as is not forgotten, and takes no room any more. If n is 0 nothing is
	// stored. What others count in a longer window, or by a clock that is late, is not
	// forgotten: at the earliest what is MaxWindow older than at. Names have 255
	// bytes at most. Times may be rounded to the second. Calls at the same time for one name are one after the
	// other, in different processes too: each counts those before it.
	Spend(ctx context.Context, ref Ref, name string, n int, at, after time.Time) (int, error)

	// Append stores records, which have different IDs, in one transaction. Those of
	// connections that there are not are passed over.
	Append(ctx context.Context, records []Record) error

	// Records returns records, the newest first, as the query says.
	Records(ctx context.Context, q Query) ([]Record, error)

	// Trim deletes the records of a connection from before a time, and all but the
	// newest few. When it reports an error it may have deleted some of them.
	Trim(ctx context.Context, ref Ref, before time.Time, keep int) error

	// Expire deletes the records of all connections from before a time, likewise. It
	// may leave what came out of order: a record from before whose ID is greater than
	// that of one from after.
	Expire(ctx context.Context, before time.Time) error
}

// A Revocation ends tokens at once.
type Revocation struct {
	At time.Time // when: what ends later ends then

	TokenID string // the one that ends; empty: all do
	Token   *Token // is stored then; nil: none
	Off     bool   // Connection.Federation ends too
}

// Apply makes of the settings of a connection what they are then: there is one more of
// its Revocations. It is for Stores.
func (r *Revocation) Apply(c *Connection) {
	c.Version++
	c.Revocations++
	if r.Off {
		c.Federation = Federation{}
	}
}

// KeptPrefix begins the names of what Store.Spend counts that is none of the brake's.
const KeptPrefix = "kept/"

// MaxWindow is the longest that a Brake may have.
const MaxWindow = 30 * 24 * time.Hour

// Seen is what was seen of a connection: its fields that are zero say nothing.
type Seen struct {
	Ref         Ref
	TokenID     string
	At          time.Time // of a request with the token: Status.LastSeen and Token.LastUsed
	LastError   string
	LastErrorAt time.Time
	Unknown     time.Time // of a request with a token that is nobody's: Status.LastUnknown
}

// The errors of a Store, and of a Registry.
var (
	ErrNotFound = errors.New("tenant: not found")
	ErrChanged  = errors.New("tenant: changed at the same time")
)
