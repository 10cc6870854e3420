package conformance

// The names of the suites.
const (
	RFC       = "rfc"       // RFC 7643 and RFC 7644
	Entra     = "entra"     // what Microsoft Entra ID sends and needs
	Okta      = "okta"      // what Okta sends and needs, and OneLogin, JumpCloud and others
	Microsoft = "microsoft" // Microsoft's own validation, replayed: the web validator and the Logic App suite's direct tests
	Strict    = "strict"    // the SCIM 2.0 Interoperability Profile
)

// A suite is a set of checks that are reported together.
type suite struct {
	name, title string
	checks      []check
}

func suites() []suite {
	return []suite{
		{RFC, "RFC 7643 and RFC 7644", rfcChecks()},
		{Entra, "Microsoft Entra ID", entraChecks()},
		{Okta, "Okta, OneLogin, JumpCloud", oktaChecks()},
		{Microsoft, "Microsoft's validators, replayed", microsoftChecks()},
		{Strict, "SCIM 2.0 Interoperability Profile", strictChecks()},
	}
}

// SuiteNames returns the names of all suites.
func SuiteNames() (names []string) {
	for _, s := range suites() {
		names = append(names, s.name)
	}
	return names
}

// A check is one thing that an endpoint does right or wrong. It creates what it
// needs itself and relies on no other check.
type check struct {
	id     string   // unique in its suite: "members.remove"
	area   Area     // where it stands in the picture
	title  string   // what is right: "A duplicate userName is refused with 409 uniqueness"
	rows   []string // requirement numbers: "R-128", wire cases: "E047"
	source string   // where to read on: "RFC 7644 §3.12"
	level  Level
	needs  []feature // without them the check is skipped
	alone  bool      // other checks would disturb it, or it them
	why    string    // what comes of it when it is wrong
	fix    string    // what to change
	run    func(*probe)
}
