package idp

import (
	"context"
	"fmt"
	"slices"
)

// mostOnDemand is how many members of a group can be chosen.
const mostOnDemand = 5

// ProvisionOnDemand provisions one user, or one group with the members that
// are named, at most five of them; with none named, all that it has. It always
// uses the default dialect, probes three times first, and looks the object up
// even if it has its id. Roles are not provisioned, and who is disabled in the
// directory cannot be; a user who is not in scope is disabled if Entra manages it.
// The simulated clock and the watermark stay as they are.
//
// Its error is the Report's, or of what cannot be provisioned on demand.
func (e *Entra) ProvisionOnDemand(ctx context.Context, d Directory, id string, members ...string) (*Report, error) {
	return e.run(ctx, "provision on demand", func(r *run) error {
		copied, err := e.prepare(d)
		if err != nil {
			return err
		}
		r.onDemand = true
		c := &cycle{run: r, e: e, d: copied}
		c.subjects()
		s := c.byID[id]
		if err := c.canDemand(s, id, members); err != nil {
			return err
		}
		if len(members) > 0 {
			s.group.Members = members
		}
		s.roles = nil
		s.evaluate(e)
		if e.probe(r); r.ctx.Err() != nil {
			return nil
		}
		if s.user != nil {
			c.user(s)
			c.references([]*subject{s}, nil)
		} else {
			c.group(s)
			c.references(nil, []*subject{s})
		}
		return nil
	})
}

func (c *cycle) canDemand(s *subject, id string, members []string) error {
	switch {
	case s == nil:
		return fmt.Errorf("idp: there is no user or group %q to provision on demand", id)
	case s.user != nil && s.user.SoftDeleted():
		return fmt.Errorf("idp: %s is disabled: provision on demand finds nobody who is", s.of)
	case !s.inScope && (s.group != nil || s.links[id] == nil):
		return fmt.Errorf("idp: %s is not in scope", s.of)
	case s.user != nil && len(members) > 0:
		return fmt.Errorf("idp: %s has no members", s.of)
	case s.user != nil:
		return nil
	}
	if len(members) == 0 {
		members = s.group.Members
	}
	if len(members) > mostOnDemand {
		return fmt.Errorf("idp: %s: %d members, and provision on demand takes at most %d: name some", s.of, len(members), mostOnDemand)
	}
	for _, m := range members {
		if !slices.Contains(s.group.Members, m) {
			return fmt.Errorf("idp: %q is no member of %s", m, s.of)
		}
	}
	return nil
}
