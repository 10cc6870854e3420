package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/plain"
	"github.com/usherkit/scim/tenant"
)

type logCommand struct {
	registryFlags
	Tenant     string `placeholder:"TENANT" help:"Only requests of this tenant's connections."`
	Connection string `placeholder:"ID" help:"Only those of this connection: its ID, as much of the end of it as tells it apart, or TENANT/ID."`
	Refused    bool   `help:"Only those that were refused."`
	Status     int    `placeholder:"409" help:"Only those that were answered with this: 409 finds what the brake holds."`
	Resource   string `placeholder:"ID" help:"Only those about this user or group, or that changed it."`
	Limit      int    `short:"n" default:"50" help:"How many, the newest ones."`
	Follow     bool   `help:"Go on and show others as they come."`
	JSON       bool   `name:"json" help:"Print all of each as JSON, one on each line."`
	Summary    bool   `help:"Tell of each connection how it is and what was refused why, instead."`
}

// Help is shown by -help.
func (*logCommand) Help() string {
	return `Of each request that changed something or was refused it shows when it came, whose it
was, what it asked for, the answer, and its id for usher replay. The values of users
and groups are not in it, unless usher tenant set -keep-values said so. What a process
that serves has just answered comes a second later.

Examples:

	usher log -summary                        why did Entra stop?
	usher log -tenant contoso -refused
	usher log -tenant contoso -status 409     what does the brake hold?
	usher log -resource 019ab3f2-7a61-7c3e-9d0b-0c6a8b1f2e4d -json
	usher log -follow
`
}

// Validate is called by kong.
func (c *logCommand) Validate() error {
	switch {
	case c.Limit < 1 || c.Limit > 10_000:
		return fmt.Errorf("-n %d: want 1 to 10000", c.Limit)
	case c.Status != 0 && (c.Status < 100 || c.Status > 599):
		return fmt.Errorf("-status %d: want 100 to 599", c.Status)
	case c.Follow && c.Resource != "" && c.Tenant == "" && c.Connection == "":
		return errors.New("-follow of a -resource needs its -tenant or -connection")
	case c.Summary && (c.Follow || c.Refused || c.Status != 0 || c.Resource != ""):
		return errors.New("-summary is of all requests of a connection: it goes with -tenant, -connection and -json alone")
	}
	return nil
}

// Run is called by kong.
func (c *logCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry) error { return c.show(console, r) })
}

// show prints what the flags choose.
func (c *logCommand) show(console *console, r *tenant.Registry) error {
	q, err := c.query(console.ctx, r)
	if err != nil {
		return err
	}
	if c.Summary {
		return c.summarize(console, r, q)
	}
	find := c.records
	if q.ResourceID != "" && q.AllTenants {
		find = c.anywhere
	}
	records, err := find(console.ctx, r, q)
	if err != nil {
		return err
	}
	slices.Reverse(records)
	if err := c.print(console.out, records); err != nil || !c.Follow {
		return err
	}
	return c.follow(console, r, q, records)
}

// query asks for what the flags choose. Connections are read only if one of them is
// named, or a tenant that may have none.
func (c *logCommand) query(ctx context.Context, r *tenant.Registry) (tenant.Query, error) {
	q := tenant.Query{Tenant: c.Tenant, AllTenants: c.Tenant == "", ResourceID: c.Resource, Refused: c.Refused, Limit: c.Limit}
	if c.Connection != "" {
		found, err := c.connection(ctx, r)
		q.Tenant, q.AllTenants, q.Connection = found.Tenant, false, found.ID
		return q, err
	}
	if c.Tenant != "" {
		some, err := r.Connections(ctx, c.Tenant, tenant.Ref{}, 1)
		if err == nil && len(some) == 0 {
			err = noTenant(c.Tenant)
		}
		return q, err
	}
	return q, nil
}

