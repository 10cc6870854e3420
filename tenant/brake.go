package tenant

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/usherkit/scim"
)

// The brake. What a connection takes away is counted in the Store, so that all
// processes count together, before it is taken; what was not taken after all is
// given back. So never more is lost than the Brake allows, and a request that is
// refused leaves no trace but its Record.

var _ scim.Guard = (*Registry)(nil)

// Approve lets everything pass that the brake of a connection would hold, for a
// while, 30 days at most; 0 means two days, since identity providers try again what
// has failed for long once a day. What was held comes again by itself and passes,
// however much it is; then the brake is on anew. A shorter approval ends a longer
// one.
func (r *Registry) Approve(ctx context.Context, ref Ref, pass time.Duration) error {
	const longest = 30 * 24 * time.Hour
	switch {
	case pass < 0 || pass > longest:
		return invalid("an approval for %v; %v is the most", pass, longest)
	case pass == 0:
		pass = 2 * 24 * time.Hour
	}
	return r.store.Approve(ctx, ref, stamp(r.now().Add(pass)))
}

// Guards implements scim.Guard: it reports whether the client's connection has a
// Brake.
func (r *Registry) Guards(p scim.Principal) bool {
	return r.cache.brakes(Ref{p.Tenant, p.Subject})
}

// AdmitLoss implements scim.Guard: it refuses what the brake holds.
func (r *Registry) AdmitLoss(ctx context.Context, s scim.Store, l scim.Loss) (done func(*scim.Updated, error), err error) {
	b := braking{r: r, resources: s, loss: l, now: r.now()}
	// The cache could be some seconds late: after an approval nothing more is held,
	// and while the brake holds nothing more passes.
	b.of, err = r.store.Connection(ctx, Ref{l.Principal.Tenant, l.Principal.Subject})
	switch {
	case errors.Is(err, ErrNotFound): // deleted meanwhile, and its brake with it
		return nil, nil
	case err != nil:
		return nil, err
	case b.now.Before(b.of.Status.Approved):
		return nil, nil
	}
	brake := b.of.Brake
	switch {
	case l.User && (brake.Users > 0 || brake.Percent > 0):
		return b.user(ctx)
	case !l.User && brake.Members > 0:
		return b.group(ctx)
	}
	return nil, nil
}

// braking is a loss that is being decided on.
type braking struct {
	r         *Registry
	resources scim.Store
	loss      scim.Loss
	of        Connection // as it is stored now
	now       time.Time
}

// user decides on the loss of a user.
func (b *braking) user(ctx context.Context) (func(*scim.Updated, error), error) {
	if b.isHeld() {
		return nil, b.refusal()
	}
	const name = "users"
	spent, err := b.spend(ctx, name, 1)
	if err != nil {
		return nil, err
	}
	bound, share, err := b.of.Brake.Users, "", error(nil)
	if spent > bound && b.of.Brake.Percent > 0 { // otherwise nobody need be counted
		bound, share, err = b.share(ctx)
	}
	if err != nil || spent > bound {
		b.giveBack(ctx, name, 1)
	}
	switch {
	case err != nil:
		return nil, err
	case spent > bound:
		return nil, b.hold(ctx, "more than %d users%s would have been deactivated or deleted within %s", bound, share, b.window())
	}
	return func(_ *scim.Updated, err error) {
		if err != nil {
			b.giveBack(ctx, name, 1)
		}
	}, nil
}

// share returns the larger of the two bounds for users, and what of is a share, for
// people.
func (b *braking) share(ctx context.Context) (bound int, of string, err error) {
	brake := b.of.Brake
	total, err := b.r.totals.of(ctx, b.resources, b.loss.Ref, b.now)
	if err != nil {
		return 0, "", err
	}
	if bound = max(total*brake.Percent/100, 1); bound <= brake.Users {
		return brake.Users, "", nil
	}
	return bound, fmt.Sprintf(" (%d %% of %d)", brake.Percent, total), nil
}

