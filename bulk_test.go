package scim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/wiretest"
	"github.com/usherkit/scim/memstore"
)

// What bulk requests cost, and what hostile ones come to. What is answered is in
// testdata/wire/R279_bulk.txt and what follows it.

const bulkHead = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`

type bulkResult struct {
	Method, BulkID, Location, Version, Status string
	Response                                  *struct{ Status, Detail string }
}

// bulk sends operations and returns their results.
func (e endpoint) bulk(operations ...string) []bulkResult {
	e.t.Helper()
	rec := e.do("POST", "/Bulk", bulkHead+strings.Join(operations, ",")+"]}")
	var answer struct{ Operations []bulkResult }
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code != 200 {
		e.t.Fatalf("POST /Bulk: got %d %s (%v)", rec.Code, rec.Body, err)
	}
	return answer.Operations
}

func (e endpoint) total(path string) int {
	e.t.Helper()
	var page struct{ TotalResults int }
	rec := e.do("GET", path, "")
	if err := json.Unmarshal(rec.Body.Bytes(), &page); err != nil || rec.Code != 200 {
		e.t.Fatalf("GET %s: got %d %s", path, rec.Code, rec.Body)
	}
	return page.TotalResults
}

func bulkStatuses(results []bulkResult) (s []string) {
	for _, r := range results {
		s = append(s, r.Status)
	}
	return s
}

func bulkUser(name string) string {
	return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"userName":%q}}`, name, name)
}

// Operations that each look at all members of a group share what one request
// may cost.
func TestBulkWorkIsShared(t *testing.T) {
	const members, operations = 5000, 1000
	e := newEndpoint(t, new(memstore.Store), &scim.Options{MaxBulk: members + 1, MaxBody: 16 << 20})
	var create []string
	var list strings.Builder
	for i := range members {
		create = append(create, bulkUser("u"+strconv.Itoa(i)))
		fmt.Fprintf(&list, `,{"value":"bulkId:u%d"}`, i)
	}
	group := e.bulk(append(create, `{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":[`+list.String()[1:]+`]}}`)...)[members]
	id := group.Location[strings.LastIndexByte(group.Location, '/'):]
	remove := `{"method":"PATCH","path":"/Groups` + id + `","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value co \"zzz\"]"}]}}`
	got := bulkStatuses(e.bulk(append(slices.Repeat([]string{remove}, operations), bulkUser("last"))...))
	if got[0] != "204" || got[operations-1] != "413" || got[operations] != "201" {
		t.Errorf("the first, the last of these, and what costs little: got %s, %s and %s, want 204, 413 and 201", got[0], got[operations-1], got[operations])
	}
	if n := slices.Index(got, "413"); n > 300 {
		t.Errorf("%d operations looked at %d members each", n, members)
	}
	if got := bulkStatuses(e.bulk(remove))[0]; got != "204" {
		t.Errorf("the next request: got %s, want 204", got)
	}
}

// A path is sent back no longer than it may be.
func TestBulkOfLongPaths(t *testing.T) {
	e := newEndpoint(t, new(memstore.Store), nil)
	for _, path := range []string{"/Users/" + strings.Repeat(`é`, 1<<20), "/Users/bulkId:" + strings.Repeat("%", 3<<20), strings.Repeat("x", 8<<10+1)} {
		rec := e.do("POST", "/Bulk", bulkHead+`{"method":"DELETE","path":"`+path+`"}]}`)
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"status":"400"`) || rec.Body.Len() > 1000 {
			t.Errorf("a path of %d bytes: got %d and %d bytes", len(path), rec.Code, rec.Body.Len())
		}
	}
	if got := bulkStatuses(e.bulk(`{"method":"DELETE","path":"/Users/` + strings.Repeat("x", 8000) + `"}`)); got[0] != "404" {
		t.Errorf("a path of 8006 bytes: got %s, want 404", got[0])
	}
}

// Forward references are followed as deep as they go, and circles as wide.
func TestBulkChains(t *testing.T) {
	const n = 20_000
	manager := func(i int, ref string) string {
		return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"u%d","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:%s"}}}}`, i, i, ref)
	}
	for _, c := range []struct {
		name, last, want string
	}{
		{"a chain", bulkUser(strconv.Itoa(n - 1)), "201"},
		{"a circle", manager(n-1, "0"), "201"},
		{"a chain that ends nowhere", manager(n-1, "nobody"), "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEndpoint(t, new(memstore.Store), &scim.Options{MaxBulk: n, MaxBody: 64 << 20})
			var operations []string
			for i := range n - 1 {
				operations = append(operations, manager(i, strconv.Itoa(i+1)))
			}
			for i, r := range e.bulk(append(operations, c.last)...) {
				if r.Status != c.want {
					t.Fatalf("operation %d: got %+v, want status %s", i, r, c.want)
				}
			}
		})
	}
}

