package conformance_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/scimtest/conformance"
)

// againstProfile are the checks of the strict suite that the endpoint of
// package scim fails, as it understands what identity providers send, and why.
var againstProfile = map[string]string{
	"strict.discovery.r333-conformant":           "it does not claim the profile, which it does not keep",
	"strict.discovery.r341-canonical-types":      "entitlements, roles and x509Certificates take any type: Entra's roles have one of its own",
	"strict.errors.r340-unknown-attribute":       "unknown attributes are ignored: Okta sends password and groups with every user",
	"strict.errors.r340-unknown-sub-attribute":   "as above",
	"strict.errors.r340-unknown-schema":          "unknown schemas are ignored: Entra names one of its own in every group",
	"strict.errors.r340-patch-unknown-attribute": "unknown attributes are ignored in PATCH too: Entra's mappings may hold any",
	"strict.patch.r353-path-is-required":         "Okta deactivates without a path, and RFC 7644 §3.5.2 allows it",
	"strict.patch.r356-replace-complex":          "RFC 7644 §3.5.2.3 has it merge",
}

// serveTLS is serve with TLS. It returns the client that trusts it.
func serveTLS(t *testing.T, o scim.Options, wrap wrapper, oldest uint16) (url string, client *http.Client) {
	t.Helper()
	return serveClientTLS(t, scim.Principal{}, o, wrap, oldest)
}

// serveClientTLS is serveTLS for a client.
func serveClientTLS(t *testing.T, p scim.Principal, o scim.Options, wrap wrapper, oldest uint16) (url string, client *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(mounted(t, p, o, wrap))
	server.TLS = &tls.Config{MinVersion: oldest}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are refused
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL + "/scim/v2", server.Client()
}

// TestUsherStrict: the strict endpoint of package scim keeps to the profile, and
// so does any for a strict client.
func TestUsherStrict(t *testing.T) {
	for name, strict := range map[string]struct {
		client  scim.Principal
		options scim.Options
	}{
		"endpoint": {options: scim.Options{Strict: true}},
		"client":   {client: scim.Principal{Strict: true}},
	} {
		t.Run(name, func(t *testing.T) {
			url, client := serveClientTLS(t, strict.client, strict.options, nil, tls.VersionTLS12)
			report, err := conformance.Check(t.Context(), url, token, &conformance.Options{Suites: []string{conformance.Strict}, Client: client})
			if err != nil {
				t.Fatal(err)
			}
			fails(t, report, nil)
		})
	}
}

// fails checks that the checks that are known to fail, and no others, do.
func fails(t *testing.T, report *conformance.Report, known map[string]string) {
	t.Helper()
	known = maps.Clone(known)
	for _, r := range report.Results {
		if r.Status == conformance.Passed || r.Status == conformance.Skipped {
			continue
		}
		if known[r.ID] == "" {
			t.Error(r)
		}
		delete(known, r.ID)
	}
	for id, reason := range known {
		t.Errorf("%s no longer fails; the reason was: %s", id, reason)
	}
}

// conformant makes the endpoint keep to the profile where package scim does
// not, so that there is a good endpoint to make bad.
func conformant(next http.Handler) http.Handler {
	config := flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) { o["interopProfileConformant"] = true }))
	schemas := flawed("GET", "/Schemas", "", says(func(_ *call, o object) {
		list, _ := o["Resources"].([]any)
		for _, s := range list {
			for _, a := range s.(object)["attributes"].([]any) {
				subs, _ := a.(object)["subAttributes"].([]any)
				for _, sub := range subs {
					if sub := sub.(object); sub["name"] == "type" && sub["canonicalValues"] == nil {
						sub["canonicalValues"] = []string{"other"}
					}
				}
			}
		}
	}))
	unknown := flawed("POST|PUT|PATCH", "", "favourite|extension:none", refuses(400, "invalidSyntax"))
	pathless := flawed("PATCH", "", "", func(c *call) {
		var body struct{ Operations []struct{ Path string } }
		_ = json.Unmarshal([]byte(c.body), &body)
		for _, o := range body.Operations {
			if o.Path == "" {
				refuses(400, "invalidSyntax")(c)
				return
			}
		}
		c.pass()
	})
	whole := flawed("PATCH", "/Users", `"op":"replace","path":"name"`, operations(func(ops []any) []any {
		return append([]any{object{"op": "remove", "path": "name"}}, ops...)
	}))
	for _, w := range []wrapper{config, schemas, unknown, pathless, whole} {
		next = w(next)
	}
	return next
}

