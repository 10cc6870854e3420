package durability

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A crew is clients of one tenant that work at the same time, each in people and
// teams of its own and all in what they share.
type crew struct {
	tenant  string
	clients []*client

	persists bool // clients who are not answered ask what became of it, and go on

	teams  []string // ids of groups that all put their people into
	heroes []string // ids of users on whom each client has a counter
	races  atomic.Int64

	mu   sync.Mutex
	done map[string]int // acknowledged operations by kind
}

// A client keeps a record of what it was told.
type client struct {
	crew *crew
	name string
	http *http.Client
	base string // of the endpoint, with the tenant
	t    *testing.T

	people   []*person
	teams    []*team
	counters map[string]int // by hero
	trophies []*person      // whose names all clients raced for, and this one has
	refused  []string       // names that others have
	lastRace int64
	serial   int // of marks

	answers atomic.Int64 // acknowledged requests
	silence error        // why the last request was not answered
	doubt   *operation   // which one it was, if it writes
	wrong   bool
}

type person struct {
	id         string
	name, mark string          // what its attributes are made of, all of them at once
	in         map[string]bool // ids of shared teams
}

type team struct {
	id, name string
	members  []string
}

func clientName(i int) string { return fmt.Sprintf("c%02d", i) }

// newCrew returns n clients, of whom the first is called by the number first.
func newCrew(t *testing.T, tenant string, first, n int) *crew {
	if first+n > mostClients {
		t.Fatalf("%d clients, of which none has a counter beyond %d", first+n, mostClients)
	}
	c := &crew{tenant: tenant, done: map[string]int{}}
	transport := &http.Transport{MaxIdleConnsPerHost: n}
	t.Cleanup(transport.CloseIdleConnections)
	for i := range n {
		c.clients = append(c.clients, &client{
			crew: c, name: clientName(first + i), t: t, http: &http.Client{Transport: transport, Timeout: patience},
			counters: map[string]int{}, lastRace: -1,
		})
	}
	return c
}

// setUp creates what the clients share.
func (c *crew) setUp(t *testing.T) {
	t.Helper()
	first := c.clients[0]
	for i := range 3 {
		first.must(t, first.newTeam(fmt.Sprintf("shared team %d", i), nil))
		c.teams = append(c.teams, first.teams[0].id)
		first.teams = nil
	}
	for i := range 2 {
		p := &person{name: fmt.Sprintf("hero %d", i), mark: "m0"}
		first.must(t, first.hire(p, func() { c.heroes = append(c.heroes, p.id) }))
	}
}

func (c *client) must(t *testing.T, o *operation) {
	t.Helper()
	if !c.do(t.Context(), o) {
		t.Fatalf("%s %s %s was not done", o.method, o.path, o.body)
	}
}

// run has the client work until the context ends.
func (c *client) run(ctx context.Context) {
	c.silence = nil
	for ctx.Err() == nil && !c.wrong {
		if c.do(ctx, c.next()) {
			continue
		}
		if !c.crew.persists {
			return
		}
		time.Sleep(10 * time.Millisecond)
		c.settle(context.WithoutCancel(ctx))
	}
}

// An operation is a write, and how to find out whether it took effect, by the
// first thing that it changes: whether the rest of it did too is seen when the
// record is compared with what is there.
type operation struct {
	kind               string
	method, path, body string
	status             int               // of success
	taken              func()            // records that the answer was 409; nil: it must not be
	query              string            // finds one resource if it took effect
	gone               bool              // or none
	record             func(id string)   // records that it took effect
	look               func(body []byte) // instead of all of this, what an answer to GET must be
}

// do sends a request and records its answer. It reports false if there was none.
func (c *client) do(ctx context.Context, o *operation) bool {
	status, body, err := c.send(ctx, o.method, o.path, o.body)
	switch {
	case err != nil, status == http.StatusServiceUnavailable:
		c.silence = fmt.Errorf("%s %s: %d %s, %v", o.method, o.path, status, body, err)
		if o.look == nil {
			c.doubt = o
		}
		return false
	case status == http.StatusConflict && o.taken != nil:
		o.taken()
	case status != o.status:
		c.fail("%s %s\n%s\n  answer: %d %s\n    want: %d", o.method, o.path, o.body, status, body, o.status)
		return false
	case o.look != nil:
		o.look(body)
	default:
		o.record(idIn(body))
	}
	c.answers.Add(1)
	c.crew.mu.Lock()
	defer c.crew.mu.Unlock()
	c.crew.done[o.kind]++
	return true
}

// fail reports what is wrong and has the client stop: all that follows would be.
func (c *client) fail(format string, args ...any) {
	c.wrong = true
	c.t.Errorf(c.crew.tenant+", "+c.name+": "+format, args...)
}

// send returns the status and the body of an answer. It does not end with the
// context: that would leave in doubt what is only slow.
func (c *client) send(ctx context.Context, method, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, c.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.crew.tenant)
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// idIn returns the id of a resource, or of the only one in a list.
func idIn(body []byte) string {
	var answer struct {
		ID        string
		Resources []struct{ ID string }
	}
	if json.Unmarshal(body, &answer) == nil && len(answer.Resources) == 1 {
		return answer.Resources[0].ID
	}
	return answer.ID
}

// settle asks until it knows whether what was not answered took effect.
func (c *client) settle(ctx context.Context) {
	o := c.doubt
	if o == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		status, body, err := c.send(ctx, http.MethodGet, o.query, "")
		switch {
		case err == nil && status == http.StatusOK:
			c.doubt = nil
			var list struct{ TotalResults int }
			if err := json.Unmarshal(body, &list); err != nil || list.TotalResults > 1 {
				c.fail("GET %s: %s", o.query, body)
			} else if (list.TotalResults == 1) != o.gone {
				o.record(idIn(body))
			}
			return
		case err == nil && status != http.StatusServiceUnavailable:
			c.fail("GET %s\n  answer: %d %s", o.query, status, body)
			return
		}
		select {
		case <-ctx.Done():
			c.fail("GET %s: %d, %v, and no answer in time", o.query, status, err)
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
