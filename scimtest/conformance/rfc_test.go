package conformance_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/conformance"
)

const (
	emptyList   = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}`
	enterprises = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// TestRFCFindings: each check of the RFC suite finds what it is there for.
func TestRFCFindings(t *testing.T) {
	hasFlaws(t, conformance.RFC, slices.Concat(
		discoveryFlaws(), httpFlaws(), errorFlaws(), createFlaws(), readFlaws(),
		filterFlaws(), logicFlaws(), searchFlaws(), pagingFlaws(), cursorFlaws(), sortFlaws(), projectionFlaws(),
		putFlaws(), patchFlaws(), refusalFlaws(), groupFlaws(), memberFlaws(), versionFlaws(), bulkFlaws(), deleteFlaws(),
	))
}

// TestRFCOptional: what package scim does not have, and the tests add, has no findings either.
func TestRFCOptional(t *testing.T) {
	report, err := conformance.Check(t.Context(), serve(t, stack(dotSearch, stack(cursored, stack(sorted, bulked)))), token, &conformance.Options{Suites: []string{conformance.RFC}})
	if err != nil {
		t.Fatal(err)
	}
	fails(t, report, nil)
	for _, r := range report.Results {
		if r.Status == conformance.Skipped && !slices.Contains([]string{"rfc.errors.patch-unsupported", "rfc.read.returned"}, r.ID) {
			t.Errorf("%s is skipped: %s", r.ID, r.Reason)
		}
	}
}

// provided does something odd with some requests only.
func provided(is func(*call) bool, do func(*call)) func(*call) {
	return func(c *call) {
		if is(c) {
			do(c)
		} else {
			c.pass()
		}
	}
}

// turns makes one status another.
func turns(was, is int) func(*call) {
	return func(c *call) {
		if c.pass(); c.w.Code == was {
			c.w.Code = is
		}
	}
}

// ignored answers like a success, with what is there, and does nothing.
func ignored(c *call) { c.w = c.also("GET", c.URL.Path, "") }

// swallowed makes a success of every failure.
func swallowed(c *call) {
	if c.pass(); c.w.Code >= 400 {
		c.w = httptest.NewRecorder()
		c.w.WriteHeader(204)
	}
}

// plain makes errors web pages.
func plain(c *call) {
	if c.pass(); c.w.Code >= 400 {
		c.w.Body.Reset()
		c.w.Body.WriteString("<html>something went wrong</html>")
	}
}

// asks changes the query.
func asks(change func(q url.Values)) func(*call) {
	return func(c *call) {
		q := c.URL.Query()
		change(q)
		c.URL.RawQuery = q.Encode()
		c.pass()
	}
}

// forgets ignores parameters of the query.
func forgets(names ...string) func(*call) {
	return asks(func(q url.Values) {
		for _, name := range names {
			q.Del(name)
		}
	})
}

// filters changes the filter's text.
func filters(pairs ...string) func(*call) {
	r := strings.NewReplacer(pairs...)
	return asks(func(q url.Values) { q.Set("filter", r.Replace(q.Get("filter"))) })
}

// has is true of requests whose query holds the text.
func has(text string) func(*call) bool {
	return func(c *call) bool {
		query, _ := url.QueryUnescape(c.URL.RawQuery)
		return strings.Contains(query, text)
	}
}

// holds is true of requests whose body holds the text.
func holds(text string) func(*call) bool {
	return func(c *call) bool { return strings.Contains(c.body, text) }
}

// lacksHeader has the good endpoint not see a header.
func lacksHeader(name string) func(*call) {
	return func(c *call) {
		c.Header.Del(name)
		c.pass()
	}
}

// stored is what the good endpoint holds at the URL.
func (c *call) stored() object {
	var o object
	_ = json.Unmarshal(c.also("GET", c.URL.Path, "").Body.Bytes(), &o)
	return o
}

// drops has the good endpoint not see members of the body.
func drops(names ...string) func(*call) {
	return reads(func(o object) {
		for _, name := range names {
			delete(o, name)
		}
	})
}

// rows makes one flaw the flaw of many checks.
func rows(name string, wrap wrapper, checks ...string) (flaws []flaw) {
	for _, c := range checks {
		flaws = append(flaws, flaw{c, name, wrap})
	}
	return flaws
}

func items(o object, name string) (list []object) {
	all, _ := o[name].([]any)
	for _, r := range all {
		list = append(list, r.(object))
	}
	return list
}

// dotSearch adds searches by POST, and over the root, to an endpoint without
// them: there are only users to find.
var dotSearch = stack(
	flawed("POST", `/\.search$`, "", func(c *call) {
		var o object
		if json.Unmarshal([]byte(c.body), &o) != nil {
			refuses(400, "invalidSyntax")(c)
			return
		}
		q := url.Values{}
		for name, v := range o {
			switch v := v.(type) {
			case string:
				q.Set(name, v)
			case float64:
				q.Set(name, fmt.Sprint(v))
			case []any:
				q.Set(name, strings.Trim(fmt.Sprint(v), "[]"))
			}
		}
		c.Method, c.URL.Path, c.URL.RawQuery, c.body = "GET", "/scim/v2/Users", q.Encode(), ""
		c.pass()
	}),
	flawed("GET", `^/scim/v2/(\?|$)`, "", func(c *call) {
		c.URL.Path = "/scim/v2/Users"
		c.pass()
	}),
)

// sorted adds sorting to an endpoint without it.
var sorted = stack(
	flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) { o["sort"] = object{"supported": true} })),
	flawed("GET", "sortBy=", "", says(func(c *call, o object) {
		list, _ := o["Resources"].([]any)
		value := func(r any) string {
			var v any = r
			for name := range strings.SplitSeq(c.URL.Query().Get("sortBy"), ".") {
				m, _ := v.(object)
				v = m[name]
			}
			s, _ := v.(string)
			if s == "" {
				return "\uffff"
			}
			return strings.ToLower(s)
		}
		slices.SortStableFunc(list, func(a, b any) int { return strings.Compare(value(a), value(b)) })
		if c.URL.Query().Get("sortOrder") == "descending" {
			slices.Reverse(list)
		}
	})),
)

// bulked adds bulk requests to an endpoint without them. What is referred to
// is made first; it gives up on circles.
var bulked = stack(
	flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) {
		o["bulk"] = object{"supported": true, "maxOperations": 10, "maxPayloadSize": 1 << 20}
	})),
	flawed("POST", "/Bulk$", "", func(c *call) {
		type operation struct {
			Method, Path, BulkID string
			Data                 json.RawMessage
		}
		var job struct {
			FailOnErrors int
			Operations   []operation
		}
		if json.Unmarshal([]byte(c.body), &job) != nil {
			refuses(400, "invalidSyntax")(c)
			return
		}
		if len(job.Operations) > 10 {
			refuses(413, "")(c)
			return
		}
		slices.SortStableFunc(job.Operations, func(a, b operation) int {
			return strings.Count(string(a.Data), "bulkId:") - strings.Count(string(b.Data), "bulkId:")
		})
		failed, ids, results := 0, []string{}, []object{}
		for _, o := range job.Operations {
			data := strings.NewReplacer(ids...).Replace(string(o.Data))
			w := httptest.NewRecorder()
			if strings.Contains(data, `"bulkId:`) { // it is in a circle
				w.Code = 409
				w.Body.WriteString(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409"}`)
			} else {
				w = c.also(o.Method, "/scim/v2"+o.Path, data)
			}
			result := object{"method": o.Method, "status": fmt.Sprint(w.Code), "location": "http://" + c.Host + "/scim/v2" + o.Path}
			if o.BulkID != "" {
				result["bulkId"] = o.BulkID
			}
			if w.Code >= 400 {
				failed++
				result["response"] = json.RawMessage(w.Body.Bytes())
			} else if o.Method == http.MethodPost {
				var made struct{ ID string }
				_ = json.Unmarshal(w.Body.Bytes(), &made)
				ids = append(ids, "bulkId:"+o.BulkID, made.ID)
				result["location"] = w.Header().Get("Location")
			}
			results = append(results, result)
			if failed == job.FailOnErrors && failed > 0 {
				break
			}
		}
		body, _ := json.Marshal(object{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkResponse"}, "Operations": results})
		answers(200, string(body))(c)
	}),
)

