package scim_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// TestConditions: what If-Match and If-None-Match do on every verb (RFC 7644
// §3.14, RFC 9110 §13.1; ), with hooks and without.
func TestConditions(t *testing.T) {
	const (
		stale = `W/"7"`
		weak  = `W/"1"`
		none  = ""
	)
	title := patchBody(`{"op":"replace","path":"title","value":"t"}`)
	for _, tt := range []struct {
		method, body    string
		ifMatch, ifNone string
		want            int
		reason          string
	}{
		{"GET", none, weak, none, 200, "RFC 9110 §13.1.1 is of every method"},
		{"GET", none, `"1"`, none, 200, "A-59: strong or weak"},
		{"GET", none, `1`, none, 200, "A-59: without quotes"},
		{"GET", none, `*`, none, 200, "there is one"},
		{"GET", none, stale, none, 412, "another version"},
		{"GET", none, none, weak, 304, "R-302"},
		{"GET", none, none, `"1"`, 304, "If-None-Match compares weakly"},
		{"GET", none, none, `"a,b", ` + weak, 304, "one of a list, with a comma in another"},
		{"GET", none, none, `*`, 304, "there is one"},
		{"GET", none, none, stale, 200, "another version"},
		{"GET", none, stale, weak, 412, "If-Match comes first (RFC 9110 §13.2.2)"},
		{"HEAD", none, none, weak, 304, "as GET"},
		{"HEAD", none, stale, none, 412, "as GET"},
		{"PATCH", title, weak, none, 200, "R-303"},
		{"PATCH", title, `"1"`, none, 200, "A-59"},
		{"PATCH", title, `"x", ` + weak, none, 200, "one of a list"},
		{"PATCH", title, `*`, none, 200, "R-305"},
		{"PATCH", title, stale, none, 412, "R-303"},
		{"PATCH", title, `"x", "y"`, none, 412, "none of a list"},
		{"PATCH", title, none, weak, 412, "RFC 9110 §13.1.2"},
		{"PATCH", title, none, `*`, 412, "RFC 9110 §13.1.2: only where there is none"},
		{"PATCH", title, none, stale, 200, "another version"},
		{"PATCH", title, weak, weak, 412, "both must hold"},
		{"PATCH", patchBody(`{"op":"remove","path":"title"}`), stale, none, 412, "even where nothing would change"},
		{"PUT", `{"userName":"ann","title":"t"}`, weak, none, 200, "R-303"},
		{"PUT", `{"userName":"ann","title":"t"}`, stale, none, 412, "R-303"},
		{"PUT", `{"userName":"ann","title":"t"}`, none, `*`, 412, "RFC 9110 §13.1.2"},
		{"PUT", `{"userName":"ann","title":"t"}`, none, stale, 200, "another version"},
		{"DELETE", none, weak, none, 204, "R-278"},
		{"DELETE", none, `*`, none, 204, "R-278"},
		{"DELETE", none, stale, none, 412, "R-278"},
		{"DELETE", none, none, weak, 412, "RFC 9110 §13.1.2"},
		{"DELETE", none, none, stale, 204, "another version"},
	} {
		for _, hooks := range []scim.Hooks{nil, &journal{}} {
			e := newSite(t, &memstore.Store{}, &scim.Options{Hooks: hooks})
			user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
			var header []string
			if tt.ifMatch != "" {
				header = append(header, "If-Match", tt.ifMatch)
			}
			if tt.ifNone != "" {
				header = append(header, "If-None-Match", tt.ifNone)
			}
			a := e.do(tt.method, user, tt.body, header...)
			if a.status != tt.want {
				t.Errorf("%s with %q: got %d %s, want %d (%s)", tt.method, header, a.status, a.body, tt.want, tt.reason)
			}
			switch tt.want {
			case 304:
				if a.body != "" || a.header.Get("ETag") != weak {
					t.Errorf("%s with %q: got ETag %s and body %q, want the ETag and no body", tt.method, header, a.header.Get("ETag"), a.body)
				}
			case 412:
				if after := e.must(200, "GET", user, ""); after.header.Get("ETag") != weak {
					t.Errorf("%s with %q was refused, and the resource has changed: %s", tt.method, header, after.body)
				}
				e.must(404, tt.method, "/Users/nobody", tt.body, header...) // there is no version to compare
			}
		}
	}
}