// group decides on what a group loses.
func (b *braking) group(ctx context.Context) (func(*scim.Updated, error), error) {
	bound, name := b.of.Brake.Members, nameOf(b.loss.Ref.ID)
	if b.isHeld() {
		bound = 0
	}
	n, passes, err := len(b.loss.Delta.Remove), false, error(nil)
	if b.names() {
		passes, err = b.reserve(ctx, name, n, bound)
	}
	if !passes && err == nil { // it matters how many of them are members
		if n, err = b.members(ctx, bound); n == 0 || err != nil {
			return nil, err
		}
		passes, err = b.reserve(ctx, name, n, bound)
	}
	switch {
	case err != nil:
		return nil, err
	case b.isHeld():
		return nil, b.refusal()
	case !passes:
		return nil, b.hold(ctx, "the group %s would have lost more than %d members within %s", b.groupName(ctx), bound, b.window())
	}
	return func(up *scim.Updated, err error) {
		switch {
		case err != nil:
			b.giveBack(ctx, name, n)
		case b.loss.Op == scim.OpUpdate: // some of them were no members, or others are no longer
			b.giveBack(ctx, name, n-len(up.Removed))
		}
	}, nil
}

// nameOf is under which name the losses of a group are counted: of its id, or where a
// client has made up one that is longer than any, of its hash.
func nameOf(groupID string) string {
	if len(groupID) > 200 {
		return fmt.Sprintf("members#%x", sha256.Sum256([]byte(groupID)))
	}
	return "members/" + groupID
}

// names reports whether the request says which members a group is to lose.
func (b *braking) names() bool { return b.loss.Op == scim.OpUpdate && !b.loss.Delta.Reset }

// mostNamed is of how many members that a request names it is looked up whether they
// are members; the others are taken for members.
const mostNamed = 1000

// members returns how many members a group would lose, and no more than one beyond
// a bound: no more of a group is read than the request names, and the bound.
func (b *braking) members(ctx context.Context, bound int) (n int, err error) {
	group, err := b.resources.Get(ctx, b.loss.Ref, scim.Projection{Members: true})
	if err != nil || group.Members == nil {
		return 0, err
	}
	for err := range b.leaving(group.Members) {
		if err != nil {
			return 0, err
		}
		if n++; n > bound {
			break
		}
	}
	return n, nil
}

// leaving yields nil for each member that the group would lose.
func (b *braking) leaving(members scim.Set) iter.Seq[error] {
	if b.names() {
		return func(yield func(error) bool) {
			for i, id := range b.loss.Delta.Remove {
				is, err := true, error(nil)
				if i < mostNamed {
					is, err = members.Has(id)
				}
				if (is || err != nil) && !yield(err) {
					return
				}
			}
		}
	}
	stay := make(map[string]bool, len(b.loss.Delta.Add))
	for _, m := range b.loss.Delta.Add {
		stay[m.ID] = true
	}
	return func(yield func(error) bool) {
		for m, err := range members.All() {
			if (!stay[m.ID] || err != nil) && !yield(err) {
				return
			}
		}
	}
}

// groupName names the group for people.
func (b *braking) groupName(ctx context.Context) string {
	group := b.loss.Before
	if group == nil {
		group, _ = b.resources.Get(ctx, b.loss.Ref, scim.Projection{}) // without it there is the id
	}
	name := group.Group().DisplayName
	if name == "" {
		return b.loss.Ref.ID
	}
	const longest = 60
	if text := []rune(name); len(text) > longest {
		name = string(text[:longest]) + "…"
	}
	return fmt.Sprintf("%q", name)
}

// reserve counts a loss, unless more than a bound were lost then.
func (b *braking) reserve(ctx context.Context, name string, n, bound int) (bool, error) {
	if n > bound {
		return false, nil
	}
	spent, err := b.spend(ctx, name, n)
	if err == nil && spent > bound {
		b.giveBack(ctx, name, n)
	}
	return spent <= bound, err
}

