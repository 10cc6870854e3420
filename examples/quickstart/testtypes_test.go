package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim"
)

// certified is the endpoint under test.
type certified struct {
	t *testing.T
	h http.Handler
}

func certify(t *testing.T, kind mode) certified {
	t.Helper()
	h, err := endpoint("s3cret", scim.NoHooks{}, slog.New(slog.DiscardHandler), kind)
	if err != nil {
		t.Fatal(err)
	}
	return certified{t, h}
}

// must sends a request, wants the status and returns the answer.
func (c certified) must(status int, method, target, body string) map[string]any {
	c.t.Helper()
	r := httptest.NewRequest(method, "/scim/v2"+target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer s3cret")
	r.Header.Set("Content-Type", "application/scim+json")
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	src, err := io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var answer map[string]any
	if len(src) > 0 {
		if err := json.Unmarshal(src, &answer); err != nil {
			c.t.Fatal(err)
		}
	}
	if w.Code != status {
		c.t.Fatalf("%s %s %s\n got %d %s\nwant %d", method, target, body, w.Code, src, status)
	}
	return answer
}

// TestTheTestTypesAreDiscovered: with exactly these attributes, and conformant
// where it says so.
func TestTheTestTypesAreDiscovered(t *testing.T) {
	for _, kind := range []mode{{testTypes: true}, {testTypes: true, strict: true}} {
		c := certify(t, kind)
		typ := c.must(200, "GET", "/ResourceTypes/TestResource", "")
		if got := fmt.Sprint(typ["endpoint"], typ["schema"], typ["schemaExtensions"]); got != "/TestResources"+testSchemaURI+"[map[required:true schema:"+testExtensionURI+"]]" {
			t.Errorf("the resource type is %s", got)
		}
		for uri, want := range map[string][]string{
			testSchemaURI: {
				"identifier", "uniqueString", "caseExactString", "caseInsensitiveString", "integerAttr", "booleanAttr", "dateTimeAttr", "binaryAttr",
				"referenceAttr", "readOnlyAttr", "immutableAttr", "writeOnlyAttr", "requestOnlyAttr", "alwaysReturnedAttr", "multiStrings",
				"complexAttr", "complexAttr.sub1", "complexAttr.sub2", "complexAttr.sub3",
				"multiComplex", "multiComplex.value", "multiComplex.type", "multiComplex.primary",
			},
			testExtensionURI: {"extString", "extRequired", "extInteger"},
		} {
			got := attributeNames("", c.must(200, "GET", "/Schemas/"+uri, "")["attributes"])
			got = slices.DeleteFunc(got, func(name string) bool { return name == "externalId" }) // which all resources have
			if !slices.Equal(got, want) {
				t.Errorf("%s has\n%q, want\n%q", uri, got, want)
			}
		}
		if got := c.must(200, "GET", "/ServiceProviderConfig", "")["interopProfileConformant"] == true; got != kind.strict {
			t.Errorf("%+v: interopProfileConformant is %v", kind, got)
		}
	}
}

func attributeNames(prefix string, attributes any) (names []string) {
	list, _ := attributes.([]any)
	for _, a := range list {
		a, _ := a.(map[string]any)
		name, _ := a["name"].(string)
		names = append(append(names, prefix+name), attributeNames(prefix+name+".", a["subAttributes"])...)
	}
	return names
}

// TestATestResource lives through all verbs, in both modes.
func TestATestResource(t *testing.T) {
	const (
		schemas = `"schemas":["` + testSchemaURI + `","` + testExtensionURI + `"],`
		ext     = `,"` + testExtensionURI + `":{"extRequired":"r","extInteger":1}`
		patchOp = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`
	)
	for _, kind := range []mode{{testTypes: true}, {testTypes: true, strict: true}} {
		c := certify(t, kind)
		made := c.must(201, "POST", "/TestResources", `{`+schemas+`"identifier":"one","uniqueString":"U","integerAttr":1,"booleanAttr":true,"dateTimeAttr":"2026-01-01T00:00:00Z",
			"binaryAttr":"AQ==","referenceAttr":"https://example.com/","readOnlyAttr":"x","immutableAttr":"i","writeOnlyAttr":"w","requestOnlyAttr":"q","alwaysReturnedAttr":"a",
			"multiStrings":["m"],"complexAttr":{"sub1":"s","sub2":2},"multiComplex":[{"value":"v","type":"work","primary":true}]`+ext+`}`)
		if made["readOnlyAttr"] != nil || made["writeOnlyAttr"] != nil || made["requestOnlyAttr"] != "q" {
			t.Errorf("%+v: created %v", kind, made)
		}
		one := "/TestResources/" + made["id"].(string)
		c.must(409, "POST", "/TestResources", `{`+schemas+`"identifier":"two","uniqueString":"u"`+ext+`}`)
		c.must(400, "POST", "/TestResources", `{`+schemas+`"uniqueString":"v"`+ext+`}`)
		c.must(400, "POST", "/TestResources", `{"schemas":["`+testSchemaURI+`"],"identifier":"three"}`)
		c.must(400, "PATCH", one, fmt.Sprintf(patchOp, `{"op":"replace","path":"immutableAttr","value":"j"}`))
		c.must(200, "PATCH", one, fmt.Sprintf(patchOp, `{"op":"replace","path":"complexAttr.sub2","value":3}`))
		read := c.must(200, "GET", one+"?excludedAttributes=alwaysReturnedAttr", "")
		if read["requestOnlyAttr"] != nil || read["alwaysReturnedAttr"] != "a" || fmt.Sprint(read["complexAttr"]) != "map[sub1:s sub2:3]" {
			t.Errorf("%+v: read %v", kind, read)
		}
		c.must(400, "PUT", one, `{`+schemas+`"identifier":"one","immutableAttr":"j"`+ext+`}`)
		c.must(200, "PUT", one, `{`+schemas+`"identifier":"one","immutableAttr":"i"`+ext+`}`)
		if page := c.must(200, "GET", "/TestResources?filter=identifier+eq+%22one%22&sortBy=integerAttr", ""); page["totalResults"] != 1.0 {
			t.Errorf("%+v: found %v", kind, page)
		}
		c.must(204, "DELETE", one, "")
		c.must(201, "POST", "/Users", `{"schemas":["`+scim.UserSchemaURI+`"],"userName":"ada"}`)
	}
}

func TestModes(t *testing.T) {
	for _, flag := range []string{"-strict", "-test-types"} {
		var out strings.Builder
		if got := run(t.Context(), []string{"-demo", flag}, &out); got != 2 || !strings.Contains(out.String(), "leave") {
			t.Errorf("-demo %s: exit code %d: %s; want 2, and why", flag, got, out.String())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out strings.Builder
	if got := run(ctx, []string{"-addr", "127.0.0.1:0", "-strict", "-test-types"}, &out); got != 0 {
		t.Fatalf("exit code %d:\n%s", got, out.String())
	}
	for _, want := range []string{"It is strict", testSchemaURI} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	const unknownName = `{"schemas":["` + scim.UserSchemaURI + `"],"userName":"ada","shoeSize":"37"}`
	certify(t, mode{}).must(201, "POST", "/Users", unknownName)
	certify(t, mode{strict: true}).must(400, "POST", "/Users", unknownName)
	certify(t, mode{}).must(404, "GET", "/TestResources", "")
}
