package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/plain"
	"github.com/usherkit/scim/internal/uuid7"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/tenant"
)

type replayCommand struct {
	registryFlags
	Record string `arg:"" placeholder:"RECORD-ID" help:"The id of the request, as usher log shows it."`

	Against string        `placeholder:"URL" help:"Base URL of an endpoint to send the request to. What it asks for is done there."`
	Token   string        `env:"USHER_TOKEN" placeholder:"T" help:"Bearer token for -against."`
	Timeout time.Duration `default:"30s" help:"How long to wait for the answer of -against."`
}

// Help is shown by -help.
func (*replayCommand) Help() string {
	return `The request is made on a copy in memory of the users and groups that it names, which are
read from the database as they are now; nothing in the database changes. If the
log keeps no values, those of the copies are masked as the request is, so that what
was equal is. The exit code is 0 if the answer is the one of then, and 1 if it is
another. What the brake held, or the limits or the token let not pass, a copy cannot
tell: that is for -against.

Examples:

	usher replay 019ab3f2-7a61-7c3e-9d0b-0c6a8b1f2e4d
	usher replay 019ab3f2-7a61-7c3e-9d0b-0c6a8b1f2e4d -against http://localhost:8080/scim/v2 -token T
`
}

// Validate is called by kong.
func (c *replayCommand) Validate() error {
	switch {
	case c.Against != "" && c.Token == "":
		return errors.New("-against: give -token, or set USHER_TOKEN")
	case c.Timeout <= 0:
		return errors.New("-timeout: want more than 0s")
	}
	return nil
}

// Run is called by kong.
func (c *replayCommand) Run(console *console) error {
	return c.withStore(console, false, func(r *tenant.Registry, store durable) error {
		rec, err := r.AnyRecord(console.ctx, c.Record)
		if errors.Is(err, tenant.ErrNotFound) {
			return fmt.Errorf("the log has no request %s; usher log shows those it has", c.Record)
		}
		if err != nil {
			return err
		}
		answer, err := c.replay(console.ctx, r, &rec, store)
		if err != nil {
			return err
		}
		fmt.Fprintf(console.out, "%s %s\n", plain.Line(rec.Method), plain.Line(rec.Path))
		if len(rec.Body) > 0 {
			fmt.Fprintf(console.out, "%s\n", strings.TrimSpace(plain.Text(string(rec.Body))))
		}
		fmt.Fprintf(console.out, "\nthen  %d %s\nnow   %d %s\n", rec.Status, plain.Line(rec.Detail), answer.status, plain.Line(answer.detail()))
		if answer.status != rec.Status {
			fmt.Fprintln(console.out, "\nThe answer is another one now.")
			return errWrong
		}
		_, err = fmt.Fprintln(console.out, "\nThe answer is the same.")
		return err
	})
}

// An answer is what a request was answered.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// detail is that of an error.
func (a *answer) detail() string {
	var v struct{ Detail string }
	if a.status < 400 || json.Unmarshal(a.body.Bytes(), &v) != nil {
		return ""
	}
	return v.Detail
}

func (c *replayCommand) replay(ctx context.Context, r *tenant.Registry, rec *tenant.Record, store scim.Store) (*answer, error) {
	if c.Against != "" {
		return c.send(ctx, rec)
	}
	if err := uncopied(rec); err != nil {
		return nil, err
	}
	connection, err := r.Connection(ctx, rec.Connection)
	if err != nil {
		return nil, err
	}
	q, err := rec.Request(ctx, "http://localhost")
	if err != nil {
		return nil, err
	}
	types, err := servedTypes()
	if err != nil {
		return nil, err
	}
	copied, err := (&copying{r, rec, store, types}).run(ctx)
	if err != nil {
		return nil, err
	}
	const token = "of-the-copy"
	p := scim.Principal{Tenant: rec.Connection.Tenant, Strict: connection.Strict, Types: connection.Types}
	handler, err := scim.NewHandler(copied, scim.StaticToken(token, p), &scim.Options{Types: types, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+token)
	if rec.Status != http.StatusPreconditionFailed { // the copies have versions of their own
		q.Header.Del("If-Match")
		q.Header.Del("If-None-Match")
	}
	q.RequestURI = q.URL.RequestURI()
	got := &answer{header: http.Header{}}
	handler.ServeHTTP(got, q)
	return got, nil
}

// uncopied reports what refused a request before the users and groups mattered:
// the copy has none of it, and its answer would say nothing.
func uncopied(rec *tenant.Record) error {
	by := ""
	switch {
	case rec.Held:
		by = "held by the brake"
	case rec.Status == http.StatusTooManyRequests:
		by = "refused by the limits"
	case rec.Status == http.StatusUnauthorized:
		by = "refused for its token"
	default:
		return nil
	}
	return fmt.Errorf("the request was %s, which a copy does not have; -against sends it to an endpoint", by)
}

// send sends the request to another endpoint.
func (c *replayCommand) send(ctx context.Context, rec *tenant.Record) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	q, err := rec.Request(ctx, c.Against)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+c.Token)
	to := endpoint{Timeout: c.Timeout}
	res, err := to.client().Do(q)
	if err != nil {
		return nil, fmt.Errorf("cannot reach %s: %w", c.Against, explained(err))
	}
	defer res.Body.Close()
	got := &answer{status: res.StatusCode}
	_, err = io.Copy(&got.body, io.LimitReader(res.Body, 1<<20))
	return got, err
}

