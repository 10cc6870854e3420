package idp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

// A step is a request that must come next, and the answer to it.
type step struct {
	reason string // where the request is documented
	want   string // "POST /Users"
	body   string // "" for none
	status int
	answer string
}

// script is an endpoint that plays its part line by line.
type script struct {
	t     *testing.T
	mu    sync.Mutex
	steps []step
	want  map[string]string // headers, if not Entra's
}

var guid = regexp.MustCompile(`%22[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}%22`)

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := r.Method + " " + guid.ReplaceAllString(strings.TrimPrefix(r.RequestURI, "/scim"), "%22GUID%22")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	if len(s.steps) == 0 {
		s.t.Errorf("got %s %s, want no more requests", got, body)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	next := s.steps[0]
	s.steps = s.steps[1:]
	if got != next.want || !sameJSON(string(body), next.body) {
		s.t.Errorf("%s:\ngot  %s %s\nwant %s %s", next.reason, got, body, next.want, next.body)
	}
	if a := r.Header.Get("Authorization"); a != "Bearer secret" {
		s.t.Errorf("%s: Authorization %q", got, a)
	}
	headers := map[string]string{"User-Agent": "", "Accept": "", "Content-Type": map[bool]string{true: "application/scim+json; charset=utf-8"}[next.body != ""]}
	maps.Copy(headers, s.want)
	for name, want := range headers {
		if h := r.Header.Get(name); h != want {
			s.t.Errorf("%s: got %s %q, want %q (E001, E002)", got, name, h, want)
		}
	}
	if next.answer != "" {
		w.Header().Set("Content-Type", "application/scim+json")
	}
	w.WriteHeader(next.status)
	io.WriteString(w, next.answer)
}

func sameJSON(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

const empty = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[],"startIndex":1,"itemsPerPage":20}`

func listOf(resource string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"Resources":[` + resource + `],"startIndex":1,"itemsPerPage":1}`
}

// probes come before every cycle.
func probes(match string) []step {
	return []step{
		{"E020, Test Connection", "GET /Users?filter=" + match + "+eq+%22GUID%22", "", 200, empty},
		{"E021, the random group", "GET /Groups?excludedAttributes=members&filter=displayName+eq+%22GUID%22", "", 200, empty},
	}
}

func barbara() idp.Directory {
	return idp.Directory{
		Users: []idp.User{
			{
				ID: "u1", UserPrincipalName: "bjensen@contoso.com", MailNickname: "bjensen", DisplayName: "Barbara Jensen",
				GivenName: "Barbara", Surname: "Jensen", JobTitle: "Tour Guide", PreferredLanguage: "en-US", Mail: "bjensen@contoso.com",
				OfficeLocation: "18/2111", StreetAddress: "1 Main St", City: "Seattle", State: "WA", PostalCode: "98101", Country: "US",
				BusinessPhones: []string{"+1 425 555 0100"}, MobilePhone: "+1 425 555 0101", FaxNumber: "+1 425 555 0102",
				EmployeeID: "701984", Department: "Sales", Manager: "u2",
			},
			{ID: "u2", UserPrincipalName: `o'mara+1@contoso.com`},
		},
		Groups: []idp.Group{{ID: "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", DisplayName: "Sales", Members: []string{"u1", "u2"}}},
	}
}

// barbaraBody is the request that Microsoft documents for the default mappings (E040).
const barbaraBody = `{
 "schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
 "externalId":"bjensen","userName":"bjensen@contoso.com","active":true,
 "displayName":"Barbara Jensen","title":"Tour Guide","preferredLanguage":"en-US",
 "name":{"formatted":"Barbara Jensen","familyName":"Jensen","givenName":"Barbara"},
 "emails":[{"primary":true,"type":"work","value":"bjensen@contoso.com"}],
 "addresses":[{"primary":true,"type":"work","formatted":"18/2111","streetAddress":"1 Main St",
   "locality":"Seattle","region":"WA","postalCode":"98101","country":"US"}],
 "phoneNumbers":[{"primary":true,"type":"work","value":"+1 425 555 0100"},
   {"type":"mobile","value":"+1 425 555 0101"},{"type":"fax","value":"+1 425 555 0102"}],
 "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","department":"Sales"},
 "meta":{"resourceType":"User"},"roles":[]}`

const (
	omaraBody = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
 "userName":"o'mara+1@contoso.com","active":true,"meta":{"resourceType":"User"},"roles":[]}`
	omara      = `{"id":"U2","userName":"o'mara+1@contoso.com","active":true}`
	salesBody  = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159","displayName":"Sales","meta":{"resourceType":"Group"}}`
	sales      = `{"id":"G1","externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159","displayName":"Sales"}`
	managerURN = `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager`
)