// TestConditionsOfMembers: a change of members alone is not read before it is
// made, and keeps to the same rules.
func TestConditionsOfMembers(t *testing.T) {
	e := newSite(t, &memstore.Store{}, nil)
	ann := e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	group := "/Groups/" + e.must(201, "POST", "/Groups", `{"displayName":"g"}`).id()
	add := patchBody(`{"op":"add","path":"members","value":[{"value":"` + ann + `"}]}`)
	remove := patchBody(`{"op":"remove","path":"members[value eq \"` + ann + `\"]"}`)
	e.must(412, "PATCH", group, add, "If-None-Match", `W/"1"`)
	e.must(412, "PATCH", group, add, "If-None-Match", `*`)
	e.must(412, "PATCH", group, add, "If-Match", `W/"2"`)
	if a := e.must(204, "PATCH", group, add, "If-None-Match", `W/"2"`); a.header.Get("ETag") != `W/"2"` {
		t.Errorf("ETag %s, want the new version's: a change of members is a change of the group (R-306)", a.header.Get("ETag"))
	}
	if a := e.must(204, "PATCH", group, add); a.header.Get("ETag") != `W/"2"` {
		t.Errorf("ETag %s: a member that is there already is no change (R-253)", a.header.Get("ETag"))
	}
	e.must(412, "PATCH", group, remove, "If-Match", `W/"1"`)
	e.must(204, "PATCH", group, remove, "If-Match", `W/"1", "2"`)
	e.must(204, "PATCH", group, add, "If-Match", `*`)
}

// TestConditionsInBulk: version is If-Match, in any spelling.
func TestConditionsInBulk(t *testing.T) {
	for _, tt := range []struct{ version, want, reason string }{
		{`W/\"1\"`, "200", "as the ETag is"},
		{`\"1\"`, "200", "strong"},
		{`1`, "200", "without quotes"},
		{`*`, "200", "any"},
		{`W/\"7\"`, "412", "another"},
		{`\"\"`, "412", "none"},
	} {
		e := newSite(t, &memstore.Store{}, nil)
		user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
		operation := func(method, data string) string {
			return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":%q,"path":%q,"version":"%s"%s}]}`,
				method, user, tt.version, data)
		}
		a := e.must(200, "POST", "/Bulk", operation("PATCH", `,"data":`+patchBody(`{"op":"remove","path":"title"}`)))
		b := e.must(200, "POST", "/Bulk", operation("PUT", `,"data":{"userName":"ann"}`))
		c := e.must(200, "POST", "/Bulk", operation("DELETE", ``))
		want := strings.Join([]string{tt.want, tt.want, strings.Replace(tt.want, "200", "204", 1)}, " ")
		if got := statuses(a) + " " + statuses(b) + " " + statuses(c); got != want {
			t.Errorf("version %s: got %s, want %s (%s)", tt.version, got, want, tt.reason)
		}
		if tt.want == "200" && !strings.Contains(a.body, `"version":"W/\"1\""`) {
			t.Errorf("the version is not echoed (R-289): %s", a.body)
		}
	}
}

// TestAnyVersionIsTriedAgain: If-Match: * means no version, so a write that
// met another is tried again like one that says nothing.
func TestAnyVersionIsTriedAgain(t *testing.T) {
	for _, ifMatch := range []string{`*`, `"x", *`} {
		s := &contended{Store: &memstore.Store{}}
		e := newSite(t, s, nil)
		user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
		s.left = 2
		e.must(200, "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"t"}`), "If-Match", ifMatch)
	}
}

// unversioned is a Store that keeps no versions.
type unversioned struct{ scim.Store }

func (s unversioned) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	r, err := s.Store.Get(ctx, ref, p)
	if err != nil {
		return nil, err
	}
	bare := *r
	bare.Version = ""
	return &bare, nil
}

// TestWithoutVersions: a resource of no version has no tag that could be named,
// and there is one all the same.
func TestWithoutVersions(t *testing.T) {
	e := newSite(t, unversioned{&memstore.Store{}}, nil)
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	a := e.must(200, "GET", user, "")
	if a.header.Get("ETag") != "" || strings.Contains(a.body, `"version"`) {
		t.Errorf("ETag %q: %s", a.header.Get("ETag"), a.body)
	}
	title := patchBody(`{"op":"replace","path":"title","value":"t"}`)
	for _, tag := range []string{`""`, `W/""`, `,`, `"1"`} {
		e.must(412, "PATCH", user, title, "If-Match", tag)
		e.must(412, "GET", user, "", "If-Match", tag)
		e.must(200, "GET", user, "", "If-None-Match", tag)
	}
	e.must(200, "PATCH", user, title, "If-Match", "*")
	e.must(412, "PATCH", user, title, "If-None-Match", "*")
}

// groupless is a Store that answers an empty Set for users in no group.
type groupless struct{ scim.Store }

