package idp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim/internal/plain"
)

// A Kind is what a request is for.
type Kind string

const (
	Probe        Kind = "probe"         // a look-up of a random name, before anything else
	MatchUser    Kind = "match user"    // a look-up by filter
	GetUser      Kind = "get user"      // a read by id
	CheckManager Kind = "check manager" // is this the manager already?
	MatchGroup   Kind = "match group"   // a look-up by filter, without members
	GetGroup     Kind = "get group"     // a read by id, without members
	CheckMember  Kind = "check member"  // is this a member already?
	GetMembers   Kind = "get members"   // a read by id, with members; of Entra's Verify alone
	CreateUser   Kind = "create user"   // POST
	PatchUser    Kind = "patch user"    // PATCH of attributes
	PatchManager Kind = "patch manager" // PATCH of the manager
	DeleteUser   Kind = "delete user"   // DELETE
	CreateGroup  Kind = "create group"  // POST
	PatchGroup   Kind = "patch group"   // PATCH of attributes
	PatchMembers Kind = "patch members" // PATCH of members
	DeleteGroup  Kind = "delete group"  // DELETE

	RequestToken     Kind = "request token"     // POST to the token endpoint
	CheckCredentials Kind = "check credentials" // a read of one user, with a token of it
	DiscoverUsers    Kind = "discover users"    // a page of all of them

	// These are of the other identity providers; Entra sends none of them.
	ReplaceUser  Kind = "replace user"  // PUT
	ReplaceGroup Kind = "replace group" // PUT
	ImportUsers  Kind = "import users"  // a page of all of them
	ImportGroups Kind = "import groups" // a page of all of them
)

// method is the HTTP method of requests of the kind.
func (k Kind) method() string {
	switch k {
	case CreateUser, CreateGroup, RequestToken:
		return "POST"
	case PatchUser, PatchManager, PatchGroup, PatchMembers:
		return "PATCH"
	case ReplaceUser, ReplaceGroup:
		return "PUT"
	case DeleteUser, DeleteGroup:
		return "DELETE"
	}
	return "GET"
}

// IsWrite reports whether requests of the kind change the endpoint.
func (k Kind) IsWrite() bool { return k.method() != "GET" && k != RequestToken }

// isReference reports whether requests of the kind are about references, whose
// failures Entra counts apart.
func (k Kind) isReference() bool {
	switch k {
	case CheckManager, PatchManager, CheckMember, PatchMembers:
		return true
	}
	return false
}

// A Count is a number of requests of one kind that were answered alike.
type Count struct {
	Kind     Kind `json:"kind"`
	Status   int  `json:"status"` // 0: no answer
	Requests int  `json:"requests"`
}

// A Latency tells how long the answers to requests of one kind took. Of P50,
// half of them took no longer.
type Latency struct {
	Kind               Kind
	Requests           int
	P50, P95, P99, Max time.Duration
}

// latencyJSON is the form of a Latency.
type latencyJSON struct {
	Kind     Kind         `json:"kind"`
	Requests int          `json:"requests"`
	P50      milliseconds `json:"p50Ms"`
	P95      milliseconds `json:"p95Ms"`
	P99      milliseconds `json:"p99Ms"`
	Max      milliseconds `json:"maxMs"`
}

// MarshalJSON writes the durations in milliseconds: {"kind", "requests",
// "p50Ms", "p95Ms", "p99Ms", "maxMs"}.
func (l Latency) MarshalJSON() ([]byte, error) {
	return json.Marshal(latencyJSON{l.Kind, l.Requests, milliseconds(l.P50), milliseconds(l.P95), milliseconds(l.P99), milliseconds(l.Max)})
}

// UnmarshalJSON reads what MarshalJSON writes, to the microsecond.
func (l *Latency) UnmarshalJSON(src []byte) error {
	var in latencyJSON
	if err := json.Unmarshal(src, &in); err != nil {
		return err
	}
	*l = Latency{in.Kind, in.Requests, time.Duration(in.P50), time.Duration(in.P95), time.Duration(in.P99), time.Duration(in.Max)}
	return nil
}

// milliseconds is a duration that is a number of milliseconds in JSON, with
// three digits behind the point at most.
type milliseconds time.Duration

func (m milliseconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Duration(m).Microseconds()) / 1000)
}

func (m *milliseconds) UnmarshalJSON(src []byte) error {
	var ms float64
	err := json.Unmarshal(src, &ms)
	*m = milliseconds(math.Round(ms*1000)) * milliseconds(time.Microsecond)
	return err
}

