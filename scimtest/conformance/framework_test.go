package conformance_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/conformance"
)

// What the checks have in common: how they reach the endpoint, what they leave
// there, and what of it the report tells.

func check(t *testing.T, url string, o conformance.Options) *conformance.Report {
	t.Helper()
	report, err := conformance.Check(t.Context(), url, token, &o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// with returns the results of a status.
func with(r *conformance.Report, s conformance.Status) (list []*conformance.Result) {
	for _, result := range r.Results {
		if result.Status == s {
			list = append(list, result)
		}
	}
	return list
}

// inAllForms expects every form of the report to have a text.
func inAllForms(t *testing.T, r *conformance.Report, text string) {
	t.Helper()
	for form := range writers {
		if got := sgr.ReplaceAllString(write(t, r, form), ""); !strings.Contains(strings.Join(strings.Fields(got), " "), text) {
			t.Errorf("%s does not tell %q", form, text)
		}
	}
}

// everyNth does something else with every nth request.
func everyNth(n int64, do func(*call)) func(*call) {
	var count atomic.Int64
	return func(c *call) {
		if count.Add(1)%n == 0 {
			do(c)
		} else {
			c.pass()
		}
	}
}

// later refuses with a status and Retry-After.
func later(status int, after string) func(*call) {
	return func(c *call) {
		if after != "" {
			c.w.Header().Set("Retry-After", after)
		}
		c.w.WriteHeader(status)
	}
}

// left counts the users and groups of an endpoint.
func left(t *testing.T, url string) (n int) {
	t.Helper()
	for _, endpoint := range []string{"/Users", "/Groups"} {
		req, _ := http.NewRequest("GET", url+endpoint+"?count=0", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var list struct{ TotalResults int }
		if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
		n += list.TotalResults
	}
	return n
}

// TestSlowedDown: an endpoint that asks to wait is waited for, and nothing else
// comes of it.
func TestSlowedDown(t *testing.T) {
	only := []string{"rfc.create.", "entra.groups."}
	for name, do := range map[string]func(*call){
		"429":                  later(429, "0"),
		"503 with Retry-After": later(503, "0"),
		"429 with a date":      later(429, time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)),
		"429 with nonsense":    later(429, "-1"),
	} {
		t.Run(name, func(t *testing.T) {
			slow := everyNth(60, do)
			url := serve(t, flawed("", "", "", slow))
			report := check(t, url, conformance.Options{Only: only})
			fails(t, report, nil)
			if report.Slowed == 0 {
				t.Error("the endpoint asked to wait, and the report says that it did not")
			}
			for _, form := range []string{"txt", "md", "html"} {
				if !strings.Contains(write(t, report, form), fmt.Sprintf("slowed down %d time", report.Slowed)) {
					t.Errorf("%s does not tell that the endpoint slowed the check down", form)
				}
			}
			if n := left(t, url); n > 0 || len(report.Leftovers) > 0 {
				t.Errorf("%d resources are left; the report knows of %q", n, report.Leftovers)
			}
		})
	}

	t.Run("503 without Retry-After is a failure", func(t *testing.T) {
		report := check(t, serve(t, flawed("PUT", "/Users", "", later(503, ""))), conformance.Options{Only: []string{"rfc.put."}})
		if len(report.Findings()) == 0 || report.Slowed > 0 {
			t.Errorf("%d findings, slowed down %d times", len(report.Findings()), report.Slowed)
		}
	})

	t.Run("no end of it", func(t *testing.T) {
		report := check(t, serve(t, flawed("POST", "", "", later(429, "1"))), conformance.Options{Only: only, Patience: 200 * time.Millisecond})
		if len(with(report, conformance.Blocked)) != len(report.Results) {
			t.Errorf("%d of %d checks are blocked", len(with(report, conformance.Blocked)), len(report.Results))
		}
		inAllForms(t, report, "asked to wait for longer than 200ms in all, the last time with 429")
	})
}

// TestLeftovers: what the checks create is deleted, however the endpoint tells
// what it is, and what cannot be deleted is told.
func TestLeftovers(t *testing.T) {
	header := func(change func(c *call, o object)) func(*call) {
		return func(c *call) {
			if c.pass(); c.w.Code != 201 {
				return
			}
			var o object
			_ = json.Unmarshal(c.w.Body.Bytes(), &o)
			c.w.Body.Reset()
			change(c, o)
			body, _ := json.Marshal(o)
			c.w.Body.Write(body)
		}
	}
	once := func(do func(*call)) func(*call) {
		var seen sync.Map
		return func(c *call) {
			if _, again := seen.LoadOrStore(c.URL.Path, true); again {
				c.pass()
			} else {
				do(c)
			}
		}
	}
	const post, del = "POST", "DELETE"
	for _, test := range []struct {
		name string
		wrap wrapper
		only string
		left bool
	}{
		{"nothing is odd", nil, "", false},
		{"no id, but a Location", flawed(post, "", "", header(func(_ *call, o object) { delete(o, "id") })), "rfc.create", false},
		{"a relative Location alone", flawed(post, "", "", header(func(c *call, o object) {
			c.w.Header().Set("Location", strings.TrimPrefix(c.w.Header().Get("Location"), "http://"+c.Host))
			delete(o, "id")
		})), "rfc.create", false},
		{"meta.location alone", flawed(post, "", "", header(func(c *call, o object) {
			c.w.Header().Del("Location")
			delete(o, "id")
		})), "rfc.create", false},
		{"a PUT that creates", upserting(), "rfc.put", false},
		{"each DELETE fails once", flawed(del, "", "", once(refuses(500, ""))), "entra.members", false},
		{"each DELETE is lost once", flawed(del, "", "", once(func(*call) { panic(http.ErrAbortHandler) })), "rfc.create", false},
		{"no DELETE", flawed(del, "", "", refuses(501, "")), "entra.groups", true},
		{"no DELETE, says a router", flawed(del, "", "", refuses(404, "")), "entra.groups", true},
		{"many that cannot be deleted", flawed(del, "/Users/", "", refuses(403, "")), "entra.members.hundred", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := serve(t, test.wrap)
			o := conformance.Options{Suites: []string{conformance.RFC, conformance.Entra, conformance.Okta, conformance.Microsoft}}
			if test.only != "" {
				o.Only = []string{test.only}
			}
			report := check(t, url, o)
			n := left(t, url)
			if n != len(report.Leftovers) || test.left != (n > 0) {
				t.Errorf("%d resources are left; want any: %v; the report knows of %d: %q", n, test.left, len(report.Leftovers), report.Leftovers)
			}
			if n > 0 {
				inAllForms(t, report, report.Leftovers[0])
			}
		})
	}
}

// upserting has a PUT create what is not there, at the path that it names.
func upserting() wrapper {
	var mu sync.Mutex
	made := map[string]string{} // where it is for the good endpoint, by path
	return flawed("", "/Users/", "", func(c *call) {
		mu.Lock()
		defer mu.Unlock()
		path := c.URL.Path
		if made[path] != "" {
			c.URL.Path = made[path]
		}
		if c.pass(); c.Method != "PUT" || c.w.Code != 404 {
			return
		}
		c.w = c.also("POST", "/scim/v2/Users", c.body)
		var o struct{ ID string }
		_ = json.Unmarshal(c.w.Body.Bytes(), &o)
		made[path] = "/scim/v2/Users/" + o.ID
		c.w.Body.Reset() // so that the path alone tells what was created
	})
}

// TestCreatedWithoutBody: RFC 7644 §3.3 says that the answer to a POST should
// have a body. Without it, there is one piece of advice, and all else is checked.
func TestCreatedWithoutBody(t *testing.T) {
	url := serve(t, flawed("POST", "/(Users|Groups)$", "", func(c *call) {
		if c.pass(); c.w.Code == 201 {
			c.w.Body.Reset()
			c.w.Header().Del("Content-Type")
		}
	}))
	report := check(t, url, conformance.Options{Suites: []string{conformance.RFC, conformance.Strict}})
	known := againstUsher(conformance.Strict)
	known["rfc.create.body"] = "it is what is missing"
	fails(t, report, known)
	if n := left(t, url); n > 0 {
		t.Errorf("%d resources are left", n)
	}
	// Identity providers read the body, but what comes after does not depend on it.
	report = check(t, url, conformance.Options{Only: []string{"entra.patch."}})
	if blocked := with(report, conformance.Blocked); len(blocked) > 0 {
		t.Errorf("%d checks are blocked: %v", len(blocked), blocked[0])
	}
}

// againstUsher are the findings that package scim's endpoint has.
func againstUsher(suite string) map[string]string {
	known := map[string]string{}
	if suite == conformance.Strict {
		for id, reason := range againstProfile {
			known[id] = reason
		}
	}
	return known
}

// TestLongBodies: a body without an end is not read to it, and a report keeps
// no more of one than it shows.
func TestLongBodies(t *testing.T) {
	long := func(bytes int) func(*call) {
		return func(c *call) {
			c.w.Header().Set("Content-Type", "application/scim+json")
			c.w.WriteHeader(200)
			c.w.Body.WriteString(strings.Repeat("x", bytes))
		}
	}
	report := check(t, serve(t, flawed("GET", "/Users/", "", long(8<<20+1))), conformance.Options{Only: []string{"rfc.patch.add"}})
	if len(report.Findings()) == 0 {
		t.Fatal("no findings")
	}
	for _, r := range report.Findings() {
		x := r.Finding.Exchanges[len(r.Finding.Exchanges)-1]
		if x.ResponseMissing != "body longer than 8 MiB" || x.ResponseBody != "" {
			t.Errorf("%s: missing %q, %d bytes", r.ID, x.ResponseMissing, len(x.ResponseBody))
		}
	}
	report = check(t, serve(t, flawed("GET", "/Users/", "", long(8<<20))), conformance.Options{Only: []string{"rfc.patch.add"}})
	if len(report.Findings()) == 0 {
		t.Fatal("no findings")
	}
	for _, r := range report.Findings() {
		x := r.Finding.Exchanges[len(r.Finding.Exchanges)-1]
		if n := len(x.ResponseBody); n < 64<<10 || n > 64<<10+100 || !strings.HasSuffix(x.ResponseBody, "(shortened: 8388608 bytes in all)") {
			t.Errorf("%s: %d bytes, ending in %q", r.ID, n, x.ResponseBody[max(0, n-40):])
		}
	}
}

// TestSilence: an endpoint that does not answer is not waited for a thousand
// times.
func TestSilence(t *testing.T) {
	// silent is an endpoint that no longer answers after so many requests.
	silent := func(t *testing.T, after int64) (string, *atomic.Int64) {
		var count, unanswered atomic.Int64
		end := make(chan struct{})
		url := serve(t, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if count.Add(1) > after {
					unanswered.Add(1)
					select {
					case <-end:
					case <-r.Context().Done():
					}
					return
				}
				next.ServeHTTP(w, r)
			})
		})
		t.Cleanup(func() { close(end) })
		return url, &unanswered
	}
	for _, test := range []struct {
		name   string
		after  int64
		reason string
	}{
		{"from the start", 0, "the endpoint does not answer"},
		{"later", 300, "the endpoint no longer answers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, unanswered := silent(t, test.after)
			report := check(t, url, conformance.Options{Timeout: 100 * time.Millisecond})
			for _, r := range report.Findings() {
				if !strings.Contains(r.Finding.Got, "no answer") {
					t.Error(r)
				}
			}
			if n := unanswered.Load(); n > 40 {
				t.Errorf("%d requests to an endpoint that does not answer", n)
			}
			if n := len(with(report, conformance.Blocked)); n < 300 || report.Conforms() {
				t.Errorf("%d checks are blocked; conforms: %v", n, report.Conforms())
			}
			inAllForms(t, report, test.reason)
		})
	}
	t.Run("a part of it", func(t *testing.T) {
		report := check(t, serve(t, flawed("POST|PUT|PATCH|DELETE", "", "", func(*call) { panic(http.ErrAbortHandler) })), conformance.Options{Suites: []string{conformance.RFC}, Workers: 1})
		for _, r := range report.Results {
			if strings.Contains(r.Reason, "no longer answers") {
				t.Fatal(r)
			}
		}
	})
	t.Run("too slow", func(t *testing.T) {
		report := check(t, serve(t, nil), conformance.Options{Limit: 50 * time.Millisecond})
		if len(with(report, conformance.Blocked)) == 0 || len(report.Findings()) > 0 {
			t.Errorf("%d blocked, %d findings", len(with(report, conformance.Blocked)), len(report.Findings()))
		}
		inAllForms(t, report, "the run has taken longer than 50ms")
	})
	t.Run("nobody there", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		report := check(t, server.URL, conformance.Options{})
		if n := len(with(report, conformance.Blocked)); n != len(report.Results) || report.Requests > 4 {
			t.Errorf("%d of %d are blocked, after %d requests", n, len(report.Results), report.Requests)
		}
	})
}