// spend counts a loss, and returns how much there was within the window.
func (b *braking) spend(ctx context.Context, name string, n int) (int, error) {
	return b.r.store.Spend(ctx, b.of.Ref(), name, n, b.now, b.now.Add(-b.of.Brake.window()))
}

// giveBack takes back what was counted. If that fails too much is counted until the
// window is past, which holds too early and never too late.
func (b *braking) giveBack(ctx context.Context, name string, n int) {
	if n == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second) // the client may have gone
	defer cancel()
	if _, err := b.spend(ctx, name, -n); err != nil {
		b.r.options.Logger.Error("tenant: what the brake has counted in vain could not be given back",
			slog.String("tenant", b.of.Tenant), slog.String("connection", b.of.ID), slog.Int("count", n), slog.Any("err", err))
	}
}

func (b *braking) isHeld() bool { return !b.of.Status.Held.IsZero() }

// hold has the brake hold, and returns what the client is told.
func (b *braking) hold(ctx context.Context, format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	if err := b.r.store.Hold(ctx, b.of.Ref(), stamp(b.now), reason); err != nil {
		return err
	}
	b.r.options.Logger.Warn("tenant: the brake holds until somebody approves",
		slog.String("tenant", b.of.Tenant), slog.String("connection", b.of.ID), slog.String("reason", reason))
	b.of.Status.Held, b.of.Status.HeldReason = b.now, reason
	return b.refusal()
}

// refusal is what the client is told of a loss while the brake holds. It is 409,
// which Entra and Okta take for the failure of one object and try again: 403 stops
// Entra's whole job, as a token does that may do nothing.
func (b *braking) refusal() error {
	detail := fmt.Sprintf("held by the application: %s. Since %s such changes of this connection are refused, and all others go on. This request has changed nothing. An administrator of the application must approve it in the settings of the connection; the identity provider will then try again by itself",
		b.of.Status.HeldReason, b.of.Status.Held.UTC().Format("2006-01-02 15:04 UTC"))
	return &scim.Error{Kind: scim.ErrConflict, Detail: detail, Err: ErrHeld}
}

// ErrHeld is why a request was refused that the brake holds. The client is told 409,
// and until when.
var ErrHeld = errors.New("tenant: held by the brake")

func (b Brake) window() time.Duration {
	if b.Window == 0 {
		return time.Hour
	}
	return b.Window
}

// window says how long it is, for people.
func (b *braking) window() string {
	switch w := b.of.Brake.window(); w {
	case time.Hour:
		return "an hour"
	case 24 * time.Hour:
		return "a day"
	default:
		text := w.String() // 12h0m0s, 30m0s
		if trimmed, whole := strings.CutSuffix(text, "m0s"); whole {
			text = trimmed + "m"
		}
		if trimmed, whole := strings.CutSuffix(text, "h0m"); whole {
			text = trimmed + "h"
		}
		return text
	}
}

// totals are how many resources there are of types of tenants. Its zero value is
// ready to use.
type totals struct {
	mu    sync.Mutex
	known map[scim.Ref]total // by Refs without an ID
}

type total struct {
	n  int
	at time.Time
}

const (
	totalsKept = time.Minute
	mostTotals = 1000
)

// of returns how many resources there are, or were a moment ago.
func (k *totals) of(ctx context.Context, s scim.Store, ref scim.Ref, now time.Time) (int, error) {
	ref.ID = ""
	k.mu.Lock()
	t, there := k.known[ref]
	k.mu.Unlock()
	if age := now.Sub(t.at); there && age >= 0 && age < totalsKept {
		return t.n, nil
	}
	page, err := s.List(ctx, scim.Query{Tenant: ref.Tenant, Type: ref.Type})
	if err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= mostTotals {
		k.known = map[scim.Ref]total{}
	}
	k.known[ref] = total{page.Total, now}
	return page.Total, nil
}
