package scim_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// A resource type with an attribute for every characteristic of RFC 7643 §2.2
// and §7. The quickstart serves the same with -test-types.
const (
	thingURI    = "urn:ietf:params:scim:schemas:test:2.0:TestResource"
	thingExtURI = "urn:ietf:params:scim:schemas:extension:test:2.0:TestResource"

	thingSchema = `{"id":"` + thingURI + `","name":"TestResource","attributes":[
		{"name":"identifier","required":true,"uniqueness":"server","caseExact":true},
		{"name":"uniqueString","uniqueness":"server"},
		{"name":"caseExactString","caseExact":true},
		{"name":"caseInsensitiveString"},
		{"name":"integerAttr","type":"integer"},
		{"name":"booleanAttr","type":"boolean"},
		{"name":"dateTimeAttr","type":"dateTime"},
		{"name":"binaryAttr","type":"binary","caseExact":true},
		{"name":"referenceAttr","type":"reference","referenceTypes":["external"],"caseExact":true},
		{"name":"readOnlyAttr","mutability":"readOnly"},
		{"name":"immutableAttr","mutability":"immutable"},
		{"name":"writeOnlyAttr","mutability":"writeOnly","returned":"never"},
		{"name":"requestOnlyAttr","returned":"request"},
		{"name":"alwaysReturnedAttr","returned":"always"},
		{"name":"multiStrings","multiValued":true},
		{"name":"complexAttr","type":"complex","subAttributes":[{"name":"sub1"},{"name":"sub2","type":"integer"},{"name":"sub3"}]},
		{"name":"multiComplex","type":"complex","multiValued":true,"subAttributes":[
			{"name":"value"},{"name":"type","canonicalValues":["a","b"]},{"name":"primary","type":"boolean"}]}]}`

	thingExtension = `{"id":"` + thingExtURI + `","name":"TestExtension","attributes":[
		{"name":"extString"},{"name":"extRequired","required":true},{"name":"extInteger","type":"integer"}]}`
)