// hostile are bodies of some megabytes on which a careless server works for
// minutes; what they are answered matters less.
func hostileBulks() map[string]string {
	const size = 3 << 20
	users := func(data string) string {
		return bulkHead + `{"method":"POST","path":"/Users","bulkId":"1","data":` + data + `}]}`
	}
	var refs, all strings.Builder
	for i := 0; refs.Len() < size; i++ {
		fmt.Fprintf(&refs, `{"value":"bulkId:%d"},`, i)
	}
	for i := range 400 {
		fmt.Fprintf(&all, `{"method":"POST","path":"/Groups","bulkId":"%d","data":{"displayName":"g%[1]d","members":[{"value":"bulkId:%d"}`, i, (i+1)%400)
		for j := 2; j < 400; j++ {
			fmt.Fprintf(&all, `,{"value":"bulkId:%d"}`, (i+j)%400)
		}
		all.WriteString("]}},")
	}
	return map[string]string{
		"many references to nobody":  bulkHead + `{"method":"POST","path":"/Groups","bulkId":"1","data":{"displayName":"g","members":[` + strings.TrimSuffix(refs.String(), ",") + `]}}]}`,
		"all groups are in all":      bulkHead + strings.TrimSuffix(all.String(), ",") + "]}",
		"bulkId: again and again":    users(`{"userName":"` + strings.Repeat("bulkId:", size/7) + `"}`),
		"the same without a start":   users(`{"userName":"x` + strings.Repeat("bulkId:", size/7) + `"}`),
		"quotes in a path":           bulkHead + `{"method":"PATCH","path":"/Users/1","data":{"Operations":[{"op":"add","value":1,"path":"` + strings.Repeat(`\"bulkId:`, size/9) + `"}]}}]}`,
		"backslashes":                users(`{"userName":"` + strings.Repeat(`\\`, size/2) + `","displayName":"bulkId:1"}`),
		"a long path":                bulkHead + `{"method":"DELETE","path":"` + strings.Repeat("/bulkId:", size/8) + `"}]}`,
		"one operation of many keys": bulkHead + `{` + strings.TrimSuffix(numbered(`"k%d":1,`, size), ",") + `}]}`,
		"data of many keys":          users("{" + strings.TrimSuffix(numbered(`"k%d":"bulkId:%[1]d",`, size), ",") + "}"),
		"deep data":                  users(strings.Repeat(`{"a":[`, 14) + `"bulkId:1"` + strings.Repeat("]}", 14)),
		"too deep data":              users(strings.Repeat(`{"a":[`, size/12) + strings.Repeat("]}", size/12)),
		"bytes that open":            bulkHead + strings.Repeat("[", size),
	}
}

// numbered repeats a format with numbers until it has a size.
func numbered(format string, size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestHostileBulk(t *testing.T) {
	for name, body := range hostileBulks() {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, new(memstore.Store), &scim.Options{MaxBulk: 1000})
			start := time.Now()
			rec := e.do("POST", "/Bulk", body)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%d bytes took %v", len(body), took)
			}
			if rec.Code >= 500 || strings.Contains(rec.Body.String(), `"status":"5`) {
				t.Errorf("got %d %s", rec.Code, clipped(rec.Body.String()))
			}
		})
	}
}

