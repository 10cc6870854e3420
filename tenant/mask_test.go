package tenant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var (
	pseudonymKey = []byte(strings.Repeat("k", 32))
	maskedRef    = Ref{"contoso", "1"}
)

func testMasker(keep bool) *masker {
	return newMasker(maskKey(pseudonymKey), maskedRef, keep, "s3cr3t-of-this-request")
}

// readable replaces pseudonyms, so that a test can say where one must be.
func readable(s string) string { return maskX.ReplaceAllString(s, "~") }

var maskX = regexp.MustCompile(isMask.String() + "x*")

const anID = "2819c223-7f76-453a-919d-413861904646"

func TestMaskedBodies(t *testing.T) {
	const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	for _, test := range []struct{ name, reason, in, want string }{
		{
			"a user", "names, canonical values and booleans stay",
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com","active":true,"emails":[{"type":"work","value":"ada@example.com","primary":"True"}],"name":{"givenName":"Ada"}}`,
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"~@masked.invalid","active":true,"emails":[{"type":"work","value":"~@masked.invalid","primary":"True"}],"name":{"givenName":"~"}}`,
		},
		{
			"spaces and duplicates", "what makes a request fail must stay",
			"{ \"title\" : \"a b\",\n\t\"TITLE\": null, \"title\":[ ] }", "{ \"title\" : \"~\",\n\t\"TITLE\": null, \"title\":[ ] }",
		},
		{
			"Entra's PATCH", "operations, paths and strings that are booleans stay",
			patch + `{"op":"Replace","path":"active","value":"False"},{"op":"Add","path":"emails[type eq \"work\"].value","value":"ada@example.com"}]}`,
			patch + `{"op":"Replace","path":"active","value":"False"},{"op":"Add","path":"emails[type eq \"work\"].value","value":"~@masked.invalid"}]}`,
		},
		{
			"literals in paths", "a value path names people, too",
			patch + `{"op":"remove","path":"emails[value eq \"ada@example.com\" and not (type eq \"work\")].display"}]}`,
			patch + `{"op":"remove","path":"emails[value eq \"~@masked.invalid\" and not (type eq \"work\")].display"}]}`,
		},
		{
			"keys that are paths", "Entra's dialect aadOptscim062020",
			patch + `{"op":"replace","value":{"emails[value eq \"ada@example.com\"].value":"x y","name.givenName":"Ada","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Engines"}}]}`,
			patch + `{"op":"replace","value":{"emails[value eq \"~@masked.invalid\"].value":"~","name.givenName":"~","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"~"}}]}`,
		},
		{
			"keys that are no names", "a map of people",
			`{"ada@example.com":true,"a key":1}`, `{"~@masked.invalid":true,"~":1}`,
		},
		{
			"what is no path", "anything may stand where a path is wanted",
			patch + `{"op":"add","path":"ada lovelace","value":1},{"op":"Ada Lovelace","path":"emails[ada lovelace]","value":1}]}`,
			patch + `{"op":"add","path":"~","value":1},{"op":"~","path":"emails[ada ~]","value":1}]}`,
		},
		{
			"ids", "an id is nobody's name, and a replay needs it",
			patch + `{"op":"add","path":"members","value":[{"value":"` + anID + `"},{"value":"u-17"},{"value":"ada"}]},{"op":"remove","path":"members[value eq \"u-17\"]"},{"op":"add","path":"manager","value":"17"}]}`,
			patch + `{"op":"add","path":"members","value":[{"value":"` + anID + `"},{"value":"u-17"},{"value":"~"}]},{"op":"remove","path":"members[value eq \"u-17\"]"},{"op":"add","path":"manager","value":"17"}]}`,
		},
		{
			"ids elsewhere", "a number in another place may be of a phone",
			`{"externalId":"u-17","nickName":"` + anID + `"}`, `{"externalId":"~","nickName":"` + anID + `"}`,
		},
		{
			"passwords", "by any name, and with no pseudonym, which could be guessed",
			`{"password":"hunter2","userPassword":{"value":"hunter2","n":12345},"apiKey":["a","b"],"client_secret":"hunter2"}`,
			`{"password":"********","userPassword":{"value":"********","n":0},"apiKey":["********","********"],"client_secret":"********"}`,
		},
		{
			"passwords in a PATCH", "the path may come after the value",
			patch + `{"op":"replace","value":"hunter2","path":"password"},{"value":{"password":"hunter2","title":"x"},"op":"replace"}]}`,
			patch + `{"op":"replace","value":"********","path":"password"},{"value":{"password":"********","title":"~"},"op":"replace"}]}`,
		},
		{
			"bulk", "methods, endpoints and ids of resources stay, and a reference still refers",
			`{"Operations":[{"method":"POST","path":"/Users","bulkId":"ada","data":{"userName":"ada"}},{"method":"patch","path":"/Groups/` + anID + `","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:ada"}]},{"value":"hunter2","path":"password"}]}},{"method":"PUT","path":"/Users/ada@example.com"}]}`,
			`{"Operations":[{"method":"POST","path":"/Users","bulkId":"~","data":{"userName":"~"}},{"method":"patch","path":"/Groups/` + anID + `","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:~"}]},{"value":"********","path":"password"}]}},{"method":"PUT","path":"/Users/~@masked.invalid"}]}`,
		},
		{
			"numbers", "their length and sign may be what is wrong",
			`{"a":5,"b":-12,"c":0.5,"d":2819223,"e":1e400,"f":-0.25E-3}`, `{"a":5,"b":-##,"c":0.#,"d":#######,"e":1e400,"f":-0.##e-3}`,
		},
		{"numbers in strings", "Entra writes numbers so", `{"a":"5","b":"2819"}`, `{"a":"5","b":"####"}`},
		{"times", "they must be read as times", `{"a":"2024-05-06T07:08:09Z","b":"2024-05-06 07:08"}`, `{"a":"20##-##-##T##:##:##Z","b":"~"}`},
		{"URLs", "they must be read as URLs", `{"profileUrl":"https://example.com/ada","$ref":"https://app/v2/Users/` + anID + `"}`, `{"profileUrl":"https://~.invalid","$ref":"https://~.invalid/Users/` + anID + `"}`},
		{"JSON in a string", "Entra's roles", `{"roles":[{"value":"{\"id\":\"a b\",\"isPrimary\":true}"}]}`, `{"roles":[{"value":"{\"id\":\"~\",\"isPrimary\":true}"}]}`},
		{"nothing", "an empty string clears an attribute", `{"a":"","b":" ","c":null,"d":[]}`, `{"a":"","b":" ","c":null,"d":[]}`},
		{"schemas of others", "their names are names", `{"schemas":["urn:contoso:scim:2.0:User","ada lovelace"],"urn:contoso:scim:2.0:User":{"x":"y"}}`, `{"schemas":["urn:contoso:scim:2.0:User","~"],"urn:contoso:scim:2.0:User":{"x":"~"}}`},
		{"what makes a string invalid", "NUL, half a surrogate pair, bytes that are no UTF-8", `{"a":"x\u0000y","b":"x\ud800","c":"x` + "\xff" + `"}`, `{"a":"~\u0000","b":"~\ud800","c":"~` + "\xff" + `"}`},
		{"a bare string", "that is JSON too", `"ada lovelace"`, `"~"`},
		{"no JSON", "nothing is known of it", `{"userName":"ada`, `xxxxxxxxxxxxxxxx`},
		{"a form", "nor of this", `token=hunter2`, `xxxxxxxxxxxxx`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := string(testMasker(false).body([]byte(test.in), false, false))
			if shown := readable(got); !matches(shown, test.want) {
				t.Errorf("%s\n got %s\nwant %s", test.reason, shown, test.want)
			}
			if json.Valid([]byte(test.in)) != json.Valid([]byte(got)) {
				t.Errorf("valid JSON: %v; masked: %v: %s", json.Valid([]byte(test.in)), json.Valid([]byte(got)), got)
			}
		})
	}
}

