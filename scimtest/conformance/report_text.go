package conformance

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/usherkit/scim/internal/plain"
)

// TextOptions change what WriteText writes.
type TextOptions struct {
	Color bool // with the colours of a terminal
	Full  bool // all findings in full, and advice; else one finding of each cause, and of the others the ids
	Width int  // where lines break between words; default: 100
}

// WriteText writes the report for a terminal: the picture, what is wrong in
// short, the findings, then advice and what was skipped, and the verdict as the
// last line. Whatever the endpoint wrote stands indented.
func (r *Report) WriteText(w io.Writer, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 100
	}
	p := &printer{TextOptions: o}
	p.line("%s %s", p.style("1", "SCIM conformance of"), p.style("1", plain.Line(r.Endpoint)))
	if r.Server != "" {
		p.paragraph("  ", plain.Line(r.Server))
	}
	p.paragraph("  ", r.facts()+", "+r.Started.UTC().Format("2006-01-02 15:04 UTC"))
	for _, note := range r.Notes {
		p.line("")
		p.paragraph("  "+p.mark(Advised)+" ", plain.Line(note))
	}
	p.picture(r.grid())
	p.short(r)
	p.findings(r)
	p.advice(r)
	p.skipped(r)
	p.leftovers(r)

	mark, style := "✗", "1;31"
	if r.Conforms() {
		mark, style = "✓", "1;32"
	}
	p.line("")
	verdict := mark + " " + r.verdict()
	if rest := r.rest(); rest != "" {
		verdict += "; " + rest
	}
	p.line("%s", p.style(style, verdict))
	_, err := w.Write(p.b.Bytes())
	return err
}

// short writes what is wrong in short.
func (p *printer) short(r *Report) {
	gists, besides := r.short()
	if len(gists)+len(besides) == 0 {
		return
	}
	p.heading("What is wrong, in short", "each with how many checks fail of it, and where")
	p.line("")
	for _, g := range gists {
		start := fmt.Sprintf("  %s %3d ", p.mark(g.Results[0].Status), g.Checks)
		p.paragraph(start, p.bold(plain.Line(g.Title))+" "+p.soft("("+plain.Line(g.Where)+")"))
	}
	for _, s := range besides {
		p.paragraph("        ", plain.Line(s))
	}
}

func (p *printer) findings(r *Report) {
	for i, c := range r.causes(Failed) {
		switch {
		case i > 0:
		case p.Full:
			p.heading("Findings", "what many checks stumble over comes first")
		default:
			p.heading("Findings", "one of each cause in full; what many checks stumble over comes first")
		}
		p.cause(r, c)
	}
}

func (p *printer) advice(r *Report) {
	for i, c := range r.causes(Advised) {
		if i == 0 {
			p.heading("Advice", "recommendations that are not met; no findings")
			if !p.Full {
				p.line("")
			}
		}
		for _, result := range c.Results {
			if !p.Full {
				p.paragraph("  "+p.mark(Advised)+" ", plain.Line(result.ID+": "+result.Title))
				continue
			}
			p.check(result)
			p.field("expected", result.expected())
			p.field("got", clip(result.got(), 300))
			p.field("fix", result.Fix)
		}
	}
}

func (p *printer) skipped(r *Report) {
	for i, s := range r.skipped() {
		if i == 0 {
			p.heading("Skipped", "")
		}
		if i == 0 || p.Full {
			p.line("")
		}
		p.paragraph("  "+p.mark(Skipped)+" ", plain.Line(s.Reason))
		if !p.Full {
			p.ids("      ", s.Results)
			continue
		}
		for _, result := range s.Results {
			p.line("      %s", plain.Line(result.ID))
		}
	}
}

func (p *printer) leftovers(r *Report) {
	paths, more := r.remaining()
	for i, path := range paths {
		if i == 0 {
			p.heading("Left behind", "what the check created and could not delete")
			p.line("")
		}
		p.line("    %s", path)
	}
	if more > 0 {
		p.line("    … and %d more", more)
	}
}

// ids writes the ids of results in as few lines as they need.
func (p *printer) ids(start string, results []*Result) {
	var ids []string
	for _, result := range results {
		ids = append(ids, plain.Line(result.ID))
	}
	p.paragraph(start, strings.Join(ids, ", "))
}

