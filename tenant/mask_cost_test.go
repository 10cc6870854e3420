package tenant

import (
	"strings"
	"testing"
	"time"
)

// TestMaskingIsLinear: what was made to be slow is not. Each of these took minutes, or
// seconds, when its cost was of the square of its length.
func TestMaskingIsLinear(t *testing.T) {
	const most = 2 * time.Second // of milliseconds
	long := func(s string) string { return strings.Repeat(s, mostBody/len(s)) }
	for name, body := range map[string]string{
		"bulkIds":           `"` + long("bulkId:") + `"`,
		"a path":            `{"Operations":[{"path":"` + long("a.") + `","value":1}]}`,
		"a filter":          `{"Operations":[{"path":"a[` + long("a.b eq 1 and ") + `a eq 1]","value":1}]}`,
		"a number":          long("12345678"),
		"names":             `{` + long(`"a[b eq 1]":1,`) + `"z":1}`,
		"strings":           `[` + long(`"abc",`) + `"x"]`,
		"JSON in strings":   `[` + long(`"{\"a\":1}",`) + `""]`,
		"operations":        `{"Operations":[` + long(`{},`) + `{}]}`,
		"brackets":          `"` + long("[") + `"`,
		"marks of a token":  `"` + long("a_") + `"`,
		"beginnings of JWT": `"` + long("eyJ") + `"`,
	} {
		began := time.Now()
		testMasker(false).body([]byte(body), false, false)
		if took := time.Since(began); took > most {
			t.Errorf("%s: %v", name, took)
		}
	}
	values := make([]string, 0, 10_000)
	for i := range 10_000 {
		values = append(values, `"`+strings.Repeat(string(rune('a'+i%26)), 3)+strings.Repeat("x", i%7)+`"`)
	}
	for name, detail := range map[string]string{
		"quotations":         strings.Repeat(`"a" `, mostDetail/4),
		"clipped quotations": strings.Repeat(`"a…" `, mostDetail/6),
		"ellipses":           strings.Repeat("…", mostDetail/3),
		"values":             strings.Repeat("aaa ", mostDetail/4),
	} {
		m := testMasker(false)
		m.body([]byte("["+strings.Join(values, ",")+"]"), false, false)
		began := time.Now()
		m.detail(detail)
		if took := time.Since(began); took > most {
			t.Errorf("a detail with %s: %v", name, took)
		}
	}
}

// TestLongTargets: what is long is cut before anything is done with it, and no part
// of a token is left at its end.
func TestLongTargets(t *testing.T) {
	secret, _ := newSecret("usher")
	for at := range 100 {
		in := strings.Repeat("/", mostLine-at) + secret + strings.Repeat("y", 900_000)
		got, isCut := cutText(in, secret, mostLine)
		if !isCut || len(got) > mostLine || strings.Contains(got, secret[:4]) {
			t.Fatalf("with the token %d bytes before the end: …%s, cut: %v", at, got[max(0, len(got)-100):], isCut)
		}
	}
	n := noted{Record: Record{Method: "GET", Connection: maskedRef, Masked: true}, path: "Users/" + strings.Repeat("bulkId:", 1000), isClipped: true}
	rec := n.record(n.masker(testKey(0)))
	if !strings.HasSuffix(rec.Path, "…") {
		t.Errorf("the path %s does not say that it was longer", rec.Path)
	}
	if _, err := rec.Request(t.Context(), "http://localhost"); err == nil {
		t.Error("a request was made of part of a path")
	}
}

// TestMaskedHeaders: of headers there is what they mostly are.
func TestMaskedHeaders(t *testing.T) {
	for _, test := range []struct{ name, contentType, userAgent, ifMatch, want string }{
		{"usual ones", "application/scim+json", "Okta SCIM Client 1.0.0", `W/"7", "a-1", *`, `application/scim+json|Okta SCIM Client 1.0.0|W/"7", "a-1", *`},
		{"parameters and comments", "application/json; name=ada", "provider/1.2 (ada lovelace) ada", `W/"ada lovelace"`, `application/json|provider/1.2 (~) ~|W/"~"`},
		{"names of people", "ada", "Ada Lovelace", "Ada", "~|~ ~|~"},
		{"a type that is none", "ada/lovelace", "", "", "~||"},
		{"none", "", "", "", "||"},
	} {
		m := testMasker(false)
		got := m.contentType(test.contentType) + "|" + m.userAgent(test.userAgent) + "|" + m.versions(test.ifMatch)
		if readable(got) != test.want {
			t.Errorf("%s: got %s, want %s", test.name, readable(got), test.want)
		}
	}
	if m := testMasker(false); readable(m.method("ADA")) == "ADA" || m.method("PATCH") != "PATCH" {
		t.Error("a method that is none stays, or one that is does not")
	}
}

// TestValuesInOddPlaces are those that an attacker found.
func TestValuesInOddPlaces(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"an exponent", `{"employeeNumber":"7e451234","x":4e15551234,"y":1e400}`, `{"employeeNumber":"#e######","x":#e########,"y":1e400}`},
		{"a schema of nobody", `{"a":"urn:ietf:params:scim:ada:lovelace","b":"urn:ietf:params:scim:schemas:core:2.0:User"}`, `{"a":"~","b":"urn:ietf:params:scim:schemas:core:2.0:User"}`},
		{"bulkIds in bulkIds", `{"a":"bulkId:bulkId:bulkId:ada"}`, `{"a":"bulkId:~"}`},
	} {
		if got := readable(string(testMasker(false).body([]byte(test.in), false, false))); !matches(got, test.want) {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
	const jwe = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..abcdefghijklmnop.abcdefghijklmnopqrst.abcdefghijklmnopqrst"
	kept := string(testMasker(true).body([]byte(`{"roles":[{"value":"{\"password\":\"hunter22\",\"id\":\"ada\"}"}],"b":"`+jwe+`"}`), false, false))
	if want := `{"roles":[{"value":"{\"password\":\"********\",\"id\":\"ada\"}"}],"b":"********"}`; kept != want {
		t.Errorf("with KeepValues: got %s, want %s", kept, want)
	}
	for _, test := range []struct{ name, query, body, detail, want string }{
		{"part of a literal in other quotes", "filter=(userName+eq+'Zebedee+Lovelace'", `{}`, "expected a string in double quotes, found 'Zebedee", "expected a string in double quotes, found '~"},
		{"a clipped value without quotes", "", `{"title":"` + strings.Repeat("Ada Lovelace ", 20) + `"}`, "there is no room for " + strings.Repeat("Ada Lovelace ", 8) + "Ada Love…, says the plan", "there is no room for ~…, says the plan"},
		{"a value with quotes", "", `{"title":"Ada \"Augusta\" Lovelace"}`, `there is no room for Ada "Augusta" Lovelace here`, "there is no room for ~ here"},
	} {
		m := testMasker(false)
		m.path("Users", test.query)
		m.body([]byte(test.body), false, false)
		if got := readable(m.detail(test.detail)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}
