package peertest

import (
	"regexp"
	"slices"

	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

// A Verdict says whose a difference is: what the conformance check or a
// stand-in for an identity provider complains of at a server we did not write.
type Verdict string

// The verdicts. There is none for a mistake of the check's: such a check is
// mended.
const (
	Defect      Verdict = "defect"          // the peer does otherwise than the RFC says, or answers with a server error
	Choice      Verdict = "choice"          // the RFC leaves it open or is on the peer's side; the identity provider needs it all the same
	Application Verdict = "the application" // the peer leaves it to the application; here to the store that this package puts under it
)

// A Difference is a cause of complaints. The first one that explains a
// complaint counts.
type Difference struct {
	Verdict  Verdict
	Says     string
	Checks   []string       // ids in the conformance check that it fails or blocks
	Requests *regexp.Regexp // in the text of an identity provider's failures
}

// A Peer is a server that is looked at by the conformance check and the
// identity providers. The suite of the Interoperability Profile is told in
// numbers alone, as no peer claims to follow it.
type Peer struct {
	Name, Version string
	About         string
	Differences   []Difference
}

// Peers are those whose differences are explained.
func Peers() []Peer { return []Peer{usher, elimity, scimmy, scim2Server} }

var usher = Peer{
	Name: "Usher", Version: "this repository",
	About: "The library over memstore, for comparison.",
}

// Explains returns the difference that a check's finding comes from, nil if
// there is none.
func (p Peer) Explains(id string) *Difference {
	i := slices.IndexFunc(p.Differences, func(d Difference) bool { return slices.Contains(d.Checks, id) })
	if i < 0 {
		return nil
	}
	return &p.Differences[i]
}

// ExplainsFailure returns the difference that an identity provider's failure
// comes from, nil if there is none.
func (p Peer) ExplainsFailure(f *idp.Failure) *Difference {
	i := slices.IndexFunc(p.Differences, func(d Difference) bool { return d.Requests != nil && d.Requests.MatchString(f.Error()) })
	if i < 0 {
		return nil
	}
	return &p.Differences[i]
}

// Compare returns the findings of a report of all suites that are not
// explained, and the checks that should have one and have not.
func (p Peer) Compare(r *conformance.Report) (unexplained []*conformance.Result, vanished []string) {
	found := map[string]bool{}
	for _, result := range Findings(r) {
		found[result.ID] = true
		if p.Explains(result.ID) == nil {
			unexplained = append(unexplained, result)
		}
	}
	for _, d := range p.Differences {
		for _, id := range d.Checks {
			if !found[id] {
				vanished = append(vanished, id)
			}
		}
	}
	return unexplained, vanished
}

// Findings returns what failed or could not begin, but for the
// Interoperability Profile.
func Findings(r *conformance.Report) (found []*conformance.Result) {
	for _, result := range r.Results {
		if result.Suite != conformance.Strict && (result.Status == conformance.Failed || result.Status == conformance.Blocked) {
			found = append(found, result)
		}
	}
	return found
}
