// Package idp has stand-ins for identity providers: they provision a Directory
// to a SCIM endpoint, whoever wrote that, with the requests that the real ones
// send, and report what the real ones' admins would see.
//
//	entra, err := idp.NewEntra("https://app.example.com/scim/v2", token, nil)
//	report, err := entra.Sync(ctx, directory) // one cycle; err says which request went wrong, what was wanted, and what comes of it
//	report, err = entra.Verify(ctx, directory)
//
// An [Entra] is the provisioning service of Microsoft Entra ID. It probes,
// matches by filter, creates, compares what it reads with what it wants and
// patches the difference in one of two dialects, and writes managers and
// members last. It keeps a watermark, tries again what failed, less and less
// often, and goes into quarantine where the real one does; all by a clock that
// jumps from cycle to cycle. Its behaviour is that of Microsoft's
// documentation, and of captures and issues of servers where that is silent;
// the comments name them.
//
// This package is for programs; in a test, package scimtest is shorter. The
// package imports the standard library alone.
package idp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Dialect is a way of writing PATCH requests. Entra has two of them.
type Dialect int

const (
	// DialectDefault writes one operation for each attribute, Add, Replace and
	// Remove with a capital, booleans as "True" and "False", and members to
	// remove in the value.
	DialectDefault Dialect = iota

	// DialectFlag is what ?aadOptscim062020 in the Tenant URL turns on:
	// lower-case operations, JSON booleans, attributes merged into one
	// operation without a path whose keys are paths, and members to remove in
	// the path.
	DialectFlag

	// DialectMixed uses one for some objects and the other for the others, and
	// in the next cycle the other way round. A tenant really does mix them:
	// provision on demand knows no flag.
	DialectMixed
)

func (d Dialect) String() string {
	switch d {
	case DialectFlag:
		return "aadOptscim062020"
	case DialectMixed:
		return "mixed"
	}
	return "default"
}

// Entra plays Microsoft Entra ID's provisioning service against one endpoint.
// Like the real one it remembers the ids that the endpoint gave. Its methods
// may be called concurrently, but do one thing at a time.
type Entra struct {
	*connection
	job
	user, group *rules
}

// NewEntra returns an Entra for the endpoint at the Tenant URL, such as
// "https://app.example.com/scim/v2". Nil options mean the defaults. It sends
// nothing yet; its error is of the URL or the options.
func NewEntra(tenantURL, token string, options *Options) (*Entra, error) {
	c, err := connect(tenantURL, token, options)
	if err != nil {
		return nil, err
	}
	c.header = http.Header{"User-Agent": {""}} // sends none, as Entra's Test Connection
	o := &c.options
	o.Quarantine.defaults()
	if o.UserMappings == nil {
		o.UserMappings = DefaultUserMappings()
	}
	if o.GroupMappings == nil {
		o.GroupMappings = DefaultGroupMappings()
	}
	e := &Entra{connection: c}
	e.restart()
	var errs [3]error
	if e.user, errs[0] = compileRules(o.UserMappings, o.UserScope, userProperties, "manager", o.AssignedOnly); errs[0] != nil {
		errs[0] = fmt.Errorf("idp: users: %w", errs[0])
	}
	if e.group, errs[1] = compileRules(o.GroupMappings, o.GroupScope, groupProperties, "members", o.AssignedOnly); errs[1] != nil {
		errs[1] = fmt.Errorf("idp: groups: %w", errs[1])
	}
	if o.Credentials != nil {
		c.login = &login{ClientCredentials: *o.Credentials}
		errs[2] = c.login.validate()
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return e, nil
}

// SetDialect changes the dialect from the next run on, as an admin does who
// edits the Tenant URL.
func (e *Entra) SetDialect(d Dialect) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.options.Dialect = d
}

// Links says what becomes of the ids that the endpoint gave.
type Links int

const (
	// KeepLinks is what "Restart provisioning" in the portal does.
	KeepLinks Links = iota

	// BreakLinks is what Microsoft Graph's restart does with the resetScope
	// Full: each object is looked for again.
	BreakLinks
)

// Restart restarts provisioning: it clears the watermark, what is in escrow
// and the quarantine, so that the next cycle is an initial one, which looks at
// every object.
func (e *Entra) Restart(l Links) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.restart()
	if l == BreakLinks {
		e.reset()
		return
	}
	for _, group := range e.groups {
		group.known = false
		for m, id := range group.members {
			if id == "" {
				delete(group.members, m)
			}
		}
	}
}

