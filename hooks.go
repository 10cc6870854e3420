package scim

import "context"

// Hooks tell the application what provisioning did. Embed [NoHooks] and write
// the methods you need: there will be more of them. The methods may be called
// concurrently, for different resources and for the same one.
//
// Admit is asked before a change is stored. The others are told afterwards,
// once per write, with what really changed; a request that changes nothing
// tells nothing.
//
// Where the Store is a [Transactor], as those of memstore and sqlstore are, the
// others run inside the transaction of the write, with the context that InTx
// hands out, which is the one to use for reads of the Store and writes of the
// application's own: an error undoes the write and is answered as the Store's
// errors are. The transaction may be retried, and the hook then runs again; and
// what a hook waits for, others may wait for too. Otherwise the write stands when
// they run, their errors are only logged, and they are told even if the client
// has gone. Where a write calls for two hooks both are called, even if the first
// one fails. A hook must not call the Handler.
//
// In a bulk request many writes share a transaction of a Transactor, and Admit
// too is asked inside it, so it must not wait for the Store outside of it. If
// the transaction cannot be committed its writes are done once more, each for
// itself: Admit and the others then come twice for one operation, and what they
// did the first time outside the transaction is theirs to undo or to bear.
//
// The hooks of users are for the type with the schema of RFC 7643 §4.1, or with
// an attribute for its groups; those of groups for the type with the schema of
// §4.2, or with an attribute for its members (see [TypeDefinition]). Writes of
// other types ask Admit alone.
type Hooks interface {
	// Admit may refuse a valid change: a full plan, a blocked domain. Return
	// Errorf(ErrConflict, …) with a text for the customer's admin: Entra goes on
	// with the others and tries this one again, and after ErrForbidden (403) it
	// stops the whole job. It may be asked again if the change is retried.
	Admit(ctx context.Context, e Event) error

	OnUserStaged(ctx context.Context, e UserEvent) error      // a user that did not exist before
	OnUserUpdated(ctx context.Context, e UserEvent) error     // attributes other than active changed
	OnUserDeactivated(ctx context.Context, e UserEvent) error // active went from true to false: end the sessions
	OnUserReactivated(ctx context.Context, e UserEvent) error // active went from false to true
	OnUserDeleted(ctx context.Context, e UserEvent) error     // an active one too, and its memberships ended with it: end the sessions

	OnGroupCreated(ctx context.Context, e GroupEvent) error // its first members are told by OnGroupMemberAdded
	OnGroupUpdated(ctx context.Context, e GroupEvent) error // attributes changed, such as the name
	OnGroupDeleted(ctx context.Context, e GroupEvent) error // its memberships ended with it: end what was granted by its id

	OnGroupMemberAdded(ctx context.Context, e MemberEvent) error   // one call per write, with the members really added
	OnGroupMemberRemoved(ctx context.Context, e MemberEvent) error // one call per write, with the members really removed
}

// An Op is a kind of write.
type Op string

const (
	OpCreate Op = "create"
	OpUpdate Op = "update"
	OpDelete Op = "delete"
)

// An Event is one write of one resource.
type Event struct {
	Op        Op
	Principal Principal
	Ref       Ref // its ID is empty in Admit of a create

	// Before and After are the resource before and after the write; nil where
	// there is none (Before of a create, After of a delete) and where the
	// write did not need to read it (Before of a change of members alone, and
	// then After in Admit too). Their Members are not read.
	Before, After *Resource

	// Delta is what the request asks for of the group's members. What it came
	// to is told by OnGroupMemberAdded and OnGroupMemberRemoved.
	Delta MemberDelta

	// Changed names the top-level attributes and extensions whose values
	// differ between Before and After, in canonical spelling.
	Changed []string

	// Password is what the client sets the user's password to; empty: it does
	// not. It comes only to types whose schema has a [PasswordAttribute], in
	// Admit, which may refuse it, and in OnUserStaged or OnUserUpdated. Changed
	// then names password too.
	Password Secret
}

// A UserEvent is an Event about a user.
type UserEvent struct{ Event }

// User returns the user after the write; of a deleted user, before it.
func (e UserEvent) User() User { return either(e.After, e.Before).User() }

// A GroupEvent is an Event about a group's own attributes.
type GroupEvent struct{ Event }

// Group returns the group after the write, without its members; of a deleted
// group, before it.
func (e GroupEvent) Group() Group { return either(e.After, e.Before).Group() }

// A MemberEvent tells that members were added to a group, or removed from it.
type MemberEvent struct {
	Event
	Members []Member // really added, or really removed
}

// Group returns the group after the write, without its members.
func (e MemberEvent) Group() Group { return either(e.After, e.Before).Group() }

func either(a, b *Resource) *Resource {
	if a != nil {
		return a
	}
	return b
}

// NoHooks are Hooks that do nothing and refuse nothing.
type NoHooks struct{}

func (NoHooks) Admit(context.Context, Event) error                      { return nil }
func (NoHooks) OnUserStaged(context.Context, UserEvent) error           { return nil }
func (NoHooks) OnUserUpdated(context.Context, UserEvent) error          { return nil }
func (NoHooks) OnUserDeactivated(context.Context, UserEvent) error      { return nil }
func (NoHooks) OnUserReactivated(context.Context, UserEvent) error      { return nil }
func (NoHooks) OnUserDeleted(context.Context, UserEvent) error          { return nil }
func (NoHooks) OnGroupCreated(context.Context, GroupEvent) error        { return nil }
func (NoHooks) OnGroupUpdated(context.Context, GroupEvent) error        { return nil }
func (NoHooks) OnGroupDeleted(context.Context, GroupEvent) error        { return nil }
func (NoHooks) OnGroupMemberAdded(context.Context, MemberEvent) error   { return nil }
func (NoHooks) OnGroupMemberRemoved(context.Context, MemberEvent) error { return nil }
