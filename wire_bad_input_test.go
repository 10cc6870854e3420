package scim_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/wiretest"
	"github.com/usherkit/scim/memstore"
)

// Bad input that a wire file cannot hold: too long, too deep, or not UTF-8.
// What can be written as text is in testdata/wire/B_*.txt.

// send makes a request whose body is read as it comes, and leaves the answer as
// it is.
func (e site) send(method, target string, body io.Reader) *httptest.ResponseRecorder {
	e.t.Helper()
	r := httptest.NewRequest(method, target, body)
	r.Header.Set("Authorization", "Bearer secret")
	w := httptest.NewRecorder()
	e.h.ServeHTTP(w, r)
	return w
}

// user makes a user and returns its id.
func (e site) user(userName string) string {
	e.t.Helper()
	return e.must(201, "POST", "/Users", fmt.Sprintf(`{"userName":%q}`, userName)).id()
}

// group makes a group of the members and returns its id.
func (e site) group(displayName string, members ...string) string {
	e.t.Helper()
	return e.must(201, "POST", "/Groups", fmt.Sprintf(`{"displayName":%q,"members":[%s]}`, displayName, memberList(members...))).id()
}

// state is all that the store shows of itself.
func (e site) state() string {
	e.t.Helper()
	return e.must(200, "GET", "/Users?count=200", "").body + e.must(200, "GET", "/Groups?count=200", "").body
}

// memberList writes members as Entra does.
func memberList(ids ...string) string {
	var s strings.Builder
	for i, id := range ids {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `{"$ref":null,"value":%q}`, id)
	}
	return s.String()
}

func short(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%s… (%d bytes)", s[:200], len(s))
	}
	return s
}

// refuse checks that an answer is a SCIM error (RFC 7644 §3.12) of the status
// and scimType, without internals.
func refuse(t *testing.T, w *httptest.ResponseRecorder, status int, scimType string) {
	t.Helper()
	var got struct {
		Schemas  []string
		Status   string
		ScimType string
		Detail   string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("got %d %s; want a SCIM error %d %s", w.Code, short(w.Body.String()), status, scimType)
	}
	if w.Code != status || got.Status != fmt.Sprint(status) || got.ScimType != scimType {
		t.Errorf("got %d %s\nwant a SCIM error %d %s", w.Code, short(w.Body.String()), status, scimType)
	}
	if len(got.Schemas) != 1 || got.Schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error" {
		t.Errorf("schemas of the error: got %q", got.Schemas)
	}
	if got.Detail == "" || len(got.Detail) > 600 {
		t.Errorf("detail of the error: got %q; want a short text", got.Detail)
	}
	if c := w.Header().Get("Content-Type"); !strings.HasPrefix(c, "application/scim+json") {
		t.Errorf("Content-Type of the error: got %q", c)
	}
	for _, internal := range []string{"goroutine", ".go:", "panic", "runtime error", "json: ", "memstore"} {
		if strings.Contains(got.Detail, internal) {
			t.Errorf("detail %q tells of %q", got.Detail, internal)
		}
	}
}

// unharmed runs f, which sends bad input, and checks that it changed nothing,
// took bounded memory, and left a handler that works.
func (e site) unharmed(t *testing.T, megabytes uint64, f func()) {
	t.Helper()
	e.t = t
	before := e.state()
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	f()
	runtime.ReadMemStats(&end)
	if used := (end.TotalAlloc - start.TotalAlloc) >> 20; used > megabytes {
		t.Errorf("allocated %d MiB; want at most %d", used, megabytes)
	}
	if after := e.state(); after != before {
		t.Errorf("the store changed\nbefore %s\nafter  %s", before, after)
	}
}

// seeded is a site with a user and a group of it.
func seeded(t testing.TB, o *scim.Options) (e site, user, group string) {
	t.Helper()
	e = newSite(t, new(memstore.Store), o)
	user = e.must(201, "POST", "/Users", `{"userName":"ann@example.com","title":"Guide","emails":[{"type":"work","value":"ann@example.com"}]}`).id()
	return e, user, e.group("Sales", user)
}

