package scim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

const crateURI, crateExtURI = "urn:example:2.0:Crate", "urn:example:2.0:CrateLabel"

// crateType has attributes that are returned on request at every level.
func crateType(t testing.TB) *scim.ResourceType {
	t.Helper()
	var parsed []*scim.Schema
	for _, src := range []string{
		`{"id":"` + crateURI + `","attributes":[
			{"name":"name"},
			{"name":"box","type":"complex","subAttributes":[{"name":"label"},{"name":"asked","returned":"request"},{"name":"fixed","returned":"request","mutability":"immutable"}]},
			{"name":"items","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"asked","returned":"request"}]},
			{"name":"wholly","type":"complex","returned":"request","subAttributes":[{"name":"value"},{"name":"more"}]}]}`,
		`{"id":"` + crateExtURI + `","attributes":[{"name":"note"},{"name":"asked","returned":"request","mutability":"immutable"}]}`,
	} {
		s, err := scim.ParseSchema([]byte(src))
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, s)
	}
	typ, err := scim.NewResourceType(scim.TypeDefinition{Name: "Crate", Endpoint: "Crates", Schema: parsed[0], Extensions: []scim.Extension{{Schema: parsed[1]}}})
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// shown lists the simple values of an answer, but for what is always there.
func shown(a reply) string {
	for _, name := range []string{"id", "schemas", "meta"} {
		delete(a.doc, name)
	}
	var list []string
	for name := range leaves("", a.doc) {
		list = append(list, strings.NewReplacer(crateExtURI, "ext", scim.EnterpriseUserSchemaURI, "ent").Replace(name))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestReturnedOnRequestBelowTheTop. What a client sent is shown to
// it, and not what lies beside it.
func TestReturnedOnRequestBelowTheTop(t *testing.T) {
	const whole = `{"name":"n","box":{"label":"l","asked":"q","fixed":"f"},"items":[{"value":"1","asked":"q"},{"value":"2","asked":"q"}],
		"wholly":{"value":"v","more":"m"},"` + crateExtURI + `":{"note":"n","asked":"q"}}`
	for _, tt := range []struct{ method, query, body, want, reason string }{
		{"POST", "", whole, "box.asked box.fixed box.label ext.asked ext.note items[0].asked items[0].value items[1].asked items[1].value name wholly.more wholly.value", "all was sent"},
		{"POST", "", `{"name":"n","items":["1"],"wholly":"v"}`, "items[0].value name wholly.value", "sent as a bare value (A-29)"},
		{"GET", "", "", "box.label ext.note items[0].value items[1].value name", "none is part of a plain answer"},
		{"GET", "?attributes=box.asked,items.asked,wholly.more", "", "box.asked items[0].asked items[1].asked wholly.more", "each by its name"},
		{"GET", "?attributes=" + crateURI + ":box.asked," + strings.ToUpper(crateExtURI) + ":ASKED", "", "box.asked ext.asked", "with its URN, in any case"},
		{"GET", "?excludedAttributes=box.label," + crateExtURI + ":note," + crateURI + ":items.value", "", "name", "nothing is left of them (A-22)"},
		{"PUT", "", `{"name":"n","box":{"label":"k"},"` + crateExtURI + `":{"note":"m"}}`, "box.label ext.note name", "what was kept of immutable ones was not sent"},
		{"PUT", "", `{"name":"n","box":{"fixed":"f"},"` + crateExtURI + `":{"asked":"q"}}`, "box.fixed ext.asked name", "they were sent"},
		{"PUT", "?attributes=name", whole, "name", "R-207"},
		{"PATCH", "", patchBody(`{"op":"replace","path":"box.label","value":"k"}`), "box.label ext.note items[0].value items[1].value name", "another sub-attribute"},
		{"PATCH", "", patchBody(`{"op":"replace","path":"box","value":{"label":"k"}}`), "box.label ext.note items[0].value items[1].value name", "another in the value"},
		{"PATCH", "", patchBody(`{"op":"replace","path":"box.asked","value":"r"}`), "box.asked box.label ext.note items[0].value items[1].value name", "in the path"},
		{"PATCH", "", patchBody(`{"op":"replace","value":{"box":{"asked":"r"}}}`), "box.asked box.label ext.note items[0].value items[1].value name", "in the value"},
		{"PATCH", "", patchBody(`{"op":"add","path":"items","value":[{"value":"3"}]}`), "box.label ext.note items[0].value items[1].value items[2].value name", "an element without it"},
		{"PATCH", "", patchBody(`{"op":"add","path":"items","value":[{"value":"3","asked":"r"}]}`), "box.label ext.note items[0].asked items[0].value items[1].asked items[1].value items[2].asked items[2].value name", "an element with it: elements are not told apart"},
		{"PATCH", "", patchBody(`{"op":"replace","path":"items[value eq \"1\"].asked","value":"r"}`), "box.label ext.note items[0].asked items[0].value items[1].asked items[1].value name", "in the path"},
		{"PATCH", "", patchBody(`{"op":"replace","path":"` + crateExtURI + `:note","value":"k"}`), "box.label ext.note items[0].value items[1].value name", "another of the extension"},
		{"PATCH", "", patchBody(`{"op":"replace","path":"wholly.more","value":"k"}`), "box.label ext.note items[0].value items[1].value name wholly.more wholly.value", "a part of it was sent"},
	} {
		e := newSite(t, &memstore.Store{}, &scim.Options{Types: []*scim.ResourceType{crateType(t)}})
		target := "/Crates"
		if tt.method != "POST" {
			target += "/" + e.must(201, "POST", "/Crates", whole).id()
		}
		a := e.do(tt.method, target+tt.query, tt.body)
		if got := shown(a); a.status >= 300 || got != tt.want {
			t.Errorf("%s %s %s\n got %d %s\nwant %s (%s)", tt.method, tt.query, tt.body, a.status, got, tt.want, tt.reason)
		}
	}
}

// TestMembersOnRequest: a schema may have members returned on request, so that
// nobody is sent a large group who did not ask.
func TestMembersOnRequest(t *testing.T) {
	schema := scim.GroupSchema()
	schema.Attribute("members").Returned = scim.ReturnedRequest
	groups, err := scim.NewResourceType(scim.TypeDefinition{Name: "Group", Endpoint: "Groups", Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	users, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	e := newSite(t, &memstore.Store{}, &scim.Options{Types: []*scim.ResourceType{users, groups}, GroupPatch200: true})
	ann := e.must(201, "POST", "/Users", `{"userName":"ann"}`).id()
	member := `[{"value":"` + ann + `"}]`
	group := "/Groups/" + e.must(201, "POST", "/Groups", `{"displayName":"g"}`).id()
	for _, tt := range []struct {
		method, target, body string
		want                 bool
		reason               string
	}{
		{"POST", "/Groups", `{"displayName":"h","members":` + member + `}`, true, "sent"},
		{"PATCH", group, patchBody(`{"op":"add","path":"members","value":` + member + `}`), true, "sent"},
		{"PATCH", group, patchBody(`{"op":"replace","path":"displayName","value":"i"}`), false, "not sent"},
		{"PUT", group, `{"displayName":"i","members":` + member + `}`, true, "sent"},
		{"GET", group, "", false, "not asked for"},
		{"GET", group + "?attributes=members", "", true, "asked for"},
		{"GET", group + "?attributes=members.value", "", true, "asked for in part"},
	} {
		a := e.do(tt.method, tt.target, tt.body)
		if got := a.doc["members"] != nil; a.status >= 300 || got != tt.want {
			t.Errorf("%s %s: members shown: %v, want %v (%s): %d %s", tt.method, tt.target, got, tt.want, tt.reason, a.status, a.body)
		}
	}
}

// TestProjectionOnEveryVerb: with every spelling of a name, on
// every answer that has resources.
func TestProjectionOnEveryVerb(t *testing.T) {
	const (
		core = scim.UserSchemaURI + ":"
		ext  = scim.EnterpriseUserSchemaURI + ":"
		body = `{"userName":"ann","name":{"givenName":"A","familyName":"B"},"emails":[{"value":"a@b","type":"work"}],
			"` + scim.EnterpriseUserSchemaURI + `":{"department":"D","manager":{"value":"m"}}}`
	)
	patch := patchBody(`{"op":"replace","path":"title","value":"t"}`)
	for _, tt := range []struct{ attributes, excluded, want string }{
		{"name.givenName", "", "name.givenName"},
		{core + "NAME.GIVENNAME", "", "name.givenName"},
		{core + "emails.value,userName", "", "emails[0].value userName"},
		{ext + "department", "", "ent.department"},
		{ext + "manager.value", "", "ent.manager.value"},
		{strings.ToLower(ext) + "DEPARTMENT", "", "ent.department"},
		{strings.TrimSuffix(ext, ":"), "", "ent.department ent.manager.$ref ent.manager.value"},
		{"department", "", "ent.department"}, // an extension's, without its URN
		{"meta.version,nope", "", ""},
		{"", "title,active,emails," + ext + "manager," + core + "name.familyName", "ent.department name.givenName userName"},
		{"", "title,active,emails,name,id,schemas," + strings.TrimSuffix(ext, ":"), "userName"},
		{"", "title,active,userName,name.givenName,name.familyName,emails.type," + ext + "department," + ext + "manager.$ref", "emails[0].value ent.manager.value"},
	} {
		e := newSite(t, &memstore.Store{}, nil)
		query := "attributes=" + tt.attributes
		message := fmt.Sprintf(`"attributes":["%s"]`, strings.ReplaceAll(tt.attributes, ",", `","`))
		if tt.attributes == "" {
			query = "excludedAttributes=" + tt.excluded
			message = fmt.Sprintf(`"excludedAttributes":["%s"]`, strings.ReplaceAll(tt.excluded, ",", `","`))
		}
		search := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],` + message + `}`
		post := e.must(201, "POST", "/Users?"+query, body)
		user := "/Users/" + post.id() + "?" + query
		for _, c := range []struct {
			what string
			a    reply
		}{
			{"POST", post},
			{"GET", e.must(200, "GET", user, "")},
			{"PATCH", e.must(200, "PATCH", user, patch)},
			{"PUT", e.must(200, "PUT", user, body)},
			{"list", e.must(200, "GET", "/Users?"+query, "")},
			{"list of the root", e.must(200, "GET", "/?"+query, "")},
			{".search", e.must(200, "POST", "/Users/.search", search)},
			{".search of the root", e.must(200, "POST", "/.search", search)},
		} {
			if list, ok := c.a.doc["Resources"].([]any); ok {
				c.a.doc = list[0].(map[string]any)
			}
			if c.a.doc["id"] == nil || c.a.doc["schemas"] == nil {
				t.Errorf("%s %s: id or schemas is missing: %s", c.what, query, c.a.body)
			}
			if got := shown(c.a); got != tt.want {
				t.Errorf("%s %s\n got %s\nwant %s", c.what, query, got, tt.want)
			}
		}
	}
}

func TestProjection(t *testing.T) {
	const enterprise = scim.EnterpriseUserSchemaURI
	e := newSite(t, &memstore.Store{}, nil)
	user := "/Users/" + e.must(201, "POST", "/Users", `{"userName":"ann","externalId":"x","name":{"givenName":"A","familyName":"B"},
		"emails":[{"value":"a@b","type":"work"},{"value":"c@d"}],"`+enterprise+`":{"department":"D","manager":{"value":"m"}}}`).id()
	for _, c := range []struct {
		query  string
		want   string // the members of the answer besides schemas and id
		reason string
	}{
		{"attributes=userName", `userName`, "meta is returned by default, not always (R-215)"},
		{"attributes=USERNAME,%20externalid", `userName externalId`, "names in any case, space around them"},
		{"attributes=name.givenName", `name.givenName`, "a sub-attribute alone (A-22)"},
		{"attributes=emails.type", `emails[0].type`, "an element without it is left out"},
		{"attributes=" + enterprise, enterprise + `.department ` + enterprise + `.manager.value ` + enterprise + `.manager.$ref`, "a whole extension"},
		{"attributes=" + enterprise + ":manager.value", enterprise + `.manager.value`, "no $ref unless it is asked for"},
		{"attributes=urn:ietf:params:scim:schemas:core:2.0:User:userName", `userName`, "the core URI"},
		{"attributes=nope", ``, "unknown names are ignored (A-20)"},
		{"attributes=meta.created", `meta.created`, "a part of meta"},
		{"attributes=id,schemas", ``, "always there"},
		{"excludedAttributes=id,schemas,meta,name,emails,active," + enterprise, `userName externalId`, "what is always returned cannot be excluded"},
		{"excludedAttributes=meta,active,emails,name.familyName,externalId,userName," + enterprise + ":manager", `name.givenName ` + enterprise + `.department`, "sub-attributes"},
		{"attributes=userName&excludedAttributes=userName", `userName`, "attributes wins (A-19)"},
	} {
		a := e.must(200, "GET", user+"?"+c.query, "")
		if a.id() == "" || a.doc["schemas"] == nil {
			t.Errorf("%s: id or schemas is missing: %s", c.query, a.body)
		}
		delete(a.doc, "id")
		delete(a.doc, "schemas")
		want := map[string]bool{}
		for _, p := range strings.Fields(c.want) {
			want[p] = true
		}
		if diff := cmp.Diff(want, leaves("", a.doc)); diff != "" {
			t.Errorf("%s: %s (-want +got)\n%s", c.query, c.reason, diff)
		}
	}
}

// leaves names the simple values in a document.
func leaves(prefix string, v any) map[string]bool {
	out := map[string]bool{}
	add := func(p string, v any) {
		for name := range leaves(p, v) {
			out[name] = true
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			add(strings.TrimPrefix(prefix+"."+name, "."), value)
		}
	case []any:
		for i, value := range v {
			add(fmt.Sprintf("%s[%d]", prefix, i), value)
		}
	default:
		out[prefix] = true
	}
	return out
}
