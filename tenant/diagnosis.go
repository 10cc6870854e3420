package tenant

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/internal/plain"
)

// A Cause is why requests were refused, in the Records of one connection: those with
// the same answer to the same operation, whatever resource it was about.
type Cause struct {
	Status    int
	Operation scim.Operation
	Type      string
	Detail    string // what the client was told the last time
	Taken     bool   // as in Record
	Held      bool   // the brake held it
	Paused    bool   // the connection was Paused
	Address   string // the last one, as in Record
	Count     int
	First     time.Time
	Last      time.Time
	Record    string // the ID of the newest one

	// Failing are the resources that are refused still: their IDs, or of those that
	// were to be created Record.Name. One is no longer when it was answered well since,
	// or not tried again for two days in which the provider came. It is empty where
	// requests are about none.
	Failing []string

	// Over says that no resource is refused still; or, where the fault was none of the
	// request's (401, 403, 429, 499, 5xx), that another request was answered since;
	// or that the provider came for 90 minutes without asking so again, where it
	// only read; or that an approval has ended what the brake held.
	Over bool
}

const (
	// cycle is how long a provider takes that goes on, until it has asked for all again.
	cycle = 90 * time.Minute
	// again is when it has tried all again that had failed: Entra does once a day at last.
	again = 2 * 24 * time.Hour
)

// A subject is what a request is about: a resource, one that is to be created, or
// else what it does.
type subject struct {
	operation     scim.Operation
	typ, id, name string
}

func (r *Record) subject() subject {
	switch {
	case r.Operation == scim.OperationCreate:
		return subject{operation: r.Operation, typ: r.Type, name: strings.ToLower(r.Name)}
	case r.ResourceID != "":
		return subject{typ: r.Type, id: r.ResourceID}
	}
	return subject{operation: r.Operation, typ: r.Type}
}

// isRead reports whether what is answered well has no Record.
func isRead(operation scim.Operation) bool {
	switch operation {
	case scim.OperationCreate, scim.OperationReplace, scim.OperationPatch, scim.OperationDelete, scim.OperationBulk:
		return false
	}
	return true
}

// isOfAll reports whether a refusal says nothing of its request, so that any other
// that is not refused so ends it. A 403, 500 or 501 may be about a resource.
func isOfAll(status int, operation scim.Operation) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusTooManyRequests, clientGone:
		return true
	case http.StatusForbidden, http.StatusInternalServerError, http.StatusNotImplemented:
		return isRead(operation)
	}
	return status > 500
}

// answers are what is known of a connection, to tell what is over.
type answers struct {
	Status
	well  map[subject]time.Time // when it was last answered well
	sound time.Time             // when a request was last answered as that request deserved
	fault time.Time             // when one was last not
}

func (a *answers) add(r *Record) {
	switch {
	case isOfAll(r.Status, r.Operation):
		a.fault = later(a.fault, r.At)
		return
	case r.Status < 500 && r.Status != http.StatusForbidden:
		a.sound = later(a.sound, r.At)
	default:
		a.fault = later(a.fault, r.At)
	}
	if r.Status >= 400 {
		return
	}
	note := func(s subject) { a.well[s] = later(a.well[s], r.At) }
	if r.Operation != scim.OperationCreate || r.Name != "" {
		note(r.subject())
	}
	if r.ResourceID != "" {
		note(subject{typ: r.Type, id: r.ResourceID})
	}
	if r.Operation == scim.OperationBulk {
		for _, c := range r.Changes {
			note(subject{typ: c.Type, id: c.ID})
		}
	}
}

// judge tells what of a cause is over. It is given when each subject was refused last.
func (a *answers) judge(c *Cause, refused map[subject]time.Time) {
	wait := again
	if isRead(c.Operation) {
		wait = cycle
	}
	over := true
	for s, last := range refused {
		if a.well[s].After(last) || later(a.LastSeen, a.sound).Sub(last) > wait {
			continue
		}
		over = false
		if s.id+s.name != "" {
			c.Failing = append(c.Failing, cmp.Or(s.id, s.name))
		}
	}
	slices.Sort(c.Failing)
	switch {
	case c.Status == http.StatusUnauthorized: // the token of any later request is good
		over = a.sound.After(c.Last) || a.LastSeen.After(c.Last)
	case isOfAll(c.Status, c.Operation): // the one that was seen may have been refused, too
		over = a.sound.After(c.Last) || a.LastSeen.After(a.fault)
	case c.Held:
		over = a.Approved.After(c.Last) || a.Status.Held.IsZero() && over
	}
	if c.Over = over; over && !c.Held || isOfAll(c.Status, c.Operation) {
		c.Failing = nil
	}
}

