package tenant

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
		if v.Status == http.StatusUnauthorized && v.Tenant != "" && v.Tenant != v.Principal.Tenant && tokenOf(v.Request) != "" {
			r.pending.strange(stranger{tenant: v.Tenant})
		}
		of := Ref{v.Principal.Tenant, v.Principal.Subject}
		if of.ID == "" {
			return
		}
		if isOfAll(v.Status, v.Operation) {
			r.cache.faulted(of)
		}
		if isRecorded(v) && !(isCheap(v) && r.pending.isOneTooMany(of, v.Status)) {
			r.pending.add(ctx, r.note(v, began))
		}
		for _, o := range v.Refused[:min(len(v.Refused), mostRefused)] {
			r.pending.add(ctx, r.noteOperation(v, o, began))
		}
	}
}

// noteOperation keeps what is needed of an operation of a bulk request that was
// refused. It has the Record of a request of its own, but for a body.
func (r *Registry) noteOperation(v *scim.Report, o scim.Refused, began time.Time) *noted {
	alone := *v
	alone.Path, alone.Operation, alone.Type, alone.ID = o.Path, o.Operation, o.Type, o.ID
	alone.Status, alone.Err, alone.Detail = o.Status, o.Err, o.Detail
	alone.Body, alone.Changes, alone.Rules, alone.Refused = nil, nil, nil, nil
	n := r.note(&alone, began)
	n.Method, n.query = o.Method, ""
	n.Cut = true
	return n
}

// BeginCall implements scim.Observer.
func (r *Registry) BeginCall(ctx context.Context, _ scim.Call) (context.Context, func(error)) {
	return ctx, nil
}

// isRecorded reports whether there is a Record of a request. A GET of one resource
// that is not there asks whether it is, and was told.
func isRecorded(v *scim.Report) bool {
	return len(v.Changes) > 0 || v.Status >= 400 && !(v.Status == http.StatusNotFound && v.Operation == scim.OperationGet)
}

// isCheap reports whether a request was refused before anything of it was read: for its
// token, because there were too many, or because its connection is paused.
func isCheap(v *scim.Report) bool {
	return v.Status == http.StatusUnauthorized || v.Status == http.StatusTooManyRequests || errors.Is(v.Err, errPaused)
}

// How much is kept of a request, in bytes.
const (
	mostBody   = 64 << 10
	mostLine   = 8 << 10 // of a path, a query and each header
	mostDetail = 4 << 10
	mostNames  = 1000 // of changes, and of rules

	mostRefused = 100 // operations of one bulk request
)

// A noted request is a Record to be: what its request must not wait for is not done
// yet.
type noted struct {
	Record      // without its Path, and with nothing masked
	path, query string
	isClipped   bool // these are not all
	token       string
	keep        bool // Connection.KeepValues
}

func (n *noted) size() int { return n.Record.size() + len(n.path) + len(n.query) + len(n.token) }

// size is about how many bytes it takes.
func (r *Record) size() int {
	size := 512 + len(r.Source) + len(r.Address) + len(r.Method) + len(r.Path) + len(r.Type) + len(r.ResourceID) + len(r.Name) + len(r.Detail) +
		len(r.ContentType) + len(r.UserAgent) + len(r.IfMatch) + len(r.IfNoneMatch) + len(r.Body)*4/3 // base64 in JSON
	for _, rule := range r.Rules {
		size += 16 + len(rule)
	}
	for _, c := range r.Changes {
		size += 128 + len(c.ID)
		for _, name := range c.Attributes {
			size += 16 + len(name)
		}
	}
	return size
}

// dropped is noted of a connection whose records there was no room for.
func (r *Registry) dropped(of Ref, n int) *noted {
	id, at := r.newID()
	return &noted{Record: Record{
		ID: id, At: at, Connection: of, Status: http.StatusServiceUnavailable, Masked: true, Cut: true,
		Detail: fmt.Sprintf("%d requests were answered and not recorded, since there were too many to write", n),
	}}
}

