package scim_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/wiretest"
	"github.com/usherkit/scim/memstore"
)

func TestHostileSearch(t *testing.T) {
	const size = 3 << 20
	for name, members := range map[string]string{
		"many attributes":           `"attributes":[` + strings.TrimSuffix(numbered(`"a%d",`, size), ",") + `]`,
		"one attribute many times":  `"excludedAttributes":["id"` + strings.Repeat(`,"name.givenName"`, size/17) + `]`,
		"an attribute of commas":    `"attributes":["` + strings.Repeat(",", size) + `"]`,
		"a long sortBy":             `"sortBy":"` + strings.Repeat("a.", size/2) + `"`,
		"a long filter":             `"filter":"` + strings.Repeat("(", size) + `"`,
		"many conditions":           `"filter":"title pr` + strings.Repeat(" or title pr", 600) + `"`,
		"brackets nobody knows":     `"filter":"` + strings.Repeat("a[b pr] or ", 600) + `title pr"`,
		"a long cursor":             `"cursor":"` + strings.Repeat("A", size) + `"`,
		"many members":              strings.TrimSuffix(numbered(`"k%d":1,`, size), ","),
		"a number of a million":     `"count":` + strings.Repeat("9", 1<<20),
		"deep, and nobody knows it": `"x":` + strings.Repeat("[", size),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, new(memstore.Store), nil)
			e.do("POST", "/Users", `{"userName":"ann"}`)
			for _, path := range []string{"/.search", "/Users/.search"} {
				start := time.Now()
				rec := e.do("POST", path, "{"+members+"}")
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("%s took %v", path, took)
				}
				if rec.Code >= 500 || rec.Body.Len() > 4096 {
					t.Errorf("%s: got %d, %d bytes: %s", path, rec.Code, rec.Body.Len(), clipped(rec.Body.String()))
				}
			}
		})
	}
}

// Whatever the body, a search is answered, the same a second time, and never
// with more than it may have.
func FuzzSearchRequest(f *testing.F) {
	for _, name := range []string{"R199_search", "R200_searches_that_are_none", "R202_root", "R189_cursors_and_order"} {
		for _, s := range wiretest.Read(f, filepath.Join(wireDir, name+".txt")).Steps {
			f.Add(s.Body, false)
		}
	}
	for _, by := range []string{"displayName", "meta.created", "userName", "emails", "name.familyName"} {
		f.Add(`{"cursor":"","count":1,"sortBy":"`+by+`"}`, true)
	}
	for _, filter := range []string{`x[\\`, `nope[a eq \"b\"].c pr or userName pr`, `not (nope ne null)`} {
		f.Add(`{"filter":"`+filter+`"}`, false)
	}
	tolerant, strict := newEndpoint(f, wireStore(), nil), newEndpoint(f, wireStore(), &scim.Options{Strict: true})
	for _, e := range []endpoint{tolerant, strict} {
		e.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"one","displayName":"B"}`)
		e.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"two","emails":[{"value":"a@b","type":"work"}]}`)
		e.do("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"a"}`)
	}
	f.Fuzz(func(t *testing.T, body string, held bool) {
		e := tolerant
		if held {
			e = strict
		}
		e.t = t
		for _, path := range []string{"/.search", "/Users/.search", "/Groups/.search"} {
			rec := e.do("POST", path, body)
			var page struct {
				TotalResults, ItemsPerPage int
				Resources                  []any
				NextCursor                 string
			}
			if err := json.Unmarshal(rec.Body.Bytes(), &page); err != nil || rec.Code != 200 && (rec.Code < 400 || rec.Code >= 500) {
				t.Fatalf("%s: got %d %s", path, rec.Code, rec.Body)
			}
			if len(page.Resources) > 3 || page.TotalResults > 3 || page.ItemsPerPage != len(page.Resources) {
				t.Errorf("%s: got %s", path, rec.Body)
			}
			if again := e.do("POST", path, body); again.Body.String() != rec.Body.String() {
				t.Errorf("%s: got %s and then %s", path, rec.Body, again.Body)
			}
		}
	})
}