// connection returns the one that -connection names, of -tenant if that is given.
func (c *logCommand) connection(ctx context.Context, r *tenant.Registry) (tenant.Connection, error) {
	of, end := c.Tenant, c.Connection
	if name, id, isPair := strings.Cut(c.Connection, "/"); isPair && (of == "" || of == name) {
		of, end = name, id
	}
	found, ofTenant, err := ending(ctx, r, of, end)
	switch {
	case err != nil:
		return tenant.Connection{}, err
	case ofTenant == 0 && c.Tenant != "":
		return tenant.Connection{}, noTenant(c.Tenant)
	case len(found) == 0:
		return tenant.Connection{}, fmt.Errorf("there is no connection %s; usher tenant list shows all", c.Connection)
	case len(found) > 1:
		return tenant.Connection{}, fmt.Errorf("-connection %s: %d connections end so", c.Connection, len(found))
	}
	return found[0], nil
}

// records returns those that a query and -status choose, the newest first.
func (c *logCommand) records(ctx context.Context, r *tenant.Registry, q tenant.Query) (found []tenant.Record, err error) {
	most := q.Limit
	if c.Status != 0 {
		q.Limit = 500
	}
	for {
		page, err := r.Log(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if c.wants(&page[i]) && len(found) < most {
				found = append(found, page[i])
			}
		}
		if len(page) < q.Limit || len(found) == most {
			return found, nil
		}
		q.Before = page[len(page)-1].ID
	}
}

// wants reports whether -status chooses a record, which a query cannot.
func (c *logCommand) wants(r *tenant.Record) bool { return c.Status == 0 || c.Status == r.Status }