// TestRFCOtherTastes: endpoints that serve less, want more or are strict are no worse for it.
func TestRFCOtherTastes(t *testing.T) {
	small := scim.UserSchema()
	small.Attributes = slices.DeleteFunc(small.Attributes, func(a scim.Attribute) bool { return a.Name != "userName" && a.Name != "active" })
	demanding := scim.UserSchema()
	for _, name := range []string{"emails", "displayName", "name"} {
		demanding.Attribute(name).Required = true
	}
	users := func(s *scim.Schema) []*scim.ResourceType {
		typ, err := scim.NewResourceType(scim.TypeDefinition{Name: "User", Endpoint: "Users", Schema: s})
		if err != nil {
			t.Fatal(err)
		}
		return []*scim.ResourceType{typ}
	}
	for name, o := range map[string]scim.Options{
		"strict":                    {Strict: true},
		"users alone, little of it": {Types: users(small)},
		"much is required":          {Types: users(demanding)},
		"other answers to PATCH":    {UserPatch204: true, GroupPatch200: true},
		"private":                   {PrivateDiscovery: true},
		"short pages":               {MaxResults: 1},
	} {
		t.Run(name, func(t *testing.T) {
			o.Logger = slog.New(slog.DiscardHandler)
			h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(token, scim.Principal{}), &o)
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			report, err := conformance.Check(t.Context(), server.URL, token, &conformance.Options{Suites: []string{conformance.RFC}})
			if err != nil {
				t.Fatal(err)
			}
			known := map[string]string{}
			if o.PrivateDiscovery {
				known["rfc.discovery.config.public"] = "it is what was asked for"
			}
			fails(t, report, known)
		})
	}
}
