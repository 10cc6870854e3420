package tenant

import (
	"context"
	"time"

	"github.com/usherkit/scim"
)

// A Record is a request of a connection that changed something or was refused, as
// [Registry.Log] returns it. A GET of a resource that does not exist is not
// recorded: clients send it to learn just that.
//
// Unless Connection.KeepValues said otherwise there is no value in it that the client
// sent. Paths, filters, bodies and details have their form, names, ids and the words
// of the protocol; all else is a pseudonym, such as masked.kdrpwzqbtnxcgl, that is
// the same for the same value of the same connection. So who reads it sees what is
// wrong and not with whom, and the request can be made again. Passwords, tokens and
// what has such a name are never kept.
type Record struct {
	ID         string        // in the order of time
	At         time.Time     // when it was answered
	Duration   time.Duration `json:",omitzero"`
	Connection Ref
	TokenID    string `json:",omitzero"` // empty for a token of another kind
	Source     string `json:",omitzero"` // the address it came from, as Options.Source has it

	Method     string         `json:",omitzero"`
	Path       string         `json:",omitzero"` // below the endpoint, and its query, as people read it: Users?filter=userName eq "masked…"; about 8 KiB of it, and an ellipsis
	Operation  scim.Operation `json:",omitzero"` // as in scim.Report
	Type       string         `json:",omitzero"` // the resource type
	ResourceID string         `json:",omitzero"` // empty where it is about none or many
	Name       string         `json:",omitzero"` // of what is to be created: its userName, or else its externalId or displayName, masked as in Body

	Status  int      `json:",omitzero"`
	Held    bool     `json:",omitzero"` // the brake held it: ErrHeld
	Paused  bool     `json:",omitzero"` // the connection was Paused
	Address string   `json:",omitzero"` // the tenant whose address it came to, if that was not the connection's
	Detail  string   `json:",omitzero"` // what the client was told
	Taken   bool     `json:",omitzero"` // 409 uniqueness: another resource has a value of it
	Rules   []string `json:",omitzero"` // as in scim.Report
	Changes []Change `json:",omitzero"`

	// What the request can be made of again: see Request. Body is kept of what was
	// refused, and of what changed something where Connection.KeepValues says so,
	// up to 64 KiB. Masked says that its values are not those that were sent; one
	// that is no JSON is as long as it was, and says nothing.
	ContentType, IfMatch, IfNoneMatch, UserAgent string `json:",omitzero"`

	Body   []byte `json:",omitzero"`
	Masked bool   `json:",omitzero"`
	Cut    bool   `json:",omitzero"` // Body is not all that was sent
}

// A Change is one resource that a request changed.
type Change struct {
	Op             scim.Op  `json:",omitzero"`
	Type, ID       string   `json:",omitzero"`
	Attributes     []string `json:",omitzero"` // their names; never their values
	Deactivated    bool     `json:",omitzero"`
	Added, Removed int      `json:",omitzero"` // members
}

// A Query asks for Records.
type Query struct {
	Tenant     string // whose
	AllTenants bool   // everybody's, for the operator of the application, in place of one Tenant's
	Connection string // its ID; empty: all of the tenant's
	ResourceID string // of a resource that they are about or that they changed, of one Tenant or Connection; empty: of any, or of none
	Refused    bool   // those that were refused alone
	Before     string // the ID of a Record: those before it; empty: the newest
	Limit      int    // 0: 100
}

// mostLimit is the largest Query.Limit.
const mostLimit = 10_000

// Log returns Records, the newest first: of the tenant that the query names, whose
// admin may ask for it, or of all. What this process has answered
// before is among them; what others have, a second later. Of requests that were
// refused 401 or 429 there are five in a second at most. If there are more of a
// connection than can be written, one of status 503 says how many were not.
func (r *Registry) Log(ctx context.Context, q Query) ([]Record, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if err := r.pending.write(ctx); err != nil {
		return nil, err
	}
	return r.store.Records(ctx, q)
}

// check reports what cannot be asked. Who forgets to name a tenant must not be shown
// everybody's.
func (q *Query) check() error {
	switch {
	case q.Tenant == "" && !q.AllTenants:
		return invalid("Query names no Tenant, and does not ask for AllTenants")
	case q.Tenant != "" && q.AllTenants:
		return invalid("Query asks for AllTenants, and names a Tenant")
	case q.Limit < 0 || q.Limit > mostLimit:
		return invalid("Query.Limit is %d; want 0 to %d", q.Limit, mostLimit)
	}
	return nil
}

// Record returns the Record with an ID of a tenant, or ErrNotFound.
func (r *Registry) Record(ctx context.Context, tenant, id string) (Record, error) {
	return r.record(ctx, Query{Tenant: tenant}, id)
}

// AnyRecord returns the Record with an ID of whatever tenant, for the operator of the
// application; or ErrNotFound.
func (r *Registry) AnyRecord(ctx context.Context, id string) (Record, error) {
	return r.record(ctx, Query{AllTenants: true}, id)
}

func (r *Registry) record(ctx context.Context, q Query, id string) (Record, error) {
	q.Before, q.Limit = id+"0", 1 // the first ID that could follow
	if err := q.check(); err != nil {
		return Record{}, err
	}
	if err := r.pending.write(ctx); err != nil {
		return Record{}, err
	}
	records, err := r.store.Records(ctx, q)
	switch {
	case err != nil:
		return Record{}, err
	case len(records) == 0 || records[0].ID != id:
		return Record{}, ErrNotFound
	}
	return records[0], nil
}

// MaskJSON masks the values of a JSON text, such as a resource's Document, as those
// in the Records of a connection are: so that a Record can be compared with what
// there is, and replayed on a copy of it. Of what is no JSON nothing is left.
func (r *Registry) MaskJSON(of Ref, text []byte) []byte {
	return newMasker(r.pending.key, of, false, "").body(text, false, false)
}
