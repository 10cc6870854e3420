package conformance

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"time"
)

// WriteJUnit writes the report in the XML that CI systems read as the results
// of tests: a suite is a testsuite, a check a testcase. What failed is a
// failure, what was blocked an error; advice is in the system-out of a
// testcase that passes, as JUnit knows no warnings.
func (r *Report) WriteJUnit(w io.Writer) error {
	t := r.tally()
	root := junitSuites{
		Name:     "SCIM conformance of " + visible(r.Endpoint),
		Tests:    t.Total(),
		Failures: t[Failed],
		Errors:   t[Blocked],
		Time:     seconds(r.Duration),
	}
	for i, row := range r.grid().Rows {
		suite := junitSuite{
			ID:        i,
			Name:      visible(row.Suite.Name),
			Package:   visible(row.Suite.Name),
			Tests:     row.Total.Total(),
			Failures:  row.Total[Failed],
			Errors:    row.Total[Blocked],
			Skipped:   row.Total[Skipped],
			Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
			Properties: []junitProperty{
				{"endpoint", visible(r.Endpoint)},
				{"server", visible(r.Server)},
				{"suite", visible(row.Suite.Title)},
			},
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
		Name:  inline(r.ID + ": " + r.Title),
		Class: inline(r.Suite + "." + string(r.Area)),
		Time:  seconds(r.Duration),
	}
	told := &junitMessage{Type: string(r.Level), Text: visible(r.String())}
	if r.Finding != nil {
		told.Message = inline("expected " + r.Finding.Expected + ", got " + clip(r.Finding.Got, 300))
	}
	switch r.Status {
	case Failed:
		c.Failure = told
	case Blocked:
		told.Type, told.Message = "blocked", inline(clip(r.Reason, 300))
		c.Error = told
	case Skipped:
		c.Skipped = &junitMessage{Message: inline(r.Reason)}
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