// TestConformantProfile: an endpoint that keeps to the profile has no findings,
// and the suite runs by itself as the endpoint claims the profile.
func TestConformantProfile(t *testing.T) {
	url, client := serveTLS(t, scim.Options{}, conformant, tls.VersionTLS12)
	report, err := conformance.Check(t.Context(), url, token, &conformance.Options{Client: client, Only: []string{"strict."}})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Results) == 0 {
		t.Error("the suite did not run")
	}
	for _, r := range report.Results {
		if r.Status != conformance.Passed {
			t.Error(r)
		}
	}
}

// TestStrictFindings: each check of the strict suite finds what it is there for.
func TestStrictFindings(t *testing.T) {
	const users = "/Users"
	status := func(from, to int) func(*call) {
		return func(c *call) {
			if c.pass(); c.w.Code == from {
				c.w.Code = to
			}
		}
	}
	scimType := func(to string) func(*call) {
		return says(func(_ *call, o object) {
			if o["scimType"] != nil {
				o["scimType"] = to
			}
		})
	}
	noName := func(c *call) { // drops what it does not know, without a word
		reads(func(o object) { delete(o, "favouriteColour") })(c)
	}
	ok := answers(204, "")
	short := func(most string) func(*call) {
		return func(c *call) {
			q := c.URL.Query()
			q.Set("count", most)
			c.URL.RawQuery = q.Encode()
			c.pass()
		}
	}
	definition := func(change func(attributes []any) []any) func(*call) {
		return says(func(_ *call, o object) {
			list, _ := o["Resources"].([]any)
			for _, s := range list {
				s := s.(object)
				s["attributes"] = change(s["attributes"].([]any))
			}
		})
	}
	types := func(change func(o object)) wrapper {
		return flawed("GET", "/ResourceTypes", "", says(func(_ *call, o object) {
			list, _ := o["Resources"].([]any)
			for _, r := range list {
				change(r.(object))
			}
		}))
	}
	softly := func(c *call) { // makes inactive what should be deleted
		c.also("PATCH", c.URL.Path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
		c.w.WriteHeader(204)
	}
	goneWith := func(c *call, body string, in func(*call)) { // answers as in does while the resource is inactive
		if c.pass(); strings.Contains(c.w.Body.String(), body) {
			c.w = httptest.NewRecorder()
			in(c)
		}
	}
	only := func(name string, ops func(o object) bool) wrapper {
		return flawed("PATCH", name, "", operations(func(list []any) []any {
			return slices.DeleteFunc(list, func(o any) bool { return !ops(o.(object)) })
		}))
	}
	changes := func(from, to string) wrapper { return flawed("PATCH", users, "", replaces(from, to)) }

	var flaws []flaw
	for _, f := range []flaw{
		{"discovery.r333-conformant", "not claimed", flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) { delete(o, "interopProfileConformant") }))},
		{"discovery.r333-conformant", "a string", flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) { o["interopProfileConformant"] = "true" }))},
		{"discovery.r334-endpoints", "no ResourceTypes", flawed("GET", "/ResourceTypes", "", refuses(404, ""))},
		{"discovery.r334-endpoints", "no Schemas", flawed("GET", "/Schemas", "", refuses(501, ""))},
		{"discovery.r334-endpoints", "no ServiceProviderConfig", flawed("GET", "/ServiceProviderConfig", "", refuses(404, ""))},
		{"discovery.r335-schemas-of-types", "an extension left out", types(func(o object) {
			o["schemaExtensions"] = []object{{"schema": "urn:example:none", "required": false}}
		})},
		{"discovery.r335-nothing-undefined", "an attribute of its own", flawed("GET", users+"/", "", each(func(r object) { r["tenant"] = "acme" }))},
		{"discovery.r335-nothing-undefined", "a sub-attribute of its own", flawed("GET", "/Groups/", "", each(func(r object) {
			list, _ := r["members"].([]any)
			for _, m := range list {
				m.(object)["email"] = "ann@contoso.com"
			}
		}))},
		{"discovery.r335-nothing-undefined", "an extension of its own", flawed("GET", users+"/", "", each(func(r object) { r["urn:example:none"] = object{"tenant": "acme"} }))},
		{"discovery.r335-nothing-missing", "nickName lost", flawed("POST", users, "", reads(func(o object) { delete(o, "nickName") }))},
		{"discovery.r335-nothing-missing", "a sub-attribute lost", flawed("POST", users, "", replaces(`"middleName"`, `"unknownName"`))},
		{"discovery.r335-nothing-missing", "the extension lost", flawed("POST", users, "", reads(func(o object) {
			delete(o, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")
			o["schemas"] = []string{"urn:ietf:params:scim:schemas:core:2.0:User"}
		}))},
		{"discovery.r337-type-ids", "no id", types(func(o object) { delete(o, "id") })},
		{"discovery.r337-type-ids", "another id", types(func(o object) { o["id"] = "1" })},
		{"discovery.r341-canonical-types", "none", flawed("GET", "/Schemas", "", definition(func(list []any) []any {
			for _, a := range list {
				subs, _ := a.(object)["subAttributes"].([]any)
				for _, s := range subs {
					delete(s.(object), "canonicalValues")
				}
			}
			return list
		}))},
		{"discovery.r342-endpoints-differ", "one endpoint for all", types(func(o object) { o["endpoint"] = "/Users" })},
		{"transport.r370-no-basic", "Basic offered", flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) {
			o["authenticationSchemes"] = []object{{"type": "httpbasic", "name": "Basic"}}
		}))},

		{"filter.r338-one-case-rule", "filters are exact", flawed("GET", "filter=", "", replaces("U-", "X-"))},
		{"filter.r338-one-case-rule", "uniqueness is exact", flawed("POST", users, "U-", replaces("U-", "X-"))},
		{"filter.r339-external-id-exact", "case does not matter", flawed("GET", "filter=externalId", "", func(c *call) {
			q := c.URL.Query()
			begins := len(`externalId eq "Ext`)
			q.Set("filter", `externalId eq "Ext`+strings.ToLower(q.Get("filter")[begins:]))
			c.URL.RawQuery = q.Encode()
			c.pass()
		})},
		{"read.r339-id-exact", "case does not matter", flawed("GET", users+"/", "", func(c *call) {
			c.URL.Path = strings.ToLower(c.URL.Path)
			c.URL.Path = strings.Replace(c.URL.Path, "/users/", "/Users/", 1)
			c.pass()
		})},
		{"errors.r340-unknown-attribute", "ignored", flawed("POST", users, "", noName)},
		{"errors.r340-unknown-attribute", "invalidValue", flawed("POST", users, "favouriteColour", refuses(400, "invalidValue"))},
		{"errors.r340-unknown-attribute", "created all the same", flawed("POST", users, "favouriteColour", func(c *call) {
			reads(func(o object) { delete(o, "favouriteColour") })(c)
			c.w = httptest.NewRecorder()
			refuses(400, "invalidSyntax")(c)
		})},
		{"errors.r340-unknown-sub-attribute", "ignored", flawed("POST", users, "", replaces("favouriteName", "nickName"))},
		{"errors.r340-unknown-schema", "ignored", flawed("POST", users, "", replaces("extension:none", "extension:any"))},
		{"errors.r340-patch-unknown-attribute", "ignored", flawed("PATCH", users, "favourite", ok)},
		{"errors.r340-patch-unknown-attribute", "an extension ignored", flawed("PATCH", users, "extension:none", ok)},
		{"read.r343-only-by-id", "by userName", flawed("GET", users+"/u-", "", answers(200, `{"id":"1","userName":"x"}`))},
		{"transport.r344-media-type", "errors are application/json", flawed("GET", users, "", func(c *call) {
			if c.pass(); c.w.Code >= 400 {
				c.w.Header().Set("Content-Type", "application/json")
			}
		})},
		{"transport.r344-media-type", "Schemas are application/json", flawed("GET", "/Schemas", "", func(c *call) {
			c.pass()
			c.w.Header().Set("Content-Type", "application/json")
		})},
		{"transport.r344-media-type", "application/scim+json refused", flawed("POST", users, "", refuses(415, ""))},

		{"filter.r346-eq-and", "no and", flawed("GET", "filter=.*and", "", refuses(400, "invalidFilter"))},
		{"filter.r346-eq-and", "the first term alone", flawed("GET", "filter=.*and", "", func(c *call) {
			q := c.URL.Query()
			first, _, _ := strings.Cut(q.Get("filter"), " and ")
			q.Set("filter", first)
			c.URL.RawQuery = q.Encode()
			c.pass()
		})},
		{"filter.r346-eq-and", "said not to be there", flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) { o["filter"] = object{"supported": false} }))},
		{"filter.r347-get-only", "PATCH by filter", flawed("PATCH", `/Users\?filter=`, "", func(c *call) {
			var list struct{ Resources []struct{ ID string } }
			found := c.Clone(c.Context())
			found.Method, found.Body, found.ContentLength = "GET", http.NoBody, 0
			w := httptest.NewRecorder()
			c.next.ServeHTTP(w, found)
			_ = json.Unmarshal(w.Body.Bytes(), &list)
			for _, r := range list.Resources {
				c.also("PATCH", c.URL.Path+"/"+r.ID, c.body)
			}
			c.w.WriteHeader(204)
		})},
		{"filter.r348-unknown-attribute", "nothing found", flawed("GET", "favourite", "", answers(200, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`))},
		{"filter.r348-unknown-attribute", "invalidPath", flawed("GET", "favourite", "", refuses(400, "invalidPath"))},
		{"paging.r349-pages", "no second page", flawed("GET", "startIndex=2", "", replaces("startIndex=2", "startIndex=1"))},
		{"paging.r349-pages", "count ignored", flawed("GET", "count=1(&|$)", "", short("50"))},
		{"paging.r349-pages", "cursors that lead nowhere", stack(
			flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) { o["pagination"] = object{"index": false, "cursor": true} })),
			flawed("GET", "cursor", "", says(func(_ *call, o object) { delete(o, "nextCursor") })),
		)},
		{"paging.r350-default-of-100", "one", flawed("GET", users+"$", "", short("1"))},
		{"paging.r351-count-of-100", "one", flawed("GET", "count=100(&|$)", "", short("1"))},
		{"paging.r351-count-of-100", "too many are an error", flawed("GET", "count=1000000", "", refuses(400, "invalidValue"))},

		{"patch.r352-supported", "no PATCH", flawed("PATCH", "", "", refuses(501, ""))},
		{"patch.r352-supported", "said not to be there", flawed("GET", "/ServiceProviderConfig", "", says(func(_ *call, o object) { o["patch"] = object{"supported": false} }))},
		{"patch.r353-path-is-required", "taken without a word", flawed("PATCH", users, "", operations(func(ops []any) []any {
			for _, o := range ops {
				o.(object)["path"], o.(object)["value"] = "active", false
			}
			return ops
		}))},
		{"patch.r353-path-is-required", "noTarget", flawed("PATCH", users, "", scimType("noTarget"))},
		{"patch.r353-path-is-required", "replace alone", flawed("PATCH", users, `"add"`, ok)},
		{"patch.r354-several-operations", "the first alone", flawed("PATCH", users, "", operations(func(ops []any) []any { return ops[:1] }))},
		{"patch.r354-several-operations", "one is enough", flawed("PATCH", users, "givenName", refuses(400, "invalidSyntax"))},
		{"patch.r355-add-is-replace", "409 for what is there", flawed("PATCH", users, `"add"`, refuses(409, ""))},
		{"patch.r355-add-is-replace", "userName stays", only(users, func(o object) bool { return o["path"] != "userName" })},
		{"patch.r356-replace-complex", "merges", changes(`"op":"replace"`, `"op":"add"`)},
		{"patch.r357-add-complex", "replaces", changes(`"op":"add"`, `"op":"replace"`)},
		{"patch.r358-replace-list", "appends", changes(`"op":"replace"`, `"op":"add"`)},
		{"patch.r358-add-list", "replaces", changes(`"op":"add"`, `"op":"replace"`)},
		{"patch.r359-sub-attribute-of-element", "not understood", flawed("PATCH", users, "", refuses(400, "invalidPath"))},
		{"patch.r359-sub-attribute-of-element", "another element", flawed("PATCH", users, "", operations(func(ops []any) []any {
			ops[0] = object{"op": "add", "path": "emails", "value": []object{{"value": ops[0].(object)["value"], "type": "home"}}}
			return ops
		}))},

		{"lifecycle.r362-patch-keeps", "inactive is gone", flawed("GET", users+"/", "", func(c *call) { goneWith(c, `"active":false`, refuses(404, "")) })},
		{"lifecycle.r362-patch-keeps", "deletes", flawed("PATCH", users, "false", func(c *call) {
			c.also("DELETE", c.URL.Path, "")
			c.w.WriteHeader(204)
		})},
		{"lifecycle.r363-gone-for-all", "DELETE again is well", flawed("DELETE", users, "", status(404, 204))},
		{"lifecycle.r363-gone-for-all", "PATCH is well", flawed("PATCH", users, "", status(404, 204))},
		{"lifecycle.r363-gone-for-all", "410", flawed("GET", users, "", status(404, 410))},
		{"lifecycle.r364-names-are-free", "taken for ever", flawed("DELETE", users, "", func(c *call) {
			name := name(c.also("GET", c.URL.Path, ""))
			c.pass()
			c.also("POST", c.URL.Path[:strings.LastIndex(c.URL.Path, "/")], `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`"}`)
		})},
		{"lifecycle.r365-delete-deletes", "makes inactive", flawed("DELETE", users, "", softly)},
		{"errors.r368-post-conflict", "400", flawed("POST", users, "", status(409, 400))},
		{"errors.r368-post-conflict", "no scimType", flawed("POST", users, "", scimType(""))},
		{"errors.r368-patch-conflict", "500", flawed("PATCH", users, "", status(409, 500))},
		{"errors.r368-patch-conflict", "not looked at", flawed("PATCH", users, "", ok)},
	} {
		f.wrap = stack(f.wrap, conformant)
		flaws = append(flaws, f)
	}
	hasFlaws(t, conformance.Strict, flaws, "strict.transport.r369-tls")
}