// A printer writes lines.
type printer struct {
	TextOptions
	b bytes.Buffer
}

// The colours of the statuses, as SGR parameters.
var colors = map[Status]string{Passed: "32", Failed: "31", Advised: "33", Skipped: "2", Blocked: "35"}

func (p *printer) style(sgr, s string) string {
	if !p.Color || sgr == "" || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

func (p *printer) mark(s Status) string { return p.style(colors[s], marks[s]) }

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.b, format, args...)
	p.b.WriteByte('\n')
}

func (p *printer) heading(title, what string) {
	p.line("")
	s := p.style("1", title)
	if what != "" {
		s += p.style("2", ": "+what)
	}
	p.line("%s", s)
}

// paragraph breaks lines between words; those after the first are indented as
// deep as the first one's start.
func (p *printer) paragraph(start, s string) {
	indent := strings.Repeat(" ", plainWidth(start))
	line, used := start, len(indent)
	for i, word := range strings.Fields(s) {
		n := plainWidth(word)
		if i > 0 && used+1+n > p.Width {
			p.line("%s", line)
			line, used = indent, len(indent)
		} else if i > 0 {
			line += " "
			used++
		}
		line += word
		used += n
	}
	p.line("%s", strings.TrimRight(line, " "))
}

// plainWidth is the width of a text, without its colours.
func plainWidth(s string) int {
	for {
		before, after, ok := strings.Cut(s, "\x1b[")
		if !ok {
			return utf8.RuneCountInString(s)
		}
		_, after, _ = strings.Cut(after, "m")
		s = before + after
	}
}

// picture draws the grid with the areas as rows, as a terminal is narrow.
func (p *printer) picture(g grid) {
	if len(g.Areas) == 0 {
		return
	}
	first := 10
	for _, a := range g.Areas {
		first = max(first, utf8.RuneCountInString(plain.Line(string(a))))
	}
	p.line("")
	var head strings.Builder
	widths := make([]int, len(g.Rows))
	for i, row := range g.Rows {
		name := plain.Line(row.Suite.Name)
		widths[i] = utf8.RuneCountInString(name) + 2
		for _, t := range append([]tally{row.Total}, row.tallies()...) {
			widths[i] = max(widths[i], utf8.RuneCountInString(t.Count())+4)
		}
		head.WriteString(pad(name, widths[i]))
	}
	p.line("  %s  %s", pad("", first), p.style("1", strings.TrimRight(head.String(), " ")))
	cell := func(t tally, width int) string {
		label := strings.TrimSpace(t.Mark() + " " + t.Count())
		return p.style(cmpStyle(t), label) + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(label)))
	}
	for i, a := range g.Areas {
		line := "  " + pad(plain.Line(string(a)), first) + "  "
		for j, row := range g.Rows {
			line += cell(row.Cells[i].tally, widths[j])
		}
		p.line("%s", strings.TrimRight(line, " "))
	}
	line := "  " + p.style("1", pad("all", first)) + "  "
	for j, row := range g.Rows {
		line += cell(row.Total, widths[j])
	}
	p.line("%s", strings.TrimRight(line, " "))
	var legend []string
	for _, s := range []Status{Passed, Failed, Blocked, Advised, Skipped} {
		word := string(s)
		if s == Advised {
			word = "advice"
		}
		legend = append(legend, p.mark(s)+" "+word)
	}
	p.line("")
	p.line("  %s", strings.Join(legend, "  "))
}

