package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim/internal/plain"
	"github.com/usherkit/scim/scimtest/idp"
)

// A syncReport is what -json prints.
type syncReport struct {
	Format    string        `json:"format"` // "usher-sync/1"; raised when a member changes its meaning or goes
	Endpoint  string        `json:"endpoint"`
	Provider  string        `json:"provider"`
	Dialect   string        `json:"dialect,omitempty"`
	Users     int           `json:"users"` // in the first directory
	Groups    int           `json:"groups"`
	OK        bool          `json:"ok"`
	Verdict   string        `json:"verdict"`
	Started   time.Time     `json:"started"`
	Duration  float64       `json:"durationMs"`
	Requests  int           `json:"requests"`
	Runs      []*syncRun    `json:"runs"`
	Latencies []idp.Latency `json:"latencies"` // of all runs
}

// A syncRun is one cycle, or one other thing that the identity provider did.
type syncRun struct {
	Name    string      `json:"name"`
	Report  *idp.Report `json:"report"`
	Problem string      `json:"problem,omitempty"` // what is wrong besides what the report says
}

// secondLook is the name of the run that has nothing to write.
const secondLook = "Second look"

func (r *syncRun) ok() bool { return r.Report.Err() == nil && r.Problem == "" }

// String tells the run in a line.
func (r *syncRun) String() string {
	n, took := r.Report.Requests(), r.Report.Duration
	s := fmt.Sprintf("%-16s %s in %s (%s/s), %s", r.Name, count(n, "request"), brief(took), number(rate(n, took)), count(r.Report.Writes(), "write"))
	if n := len(r.Report.Failures); n > 0 {
		s += ", " + count(n, "failure")
	}
	return s
}

// finish draws the conclusions.
func (r *syncReport) finish(m *meter, took time.Duration) {
	r.Duration, r.Latencies, r.OK = float64(took.Microseconds())/1000, m.latencies(), true
	failures, looked := 0, false
	for _, run := range r.Runs {
		r.Requests += run.Report.Requests()
		failures += len(run.Report.Failures)
		r.OK = r.OK && run.ok()
		looked = looked || run.Name == secondLook
		switch {
		case run.Report.Stopped != "":
			r.Verdict = fmt.Sprintf("%s was given up: %s", run.Name, run.Report.Stopped)
		case run.Problem != "" && r.Verdict == "":
			r.Verdict = fmt.Sprintf("%s: %s", run.Name, run.Problem)
		}
	}
	switch {
	case r.Verdict != "":
	case failures > 0:
		r.Verdict = count(failures, "failure")
	case looked:
		r.Verdict = "Every answer was right, the endpoint equals the directory, and a second look has nothing to write."
	default:
		r.Verdict = "Every answer was right."
	}
}

// print writes the report for people.
func (r *syncReport) print(d *display, m *meter) {
	rows := [][]string{{"run", "requests", "writes", "failures", "per second", "time"}}
	for _, run := range r.Runs {
		n, took := run.Report.Requests(), run.Report.Duration
		rows = append(rows, []string{
			run.Name, number(n), number(run.Report.Writes()), number(len(run.Report.Failures)), number(rate(n, took)), brief(took),
		})
	}
	d.table(rows)
	d.printf("\n")
	rows = [][]string{{"time to answer", "requests", "refused", "median", "95%", "99%", "slowest"}}
	for _, l := range r.Latencies {
		rows = append(rows, []string{
			string(l.Kind), number(l.Requests), number(m.refused[l.Kind]), brief(l.P50), brief(l.P95), brief(l.P99), brief(l.Max),
		})
	}
	d.table(rows)

	said := map[string]bool{}
	for _, run := range r.Runs {
		for i, alike := range causes(run.Report.Failures) {
			if i == 0 {
				d.printf("\n%s\n", d.style(bold, run.Name))
			}
			d.printf("%d. %v\n", i+1, alike[0])
			if len(alike) > 1 {
				d.printf("    %-9s%s\n", "likewise", others(alike[0], alike[1:]))
			}
		}
		if run.Problem != "" {
			d.printf("\n%s\n", d.style(bold, run.Name))
			for i, w := range run.Report.FirstWrites {
				d.printf("%d. %s\n", i+1, w)
			}
			if more := run.Report.Writes() - len(run.Report.FirstWrites); more > 0 {
				d.printf("and %s more\n", number(more))
			}
		}
		for _, advice := range run.Report.Advice {
			if !said[advice] {
				d.printf("\n! %s\n", plain.Line(advice))
			}
			said[advice] = true
		}
	}
	mark := d.style(green, "✓")
	if !r.OK {
		mark = d.style(red, "✗")
	}
	d.printf("\n%s %s\n", mark, plain.Line(r.Verdict))
}

// causes puts failures together that have one cause, as far as one can see:
// those of which one is told in full. The most frequent one comes first.
func causes(failures []*idp.Failure) (causes [][]*idp.Failure) {
	at := map[string]int{}
	for _, f := range failures {
		method, url, _ := strings.Cut(f.Request, " ")
		want := f.Want
		if f.Code == idp.CodeDifference { // of which each names its values
			want, _, _ = strings.Cut(want, " ")
		}
		key := fmt.Sprint(f.Code, f.Status, method, strings.Contains(url, "/Users"), want)
		i, ok := at[key]
		if !ok {
			i = len(causes)
			at[key] = i
			causes = append(causes, nil)
		}
		causes[i] = append(causes[i], f)
	}
	slices.SortStableFunc(causes, func(a, b []*idp.Failure) int { return len(b) - len(a) })
	return causes
}

// others names whom else failures like the first one are about.
func others(first *idp.Failure, alike []*idp.Failure) string {
	const most = 3
	var names []string
	seen := map[string]bool{first.Object: true}
	for _, f := range alike {
		if len(names) < most && !seen[f.Object] {
			seen[f.Object] = true
			names = append(names, plain.Line(f.Object))
		}
	}
	s := strings.Join(names, ", ")
	if more := len(alike) - len(names); more > 0 {
		s = strings.TrimPrefix(fmt.Sprintf("%s and %s more, which -json has", s, number(more)), " and ")
	}
	return s
}