// anywhere is records of one resource, whosever it is: a query must name its tenant.
func (c *logCommand) anywhere(ctx context.Context, r *tenant.Registry, q tenant.Query) ([]tenant.Record, error) {
	for of, err := range connections(ctx, r, "") {
		if err != nil {
			return nil, err
		}
		if of.Tenant == q.Tenant {
			continue // they come in the order of their tenants
		}
		q.Tenant, q.AllTenants = of.Tenant, false
		if found, err := c.records(ctx, r, q); err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

// summarize tells of each connection as it is read.
func (c *logCommand) summarize(console *console, r *tenant.Registry, q tenant.Query) error {
	first := true
	for found, err := range connections(console.ctx, r, q.Tenant) {
		if err != nil {
			return err
		}
		if q.Connection != "" && found.ID != q.Connection {
			continue
		}
		d, err := r.Diagnose(console.ctx, found.Ref())
		switch {
		case errors.Is(err, tenant.ErrNotFound): // it was removed meanwhile
			continue
		case err != nil:
			return err
		case c.JSON:
			err = json.NewEncoder(console.out).Encode(d)
		case first:
			_, err = fmt.Fprint(console.out, d)
		default:
			_, err = fmt.Fprintf(console.out, "\n%s", d)
		}
		if err != nil {
			return err
		}
		first = false
	}
	return nil
}

// follow shows records as they come, until it is interrupted. Those of several
// processes need not come in order.
func (c *logCommand) follow(console *console, r *tenant.Registry, q tenant.Query, shown []tenant.Record) error {
	const window = 1000
	seen, start := map[string]bool{}, ""
	for _, rec := range shown {
		seen[rec.ID], start = true, max(start, rec.ID)
	}
	q.Limit = window
	for {
		select {
		case <-console.ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		records, err := r.Log(console.ctx, q)
		if console.ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		now, fresh := map[string]bool{}, []tenant.Record{}
		for _, rec := range slices.Backward(records) {
			now[rec.ID] = true
			if !seen[rec.ID] && rec.ID > start && c.wants(&rec) {
				fresh = append(fresh, rec)
			}
		}
		seen = now
		if err := c.print(console.out, fresh); err != nil {
			return err
		}
	}
}

func (c *logCommand) print(out io.Writer, records []tenant.Record) error {
	for i := range records {
		var err error
		if c.JSON {
			err = json.NewEncoder(out).Encode(recordJSON(&records[i]))
		} else {
			_, err = io.WriteString(out, recordText(&records[i]))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recordText shows a record in a line, and what came of it in another.
func recordText(r *tenant.Record) string {
	line := fmt.Sprintf("%s  %s  %s  %d  %s %s", r.ID, r.At.UTC().Format(time.DateTime), plain.Line(r.Connection.Tenant), r.Status, plain.Line(r.Method), plain.Line(r.Path))
	if len(r.Rules) > 0 {
		line += "  (" + strings.Join(r.Rules, ", ") + ")"
	}
	if r.Status >= 400 {
		line += "\n    " + plain.Line(cmp.Or(r.Detail, http.StatusText(r.Status)))
	}
	const few = 5
	for i, c := range r.Changes {
		if i == few {
			line += fmt.Sprintf("\n    and %d others", len(r.Changes)-few)
			break
		}
		line += "\n    " + changeText(&c)
	}
	return line + "\n"
}

// changeText says what was changed of one resource.
func changeText(c *tenant.Change) string {
	done := map[scim.Op]string{scim.OpCreate: "created", scim.OpUpdate: "changed", scim.OpDelete: "deleted"}
	text := fmt.Sprintf("%s %s %s", cmp.Or(done[c.Op], string(c.Op)), c.Type, plain.Line(c.ID))
	if c.Deactivated {
		text += ", deactivated"
	}
	if len(c.Attributes) > 0 {
		text += ": " + plain.Line(strings.Join(c.Attributes, ", "))
	}
	if c.Added+c.Removed > 0 {
		text += fmt.Sprintf(", %d members added, %d removed", c.Added, c.Removed)
	}
	return text
}

// A loggedRecord is a record as JSON, with a body that can be read.
type loggedRecord struct {
	ID          string          `json:"id"`
	At          time.Time       `json:"at"`
	Took        float64         `json:"took"` // seconds
	Tenant      string          `json:"tenant"`
	Connection  string          `json:"connection"`
	TokenID     string          `json:"token,omitempty"`
	Source      string          `json:"source,omitempty"`
	UserAgent   string          `json:"userAgent,omitempty"`
	Method      string          `json:"method"`
	Path        string          `json:"path"`
	Operation   string          `json:"operation,omitempty"`
	Type        string          `json:"type,omitempty"`
	ResourceID  string          `json:"resource,omitempty"`
	Name        string          `json:"name,omitempty"`
	Status      int             `json:"status"`
	Detail      string          `json:"detail,omitempty"`
	Taken       bool            `json:"taken,omitempty"`
	Held        bool            `json:"held,omitempty"`
	Paused      bool            `json:"paused,omitempty"`
	Address     string          `json:"address,omitempty"`
	Rules       []string        `json:"rules,omitempty"`
	Changes     []loggedChange  `json:"changes,omitempty"`
	ContentType string          `json:"contentType,omitempty"`
	IfMatch     string          `json:"ifMatch,omitempty"`
	IfNoneMatch string          `json:"ifNoneMatch,omitempty"`
	Body        json.RawMessage `json:"body,omitempty"` // a string if it is no JSON
	Masked      bool            `json:"masked"`
	Cut         bool            `json:"cut"`
}

type loggedChange struct {
	Op          scim.Op  `json:"op"`
	Type        string   `json:"type"`
	ID          string   `json:"id"`
	Attributes  []string `json:"attributes,omitempty"`
	Deactivated bool     `json:"deactivated,omitempty"`
	Added       int      `json:"added,omitempty"`
	Removed     int      `json:"removed,omitempty"`
}

func recordJSON(r *tenant.Record) *loggedRecord {
	v := &loggedRecord{
		ID: r.ID, At: r.At, Took: r.Duration.Seconds(), Tenant: r.Connection.Tenant, Connection: r.Connection.ID, TokenID: r.TokenID,
		Source: r.Source, UserAgent: r.UserAgent, Method: r.Method, Path: r.Path,
		Operation: string(r.Operation), Type: r.Type, ResourceID: r.ResourceID, Name: r.Name,
		Status: r.Status, Detail: r.Detail, Taken: r.Taken, Held: r.Held, Paused: r.Paused, Address: r.Address, Rules: r.Rules,
		ContentType: r.ContentType, IfMatch: r.IfMatch, IfNoneMatch: r.IfNoneMatch,
		Masked: r.Masked, Cut: r.Cut,
	}
	for _, c := range r.Changes {
		v.Changes = append(v.Changes, loggedChange(c))
	}
	switch {
	case len(r.Body) == 0:
	case json.Valid(r.Body):
		v.Body = r.Body
	default:
		v.Body, _ = json.Marshal(string(r.Body)) // a string is always JSON
	}
	return v
}