func thingType(t testing.TB, required bool) *scim.ResourceType {
	t.Helper()
	var parsed []*scim.Schema
	for _, src := range []string{thingSchema, thingExtension} {
		s, err := scim.ParseSchema([]byte(src))
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, s)
	}
	typ, err := scim.NewResourceType(scim.TypeDefinition{
		Name: "TestResource", Endpoint: "TestResources", Schema: parsed[0],
		Extensions: []scim.Extension{{Schema: parsed[1], Required: required}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// things is a site that serves users and groups as well.
type things struct {
	site
	typ   *scim.ResourceType
	store *memstore.Store
	n     int
}

func newThings(t testing.TB, o scim.Options) *things {
	t.Helper()
	typ := thingType(t, true)
	users, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	groups, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	o.Types = []*scim.ResourceType{users, groups, typ}
	store := &memstore.Store{}
	return &things{site: newSite(t, store, &o), typ: typ, store: store}
}

// body is a whole body of POST or PUT with members besides those required.
func (e *things) body(members string) string {
	e.n++
	if members != "" {
		members = "," + members
	}
	id := ""
	if !strings.Contains(members, `"identifier":`) {
		id = fmt.Sprintf(`,"identifier":"i%d"`, e.n)
	}
	ext := ""
	if !strings.Contains(members, thingExtURI) {
		ext = `,"` + thingExtURI + `":{"extRequired":"r"}`
	}
	return `{"schemas":["` + thingURI + `","` + thingExtURI + `"]` + id + members + ext + `}`
}

// create returns the path of a new resource.
func (e *things) create(members string) string {
	e.t.Helper()
	return "/TestResources/" + e.must(201, "POST", "/TestResources", e.body(members)).id()
}

// refused wants an error of the status and scimType.
func (e *things) refused(status int, scimType, method, target, body, reason string) {
	e.t.Helper()
	a := e.do(method, target, body)
	if got, _ := a.doc["scimType"].(string); a.status != status || got != scimType {
		e.t.Errorf("%s %s %s\n got %d %s\nwant %d %s (%s)", method, target, body, a.status, a.body, status, scimType, reason)
	}
}

// shows wants members of an answer, as JSON; null is for absent.
func (e *things) shows(a reply, want, reason string) {
	e.t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte("{"+want+"}"), &members); err != nil {
		e.t.Fatal(err)
	}
	for name, value := range members {
		if diff := cmp.Diff(value, a.doc[name]); diff != "" {
			e.t.Errorf("%s: %s (-want +got)\n%s\n%s", name, reason, diff, a.body)
		}
	}
}

func (e *things) stored(path string) scim.Document {
	e.t.Helper()
	r, err := e.store.Get(e.t.Context(), scim.Ref{Tenant: "acme", Type: "TestResource", ID: strings.TrimPrefix(path, "/TestResources/")}, scim.Projection{})
	if err != nil {
		e.t.Fatal(err)
	}
	return r.Document
}

// TestCustomTypeIsDiscovered.
func TestCustomTypeIsDiscovered(t *testing.T) {
	e := newThings(t, scim.Options{})
	a := e.must(200, "GET", "/ResourceTypes/TestResource", "")
	e.shows(a, `"id":"TestResource","name":"TestResource","endpoint":"/TestResources","schema":"`+thingURI+`",
		"schemaExtensions":[{"schema":"`+thingExtURI+`","required":true}]`, "R-102, R-103")
	a = e.must(200, "GET", "/Schemas/"+thingURI, "")
	var shown struct{ Attributes []map[string]any }
	if err := json.Unmarshal([]byte(a.body), &shown); err != nil {
		t.Fatal(err)
	}
	characteristics := map[string]string{}
	for _, a := range shown.Attributes {
		characteristics[a["name"].(string)] = strings.TrimSpace(fmt.Sprintln(a["type"], a["multiValued"], a["required"], a["caseExact"], a["mutability"], a["returned"], a["uniqueness"]))
	}
	for name, want := range map[string]string{
		"identifier":         "string false true true readWrite default server",
		"uniqueString":       "string false false false readWrite default server",
		"integerAttr":        "integer false false false readWrite default none",
		"binaryAttr":         "binary false false true readWrite default none",
		"readOnlyAttr":       "string false false false readOnly default none",
		"immutableAttr":      "string false false false immutable default none",
		"writeOnlyAttr":      "string false false false writeOnly never none",
		"requestOnlyAttr":    "string false false false readWrite request none",
		"alwaysReturnedAttr": "string false false false readWrite always none",
		"multiStrings":       "string true false false readWrite default none",
		"complexAttr":        "complex false false <nil> readWrite default <nil>",
	} {
		if got := characteristics[name]; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if a := e.must(200, "GET", "/Schemas", ""); a.doc["totalResults"] != 5.0 {
		t.Errorf("got %v schemas, want those of users, enterprise users, groups, and the two of the type (R-101)", a.doc["totalResults"])
	}
}

// TestCustomTypeTypes.
func TestCustomTypeTypes(t *testing.T) {
	for _, strict := range []bool{false, true} {
		e := newThings(t, scim.Options{Strict: strict})
		thing := e.create("")
		for _, tt := range []struct{ send, want, reason string }{
			{`"caseExactString":"aB"`, `"caseExactString":"aB"`, "the case is kept"},
			{`"caseInsensitiveString":"aB"`, `"caseInsensitiveString":"aB"`, "R-028: better kept"},
			{`"integerAttr":-42`, `"integerAttr":-42`, "an integer"},
			{`"booleanAttr":false`, `"booleanAttr":false`, "false is a value"},
			{`"dateTimeAttr":"2026-02-03T04:05:06+02:00"`, `"dateTimeAttr":"2026-02-03T02:05:06Z"`, "A-31: UTC"},
			{`"binaryAttr":"-_8"`, `"binaryAttr":"+/8="`, "R-012: either alphabet, without padding"},
			{`"referenceAttr":"https://example.com/a%20b"`, `"referenceAttr":"https://example.com/a%20b"`, "a URI as it is"},
			{`"multiStrings":["b","a","b"]`, `"multiStrings":["b","a"]`, "R-025: nothing twice"},
			{`"complexAttr":{"sub3":"c","sub2":2,"sub1":"a"}`, `"complexAttr":{"sub1":"a","sub2":2,"sub3":"c"}`, "R-016: in any order"},
			{`"multiComplex":[{"value":"v","type":"a","primary":true},{"value":"v","type":"b"}]`, `"multiComplex":[{"value":"v","type":"a","primary":true},{"value":"v","type":"b"}]`, "R-025: one value of two types"},
			{`"multiStrings":[],"complexAttr":null`, `"multiStrings":null,"complexAttr":null`, "R-026: no value"},
		} {
			e.shows(e.must(201, "POST", "/TestResources", e.body(tt.send)), tt.want, tt.reason)
		}
		for _, tt := range []struct{ send, reason string }{
			{`"caseExactString":{"a":1}`, "an object for a string"},
			{`"integerAttr":3.5`, "R-010"},
			{`"integerAttr":3e2`, "R-010"},
			{`"integerAttr":"three"`, "no number"},
			{`"integerAttr":9223372036854775808`, "too large for 64 bits"},
			{`"booleanAttr":"maybe"`, "R-008, A-27"},
			{`"booleanAttr":1`, "R-008"},
			{`"dateTimeAttr":"2026-02-03"`, "R-011: a bare date"},
			{`"dateTimeAttr":1700000000`, "R-011"},
			{`"binaryAttr":"not base64!"`, "R-012"},
			{`"referenceAttr":{}`, "no string"},
			{`"multiStrings":[{"value":"x"}]`, "R-020: an object among strings"},
			{`"complexAttr":{"sub2":"x"}`, "a sub-attribute of another type"},
			{`"complexAttr":[{"sub1":"a"},{"sub1":"b"}]`, "two for one"},
			{`"multiComplex":[{"value":"v","primary":"yes"}]`, "a sub-attribute of another type"},
		} {
			e.refused(400, "invalidValue", "POST", "/TestResources", e.body(tt.send), tt.reason)
			e.refused(400, "invalidValue", "PUT", thing, e.body(tt.send), tt.reason)
			name, value, _ := strings.Cut(tt.send, ":")
			e.refused(400, "invalidValue", "PATCH", thing, patchBody(`{"op":"replace","path":`+name+`,"value":`+value+`}`), tt.reason)
		}
		for _, tt := range []struct{ send, tolerated, reason string }{
			{`"integerAttr":"3"`, `"integerAttr":3`, "Entra's strings"},
			{`"booleanAttr":"True"`, `"booleanAttr":true`, "A-27"},
			{`"caseExactString":3`, `"caseExactString":"3"`, "a number for a string"},
			{`"multiStrings":"x"`, `"multiStrings":["x"]`, "A-29"},
			{`"multiComplex":{"value":"x"}`, `"multiComplex":[{"value":"x"}]`, "A-29"},
			{`"multiComplex":[{"value":"x","type":"c"}]`, `"multiComplex":[{"value":"x","type":"c"}]`, "R-007: no canonical value"},
			{`"multiComplex":[{"value":"x","primary":true},{"value":"y","primary":true}]`, `"multiComplex":[{"value":"x","primary":true},{"value":"y","primary":false}]`, "A-34"},
		} {
			if strict {
				e.refused(400, "invalidValue", "POST", "/TestResources", e.body(tt.send), tt.reason)
				continue
			}
			e.shows(e.must(201, "POST", "/TestResources", e.body(tt.send)), tt.tolerated, tt.reason)
		}
	}
}

// TestCustomTypeRequired.
func TestCustomTypeRequired(t *testing.T) {
	e := newThings(t, scim.Options{})
	const ext = `"` + thingExtURI + `":{"extRequired":"r"}`
	const noExtRequired = `"` + thingExtURI + `":{"extString":"s"}`
	thing := e.create(`"identifier":"here"`)
	for _, tt := range []struct{ body, reason string }{
		{`{` + ext + `}`, "the required attribute is missing"},
		{`{"identifier":null,` + ext + `}`, "null is no value"},
		{`{"identifier":"",` + ext + `}`, "nor is an empty string"},
		{`{"identifier":"x"}`, "the required extension is missing"},
		{`{"identifier":"x","` + thingExtURI + `":{}}`, "an empty extension is none"},
		{`{"identifier":"x",` + noExtRequired + `}`, "a required attribute of the extension is missing"},
	} {
		e.refused(400, "invalidValue", "POST", "/TestResources", tt.body, tt.reason)
		e.refused(400, "invalidValue", "PUT", thing, tt.body, tt.reason)
	}
	for _, tt := range []struct{ op, scimType, reason string }{
		{`{"op":"remove","path":"identifier"}`, "mutability", "R-261"},
		{`{"op":"replace","path":"identifier","value":null}`, "invalidValue", "R-271"},
		{`{"op":"remove","path":"` + thingExtURI + `"}`, "mutability", "the whole extension"},
		{`{"op":"remove","path":"` + thingExtURI + `:extRequired"}`, "mutability", "its required attribute"},
	} {
		e.refused(400, tt.scimType, "PATCH", thing, patchBody(tt.op), tt.reason)
	}
	a := e.must(200, "GET", thing, "")
	e.shows(a, `"identifier":"here","`+thingExtURI+`":{"extRequired":"r"}`, "nothing was changed")
	if a.header.Get("ETag") != `W/"1"` {
		t.Errorf("refused requests made a new version: %s", a.header.Get("ETag"))
	}
	bulk := e.must(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"POST","path":"/TestResources","bulkId":"1","data":{"identifier":"x"}},
		{"method":"POST","path":"/TestResources","bulkId":"2","data":`+e.body("")+`}]}`)
	if got := statuses(bulk); got != "400 201" {
		t.Errorf("bulk: got %s\n%s", got, bulk.body)
	}
}

func statuses(bulk reply) string {
	var list []string
	operations, _ := bulk.doc["Operations"].([]any)
	for _, o := range operations {
		list = append(list, o.(map[string]any)["status"].(string))
	}
	return strings.Join(list, " ")
}

// TestCustomTypeUniqueness.
func TestCustomTypeUniqueness(t *testing.T) {
	e := newThings(t, scim.Options{})
	first := e.create(`"identifier":"Key","uniqueString":"Straße","caseExactString":"same"`)
	other := e.create(`"caseExactString":"same"`)
	e.refused(409, "uniqueness", "POST", "/TestResources", e.body(`"identifier":"Key"`), "R-128")
	e.refused(409, "uniqueness", "POST", "/TestResources", e.body(`"uniqueString":"STRASSE"`), "R-027: whatever its case")
	e.refused(409, "uniqueness", "PUT", other, e.body(`"uniqueString":"straße"`), "R-225")
	e.refused(409, "uniqueness", "PATCH", other, patchBody(`{"op":"add","path":"uniqueString","value":"straße"}`), "R-242")
	e.must(200, "PUT", first, e.body(`"identifier":"Key","uniqueString":"strasse"`))
	e.must(201, "POST", "/TestResources", e.body(`"identifier":"key"`)) // another one: it is caseExact
	e.must(201, "POST", "/Users", `{"userName":"Key"}`)                 // another type
	bulk := e.must(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"POST","path":"/TestResources","bulkId":"1","data":`+e.body(`"uniqueString":"STRASSE"`)+`},
		{"method":"DELETE","path":"`+first+`"},
		{"method":"POST","path":"/TestResources","bulkId":"2","data":`+e.body(`"uniqueString":"STRASSE"`)+`}]}`)
	if got := statuses(bulk); got != "409 204 201" || !strings.Contains(bulk.body, `"scimType":"uniqueness"`) {
		t.Errorf("bulk: got %s, want the value free once its owner is deleted\n%s", got, bulk.body)
	}
}