// latencies sorts the times of each kind, and tells them in the order of the
// kinds' names.
func latencies(times map[Kind][]time.Duration) (all []Latency) {
	for _, k := range slices.Sorted(maps.Keys(times)) {
		d := times[k]
		slices.Sort(d)
		at := func(percent int) time.Duration { return d[(len(d)*percent+99)/100-1] } // nearest rank
		all = append(all, Latency{k, len(d), at(50), at(95), at(99), at(100)})
	}
	return all
}

// A Failure is something that went wrong, with what its reader needs to put
// it right. It is an error.
type Failure struct {
	Code         string `json:"code"`              // Entra's name for it in the provisioning log, such as "InvalidAnchor"; see the constants
	Object       string `json:"object"`            // what it is about: "user Ada Lovelace (ada@contoso.example)"
	Request      string `json:"request,omitempty"` // "PATCH https://…/Users/7"; never with the token; empty if it is about no single request
	RequestBody  string `json:"requestBody,omitempty"`
	Status       int    `json:"status"` // 0: no answer
	ResponseBody string `json:"responseBody,omitempty"`
	Want         string `json:"want"` // what was expected instead
	Why          string `json:"why"`  // what comes of it
}

// The codes of failures: those Entra writes to its provisioning log, and
// CodeDifference.
const (
	CodeUnauthorized        = "Unauthorized"
	CodeInsufficientRights  = "InsufficientRights"
	CodeUnavailable         = "CredentialValidationUnavailable"
	CodeInvalidAnchor       = "InvalidAnchor"
	CodeDuplicates          = "DuplicateTargetEntries"
	CodeConflict            = "Conflict"
	CodeBadRequest          = "SystemForCrossDomainIdentityManagementBadRequest"
	CodeIncompatible        = "SystemForCrossDomainIdentityManagementServiceIncompatible"
	CodeMultipleEntries     = "SystemForCrossDomainIdentityManagementMultipleEntriesInResponse"
	CodeMethodNotAllowed    = "MethodNotAllowed"
	CodeUnprocessable       = "UnprocessableEntity"
	CodeTooManyRequests     = "TooManyRequests"
	CodeInternalServerError = "InternalServerError"
	CodeNotImplemented      = "NotImplemented"
	CodeTimeout             = "Timeout"
	CodeDifference          = "Difference" // Verify: the endpoint does not hold what the directory does
)

// Error tells the whole failure in a few lines. Control characters that the
// endpoint sent are shown, not obeyed.
func (f *Failure) Error() string {
	var b lines
	b.WriteString(plain.Line(f.Code) + ": " + plain.Line(f.Object))
	b.exchange("request", f.Request, f.RequestBody, f.Status, f.ResponseBody)
	b.line("want", f.Want)
	b.line("why", f.Why)
	return b.String()
}

// A Report tells what one run of an identity provider did and what went wrong.
type Report struct {
	Run       string        // "Test Connection", "initial cycle", "incremental cycle", "verification", "provision on demand", "account discovery"
	Started   time.Time     // by the simulated clock
	Duration  time.Duration // in real time
	Counts    []Count       // by kind and status, in the order of the kinds' names
	Latencies []Latency     // by kind, in the order of their names
	Failures  []*Failure    // in no particular order
	Advice    []string      // what is no failure, and should be better
	Stopped   string        // why the run ended early or did nothing; Entra would put the job into quarantine

	// FirstWrites are the requests that changed the endpoint first, five at
	// most, with the answers that they follow from: where nothing should have
	// been written, they tell what made the identity provider do so.
	FirstWrites []*Write

	// Of Entra's cycles:
	Waiting    int         // objects in escrow: they failed, and are tried again
	Held       int         // objects that were not disabled or deleted, for there were more than Options.MaxDeletions
	Quarantine *Quarantine // nil: the job is healthy
}

// reportJSON is the form of a Report.
type reportJSON struct {
	Run         string       `json:"run"`
	Started     time.Time    `json:"started"`
	Duration    milliseconds `json:"durationMs"`
	Requests    int          `json:"requests"`
	Writes      int          `json:"writes"`
	Counts      []Count      `json:"counts"`
	Latencies   []Latency    `json:"latencies"`
	Failures    []*Failure   `json:"failures"`
	Advice      []string     `json:"advice"`
	Stopped     string       `json:"stopped,omitempty"`
	FirstWrites []*Write     `json:"firstWrites"`
	Waiting     int          `json:"waiting"`
	Held        int          `json:"held"`
	Quarantine  *Quarantine  `json:"quarantine,omitempty"`
}