// matches compares, where # stands for any digit.
func matches(got, want string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range len(got) {
		if got[i] != want[i] && !(want[i] == '#' && got[i] >= '0' && got[i] <= '9') {
			return false
		}
	}
	return true
}

func TestMaskedSearch(t *testing.T) {
	in := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eq \"ada\" or manager.value eq \"u-17\"","attributes":["userName","ada lovelace"],"sortBy":"name.familyName","sortOrder":"descending","startIndex":101,"count":50,"cursor":"a b"}`
	want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eq \"~\" or manager.value eq \"u-17\"","attributes":["userName","~"],"sortBy":"name.familyName","sortOrder":"descending","startIndex":101,"count":50,"cursor":"~"}`
	if got := readable(string(testMasker(false).body([]byte(in), true, false))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestKeptBodies: KeepValues keeps bodies as they were sent, but never secrets.
func TestKeptBodies(t *testing.T) {
	token, _ := newSecret("other")
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
	for _, test := range []struct{ name, in, want string }{
		{"values", "{ \"userName\":\"ada@example.com\", \"n\" : 12345,\"ada@example.com\":\"\\u0041da\"}", "{ \"userName\":\"ada@example.com\", \"n\" : 12345,\"ada@example.com\":\"\\u0041da\"}"},
		{"passwords", `{"userName":"ada","Password":"hunter2"}`, `{"userName":"ada","Password":"********"}`},
		{"a password behind its value", `{"Operations":[{"value":"hunter2","op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:password"}]}`, `{"Operations":[{"value":"********","op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:password"}]}`},
		{"a password in a filter", `{"Operations":[{"op":"remove","path":"x[password eq \"hunter2\"]"}]}`, `{"Operations":[{"op":"remove","path":"x[password eq \"********\"]"}]}`},
		{"a bulk request's path", `{"Operations":[{"method":"GET","path":"/Users/ada?x=1%2"}]}`, `{"Operations":[{"method":"GET","path":"/Users/ada?x=1%2"}]}`},
		{"tokens", `{"title":"it is ` + token + `","note":"Bearer ` + jwt + `","s3cr3t-of-this-request":"x s3cr3t-of-this-request"}`, `{"title":"it is ********","note":"Bearer ********","********":"x ********"}`},
		{"no JSON", "userName=ada&password=hunter2", strings.Repeat("x", 29)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := string(testMasker(true).body([]byte(test.in), false, false)); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestCutBodies: of a body that was cut there is as much as can be read, and no
// value of which it is not known whether it is a password.
func TestCutBodies(t *testing.T) {
	const whole = `{"Operations":[{"op":"add","value":{"title":"hunter2"},"path":"password"},{"value":"hunter2","path":"password"}],"n":12345}`
	for cut := range len(whole) {
		for _, keep := range []bool{false, true} {
			got := string(testMasker(keep).body([]byte(whole[:cut]), false, true))
			if strings.Contains(got, "hunter2") || strings.Contains(readable(got), "~") {
				t.Errorf("cut at %d, keep %v: got %s", cut, keep, got)
			}
			if want := strings.NewReplacer("hunter2", hidden).Replace(whole); !strings.HasPrefix(want, got) {
				t.Errorf("cut at %d, keep %v: got %s; want a beginning of %s", cut, keep, got, want)
			}
		}
	}
	if got, want := readable(string(testMasker(false).body([]byte(`{"a":"b c","d":tru}  `), false, true))), strings.Repeat("x", 21); got != want {
		t.Errorf("what is no JSON though it was cut: got %s; want %s", got, want)
	}
}

func TestMaskedPaths(t *testing.T) {
	token, id := newSecret("usher")
	for _, test := range []struct{ name, path, query, want string }{
		{"a resource", "Users/" + anID, "", "Users/" + anID},
		{"an id of another form", "Users/u-17", "", "Users/u-17"},
		{"a name for an id", "Users/ada", "", "Users/~"},
		{"an address for an id", "Users/ada@example.com", "", "Users/~@masked.invalid"},
		{"no endpoint", "Userz", "", "Userz"},
		{"a search", "Users/.search", "", "Users/.search"},
		{"a schema", "Schemas/urn:contoso:User", "", "Schemas/urn:contoso:User"},
		{"a filter", "Users", "filter=userName+eq+%22ada%40example.com%22&startIndex=1&count=100", `Users?filter=userName eq "~@masked.invalid"&startIndex=1&count=100`},
		{"and and or", "Users", "filter=" + `a.b%20eq%20"x"%20and%20(c%20sw%20'y'%20or%20not%20(d%20pr))`, `Users?filter=a.b eq "~" and (c sw '~' or not (d pr))`},
		{"without quotes", "Users", "filter=externalId%20eq%20jyoung%20smith", `Users?filter=externalId eq ~ ~`},
		{"a filter with an element", "Users", `filter=emails[type%20eq%20"work"].value%20eq%20"ada"`, `Users?filter=emails[type eq "work"].value eq "~"`},
		{"without an end", "Users", `filter=userName%20eq%20"ada%20lovelace`, `Users?filter=userName eq "~`},
		{"what has a meaning in a query", "Users", "filter=userName%20eq%20%22a%26b%3D%23%22", `Users?filter=userName eq "~"`},
		{"attributes", "Users", "attributes=userName,emails.value,ada%20lovelace&sortBy=urn:x:y", `Users?attributes=userName,emails.value,~&sortBy=urn:x:y`},
		{"a token", "Users", "access_token=" + token + "&count=1", "Users?count=1"},
		{"a token alone", "Users", "access_token=hunter2", "Users"},
		{"a token by another name", "Users", "q=" + token, "Users?q=~"},
		{"parameters of others", "Users", "x=ada&a%20b=c&aadOptscim062020&%zz=1", "Users?x=~&~=~&aadOptscim062020&~=1"},
		{"badly escaped", "Users", "filter=%zz", "Users?filter=~%25"},
		{"nothing", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := testMasker(false).path(test.path, test.query)
			if readable(got) != test.want {
				t.Errorf("got  %s\nwant %s", readable(got), test.want)
			}
			if strings.Contains(got, id) {
				t.Errorf("a token's parts are in %s", got)
			}
		})
	}
}

// TestReadTarget: what people read of a query is what is sent again.
func TestReadTarget(t *testing.T) {
	for _, test := range []struct{ path, query, want string }{
		{"Users/a%b c", "", "Users/a%25b%20c"},
		{"Users", "filter=userName+eq+%22a%2Bb%26c%25%22&x", "Users?filter=userName+eq+%22a%2Bb%26c%25%22&x"},
		{"Users", "filter=%E2%9C%93%00", "Users?filter=%E2%9C%93%00"},
	} {
		if got := readTarget(testMasker(true).path(test.path, test.query)); got != test.want {
			t.Errorf("%s?%s: got %s; want %s", test.path, test.query, got, test.want)
		}
	}
}

func TestMaskedDetails(t *testing.T) {
	for _, test := range []struct{ name, body, detail, want string }{
		{"no value", `{"title":"x"}`, "userName is required", "userName is required"},
		{"a value", `{"active":"perhaps"}`, `active: expected a boolean, got "perhaps"`, `active: expected a boolean, got "~"`},
		{"a value without quotes", `{"title":"ada lovelace"}`, "the plan has no room for ada lovelace", "the plan has no room for ~"},
		{"part of an address", `{"userName":"ada@example.com"}`, "example.com is not a domain of this tenant", "~ is not a domain of this tenant"},
		{"part of a word", `{"title":"use"}`, "the user is because", "the user is because"},
		{"a number", `{"n":12345}`, "n: expected a string, got 12345", "n: expected a string, got #####"},
		{"a name", `{"userNam":"ada"}`, `unknown attribute "userNam"`, `unknown attribute "userNam"`},
		{"a name that is not in the request", `{}`, `got "ada"`, `got "~"`},
		{"a path", `{"Operations":[{"path":"emails[type eq \"work\"].valu"}]}`, `"emails[type eq \"work\"].valu" is no path`, `"emails[type eq \"work\"].valu" is no path`},
		{"a path with a value", `{"Operations":[{"path":"emails[value eq \"ada\"].valu"}]}`, `"emails[value eq \"ada\"].valu" is no path`, `"emails[value eq \"~\"].valu" is no path`},
		{"a value that was clipped", `{"title":"` + strings.Repeat("ada ", 40) + `"}`, `got "` + strings.Repeat("ada ", 29) + "…", `got "~"`},
		{"a form", `{}`, `use a path such as members[value eq "…"]`, `use a path such as members[value eq "…"]`},
		{"a schema", `{}`, `schemas must be ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`, `schemas must be ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`},
		{"versions", `{}`, `If-Match is W/"7", but the resource is W/"8" now`, `If-Match is W/"7", but the resource is W/"8" now`},
		{"an array", `{"title":["ada","bob"]}`, `title: expected a string, got ["ada","bob"]`, `title: expected a string, got ["~","~"]`},
		{"an endpoint", `{}`, `there is no endpoint "/Userz/17"`, `there is no endpoint "/Userz/17"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := testMasker(false)
			m.path("Userz/17", "")
			m.body([]byte(test.body), false, false)
			if got := readable(m.detail(test.detail)); !matches(got, test.want) {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestPseudonyms: equal values have equal ones, of a connection alone.
func TestPseudonyms(t *testing.T) {
	m := testMasker(false)
	mask := func(s string) string { return m.text(s, place{}) }
	if mask("Ada Lovelace") != testMasker(false).text("Ada Lovelace", place{}) {
		t.Error("the pseudonym of a value is another the next time")
	}
	for name, other := range map[string]*masker{
		"another connection":         newMasker(maskKey(pseudonymKey), Ref{"contoso", "2"}, false, ""),
		"another tenant":             newMasker(maskKey(pseudonymKey), Ref{"fabrikam", "1"}, false, ""),
		"another key":                newMasker(maskKey([]byte(strings.Repeat("l", 32))), maskedRef, false, ""),
		"a tenant that ends so":      newMasker(maskKey(pseudonymKey), Ref{"contoso\x001", ""}, false, ""),
		"the key of tokens as it is": newMasker(pseudonymKey, maskedRef, false, ""),
	} {
		if mask("Ada Lovelace") == other.text("Ada Lovelace", place{}) {
			t.Errorf("%s: the pseudonym is the same", name)
		}
	}
	if a, b := mask("Ada Lovelace"), mask("ADA lovelace"); a == b || !strings.EqualFold(a, b) {
		t.Errorf("of values that differ in case: %s and %s; want pseudonyms that do, too", a, b)
	}
	if got := len(mask(strings.Repeat("é ", 1000))); got != 3000 {
		t.Errorf("a value of 3000 bytes has a pseudonym of %d", got)
	}
	seen := map[string]string{}
	for i := range 20_000 {
		s := fmt.Sprintf("user %d", i)
		if other, there := seen[strings.ToLower(mask(s))]; there {
			t.Fatalf("%q and %q have the same pseudonym", s, other)
		}
		seen[strings.ToLower(mask(s))] = s
	}
}

// marked is a value that no mask may let through, in pieces neither.
const marked = "Zq7! secret ünlikely@Zq7"

func leaks(s []byte) bool {
	return bytes.Contains(s, []byte("Zq7")) || bytes.Contains(s, []byte("nlikely"))
}

// FuzzMaskedBody: whatever the JSON, its mask is JSON of the same structure, without
// the strings that are no names.
func FuzzMaskedBody(f *testing.F) {
	f.Add([]byte(`{"Operations":[{"op":"add","path":"x","value":{"a":"b","c":[1,2.5e3,null,true]}}]}`), false, false)
	f.Add([]byte(`{"filter":"a eq \"b\"","count":1}`), true, false)
	f.Add([]byte(`{"a":["\ud800","\u0000",{"b":"2024-01-02T03:04:05Z"}],"a":"{\"x\":\"y\"}"}`), false, false)
	f.Add([]byte(`{"a":[{"b":"c`), false, true)
	f.Add([]byte(`[[[[[[{"password":"x"`), true, true)
	f.Fuzz(func(t *testing.T, body []byte, isSearch, cut bool) {
		for _, keep := range []bool{false, true} {
			got := testMasker(keep).body(body, isSearch, cut)
			if again := testMasker(keep).body(body, isSearch, cut); !bytes.Equal(got, again) {
				t.Fatalf("%s\nthe first time  %s\nthe second time %s", body, got, again)
			}
			if !cut && json.Valid(body) && !bytes.Equal(got, illegible(len(body))) && !json.Valid(got) {
				t.Fatalf("%s\nmasked is no JSON: %s", body, got)
			}
		}
		var tree any
		if json.Unmarshal(body, &tree) != nil {
			return
		}
		planted, err := json.Marshal(plant(tree))
		if err != nil {
			t.Fatal(err)
		}
		got := testMasker(false).body(planted, isSearch, false)
		if leaks(got) {
			t.Fatalf("%s\nmasked: %s", planted, got)
		}
		if len(got) > mostBody/4 || bytes.Equal(got, illegible(len(planted))) {
			return
		}
		var masked any
		if err := json.Unmarshal(got, &masked); err != nil {
			t.Fatalf("%s\nmasked: %s: %v", planted, got, err)
		}
		if want, have := structure(plant(tree)), structure(masked); want != have {
			t.Fatalf("%s\nmasked: %s\nits structure is %s; want %s", planted, got, have, want)
		}
	})
}

// plant puts the marked value in the place of every string.
func plant(v any) any {
	switch v := v.(type) {
	case string:
		return marked
	case []any:
		for i := range v {
			v[i] = plant(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plant(v[k])
		}
	}
	return v
}

// structure is a JSON value without its strings, numbers and names.
func structure(v any) string {
	switch v := v.(type) {
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, structure(e))
		}
		return "[" + strings.Join(all, ",") + "]"
	case map[string]any:
		return fmt.Sprintf("{%d}", len(v))
	}
	return fmt.Sprintf("%T", v)
}

// FuzzMaskedPath: whatever the query, no literal is in its mask, and what people
// read can be sent again.
func FuzzMaskedPath(f *testing.F) {
	for _, query := range []string{`filter=a eq "%s"`, `filter=a[b eq %s].c eq "%s`, "attributes=%s,b", "x=%s&%s=1", "filter=(%s) and not %s", "filter=%%zz%s", "%s"} {
		f.Add("Users/%s", query, "got %s: %s… is no path")
	}
	f.Fuzz(func(t *testing.T, path, query, detail string) {
		plant := func(s string) string { return strings.ReplaceAll(s, "%s", marked) }
		if strings.ContainsAny(detail, `"\`) { // it quotes in one way
			return
		}
		m := testMasker(false)
		for _, got := range []string{m.path(plant(path), plant(query)), m.detail(strings.ReplaceAll(detail, "%s", fmt.Sprintf("%q", marked)))} {
			if !leaks([]byte(path+query+detail)) && leaks([]byte(got)) {
				t.Fatalf("%q %q %q: masked: %s", path, query, detail, got)
			}
		}
		target := m.path(path, query)
		if again := readTarget(target); strings.ContainsAny(again, " \t\r\n\"") {
			t.Fatalf("%q %q: %q cannot be sent", path, query, again)
		}
	})
}