// A thousand operations cost ten times what a hundred do.
func TestBulkIsLinear(t *testing.T) {
	perOperation := func(n int) float64 {
		var body strings.Builder
		body.WriteString(bulkHead)
		for i := range n {
			if i > 0 {
				body.WriteByte(',')
			}
			body.WriteString(bulkUser("u" + strconv.Itoa(i)))
		}
		body.WriteString("]}")
		return testing.AllocsPerRun(5, func() {
			e := newEndpoint(t, new(memstore.Store), nil)
			if rec := e.do("POST", "/Bulk", body.String()); rec.Code != 200 || strings.Count(rec.Body.String(), `"status":"201"`) != n {
				t.Fatalf("got %d %s", rec.Code, clipped(rec.Body.String()))
			}
		}) / float64(n)
	}
	perOperation(10) // pools fill
	none := testing.AllocsPerRun(5, func() { newEndpoint(t, new(memstore.Store), nil) })
	few, many := perOperation(100)-none/100, perOperation(1000)-none/1000
	t.Logf("allocations of an operation: %.1f of 100, %.1f of 1000", few, many)
	if many > 1.1*few+1 {
		t.Errorf("an operation allocates %.1f times among 1000, and %.1f times among 100", many, few)
	}
}

// A thousand users in one request, and in a thousand, on one Store each.
func BenchmarkBulkCreates(b *testing.B) {
	const n = 1000
	var whole strings.Builder
	single := make([]string, n)
	for i := range n {
		single[i] = fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%d@contoso.com","externalId":"e%d","name":{"givenName":"Ann","familyName":"Lee %d"},"active":true,"emails":[{"type":"work","primary":true,"value":"user%d@contoso.com"}]}`, i, i, i, i)
		fmt.Fprintf(&whole, `,{"method":"POST","path":"/Users","bulkId":"%d","data":%s}`, i, single[i])
	}
	body := bulkHead + whole.String()[1:] + "]}"
	send := func(b *testing.B, e endpoint, path, body string, want int) {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer secret")
		w := &discarded{header: http.Header{}}
		if e.h.ServeHTTP(w, r); w.status != want {
			b.Fatalf("POST %s: got %d", path, w.status)
		}
	}
	perCreate := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/create") }
	b.Run("one request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			send(b, newEndpoint(b, new(memstore.Store), nil), "/Bulk", body, 200)
		}
		perCreate(b)
	})
	b.Run("a thousand requests", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e := newEndpoint(b, new(memstore.Store), nil)
			for _, body := range single {
				send(b, e, "/Users", body, 201)
			}
		}
		perCreate(b)
	})
}

type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(b []byte) (int, error) { return io.Discard.Write(b) }

// Whatever the body, a bulk request is answered and never with a fault of the
// server; each result has a status, an error body exactly if it failed, and no
// resource that is not there.
func FuzzBulk(f *testing.F) {
	for _, name := range []string{"R279_bulk", "R281_bulk_operations_that_are_none", "R280_bulk_requests_that_are_none", "R282_bulk_ids", "R292_bulk_fail_on_errors", "R293_bulk_references", "R293b_bulk_references_that_lead_nowhere", "R293c_bulk_texts", "R295_bulk_order", "R296_bulk_circles"} {
		for _, s := range wiretest.Read(f, filepath.Join(wireDir, name+".txt")).Steps {
			f.Add(s.Body, false)
		}
	}
	f.Add(bulkHead+`{"method":"POST","path":"/Users","bulkId":"x/bulkId:y","data":{}},{"method":"DELETE","path":"/bulkId:x/bulkId:y"}]}`, true)
	users, err := scim.UserType()
	if err != nil {
		f.Fatal(err)
	}
	groups, err := scim.GroupType()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string, strict bool) {
		e := newEndpoint(t, wireStore(), &scim.Options{Types: []*scim.ResourceType{users, groups}, Strict: strict, Hooks: new(recordingHooks), MaxBulk: 50})
		e.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"one"}`)
		rec := e.do("POST", "/Bulk", body)
		if rec.Code >= 500 {
			t.Fatalf("got %d %s", rec.Code, rec.Body)
		}
		var answer struct{ Operations []bulkResult }
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
			t.Fatalf("the answer is no JSON: %v: %s", err, rec.Body)
		}
		for i, r := range answer.Operations {
			status, err := strconv.Atoi(r.Status)
			switch {
			case err != nil || status < 200 || status >= 500:
				t.Errorf("result %d: status %q", i, r.Status)
			case (status >= 300) != (r.Response != nil), r.Response != nil && (r.Response.Status != r.Status || r.Response.Detail == ""):
				t.Errorf("result %d: %+v", i, r)
			case status == 201 && r.Location == "", r.Method == "POST" && status > 300 && r.Location != "":
				t.Errorf("result %d: location %q with status %d", i, r.Location, status)
			}
		}
	})
}
