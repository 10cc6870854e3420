package scim

import "context"

// A Guard is a TokenValidator that is asked before a client takes something away,
// so that an identity provider's mistake does not empty a tenant. NewHandler may be
// given it as any TokenValidator is. Its methods may be called concurrently.
type Guard interface {
	TokenValidator

	// Guards reports whether the losses of a client are to be asked about: for
	// others nothing is read and nothing waits. It is asked often and must not wait
	// itself.
	Guards(p Principal) bool

	// AdmitLoss may refuse a loss as Hooks.Admit may a change, before which it is asked: with
	// Errorf(ErrConflict, …) and a text for the customer's admin, which Entra takes
	// for the failure of this one resource; after ErrForbidden it stops altogether.
	// It is asked outside of any transaction of the Store, in a bulk request too,
	// whose operations are then done each for itself. s is the Handler's Store, for
	// what needs to be read.
	//
	// If there is no error done, unless nil, is told once what became of the
	// change: what it came to, or why it was not made. If the resource has changed
	// meanwhile the change is tried again, and AdmitLoss is asked anew. done is not told
	// of a panic of the Store or of the Hooks: nobody knows then.
	AdmitLoss(ctx context.Context, s Store, l Loss) (done func(*Updated, error), err error)
}

// A Loss is a change that takes something away: it deactivates or deletes a user,
// deletes a group, or asks for members to be removed from one.
type Loss struct {
	// Event has no Changed and no Password. Before is nil where members alone
	// change. See its Delta: with Reset the group may lose any of its members.
	Event

	User bool // it is a user's; otherwise a group's
}
