//go:build !race

package scim_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// Without an Observer, and with one that does not wait for the ends, a request
// allocates what it did before there were any.
func TestAllocationsOfObservers(t *testing.T) {
	for _, c := range []struct {
		name     string
		observer scim.Observer
		most     float64
	}{
		{"nobody", nil, 5},
		{"one that wants to know nothing", deaf{}, 5},
		{"one that is told all", listening{}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newInProcess(t)
			h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("token", scim.Principal{}), &scim.Options{Observer: c.observer})
			if err != nil {
				t.Fatal(err)
			}
			p.handler = h
			p.do(201, "POST", "/Users", userOfEntra(0))
			user := "/Users/" + p.id()
			if got := testing.AllocsPerRun(200, func() { p.do(200, "GET", user, nil) }); got > c.most {
				t.Errorf("got %v allocations, want at most %v", got, c.most)
			}
		})
	}
}

type deaf struct{}

func (deaf) BeginRequest(ctx context.Context, _ *http.Request) (context.Context, func(*scim.Report)) {
	return ctx, nil
}

func (deaf) BeginCall(ctx context.Context, _ scim.Call) (context.Context, func(error)) {
	return ctx, nil
}

type listening struct{}

func (listening) BeginRequest(ctx context.Context, _ *http.Request) (context.Context, func(*scim.Report)) {
	return ctx, func(*scim.Report) {}
}

func (listening) BeginCall(ctx context.Context, _ scim.Call) (context.Context, func(error)) {
	return ctx, func(error) {}
}
