package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim/internal/peertest"
	"github.com/usherkit/scim/scimtest/conformance"
)

const head = `# What the check finds in other servers

The conformance check and the stand-ins for Entra and Okta judge everybody's server, so they are tried on servers that
are not ours. Here is what they found, and for every finding whose it is:

- **defect**: the peer does otherwise than the RFC says, or answers with a server error. Each shows in a request and its
  answer; what was less plain than that was confirmed in the peer's source.
- **choice**: the RFC leaves it open, or is on the peer's side. The identity provider needs it all the same: the finding
  is about customers, not about the RFC.
- **the application**: the peer leaves it to its user. Here that is the store which internal/peertest puts under it.

A finding that proved to be a mistake of ours is not here: the check was mended. Advice, what a SHOULD asks, is counted
and not listed. The suite of the Interoperability Profile is counted alone, because no peer claims to follow it; nor
does ours, in its default form. This page is written by internal/peertest/cmd/interop; a test in internal/peertest
holds the Go peer to it.
`

const tail = `
## Others' checks of our server

The other way round, two checks that are not ours, against the library over memstore, on 2026-11-25:

| check | passed | failed | skipped | |
|---|--:|--:|--:|---|
| scim2-tester 0.5.2 | 133 | 0 | 0 | |
| scim-sanity 0.7.4, strict | 25 | 3 | 3 | skipped: agents, which we do not serve |

scim-sanity's failures: twice it wants 200 where a PATCH of a group is answered 204, which RFC 7644 §3.5.2
allows and Entra recommends (scim2-server has the same findings); once it adds a member whose id nobody has, which we
refuse with 400.
`

func write(w io.Writer, looks []*look) {
	fmt.Fprintf(w, "%s\nOf %s. Each company has %d users and their groups; the second cycle is after some days' changes.\n\n", head, time.Now().UTC().Format(time.DateOnly), users)
	overview(w, looks)
	for _, l := range looks {
		if len(l.peer.Differences) > 0 {
			l.write(w)
		}
	}
	fmt.Fprint(w, tail)
}

// overview is a table of all peers.
func overview(w io.Writer, looks []*look) {
	fmt.Fprint(w, "| server | version | checks passed | findings | blocked | advice | skipped | profile: not met | requests |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, l := range looks {
		n, profile := map[conformance.Status]int{}, 0
		for _, r := range l.check.Results {
			switch {
			case r.Suite != conformance.Strict:
				n[r.Status]++
			case r.Status == conformance.Failed || r.Status == conformance.Blocked:
				profile++
			}
		}
		fmt.Fprintf(w, "| %s | %s | %d | %d | %d | %d | %d | %d | %d |\n", l.peer.Name, l.peer.Version, n[conformance.Passed], n[conformance.Failed],
			n[conformance.Blocked], n[conformance.Advised], n[conformance.Skipped], profile, l.check.Requests)
	}
	fmt.Fprint(w, "\nFindings by area, and advice after the plus sign:\n\n| area |")
	for _, l := range looks {
		fmt.Fprintf(w, " %s |", l.peer.Name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("--:|", len(looks)))
	for _, area := range conformance.Areas() {
		fmt.Fprintf(w, "| %s |", area)
		for _, l := range looks {
			findings, advice := 0, 0
			for _, r := range l.check.Results {
				switch {
				case r.Suite == conformance.Strict || r.Area != area:
				case r.Status == conformance.Failed || r.Status == conformance.Blocked:
					findings++
				case r.Status == conformance.Advised:
					advice++
				}
			}
			fmt.Fprintf(w, " %s |", sum(findings, advice))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "\nFailures of the identity providers, of the requests in: the test of the connection, the initial cycle, its verification,\nthe incremental cycle, its verification:\n\n| server |")
	for _, s := range sides {
		fmt.Fprintf(w, " %s |", s.title)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(sides)))
	for _, l := range looks {
		fmt.Fprintf(w, "| %s |", l.peer.Name)
		for _, s := range l.sides {
			var cells []string
			for _, r := range s.reports {
				cells = append(cells, fmt.Sprintf("%d of %d", len(r.Failures), r.Requests()))
			}
			fmt.Fprintf(w, " %s |", strings.Join(cells, ", "))
		}
		fmt.Fprintln(w)
	}
}

func sum(findings, advice int) string {
	switch {
	case findings+advice == 0:
		return "·"
	case advice == 0:
		return fmt.Sprint(findings)
	}
	return fmt.Sprintf("%d + %d", findings, advice)
}

// write tells the differences of one peer.
func (l *look) write(w io.Writer) {
	fmt.Fprintf(w, "\n## %s %s\n\n%s\n\n", l.peer.Name, l.peer.Version, l.peer.About)
	fmt.Fprint(w, "| whose | what | checks | failures |\n|---|---|---|--:|\n")
	failures := map[string]int{}
	for _, s := range l.sides {
		for _, r := range s.reports {
			for _, f := range r.Failures {
				if d := l.peer.ExplainsFailure(f); d != nil {
					failures[d.Says]++
				}
			}
		}
	}
	order := []peertest.Verdict{peertest.Defect, peertest.Choice, peertest.Application}
	differences := slices.Clone(l.peer.Differences)
	slices.SortStableFunc(differences, func(a, b peertest.Difference) int {
		return slices.Index(order, a.Verdict) - slices.Index(order, b.Verdict)
	})
	for _, d := range differences {
		n := ""
		if failures[d.Says] > 0 {
			n = fmt.Sprint(failures[d.Says])
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", d.Verdict, strings.ReplaceAll(d.Says, "|", `\|`), strings.Join(d.Checks, ", "), n)
	}
}