// TestCustomTypeMutability.
func TestCustomTypeMutability(t *testing.T) {
	e := newThings(t, scim.Options{})

	// readOnly: the application's alone.
	thing := e.create(`"readOnlyAttr":"mine"`)
	e.shows(e.must(200, "GET", thing, ""), `"readOnlyAttr":null`, "R-125: ignored in POST")
	document, keys, err := e.typ.Encode(map[string]any{"identifier": "ro", "readOnlyAttr": "the application's", thingExtURI: map[string]any{"extRequired": "r"}})
	if err != nil {
		t.Fatal(err)
	}
	up, err := e.store.Create(t.Context(), scim.Ref{Tenant: "acme", Type: "TestResource"}, scim.Change{Document: document, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	thing = "/TestResources/" + up.Resource.ID
	const kept = `"readOnlyAttr":"the application's"`
	e.shows(e.must(200, "GET", thing, ""), kept, "what the application stored is shown")
	e.shows(e.must(200, "PUT", thing, e.body(`"identifier":"ro","readOnlyAttr":"mine"`)), kept, "R-223: ignored in PUT")
	e.shows(e.must(200, "PUT", thing, e.body(`"identifier":"ro"`)), kept, "and not cleared by it")
	e.refused(400, "mutability", "PATCH", thing, patchBody(`{"op":"replace","path":"readOnlyAttr","value":"mine"}`), "R-237")
	e.refused(400, "mutability", "PATCH", thing, patchBody(`{"op":"add","path":"readOnlyAttr","value":"mine"}`), "R-237")
	e.refused(400, "mutability", "PATCH", thing, patchBody(`{"op":"remove","path":"readOnlyAttr"}`), "R-261")
	e.shows(e.must(200, "PATCH", thing, patchBody(`{"op":"replace","value":{"readOnlyAttr":"mine","caseExactString":"c"}}`)), kept+`,"caseExactString":"c"`, "A-45: passed over among others")

	// immutable: set once.
	thing = e.create("")
	e.shows(e.must(200, "PATCH", thing, patchBody(`{"op":"add","path":"immutableAttr","value":"once"}`)), `"immutableAttr":"once"`, "R-238: it had no value")
	e.must(200, "PATCH", thing, patchBody(`{"op":"replace","path":"immutableAttr","value":"once"}`))
	for _, op := range []string{
		`{"op":"replace","path":"immutableAttr","value":"twice"}`, `{"op":"add","path":"immutableAttr","value":"twice"}`,
		`{"op":"remove","path":"immutableAttr"}`, `{"op":"replace","path":"immutableAttr","value":null}`, `{"op":"replace","value":{"immutableAttr":"twice"}}`,
	} {
		e.refused(400, "mutability", "PATCH", thing, patchBody(op), "R-238")
	}
	e.refused(400, "mutability", "PUT", thing, e.body(`"immutableAttr":"twice"`), "R-222")
	e.shows(e.must(200, "PUT", thing, e.body(`"immutableAttr":"once"`)), `"immutableAttr":"once"`, "R-222: the same value")
	e.shows(e.must(200, "PUT", thing, e.body(``)), `"immutableAttr":"once"`, "A-35: not cleared")
	thing = e.create("")
	e.shows(e.must(200, "PUT", thing, e.body(`"immutableAttr":"once"`)), `"immutableAttr":"once"`, "R-222: the new value is taken where there was none")

	// writeOnly: changed at any time.
	thing = e.create(`"writeOnlyAttr":"one"`)
	for _, tt := range []struct{ method, body, want, reason string }{
		{"PUT", e.body(`"writeOnlyAttr":"two"`), `"two"`, "R-219"},
		{"PUT", e.body(``), `"two"`, "A-35: the client could not know it"},
		{"PUT", e.body(`"writeOnlyAttr":null`), ``, "R-221: null clears"},
		{"PATCH", patchBody(`{"op":"replace","path":"writeOnlyAttr","value":"three"}`), `"three"`, "R-029"},
		{"PATCH", patchBody(`{"op":"remove","path":"writeOnlyAttr"}`), ``, "R-029"},
	} {
		a := e.must(200, tt.method, thing, tt.body)
		if got, _ := e.stored(thing).Get("writeOnlyAttr"); got != tt.want {
			t.Errorf("%s %s: stored %s, want %s (%s)", tt.method, tt.body, got, tt.want, tt.reason)
		}
		if strings.Contains(a.body, "writeOnlyAttr") {
			t.Errorf("%s %s: returned: %s", tt.method, tt.body, a.body)
		}
	}
}

// TestCustomTypeReturned, on every answer that has
// resources.
func TestCustomTypeReturned(t *testing.T) {
	e := newThings(t, scim.Options{})
	const all = `"writeOnlyAttr":"w","requestOnlyAttr":"q","alwaysReturnedAttr":"a","caseExactString":"c"`
	const pick = "writeOnlyAttr,requestOnlyAttr,caseExactString"
	thing := e.create(all)
	search := func(members string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]` + members + `}`
	}
	patch := func(name string) string {
		return patchBody(`{"op":"replace","path":"` + name + `","value":"` + name[:1] + `"}`)
	}
	for _, tt := range []struct {
		method, target, body string
		want                 string // of the attributes: a(lways), c (default), r(equest)
		reason               string
	}{
		{"POST", "/TestResources", e.body(all), "acr", "R-213: request was sent"},
		{"POST", "/TestResources", e.body(`"alwaysReturnedAttr":"a","caseExactString":"c"`), "ac", "it has none"},
		{"POST", "/TestResources?attributes=identifier", e.body(all), "a", "R-207"},
		{"POST", "/TestResources?attributes=" + pick, e.body(all), "acr", "R-207, R-211"},
		{"POST", "/TestResources?excludedAttributes=alwaysReturnedAttr,caseExactString,requestOnlyAttr", e.body(all), "a", "R-208, R-210"},
		{"GET", thing, "", "ac", "R-133"},
		{"GET", thing + "?attributes=identifier", "", "a", "R-207"},
		{"GET", thing + "?attributes=" + pick, "", "acr", "R-211, R-213"},
		{"GET", thing + "?attributes=" + strings.ToUpper(pick), "", "acr", "R-209: in any case"},
		{"GET", thing + "?attributes=" + thingURI + ":requestOnlyAttr", "", "ar", "R-209: by URN"},
		{"GET", thing + "?attributes=" + thingURI, "", "acr", "the whole schema"},
		{"GET", thing + "?excludedAttributes=alwaysReturnedAttr,caseExactString", "", "a", "R-210"},
		{"GET", thing + "?excludedAttributes=identifier", "", "ac", "R-212: request is not part of the default"},
		{"PATCH", thing, patch("caseExactString"), "ac", "R-213: request was not sent"},
		{"PATCH", thing, patch("requestOnlyAttr"), "acr", "A-23: named in the path"},
		{"PATCH", thing, patchBody(`{"op":"replace","value":{"requestOnlyAttr":"q"}}`), "acr", "A-23: named in the body"},
		{"PATCH", thing, patch("writeOnlyAttr"), "ac", "R-211"},
		{"PATCH", thing + "?attributes=requestOnlyAttr", patch("caseExactString"), "ar", "R-235"},
		{"PATCH", thing + "?attributes=caseExactString", patch("requestOnlyAttr"), "ac", "R-207: nothing else"},
		{"PATCH", thing + "?excludedAttributes=requestOnlyAttr", patch("requestOnlyAttr"), "ac", "R-208"},
		{"PUT", thing, e.body(all), "acr", "R-213"},
		{"PUT", thing + "?attributes=identifier", e.body(all), "a", "R-226"},
		{"GET", "/TestResources?filter=requestOnlyAttr+eq+%22q%22", "", "ac", "a list, found by it"},
		{"GET", "/TestResources?attributes=" + pick, "", "acr", "a list"},
		{"GET", "/?filter=requestOnlyAttr+eq+%22q%22&attributes=" + pick, "", "acr", "a list of all types"},
		{"POST", "/TestResources/.search", search(``), "ac", "R-206"},
		{"POST", "/TestResources/.search", search(`,"attributes":["requestOnlyAttr","writeOnlyAttr"]`), "ar", "R-206"},
		{"POST", "/TestResources/.search", search(`,"excludedAttributes":["alwaysReturnedAttr","caseExactString"]`), "a", "R-206"},
		{"POST", "/.search", search(`,"attributes":["` + thingURI + `:requestOnlyAttr"]`), "ar", "R-206"},
	} {
		a := e.do(tt.method, tt.target, tt.body)
		if a.status >= 300 {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.target, tt.body, a.status, a.body)
			continue
		}
		doc := a.doc
		if list, ok := doc["Resources"].([]any); ok {
			i := slices.IndexFunc(list, func(r any) bool { return "/TestResources/"+r.(map[string]any)["id"].(string) == thing })
			if i < 0 {
				t.Errorf("%s %s: %s is not in %s", tt.method, tt.target, thing, a.body)
				continue
			}
			doc = list[i].(map[string]any)
		}
		got := ""
		for _, name := range []string{"alwaysReturnedAttr", "caseExactString", "requestOnlyAttr", "writeOnlyAttr"} {
			if doc[name] != nil {
				got += name[:1]
			}
		}
		if got != tt.want {
			t.Errorf("%s %s %s\n got %s, want %s (%s): %s", tt.method, tt.target, tt.body, got, tt.want, tt.reason, a.body)
		}
		if doc["id"] == nil || doc["schemas"] == nil {
			t.Errorf("%s %s: id or schemas is missing (R-045, R-214): %s", tt.method, tt.target, a.body)
		}
	}
	bulk := e.must(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"POST","path":"/TestResources","bulkId":"1","data":`+e.body(`"writeOnlyAttr":"hush"`)+`},
		{"method":"PATCH","path":"`+thing+`","data":`+patch("writeOnlyAttr")+`}]}`)
	if statuses(bulk) != "201 200" || strings.Contains(bulk.body, "hush") || strings.Contains(bulk.body, "writeOnlyAttr") {
		t.Errorf("bulk: %s", bulk.body)
	}
}

