package scim_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// The rows of CONFORMANCE.md that nothing else shows: mostly those about types
// of the application's own, which the wire cases have none of.

// specimenType has an attribute for every characteristic, and an extension that
// every resource must have.
func specimenType(t *testing.T) *scim.ResourceType {
	t.Helper()
	main, err := scim.ParseSchema([]byte(`{"id":"urn:example:2.0:Specimen","name":"Specimen","attributes":[
		{"name":"plain"},
		{"name":"code","required":true,"caseExact":true,"uniqueness":"server"},
		{"name":"world","uniqueness":"global"},
		{"name":"given","mutability":"readOnly"},
		{"name":"born","mutability":"immutable"},
		{"name":"pin","mutability":"writeOnly","returned":"never"},
		{"name":"asked","returned":"request"},
		{"name":"shown","returned":"always"},
		{"name":"count","type":"integer"},
		{"name":"parts","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"tags","multiValued":true}]},
		{"name":"link","type":"reference","referenceTypes":["uri"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	extension, err := scim.ParseSchema([]byte(`{"id":"urn:example:2.0:Origin","attributes":[{"name":"place","required":true},{"name":"plain"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return must(t)(scim.NewResourceType(scim.TypeDefinition{
		Name: "Specimen", Endpoint: "Specimens", Schema: main, Extensions: []scim.Extension{{Schema: extension, Required: true}},
	}))
}

func specimens(t *testing.T) site {
	t.Helper()
	user := must(t)(scim.UserType())
	return newSite(t, new(memstore.Store), &scim.Options{Types: []*scim.ResourceType{user, specimenType(t)}})
}

const origin = `,"urn:example:2.0:Origin":{"place":"Oslo"}}`

// TestRowsOfDefinitions: a schema that RFC 7643 does not allow is refused when
// the type is made.
func TestRowsOfDefinitions(t *testing.T) {
	for _, tt := range []struct{ name, attribute, want string }{
		{"R-001 a letter comes first", `{"name":"1st"}`, "is no attribute name"},
		{"R-001 no space", `{"name":"a b"}`, "is no attribute name"},
		{"R-001 letters, digits, $, - and _", `{"name":"a1$-_z"}`, ""},
		{"R-001 and $ref", `{"name":"$ref","type":"reference","referenceTypes":["uri"]}`, ""},
		{"R-004 each of the eight types", `{"name":"a","type":"complex","subAttributes":[{"name":"s","type":"string"},{"name":"b","type":"boolean"},
			{"name":"d","type":"decimal"},{"name":"i","type":"integer"},{"name":"t","type":"dateTime"},{"name":"x","type":"binary"},
			{"name":"r","type":"reference","referenceTypes":["external"]}]}`, ""},
		{"R-005 no other type", `{"name":"a","type":"colour"}`, `unknown type "colour"`},
		{"R-017 no complex attribute in another", `{"name":"a","type":"complex","subAttributes":[{"name":"b","type":"complex","subAttributes":[{"name":"c"}]}]}`, "cannot be complex"},
		{"R-017 a simple one has no sub-attributes", `{"name":"a","subAttributes":[{"name":"b"}]}`, "is not complex and has sub-attributes"},
		{"R-018 a sub-attribute may have many values", `{"name":"a","type":"complex","subAttributes":[{"name":"b","multiValued":true}]}`, ""},
		{"R-032 referenceTypes are of references", `{"name":"a","referenceTypes":["User"]}`, "is no reference"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			schema, err := scim.ParseSchema([]byte(`{"id":"urn:example:2.0:Thing","attributes":[` + tt.attribute + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			for _, def := range []scim.TypeDefinition{
				{Name: "Thing", Endpoint: "Things", Schema: schema},
				{Name: "Other", Endpoint: "Others", Schema: &scim.Schema{ID: "urn:example:2.0:Other"}, Extensions: []scim.Extension{{Schema: schema}}},
			} {
				_, err := scim.NewResourceType(def)
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("%s: got error %v, want one with %q", def.Name, err, tt.want)
				}
			}
		})
	}
}

// TestRowsOfPublishedSchemas: what /Schemas says of a type.
func TestRowsOfPublishedSchemas(t *testing.T) {
	e := specimens(t)
	t.Run("R-003 the defaults", func(t *testing.T) {
		a := attributeOf(e.schemas()["urn:example:2.0:Specimen"].Attributes, "plain")
		if a.Type != "string" || *a.MultiValued || *a.Required || *a.CaseExact || a.Mutability != "readWrite" || a.Returned != "default" ||
			a.Uniqueness != "none" || a.CanonicalValues != nil || a.ReferenceTypes != nil {
			t.Errorf("got %+v", a)
		}
	})
	t.Run("R-019 a complex attribute is neither unique nor case-exact", func(t *testing.T) {
		for _, s := range e.schemas() {
			for _, a := range s.Attributes {
				if a.Type == "complex" && (a.CaseExact != nil || a.Uniqueness != "") {
					t.Errorf("%s.%s: got caseExact %v, uniqueness %q, want none", s.ID, a.Name, a.CaseExact, a.Uniqueness)
				}
			}
		}
	})
	t.Run("R-106 lists of types and of values are arrays", func(t *testing.T) {
		user := e.schemas()[scim.UserSchemaURI].Attributes
		groups := attributeOf(attributeOf(user, "groups").SubAttributes, "$ref")
		emails := attributeOf(attributeOf(user, "emails").SubAttributes, "type")
		if !slices.Equal(groups.ReferenceTypes, []string{"Group"}) || !slices.Equal(emails.CanonicalValues, []string{"work", "home", "other"}) {
			t.Errorf("got %v and %v", groups.ReferenceTypes, emails.CanonicalValues)
		}
	})
	t.Run("R-039 R-043 URIs of schemas, and none of a message", func(t *testing.T) {
		shape := regexp.MustCompile(`^urn:(ietf:params:scim:schemas:(core|extension:\w+)|example):2\.0:\w+$`)
		for id := range e.schemas() {
			if !shape.MatchString(id) {
				t.Errorf("%s is published", id)
			}
		}
		e.must(404, "GET", "/Schemas/urn:ietf:params:scim:api:messages:2.0:PatchOp", "")
	})
	t.Run("R-042 what is left out of a schema is neither published nor kept", func(t *testing.T) {
		def := must(t)(scim.UserType()).Definition()
		def.Schema = scim.UserSchema()
		def.Schema.Remove("nickName", "ims")
		e := newSite(t, new(memstore.Store), &scim.Options{Types: []*scim.ResourceType{must(t)(scim.NewResourceType(def))}})
		if a := attributeOf(e.schemas()[scim.UserSchemaURI].Attributes, "nickName"); a.Name != "" {
			t.Errorf("published: %+v", a)
		}
		if a := e.must(201, "POST", "/Users", `{"userName":"ann","nickName":"Annie"}`); a.doc["nickName"] != nil {
			t.Errorf("kept: %s", a.body)
		}
	})
	t.Run("R-082 R-087 a group's name is required, and members have the display that is published: none", func(t *testing.T) {
		e := newSite(t, new(memstore.Store), nil)
		group := e.schemas()[scim.GroupSchemaURI].Attributes
		if a := attributeOf(group, "displayName"); !*a.Required {
			t.Errorf("displayName: %+v", a)
		}
		if a := attributeOf(attributeOf(group, "members").SubAttributes, "display"); a.Name != "" {
			t.Errorf("published: %+v", a)
		}
		ann := e.must(201, "POST", "/Users", `{"userName":"ann","displayName":"Ann"}`).id()
		if a := e.must(201, "POST", "/Groups", `{"displayName":"g","members":[{"value":"`+ann+`","display":"Somebody"}]}`); strings.Contains(a.body, "Somebody") {
			t.Errorf("returned: %s", a.body)
		}
	})
	t.Run("R-088 the enterprise extension", func(t *testing.T) {
		var got []string
		for _, a := range e.schemas()[scim.EnterpriseUserSchemaURI].Attributes {
			got = append(got, a.Name+" "+a.Type)
		}
		want := []string{"employeeNumber string", "costCenter string", "organization string", "division string", "department string", "manager complex"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("R-105 sub-attributes are published, and none of them is complex", func(t *testing.T) {
		for _, s := range e.schemas() {
			for _, a := range s.Attributes {
				if (a.Type == "complex") != (len(a.SubAttributes) > 0) || slices.ContainsFunc(a.SubAttributes, func(sub publishedAttribute) bool { return sub.Type == "complex" }) {
					t.Errorf("%s.%s: %+v", s.ID, a.Name, a)
				}
			}
		}
	})
	t.Run("R-108 endpoints are the plural of their type's name", func(t *testing.T) {
		e := newSite(t, new(memstore.Store), nil)
		for _, r := range e.must(200, "GET", "/ResourceTypes", "").doc["Resources"].([]any) {
			if o := r.(map[string]any); o["endpoint"] != "/"+o["name"].(string)+"s" {
				t.Errorf("%v is at %v", o["name"], o["endpoint"])
			}
		}
	})
}

func attributeOf(in []publishedAttribute, name string) publishedAttribute {
	for _, a := range in {
		if a.Name == name {
			return a
		}
	}
	return publishedAttribute{}
}

// TestRowsOfResources: what becomes of an attribute, by its characteristics.
func TestRowsOfResources(t *testing.T) {
	e := specimens(t)
	const path = "/Specimens/"
	first := e.must(201, "POST", path, `{"externalId":"X","code":"one","world":"w","given":"mine","born":"1999","pin":"1234","asked":"a","shown":"s"`+origin)
	id := first.id()
	t.Run("R-016 the order of sub-attributes says nothing", func(t *testing.T) {
		a := e.must(201, "POST", path, `{"code":"order","parts":[{"tags":["t"],"value":"v"}]`+origin)
		b := e.must(200, "PATCH", path+a.id(), patchBody(`{"op":"add","path":"parts","value":[{"value":"v","tags":["t"]}]}`))
		if len(b.doc["parts"].([]any)) != 1 {
			t.Errorf("got %s", b.body)
		}
	})
	t.Run("R-017 a body that goes deeper than a sub-attribute", func(t *testing.T) {
		if a := e.must(400, "POST", path, `{"code":"deep","parts":[{"value":{"a":"b"}}]`+origin); a.doc["scimType"] != "invalidValue" {
			t.Errorf("got %s", a.body)
		}
	})
	t.Run("R-029 R-211 readOnly is the server's, writeOnly is never returned", func(t *testing.T) {
		for _, a := range []reply{first, e.must(200, "GET", path+id+"?attributes=given,pin", ""), e.must(200, "GET", path+"?attributes=pin", "")} {
			if strings.Contains(a.body, `"given"`) || strings.Contains(a.body, `"pin"`) {
				t.Errorf("got %s", a.body)
			}
		}
	})
	t.Run("R-030 R-222 immutable is set once", func(t *testing.T) {
		late := path + e.must(201, "POST", path, `{"code":"late"`+origin).id()
		e.must(200, "PUT", late, `{"code":"late","born":"2001"`+origin)
		e.must(200, "PUT", late, `{"code":"late","born":"2001"`+origin)
		for _, a := range []reply{
			e.must(400, "PUT", late, `{"code":"late","born":"2002"`+origin),
			e.must(400, "PATCH", late, patchBody(`{"op":"replace","path":"born","value":"2002"}`)),
		} {
			if a.doc["scimType"] != "mutability" {
				t.Errorf("got %s", a.body)
			}
		}
	})
	t.Run("R-031 unique values, by the rule of case", func(t *testing.T) {
		e.must(409, "POST", path, `{"code":"one"`+origin)
		e.must(201, "POST", path, `{"code":"ONE"`+origin)
		e.must(409, "POST", path, `{"code":"other","world":"W"`+origin)
	})
	t.Run("R-036 an extension's attribute is another than the type's of that name", func(t *testing.T) {
		a := e.must(201, "POST", path, `{"code":"ext","plain":"a","urn:example:2.0:Origin":{"place":"Oslo","plain":"b"}}`)
		b := e.must(200, "GET", path+"?filter="+`plain+eq+"a"+and+urn:example:2.0:Origin:plain+eq+"b"`, "")
		if a.doc["plain"] != "a" || b.doc["totalResults"] != 1.0 {
			t.Errorf("got %s and %s", a.body, b.body)
		}
	})
	t.Run("R-037 R-044 every resource has id, externalId and meta", func(t *testing.T) {
		meta, _ := first.doc["meta"].(map[string]any)
		if first.doc["externalId"] != "X" || id == "" || meta["resourceType"] != "Specimen" || meta["location"] != "http://example.com/Specimens/"+id {
			t.Errorf("got %s", first.body)
		}
	})
	t.Run("R-038 a required extension", func(t *testing.T) {
		for _, body := range []string{`{"code":"none"}`, `{"code":"none","urn:example:2.0:Origin":{"plain":"b"}}`} {
			if a := e.must(400, "POST", path, body); a.doc["scimType"] != "invalidValue" {
				t.Errorf("%s: got %s", body, a.body)
			}
		}
	})
	t.Run("R-046 R-049 ids are of no other resource, and no bulkId", func(t *testing.T) {
		seen := map[string]bool{id: true}
		for _, name := range []string{"a", "b", "c"} {
			for _, id := range []string{
				e.must(201, "POST", path, `{"code":"id-`+name+`"`+origin).id(), e.must(201, "POST", "/Users", `{"userName":"`+name+`"}`).id(),
			} {
				if seen[id] || strings.Contains(strings.ToLower(id), "bulkid") {
					t.Errorf("got id %q", id)
				}
				seen[id] = true
			}
		}
	})
	t.Run("R-061 user names in another form or case are the same", func(t *testing.T) {
		e.must(201, "POST", "/Users", `{"userName":"J\u00fcrgen Straße"}`)
		if a := e.must(409, "POST", "/Users", `{"userName":"ju\u0308rgen STRASSE"}`); a.doc["scimType"] != "uniqueness" {
			t.Errorf("got %s", a.body)
		}
	})
	t.Run("R-163 R-332 no filter and no order by what is never returned", func(t *testing.T) {
		if a := e.must(400, "GET", path+`?filter=pin+eq+"1234"`, ""); a.doc["scimType"] != "invalidFilter" {
			t.Errorf("got %s", a.body)
		}
		if a := e.must(400, "GET", path+"?sortBy=pin", ""); a.doc["scimType"] != "invalidValue" {
			t.Errorf("got %s", a.body)
		}
	})
	t.Run("R-210 R-212 R-213 returned always, by default, on request", func(t *testing.T) {
		if first.doc["asked"] != "a" { // the client sent it
			t.Errorf("after POST: %s", first.body)
		}
		for _, tt := range []struct {
			query string
			want  []string
		}{
			{"", []string{"code", "shown"}},
			{"?attributes=asked", []string{"asked", "shown"}},
			{"?attributes=code", []string{"code", "shown"}},
			{"?excludedAttributes=code,shown", []string{"shown"}},
		} {
			a := e.must(200, "GET", path+id+tt.query, "")
			var got []string
			for _, name := range []string{"asked", "code", "shown"} {
				if a.doc[name] != nil {
					got = append(got, name)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: got %v, want %v", tt.query, got, tt.want)
			}
		}
	})
	t.Run("R-421 a type of the application's own", func(t *testing.T) {
		e.must(200, "GET", path+id, "")
		e.must(200, "PATCH", path+id, patchBody(`{"op":"replace","path":"urn:example:2.0:Origin:place","value":"Bergen"}`))
		e.must(200, "GET", path+`?filter=urn:example:2.0:Origin:place+eq+"bergen"`, "")
		e.must(204, "DELETE", path+id, "")
	})
}

// confidant is Hooks that remember the password they were told.
type confidant struct {
	scim.NoHooks
	password scim.Secret
}

func (c *confidant) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	c.password = e.Password
	return nil
}

// TestRowsOfPasswords: the hook is told a password, and nobody else.
func TestRowsOfPasswords(t *testing.T) {
	def := must(t)(scim.UserType()).Definition()
	def.Schema = scim.UserSchema()
	def.Schema.Attributes = append(def.Schema.Attributes, scim.PasswordAttribute())
	store, hooks := new(memstore.Store), new(confidant)
	e := newSite(t, store, &scim.Options{Types: []*scim.ResourceType{must(t)(scim.NewResourceType(def))}, Hooks: hooks})
	a := e.must(201, "POST", "/Users?attributes=password", `{"userName":"ann","password":"t1meMa$heen"}`)
	t.Run("R-068 no answer has it", func(t *testing.T) {
		for _, a := range []reply{a, e.must(200, "GET", "/Users/"+a.id(), ""), e.must(400, "POST", "/Users", `{"userName":"bob","password":["t1meMa$heen",1]}`)} {
			if strings.Contains(a.body, "t1meMa") {
				t.Errorf("got %s", a.body)
			}
		}
	})
	t.Run("R-069 no Store has it", func(t *testing.T) {
		r, err := store.Get(t.Context(), scim.Ref{Tenant: "acme", Type: "User", ID: a.id()}, scim.Projection{})
		if err != nil || strings.Contains(r.Document.String(), "t1meMa") {
			t.Errorf("stored: %v, %v", r, err)
		}
		if got := string(hooks.password); got != "t1meMa$heen" {
			t.Errorf("the hook was told %q", got)
		}
	})
	t.Run("R-071 no filter asks for it", func(t *testing.T) {
		if a := e.must(400, "GET", `/Users?filter=password+eq+"t1meMa$heen"`, ""); a.doc["scimType"] != "invalidFilter" {
			t.Errorf("got %s", a.body)
		}
	})
}

// TestRowsOfPaging: R-193, what the configuration says of pages is what they are.
func TestRowsOfPaging(t *testing.T) {
	e := newSite(t, new(memstore.Store), &scim.Options{MaxResults: 2})
	for _, name := range []string{"a", "b", "c"} {
		e.must(201, "POST", "/Users", `{"userName":"`+name+`"}`)
	}
	want := map[string]any{"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 2.0, "maxPageSize": 2.0}
	if diff := cmp.Diff(want, e.must(200, "GET", "/ServiceProviderConfig", "").doc["pagination"]); diff != "" {
		t.Errorf("pagination (-want +got)\n%s", diff)
	}
	if a := e.must(200, "GET", "/Users", ""); a.doc["startIndex"] != 1.0 || a.doc["itemsPerPage"] != 2.0 || a.doc["nextCursor"] != nil {
		t.Errorf("a page by default: %s", a.body)
	}
	if a := e.must(200, "GET", "/Users?cursor=&count=9", ""); a.doc["startIndex"] != nil || a.doc["itemsPerPage"] != 2.0 || a.doc["nextCursor"] == nil {
		t.Errorf("a page by cursor: %s", a.body)
	}
}

// TestRowsOfVersions: the version of the protocol is part of where the Handler
// is mounted, and another one is answered by nobody.
func TestRowsOfVersions(t *testing.T) {
	h := newSite(t, new(memstore.Store), nil).h
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", h)
	mux.Handle("/scim/Users", h) // without a version: the newest, which is the only one
	for _, tt := range []struct {
		row, path string
		want      int
	}{
		{"R-115 before the endpoint", "/scim/v2/Users", 200},
		{"R-116 exactly this version", "/scim/v1/Users", 404},
		{"R-117 none", "/scim/Users", 200},
	} {
		r := httptest.NewRequest("GET", tt.path, nil)
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: GET %s: got %d, want %d", tt.row, tt.path, w.Code, tt.want)
		}
	}
}

// refusing is a Store that answers queries with an error.
type refusing struct {
	scim.Store
	err error
}

func (s refusing) List(context.Context, scim.Query) (*scim.Page, error) { return nil, s.err }

// TestRowsOfRefusals: what only the application can know, and says with an error.
func TestRowsOfRefusals(t *testing.T) {
	for _, tt := range []struct {
		row      string
		err      error
		status   int
		scimType string
	}{
		{"R-162 too many results", scim.ErrTooMany, 400, "tooMany"},
		{"R-164 a filter that discloses", scim.ErrSensitive, 403, "sensitive"},
		{"R-116 a version that is not served", scim.ErrInvalidVersion, 400, "invalidVers"},
	} {
		a := newSite(t, refusing{new(memstore.Store), tt.err}, nil).must(tt.status, "GET", `/Users?filter=title+eq+"x"`, "")
		if a.doc["scimType"] != tt.scimType || a.doc["status"] != strconv.Itoa(tt.status) {
			t.Errorf("%s: got %s", tt.row, a.body)
		}
	}
}

// TestRowsOfPrivacy: R-327, answers are kept by no cache, and the log has
// nothing of the resources that were asked for or changed.
func TestRowsOfPrivacy(t *testing.T) {
	logs := new(recordingLogger)
	e := newSite(t, new(memstore.Store), &scim.Options{Logger: slog.New(logs)})
	a := e.must(201, "POST", "/Users", `{"userName":"hidden@example.com","nickName":"hidden","active":"True"}`)
	for _, a := range []reply{a, e.must(200, "GET", `/Users?filter=userName+eq+"hidden@example.com"`, "")} {
		if got := a.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control: got %q", got)
		}
	}
	e.must(409, "POST", "/Users", `{"userName":"HIDDEN@example.com","nickName":"hidden"}`)
	if text := strings.ToLower(strings.Join(logs.take(), "\n")); text == "" || strings.Contains(text, "hidden") || strings.Contains(text, "secret") {
		t.Errorf("the log: %s", text)
	}
}
