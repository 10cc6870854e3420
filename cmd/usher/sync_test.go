package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

// answering lets f change the answers of an endpoint.
func answering(f func(r *http.Request, answer *httptest.ResponseRecorder) (body string)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			body := f(r, answer)
			for name, values := range answer.Header() {
				w.Header()[name] = values
			}
			w.Header().Del("Content-Length")
			w.WriteHeader(answer.Code)
			w.Write([]byte(body))
		})
	}
}

const nobody = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[],"startIndex":1,"itemsPerPage":0}`

func init() {
	// Nobody is a member, if one asks.
	faults["memberless"] = answering(func(r *http.Request, a *httptest.ResponseRecorder) string {
		if strings.Contains(r.URL.Query().Get("filter"), " and members eq ") {
			return nobody
		}
		return a.Body.String()
	})
	// There are no groups.
	faults["groupless"] = answering(func(r *http.Request, a *httptest.ResponseRecorder) string {
		if strings.Contains(r.URL.Path, "/Groups") {
			a.Code = http.StatusNotFound
		}
		return a.Body.String()
	})
	// Answers are plain JSON.
	faults["plain"] = answering(func(_ *http.Request, a *httptest.ResponseRecorder) string {
		a.Header().Set("Content-Type", "application/json")
		return a.Body.String()
	})
	// Every second time somebody is read there is no title.
	var mu sync.Mutex
	read := map[string]int{}
	title := regexp.MustCompile(`"title":"(?:[^"\\]|\\.)*",?`)
	faults["fickle"] = answering(func(r *http.Request, a *httptest.ResponseRecorder) string {
		if r.Method != http.MethodGet || r.URL.RawQuery != "" {
			return a.Body.String()
		}
		mu.Lock()
		defer mu.Unlock()
		at := r.Host + r.URL.Path
		if read[at]++; read[at]%2 == 1 {
			return a.Body.String()
		}
		return title.ReplaceAllString(a.Body.String(), "")
	})
}

// TestDocumentedForms: the page about sync shows a report and mappings as they
// are.
func TestDocumentedForms(t *testing.T) {
	page, err := os.ReadFile("../../docs/sync.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(examples) != 2 {
		t.Fatalf("%d examples in JSON, want the mappings and the report", len(examples))
	}

	var m mappings
	dec := json.NewDecoder(strings.NewReader(examples[0][1]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if _, err := idp.NewEntra("http://localhost", testToken, &idp.Options{
		UserMappings: m.Users, GroupMappings: m.Groups, UserScope: m.UserScope, GroupScope: m.GroupScope, AssignedOnly: m.AssignedOnly,
	}); err != nil || m.Users == nil || m.Groups == nil || m.UserScope == nil {
		t.Errorf("the mappings %+v: %v", m, err)
	}

	var r syncReport
	if err := json.Unmarshal([]byte(examples[1][1]), &r); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var documented, real any
	if err := json.Unmarshal([]byte(examples[1][1]), &documented); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(again, &real); err != nil {
		t.Fatal(err)
	}
	same(t, "the report", documented, real)
}

// same reports members that one of two values has and the other has not.
func same(t *testing.T, at string, documented, real any) {
	t.Helper()
	switch real := real.(type) {
	case map[string]any:
		doc, _ := documented.(map[string]any)
		for name := range doc {
			if _, ok := real[name]; !ok {
				t.Errorf("%s: %s is documented, and there is none", at, name)
			}
		}
		for name, v := range real {
			if _, ok := doc[name]; !ok {
				t.Errorf("%s: %s is not documented", at, name)
				continue
			}
			same(t, at+"."+name, doc[name], v)
		}
	case []any:
		doc, _ := documented.([]any)
		if len(doc) != len(real) {
			t.Errorf("%s: %d elements are documented, and read again they are %d", at, len(doc), len(real))
			return
		}
		for i := range real {
			same(t, at, doc[i], real[i])
		}
	default:
		if documented != real {
			t.Errorf("%s: documented is %v, and read again it is %v", at, documented, real)
		}
	}
}
