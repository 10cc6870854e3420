package rows

import (
	"fmt"
	"slices"
	"strings"
)

const preface = `# Conformance

What RFC 7643, RFC 7644 and RFC 9865 ask of a SCIM server, and with them the SCIM 2.0 Interoperability Profile, OpenID's
IPSIE profile of account lifecycle, RFC 9967, and in a few rows RFC 9944 and the draft of roles and entitlements: one row for each requirement, what this module does about it, and the tests
that show it. The numbers are those that tests and wire cases cite. The statements are ours; the sources say it in full.

**Level** is the source's word, in capitals where it is RFC 2119's and in small letters where the source says it in plain
prose; "-" is a rule for clients that servers must know. **Status** is one of

- *met*;
- *not applicable*: an option not taken, or a matter of the application's, and why;
- *deviated*: the server does otherwise, and why;
- *not yet*: and what it waits for.

**Shown by** names tests of three kinds: functions of Go, with their cases, to be run with ` + "`go test -run`" + `; conversations in
[testdata/wire](testdata/wire/README.md), which TestWire replays; and, in *italics*, checks of package scimtest/conformance,
which can be run against any server. A *strict* client is one of Options.Strict or Principal.Strict. Others are granted
tolerances for the dialects of identity providers, each with a name that is logged; a row to which strict clients alone are
held says so.

This page is written by ` + "`go test ./internal/rows -update`" + ` from internal/rows/rows.txt. The test fails when a row loses its test.

`

// render makes the page.
func render(sections []section, e evidence) string {
	var b strings.Builder
	b.WriteString(preface)
	summary(&b, sections)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| Row | Level | Requirement | Source | Status | Shown by |\n|---|---|---|---|---|---|\n", s.title)
		for _, r := range s.rows {
			status := r.status
			if status != "met" {
				status = "**" + status + "**"
			}
			if r.remark != "" {
				status += ": " + r.remark
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r, r.level, code(r.statement), r.source, code(status), e.shown(r))
		}
	}
	return b.String()
}

// summary counts the rows by level and status, and lists those that are not as
// the source has it.
func summary(b *strings.Builder, sections []section) {
	count := map[string]map[string]int{"all": {}}
	open := map[string][]string{}
	for _, s := range sections {
		for _, r := range s.rows {
			if count[r.level] == nil {
				count[r.level] = map[string]int{}
			}
			for _, level := range []string{r.level, "all"} {
				count[level][r.status]++
				count[level]["all"]++
			}
			if r.status == "deviated" || r.status == "not yet" {
				open[r.status] = append(open[r.status], r.String())
			}
		}
	}
	columns := append(slices.Clone(statuses), "all")
	fmt.Fprintf(b, "| Level | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)))
	for _, level := range append(slices.Clone(levels), "all") {
		fmt.Fprintf(b, "| %s |", level)
		for _, status := range columns {
			fmt.Fprintf(b, " %d |", count[level][status])
		}
		b.WriteString("\n")
	}
	for _, status := range []string{"deviated", "not yet"} {
		if len(open[status]) > 0 {
			fmt.Fprintf(b, "\n%s: %s.\n", strings.ToUpper(status[:1])+status[1:], strings.Join(open[status], ", "))
		}
	}
}

// shown names the tests of a row.
func (e evidence) shown(r row) string {
	var names []string
	for _, x := range r.tests {
		switch x.kind {
		case "test":
			name := x.name
			if len(x.subs) > 0 {
				name += " (" + strings.ReplaceAll(code(strings.Join(x.subs, "; ")), "|", `\|`) + ")"
			}
			names = append(names, name)
		case "wire":
			names = append(names, fmt.Sprintf("[%s](%s)", x.name, e.wires[x.name].file))
		case "check":
			names = append(names, "*"+x.name+"*")
		}
	}
	return strings.Join(names, ", ")
}

// code keeps Markdown from reading signs of its own into text.
func code(text string) string {
	return strings.NewReplacer("<", "&lt;", "_", `\_`, "$", `\$`).Replace(text)
}
