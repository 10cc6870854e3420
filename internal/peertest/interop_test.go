package peertest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/conformance"
)

// The conformance check finds in a server that is not ours what is explained
// in Peers, and nothing else. Should a finding go, through a new version of
// the peer or of the check, its line goes too.
func TestCheckOfElimity(t *testing.T) {
	checkPeer(t, elimity, "http://"+serveLoopback(t, Elimity(Token))+Prefix)
}

// It finds nothing in ours.
func TestCheckOfUsher(t *testing.T) {
	checkPeer(t, usher, "http://"+serveLoopback(t, Usher(Token))+Prefix)
}

func checkPeer(t *testing.T, p Peer, url string) {
	t.Helper()
	report, err := conformance.Check(t.Context(), url, Token, &conformance.Options{Suites: conformance.SuiteNames()})
	if err != nil {
		t.Fatal(err)
	}
	unexplained, vanished := p.Compare(report)
	for _, r := range unexplained {
		t.Errorf("got a finding that is not explained:\n%s", r)
	}
	for _, id := range vanished {
		t.Errorf("got no finding %s, want one: %s", id, p.Explains(id).Says)
	}
}

// A check is explained once, exists, and names a verdict.
func TestDifferences(t *testing.T) {
	report, err := conformance.Check(t.Context(), "http://"+serveLoopback(t, Usher(Token))+Prefix, Token, nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, r := range report.Results {
		ids[r.ID] = true
	}
	for _, p := range Peers() {
		seen := map[string]bool{}
		for _, d := range p.Differences {
			if !slices.Contains([]Verdict{Defect, Choice, Application}, d.Verdict) || d.Says == "" || len(d.Checks) == 0 && d.Requests == nil {
				t.Errorf("%s: %q: got verdict %q and %d checks", p.Name, d.Says, d.Verdict, len(d.Checks))
			}
			for _, id := range d.Checks {
				if seen[id] || !ids[id] {
					t.Errorf("%s: check %s is explained twice, or there is none of that name", p.Name, id)
				}
				seen[id] = true
			}
		}
	}
}

// The versions told are those required.
func TestVersionsOfPeers(t *testing.T) {
	for file, want := range map[string]string{
		"go.mod":              "github.com/elimity-com/scim " + ElimityVersion,
		"scimmy/package.json": `"scimmy-routers": "` + ScimmyVersion + `"`,
	} {
		if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: got no %s (%v)", file, want, err)
		}
	}
}
