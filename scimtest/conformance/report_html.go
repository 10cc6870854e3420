package conformance

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"sync"

	"github.com/usherkit/scim/internal/plain"
)

//go:embed report.html
var reportHTML string

// Parsed when it is first used: a program that writes no page pays nothing.
var reportPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Funcs(template.FuncMap{
		"brief":   brief,
		"code":    tokens,
		"count":   count,
		"inline":  plain.Line,
		"mark":    func(s Status) string { return marks[s] },
		"sources": sources,
		"visible": plain.Text,
	}).Parse(reportHTML))
})

// WriteHTML writes the report as one page that needs nothing else: no script,
// no picture, no font from elsewhere. It is light or dark as its reader's
// system is, and can be printed.
func (r *Report) WriteHTML(w io.Writer) error {
	var b bytes.Buffer
	if err := reportPage().Execute(&b, r.page()); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// A page is what the template shows.
type page struct {
	*Report
	Grid     grid
	Verdict  string
	Mark     string
	Facts    string
	Parts    []part
	Gists    []gist
	Besides  []string
	Remain   []string
	More     int // leftovers that Remain leaves out
	Findings []htmlCause
	Advice   []htmlCause
	Skips    []reason
	Passes   []pass
}

// A part is a status's share of the bar.
type part struct {
	Status Status
	Word   string
	Count  int
}

// A pass is the checks of a suite that passed.
type pass struct {
	Suite   Suite
	Results []*Result
}

type htmlCause struct {
	Number  int
	Title   string // what is wrong; "" if only the check that shows it tells
	Shows   htmlResult
	Others  []htmlResult
	Blocked []*Result
}

// Checks is how many fail of this cause.
func (c htmlCause) Checks() int { return 1 + len(c.Others) }

type htmlResult struct {
	*Result
	Expected, Got string
	Earlier       int // exchanges that are left out
	Exchanges     []htmlExchange
}

type htmlExchange struct {
	Line, Answer, Method, URL string
	AtFault                   bool
	Took                      string
	Request, Response         []string // headers
	Sent, Received            string   // bodies
}

func (r *Report) page() page {
	t := r.tally()
	p := page{Report: r, Grid: r.grid(), Verdict: r.verdict(), Facts: r.facts(), Mark: "✗"}
	p.Gists, p.Besides = r.short()
	p.Remain, p.More = r.remaining()
	if r.Conforms() && t[Passed] > 0 {
		p.Mark = "✓"
	}
	for _, s := range []Status{Passed, Failed, Blocked, Advised, Skipped} {
		word := string(s)
		if s == Advised {
			word = "with advice"
		}
		p.Parts = append(p.Parts, part{s, word, t[s]})
	}
	p.Findings, p.Advice, p.Skips = r.htmlCauses(Failed), r.htmlCauses(Advised), r.skipped()
	for _, row := range p.Grid.Rows {
		passed := pass{Suite: row.Suite}
		for _, result := range r.with(Passed) {
			if result.Suite == row.Suite.Name {
				passed.Results = append(passed.Results, result)
			}
		}
		if len(passed.Results) > 0 {
			p.Passes = append(p.Passes, passed)
		}
	}
	return p
}

func (r *Report) htmlCauses(s Status) (list []htmlCause) {
	for i, c := range r.causes(s) {
		h := htmlCause{Number: i + 1, Shows: r.htmlResult(c.Results[0]), Blocked: c.Blocked}
		if title := r.title(c); title != h.Shows.Title {
			h.Title = title
		}
		for _, other := range c.Results[1:] {
			h.Others = append(h.Others, r.htmlResult(other))
		}
		list = append(list, h)
	}
	return list
}

func (r *Report) htmlResult(result *Result) htmlResult {
	const most = 12 // exchanges
	h := htmlResult{Result: result, Expected: result.expected(), Got: result.got()}
	xs, fault := result.exchanges(), result.atFault()
	if h.Earlier = max(0, len(xs)-most); h.Earlier > 0 {
		xs = xs[h.Earlier:]
	}
	for i := range xs {
		x := &xs[i]
		bytesMost, linesMost := 4<<10, 120
		if x == fault {
			bytesMost, linesMost = 16<<10, 400
		}
		h.Exchanges = append(h.Exchanges, htmlExchange{
			Line: r.line(x), Answer: x.answer(), Method: plain.Line(x.Method), URL: plain.Text(x.URL), Took: brief(x.Duration), AtFault: x == fault,
			Request: headers(x.RequestHeader, nil), Response: headers(x.ResponseHeader, telling),
			Sent: pretty(x.RequestBody, bytesMost, linesMost), Received: pretty(x.ResponseBody, bytesMost, linesMost),
		})
	}
	return h
}

// Anchor is where a result stands in the page.
func (p page) Anchor(r *Result) string {
	return fmt.Sprintf("check-%d", slices.Index(p.Results, r)+1)
}

// Obstacle tells what blocked a result.
func (p page) Obstacle(r *Result) string { return p.obstacle(r) }

// A pageCell is a cell of the grid with its words, and where it leads.
type pageCell struct {
	gridCell
	Told string
	Link string
}

// Cell leads to what is wrong; what passed needs no link.
func (p page) Cell(c gridCell) pageCell {
	cell := pageCell{gridCell: c, Told: c.String()}
	if s := c.tally.Worst(); s != "" && s != Passed {
		cell.Link = p.Anchor(c.Worst)
	}
	return cell
}

// A token is a piece of JSON with how it is coloured.
type token struct{ Class, Text string }

var (
	looksLikeJSON = regexp.MustCompile(`^\s*[\[{]`)
	jsonToken     = regexp.MustCompile(`("(?:[^"\\\n]|\\.)*")(\s*:)?|(-?\b[0-9][0-9.eE+-]*\b|\btrue\b|\bfalse\b|\bnull\b)`)
)

// tokens takes a text apart for colouring; what is no JSON is one token.
func tokens(s string) (list []token) {
	if !looksLikeJSON.MatchString(s) {
		return []token{{"", s}}
	}
	end := 0
	for _, m := range jsonToken.FindAllStringSubmatchIndex(s, -1) {
		if m[0] > end {
			list = append(list, token{"", s[end:m[0]]})
		}
		class, stop := "w", m[1]
		switch {
		case m[4] >= 0:
			class, stop = "k", m[3]
		case m[2] >= 0:
			class = "s"
		}
		list = append(list, token{class, s[m[0]:stop]})
		end = stop
	}
	return append(list, token{"", s[end:]})
}

// A source is a document, with its address if it is an RFC.
type source struct{ Text, Link string }

var rfcSource = regexp.MustCompile(`(?:RFC ([0-9]{4}) )?§([0-9]+(?:\.[0-9]+)*)`)

// sources finds the RFCs in a text: "RFC 7644 §3.9, §3.4.2.5" are two.
func sources(s string) (list []source) {
	s = plain.Line(s)
	end, rfc := 0, ""
	for _, m := range rfcSource.FindAllStringSubmatchIndex(s, -1) {
		if m[2] >= 0 {
			rfc = s[m[2]:m[3]]
		}
		if rfc == "" {
			continue
		}
		list = append(list, source{Text: s[end:m[0]]}, source{s[m[0]:m[1]], "https://www.rfc-editor.org/rfc/rfc" + rfc + "#section-" + s[m[4]:m[5]]})
		end = m[1]
	}
	return append(list, source{Text: s[end:]})
}
