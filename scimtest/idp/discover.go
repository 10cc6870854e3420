package idp

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// An Account is a user that Account Discovery found at the endpoint.
type Account struct {
	ID       string `json:"id"`             // the endpoint's
	Match    string `json:"match"`          // its value of the first matching attribute
	User     string `json:"user,omitempty"` // the directory's id of the user who has that value; "": a local account
	Assigned bool   `json:"assigned"`       // the user is in scope
}

const discoveryPage = 100 // how large the real pages are is not documented

// Discover finds all users at the endpoint, page by page, and matches them to
// those of the directory by the first matching attribute, as Account Discovery
// does. It checks the pages: startIndex is the one asked for, totalResults
// stays the same, and nobody comes twice or is missing.
//
// Its error is the Report's, or that the attribute is mapped by an expression,
// which Account Discovery does not support.
func (e *Entra) Discover(ctx context.Context, d Directory) (accounts []Account, report *Report, err error) {
	report, err = e.run(ctx, "account discovery", func(r *run) error {
		copied, err := e.prepare(d)
		if err != nil {
			return err
		}
		key := &e.user.matching[0]
		if !key.direct {
			return errors.New("idp: Account Discovery needs a first matching attribute without an expression")
		}
		c := &cycle{run: r, e: e, d: copied}
		users, _ := c.subjects()
		byMatch := make(map[string]*subject, len(users))
		for _, s := range users {
			if v := asText(key.value(&s.source)); v != "" {
				byMatch[strings.ToLower(v)] = s
			}
		}
		for _, found := range c.pages() {
			have, _ := key.lookup(found)
			v, _ := have.scalar()
			a := Account{ID: found.id(), Match: asText(v)}
			if s := byMatch[strings.ToLower(a.Match)]; s != nil {
				a.User, a.Assigned = s.id, s.inScope
			}
			accounts = append(accounts, a)
		}
		return nil
	})
	return accounts, report, err
}

// pages reads all users. The next page begins after what this one had.
func (c *cycle) pages() (all []nodeObject) {
	seen := map[string]bool{}
	total := -1
	for start := 1; c.ctx.Err() == nil; {
		x := c.send(DiscoverUsers, about("all users"), "/Users", fmt.Sprintf("startIndex=%d&count=%d", start, discoveryPage), nil)
		if !c.accept(x, 200) {
			return all
		}
		page, ok := c.list(x)
		if !ok {
			return all
		}
		wrong := func(format string, args ...any) []nodeObject {
			c.fail(x, CodeIncompatible, fmt.Sprintf(format, args...), "Account Discovery misses accounts or counts them twice (RFC 7644 §3.4.2.4)")
			return all
		}
		head, _ := parseObject(string(x.answer))
		now, _ := head.number("totalResults") // list has checked it
		if total < 0 {
			total = now
		}
		switch first, ok := head.number("startIndex"); {
		case total == 0 && len(page) == 0:
			return all
		case now != total:
			return wrong("totalResults %d on every page, not %d", total, now)
		case !ok || first != start:
			return wrong("startIndex %d, as asked", start)
		case len(page) > discoveryPage:
			return wrong("at most %d users on a page, not %d", discoveryPage, len(page))
		}
		if per, ok := head.number("itemsPerPage"); !ok || per != len(page) {
			return wrong("itemsPerPage %d, the number of users on the page", len(page))
		}
		for _, u := range page {
			if seen[u.id()] {
				return wrong("user %q once", u.id())
			}
			seen[u.id()] = true
		}
		all = append(all, page...)
		if start += len(page); start > total {
			return all
		}
	}
	return all
}
