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

	"github.com/usherkit/scim/internal/plain"
)

// A Cause is why requests were refused, in the Records of one connection: those with
// the same answer to the same operation, whatever resource it was about.
type Cause struct {
	Status    int
	Operation string // as in Record
	Type      string
	Detail    string // what the client was told the last time
	Count     int
	First     time.Time
	Last      time.Time
	Record    string // the ID of the newest one

	// Over says that such a request has been answered well since, or any, where the
	// fault was none of the request's: 401, 403, 429, 499 and 5xx.
	Over bool
}

// Causes returns why requests of one connection were refused: first those that are
// not over, and of these first the one that was last.
func Causes(records []Record) []Cause {
	type kind struct {
		status                  int
		operation, typ, message string
	}
	type work struct{ operation, typ string }
	found := map[kind]*Cause{}
	well := map[work]time.Time{} // when it was last answered well; the zero work: whatever it was
	for i := range records {
		r := &records[i]
		if r.Status < 400 {
			for _, w := range []work{{}, {r.Operation, r.Type}} {
				well[w] = later(well[w], r.At)
			}
			continue
		}
		k := kind{r.Status, r.Operation, r.Type, r.gist()}
		c := found[k]
		if c == nil {
			c = &Cause{Status: r.Status, Operation: r.Operation, Type: r.Type, First: r.At}
			found[k] = c
		}
		c.Count++
		if r.At.Before(c.First) {
			c.First = r.At
		}
		if r.ID > c.Record {
			c.Record, c.Detail, c.Last = r.ID, r.Detail, later(c.Last, r.At)
		}
	}
	var causes []Cause
	for _, c := range found {
		like := work{c.Operation, c.Type}
		switch c.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, clientGone:
			like = work{}
		default:
			if c.Status >= 500 {
				like = work{}
			}
		}
		c.Over = well[like].After(c.Last)
		causes = append(causes, *c)
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
func what(operation, typ string) string {
	return strings.TrimSpace(cmp.Or(operation, "request to no endpoint") + " " + typ)
}

// Advice says what can be done about it, or nothing where the detail says all.
func (c Cause) Advice() string {
	switch {
	case c.Status == http.StatusUnauthorized:
		return "Give the identity provider a token that is alive."
	case c.Status == http.StatusNotFound && c.Operation == "":
		return "The address that the identity provider was given is not this endpoint's base URL."
	case c.Status == http.StatusNotFound:
		return "It is no longer here. Restart provisioning at the identity provider, so that it looks for it anew."
	case c.Status == http.StatusConflict:
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
	d := Diagnosis{Connection: c, At: stamp(r.now()), Causes: Causes(records)}
	for i := range records {
		if len(records[i].Changes) > 0 {
			d.Changed++
			d.LastChange = later(d.LastChange, records[i].At)
		}
	}
	if len(records) > 0 {
		d.Since = records[len(records)-1].At
	}
	d.judge(live)
	return d, nil
}

// judge finds the headline.
func (d *Diagnosis) judge(live bool) {
	s := d.Connection.Status
	var open *Cause // the most frequent that is not over
	for i := range d.Causes {
		if c := &d.Causes[i]; !c.Over && (open == nil || c.Count > open.Count) {
			open = c
		}
	}
	came := later(s.LastSeen, d.LastChange)
	gone := d.At.Sub(came) > silent
	switch {
	case !live && s.LastSeen.IsZero():
		d.Headline = "Provisioning is off: the connection has no token that is alive."
	case !live:
		d.Headline = fmt.Sprintf("Provisioning is off: no token of the connection is alive any more. The last good request came at %s.", inUTC(s.LastSeen))
	case !s.Held.IsZero():
		d.Headline = fmt.Sprintf("Held by the brake since %s, until somebody approves: %s", inUTC(s.Held), plain.Line(s.HeldReason))
	case open != nil && (d.LastChange.IsZero() || open.First.After(d.LastChange)):
		d.Headline = fmt.Sprintf("Nothing has been changed since %s: %s", inUTC(open.First), *open)
	case open != nil && gone:
		d.Headline = fmt.Sprintf("The identity provider has stopped: nothing has come since %s. Before that: %s", inUTC(came), *open)
	case open != nil:
		d.Headline = fmt.Sprintf("Something is refused: %s", *open)
	case came.IsZero():
		d.Headline = "Nothing has come yet."
	case gone:
		d.Headline = fmt.Sprintf("The identity provider has stopped, and was refused nothing before: nothing has come since %s. It may be switched off or in quarantine there.", inUTC(came))
	default:
		d.Well = true
		d.Headline = fmt.Sprintf("All is well: the last request came at %s.", inUTC(came))
	}
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
		if advice := cause.Advice(); advice != "" && !cause.Over {
			fmt.Fprintf(&b, "    %s\n", advice)
		}
	}
	return b.String()
}

// inUTC is a time for people.
func inUTC(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