// TestCustomTypeFilters: a filter on each type, each with what it finds; empty
// means 400 invalidFilter.
func TestCustomTypeFilters(t *testing.T) {
	e := newThings(t, scim.Options{})
	e.create(`"identifier":"A","caseExactString":"Ab","caseInsensitiveString":"Ab","integerAttr":9,"booleanAttr":true,"dateTimeAttr":"2026-01-01T00:00:00Z",
		"binaryAttr":"AQ==","referenceAttr":"https://example.com/A","immutableAttr":"i","writeOnlyAttr":"w","requestOnlyAttr":"q","alwaysReturnedAttr":"z",
		"multiStrings":["x","Y"],"complexAttr":{"sub1":"s","sub2":10},"multiComplex":[{"value":"v","type":"a","primary":true},{"value":"u","type":"b"}],
		"` + thingExtURI + `":{"extRequired":"r","extInteger":3,"extString":"e"}`)
	e.create(`"identifier":"B","caseExactString":"ab","integerAttr":10,"booleanAttr":false,"dateTimeAttr":"2026-01-01T00:30:00+01:00","complexAttr":{"sub2":9},
		"multiComplex":[{"value":"v","type":"b"}]`)
	e.create(`"identifier":"C"`)
	const none = "-"
	for _, tt := range []struct{ filter, want string }{
		{`identifier eq "A"`, "A"},
		{`identifier eq "a"`, none},
		{`IDENTIFIER EQ "A"`, "A"},
		{`caseExactString eq "ab"`, "B"},
		{`caseExactString co "b"`, "AB"},
		{`caseExactString sw "A"`, "A"},
		{`caseInsensitiveString eq "AB"`, "A"},
		{`caseInsensitiveString ew "B"`, "A"},
		{`integerAttr gt 9`, "B"},
		{`integerAttr ge 9 and integerAttr lt 10`, "A"},
		{`integerAttr ne 9`, "BC"},
		{`integerAttr eq 9.5`, ""},
		{`integerAttr co 1`, ""},
		{`booleanAttr eq true`, "A"},
		{`booleanAttr eq false`, "B"},
		{`not (booleanAttr pr)`, "C"},
		{`booleanAttr gt false`, ""},
		{`dateTimeAttr eq "2025-12-31T23:30:00Z"`, "B"},
		{`dateTimeAttr gt "2025-12-31T23:59:00Z"`, "A"},
		{`dateTimeAttr eq "yesterday"`, ""},
		{`binaryAttr eq "AQ"`, "A"},
		{`binaryAttr gt "AQ=="`, ""},
		{`referenceAttr eq "https://example.com/A"`, "A"},
		{`referenceAttr eq "https://example.com/a"`, none},
		{`immutableAttr eq "i"`, "A"},
		{`requestOnlyAttr eq "q"`, "A"},
		{`alwaysReturnedAttr pr`, "A"},
		{`writeOnlyAttr eq "w"`, ""},
		{`writeOnlyAttr pr`, ""},
		{`multiStrings eq "y"`, "A"},
		{`complexAttr.sub2 gt 9`, "A"},
		{`complexAttr pr`, "AB"},
		{`complexAttr eq "s"`, ""},
		{`multiComplex.value eq "v"`, "AB"},
		{`multiComplex eq "u"`, "A"},
		{`multiComplex[value eq "v" and type eq "b"]`, "B"},
		{`multiComplex[primary eq true]`, "A"},
		{thingURI + `:complexAttr.sub1 eq "S"`, "A"},
		{thingExtURI + `:extInteger ge 3`, "A"},
		{thingExtURI + `:extRequired eq "R"`, "ABC"},
		{`meta.resourceType eq "TestResource"`, "ABC"},
		{`unknownAttr eq "x"`, ""},
	} {
		for _, target := range []string{"/TestResources?filter=" + url.QueryEscape(tt.filter), "/TestResources/.search"} {
			var a reply
			if strings.HasSuffix(target, "search") {
				src, _ := json.Marshal(map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:SearchRequest"}, "filter": tt.filter})
				a = e.do("POST", target, string(src))
			} else {
				a = e.do("GET", target, "")
			}
			if tt.want == "" {
				if a.status != 400 || a.doc["scimType"] != "invalidFilter" {
					t.Errorf("%s: got %d %s, want 400 invalidFilter", tt.filter, a.status, a.body)
				}
				continue
			}
			if got := found(a); got != strings.Trim(tt.want, none) {
				t.Errorf("%s: found %q, want %q\n%s", tt.filter, got, tt.want, a.body)
			}
		}
	}
}

// found lists the identifiers of a page.
func found(a reply) (ids string) {
	list, _ := a.doc["Resources"].([]any)
	for _, r := range list {
		id, _ := r.(map[string]any)["identifier"].(string)
		ids += id
	}
	return ids
}

// TestCustomTypeSorts: by each type; absent values come last, and first if
// descending.
func TestCustomTypeSorts(t *testing.T) {
	e := newThings(t, scim.Options{})
	e.create(`"identifier":"A","caseExactString":"b","caseInsensitiveString":"b","integerAttr":10,"booleanAttr":true,"dateTimeAttr":"2026-01-01T00:00:00Z",
		"binaryAttr":"Ag==","referenceAttr":"urn:b","multiStrings":["z","a"],"complexAttr":{"sub2":10},"multiComplex":[{"value":"a"},{"value":"z","primary":true}],
		"` + thingExtURI + `":{"extRequired":"b","extInteger":10},"writeOnlyAttr":"w"`)
	e.create(`"identifier":"B","caseExactString":"C","caseInsensitiveString":"A","integerAttr":9,"booleanAttr":false,"dateTimeAttr":"2026-01-01T00:30:00+01:00",
		"binaryAttr":"AQ==","referenceAttr":"urn:a","multiStrings":["m"],"complexAttr":{"sub2":9},"multiComplex":[{"value":"m"}],
		"` + thingExtURI + `":{"extRequired":"A","extInteger":9},"writeOnlyAttr":"v"`)
	e.create(`"identifier":"C","` + thingExtURI + `":{"extRequired":"z"}`)
	for _, by := range []string{
		"caseExactString", "caseInsensitiveString", "integerAttr", "booleanAttr", "dateTimeAttr", "referenceAttr", "multiStrings", "complexAttr.sub2",
		"multiComplex", "multiComplex.value", thingURI + ":integerAttr", thingExtURI + ":extInteger", thingExtURI + ":extRequired",
	} {
		if got := found(e.must(200, "GET", "/TestResources?sortBy="+by, "")); got != "BAC" {
			t.Errorf("sortBy=%s: got %s, want BAC", by, got)
		}
		if got := found(e.must(200, "GET", "/TestResources?sortOrder=descending&sortBy="+by, "")); got != "CAB" {
			t.Errorf("sortBy=%s descending: got %s, want CAB", by, got)
		}
	}
	for _, by := range []string{"writeOnlyAttr", "complexAttr", "unknownAttr", thingExtURI} {
		e.refused(400, "invalidValue", "GET", "/TestResources?sortBy="+by, "", "nothing to sort by, or nothing that may be known")
	}
}

// TestSchemasComeAndGo, with an extension that need not be
// there.
func TestSchemasComeAndGo(t *testing.T) {
	e := newSite(t, &memstore.Store{}, &scim.Options{Types: []*scim.ResourceType{thingType(t, false)}})
	thing := "/TestResources/" + e.must(201, "POST", "/TestResources", `{"identifier":"x"}`).id()
	const ext = `"` + thingExtURI + `"`
	for _, tt := range []struct {
		method, body string
		with         bool
		reason       string
	}{
		{"PATCH", patchBody(`{"op":"add","path":"` + thingExtURI + `:extRequired","value":"r"}`), true, "R-240"},
		{"PATCH", patchBody(`{"op":"remove","path":"` + thingExtURI + `"}`), false, "the whole extension is removed"},
		{"PATCH", patchBody(`{"op":"add","value":{` + ext + `:{"extRequired":"r","extInteger":1}}}`), true, "an object under the URN"},
		{"PATCH", patchBody(`{"op":"remove","path":"` + thingExtURI + `:extInteger"},{"op":"remove","path":"` + strings.ToUpper(thingExtURI) + `:EXTREQUIRED"}`), false, "A-47: its last attributes"},
		{"PUT", `{"identifier":"x","schemas":["` + thingURI + `"],` + ext + `:{"extRequired":"r"}}`, true, "A-26: derived from the content"},
		{"PUT", `{"identifier":"x","schemas":["` + thingURI + `",` + ext + `]}`, false, "A-26: named without data"},
	} {
		e.must(200, tt.method, thing, tt.body)
		for _, a := range []reply{e.must(200, "GET", thing, ""), e.must(200, "GET", thing+"?attributes=identifier", "")} {
			want := []any{thingURI}
			if tt.with {
				want = append(want, thingExtURI)
			}
			if diff := cmp.Diff(want, a.doc["schemas"]); diff != "" {
				t.Errorf("%s %s: %s (-want +got)\n%s", tt.method, tt.body, tt.reason, diff)
			}
		}
	}
	e2 := things{site: e}
	e2.refused(400, "invalidValue", "PATCH", thing, patchBody(`{"op":"add","path":"`+thingExtURI+`:extString","value":"s"}`), "R-038: where the extension is, its required attributes are")
	e2.refused(400, "invalidValue", "POST", "/TestResources", `{"identifier":"y",`+ext+`:{"extString":"s"}}`, "R-038")
}

// TestCustomTypePatch: complex and multi-valued attributes of a type that is
// not ours.
func TestCustomTypePatch(t *testing.T) {
	e := newThings(t, scim.Options{})
	thing := e.create(`"multiStrings":["a","b"],"complexAttr":{"sub1":"x","sub2":1},"multiComplex":[{"value":"v","type":"a","primary":true},{"value":"w","type":"b"}]`)
	for _, tt := range []struct{ op, want, reason string }{
		{`{"op":"add","path":"multiStrings","value":["B","c"]}`, `"multiStrings":["a","b","c"]`, "R-252: there already, whatever its case"},
		{`{"op":"remove","path":"multiStrings[value eq \"a\"]"}`, `"multiStrings":["b","c"]`, "A-46"},
		{`{"op":"replace","path":"multiStrings","value":["z"]}`, `"multiStrings":["z"]`, "R-265"},
		{`{"op":"replace","path":"complexAttr","value":{"sub2":2}}`, `"complexAttr":{"sub1":"x","sub2":2}`, "R-267"},
		{`{"op":"remove","path":"` + thingURI + `:complexAttr.sub1"}`, `"complexAttr":{"sub2":2}`, "R-257"},
		{`{"op":"replace","path":"multiComplex[type eq \"b\"].primary","value":true}`, `"multiComplex":[{"value":"v","type":"a","primary":false},{"value":"w","type":"b","primary":true}]`, "R-241"},
		{`{"op":"remove","path":"multiComplex[value eq \"v\"]"}`, `"multiComplex":[{"value":"w","type":"b","primary":true}]`, "R-259"},
		{`{"op":"remove","path":"multiComplex"}`, `"multiComplex":null`, "R-258"},
		{`{"op":"add","path":"` + thingExtURI + `","value":{"extInteger":5}}`, `"` + thingExtURI + `":{"extRequired":"r","extInteger":5}`, "R-250"},
	} {
		e.shows(e.must(200, "PATCH", thing, patchBody(tt.op)), tt.want, tt.reason)
	}
	for _, tt := range []struct{ op, scimType, reason string }{
		{`{"op":"replace","path":"integerAttr","value":"x"}`, "invalidValue", "R-236"},
		{`{"op":"add","path":"complexAttr.sub2","value":"x"}`, "invalidValue", "R-236"},
		{`{"op":"replace","path":"complexAttr.sub1.deeper","value":"x"}`, "invalidPath", "R-231"},
		{`{"op":"replace","path":"multiComplex[nope eq \"x\"].value","value":"x"}`, "invalidFilter", "R-231"},
		{`{"op":"replace","path":"multiComplex[primary eq false].value","value":{}}`, "invalidValue", "R-236"},
	} {
		e.refused(400, tt.scimType, "PATCH", thing, patchBody(tt.op), tt.reason)
	}
}

// TestPutClearsWhatIsNamed: R-221 of attributes that PUT leaves alone where
// they are not named.
func TestPutClearsWhatIsNamed(t *testing.T) {
	for _, tt := range []struct{ put, want, reason string }{
		{`{"name":"m"}`, `{"name":"m","mixed":{"fix":"f","wo":"w"},"pin":1}`, "nothing is named"},
		{`{"name":"m","mixed":{"pub":"q"}}`, `{"name":"m","mixed":{"pub":"q","fix":"f","wo":"w"},"pin":1}`, "another sub-attribute is"},
		{`{"name":"m","pin":null}`, `{"name":"m","mixed":{"fix":"f","wo":"w"}}`, "null"},
		{`{"name":"m","mixed":{"wo":null},"pin":""}`, `{"name":"m","mixed":{"fix":"f"}}`, "an empty string, as Entra clears (A-51)"},
		{`{"name":"m","mixed":null}`, `{"name":"m","mixed":{"fix":"f"},"pin":1}`, "all of it, but for what is immutable"},
	} {
		store := &memstore.Store{}
		e := newSite(t, store, &scim.Options{Types: []*scim.ResourceType{odd(t)}})
		id := e.must(201, "POST", "/Odds", `{"name":"n","pin":1,"mixed":{"pub":"p","fix":"f","wo":"w"}}`).id()
		e.must(200, "PUT", "/Odds/"+id, tt.put)
		r, err := store.Get(t.Context(), scim.Ref{Tenant: "acme", Type: "Odd", ID: id}, scim.Projection{})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Document.String(); got != tt.want {
			t.Errorf("PUT %s\n got %s\nwant %s (%s)", tt.put, got, tt.want, tt.reason)
		}
	}
}
