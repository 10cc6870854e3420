package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/usherkit/scim/tenant"
)

type tenantListCommand struct {
	registryFlags
	Tenant string `arg:"" optional:"" help:"Only those of this tenant."`
	JSON   bool   `name:"json" help:"Print them as JSON, one on each line."`
}

// Run is called by kong.
func (c *tenantListCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry) error { return c.show(console, r) })
}

// show prints connections as they are read.
func (c *tenantListCommand) show(console *console, r *tenant.Registry) error {
	table := newTable(console.out, c.JSON, "TENANT", "ID", "NAME", "PROVIDER", "SEEN", "STATE")
	for found, err := range connections(console.ctx, r, c.Tenant) {
		if err != nil {
			return err
		}
		state := ""
		if !c.JSON {
			state, err = readState(console.ctx, r, found)
		}
		switch {
		case errors.Is(err, tenant.ErrNotFound): // it was removed meanwhile
			continue
		case err != nil:
			return err
		}
		if err := table.row(found, found.Tenant, found.ID, found.Name, found.Provider, day(found.Status.LastSeen), state); err != nil {
			return err
		}
	}
	return table.flush()
}

// readState reads what stateOf needs: the tokens, unless assertions do instead, and the
// last refusal, if requests were answered since.
func readState(ctx context.Context, r *tenant.Registry, c tenant.Connection) (string, error) {
	live := c.Federation != tenant.Federation{}
	if !live {
		tokens, err := r.Tokens(ctx, c.Ref())
		if err != nil {
			return "", err
		}
		now := time.Now()
		for i := range tokens {
			live = live || tokens[i].Live(now)
		}
	}
	var refused tenant.Record
	if hasNewError(&c.Status) {
		list, err := r.Log(ctx, tenant.Query{Tenant: c.Tenant, Connection: c.ID, Refused: true, Limit: 1})
		if err != nil {
			return "", err
		}
		if len(list) > 0 {
			refused = list[0]
		}
	}
	return stateOf(c, live, refused), nil
}

// stateOf says in a few words how a connection is. It is told whether something lets
// its provider in, and the newest record of what was refused, if there is one.
func stateOf(c tenant.Connection, live bool, refused tenant.Record) string {
	s := &c.Status
	approved := s.Approved.After(time.Now())
	trouble := ""
	switch {
	case !live:
		return "off: no token is alive"
	case c.Paused:
		return "paused"
	case !s.Held.IsZero():
		return "held: " + s.HeldReason
	case hasWrongToken(s):
		trouble = "wrong token at " + day(s.LastUnknown)
	case hasNewError(s) && !isOver(s, &refused) && !(approved && refused.Held):
		trouble = "error: " + s.LastError
	}
	switch {
	case approved:
		return strings.TrimSuffix("approved until "+day(s.Approved)+"; "+trouble, "; ")
	case trouble != "":
		return trouble
	case s.LastSeen.IsZero():
		return "new"
	}
	return "ok"
}

// hasNewError reports whether something was refused within the last hour in which the
// provider came.
func hasNewError(s *tenant.Status) bool {
	return !s.LastErrorAt.IsZero() && s.LastErrorAt.After(s.LastSeen.Add(-time.Hour))
}

// isOver reports whether what was refused last could have been any request, and one
// that came later was not refused: LastSeen is to the minute.
func isOver(s *tenant.Status, refused *tenant.Record) bool {
	if !s.LastSeen.After(s.LastErrorAt) {
		return false
	}
	const clientGone = 499
	switch refused.Status {
	case http.StatusUnauthorized, http.StatusTooManyRequests, clientGone:
		return true
	}
	return refused.Status > http.StatusNotImplemented
}

// hasWrongToken reports whether somebody came last with a token that is nobody's, while
// the provider, whose cycles are an hour apart at most, does not: a stranger may come
// beside one that does.
func hasWrongToken(s *tenant.Status) bool {
	const silent = 3 * time.Hour
	return time.Since(s.LastSeen) > silent && s.LastUnknown.After(s.LastSeen) && s.LastUnknown.After(s.LastErrorAt)
}
