package scim_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/usherkit/scim"
)

// Each of several Observers is told that a request or a call has ended, even if another
// one panics then.
func TestObserversThatPanic(t *testing.T) {
	first, last := &watcher{}, &watcher{}
	all := scim.Observers(first, breaking{}, last)
	end := func(end func()) {
		defer func() {
			if recover() == nil {
				t.Error("the panic was kept from net/http, which logs it")
			}
		}()
		end()
	}
	ctx, answered := all.BeginRequest(t.Context(), httptest.NewRequest("GET", "/Users", nil))
	_, returned := all.BeginCall(ctx, scim.Call{Of: scim.CalleeStore, Method: "List", Type: "User"})
	end(func() { returned(nil) })
	end(func() { answered(&scim.Report{Status: 200}) })
	for name, o := range map[string]*watcher{"the one before it": first, "the one after it": last} {
		lines := o.take()
		if len(lines) != 4 || o.last.Status != 200 {
			t.Errorf("%s was told %q, want of the call and of the request, and of their ends", name, lines)
		}
	}
}

// breaking panics at each end.
type breaking struct{}

func (breaking) BeginRequest(ctx context.Context, _ *http.Request) (context.Context, func(*scim.Report)) {
	return ctx, func(*scim.Report) { panic("request") }
}

func (breaking) BeginCall(ctx context.Context, _ scim.Call) (context.Context, func(error)) {
	return ctx, func(error) { panic("call") }
}