// MarshalJSON writes the report with its sums: {"run", "started",
// "durationMs", "requests", "writes", "counts", "latencies", "failures",
// "advice", "stopped", "firstWrites", "waiting", "held", "quarantine"}. Lists
// are never null, durations are in milliseconds, and times are those of
// RFC 3339. Members may be added, but none will change its meaning.
func (r *Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(reportJSON{
		r.Run, r.Started, milliseconds(r.Duration), r.Requests(), r.Writes(),
		list(r.Counts), list(r.Latencies), list(r.Failures), list(r.Advice), r.Stopped, list(r.FirstWrites), r.Waiting, r.Held, r.Quarantine,
	})
}

// UnmarshalJSON reads what MarshalJSON writes. Durations come back to the
// microsecond, and empty lists as nil.
func (r *Report) UnmarshalJSON(src []byte) error {
	var in reportJSON
	if err := json.Unmarshal(src, &in); err != nil {
		return err
	}
	*r = Report{
		Run: in.Run, Started: in.Started, Duration: time.Duration(in.Duration), Counts: unlist(in.Counts), Latencies: unlist(in.Latencies),
		Failures: unlist(in.Failures), Advice: unlist(in.Advice), Stopped: in.Stopped, FirstWrites: unlist(in.FirstWrites),
		Waiting: in.Waiting, Held: in.Held, Quarantine: in.Quarantine,
	}
	return nil
}

// list makes a list that is not null in JSON.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func unlist[T any](l []T) []T {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Requests returns the number of requests of the kinds; of all, if none is
// given.
func (r *Report) Requests(kinds ...Kind) (n int) {
	for _, c := range r.Counts {
		if len(kinds) == 0 || slices.Contains(kinds, c.Kind) {
			n += c.Requests
		}
	}
	return n
}

// Writes returns the number of requests that were not mere look-ups.
func (r *Report) Writes() (n int) {
	for _, c := range r.Counts {
		if c.Kind.IsWrite() {
			n += c.Requests
		}
	}
	return n
}

// Err returns nil if everything went right, and otherwise an error that
// tells the first failures.
func (r *Report) Err() error {
	if len(r.Failures) == 0 && r.Stopped == "" {
		return nil
	}
	return &reportError{r}
}

type reportError struct{ r *Report }

func (e *reportError) Error() string {
	const most = 5
	var b strings.Builder
	fmt.Fprintf(&b, "idp: %s: %s", e.r.Run, failures(len(e.r.Failures)))
	if e.r.Stopped != "" {
		fmt.Fprintf(&b, "; stopped: %s", plain.Line(e.r.Stopped))
	}
	for i, f := range e.r.Failures {
		if i == most {
			fmt.Fprintf(&b, "\n… and %d more", len(e.r.Failures)-most)
			break
		}
		fmt.Fprintf(&b, "\n%d. %s", i+1, f)
	}
	return b.String()
}

// Unwrap lets errors.As find the first *Failure.
func (e *reportError) Unwrap() (errs []error) {
	for _, f := range e.r.Failures {
		errs = append(errs, f)
	}
	return errs
}

// String tells the report in a few lines.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d requests, %s, %v\n", r.Run, r.Requests(), failures(len(r.Failures)), r.Duration.Round(time.Millisecond))
	for _, c := range r.Counts {
		fmt.Fprintf(&b, "%8d  %-14s %d\n", c.Requests, c.Kind, c.Status)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(&b, "%8d  objects failed and are tried again\n", r.Waiting)
	}
	for _, a := range r.Advice {
		fmt.Fprintf(&b, "advice: %s\n", plain.Line(a))
	}
	return b.String()
}

func failures(n int) string {
	if n == 1 {
		return "1 failure"
	}
	return fmt.Sprintf("%d failures", n)
}

// count adds one request.
func (r *Report) count(k Kind, status int) {
	at, ok := slices.BinarySearchFunc(r.Counts, Count{Kind: k, Status: status}, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Status, b.Status))
	})
	if !ok {
		r.Counts = slices.Insert(r.Counts, at, Count{Kind: k, Status: status})
	}
	r.Counts[at].Requests++
}