// Causes returns why requests of one connection were refused: first those that are
// not over, and of these first the one that was last. The Status is the connection's:
// it knows of good requests that have no Record.
func Causes(records []Record, s Status) []Cause {
	type kind struct {
		status       int
		operation    scim.Operation
		typ, message string
		taken, held  bool
		paused       bool
		elsewhere    bool // at any address: clients may walk through them
	}
	type refusals struct {
		Cause
		of map[subject]time.Time
	}
	found := map[kind]*refusals{}
	all := answers{Status: s, well: map[subject]time.Time{}}
	for i := range records {
		r := &records[i]
		all.add(r)
		if r.Status < 400 {
			continue
		}
		k := kind{r.Status, r.Operation, r.Type, r.gist(), r.Taken, r.Held, r.Paused, r.Address != ""}
		c := found[k]
		if c == nil {
			c = &refusals{of: map[subject]time.Time{}}
			c.Cause = Cause{Status: r.Status, Operation: r.Operation, Type: r.Type, Taken: r.Taken, Held: r.Held, Paused: r.Paused, First: r.At}
			found[k] = c
		}
		c.Count++
		if r.At.Before(c.First) {
			c.First = r.At
		}
		c.Last = later(c.Last, r.At)
		if r.ID > c.Record {
			c.Record, c.Detail, c.Address = r.ID, r.Detail, r.Address
		}
		of := r.subject()
		c.of[of] = later(c.of[of], r.At)
	}
	var causes []Cause
	for _, c := range found {
		all.judge(&c.Cause, c.of)
		causes = append(causes, c.Cause)
	}
	slices.SortFunc(causes, func(a, b Cause) int {
		if a.Over != b.Over {
			if a.Over {
				return 1
			}
			return -1
		}
		return strings.Compare(b.Record, a.Record)
	})
	return causes
}

// clientGone is the status of a request whose client did not wait, as in scim.Report.
const clientGone = 499

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// gist is what a detail says without what differs from one resource to another.
func (r *Record) gist() string {
	text := r.Detail
	if r.ResourceID != "" {
		text = strings.ReplaceAll(text, r.ResourceID, "~")
	}
	if !r.Masked {
		text = quotation.ReplaceAllString(text, "~")
	}
	return variable.ReplaceAllString(text, "~")
}

