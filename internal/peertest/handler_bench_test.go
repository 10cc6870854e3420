package peertest

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// contestants are the servers in each table. Those that ask whether members
// exist are given users to put into groups.
var contestants = []struct {
	name    string
	new     func(token string) http.Handler
	members bool
}{
	{"usher", Usher, true},
	{"floor", Floor, false},
	{"elimity", Elimity, false},
}

// fixture is what a server holds before an operation is measured.
type fixture struct {
	users []string // the targets of users
	hits  []string // look-ups of the same users by userName
	group string   // the target of the group
	extra string   // the id of a user who is not in it
}

// operation is one row of the tables.
type operation struct {
	name         string
	users, group int // what the server holds: users, and the members of one group
	loopback     bool
	want         int
	request      func(f *fixture, i int) (method, target string, body []byte)
}

// perServer is how many users are created on one server before the next one.
const perServer = 10_000

var bodies = sync.OnceValue(func() [][]byte {
	all := make([][]byte, perServer)
	for i := range all {
		all[i] = userBody(i)
	}
	return all
})

var activeBodies = [2][]byte{activeBody(false), activeBody(true)}

func operations() []operation {
	ops := []operation{
		{name: "get", users: perServer, loopback: true, want: 200, request: func(f *fixture, i int) (string, string, []byte) {
			return http.MethodGet, f.users[i*7919%len(f.users)], nil
		}},
		{name: "create", loopback: true, want: 201, request: func(_ *fixture, i int) (string, string, []byte) {
			return http.MethodPost, Prefix + "/Users", bodies()[i%perServer]
		}},
		{name: "list-100", users: perServer, loopback: true, want: 200, request: func(*fixture, int) (string, string, []byte) {
			return http.MethodGet, Prefix + "/Users?startIndex=4321&count=100", nil
		}},
		{name: "userName-hit", users: perServer, loopback: true, want: 200, request: func(f *fixture, i int) (string, string, []byte) {
			return http.MethodGet, f.hits[i*7919%len(f.hits)], nil
		}},
		{name: "userName-miss", users: perServer, loopback: true, want: 200, request: func(*fixture, int) (string, string, []byte) {
			return http.MethodGet, Prefix + "/Users?filter=userName+eq+%22Nobody%40Contoso.example%22", nil
		}},
		{name: "patch-active", users: perServer, loopback: true, want: 200, request: func(f *fixture, i int) (string, string, []byte) {
			return http.MethodPatch, f.users[i/2*7919%len(f.users)], activeBodies[i%2]
		}},
	}
	for _, size := range []int{10, 1000, 100_000} {
		var add, remove []byte // the same for all: made at the first use, when extra is known
		var extra string
		ops = append(ops, operation{
			name: fmt.Sprintf("group-%d-add-remove", size), group: size, loopback: size == 1000, want: 0,
			request: func(f *fixture, i int) (string, string, []byte) {
				if extra != f.extra {
					extra, add, remove = f.extra, addBody(f.extra), removeBody(f.extra)
				}
				if i%2 == 0 {
					return http.MethodPatch, f.group, add
				}
				return http.MethodPatch, f.group, remove
			},
		})
	}
	for _, size := range []int{1000, 100_000} {
		ops = append(ops,
			operation{name: fmt.Sprintf("group-%d-get", size), group: size, want: 200, request: func(f *fixture, _ int) (string, string, []byte) {
				return http.MethodGet, f.group, nil
			}},
			operation{name: fmt.Sprintf("group-%d-get-without-members", size), group: size, want: 200, request: func(f *fixture, _ int) (string, string, []byte) {
				return http.MethodGet, f.group + "?excludedAttributes=members", nil
			}})
	}
	return ops
}

// good reports whether the status is the one the operation wants; a PATCH of a
// group may be answered with the group or without.
func (o operation) good(status int) bool {
	return status == o.want || o.want == 0 && (status == http.StatusOK || status == http.StatusNoContent)
}

