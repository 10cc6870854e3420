package scim

import "context"

// A Store keeps resources. Its methods may be called concurrently.
//
// The Store decides facts: ids, versions, times, uniqueness, and what a change
// really changed. The Handler decides meaning: what it hands over is checked
// against the schema and in canonical form.
//
// A Store reports ErrNotFound (404), ErrUniqueness (409), ErrVersion (412) or
// ErrInvalidValue (400, for a member that does not exist), bare, wrapped or as
// an [Error] with a Detail for the client. Other kinds are answered as they are
// too, such as ErrUnavailable (503) for a database that is down; List may report
// ErrTooMany and ErrInvalidCursor. Any other error is answered 500, and its text
// reaches only the log. A call that reports an error has changed nothing. A call whose context ends before it writes, or while it reads, soon
// reports the context's error. Every Ref and Query names a tenant; no call sees
// another tenant's resources. Package storetest checks all of this.
type Store interface {
	// Create stores a resource of ref's tenant and type with the Document and
	// Keys of c and the members c adds; ref has no ID yet. The Store gives it
	// an ID, which is never reused, which no other resource of any type in the
	// tenant has, and which needs no escape in a URL path; a Version, of visible
	// ASCII without quotes, backslashes and tildes; and its times. If a Key that
	// must be unique is taken, it reports ErrUniqueness.
	Create(ctx context.Context, ref Ref, c Change) (*Updated, error)

	// Get returns a resource. Members and Groups are nil unless p wants them.
	// Where there are none they may be nil even so.
	Get(ctx context.Context, ref Ref, p Projection) (*Resource, error)

	// List returns the page that q asks for, in q's order, and the number of
	// all matches. A Store that cannot evaluate q.Filter or q.Sort, or only
	// part of it, narrows with what it can (see [RequiredKeys] and [Requires])
	// and returns [Select] of the rest.
	List(ctx context.Context, q Query) (*Page, error)

	// Update makes one atomic change. A change that changes nothing (members
	// added that are present, members removed that are not) keeps the version
	// and the time, and so does an equal Document.
	Update(ctx context.Context, ref Ref, c Change) (*Updated, error)

	// Delete removes a resource and its memberships: it is no longer a member
	// of any group, and the versions of those groups change. A version that is not empty must be the current one.
	// Afterwards its unique values can be used again.
	Delete(ctx context.Context, ref Ref, version string) error
}

// A Transactor is a Store that can make several calls one.
type Transactor interface {
	Store

	// InTx calls fn with a Store whose writes all take effect when fn returns
	// nil, and otherwise not at all. The context handed to fn is the one to
	// use inside. InTx may call fn again if the transaction must be retried, and
	// reports ErrUnavailable if that does not help. A panic of fn goes on when
	// the transaction is undone.
	//
	// Inside, calls and the Sets that they return see what the transaction has
	// written; outside, nobody does before it takes effect. What a transaction
	// has read of a resource that it writes is still so when it takes effect. A
	// call that reports ErrNotFound, ErrUniqueness, ErrVersion or ErrInvalidValue
	// there has changed nothing, and the transaction goes on. If tx is a
	// Transactor too, its transactions nest: one that fails undoes its own writes
	// and no others.
	InTx(ctx context.Context, fn func(ctx context.Context, tx Store) error) error
}

// A Query asks for a page of the resources of one type. Its filter may ask about
// members and groups that the page does not want: a Store that leaves filtering
// to [Select] hands it resources with Sets that read when they are asked.
type Query struct {
	Tenant, Type  string
	Filter        Filter // nil matches everything
	Sort          Sort   // zero: the order of creation, in which those of one Created may be in the order of their ids
	Offset, Limit int    // Limit 0: only the total is wanted
	MaxScan       int    // see Scans and Matcher; 0: any number may be looked at

	// Resumes says that Page.Next is wanted: a walk by cursor (RFC 9865), of
	// which this is the first page or, with After, another.
	Resumes bool

	// After, unless zero, is the Next of a Page: this one begins after that
	// one, and Offset is 0. Resources that come, go or change meanwhile make no
	// other come twice or be left out. For what can be no place of its own, a
	// Store reports ErrInvalidCursor, or nothing comes after it.
	After Place

	Projection Projection
}

// A Page is part of the resources that match a Query.
type Page struct {
	Total     int // of all matches, wherever the page begins
	Resources []*Resource

	// Next, where the Query Resumes, is the place of the last of Resources if
	// others follow, else zero. Of any other Query it is not looked at. A Store
	// finds it again for the same Filter and Sort, after a restart too,
	// and when the resource is gone.
	Next Place
}

// A Projection says which parts of a resource are wanted that a Store keeps
// apart from its Document. The Document is always wanted.
type Projection struct {
	Members bool // Resource.Members
	Groups  bool // Resource.Groups
}

// A Change is one write. Its zero parts leave things as they are.
type Change struct {
	Version  string   // if not empty, the version the resource must still have; else ErrVersion
	Document Document // unless zero, replaces the stored one
	Keys     []Key    // unless nil, replace the stored ones
	Members  MemberDelta
}

// IsZero reports whether c leaves everything as it is.
func (c Change) IsZero() bool { return c.Document.IsZero() && c.Members.IsZero() }

// A MemberDelta is a change of a set of members, of the size of the request
// and never of the group. No id is in both Add and Remove.
type MemberDelta struct {
	Reset  bool     // drop the members that Add does not name
	Add    []Member // adding a present member does nothing, and naming one twice adds it once
	Remove []string // removing an absent member does nothing

	// Types are the resource types that a member may have; nil means any. A
	// member to add that does not exist in the tenant, is of a type not among
	// Types, or of another type than its Type says, is ErrInvalidValue. No
	// group is a member of itself: to add it is ErrInvalidValue too.
	Types []string
}

// IsZero reports whether d changes nothing.
func (d MemberDelta) IsZero() bool { return !d.Reset && len(d.Add) == 0 && len(d.Remove) == 0 }

// Updated is what a Change came to.
type Updated struct {
	Resource *Resource // as stored; its Members and Groups may be nil
	Added    []Member  // the members that were not there before
	Removed  []Member  // the members that are no longer there
}