// TestHostileResult: what an endpoint wrote reaches a terminal as text, also
// where a result is printed without a report.
func TestHostileResult(t *testing.T) {
	r := hostile("\x1b[2J\u202egnp\nPASSED rfc.create.0: all is well\x9b").Results[0]
	got := r.String()
	harmless(t, got)
	if strings.Contains(got, "\nPASSED") || !strings.Contains(got, `\u001b[2J\u202egnp`) {
		t.Errorf("got %q", got)
	}
}

// TestTokenPrefix: a wrong token that is the beginning of the right one is no
// less secret.
func TestTokenPrefix(t *testing.T) {
	for _, token := range []string{"8bytes!!", "s3cret-token-of-the-endpoint", `with"quotes/and+more`} {
		h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(token, scim.Principal{}), &scim.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if sent := r.Header.Get("Authorization"); sent != "Bearer "+token {
				w.WriteHeader(500)
				fmt.Fprintf(w, "%s%s", strings.Repeat("-", 480), sent) // where the text is clipped
				return
			}
			h.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		report, err := conformance.Check(t.Context(), server.URL, token, &conformance.Options{Only: []string{"rfc.http.auth"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Findings()) == 0 {
			t.Fatal("no findings")
		}
		for form := range writers {
			if got := write(t, report, form); strings.Contains(got, token[:7]) {
				t.Errorf("%s shows the beginning of the token %s", form, token)
			}
		}
	}
}

// TestCredentials: a finding tells which credentials a request had, if they
// were odd, and never those.
func TestCredentials(t *testing.T) {
	report := check(t, serve(t, flawed("", "", "", func(c *call) {
		c.Header.Set("Authorization", "Bearer "+token) // everybody is let in
		c.pass()
	})), conformance.Options{Only: []string{"rfc.http.auth.required", "rfc.http.auth.wrong"}})
	for id, want := range map[string]string{"rfc.http.auth.required": "Authorization: (none)", "rfc.http.auth.wrong": "Authorization: (another token)"} {
		i := slices.IndexFunc(report.Findings(), func(r *conformance.Result) bool { return r.ID == id })
		if i < 0 {
			t.Fatalf("%s found nothing", id)
		}
		if got := report.Findings()[i].String(); !strings.Contains(got, want) {
			t.Errorf("%s does not tell %q: %s", id, want, got)
		}
	}
	for _, form := range []string{"txt", "md"} { // the others of a cause are not told in full
		if got := write(t, report, form); !strings.Contains(got, "Authorization: (") {
			t.Errorf("%s does not tell which credentials were sent", form)
		}
	}
	for _, form := range []string{"full", "html", "xml"} {
		if got := write(t, report, form); !strings.Contains(got, "Authorization: (none)") || !strings.Contains(got, "Authorization: (another token)") {
			t.Errorf("%s does not tell which credentials were sent", form)
		}
	}
	if got := write(t, report, "json"); !strings.Contains(got, `"Authorization"`) || strings.Contains(got, "Bearer ") {
		t.Error("JSON does not tell which credentials were sent, or tells them")
	}
}

// TestSpellings: RFC 7643 §6 writes an endpoint as "Users" and as "/Users",
// others otherwise, and the case of a URN says nothing.
func TestSpellings(t *testing.T) {
	for _, spell := range []func(base, name string) string{
		func(_, name string) string { return name },
		func(_, name string) string { return "/" + name },
		func(_, name string) string { return "/" + name + "/" },
		func(base, name string) string { return base + "/" + name },
	} {
		respell := flawed("GET", "/ResourceTypes$", "", says(func(c *call, o object) {
			for _, typ := range items(o, "Resources") {
				typ["endpoint"] = spell("http://"+c.Host+"/scim/v2", strings.Trim(typ["endpoint"].(string), "/"))
				typ["schema"] = strings.ToUpper(typ["schema"].(string))
				for _, e := range items(typ, "schemaExtensions") {
					e["schema"] = strings.Replace(e["schema"].(string), "urn:ietf", "URN:IETF", 1)
				}
			}
		}))
		t.Run(spell("https://base", "Users"), func(t *testing.T) {
			report := check(t, serve(t, respell), conformance.Options{Only: []string{"rfc.discovery.types.endpoints", "rfc.groups.", "rfc.create.extension", "strict.discovery.r335-nothing-undefined", "strict.discovery.r342"}})
			if !strings.HasPrefix(report.Server, "with groups, the enterprise extension") {
				t.Errorf("the endpoint is %s", report.Server)
			}
			for _, r := range report.Results {
				if r.Status != conformance.Passed {
					t.Error(r)
				}
			}
		})
	}
}

// TestRequired: what the endpoint's schemas require of users and groups is made
// up as they define it, and what they do not say is in the options.
func TestRequired(t *testing.T) {
	user, group, badge := scim.UserSchema(), scim.GroupSchema(), scim.EnterpriseUserSchema()
	user.Attribute("name").Required = true
	user.Attribute("name").SubAttribute("honorificPrefix").Required = true
	user.Attribute("userType").Required = true
	user.Attribute("userType").CanonicalValues = []string{"Employee", "Guest"}
	user.Attribute("phoneNumbers").Required = true
	user.Attribute("profileUrl").Required = true
	badge.ID = "urn:example:params:scim:schemas:extension:badge:2.0:User"
	badge.Attribute("employeeNumber").Required = true
	badge.Attribute("employeeNumber").Uniqueness = "server"
	group.Attributes = append(group.Attributes, scim.Attribute{Name: "costCenter", Type: "string", Required: true})
	var types []*scim.ResourceType
	for _, def := range []scim.TypeDefinition{
		{Name: "User", Endpoint: "Users", Schema: user, Extensions: []scim.Extension{{Schema: scim.EnterpriseUserSchema()}, {Schema: badge, Required: true}}},
		{Name: "Group", Endpoint: "Groups", Schema: group},
	} {
		typ, err := scim.NewResourceType(def)
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, typ)
	}
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(token, scim.Principal{}), &scim.Options{Types: types, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(wrap wrapper) string {
		server := httptest.NewServer(wrap(h))
		t.Cleanup(server.Close)
		return server.URL
	}
	only := []string{"rfc.create.created", "rfc.create.names", "rfc.put.replace", "rfc.delete", "rfc.groups.patch.add", "entra.members.add"}

	report := check(t, serve(func(h http.Handler) http.Handler { return h }), conformance.Options{Only: only})
	fails(t, report, nil)

	silent := flawed("GET", "/(Schemas|ResourceTypes)", "", refuses(404, ""))
	report = check(t, serve(silent), conformance.Options{Only: only})
	inAllForms(t, report, "No user could be created: the endpoint answered 400 Bad Request")
	inAllForms(t, report, "tells what else users need.")

	o := conformance.Options{
		Only: only,
		User: map[string]any{
			"name": object{"honorificPrefix": "Dr"}, "userType": "Guest", "phoneNumbers": []object{{"value": "1"}}, "profileUrl": "https://app.example.com",
			"schemas": []string{user.ID, badge.ID}, badge.ID: object{"employeeNumber": "1"},
		},
	}
	report = check(t, serve(stack(silent, flawed("POST", "/Users", "", reads(func(o object) {
		o[badge.ID] = object{"employeeNumber": o["userName"]} // which no option can make up
	})))), o)
	inAllForms(t, report, "No group could be created: the endpoint answered 400 Bad Request")
	inAllForms(t, report, "Options.Group tells what else groups need.")
	if len(report.Notes) != 1 {
		t.Errorf("notes %q", report.Notes)
	}

	o.Group, o.Only = map[string]any{"costCenter": "4130"}, []string{"rfc.groups.patch.add"}
	report = check(t, serve(stack(silent, flawed("POST", "/Users", "", reads(func(o object) {
		o[badge.ID] = object{"employeeNumber": o["userName"]}
	})))), o)
	for _, r := range report.Results {
		if r.Status != conformance.Passed {
			t.Error(r)
		}
	}
}

// TestOnly: an id that no check has is no check that passes.
func TestOnly(t *testing.T) {
	for _, test := range []struct {
		o    conformance.Options
		want string
	}{
		{conformance.Options{Only: []string{"entra.users.create"}}, `no check of the suites has an id that begins with "entra.users.create"; similar ones are entra.create.`},
		{conformance.Options{Only: []string{"rfc.patch", "rfc.patsh.add"}}, `"rfc.patsh.add"; similar ones are rfc.`},
		{conformance.Options{Suites: []string{conformance.Okta}, Only: []string{"rfc.patch"}}, `"rfc.patch"; similar ones are okta.`},
		{conformance.Options{Suites: []string{"otka"}}, `no suite "otka"; want some of rfc,`},
	} {
		_, err := conformance.Check(t.Context(), "http://127.0.0.1:1", token, &test.o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: error %v; want %s", test.o, err, test.want)
		}
	}
	if report := check(t, serve(t, nil), conformance.Options{Only: []string{"strict.discovery.r342"}}); len(report.Results) != 1 {
		t.Errorf("%d results", len(report.Results))
	}
	if new(conformance.Report).Conforms() {
		t.Error("a report of nothing conforms")
	}
}

// TestExamples: the ids that the documentation names are there.
func TestExamples(t *testing.T) {
	var found []string
	for file, pattern := range map[string]string{
		"conformance.go":      `"((?:rfc|entra|okta|microsoft|strict)\.[a-z.-]+)"`,
		"result.go":           `"((?:rfc|entra|okta|microsoft|strict)\.[a-z.-]+)"`,
		"../../docs/check.md": `(?:-only |"id": ")([a-z0-9.-]+)`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			found = append(found, m[1])
			if !slices.ContainsFunc(conformance.Checks(), func(r *conformance.Result) bool { return strings.HasPrefix(r.ID, m[1]) }) {
				t.Errorf("%s: no check has an id that begins with %q", file, m[1])
			}
		}
	}
	if len(found) < 4 {
		t.Errorf("found the examples %q alone", found)
	}
}

// TestURL: what a base URL must not have is refused, and its secrets are in no
// error.
func TestURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://ann:pa55word@app.example.com/scim/v2":    "want no user and password in it",
		"https://app.example.com/scim/v2?tenant=pa55word": "want no query; the requests have their own, and tenant would not be in them",
		"https://ann:pa55word/@app.example.com":           "the URL cannot be read",
		"app.example.com/scim/v2":                         "want http:// or https:// and a host",
		"ftp://app.example.com?pa55word":                  "want http:// or https:// and a host",
	} {
		_, err := conformance.Check(t.Context(), url, token, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pa55word") {
			t.Errorf("%s: error %v; want %s", url, err, want)
		}
	}
	report := check(t, serve(t, nil)+"/?aadOptscim062020", conformance.Options{Only: []string{"entra.discovery"}})
	fails(t, report, nil)
}