func cmpStyle(t tally) string {
	if s := t.Worst(); s != "" {
		return colors[s]
	}
	return "2"
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// check writes the head of a check.
func (p *printer) check(r *Result) {
	p.line("")
	p.paragraph("  "+p.mark(r.Status)+" ", p.bold(plain.Line(r.Title)))
	p.about(r)
}

// about writes which check it is, and what asks for it.
func (p *printer) about(r *Result) {
	about := plain.Line(r.ID) + "  " + plain.Line(string(r.Level))
	if cites := r.cites(); cites != "" {
		about += "  " + plain.Line(cites)
	}
	p.line("    %s", p.style("2", about))
}

// bold and soft style word by word, as lines may break between them.
func (p *printer) bold(s string) string { return p.words("1", s) }
func (p *printer) soft(s string) string { return p.words("2", s) }

func (p *printer) words(sgr, s string) string {
	if !p.Color {
		return s
	}
	words := strings.Fields(s)
	for i, w := range words {
		words[i] = p.style(sgr, w)
	}
	return strings.Join(words, " ")
}

// field writes a labelled text with its own line ends, without empty lines.
func (p *printer) field(label, s string) {
	start := "    " + p.style("36", pad(label, 10))
	for line := range strings.SplitSeq(plain.Text(s), "\n") {
		if strings.TrimSpace(line) != "" {
			p.paragraph(start, line)
			start = strings.Repeat(" ", 14)
		}
	}
}

// body writes a body as it is.
func (p *printer) body(s string) {
	lines := 30
	if !p.Full {
		lines = 14
	}
	if s = pretty(s, 4<<10, lines); s == "" {
		return
	}
	for line := range strings.SplitSeq(s, "\n") {
		p.line("              %s", line)
	}
}

// cause writes what a cause is, by the check that shows it best, and tells or
// names the other checks.
func (p *printer) cause(r *Report, c cause) {
	shows := c.Results[0]
	if title := r.title(c); title != shows.Title {
		p.line("")
		p.paragraph("  "+p.mark(shows.Status)+" ", p.bold(plain.Line(title))+" "+p.soft("("+plain.Line(c.where())+")"))
		p.field("shown by", shows.Title)
		p.about(shows)
	} else {
		p.check(shows)
	}
	p.finding(r, shows)
	others := c.Results[1:]
	switch told := "for the same cause, it seems: " + count(len(others), "more check"); {
	case len(others) == 0:
	case p.Full:
		p.line("    %s", p.style("36", told))
		for _, result := range others {
			p.check(result)
			p.finding(r, result)
		}
	default:
		p.line("    %s", p.style("36", told))
		p.ids("      ", others)
	}
	if len(c.Blocked) > 0 {
		p.line("    %s", p.style("36", "blocked by it, so not known to pass: "+count(len(c.Blocked), "check")))
		p.blocked(r, c.Blocked)
	}
}

// blocked writes blocked checks by what blocked them.
func (p *printer) blocked(r *Report, results []*Result) {
	var obstacles []string
	at := map[string][]*Result{}
	for _, result := range results {
		key := shape(r.obstacle(result))
		if at[key] == nil {
			obstacles = append(obstacles, key)
		}
		at[key] = append(at[key], result)
	}
	for _, key := range obstacles {
		p.paragraph("      "+p.mark(Blocked)+" ", r.obstacle(at[key][0]))
		p.ids("        ", at[key])
	}
}

// finding writes what came of a check, with its requests.
func (p *printer) finding(r *Report, shows *Result) {
	p.field("reason", shows.Reason)
	p.field("expected", shows.expected())
	p.field("got", shows.got())
	if shows.Status != Blocked { // it tells of what the check would have been about
		p.field("why", shows.Why)
		p.field("fix", shows.Fix)
	}
	xs, fault := shows.exchanges(), shows.atFault()
	const most = 8
	if n := len(xs) - most; n > 0 {
		p.field("requests", fmt.Sprintf("%d earlier ones are left out", n))
		xs = xs[n:]
	}
	for i := range xs {
		x := &xs[i]
		label := "request"
		if x == fault {
			label = "✗ request"
		}
		p.field(label, fmt.Sprintf("%s → %s (%s)", r.line(x), x.answer(), brief(x.Duration)))
		if shows.shown(x) {
			p.body(x.RequestBody)
		}
		if x == fault {
			p.field("  answer", strings.Join(append([]string{x.answer()}, headers(x.ResponseHeader, telling)...), "\n"))
			p.body(x.ResponseBody)
		}
	}
}

// A reason is one for which checks were skipped.
type reason struct {
	Reason  string
	Results []*Result
}

// skipped groups what was skipped by its reason.
func (r *Report) skipped() (reasons []reason) {
	for _, result := range r.with(Skipped) {
		i := slices.IndexFunc(reasons, func(s reason) bool { return s.Reason == result.Reason })
		if i < 0 {
			i = len(reasons)
			reasons = append(reasons, reason{Reason: result.Reason})
		}
		reasons[i].Results = append(reasons[i].Results, result)
	}
	return reasons
}
