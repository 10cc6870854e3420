package conformance_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherkit/scim/scimtest/conformance"
)

// recommended are the numbers of the requirements that their source recommends
// or allows: SHOULD and MAY, and what its prose says so.
const recommended = `
	005 007 015 024 025 031 042 062 063 070 071 072 073 074 077 080 085 086 087 089 094 100 105 108 114
	117 119 122 126 135 136 140 160 163 164 166 167 169 180 186 187 189 190 193 195 196 198 203 220 227
	252 276 277 278 279 284 300 307 308 310 313 314 315 316 317 318 319 321 325 328 329 330 331 336 350
	360 361 366 367 370 383 384 391 397 404 409 413 416 420 421 425`

// TestRFCLevels: no check of the RFC suite that is a Must stands on what the
// RFCs recommend, or on a reading of them (A-…), alone.
func TestRFCLevels(t *testing.T) {
	weak := strings.Fields(recommended)
	musts := 0
	for _, c := range conformance.Checks() {
		if c.Suite != conformance.RFC || c.Level != conformance.Must {
			continue
		}
		musts++
		if !slices.ContainsFunc(c.Requirements, func(row string) bool {
			number, ok := strings.CutPrefix(row, "R-")
			return ok && !slices.Contains(weak, number)
		}) {
			t.Errorf("%s is a Must by %v", c.ID, c.Requirements)
		}
	}
	if musts < 100 {
		t.Errorf("%d Musts, want those of the RFC suite", musts)
	}
}

// TestRFCFair: an endpoint of another taste, which the RFCs leave to it, has no
// finding.
func TestRFCFair(t *testing.T) {
	relative := func(r object) {
		meta, _ := r["meta"].(object)
		if location, _ := meta["location"].(string); location != "" {
			meta["location"] = location[strings.Index(location, "/scim/v2")+len("/scim/v2"):]
		}
	}
	times := func(write func(was time.Time) string) func(r object) {
		return func(r object) {
			meta, _ := r["meta"].(object)
			for _, name := range []string{"created", "lastModified"} {
				was, _ := meta[name].(string)
				if at, err := time.Parse(time.RFC3339Nano, was); err == nil {
					meta[name] = write(at)
				}
			}
		}
	}
	everyone := each(func(r object) {
		if r["meta"] == nil || r["userName"] == nil {
			return // a part was asked for
		}
		list, _ := r["groups"].([]any)
		r["groups"] = append([]any{object{"value": "everyone"}}, list...)
	})
	wordless := says(func(c *call, o object) {
		if c.w.Code >= 400 {
			delete(o, "scimType")
		}
	})
	var busy sync.Map // groups that are being changed
	for name, wrap := range map[string]wrapper{
		"everybody is in a group": flawed("", "/Users", "", everyone),
		"stored times are coarser than those of POST": stack(
			flawed("POST", "/Users", "", each(times(func(at time.Time) string { return at.Add(123 * time.Microsecond).Format(time.RFC3339Nano) }))),
			flawed("GET|PUT|PATCH", "/Users", "", each(times(func(at time.Time) string {
				return at.Truncate(time.Millisecond).In(time.FixedZone("", 3600)).Format(time.RFC3339Nano)
			})))),
		"relative locations": flawed("", "/Users", "", each(relative)),
		"no scimType but where the RFC names one": stack(
			flawed("PUT|PATCH", "/Users/", "userName", func(c *call) {
				if c.pass(); c.w.Code == 409 {
					c.w = httptest.NewRecorder()
					refuses(409, "")(c)
				}
			}),
			flawed("GET", `/Users\?filter=userName(\+eq)?$`, "", wordless)),
		"one change of a group at a time": flawed("PATCH", "/Groups/", "", func(c *call) {
			if _, is := busy.LoadOrStore(c.URL.Path, true); is {
				refuses(409, "")(c)
				return
			}
			time.Sleep(5 * time.Millisecond) // so that there are conflicts
			c.pass()
			busy.Delete(c.URL.Path)
		}),
		"a web page at the base URL": stack(flawed("GET", `^/scim/v2/(\?|$)`, "", answers(200, "<html>")), dotSearch),
		"titles have case": stack(
			published(":User", "title", func(a object) { a["caseExact"] = true }),
			stack(flawed("GET", "sortBy=title", "", says(func(c *call, o object) {
				list := items(o, "Resources")
				slices.SortStableFunc(list, func(a, b object) int {
					title := func(o object) string {
						if s, ok := o["title"].(string); ok {
							return s
						}
						return "\uffff"
					}
					x, y := title(a), title(b)
					if c.URL.Query().Get("sortOrder") == "descending" {
						x, y = y, x
					}
					return strings.Compare(x, y)
				})
				o["Resources"] = list
			})), sorted)),
	} {
		t.Run(name, func(t *testing.T) {
			report, err := conformance.Check(t.Context(), serve(t, wrap), token, &conformance.Options{Suites: []string{conformance.RFC}})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Findings() {
				t.Error(r)
			}
		})
	}
}
