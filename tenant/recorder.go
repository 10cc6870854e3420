package tenant

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim"
)

var _ scim.Observer = (*Registry)(nil)

// BeginRequest implements scim.Observer: it keeps a Record of the request, if that
// changes something or is refused.
func (r *Registry) BeginRequest(ctx context.Context, _ *http.Request) (context.Context, func(*scim.Report)) {
	began := r.now()
	return ctx, func(v *scim.Report) {
		if v.Principal.Subject != "" && isRecorded(v) {
			r.pending.add(r.note(v, began))
		}
	}
}

// BeginCall implements scim.Observer.
func (r *Registry) BeginCall(ctx context.Context, _ scim.Call) (context.Context, func(error)) {
	return ctx, nil
}

// isRecorded reports whether there is a Record of a request. A GET of one resource
// that is not there asks whether it is, and was told.
func isRecorded(v *scim.Report) bool {
	return len(v.Changes) > 0 || v.Status >= 400 && !(v.Status == http.StatusNotFound && v.Operation == "get")
}

// mostBody is how much is kept of a body, in bytes.
const mostBody = 64 << 10

// A noted request is a Record to be: what its request must not wait for is not done
// yet.
type noted struct {
	Record      // without its Path, and with nothing masked
	path, query string
	token       string
	keep        bool // Connection.KeepValues
}

// note keeps what is needed of a request when it is answered.
func (r *Registry) note(v *scim.Report, began time.Time) noted {
	q := v.Request
	n := noted{path: v.Path, query: q.URL.RawQuery, token: tokenOf(q)}
	tokenID, _ := parseToken(r.options.Prefix, n.token)
	n.keep = r.keepsValues(tokenID, v.Principal.Subject)
	id, at := r.newID()
	n.Record = Record{
		ID: id, At: at, Took: at.Sub(began),
		Connection: Ref{v.Principal.Tenant, v.Principal.Subject}, TokenID: tokenID, Source: r.options.Source(q),
		Method: q.Method, Operation: v.Operation, Type: v.Type, ResourceID: v.ID,
		Status: v.Status, Detail: v.Detail, Rules: slices.Clone(v.Rules), Masked: !n.keep,
		ContentType: q.Header.Get("Content-Type"), UserAgent: q.Header.Get("User-Agent"),
		IfMatch: strings.Join(q.Header["If-Match"], ","), IfNoneMatch: strings.Join(q.Header["If-None-Match"], ","),
	}
	for _, c := range v.Changes {
		n.Changes = append(n.Changes, Change{
			Op: c.Op, Type: c.Ref.Type, ID: c.Ref.ID, Attributes: slices.Clone(c.Changed),
			Deactivated: c.Deactivated, Added: c.Added, Removed: c.Removed,
		})
	}
	n.Cut = q.ContentLength != 0 && q.Body != nil && q.Body != http.NoBody
	if v.Status >= 400 || n.keep {
		n.Body = slices.Clone(v.Body[:min(len(v.Body), mostBody)])
		n.Cut = n.Cut && (len(v.Body) > mostBody || int64(len(v.Body)) < q.ContentLength || len(v.Body) == 0)
	}
	return n
}

// tokenOf returns the token of a request, as the Handler finds it.
func tokenOf(q *http.Request) string {
	if values := q.Header["Authorization"]; len(values) > 0 {
		_, token, _ := strings.Cut(values[0], " ")
		return strings.TrimSpace(token)
	}
	if strings.Contains(q.URL.RawQuery, "access_token=") {
		return q.URL.Query().Get("access_token")
	}
	return ""
}

// keepsValues looks at the settings of a connection that was just asked for. If they
// are forgotten already, they are not asked for again.
func (r *Registry) keepsValues(tokenID, connectionID string) bool {
	if tokenID != "" {
		if e, _ := r.cache.get(tokenID); e != nil && e.found != nil {
			return e.found.KeepValues
		}
	}
	e, _ := r.cache.get("/" + connectionID)
	return e != nil && e.found != nil && e.found.KeepValues
}

// record makes the Record: it masks what is to be masked.
func (n *noted) record(key []byte) Record {
	m := newMasker(key, n.Connection, n.keep, n.token)
	rec := n.Record
	for _, header := range []*string{&rec.ContentType, &rec.UserAgent, &rec.IfMatch, &rec.IfNoneMatch, &rec.Source, &rec.Method} {
		*header = m.line(*header)
	}
	rec.Path = m.line(m.path(n.path, n.query))
	if id := rec.ResourceID; id != "" && len(rec.Changes) == 0 { // as the client wrote it
		if _, rest, _ := strings.Cut(rec.Path, "/"); rest != "" {
			rec.ResourceID, _, _ = strings.Cut(rest, "/")
		}
	}
	if len(rec.Body) > 0 {
		rec.Body = m.body(rec.Body, rec.Operation == "search", rec.Cut)
	}
	if rec.Detail != "" {
		for _, known := range []string{rec.Method, rec.Type, rec.ContentType} {
			m.named(known)
		}
		rec.Detail = m.line(m.detail(clipped(rec.Detail)))
	}
	return rec
}

// line makes a text of the request fit to be stored.
func (m *masker) line(s string) string {
	return strings.ReplaceAll(clipped(strings.ToValidUTF8(m.scrub(s), "\uFFFD")), "\x00", "\uFFFD")
}

// clipped is a text of 8 KiB at most.
func clipped(s string) string {
	const most = 8 << 10
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Requests that are refused before anything is read cost their sender nothing, and
// come by the thousand. Of those a second's are kept that show what they are.
const fewOf = 5

// thinned leaves a few of the requests of each connection that were refused alike
// before they were looked at: with a dead token, or because there were too many.
func thinned(all []noted) []noted {
	type kind struct {
		connection Ref
		status     int
	}
	count := map[kind]int{}
	return slices.DeleteFunc(all, func(n noted) bool {
		if n.Status != http.StatusUnauthorized && n.Status != http.StatusTooManyRequests {
			return false
		}
		k := kind{n.Connection, n.Status}
		count[k]++
		return count[k] > fewOf
	})
}

// lastErrors returns what the connections are to remember of records.
func lastErrors(records []Record) (seen []Seen) {
	last := map[Ref]int{}
	for _, rec := range records {
		if rec.Status < 400 {
			continue
		}
		i, there := last[rec.Connection]
		if !there {
			i = len(seen)
			last[rec.Connection] = i
			seen = append(seen, Seen{Ref: rec.Connection})
		}
		if rec.At.After(seen[i].LastErrorAt) || !there {
			seen[i].LastErrorAt, seen[i].LastError = rec.At, cmp.Or(rec.Detail, http.StatusText(rec.Status))
		}
	}
	return seen
}
