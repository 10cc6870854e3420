package scim_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/usherkit/scim/internal/wiretest"
)

const (
	listURI  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorURI = "urn:ietf:params:scim:api:messages:2.0:Error"
	bulkURI  = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

var cursorIsNamed = regexp.MustCompile(`[?&]cursor(=|&|$)`)

var scimTypes = map[string][]int{
	"invalidFilter": {400}, "tooMany": {400}, "uniqueness": {409}, "mutability": {400}, "invalidSyntax": {400}, "invalidPath": {400},
	"noTarget": {400}, "invalidValue": {400}, "invalidVers": {400}, "sensitive": {403}, "invalidCursor": {400}, "invalidCount": {400},
}

// houseRules are what must be true of every answer.
func (a *answer) houseRules(s *wiretest.Step) (broken []string) {
	rule := func(ok bool, format string, args ...any) {
		if !ok {
			broken = append(broken, fmt.Sprintf(format, args...))
		}
	}
	contentType := a.header.Values("Content-Type")
	if a.body == "" {
		rule(len(contentType) == 0, "Content-Type %q without a body", contentType)
		rule(a.status == 204 || a.status == 304 || s.Method == "HEAD", "%d without a body", a.status)
		return broken
	}
	rule(slices.Equal(contentType, []string{"application/scim+json"}), "Content-Type %q: Entra takes nothing but application/scim+json (R-111)", contentType)
	rule(a.status != 204 && a.status != 304 && s.Method != "HEAD", "%d with a body", a.status)
	rule(!strings.Contains(a.body, "\n"), "the body is more than one line")
	for path := range nulls(a.value, "") {
		rule(false, "%s is null: unassigned attributes are left out", path)
	}
	if n := a.header.Get("Content-Length"); n != "" {
		rule(n == strconv.Itoa(len(a.body)), "Content-Length %s, body of %d bytes", n, len(a.body))
	}
	object, _ := a.value.(map[string]any)
	schemas, _ := object["schemas"].([]any)
	rule(len(schemas) > 0, "no schemas (R-033)")
	detail, _ := object["detail"].(string)
	switch {
	case a.status >= 400:
		rule(slices.Equal(schemas, []any{errorURI}), "the body is no SCIM error (R-311)")
		rule(object["status"] == strconv.Itoa(a.status), "status in the body is %v (R-312)", object["status"])
		rule(detail != "", "no detail: an admin must read what is wrong")
		for _, hint := range []string{"goroutine", ".go:", "secret", "hunter2", "10.0.0.7", "panic", "scim: ", "%!"} {
			rule(!strings.Contains(detail, hint), "the error tells of %q", hint)
		}
		if kind, ok := object["scimType"]; ok {
			name, _ := kind.(string)
			rule(slices.Contains(scimTypes[name], a.status), "scimType %v with status %d", kind, a.status)
		}
		rule(a.status != 401 || a.header.Get("WWW-Authenticate") != "", "401 without WWW-Authenticate (R-120)")
		rule(a.status != 405 || a.header.Get("Allow") != "", "405 without Allow")
		rule(len(a.events) == 0, "an error, and still the application was told of %v", a.events)
		rule(len(a.logs) > 0, "the error was not logged")
	case slices.Equal(schemas, []any{listURI}):
		resources, ok := object["Resources"].([]any)
		rule(ok, "Resources is no array (A-18)")
		rule(fmt.Sprint(object["itemsPerPage"]) == strconv.Itoa(len(resources)), "itemsPerPage is %v of %d (A-17)", object["itemsPerPage"], len(resources))
		byCursor := cursorIsNamed.MatchString(s.Target) || strings.HasSuffix(s.Target, "/.search") && strings.Contains(s.Body, `"cursor":"`)
		rule((object["startIndex"] == nil) == byCursor, "startIndex is %v, which only a page by cursor lacks (A-18)", object["startIndex"])
		rule(byCursor || object["nextCursor"] == nil, "a cursor that nobody asked for (R-191)")
		for i, r := range resources {
			one, _ := r.(map[string]any)
			rule(one["schemas"] != nil, "Resources[%d] has no schemas (A-21)", i)
		}
	default:
		if id, ok := object["id"]; ok {
			rule(id != "", "empty id")
		}
		if meta, ok := object["meta"].(map[string]any); ok && meta["version"] != nil {
			rule(a.header.Get("ETag") == meta["version"], "ETag %q, meta.version %v (R-301)", a.header.Get("ETag"), meta["version"])
		}
	}
	if slices.Equal(schemas, []any{bulkURI}) {
		list, ok := object["Operations"].([]any)
		rule(ok, "Operations is no array")
		for i, r := range list {
			one, _ := r.(map[string]any)
			status, _ := one["status"].(string)
			response, _ := one["response"].(map[string]any)
			failed := !strings.HasPrefix(status, "2")
			rule(len(status) == 3, "Operations[%d]: status %v is no string of three digits (R-287)", i, one["status"])
			rule(failed == (response != nil), "Operations[%d]: status %s with response %v (R-288)", i, status, response)
			rule(!failed || response["status"] == status && response["detail"] != nil, "Operations[%d]: status %s with response %v (R-312)", i, status, response)
			rule(one["location"] != nil || failed && one["method"] == "POST" || status == "400", "Operations[%d] has no location (R-286)", i)
			rule(one["location"] == nil || !failed || one["method"] != "POST", "Operations[%d], a failed POST, has a location (R-286)", i)
			rule(one["method"] != "POST" || failed || one["bulkId"] != nil, "Operations[%d] has no bulkId (R-282)", i)
			rule(one["version"] == nil || !failed, "Operations[%d] failed and has a version", i)
		}
	}
	for _, l := range a.logs {
		rule(!strings.Contains(l, "Bearer") && !strings.Contains(l, "secret"), "the log tells the token: %s", l)
	}
	return broken
}

func nulls(v any, path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		switch v := v.(type) {
		case nil:
			yield(path)
		case map[string]any:
			for name, member := range v {
				for p := range nulls(member, path+"."+name) {
					if !yield(p) {
						return
					}
				}
			}
		case []any:
			for i, element := range v {
				for p := range nulls(element, fmt.Sprintf("%s[%d]", path, i)) {
					if !yield(p) {
						return
					}
				}
			}
		}
	}
}