func withID(id, body string) string { return `{"id":"` + id + `",` + body[1:] }

func patchOf(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

// scripted returns an Entra whose requests must follow the script, one after
// the other.
func scripted(t *testing.T, options idp.Options, query string) (*idp.Entra, *script) {
	t.Helper()
	s := &script{t: t}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	options.Workers = 1
	return newEntra(t, server.URL+"/scim/"+query, "secret", &options), s
}

// expect checks that the requests of what is done are these, and all of them.
func (s *script) expect(name string, done func() (*idp.Report, error), steps ...step) *idp.Report {
	s.t.Helper()
	s.mu.Lock()
	s.steps = steps
	s.mu.Unlock()
	r, err := done()
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	for _, left := range s.steps {
		s.t.Errorf("%s: never sent: %s (%s)", name, left.want, left.reason)
	}
	return r
}

// play runs one cycle after the other against the script.
func play(t *testing.T, options idp.Options, query string, rounds ...func(*idp.Directory) []step) {
	t.Helper()
	match := "userName"
	for _, m := range options.UserMappings {
		if m.Matching == 1 {
			match = m.Target
		}
	}
	entra, s := scripted(t, options, query)
	d := barbara()
	for i, round := range rounds {
		steps := append(probes(match), round(&d)...)
		s.expect(fmt.Sprintf("cycle %d", i+1), func() (*idp.Report, error) { return entra.Sync(t.Context(), d) }, steps...)
	}
}

func initialCycle(op string, member func(id string) string) func(*idp.Directory) []step {
	return func(*idp.Directory) []step {
		return []step{
			{"E020, the match query", "GET /Users?filter=userName+eq+%22bjensen%40contoso.com%22", "", 200, empty},
			{"E040", "POST /Users", barbaraBody, 201, withID("U1", barbaraBody)},
			{"E031, special characters", "GET /Users?filter=userName+eq+%22o%27mara%2B1%40contoso.com%22", "", 200, empty},
			{"E041, null attributes are skipped", "POST /Users", omaraBody, 201, omara},
			{"E021, the match query", "GET /Groups?excludedAttributes=members&filter=displayName+eq+%22Sales%22", "", 200, empty},
			{"E110, created empty", "POST /Groups", salesBody, 201, sales},
			{"E078, a bare string", "PATCH /Users/U1", patchOf(`{"op":"` + op + `","path":"` + managerURN + `","value":"U2"}`), 204, ""},
			{"E117", "PATCH /Groups/G1", patchOf(`{"op":"` + op + `","path":"members","value":[` + member("U1") + `,` + member("U2") + `]}`), 204, ""},
		}
	}
}

func nullRef(id string) string { return fmt.Sprintf(`{"$ref":null,"value":%q}`, id) }
func noRef(id string) string   { return fmt.Sprintf(`{"value":%q}`, id) }

func TestDefaultDialectOnTheWire(t *testing.T) {
	play(t, idp.Options{}, "", initialCycle("Add", nullRef),
		func(d *idp.Directory) []step {
			u := d.User("u1")
			u.DisplayName, u.Mail, u.GivenName, u.Surname, u.EmployeeID, u.Disabled = "Pvlo", "a@b.c", "Gtfd", "", "Eqpj", true
			u.Manager = ""
			g := d.Group("8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159")
			g.DisplayName, g.Members = "Selling", []string{"u1"}
			stored := strings.Replace(withID("U1", barbaraBody), `"department":"Sales"`, `"manager":{"value":"U2"}`, 1)
			return []step{
				{"E051, the cached id", "GET /Users/U1", "", 200, stored},
				{"E061, one operation each; Add what is not there; a string for a boolean", "PATCH /Users/U1", patchOf(
					`{"op":"Replace","path":"active","value":"False"},
					 {"op":"Replace","path":"displayName","value":"Pvlo"},
					 {"op":"Replace","path":"name.formatted","value":"Gtfd"},
					 {"op":"Replace","path":"name.givenName","value":"Gtfd"},
					 {"op":"Replace","path":"emails[type eq \"work\"].value","value":"a@b.c"},
					 {"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","value":"Eqpj"},
					 {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Sales"}`), 200, `{"id":"U1"}`},
				{"E113", "GET /Groups/G1?excludedAttributes=members", "", 200, sales},
				{"E127", "PATCH /Groups/G1", patchOf(`{"op":"Replace","path":"displayName","value":"Selling"}`), 204, ""},
				{"E080, cleared with the empty string", "PATCH /Users/U1", patchOf(`{"op":"Replace","path":"` + managerURN + `","value":""}`), 204, ""},
				{"E119, removal with a value", "PATCH /Groups/G1", patchOf(`{"op":"Remove","path":"members","value":[` + nullRef("U2") + `]}`), 204, ""},
			}
		},
		func(d *idp.Directory) []step {
			d.Remove("u1")
			d.Remove("8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159")
			return []step{
				{"E134", "DELETE /Groups/G1", "", 204, ""},
				{"E101", "DELETE /Users/U1", "", 204, ""},
			}
		})
}

func TestFlagDialectOnTheWire(t *testing.T) {
	play(t, idp.Options{}, "?aadOptscim062020", initialCycle("add", noRef),
		func(d *idp.Directory) []step {
			u := d.User("u1")
			u.DisplayName, u.Mail, u.GivenName, u.Surname, u.EmployeeID, u.Disabled = "Bjfe", "a@b.c", "Kkom", "Unua", "Aklq", true
			u.Manager = ""
			g := d.Group("8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159")
			g.DisplayName, g.Members = "Selling", nil
			stored := strings.Replace(withID("U1", barbaraBody), `"department":"Sales"`, `"department":"Sales","manager":{"value":"U2"}`, 1)
			return []step{
				{"E051, the cached id", "GET /Users/U1", "", 200, stored},
				{"E062, filtered paths apart, the rest merged; a JSON boolean", "PATCH /Users/U1", patchOf(
					`{"op":"replace","path":"emails[type eq \"work\"].value","value":"a@b.c"},
					 {"op":"replace","value":{"active":false,"displayName":"Bjfe","name.formatted":"Kkom Unua","name.familyName":"Unua","name.givenName":"Kkom",
					  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"Aklq"}}`), 204, ""},
				{"E113", "GET /Groups/G1?excludedAttributes=members", "", 200, sales},
				{"E127, without a path", "PATCH /Groups/G1", patchOf(`{"op":"replace","value":{"displayName":"Selling"}}`), 204, ""},
				{"E080", "PATCH /Users/U1", patchOf(`{"op":"replace","path":"` + managerURN + `","value":""}`), 204, ""},
				{"E121, removal by path", "PATCH /Groups/G1", patchOf(`{"op":"remove","path":"members[value eq \"U1\"]"},{"op":"remove","path":"members[value eq \"U2\"]"}`), 204, ""},
			}
		})
}

// TestMatchedObjects: what exists before the first cycle is taken over, and
// the references it has are not written again.
func TestMatchedObjects(t *testing.T) {
	play(t, idp.Options{UserMappings: matchUsers("externalId", "userName")}, "", func(*idp.Directory) []step {
		return []step{
			{"E025, the first matching attribute", "GET /Users?filter=externalId+eq+%22bjensen%22", "", 200, empty},
			{"E023, then the second", "GET /Users?filter=userName+eq+%22bjensen%40contoso.com%22", "", 200, listOf(withID("U1", barbaraBody))},
			{"E103, read by id before it is changed", "GET /Users/U1", "", 200, withID("U1", barbaraBody)},
			{"E031, it has no externalId", "GET /Users?filter=userName+eq+%22o%27mara%2B1%40contoso.com%22", "", 200, listOf(omara)},
			{"E103, read by id before it is changed", "GET /Users/U2", "", 200, omara},
			{"E021, the match query", "GET /Groups?excludedAttributes=members&filter=displayName+eq+%22Sales%22", "", 200, listOf(`{"id":"G1","displayName":"sales"}`)},
			{"E113", "GET /Groups/G1?excludedAttributes=members", "", 200, `{"id":"G1","displayName":"Sales"}`},
			{"E128, a group that existed", "PATCH /Groups/G1", patchOf(`{"op":"Add","path":"externalId","value":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159"}`), 204, ""},
			{"E033", "GET /Users?attributes=id&filter=id+eq+%22U1%22+and+manager+eq+%22U2%22", "", 200, empty},
			{"E078", "PATCH /Users/U1", patchOf(`{"op":"Add","path":"` + managerURN + `","value":"U2"}`), 204, ""},
			{"E131", "GET /Groups?attributes=id&filter=id+eq+%22G1%22+and+members+eq+%22U1%22", "", 200, listOf(`{"id":"G1"}`)},
			{"E131", "GET /Groups?attributes=id&filter=id+eq+%22G1%22+and+members+eq+%22U2%22", "", 200, empty},
			{"E116, only who is missing", "PATCH /Groups/G1", patchOf(`{"op":"Add","path":"members","value":[` + nullRef("U2") + `]}`), 204, ""},
		}
	})
}