// Advance moves the simulated clock on. Without it each cycle comes when it is
// due, 40 minutes after the last one.
func (e *Entra) Advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

// ConfirmDeletions lets the next cycle disable and delete more than
// Options.MaxDeletions, as the portal's "Allow deletes" does.
func (e *Entra) ConfirmDeletions() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.confirmed = true; len(e.held) > 0 {
		e.state = nil
	}
}

// TestConnection does what the button of that name does in the Entra portal:
// it looks for a user and a group that do not exist. With Credentials it gets
// a token and reads one user first. Its error is the Report's.
func (e *Entra) TestConnection(ctx context.Context) (*Report, error) {
	return e.run(ctx, "Test Connection", func(r *run) error {
		if e.login == nil || e.checkCredentials(r) {
			e.probe(r)
		}
		return nil
	})
}

// Sync runs one cycle, 40 minutes after the last one by the simulated clock.
//
// The first one, the initial cycle, looks each object up and creates what is
// not there. Later ones look only at what has changed in the directory, in the
// mappings' eyes, and at what failed before and is due again. They read it by
// the id that the endpoint gave and write only what differs from what it
// returned. Users and groups that are no longer in the directory are deleted.
// Managers and members are written last. As with the real service:
//
//   - Changes made at the endpoint are not noticed before something changes in
//     the directory, or provisioning is restarted.
//   - A manager or a member who was not at the endpoint when the object that
//     names it was written is left out until Restart, or until that object
//     gets another manager, or the group loses the member and gets it back
//     ("Known issues": Manager isn't provisioned, Member of group not
//     provisioned). Managers are looked at again with each change of the user.
//   - A cycle that could not run to its end leaves no watermark.
//   - If the endpoint refuses to say whether somebody is the manager or a
//     member already, the reference is written all the same. That is an
//     inference; the failure is reported.
//
// A failure does not end the cycle, unless the endpoint refuses the token, or
// answers a probe as it should not. The job is in quarantine then, or if too
// much failed: a Sync before its time sends nothing and says so. Sync's error
// is the Report's, so it is nil only if all went right; the Report is never
// nil.
func (e *Entra) Sync(ctx context.Context, d Directory) (*Report, error) {
	return e.run(ctx, "cycle", func(r *run) error {
		r.report.Run = "incremental cycle"
		if !e.cycled {
			r.report.Run = "initial cycle"
		}
		d, err := e.prepare(d)
		if err != nil {
			return err
		}
		if due := e.last.Add(cyclesApart); !e.last.IsZero() && e.now.Before(due) {
			e.now = due
		}
		e.last, r.report.Started = e.now, e.now
		if names := e.user.unknown(d); len(names) > 0 && len(d.Users) > 0 {
			r.advise("the mappings or scoping filters name properties that no user of the directory has: " + strings.Join(names, ", "))
		}
		if e.mayRun(e.now) {
			(&cycle{run: r, e: e, d: d}).whole()
		} else {
			r.report.Stopped = e.state.in()
		}
		r.report.Waiting, r.report.Held = len(e.escrow), len(e.held)
		if e.state != nil {
			q := *e.state
			r.report.Quarantine = &q
		}
		return nil
	})
}

// prepare checks and copies a directory.
func (e *Entra) prepare(d Directory) (*Directory, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	d = d.Clone()
	return &d, nil
}

// Verify checks that the endpoint holds what the directory does: every mapped
// attribute, active, the manager, and exactly the members of each group; that
// each object is found by filter, once; that what was deleted is gone; and that
// the endpoint says of each user's manager, and of five members of each group
// and somebody else, whether they are that, as Entra asks after Restart. So a
// second cycle of the same directory would write nothing, even then. It looks
// at whom Entra manages, and not for the managers and members that Sync leaves
// out. What no cycle would write again is advice: members who were deleted, those
// that a group had before Entra knew it, and managers who are returned and
// denied. It only reads. Its error is the Report's.
func (e *Entra) Verify(ctx context.Context, d Directory) (*Report, error) {
	return e.run(ctx, "verification", func(r *run) error {
		d, err := e.prepare(d)
		if err != nil {
			return err
		}
		(&cycle{run: r, e: e, d: d}).verify()
		return nil
	})
}
