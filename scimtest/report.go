package scimtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
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
	GetMembers   Kind = "get members"   // a read by id, with members; of Verify alone
	CreateUser   Kind = "create user"   // POST
	PatchUser    Kind = "patch user"    // PATCH of attributes
	PatchManager Kind = "patch manager" // PATCH of the manager
	DeleteUser   Kind = "delete user"   // DELETE
	CreateGroup  Kind = "create group"  // POST
	PatchGroup   Kind = "patch group"   // PATCH of attributes
	PatchMembers Kind = "patch members" // PATCH of members
	DeleteGroup  Kind = "delete group"  // DELETE
)

// method is the HTTP method of requests of the kind.
func (k Kind) method() string {
	switch k {
	case CreateUser, CreateGroup:
		return "POST"
	case PatchUser, PatchManager, PatchGroup, PatchMembers:
		return "PATCH"
	case DeleteUser, DeleteGroup:
		return "DELETE"
	}
	return "GET"
}

// IsWrite reports whether requests of the kind change the endpoint.
func (k Kind) IsWrite() bool { return k.method() != "GET" }

// A Count is a number of requests of one kind that were answered alike.
type Count struct {
	Kind     Kind
	Status   int // 0: no answer
	Requests int
}

// A Failure is something that went wrong, with what its reader needs to put
// it right. It is an error.
type Failure struct {
	Code         string // Entra's name for it in the provisioning log, such as "InvalidAnchor"; see the constants
	Object       string // what it is about: "user Ada Lovelace (ada@contoso.example)"
	Request      string // "PATCH https://…/Users/7"; never with the token; empty if it is about no single request
	RequestBody  string
	Status       int // 0: no answer
	ResponseBody string
	Want         string // what was expected instead
	Why          string // what comes of it
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

// Error tells the whole failure in a few lines.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Code, f.Object)
	line := func(label, s string) {
		if s != "" {
			fmt.Fprintf(&b, "\n    %-9s%s", label, clip(s, 1000))
		}
	}
	line("request", f.Request)
	line("body", f.RequestBody)
	answer := clip(strings.TrimSpace(f.ResponseBody), 700)
	if f.Status != 0 {
		answer = strings.TrimSpace(fmt.Sprint(f.Status, " ", answer))
	}
	line("answer", answer)
	line("want", f.Want)
	line("why", f.Why)
	return b.String()
}

// A Report tells what one run of an [Entra] did and what went wrong.
type Report struct {
	Run      string // "Test Connection", "initial cycle", "incremental cycle", "verification"
	Duration time.Duration
	Counts   []Count    // by kind and status, in the order of the kinds' names
	Failures []*Failure // in no particular order
	Stopped  string     // why the run ended early; Entra would put the job into quarantine
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
	fmt.Fprintf(&b, "scimtest: %s: %s", e.r.Run, failures(len(e.r.Failures)))
	if e.r.Stopped != "" {
		fmt.Fprintf(&b, "; stopped: %s", e.r.Stopped)
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
