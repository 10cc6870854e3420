package conformance

import (
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"

	"github.com/usherkit/scim/internal/plain"
)

// markdownMost is what GitHub takes in a comment: 65,536 characters, counted
// here as bytes, and some of them for what people write around it.
const markdownMost = 64_000

// WriteMarkdown writes the report for a pull request or a wiki on GitHub: the
// picture as a table, findings folded. It stays below GitHub's limit of 65,536
// characters: what would go beyond it is told in a line, or counted.
func (r *Report) WriteMarkdown(w io.Writer) error {
	m := &markdown{report: r}
	mark := "❌"
	if r.Conforms() && r.tally()[Passed] > 0 {
		mark = "✅"
	}
	fmt.Fprintf(&m.b, "## %s SCIM conformance: %s\n\n", mark, words(r.verdict()))
	fmt.Fprintf(&m.b, "%s", codeSpan(clip(r.Endpoint, 500)))
	if r.Server != "" {
		fmt.Fprintf(&m.b, " %s", words(clip(r.Server, 1000)))
	}
	fmt.Fprintf(&m.b, "<br>%s, %s\n\n", r.facts(), r.Started.UTC().Format("2006-01-02 15:04 UTC"))
	for _, note := range r.Notes[:min(5, len(r.Notes))] {
		fmt.Fprintf(&m.b, "%s %s\n\n", emoji[Advised], words(clip(note, 1000)))
	}
	m.gists()
	m.picture(r.grid())

	m.causes("Findings", r.causes(Failed))
	m.causes("Advice", r.causes(Advised))
	if skips := r.skipped(); len(skips) > 0 {
		var b strings.Builder
		fmt.Fprintf(&b, "<details><summary>%s skipped</summary>\n\n", count(r.tally()[Skipped], "check"))
		for _, s := range skips {
			var ids []string
			for _, result := range s.Results {
				ids = append(ids, codeSpan(result.ID))
			}
			fmt.Fprintf(&b, "- %s: %s\n", words(clip(s.Reason, 300)), strings.Join(ids, ", "))
		}
		b.WriteString("\n</details>\n")
		if m.room(b.Len()) {
			m.b.WriteString(b.String())
		}
	}
	if paths, more := r.remaining(); len(paths) > 0 {
		var b strings.Builder
		fmt.Fprintf(&b, "<details><summary>%s of the check could not be deleted</summary>\n\n", count(len(r.Leftovers), "resource"))
		for _, path := range paths {
			fmt.Fprintf(&b, "- %s\n", codeSpan(path))
		}
		if more > 0 {
			fmt.Fprintf(&b, "- and %d more\n", more)
		}
		b.WriteString("\n</details>\n")
		if m.room(b.Len()) {
			m.b.WriteString(b.String())
		}
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

type markdown struct {
	report *Report
	b      strings.Builder
}

// room reports whether so much can still be written.
func (m *markdown) room(n int) bool { return m.b.Len()+n <= markdownMost }

// gists writes what is wrong in short.
func (m *markdown) gists() {
	gists, besides := m.report.short()
	if len(gists)+len(besides) == 0 {
		return
	}
	m.b.WriteString("### What is wrong, in short\n\n")
	for _, g := range gists {
		fmt.Fprintf(&m.b, "- %s %s (%s: %s)\n", emoji[g.Results[0].Status], words(clip(g.Title, 300)), count(g.Checks, "check"), words(clip(g.Where, 200)))
	}
	for _, s := range besides {
		fmt.Fprintf(&m.b, "- %s\n", words(clip(s, 500)))
	}
	m.b.WriteByte('\n')
}

// emoji are seen in colour where no style can be.
var emoji = map[Status]string{Passed: "✅", Failed: "❌", Advised: "⚠️", Skipped: "➖", Blocked: "⛔"}

// picture has the areas as rows: a pull request is narrow.
func (m *markdown) picture(g grid) {
	if len(g.Areas) == 0 || len(g.Areas) > 100 || len(g.Rows) > 20 {
		return
	}
	cell := func(t tally) string {
		if t.Worst() == "" {
			return "·"
		}
		return emoji[t.Worst()] + " " + t.Count()
	}
	row := func(cells []string) { m.b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	head, rule, all := []string{" "}, []string{"---"}, []string{"**all**"}
	for _, r := range g.Rows {
		head, rule, all = append(head, words(clip(r.Suite.Name, 40))), append(rule, "---"), append(all, "**"+cell(r.Total)+"**")
	}
	row(head)
	row(rule)
	for i, a := range g.Areas {
		cells := []string{words(clip(string(a), 40))}
		for _, r := range g.Rows {
			cells = append(cells, cell(r.Cells[i].tally))
		}
		row(cells)
	}
	row(all)
	fmt.Fprintf(&m.b, "\n%s passed &nbsp; %s failed &nbsp; %s blocked &nbsp; %s advice &nbsp; %s skipped\n", emoji[Passed], emoji[Failed], emoji[Blocked], emoji[Advised], emoji[Skipped])
}

// causes writes causes in full as long as there is room, then in a line each.
func (m *markdown) causes(title string, causes []cause) {
	if len(causes) == 0 || !m.room(500) {
		return
	}
	fmt.Fprintf(&m.b, "\n### %s\n\n", title)
	shortened := false
	for i, c := range causes {
		if !shortened {
			whole := m.cause(c)
			others := min(300*(len(causes)-i), markdownMost/3) // in a line each
			if m.room(len(whole) + others + 500) {
				m.b.WriteString(whole)
				continue
			}
			shortened = true
		}
		line := m.short(c)
		if !m.room(len(line) + 500) {
			fmt.Fprintf(&m.b, "\n%d more are left out here, as a comment on GitHub holds no more: see the HTML or JSON form.\n\n", len(causes)-i)
			return
		}
		m.b.WriteString(line)
	}
	if shortened {
		m.b.WriteString("\nThose without details are shortened, as a comment on GitHub holds no more: see the HTML or JSON form.\n\n")
	}
}

// short tells a cause in a line.
func (m *markdown) short(c cause) string {
	shows := c.Results[0]
	return fmt.Sprintf("- %s %s %s%s\n", emoji[shows.Status], words(clip(m.report.title(c), 150)), codeSpan(clip(shows.ID, 80)), c.more())
}

// more tells how many checks share the cause.
func (c cause) more() (s string) {
	if n := len(c.Results) - 1; n > 0 {
		s += fmt.Sprintf(" and %s", count(n, "more check"))
	}
	if n := len(c.Blocked); n > 0 {
		s += fmt.Sprintf(", %d blocked", n)
	}
	return s
}

func (m *markdown) cause(c cause) string {
	var b strings.Builder
	shows, title := c.Results[0], m.report.title(c)
	fmt.Fprintf(&b, "<details><summary>%s <b>%s</b> <code>%s</code>%s</summary>\n\n",
		emoji[shows.Status], summarized(clip(title, 400)), summarized(clip(shows.ID, 200)), c.more())
	if title != shows.Title {
		fmt.Fprintf(&b, "Shown by: %s\n\n", words(clip(shows.Title, 400)))
	}
	about := string(shows.Level)
	if cites := shows.cites(); cites != "" {
		about += ", " + cites
	}
	fmt.Fprintf(&b, "%s\n\n", words(clip(about, 400)))
	field := func(label, s string) {
		if s != "" {
			fmt.Fprintf(&b, "**%s** %s\n\n", label, s)
		}
	}
	if shows.Reason != "" {
		b.WriteString(fence("", pretty(shows.Reason, 2000, 20)) + "\n")
	}
	if shows.Finding != nil {
		field("Expected", codeSpan(clip(shows.expected(), 1000)))
		field("Got", codeSpan(clip(shows.got(), 1000)))
	}
	if shows.Status != Blocked {
		field("Why it matters", words(clip(shows.Why, 2000)))
		field("How to fix it", words(clip(shows.Fix, 2000)))
	}
	xs, fault := shows.exchanges(), shows.atFault()
	const most = 6
	if n := len(xs) - most; n > 0 {
		fmt.Fprintf(&b, "%s left out.\n\n", count(n, "earlier request"))
		xs = xs[n:]
	}
	for i := range xs {
		x := &xs[i]
		flag := ""
		if x == fault {
			flag = " ← **not as expected**"
		}
		fmt.Fprintf(&b, "- %s → %s%s\n", codeSpan(clip(m.report.line(x), 500)), codeSpan(clip(x.answer(), 300)), flag)
		if shows.shown(x) && x.RequestBody != "" {
			b.WriteString("\n" + fence("json", pretty(x.RequestBody, 4<<10, 60)))
		}
		if x == fault && x.Status != 0 {
			answer := append([]string{x.answer()}, headers(x.ResponseHeader, telling)...)
			if x.ResponseBody != "" {
				answer = append(answer, "", pretty(x.ResponseBody, 4<<10, 60))
			}
			b.WriteString("\n" + fence("http", strings.Join(answer, "\n")))
		}
	}
	list := func(told string, results []*Result, line func(*Result) string) {
		if len(results) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n\n", told)
		for i, result := range results {
			if i == 40 {
				fmt.Fprintf(&b, "- and %d more\n", len(results)-i)
				break
			}
			fmt.Fprintf(&b, "- %s %s %s\n", emoji[result.Status], words(clip(line(result), 300)), codeSpan(clip(result.ID, 100)))
		}
	}
	list("For the same cause, it seems: "+count(len(c.Results)-1, "more check"), c.Results[1:], func(r *Result) string { return r.Title })
	list("Blocked by it, so not known to pass: "+count(len(c.Blocked), "check"), c.Blocked, m.report.obstacle)
	return strings.TrimRight(b.String(), "\n") + "\n\n</details>\n\n"
}

var (
	punctuation = regexp.MustCompile("[!-+/:-@\\[-`{-~]")
	backticks   = regexp.MustCompile("`+")

	// A word joiner is not seen, and no name or address has one.
	unlinked = strings.NewReplacer("@", "@\u2060", "#", "#\u2060", "://", ":\u2060//", "www.", "www\u2060.", "GH-", "GH\u2060-")
)

// words are text in a line that no character of which has a meaning: not for
// Markdown, and not for GitHub, which links @names, #numbers and URLs even
// where they were written as entities.
func words(s string) string {
	s = unlinked.Replace(plain.Line(s))
	return punctuation.ReplaceAllStringFunc(s, func(p string) string {
		switch p {
		case "@", "#", ":", "/", "(", ")", "'", "\"", "%", "?", ";", "+", "=":
			return p
		}
		return fmt.Sprintf("&#%d;", p[0])
	})
}

// summarized is text in a line of HTML.
func summarized(s string) string {
	return strings.ReplaceAll(html.EscapeString(unlinked.Replace(plain.Line(s))), "`", "&#96;")
}

// codeSpan is text in a line that is shown as it is. GitHub links nothing in it.
func codeSpan(s string) string {
	s = plain.Line(s)
	if s == "" {
		return ""
	}
	ticks := strings.Repeat("`", longest(s)+1)
	if ticks != "`" || strings.HasPrefix(s, " ") {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// fence is a block of text that is shown as it is.
func fence(language, s string) string {
	ticks := strings.Repeat("`", max(3, longest(s)+1))
	return ticks + language + "\n" + s + "\n" + ticks + "\n"
}

// longest is the length of the longest run of backticks.
func longest(s string) (n int) {
	for _, run := range backticks.FindAllString(s, -1) {
		n = max(n, len(run))
	}
	return n
}
