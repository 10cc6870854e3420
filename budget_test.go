package scim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// manyMembers makes groups with members, as many in each.
func manyMembers(t *testing.T, e site, groups, members int) {
	t.Helper()
	var list []string
	for i := range members {
		id := e.must(201, "POST", "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i)).id()
		list = append(list, fmt.Sprintf(`{"value":%q}`, id))
	}
	for i := range groups {
		e.must(201, "POST", "/Groups", fmt.Sprintf(`{"displayName":"g%d","members":[%s]}`, i, strings.Join(list, ",")))
	}
}

// TestFilterWork: R-162. A filter is bounded by the values that it is compared
// with, those of members too, and not only by the resources.
func TestFilterWork(t *testing.T) {
	e := newSite(t, new(memstore.Store), &scim.Options{MaxScan: 1000}) // 16,000 values
	manyMembers(t, e, 10, 100)
	terms := func(term string, n int) string {
		return strings.TrimSuffix(strings.Repeat(term+" or ", n), " or ")
	}
	const tooMany = `"scimType":"tooMany","detail":"the filter would have to be compared with too many values`
	for _, tt := range []struct {
		name, filter string
		want         int
	}{
		{"members and a short filter", `members.value co "?"`, 200},
		{"members and a long filter", terms(`members.value co "?"`, 50), 400},
		{"in brackets", `members[` + terms(`value co "?"`, 50) + `]`, 400},
		{"one group of them, by an index", `displayName eq "g1" and (` + terms(`members.value co "?"`, 50) + `)`, 200},
		{"members by their ids, which are not looked through", terms(`members.value eq "?"`, 200), 200},
		{"each group once", terms(`displayName co "?"`, 300), 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := site{t, e.h}
			a := e.do("POST", "/Groups/.search", fmt.Sprintf(`{"filter":%q}`, tt.filter))
			if a.status != tt.want || tt.want == 400 && !strings.Contains(a.body, tooMany) {
				t.Errorf("got %d %.300s, want %d", a.status, a.body, tt.want)
			}
		})
	}
}

// A patientContext ends after it was asked so many times.
type patientContext struct {
	context.Context
	patience int
	err      error
}

func (c *patientContext) Err() error {
	if c.patience--; c.patience < 0 {
		return c.err
	}
	return nil
}

// A request whose time is over is ended in the middle of one resource too, and
// is no fault of the application's.
func TestOverdue(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		level  string
	}{
		{context.DeadlineExceeded, 503, "level=WARN"},
		{context.Canceled, 499, "level=WARN"},
	} {
		var log bytes.Buffer
		e := newSite(t, new(memstore.Store), &scim.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		manyMembers(t, e, 1, 100)
		filter := strings.TrimSuffix(strings.Repeat(`members.value co "?" or `, 300), " or ")
		e.must(200, "POST", "/Groups/.search", fmt.Sprintf(`{"filter":%q}`, filter))
		ctx := &patientContext{t.Context(), 3, tt.err}
		r := httptest.NewRequest("POST", "/Groups/.search", strings.NewReader(fmt.Sprintf(`{"filter":%q}`, filter))).WithContext(ctx)
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		e.h.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(log.String(), tt.level) {
			t.Errorf("%v: got %d %s and in the log %s, want %d and %s", tt.err, w.Code, w.Body, log.String(), tt.status, tt.level)
		}
		if asked := 3 - ctx.patience; asked > 8 {
			t.Errorf("%v: the context was asked %d times: work went on after its end", tt.err, asked)
		}
	}
}

// Of a Store that has Select filter, the same is asked.
func TestSelectIsBounded(t *testing.T) {
	group, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	f, err := group.ParseFilter(`members.value co "?" or members.value sw "!"`)
	if err != nil {
		t.Fatal(err)
	}
	members := make([]scim.Member, 10_000)
	for i := range members {
		members[i] = scim.Member{ID: fmt.Sprint(i)}
	}
	one := &scim.Resource{Members: scim.SetOf(members...)}
	all := func(yield func(*scim.Resource, error) bool) { yield(one, nil) }
	for maxScan, want := range map[int]error{0: nil, 1000: scim.ErrTooMany, 2000: nil} {
		if _, err := scim.Select(all, scim.Query{Filter: f, MaxScan: maxScan}); !errors.Is(err, want) {
			t.Errorf("MaxScan %d: got error %v, want %v", maxScan, err, want)
		}
	}
	matches := scim.Query{Filter: f, MaxScan: 2000}.Matcher(t.Context())
	if ok, err := matches(one); ok || err != nil {
		t.Errorf("the first time: got %t, %v", ok, err)
	}
	if _, err := matches(one); !errors.Is(err, scim.ErrTooMany) {
		t.Errorf("the second time: got error %v, want %v", err, scim.ErrTooMany)
	}
	if _, err := (scim.Query{Filter: f, MaxScan: 2000}).Matcher(&patientContext{t.Context(), 1, context.Canceled})(one); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got error %v, want %v", err, context.Canceled)
	}
}

// The names in attributes are bounded, and how often one is named makes no
// difference.
func TestNamesAreBounded(t *testing.T) {
	e := newSite(t, new(memstore.Store), nil)
	e.must(201, "POST", "/Users", `{"userName":"ann","title":"Boss"}`)
	for _, member := range []string{"attributes", "excludedAttributes"} {
		for _, tt := range []struct {
			name, n string
			times   int
			want    int
		}{
			{"the schema", scim.UserSchemaURI, 2000, 200},
			{"the schema", scim.UserSchemaURI, 2001, 400},
			{"an unknown name", "x", 2001, 400},
			{"nothing", "", 60_000, 400},
		} {
			body := fmt.Sprintf(`{%q:[%s]}`, member, strings.TrimSuffix(strings.Repeat(`"`+tt.n+`",`, tt.times), ","))
			a := e.do("POST", "/Users/.search", body)
			if a.status != tt.want {
				t.Errorf("%s: %s %d times: got %d %.200s, want %d", member, tt.name, tt.times, a.status, a.body, tt.want)
			}
			if shown := strings.Contains(a.body, "Boss"); a.status == 200 && shown != (member == "attributes") {
				t.Errorf("%s: got %s", member, a.body)
			}
		}
	}
}
