package peertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/elimity-com/scim/schema"
)

// million is how many users the benchmarks of growth hold; a tenth of it with
// -short.
func million() int {
	if testing.Short() {
		return 100_000
	}
	return 1_000_000
}

// versus alternates between batches of two operations, so that both meet the
// same noise, and reports the median time of each and the ratio of the second
// to the first.
func versus(b *testing.B, first, second func(i int)) {
	const batch = 200
	var took [2][]float64
	i := 0
	for b.Loop() {
		for which, op := range []func(int){first, second} {
			start := time.Now()
			for k := range batch {
				op(i + k)
			}
			took[which] = append(took[which], float64(time.Since(start))/batch)
		}
		i += batch
	}
	for _, t := range took {
		slices.Sort(t)
	}
	one, two := took[0][len(took[0])/2], took[1][len(took[1])/2]
	b.ReportMetric(0, "ns/op") // of both batches: tells nothing
	b.ReportMetric(one, "ns-small")
	b.ReportMetric(two, "ns-large")
	b.ReportMetric(two/one, "ratio")
}

// BenchmarkGrowth compares requests to a small server and to a large one:
// "ratio" is what the size costs.
func BenchmarkGrowth(b *testing.B) {
	// asking makes one request of a server in the process again and again.
	asking := func(b *testing.B, p *process, request func(i int) (method, target string, body []byte)) func(int) {
		return func(i int) {
			method, target, body := request(i)
			if status, _ := p.do(method, target, body); status/100 != 2 {
				b.Fatalf("%s %s: status %d", method, target, status)
			}
		}
	}
	// Entra ID asks for a userName that is not there before each create.
	b.Run(fmt.Sprintf("lookup-1000-%d", million()), func(b *testing.B) {
		absent := func(int) (string, string, []byte) {
			return http.MethodGet, Prefix + "/Users?filter=userName+eq+%22Nobody%40Contoso.example%22", nil
		}
		small, large := inProcess(Usher(Token)), inProcess(Usher(Token))
		fill(b, small, 1000, 0, true)
		fillUsers(b, large, million())
		versus(b, asking(b, small, absent), asking(b, large, absent))
	})
	b.Run("group-add-remove-10-100000", func(b *testing.B) {
		adding := func(size int) func(int) {
			p := inProcess(Usher(Token))
			f := fill(b, p, 0, size, true)
			bodies := [2][]byte{addBody(f.extra), removeBody(f.extra)}
			return asking(b, p, func(i int) (string, string, []byte) { return http.MethodPatch, f.group, bodies[i%2] })
		}
		versus(b, adding(10), adding(100_000))
	})
	b.Run("group-get-without-members-0-100000", func(b *testing.B) {
		p := inProcess(Usher(Token))
		f := fill(b, p, 0, 100_000, true)
		empty := Prefix + "/Groups/" + idOf(b, must(b, p, 201, http.MethodPost, Prefix+"/Groups", groupBody("Nobody", nil)))
		getting := func(target string) func(int) {
			target += "?excludedAttributes=members"
			return asking(b, p, func(int) (string, string, []byte) { return http.MethodGet, target, nil })
		}
		versus(b, getting(empty), getting(f.group))
	})
}

// fillUsers creates users and keeps nothing of them.
func fillUsers(tb testing.TB, p *process, users int) {
	tb.Helper()
	for i := range users {
		must(tb, p, 201, http.MethodPost, Prefix+"/Users", userBody(i))
	}
	runtime.GC()
}

// BenchmarkCollection holds many users and collects garbage: an operation is
// one full collection. It also reports the memory and the number of objects
// for each user, and how long the world stood still.
//
// Beside the library are maps as elimity-com/scim validates and hands them
// over, in the store of Elimity, which has an index for id and userName.
func BenchmarkCollection(b *testing.B) {
	b.Run("usher", func(b *testing.B) {
		p := inProcess(Usher(Token))
		collect(b, million(), func() { fillUsers(b, p, million()) })
		runtime.KeepAlive(p)
	})
	b.Run("elimity", func(b *testing.B) {
		users := newTable("userName", schema.CoreUserSchema())
		collect(b, million(), func() { fillTable(b, users, million()) })
		runtime.KeepAlive(users)
	})
}

func collect(b *testing.B, users int, fill func()) {
	var before, filled, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	fill()
	runtime.GC()
	runtime.ReadMemStats(&filled)
	n := 0
	for b.Loop() {
		runtime.GC()
		n++
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(filled.HeapAlloc-before.HeapAlloc)/float64(users), "B/user")
	b.ReportMetric(float64(filled.HeapObjects-before.HeapObjects)/float64(users), "objects/user")
	b.ReportMetric(float64(after.PauseTotalNs-filled.PauseTotalNs)/float64(n), "pause-ns/op")
}

// fillTable creates users with what elimity's ResourceHandler is handed.
func fillTable(tb testing.TB, users *table, n int) {
	core, enterprise := schema.CoreUserSchema(), schema.ExtensionEnterpriseUser()
	request := &http.Request{URL: new(url.URL)}
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				d := json.NewDecoder(bytes.NewReader(userBody(i)))
				d.UseNumber()
				var m map[string]any
				if err := d.Decode(&m); err != nil {
					tb.Error(err)
					return
				}
				attributes, scimErr := core.Validate(m)
				if scimErr == nil {
					attributes[enterprise.ID], scimErr = enterprise.ValidateExtension(m[enterprise.ID])
				}
				if scimErr != nil {
					tb.Error(scimErr)
					return
				}
				if _, err := users.Create(request, attributes); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
