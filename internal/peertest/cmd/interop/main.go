// Command interop runs the conformance check, in all its suites, and the
// stand-ins for Entra, in both dialects, and Okta, in both forms, against our
// server and those of others, and writes docs/interop.md:
//
//	(cd scimmy && npm ci && node server.mjs 8090 bench) &
//	scim2-server --bearer-token bench --port 8092 &
//	go run ./cmd/interop -scimmy http://127.0.0.1:8090/v2 -scim2-server http://127.0.0.1:8092/v2 >../../docs/interop.md
//
// The servers written in Go run within it; one whose URL is not given is left
// out. It fails if a finding is not explained, or an explanation has nothing
// to explain any more. The servers should be new and empty.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/usherkit/scim/internal/peertest"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // ours logs what it refuses
	log.SetOutput(os.Stderr)
	log.SetFlags(0)
	log.SetPrefix("interop: ")
	token := flag.String("token", peertest.Token, "bearer token of all servers")
	scimmy := flag.String("scimmy", "", "base URL of scimmy/server.mjs")
	scim2 := flag.String("scim2-server", "", "base URL of scim2-server")
	flag.Parse()
	if flag.NArg() > 0 {
		log.Fatalf("what is %q?", flag.Args())
	}

	urls := []string{serve(peertest.Usher(*token)), serve(peertest.Elimity(*token)), *scimmy, *scim2} // as in Peers
	var looks []*look
	for i, p := range peertest.Peers() {
		if urls[i] == "" {
			continue
		}
		l, err := newLook(context.Background(), p, urls[i], *token)
		if err != nil {
			log.Fatal(err)
		}
		looks = append(looks, l)
	}
	write(os.Stdout, looks)
	if n := complain(os.Stderr, looks); n > 0 {
		log.Fatalf("%d differences are not as explained", n)
	}
}

// serve serves h on the loopback interface, below /v2, until the program ends.
func serve(h http.Handler) (url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(peertest.Prefix+"/", h)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)} // a peer may panic
	go server.Serve(listener)
	return "http://" + listener.Addr().String() + peertest.Prefix
}

// A look is what was seen of one peer.
type look struct {
	peer  peertest.Peer
	check *conformance.Report
	sides []side
}

// A side is what one identity provider saw: two cycles, each with a
// verification.
type side struct {
	name    string
	reports []*idp.Report
}

// sides are the identity providers, by the names that readers know.
var sides = []struct {
	name, title string
	dialect     idp.Dialect
}{
	{"entra", "Entra, default dialect", idp.DialectDefault},
	{"entra", "Entra, aadOptscim062020", idp.DialectFlag},
	{"okta", "Okta, an app of the wizard (PUT)", 0},
	{"okta-catalog", "Okta, an app of the catalogue (PATCH)", 0},
}

const users = 40 // in a company; small, so that failures can be read

func newLook(ctx context.Context, p peertest.Peer, url, token string) (*look, error) {
	check, err := conformance.Check(ctx, url, token, &conformance.Options{Suites: conformance.SuiteNames()})
	if err != nil {
		return nil, err
	}
	l := &look{peer: p, check: check}
	for i, s := range sides {
		d := company.New(company.Options{Users: users, Seed: 7, Domain: fmt.Sprintf("company%d.example", i)})
		for j := range d.Groups {
			d.Groups[j].DisplayName += fmt.Sprintf(" (%d)", i) // the companies share the endpoint
		}
		later := company.Evolve(d, 3)
		provider, err := idp.New(s.name, url, token, &idp.Options{Seed: 7, Dialect: s.dialect})
		if err != nil {
			return nil, err
		}
		seen := side{name: s.title}
		for _, step := range []func() (*idp.Report, error){
			func() (*idp.Report, error) { return provider.TestConnection(ctx) },
			func() (*idp.Report, error) { return provider.Sync(ctx, d) },
			func() (*idp.Report, error) { return provider.Verify(ctx, d) },
			func() (*idp.Report, error) { return provider.Sync(ctx, later) },
			func() (*idp.Report, error) { return provider.Verify(ctx, later) },
		} {
			report, _ := step() // the error is the report's
			seen.reports = append(seen.reports, report)
		}
		l.sides = append(l.sides, seen)
	}
	return l, nil
}

// complain tells what is not as explained, and returns how much it is.
func complain(w io.Writer, looks []*look) (n int) {
	for _, l := range looks {
		unexplained, vanished := l.peer.Compare(l.check)
		for _, r := range unexplained {
			fmt.Fprintf(w, "%s: not explained:\n%s\n", l.peer.Name, r)
		}
		for _, id := range vanished {
			fmt.Fprintf(w, "%s: no finding %s any more: %s\n", l.peer.Name, id, l.peer.Explains(id).Says)
		}
		n += len(unexplained) + len(vanished)
		for _, s := range l.sides {
			for _, report := range s.reports {
				for _, f := range report.Failures {
					if l.peer.ExplainsFailure(f) == nil {
						fmt.Fprintf(w, "%s: %s: not explained:\n%s\n", l.peer.Name, s.name, f)
						n++
					}
				}
			}
		}
	}
	return n
}