func TestBadInputFilters(t *testing.T) {
	// MaxFilter is raised, so that it is the parser that must hold: it has a
	// longest length of its own, and below that a deepest nesting.
	e, user, _ := seeded(t, &scim.Options{MaxFilter: 4 << 20})
	deep := func(open, shut string, n int) string {
		return strings.Repeat(open, n) + `userName eq "ann@example.com"` + strings.Repeat(shut, n)
	}
	for _, c := range []struct {
		name, reason string
		filter       string
	}{
		{"parentheses", "peers.md row 51: 180 KB kill other parsers' process", deep("(", ")", 90_000)},
		{"open parentheses", "the depth must be found on the way down", deep("(", "", 90_000)},
		{"20,000 parentheses", "peers.md row 50", deep("(", ")", 20_000)},
		{"60,000 open parentheses", "within the parser's own limit", deep("(", "", 60_000)},
		{"not", "negation nests too", deep("not (", ")", 10_000)},
		{"90,000 not", "the same, as long as above", deep("not (", ")", 90_000)},
		{"not without space", "EID 7319", deep("not(", ")", 12_000)},
		{"not not", "no grammar has it", strings.Repeat("not ", 90_000) + "active eq true"},
		{"groups in brackets", "valFilter nests like FILTER", "emails[" + strings.Repeat("(", 30_000) + `type eq "work"` + strings.Repeat(")", 30_000) + "]"},
		{"brackets in brackets", "EID 4690: none", strings.Repeat("emails[", 8_000) + `type eq "work"` + strings.Repeat("]", 8_000)},
		{"path of 5,000 parts", "two levels are all there are", "name" + strings.Repeat(".givenName", 5_000) + ` eq "x"`},
		{"unclosed string", "must end", `userName eq "` + strings.Repeat("a", 60_000)},
		{"unclosed string of a megabyte", "must end", `userName eq "` + strings.Repeat("a", 1_000_000)},
		{"backslashes", "each escapes the next", `userName eq "` + strings.Repeat(`\`, 59_999)},
		{"only operators", "nothing to compare", strings.Repeat("and or ", 9_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.unharmed(t, 64, func() {
				refuse(t, e.send("GET", "/Users?filter="+url.QueryEscape(c.filter), nil), 400, "invalidFilter")
			})
		})
	}
	t.Run("in a value path", func(t *testing.T) {
		for _, inside := range []string{
			strings.Repeat("(", 30_000) + `type eq "work"` + strings.Repeat(")", 30_000),
			strings.Repeat("(", 90_000) + `type eq "work"` + strings.Repeat(")", 90_000),
			strings.Repeat("not (", 10_000) + `type eq "work"` + strings.Repeat(")", 10_000),
			strings.Repeat("emails[", 8_000) + `type eq "work"` + strings.Repeat("]", 8_000),
		} {
			path, _ := json.Marshal("emails[" + inside + "].value")
			e.unharmed(t, 64, func() {
				w := e.send("PATCH", "/Users/"+user, strings.NewReader(patchBody(`{"op":"replace","path":`+string(path)+`,"value":"x@example.com"}`)))
				var got struct{ ScimType string }
				_ = json.Unmarshal(w.Body.Bytes(), &got)
				if got.ScimType == "invalidPath" {
					refuse(t, w, 400, "invalidPath")
				} else {
					refuse(t, w, 400, "invalidFilter") // both are within R-231
				}
			})
		}
	})
	t.Run("longer than MaxFilter", func(t *testing.T) {
		e, _, _ := seeded(t, nil)
		e.unharmed(t, 8, func() {
			filter := strings.TrimSuffix(strings.Repeat(`userName eq "nobody" or `, 5_000), " or ")
			refuse(t, e.send("GET", "/Users?filter="+url.QueryEscape(filter), nil), 400, "invalidFilter")
		})
	})
	t.Run("a long chain is no depth", func(t *testing.T) { // peers.md row 52
		filter := strings.Repeat("nickName pr or ", 4_000) + `userName eq "ANN@example.com"`
		if a := e.do("GET", "/Users?filter="+url.QueryEscape(filter), ""); a.status != 200 || a.doc["totalResults"] != 1.0 {
			t.Errorf("got %d %s, want one user", a.status, short(a.body))
		}
	})
}

func TestBadInputBodies(t *testing.T) {
	e, user, group := seeded(t, nil)
	const deep = 100_000
	arrays := strings.Repeat("[", deep) + strings.Repeat("]", deep)
	objects := strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep)
	mixed := strings.Repeat(`[{"a":`, deep/2) + "1" + strings.Repeat("}]", deep/2)
	userWith := func(more string) string {
		return `{"schemas":["` + scim.UserSchemaURI + `"],"userName":"new@example.com",` + more + `}`
	}
	type request struct{ name, method, path, body string }
	var requests []request
	bodies := []struct{ name, text string }{
		{"deep arrays", arrays},
		{"deep objects", objects},
		{"deep and mixed", mixed},
		{"deep and open", strings.Repeat("[", deep)},
		{"deep objects, open", strings.Repeat(`{"a":`, deep)},
		{"empty", " "},
		{"NUL", "\x00"},
		{"byte order mark of UTF-16", "\xff\xfe{\x00}\x00"},
		{"UTF-16", "{\x00\"\x00u\x00\"\x00:\x001\x00}\x00"},
		{"a number", "1"},
		{"a string", `"x"`},
		{"an array", `[]`},
		{"null", `null`},
		{"an open object", `{"userName":"new@example.com"`},
		{"an open string", `{"userName":"new@example.com`},
		{"a lone surrogate's half escape", `{"userName":"\ud8`},
		{"an unknown escape", `{"userName":"\x41"}`},
		{"a raw newline in a string", "{\"userName\":\"a\nb\"}"},
		{"a raw NUL in a string", "{\"userName\":\"a\x00b\"}"},
		{"not UTF-8 in a value", "{\"userName\":\"new\xff@example.com\"}"},
		{"not UTF-8 in a name", "{\"userName\":\"new@example.com\",\"x\xc3\x28\":1}"},
		{"overlong UTF-8", "{\"userName\":\"\xc0\xafnew\"}"},
		{"a surrogate in UTF-8", "{\"userName\":\"\xed\xa0\x80\"}"},
		{"trailing data", userWith(`"title":"x"`) + "x"},
		{"a second object", userWith(`"title":"x"`) + "{}"},
		{"a trailing comma", `{"userName":"new@example.com",}`},
		{"a comment", `{"userName":"new@example.com"/* hello */}`},
		{"single quotes", `{'userName':'new@example.com'}`},
		{"NaN", userWith(`"x":NaN`)},
		{"a leading zero", userWith(`"x":01`)},
		{"a bare minus", userWith(`"x":-`)},
		{"True", userWith(`"active":True`)},
	}
	for _, b := range bodies {
		requests = append(requests,
			request{b.name + " to POST /Users", "POST", "/Users", b.text},
			request{b.name + " to PUT of a user", "PUT", "/Users/" + user, b.text},
			request{b.name + " to PATCH of a user", "PATCH", "/Users/" + user, b.text},
			request{b.name + " to POST /Groups", "POST", "/Groups", b.text},
			request{b.name + " to PUT of a group", "PUT", "/Groups/" + group, b.text},
			request{b.name + " to PATCH of a group", "PATCH", "/Groups/" + group, b.text},
		)
	}
	// The same depth where a value belongs, known to the schema or not.
	for _, deep := range []struct{ name, text string }{{"arrays", arrays}, {"objects", objects}, {"mixed", mixed}} {
		for _, at := range []string{"title", "name", "emails", "unknown", "active", "schemas", "meta", "groups", scim.EnterpriseUserSchemaURI} {
			requests = append(requests,
				request{deep.name + " as " + at + " in POST", "POST", "/Users", userWith(fmt.Sprintf("%q:%s", at, deep.text))},
				request{deep.name + " as " + at + " in PATCH", "PATCH", "/Users/" + user, patchBody(fmt.Sprintf(`{"op":"add","path":%q,"value":%s}`, at, deep.text))},
				request{deep.name + " as " + at + " in a path-less PATCH", "PATCH", "/Users/" + user, patchBody(fmt.Sprintf(`{"op":"add","value":{%q:%s}}`, at, deep.text))},
			)
		}
		requests = append(requests,
			request{deep.name + " as members", "PATCH", "/Groups/" + group, patchBody(`{"op":"add","path":"members","value":` + deep.text + `}`)},
			request{deep.name + " beside Operations", "PATCH", "/Users/" + user, `{"x":` + deep.text + `,"Operations":[{"op":"add","path":"title","value":"x"}]}`},
			request{deep.name + " beside op", "PATCH", "/Users/" + user, patchBody(`{"op":"add","path":"title","value":"x","y":` + deep.text + `}`)},
		)
	}
	for _, r := range requests {
		t.Run(r.name, func(t *testing.T) {
			e.unharmed(t, 16, func() {
				refuse(t, e.send(r.method, r.path, strings.NewReader(r.body)), 400, "invalidSyntax")
			})
		})
	}
}

// NUL and U+FFFD are characters; what they are escaped as must not matter.
func TestBadInputEscapes(t *testing.T) {
	e, _, _ := seeded(t, nil)
	for _, c := range []struct {
		name, reason string
		path         string
	}{
		{"NUL in a filter", "PostgreSQL cannot store it, Go can compare it", "/Users?filter=" + url.QueryEscape(`userName eq "ann\u0000"`)},
		{"raw NUL in a filter", "no JSON string has it", "/Users?filter=userName+eq+%22ann%00%22"},
		{"not UTF-8 in a filter", "no user name is so spelled", "/Users?filter=userName+eq+%22ann%ff%22"},
		{"a lone surrogate in a filter", "no user name is so spelled", "/Users?filter=" + url.QueryEscape(`userName eq "ann\ud800"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.unharmed(t, 8, func() {
				w := e.send("GET", c.path, nil)
				if w.Code == 200 { // compared, and nobody found
					if !strings.Contains(w.Body.String(), `"totalResults":0`) {
						t.Errorf("got %s; want nobody found", w.Body)
					}
					return
				}
				refuse(t, w, 400, "invalidFilter")
			})
		})
	}
}

// An id is one segment of the path: what is no id finds nothing, and what is
// more than one reaches nothing else.
func TestBadInputIDs(t *testing.T) {
	e, user, _ := seeded(t, nil)
	bodies := map[string]string{"PUT": `{"userName":"ann@example.com"}`, "PATCH": patchBody(`{"op":"replace","path":"title","value":"x"}`)}
	for _, id := range []string{
		"..", "../Groups", "%2e%2e", "%2e%2e%2fUsers%2f" + user, user + "%2F..", user + "%2F", "%2F" + user, "%00", user + "%00", user + "%ff",
		"%5c", "..%5c" + user, "a%0d%0aSet-Cookie:%20x=1", "*", "__proto__", "constructor", "0", "-1", "null", "undefined",
		strings.Repeat("a", 100_000), "bulkId:1", "'%20OR%20'1'='1", "%3Cscript%3E", "%F0%9F%98%80", strings.ToUpper(user) + "x",
	} {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			t.Run(method+" "+short(id), func(t *testing.T) {
				e.unharmed(t, 8, func() {
					r := httptest.NewRequest(method, "/scim/v2/Users/x", strings.NewReader(bodies[method]))
					r.Header.Set("Authorization", "Bearer secret")
					r.URL.RawPath = "/scim/v2/Users/" + id
					path, err := url.PathUnescape(r.URL.RawPath)
					if err != nil {
						t.Fatal(err)
					}
					r.URL.Path, r.RequestURI = path, r.URL.RawPath
					w := httptest.NewRecorder()
					e.h.ServeHTTP(w, r)
					refuse(t, w, 404, "")
				})
			})
		}
	}
}

// endless is a body that never ends and counts what is read of it.
type endless struct {
	head string
	left int64
	read int64
}

func (r *endless) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.left)]
	n := copy(p, r.head)
	r.head = r.head[n:]
	for i := n; i < len(p); i++ {
		p[i] = 'a'
	}
	r.left -= int64(len(p))
	r.read += int64(len(p))
	return len(p), nil
}

func TestBadInputSize(t *testing.T) {
	const (
		size  = 50 << 20
		limit = 4 << 20 // the default of MaxBody
		slack = 64 << 10
	)
	e, user, group := seeded(t, nil)
	for _, to := range []struct{ method, path string }{
		{"POST", "/Users"},
		{"PUT", "/Users/" + user},
		{"PATCH", "/Users/" + user},
		{"POST", "/Groups"},
		{"PUT", "/Groups/" + group},
		{"PATCH", "/Groups/" + group},
	} {
		for _, c := range []struct {
			name     string
			declared int64 // Content-Length
			most     int64 // bytes that may be read
		}{
			{"length declared", size, slack},
			{"length unknown", -1, limit + slack},
		} {
			t.Run(to.method+" "+strings.SplitN(to.path, "/", 3)[1]+", "+c.name, func(t *testing.T) {
				body := &endless{head: `{"userName":"`, left: size}
				e.unharmed(t, 32, func() {
					r := httptest.NewRequest(to.method, to.path, body)
					r.Header.Set("Authorization", "Bearer secret")
					r.Header.Set("Content-Type", "application/scim+json")
					r.ContentLength = c.declared
					w := httptest.NewRecorder()
					e.h.ServeHTTP(w, r)
					refuse(t, w, 413, "")
				})
				if body.read > c.most {
					t.Errorf("read %d bytes of the body; want at most %d", body.read, c.most)
				}
			})
		}
	}
	t.Run("MaxBody is exact", func(t *testing.T) {
		e := newSite(t, new(memstore.Store), &scim.Options{MaxBody: 1000})
		body := func(n int) io.Reader {
			s := `{"userName":"fits@example.com","title":"`
			return strings.NewReader(s + strings.Repeat("a", n-len(s)-2) + `"}`)
		}
		refuse(t, e.send("POST", "/Users", body(1001)), 413, "")
		if w := e.send("POST", "/Users", body(1000)); w.Code != 201 {
			t.Errorf("a body of MaxBody bytes: got %d %s, want 201", w.Code, w.Body)
		}
	})
	t.Run("MaxOperations is exact", func(t *testing.T) {
		e, user, _ := seeded(t, &scim.Options{MaxOperations: 3})
		op := `{"op":"replace","path":"title","value":"x"}`
		op3 := op + "," + op + "," + op
		e.unharmed(t, 8, func() {
			refuse(t, e.send("PATCH", "/Users/"+user, strings.NewReader(patchBody(op3+","+op))), 413, "")
		})
		if a := e.do("PATCH", "/Users/"+user, patchBody(op3)); a.status != 200 {
			t.Errorf("MaxOperations operations: got %d %s, want 200", a.status, a.body)
		}
	})
	t.Run("the default of MaxOperations", func(t *testing.T) {
		e.unharmed(t, 64, func() {
			ops := strings.TrimSuffix(strings.Repeat(`{"op":"replace","path":"title","value":"x"},`, 2001), ",")
			refuse(t, e.send("PATCH", "/Users/"+user, strings.NewReader(patchBody(ops))), 413, "")
		})
	})
	t.Run("MaxDepth is exact", func(t *testing.T) {
		e := newSite(t, new(memstore.Store), &scim.Options{MaxDepth: 5})
		at := func(depth int) io.Reader {
			return strings.NewReader(`{"userName":"deep@example.com","x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`)
		}
		refuse(t, e.send("POST", "/Users", at(6)), 400, "invalidSyntax")
		if w := e.send("POST", "/Users", at(5)); w.Code != 201 {
			t.Errorf("a body of depth MaxDepth: got %d %s, want 201", w.Code, w.Body)
		}
	})
}

// That no name is given twice must be found without comparing each with each.
func TestBadInputManyNames(t *testing.T) {
	e, _, _ := seeded(t, nil)
	var b bytes.Buffer
	b.WriteString(`{"userName":"new@example.com"`)
	for i := range 100_000 {
		fmt.Fprintf(&b, `,"x%d":1`, i)
	}
	b.WriteString(`,"X99999":2}`)
	e.unharmed(t, 64, func() {
		w := e.send("POST", "/Users", &b)
		refuse(t, w, 400, "invalidSyntax") // names that differ in case only
	})
}

// What net/http adds, a client sees: HEAD has no body, and who sends too much
// is told so while the connection is still his.
func TestBadInputOverHTTP(t *testing.T) {
	e, user, _ := seeded(t, nil)
	server := httptest.NewServer(e.h)
	defer server.Close()
	ask := func(t *testing.T, method, path string, body io.Reader) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequest(method, server.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Content-Type", "application/scim+json")
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(text)
	}
	for _, path := range []string{"/Users", "/Users/" + user, "/Schemas", "/ServiceProviderConfig"} {
		t.Run("HEAD "+strings.Split(path, "/")[1], func(t *testing.T) {
			got, body := ask(t, "HEAD", path, nil)
			want, text := ask(t, "GET", path, nil)
			if got.StatusCode != 200 || body != "" {
				t.Errorf("got %d with a body of %d bytes; want 200 without one", got.StatusCode, len(body))
			}
			for _, name := range []string{"Content-Type", "Content-Length", "ETag"} {
				if got.Header.Get(name) != want.Header.Get(name) {
					t.Errorf("%s: got %q, of GET %q", name, got.Header.Get(name), want.Header.Get(name))
				}
			}
			if len(text) == 0 {
				t.Error("GET has no body")
			}
		})
	}
	t.Run("a length beyond MaxBody", func(t *testing.T) {
		const size = 50 << 20
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nContent-Type: application/scim+json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", size)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err) // a server that wanted the body would have sent 100 and waited
		}
		defer answer.Body.Close()
		if answer.StatusCode != 413 {
			t.Errorf("got %s, want 413 before the body is sent", answer.Status)
		}
		if !answer.Close {
			t.Error("the connection stays open: the body would be taken for the next request")
		}
	})
	t.Run("still there", func(t *testing.T) {
		if got, _ := ask(t, "GET", "/Users/"+user, nil); got.StatusCode != 200 {
			t.Errorf("got %s, want 200", got.Status)
		}
	})
}

// What other servers got wrong is probed in testdata/wire/P*.txt, but for these.
var probesElsewhere = map[string]string{
	"P49": "a cost: BenchmarkParseFilter",
	"P50": "TestBadInputFilters",
	"P51": "TestBadInputFilters",
	"P52": "TestBadInputFilters",
	"P54": "a cost: one member more in groups of every size is measured by the benchmarks",
	"P55": "TestBadInputSize",
}

func TestWireCoversProbes(t *testing.T) {
	have := map[string]bool{}
	for _, name := range wiretest.Files(t, wireDir) {
		have[filepath.Base(name)[:3]] = true
	}
	for n := 1; n <= 56; n++ {
		number := fmt.Sprintf("P%02d", n)
		if _, other := probesElsewhere[number]; have[number] == other {
			t.Errorf("%s: a file in testdata/wire: %t; a test elsewhere: %t; want one of both", number, have[number], other)
		}
	}
}