// fill puts into a server what an operation needs.
func fill(tb testing.TB, d doer, users, group int, membersExist bool) *fixture {
	tb.Helper()
	f := &fixture{extra: externalID(9, 0)}
	var ids []string
	for i := range max(users, group+1) {
		if i >= users && !(membersExist && group > 0) {
			break
		}
		id := idOf(tb, must(tb, d, 201, http.MethodPost, Prefix+"/Users", userBody(i)))
		ids = append(ids, id)
		f.users = append(f.users, Prefix+"/Users/"+id)
		f.hits = append(f.hits, filterURL("/Users", `userName eq "`+userName(i)+`"`))
	}
	if group > 0 {
		if membersExist {
			f.extra = ids[group]
		} else {
			ids = ids[:0]
			for i := range group {
				ids = append(ids, externalID(8, i))
			}
		}
		f.group = Prefix + "/Groups/" + idOf(tb, must(tb, d, 201, http.MethodPost, Prefix+"/Groups", groupBody("Everyone", ids[:group])))
	}
	runtime.GC()
	return f
}

// BenchmarkHandler measures the work of one request in the process, without
// network and net/http. One server is alive at a time, so that none pays for
// what another one keeps.
func BenchmarkHandler(b *testing.B) {
	for _, op := range operations() {
		b.Run(op.name, func(b *testing.B) {
			for _, c := range contestants {
				b.Run(c.name, func(b *testing.B) {
					p := inProcess(c.new(Token))
					f := fill(b, p, op.users, op.group, c.members)
					op.request(f, 0) // makes the bodies
					p.discard = true
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						if op.name == "create" && i%perServer == 0 && i > 0 {
							b.StopTimer()
							p.handler = c.new(Token)
							b.StartTimer()
						}
						method, target, body := op.request(f, i)
						if status, _ := p.do(method, target, body); !op.good(status) {
							b.Fatalf("%s %s: status %d", method, target, status)
						}
						i++
					}
					b.ReportMetric(float64(p.written), "B-answered")
				})
			}
		})
	}
}

// BenchmarkLoopback measures the same over HTTP: net/http on the loopback
// interface and eight kept connections for two processors.
func BenchmarkLoopback(b *testing.B) {
	const connections = 8
	// run measures what request asks for over all connections.
	run := func(b *testing.B, addr string, good func(int) bool, request func(i int) (method, target string, body []byte)) {
		conns := make(chan *conn, 4*connections)
		for range cap(conns) {
			conns <- dial(b, addr)
		}
		var next atomic.Int64
		b.ReportAllocs()
		b.SetParallelism(max(1, connections/runtime.GOMAXPROCS(0)))
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			c := <-conns
			for pb.Next() {
				method, target, body := request(int(next.Add(1)))
				if status, answer := c.do(method, target, body); !good(status) {
					b.Errorf("%s %s: status %d: %.200s", method, target, status, answer)
					return
				}
			}
		})
	}

	b.Run("echo", func(b *testing.B) {
		addr := serveLoopback(b, Echo(Token))
		body := userBody(0)
		run(b, addr, func(status int) bool { return status == 200 }, func(int) (string, string, []byte) {
			return http.MethodPost, Prefix + "/Users", body
		})
	})
	for _, op := range operations() {
		if !op.loopback {
			continue
		}
		b.Run(op.name, func(b *testing.B) {
			for _, c := range contestants {
				var addr string // the server lives through the calls with growing b.N
				var f *fixture
				created := 0
				server := sync.OnceFunc(func() {
					h := c.new(Token)
					f = fill(b, inProcess(h), op.users, op.group, c.members)
					addr = serveLoopback(b, h)
				})
				b.Run(c.name, func(b *testing.B) {
					server()
					request := func(i int) (string, string, []byte) { return op.request(f, i) }
					if op.name == "create" {
						bodies := make([][]byte, b.N)
						for i := range bodies {
							bodies[i] = userBody(created)
							created++
						}
						request = func(i int) (string, string, []byte) {
							return http.MethodPost, Prefix + "/Users", bodies[i-1]
						}
					}
					run(b, addr, op.good, request)
				})
			}
		})
	}
}
