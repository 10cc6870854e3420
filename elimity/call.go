package elimity

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	elimity "github.com/elimity-com/scim"
	elimityerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/filter"

	"github.com/usherkit/scim"
)

// A call is one call of a Store's method, of which handlers may get several.
type call struct {
	*Store
	ctx    context.Context
	tenant string

	// groups finds the groups of each member, once if it is asked at all.
	groups func() (map[string][]scim.Member, error)
}

func (s *Store) call(ctx context.Context, tenant string) *call {
	c := &call{Store: s, ctx: withTenant(ctx, tenant), tenant: tenant}
	c.groups = sync.OnceValues(c.memberships)
	return c
}

// request makes the request that a handler is given.
func (c *call) request(method string, k *kind, id string) *http.Request {
	path := "/" + k.endpoint
	if id != "" {
		path += "/" + id
	}
	r := (&http.Request{
		Method: method, URL: &url.URL{Path: path},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}).WithContext(c.ctx)
	r.RequestURI = r.URL.RequestURI()
	r.SetPathValue("tenant", c.tenant)
	return r
}

// plausible reports whether an id can be one: others are not asked for, because
// not every database takes any bytes.
func plausible(id string) bool {
	return id != "" && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

// get asks a handler for a resource.
func (c *call) get(k *kind, id string) (*record, error) {
	if !plausible(id) {
		return nil, scim.ErrNotFound
	}
	r, err := k.handler.Get(c.request(http.MethodGet, k, id), id)
	if err != nil {
		return nil, explain(err)
	}
	return k.record(c.tenant, r, id)
}

// stored reads what a handler returned of a write. Some return nothing then.
func (c *call) stored(k *kind, r elimity.Resource, id string) (*record, error) {
	if r.Attributes == nil {
		return c.get(k, id)
	}
	return k.record(c.tenant, r, id)
}

func (s *Store) pageSize() int {
	if s.PageSize > 0 {
		return s.PageSize
	}
	return 1000
}

// page asks a handler for count resources, the first of them at a place counted
// from 0.
func (c *call) page(k *kind, v *filter.Validator, start, count int) (elimity.Page, error) {
	p, err := k.handler.GetAll(c.request(http.MethodGet, k, ""), elimity.ListRequestParams{
		Count: count, StartIndex: start + 1, FilterValidator: v,
	})
	if err != nil {
		return elimity.Page{}, explain(err)
	}
	return p, nil
}

// restarts is how often a walk that found the order changed begins again.
const restarts = 8

// all yields what GetAll has from a place on, each resource once. The handler is
// asked for size resources at a time, each page beginning with the last resource
// of the one before: if it begins with another one, something before it has come
// or gone and the walk begins again, so that nothing is passed over.
func (c *call) all(k *kind, v *filter.Validator, from, size int) iter.Seq2[*record, error] {
	return c.counted(k, v, from, size, new(int))
}

// counted is all, and sets total to how many there are.
func (c *call) counted(k *kind, v *filter.Validator, from, size int, total *int) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		seen := map[string]bool{}
		for range restarts {
			whole, err := c.walk(k, v, from, size, total, func(r elimity.Resource) (bool, error) {
				if seen[r.ID] {
					return true, nil
				}
				seen[r.ID] = true
				rec, err := k.record(c.tenant, r, r.ID)
				return err == nil && yield(rec, nil), err
			})
			if err != nil {
				yield(nil, err)
			}
			if whole || err != nil {
				return
			}
		}
		yield(nil, fmt.Errorf("elimity: GetAll of %s has a page that does not begin where the one before ended, after %d attempts: "+
			"it must return resources in an order that stays the same", k.name, restarts))
	}
}

// walk visits what GetAll has from a place on. It reports false where a page
// does not begin where the one before ended.
func (c *call) walk(k *kind, v *filter.Validator, from, size int, total *int, visit func(elimity.Resource) (bool, error)) (whole bool, err error) {
	last := ""
	for at := from; ; {
		start, overlap := at, 0
		if at > from {
			start, overlap = at-1, 1
		}
		if err := c.ctx.Err(); err != nil {
			return false, err
		}
		p, err := c.page(k, v, start, size+overlap)
		if err != nil {
			return false, err
		}
		*total = max(p.TotalResults, 0)
		rows := p.Resources
		switch {
		case overlap > 0 && (len(rows) == 0 || rows[0].ID != last):
			return false, nil
		case at == from && (len(rows) > size || from > 0 && len(rows) > max(*total-from, 0)):
			// The handler does not page: this is everything.
			*total = max(*total, len(rows))
			rows = rows[min(from, len(rows)):]
			p.Resources = nil
		}
		for _, r := range rows[overlap:] {
			at, last = at+1, r.ID
			if on, err := visit(r); !on || err != nil {
				return true, err
			}
		}
		full := len(p.Resources) >= size+overlap
		if len(p.Resources) <= overlap || !full && at >= *total {
			return true, nil
		}
	}
}

// explain makes one of our errors of one of theirs, which is meant for clients.
func explain(err error) error {
	var e elimityerrors.ScimError
	var p *elimityerrors.ScimError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &p) && p != nil:
		e = *p
	default:
		return err
	}
	kind := kindOfType[e.ScimType]
	if kind == nil {
		kind = kindOfStatus[e.Status]
	}
	if kind == nil {
		return err // answered 500
	}
	return &scim.Error{Kind: kind, Detail: e.Detail, Err: err}
}

var kindOfType = map[elimityerrors.ScimType]error{
	elimityerrors.ScimTypeInvalidFilter:  scim.ErrInvalidFilter,
	elimityerrors.ScimTypeTooMany:        scim.ErrTooMany,
	elimityerrors.ScimTypeUniqueness:     scim.ErrUniqueness,
	elimityerrors.ScimTypeMutability:     scim.ErrMutability,
	elimityerrors.ScimTypeInvalidSyntax:  scim.ErrInvalidSyntax,
	elimityerrors.ScimTypeInvalidPath:    scim.ErrInvalidPath,
	elimityerrors.ScimTypeNoTarget:       scim.ErrNoTarget,
	elimityerrors.ScimTypeInvalidValue:   scim.ErrInvalidValue,
	elimityerrors.ScimTypeInvalidVersion: scim.ErrInvalidVersion,
	elimityerrors.ScimTypeSensitive:      scim.ErrSensitive,
}

var kindOfStatus = map[int]error{
	http.StatusBadRequest:            scim.ErrInvalidValue,
	http.StatusUnauthorized:          scim.ErrUnauthorized,
	http.StatusForbidden:             scim.ErrForbidden,
	http.StatusNotFound:              scim.ErrNotFound,
	http.StatusMethodNotAllowed:      scim.ErrMethodNotAllowed,
	http.StatusConflict:              scim.ErrConflict,
	http.StatusPreconditionFailed:    scim.ErrVersion,
	http.StatusRequestEntityTooLarge: scim.ErrTooLarge,
	http.StatusTooManyRequests:       scim.ErrTooManyRequests,
	http.StatusNotImplemented:        scim.ErrNotImplemented,
	http.StatusServiceUnavailable:    scim.ErrUnavailable,
}