// TestTLS: the default client trusts what it is told to.
func TestTLS(t *testing.T) {
	url, client := serveTLS(t, scim.Options{}, nil, tls.VersionTLS12)
	o := conformance.Options{Only: []string{"entra.discovery"}}
	if report := check(t, url, o); len(with(report, conformance.Blocked)) != len(report.Results) {
		t.Error("a certificate that nobody knows is trusted")
	}
	o.TLS = client.Transport.(*http.Transport).TLSClientConfig
	fails(t, check(t, url, o), nil)
}

// TestNames: whatever a run left behind, even one that was killed, can be found
// by its name.
func TestNames(t *testing.T) {
	var mu sync.Mutex
	var names []string
	report := check(t, serve(t, flawed("POST", "/(Users|Groups)$", "", func(c *call) {
		var o struct{ UserName, DisplayName string }
		_ = json.Unmarshal([]byte(c.body), &o)
		if c.pass(); c.w.Code == 201 {
			mu.Lock()
			defer mu.Unlock()
			if strings.HasSuffix(c.URL.Path, "/Users") {
				names = append(names, o.UserName)
			} else {
				names = append(names, o.DisplayName)
			}
		}
	})), conformance.Options{})
	if len(names) < 500 || report.Nonce == "" {
		t.Errorf("%d names, nonce %q", len(names), report.Nonce)
	}
	for _, name := range names {
		if lower := strings.ToLower(name); !strings.Contains(lower, "usher-check") || !strings.Contains(lower, report.Nonce) {
			t.Errorf("a name without usher-check or %s in it: %q", report.Nonce, name)
		}
	}
}