func name(w *httptest.ResponseRecorder) string {
	var u struct{ UserName string }
	_ = json.Unmarshal(bytes.TrimSpace(w.Body.Bytes()), &u)
	return u.UserName
}

// TestOldTLS: an endpoint without TLS, or with an old one, is found.
func TestOldTLS(t *testing.T) {
	for _, tt := range []struct {
		name, url string
		oldest    uint16
		want      conformance.Status
	}{
		{"TLS 1.2", "", tls.VersionTLS12, conformance.Passed},
		{"TLS 1.0 too", "", tls.VersionTLS10, conformance.Failed},
		{"no TLS", "http://scim.contoso.com/scim/v2", 0, conformance.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, client := tt.url, (*http.Client)(nil)
			if url == "" {
				url, client = serveTLS(t, scim.Options{}, nil, tt.oldest)
			} else {
				host := strings.TrimSuffix(strings.TrimPrefix(serve(t, nil), "http://"), "/scim/v2")
				client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, host)
				}}}
			}
			report, err := conformance.Check(t.Context(), url, token, &conformance.Options{Suites: []string{conformance.Strict}, Only: []string{"strict.transport.r369"}, Client: client})
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Results) != 1 || report.Results[0].Status != tt.want {
				t.Errorf("got %v, want %s", report.Results, tt.want)
			}
		})
	}
}
