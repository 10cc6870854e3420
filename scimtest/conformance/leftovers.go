package conformance

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"sync"
)

// track remembers what a request created, whatever it was meant to do.
func (p *probe) track(x *Exchange) {
	if x.Status < 200 || x.Status > 299 {
		return
	}
	requested, _, _ := strings.Cut(strings.TrimPrefix(x.URL, p.base), "?")
	requested = path.Clean("/" + requested)
	endpoint, id, _ := strings.Cut(requested[1:], "/")
	switch {
	case endpoint == "" || strings.HasPrefix(id, ".") || slices.Contains([]string{".search", "Bulk", "Me", "Schemas", "ResourceTypes", "ServiceProviderConfig"}, endpoint):
		return
	case x.Method == "PUT" && id != "": // the body may be of anybody; what is there now is at the path
		p.made(requested)
	case x.Method == "POST":
		var r struct {
			ID   string
			Meta struct{ Location string }
		}
		_ = json.Unmarshal([]byte(x.ResponseBody), &r) // what cannot be read tells nothing
		switch {
		case r.ID != "":
			p.made(pathTo("/"+endpoint, r.ID))
		case p.below(x.ResponseHeader.Get("Location")) != "":
			p.made(p.below(x.ResponseHeader.Get("Location")))
		case p.below(r.Meta.Location) != "":
			p.made(p.below(r.Meta.Location))
		case x.Status == 201:
			p.left.add("/"+endpoint+" (the answer to POST told neither an id nor a Location)", false)
		}
	}
}

// made has a path deleted when the check has ended.
func (p *probe) made(path string) {
	if !slices.Contains(p.created, path) {
		p.created = append(p.created, path)
	}
}

// unmade forgets paths whose deletion was answered so that they are gone.
func (p *probe) unmade(answers ...*Exchange) {
	for _, x := range answers {
		if x.Method == "DELETE" && x.Status >= 200 && x.Status <= 299 {
			path := strings.TrimPrefix(x.URL, p.base)
			p.created = slices.DeleteFunc(p.created, func(s string) bool { return s == path })
		}
	}
}

// cleanUp deletes what the check created, the newest first: groups before
// their members.
func (p *probe) cleanUp() {
	ctx := context.WithoutCancel(p.ctx)
	for _, path := range slices.Backward(p.created) {
		if p.dead.Load() {
			p.left.add(path, true)
		} else if gone, again := p.remove(ctx, path); !gone {
			p.left.add(path, again)
		}
	}
}

// remove deletes a resource, and reports whether it is gone; and if it is not,
// whether it is worth another attempt.
func (t *target) remove(ctx context.Context, path string) (gone, again bool) {
	x := t.exchange(ctx, request{method: "DELETE", path: path}, &t.pauses.cleaning)
	switch s := x.Status; {
	case s >= 200 && s <= 299, s == 410:
		return true, false
	case s == 404: // or the endpoint knows no DELETE
		return t.exchange(ctx, request{method: "GET", path: path}, &t.pauses.cleaning).Status != 200, false
	default:
		return false, s == 0 || s == 409 || s == 423 || s == 429 || s >= 500 && s != 501
	}
}

// leftovers are resources that could not be deleted.
type leftovers struct {
	mu    sync.Mutex
	paths []string
	again map[string]bool // those worth another attempt
}

func (l *leftovers) add(path string, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.paths, path) {
		l.paths = append(l.paths, path)
	}
	if l.again == nil {
		l.again = map[string]bool{}
	}
	l.again[path] = again
}

// sweep tries once more to delete what was left, when nothing else goes on,
// and returns what remains.
func (t *target) sweep(ctx context.Context) (remain []string) {
	ctx = context.WithoutCancel(ctx)
	silent := t.dead.Load()
	for _, path := range t.left.paths {
		if t.left.again[path] && !silent {
			before := t.silent.Load()
			if gone, _ := t.remove(ctx, path); gone {
				continue
			}
			silent = t.silent.Load() > before // one that does not answer has everything else wait in vain
		}
		remain = append(remain, path)
	}
	slices.Sort(remain)
	return remain
}