var (
	quotation = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?`)
	variable  = regexp.MustCompile(isMask.String() + `(?:@masked\.invalid)?|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9]+`)
)

// String says it in a line.
func (c Cause) String() string {
	how := "once, at " + inUTC(c.Last)
	if c.Count > 1 {
		how = fmt.Sprintf("%d times from %s to %s", c.Count, inUTC(c.First), inUTC(c.Last))
	}
	return fmt.Sprintf("%s answered %d %s: %s", what(c.Operation, c.Type), c.Status, how, plain.Line(c.said()))
}

func (c Cause) said() string { return cmp.Or(c.Detail, http.StatusText(c.Status)) }

// what names a kind of request.
func what(operation scim.Operation, typ string) string {
	return strings.TrimSpace(cmp.Or(string(operation), "request to no endpoint") + " " + typ)
}

// Advice says what can be done about it, or nothing where the detail says all.
func (c Cause) Advice() string {
	switch {
	case c.Paused:
		return "The application has paused the connection; the identity provider comes again by itself."
	case c.Address != "":
		return fmt.Sprintf("The token came to the address of tenant %s: give the identity provider the Tenant URL that goes with it.", plain.Line(c.Address))
	case c.Status == http.StatusUnauthorized:
		return "Give the identity provider a token that is alive."
	case c.Status == http.StatusNotFound && c.Operation == "":
		return "The address that the identity provider was given is not this endpoint's base URL."
	case c.Status == http.StatusNotFound:
		return "It is no longer here. Restart provisioning at the identity provider, so that it looks for it anew."
	case c.Held:
		return "An administrator of the application must approve it; the identity provider will then try again by itself."
	case c.Status == http.StatusConflict && !c.Taken:
		return "The application refuses it as it is now: what it has told the client says why."
	case c.Taken:
		return "Another resource has the value. Have the identity provider match by that attribute, or change one of the two."
	case c.Status == http.StatusTooManyRequests:
		return "If it is no mistake of the identity provider, raise the limits of the connection."
	case c.Status == clientGone:
		return "The client did not wait for the answer; Entra waits for 60 seconds. Look at how long the requests took."
	case c.Status >= 500 && c.Status != http.StatusNotImplemented:
		return "The fault is the application's: its own log of that time has the cause."
	}
	return ""
}

// A Diagnosis is how a connection is, in one look.
type Diagnosis struct {
	Connection Connection
	At         time.Time
	Well       bool   // nothing needs to be done
	Headline   string // why it is not, in a line, or that it is

	Causes     []Cause   // as the function Causes returns them
	Changed    int       // how many requests changed something
	LastChange time.Time // when the last of them came
	Since      time.Time // of the oldest Record that was looked at; zero: there are none
}

// looked is how many Records are looked at.
const looked = 2000

// silent is how long nothing comes of an identity provider that has not stopped:
// Entra's cycles are 40 minutes apart, and most others' an hour.
const silent = 3 * time.Hour

// Diagnose tells how a connection is: whether its provider still comes, what it is
// refused and why. It looks at its tokens, its Status and its newest 2,000 Records.
func (r *Registry) Diagnose(ctx context.Context, ref Ref) (Diagnosis, error) {
	records, err := r.Log(ctx, Query{Tenant: ref.Tenant, Connection: ref.ID, Limit: looked})
	if err != nil {
		return Diagnosis{}, err
	}
	c, live, err := r.store.Find(ctx, ref.ID, r.now())
	if err != nil {
		return Diagnosis{}, err
	}
	if c.Tenant != ref.Tenant {
		return Diagnosis{}, ErrNotFound
	}
	d := Diagnosis{Connection: c, At: stamp(r.now()), Causes: Causes(records, c.Status)}
	for i := range d.Causes {
		if cause := &d.Causes[i]; cause.Paused {
			cause.Over = !c.Paused
		}
	}
	tokens, err := r.store.Tokens(ctx, ref)
	if err != nil {
		return Diagnosis{}, err
	}
	came := c.Status.LastSeen
	for i := range records {
		came = later(came, records[i].At)
		if len(records[i].Changes) > 0 {
			d.Changed++
			d.LastChange = later(d.LastChange, records[i].At)
		}
	}
	if len(records) > 0 {
		d.Since = records[len(records)-1].At
	}
	d.judge(live, came, d.unused(tokens, came))
	return d, nil
}

// unused returns when a live token was issued that nothing has come with yet, though
// those before it were refused, or came before it and can come no more; or zero.
func (d *Diagnosis) unused(tokens []Token, came time.Time) time.Time {
	isDead := func(c Cause) bool { return c.Status == http.StatusUnauthorized && !c.Over }
	i := slices.IndexFunc(tokens, func(t Token) bool { return t.Live(d.At) }) // the newest
	if i < 0 || !tokens[i].LastUsed.IsZero() {
		return time.Time{}
	}
	used := func(t Token) bool { return t.Live(d.At) && !t.LastUsed.IsZero() }
	if d.Connection.Federation.isZero() && !came.IsZero() && came.Before(tokens[i].Created) && !slices.ContainsFunc(tokens, used) {
		return tokens[i].Created
	}
	if !slices.ContainsFunc(d.Causes, isDead) {
		return time.Time{}
	}
	if slices.ContainsFunc(d.Causes, func(c Cause) bool { return isDead(c) && c.Last.After(tokens[i].Created) }) {
		return time.Time{} // the provider does not have it
	}
	return tokens[i].Created
}

// judge finds the headline. It is told whether a token is alive, when the last request
// came, and what unused returns.
func (d *Diagnosis) judge(live bool, came, unused time.Time) {
	s := d.Connection.Status
	var open *Cause // the most frequent that is not over
	approved := false
	for i := range d.Causes {
		c := &d.Causes[i]
		if !c.Over && (open == nil || c.Count > open.Count) {
			open = c
		}
		approved = approved || c.Held && c.Over && len(c.Failing) > 0 && s.Approved.After(d.At)
	}
	gone := d.At.Sub(came) > silent
	switch {
	case !live && s.LastSeen.IsZero():
		d.Headline = "Provisioning is off: the connection has no token that is alive."
	case !live:
		d.Headline = fmt.Sprintf("Provisioning is off: no token of the connection is alive any more. The last request with a good one came at %s.", toMinute(s.LastSeen))
	case d.Connection.Paused:
		d.Headline = "Paused by the application: the identity provider is told to come again later."
	case !s.Held.IsZero():
		d.Headline = fmt.Sprintf("Held by the brake since %s, until somebody approves: %s", inUTC(s.Held), plain.Line(s.HeldReason))
	case !unused.IsZero():
		d.Headline = fmt.Sprintf("A new token was issued at %s, and nothing has come with it yet: give it to the identity provider.%s", inUTC(unused), d.unknown(unused))
	case open != nil && (d.LastChange.IsZero() || open.First.After(d.LastChange)):
		d.Headline = fmt.Sprintf("Nothing has been changed since %s: %s", inUTC(open.First), *open)
	case open != nil && gone:
		d.Headline = fmt.Sprintf("The identity provider has stopped: nothing has come since %s. Before that: %s", toMinute(came), *open)
	case open != nil:
		d.Headline = fmt.Sprintf("Something is refused: %s", *open)
	case came.IsZero():
		d.Headline = "Nothing has come yet." + d.unknown(d.Connection.Created)
	case gone && d.unknown(came) != "":
		d.Headline = fmt.Sprintf("Nothing has come with a token of the connection since %s.%s", toMinute(came), d.unknown(came))
	case gone:
		d.Headline = fmt.Sprintf("The identity provider has stopped, and was refused nothing before: nothing has come since %s. It may be switched off or in quarantine there.", toMinute(came))
	case approved:
		d.Well = true
		d.Headline = fmt.Sprintf("What the brake held is approved until %s: the identity provider will try it again by itself.", inUTC(s.Approved))
	default:
		d.Well = true
		d.Headline = fmt.Sprintf("All is well: the last request came at %s.%s", toMinute(came), d.unknown(came))
	}
}

// unknown says that somebody came with a wrong token, if that was not before the
// minute of a time.
func (d *Diagnosis) unknown(than time.Time) string {
	last := d.Connection.Status.LastUnknown
	if last.IsZero() || last.Before(than.Truncate(time.Minute)) {
		return ""
	}
	return fmt.Sprintf(" But with a token that is none of this tenant's somebody came at %s: the identity provider may have a wrong one, or not all of it.", toMinute(last))
}

// String is all of it, for people.
func (d Diagnosis) String() string {
	var b strings.Builder
	c := d.Connection
	fmt.Fprintf(&b, "%s %s %s\n", plain.Line(c.Tenant), plain.Line(cmp.Or(c.Name, c.Provider, "connection")), c.ID)
	fmt.Fprintf(&b, "  %s\n", d.Headline)
	if d.Since.IsZero() {
		return b.String()
	}
	changed := "nothing was changed"
	switch d.Changed {
	case 0:
	case 1:
		changed = "one request changed something, at " + inUTC(d.LastChange)
	default:
		changed = fmt.Sprintf("%d requests changed something, the last at %s", d.Changed, inUTC(d.LastChange))
	}
	fmt.Fprintf(&b, "  Since %s %s.\n", inUTC(d.Since), changed)
	for _, cause := range d.Causes {
		over := ""
		if cause.Over {
			over = " (over)"
		}
		fmt.Fprintf(&b, "\n  %d × %d %s%s\n", cause.Count, cause.Status, what(cause.Operation, cause.Type), over)
		fmt.Fprintf(&b, "    %s\n", plain.Line(cause.said()))
		fmt.Fprintf(&b, "    from %s to %s, the last one is %s\n", inUTC(cause.First), inUTC(cause.Last), cause.Record)
		if n := len(cause.Failing); n > 0 {
			const shown = 5
			more := ""
			if n > shown {
				more = fmt.Sprintf(" and %d more", n-shown)
			}
			fmt.Fprintf(&b, "    not answered well since: %s%s\n", plain.Line(strings.Join(cause.Failing[:min(n, shown)], ", ")), more)
		}
		if advice := cause.Advice(); advice != "" && !cause.Over {
			fmt.Fprintf(&b, "    %s\n", advice)
		}
	}
	return b.String()
}

// inUTC is a time for people.
func inUTC(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// toMinute is one that is known to the minute.
func toMinute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