func (s groupless) Get(ctx context.Context, ref scim.Ref, p scim.Projection) (*scim.Resource, error) {
	r, err := s.Store.Get(ctx, ref, p)
	if err != nil || r.Groups != nil || !p.Groups {
		return r, err
	}
	whole := *r
	whole.Groups = scim.SetOf()
	return &whole, nil
}

// TestATagIsTheSameWhereverItComesFrom: that of POST is good for GET, whatever
// the Store says of groups where there are none.
func TestATagIsTheSameWhereverItComesFrom(t *testing.T) {
	for _, store := range []scim.Store{&memstore.Store{}, groupless{&memstore.Store{}}} {
		e := newSite(t, store, nil)
		a := e.must(201, "POST", "/Users", `{"userName":"ann"}`)
		e.must(304, "GET", "/Users/"+a.id(), "", "If-None-Match", a.header.Get("ETag"))
		a = e.must(200, "PATCH", "/Users/"+a.id(), patchBody(`{"op":"replace","path":"title","value":"t"}`))
		e.must(304, "GET", "/Users/"+a.id(), "", "If-None-Match", a.header.Get("ETag"))
	}
}

func TestETags(t *testing.T) {
	e := newSite(t, &memstore.Store{}, nil)
	a := e.must(201, "POST", "/Users", `{"userName":"ann"}`)
	user, tag := "/Users/"+a.id(), a.header.Get("ETag")
	if tag != `W/"1"` || a.doc["meta"].(map[string]any)["version"] != tag {
		t.Fatalf("ETag %q, meta.version %v", tag, a.doc["meta"])
	}
	title := patchBody(`{"op":"replace","path":"title","value":"t"}`)
	e.must(304, "GET", user, "", "If-None-Match", tag)
	e.must(304, "GET", user, "", "If-None-Match", `"x", W/"1"`)
	e.must(304, "GET", user, "", "If-None-Match", `*`)
	e.must(200, "GET", user, "", "If-None-Match", `W/"2"`)
	e.must(412, "PATCH", user, title, "If-Match", `W/"7"`)
	e.must(412, "PUT", user, `{"userName":"bob"}`, "If-Match", `W/"7"`)
	e.must(412, "DELETE", user, "", "If-Match", `W/"7"`)
	e.must(200, "PATCH", user, title, "If-Match", `W/"7", W/"1"`)
	e.must(412, "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"u"}`), "If-Match", tag)
	e.must(200, "PATCH", user, patchBody(`{"op":"replace","path":"title","value":"u"}`), "If-Match", `*`)
	e.must(404, "PATCH", "/Users/nobody", title, "If-Match", `*`)
	a = e.must(200, "GET", user, "")
	if a.header.Get("ETag") != `W/"3"` {
		t.Errorf("after two changes ETag is %s", a.header.Get("ETag"))
	}
	group := "/Groups/" + e.must(201, "POST", "/Groups", `{"displayName":"g"}`).id()
	alone := a.header.Get("ETag")
	add := patchBody(`{"op":"add","path":"members","value":[{"value":"` + a.id() + `"}]}`)
	e.must(412, "PATCH", group, add, "If-Match", `W/"9"`)
	e.must(204, "PATCH", group, add, "If-Match", `W/"1"`)

	// The user is shown with its groups now, so it has another tag.
	e.must(304, "GET", user+"?excludedAttributes=groups", "", "If-None-Match", alone)
	tag = e.must(200, "GET", user, "", "If-None-Match", alone).header.Get("ETag")
	e.must(304, "GET", user, "", "If-None-Match", tag)
	e.must(204, "PATCH", group, patchBody(`{"op":"replace","path":"displayName","value":"h"}`))
	a = e.must(200, "GET", user, "", "If-None-Match", tag)
	if tag = a.header.Get("ETag"); a.doc["meta"].(map[string]any)["version"] != tag {
		t.Errorf("ETag %s, meta.version %v", tag, a.doc["meta"])
	}
	e.must(412, "DELETE", user, "", "If-Match", `W/"2~00000000"`)
	e.must(204, "DELETE", user, "", "If-Match", tag)
}

func TestAnIfMatchOfNothingMatchesNothing(t *testing.T) {
	e := newSite(t, &memstore.Store{}, nil)
	uid := e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	gid := e.must(201, "POST", "/Groups", `{"displayName":"g"}`).id()
	add := patchBody(`{"op":"add","path":"members","value":[{"value":"` + uid + `"}]}`)
	for _, tag := range []string{`""`, `W/""`, `,`, `"~01234567"`} {
		e.must(412, "PATCH", "/Groups/"+gid, add, "If-Match", tag)
		e.must(412, "DELETE", "/Users/"+uid, "", "If-Match", tag)
		e.must(412, "PUT", "/Users/"+uid, `{"userName":"bob"}`, "If-Match", tag)
	}
}
