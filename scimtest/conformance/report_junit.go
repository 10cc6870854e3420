package conformance

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/usherkit/scim/internal/plain"
)

// WriteJUnit writes the report in the XML that CI systems read as the results
// of tests: a suite is a testsuite, a check a testcase. What failed is a
// failure, what was blocked an error; advice is in the system-out of a
// testcase that passes, as JUnit knows no warnings.
func (r *Report) WriteJUnit(w io.Writer) error {
	t := r.tally()
	root := junitSuites{
		Name:     "SCIM conformance of " + plain.Text(r.Endpoint),
		Tests:    t.Total(),
		Failures: t[Failed],
		Errors:   t[Blocked],
		Time:     seconds(r.Duration),
	}
	properties := []junitProperty{{"endpoint", plain.Text(r.Endpoint)}, {"server", plain.Text(r.Server)}}
	told := func(name string, values ...string) {
		for _, v := range values {
			properties = append(properties, junitProperty{name, v})
		}
	}
	if r.Nonce != "" {
		told("nonce", plain.Line(r.Nonce))
	}
	if r.Slowed > 0 {
		told("slowed", fmt.Sprint(r.Slowed))
	}
	for _, note := range r.Notes {
		told("note", plain.Line(note))
	}
	paths, more := r.remaining()
	if told("leftover", paths...); more > 0 {
		told("leftover", fmt.Sprintf("… and %d more", more))
	}
	for i, row := range r.grid().Rows {
		suite := junitSuite{
			ID:         i,
			Name:       plain.Text(row.Suite.Name),
			Package:    plain.Text(row.Suite.Name),
			Tests:      row.Total.Total(),
			Failures:   row.Total[Failed],
			Errors:     row.Total[Blocked],
			Skipped:    row.Total[Skipped],
			Timestamp:  r.Started.UTC().Format("2006-01-02T15:04:05"),
			Properties: append(slices.Clone(properties), junitProperty{"suite", plain.Text(row.Suite.Title)}),
		}
		var took time.Duration
		for _, result := range r.Results {
			if result.Suite == row.Suite.Name {
				took += result.Duration
				suite.Cases = append(suite.Cases, junitOf(result))
			}
		}
		suite.Time = seconds(took)
		root.Suites = append(root.Suites, suite)
	}

	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(root); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func junitOf(r *Result) junitCase {
	c := junitCase{
		Name:  plain.Line(r.ID + ": " + r.Title),
		Class: plain.Line(r.Suite + "." + string(r.Area)),
		Time:  seconds(r.Duration),
	}
	told := &junitMessage{Type: string(r.Level), Text: plain.Text(r.String())}
	if r.Finding != nil {
		told.Message = plain.Line("expected " + r.Finding.Expected + ", got " + clip(r.Finding.Got, 300))
	}
	switch r.Status {
	case Failed:
		c.Failure = told
	case Blocked:
		told.Type, told.Message = "blocked", plain.Line(clip(r.Reason, 300))
		c.Error = told
	case Skipped:
		c.Skipped = &junitMessage{Message: plain.Line(r.Reason)}
	case Advised:
		c.Out = told.Text
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	ID         int             `xml:"id,attr"`
	Name       string          `xml:"name,attr"`
	Package    string          `xml:"package,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Skipped *junitMessage `xml:"skipped"`
	Error   *junitMessage `xml:"error"`
	Failure *junitMessage `xml:"failure"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr,omitempty"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}