// note keeps what is needed of a request when it is answered.
func (r *Registry) note(v *scim.Report, began time.Time) *noted {
	took := r.now().Sub(began) // at is cut to milliseconds
	q := v.Request
	token := tokenOf(q)
	cut := func(s string, most int) string { s, _ = cutText(s, token, most); return s }
	header := func(name string) string { return cut(strings.Join(q.Header[name], ","), mostLine) }
	n := &noted{token: token}
	var cutPath, cutQuery bool
	n.path, cutPath = cutText(v.Path, token, mostLine)
	n.query, cutQuery = cutText(q.URL.RawQuery, token, mostLine)
	n.isClipped = cutPath || cutQuery
	tokenID, _ := parseToken(r.options.Prefix, token)
	n.keep = r.keepsValues(tokenID, v.Principal.Subject)
	id, at := r.newID()
	n.Record = Record{
		ID: id, At: at, Duration: took,
		Connection: Ref{v.Principal.Tenant, v.Principal.Subject}, TokenID: tokenID, Source: cut(r.options.Source(q), mostLine),
		Method: cut(q.Method, mostLine), Operation: v.Operation, Type: v.Type, ResourceID: cut(v.ID, mostLine),
		Name: cut(nameIn(v), mostLine), Taken: v.Status == http.StatusConflict && errors.Is(v.Err, scim.ErrUniqueness), Held: errors.Is(v.Err, ErrHeld), Paused: v.Status == http.StatusServiceUnavailable && errors.Is(v.Err, errPaused),
		Status: v.Status, Rules: slices.Clone(v.Rules[:min(len(v.Rules), mostNames)]), Masked: !n.keep,
		ContentType: header("Content-Type"), UserAgent: header("User-Agent"), IfMatch: header("If-Match"), IfNoneMatch: header("If-None-Match"),
	}
	switch detail, isCut := cutText(v.Detail, token, mostDetail); {
	case !isCut:
		n.Detail = v.Detail
	case n.keep:
		n.Detail = detail + "…"
	default: // it might end within a value, which would not be found
		n.Detail = "…"
	}
	if v.Tenant != "" && v.Tenant != v.Principal.Tenant {
		n.Address = cut(v.Tenant, mostLine)
	}
	for _, c := range v.Changes {
		n.Changes = append(n.Changes, Change{
			Op: c.Op, Type: c.Ref.Type, ID: c.Ref.ID, Attributes: slices.Clone(c.Changed[:min(len(c.Changed), mostNames)]),
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

// nameIn returns by what the resource is known that a request is to create.
func nameIn(v *scim.Report) string {
	if v.Operation != scim.OperationCreate || len(v.Body) > mostBody || v.Status >= 400 && !json.Valid(v.Body) {
		return ""
	}
	found, best := "", len(names)
	w := maskWriter{src: v.Body}
	w.space()
	w.members(func(name, value []byte) { // valid, or it would have been refused
		if value[0] != '"' || len(value) == len(`""`) {
			return
		}
		if i := slices.IndexFunc(names[:best], func(n []byte) bool { return bytes.EqualFold(n, name) }); i >= 0 {
			found, best = unquoted(value), i
		}
	})
	return found
}

// names are the attributes by which a resource is known, the best one first.
var names = [][]byte{[]byte("userName"), []byte("externalId"), []byte("displayName")}

// tokenOf returns the token of a request, as the Handler finds it.
func tokenOf(q *http.Request) string {
	if values := q.Header["Authorization"]; len(values) > 0 {
		_, token, _ := strings.Cut(values[0], " ")
		return strings.TrimSpace(token)
	}
	for pair := range strings.SplitSeq(q.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if isTokenParameter(name) {
			token, err := url.QueryUnescape(value)
			if err != nil {
				return ""
			}
			return token
		}
	}
	return ""
}

// isTokenParameter reports whether the name of a parameter, as it is in a query, is
// that of the token, as the Handler reads it: whatever its case.
func isTokenParameter(name string) bool {
	plain, err := url.QueryUnescape(name)
	return err == nil && strings.EqualFold(plain, "access_token")
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

// masker returns the masker of the request.
func (n *noted) masker(key []byte) *masker {
	if n.Detail == "" {
		return &masker{key: key, of: n.Connection, keep: n.keep, secret: n.token}
	}
	return newMasker(key, n.Connection, n.keep, n.token)
}

// record makes the Record: it masks what is to be masked.
func (n *noted) record(m *masker) Record {
	rec := n.Record
	rec.Method, rec.ContentType, rec.UserAgent = m.method(rec.Method), m.contentType(rec.ContentType), m.userAgent(rec.UserAgent)
	rec.IfMatch, rec.IfNoneMatch = m.versions(rec.IfMatch), m.versions(rec.IfNoneMatch)
	for _, header := range []*string{&rec.ContentType, &rec.UserAgent, &rec.IfMatch, &rec.IfNoneMatch, &rec.Source, &rec.Method, &rec.Address} {
		*header = m.line(*header)
	}
	rec.Path = m.line(m.path(n.path, n.query))
	if id := rec.ResourceID; id != "" && len(rec.Changes) == 0 { // as the client wrote it
		target, _, _ := strings.Cut(rec.Path, "?")
		if segments := strings.Split(target, "/"); len(segments) > 1 {
			rec.ResourceID = segments[1]
		}
	}
	if n.isClipped && !strings.HasSuffix(rec.Path, "…") {
		rec.Path += "…"
	}
	if len(rec.Body) > 0 {
		rec.Body = m.body(rec.Body, rec.Operation == scim.OperationSearch, rec.Cut)
	}
	if rec.Detail != "" {
		for _, known := range []string{rec.Method, rec.Type, rec.ContentType} {
			m.named(known)
		}
		rec.Detail = m.line(m.detail(rec.Detail))
	}
	if rec.Name != "" {
		rec.Name = m.line(m.text(rec.Name, place{}.in("userName")))
	}
	return rec
}

// line makes a text of the request fit to be stored.
func (m *masker) line(s string) string {
	return strings.ReplaceAll(clipped(strings.ToValidUTF8(m.scrub(s), "\uFFFD")), "\x00", "\uFFFD")
}

// clipped is a text of 8 KiB at most.
func clipped(s string) string {
	if len(s) <= mostLine {
		return s
	}
	return strings.ToValidUTF8(s[:mostLine], "") + "…"
}

// cutText cuts a text that is too long. Of a token there is nothing at its end: there
// it would not be known for one.
func cutText(s, token string, most int) (string, bool) {
	if len(s) <= most {
		return s, false
	}
	s = s[:most]
	i := strings.LastIndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~+%=", r))
	})
	s = s[:i+1]
	for n := min(len(token), len(s)); n >= 4; n-- { // a token may have any characters
		if strings.HasSuffix(s, token[:n]) {
			s = s[:len(s)-n]
			break
		}
	}
	return strings.Clone(strings.ToValidUTF8(s, "")), true
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