// servedTypes are the resource types of usher serve.
func servedTypes() ([]*scim.ResourceType, error) {
	user, err := scim.UserType()
	if err != nil {
		return nil, err
	}
	group, err := scim.GroupType()
	return []*scim.ResourceType{user, group}, err
}

// copying makes a Store in memory of the resources that a request concerns.
type copying struct {
	registry *tenant.Registry
	rec      *tenant.Record
	store    scim.Store
	types    []*scim.ResourceType
}

// mostCopies is how many resources are copied where it may be any that matters.
const mostCopies = 10_000

func (c *copying) run(ctx context.Context) (*memstore.Store, error) {
	found, err := c.concerned(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b *scim.Resource) int { return c.rank(a) - c.rank(b) }) // users before groups
	var next string
	var made uuid7.Source
	store := &memstore.Store{NewID: func() string {
		id := next
		if next = ""; id == "" {
			id, _ = made.Next(time.Now())
		}
		return id
	}}
	for _, r := range found {
		change, err := c.copy(r, found)
		if err == nil {
			next = r.ID
			_, err = store.Create(ctx, scim.Ref{Tenant: r.Tenant, Type: r.Type}, change)
		}
		if err != nil {
			return nil, fmt.Errorf("copying %s %s: %w", r.Type, r.ID, err)
		}
	}
	return store, nil
}

// rank is the place of a resource's type.
func (c *copying) rank(r *scim.Resource) int {
	return slices.IndexFunc(c.types, func(t *scim.ResourceType) bool { return t.Name() == r.Type })
}

var ids = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9_-]*[A-Za-z0-9]`)

// concerned returns the resources that the request names, and where a value was
// taken, all that may have it.
func (c *copying) concerned(ctx context.Context) (found []*scim.Resource, err error) {
	there := map[string]bool{}
	add := func(r *scim.Resource) {
		if !there[r.ID] {
			there[r.ID] = true
			found = append(found, r)
		}
	}
	const uuid = 36
	for _, id := range ids.FindAllString(c.rec.Path+" "+string(c.rec.Body), -1) {
		if len(id) != uuid || there[id] {
			continue
		}
		for _, t := range c.types {
			r, err := c.store.Get(ctx, scim.Ref{Tenant: c.rec.Connection.Tenant, Type: t.Name(), ID: id}, scim.Projection{Members: true})
			if err == nil {
				add(r)
			} else if !errors.Is(err, scim.ErrNotFound) {
				return nil, err
			}
		}
	}
	if c.rec.Status != http.StatusConflict {
		return found, nil
	}
	page, err := c.store.List(ctx, scim.Query{Tenant: c.rec.Connection.Tenant, Type: c.rec.Type, Limit: mostCopies})
	if err != nil {
		return nil, err
	}
	for _, r := range page.Resources {
		add(r)
	}
	return found, nil
}

// copy returns a resource, masked as the request is, with those of its members that
// are copied too.
func (c *copying) copy(r *scim.Resource, all []*scim.Resource) (change scim.Change, err error) {
	document := json.RawMessage(r.Document.String())
	if c.rec.Masked {
		document = c.registry.MaskJSON(c.rec.Connection, document)
	}
	if change.Document, change.Keys, err = c.types[c.rank(r)].Encode(document); err != nil || r.Members == nil {
		return change, err
	}
	for _, m := range all {
		has, err := r.Members.Has(m.ID)
		if err != nil {
			return scim.Change{}, err
		}
		if has && c.rank(m) < c.rank(r) {
			change.Members.Add = append(change.Members.Add, scim.Member{ID: m.ID})
		}
	}
	return change, nil
}
