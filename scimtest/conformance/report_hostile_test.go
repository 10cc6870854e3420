package conformance_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/usherkit/scim/scimtest/conformance"
)

// An endpoint may write what it likes into its answers. The reports must stay
// what they are.

// wellFormed tells what no report may be, whatever the endpoint wrote.
func wellFormed(t testing.TB, form, got string) {
	t.Helper()
	if !utf8.ValidString(got) {
		t.Errorf("%s is no UTF-8", form)
	}
	switch form {
	case "txt", "full", "ansi":
		if form == "ansi" {
			got = sgr.ReplaceAllString(got, "")
		}
		harmless(t, got)
	case "json":
		if !json.Valid([]byte(got)) {
			t.Errorf("no JSON: %s", got)
		}
	case "xml":
		elements(t, got)
	case "html":
		htmlWellFormed(t, got)
	case "md":
		markdownWellFormed(t, got)
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]+m")

// harmless fails for what acts on a terminal or turns text around.
func harmless(t testing.TB, text string) {
	t.Helper()
	i := strings.IndexFunc(text, func(r rune) bool {
		switch r {
		case '\n', '\t', '\u200c', '\u200d':
			return false
		}
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	})
	if i >= 0 {
		t.Errorf("%q in %q", text[i:min(len(text), i+4)], text[max(0, i-40):min(len(text), i+40)])
	}
}

// elements reads XML strictly and returns the names of its elements in order.
func elements(t testing.TB, text string) (names []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, text)
		}
		if e, ok := tok.(xml.StartElement); ok {
			names = append(names, e.Name.Local)
		}
	}
}

// htmlWellFormed reads the page as XML, which it is too, so that nothing can
// have broken out of where it belongs; and looks for what is not ours.
func htmlWellFormed(t testing.TB, text string) {
	t.Helper()
	known := map[string]string{ // elements and their attributes, besides class
		"html": "lang", "head": "", "meta": "charset name content http-equiv", "title": "", "style": "", "body": "", "main": "", "header": "", "div": "aria-hidden",
		"p": "", "h1": "", "h2": "id", "h3": "id", "h4": "", "code": "", "br": "", "time": "datetime", "span": "aria-hidden style", "ul": "aria-label", "ol": "aria-label",
		"li": "id", "b": "", "table": "", "caption": "", "thead": "", "tbody": "", "tr": "", "th": "scope", "td": "title", "small": "", "nav": "aria-label", "a": "href",
		"section": "aria-labelledby", "article": "id aria-labelledby", "details": "open", "summary": "", "pre": "", "i": "", "footer": "",
	}
	ids, refs := map[string]bool{}, []string{}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, text)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			attributes, ok := known[e.Name.Local]
			if !ok {
				t.Errorf("an element %q is not ours", e.Name.Local)
			}
			for _, a := range e.Attr {
				name := a.Name.Local
				if name != "class" && !slices.Contains(strings.Fields(attributes), name) {
					t.Errorf("%s: an attribute %q is not ours", e.Name.Local, name)
				}
				switch {
				case name == "id" && ids[a.Value]:
					t.Errorf("id %q stands twice", a.Value)
				case name == "id":
					ids[a.Value] = true
				case name == "aria-labelledby":
					refs = append(refs, a.Value)
				case name == "href" && strings.HasPrefix(a.Value, "#"):
					refs = append(refs, a.Value[1:])
				case name == "href" && !strings.HasPrefix(a.Value, "https://www.rfc-editor.org/rfc/rfc"):
					t.Errorf("a link to %q", a.Value)
				}
			}
		case xml.CharData:
			harmless(t, string(e))
		}
	}
	for _, ref := range refs {
		if !ids[ref] {
			t.Errorf("nothing has the id %q", ref)
		}
	}
}

var (
	fenced    = regexp.MustCompile("^(`{3,})[a-z]*$")
	mdTag     = regexp.MustCompile(`</?(details|summary)>|<br>|<code>[^<]*</code>|<b>[^<]*</b>`)
	mdEntity  = regexp.MustCompile(`&(#[0-9]+|nbsp|lt|gt|amp);`)
	mdOurs    = regexp.MustCompile(`^(#{2,3} |- |\| )|\*\*`)
	mdMention = regexp.MustCompile(`[@#][A-Za-z0-9]|://|www\.`)
)

// markdownWellFormed takes away fences, code and the tags and marks that are
// ours: what is left must have no meaning.
func markdownWellFormed(t testing.TB, text string) {
	t.Helper()
	if n := utf8.RuneCountInString(text); n > 65_536 {
		t.Errorf("%d characters; GitHub takes 65,536", n)
	}
	harmless(t, strings.ReplaceAll(text, "\u2060", "")) // our word joiners
	open, depth := "", 0
	for i, line := range strings.Split(text, "\n") {
		if open != "" {
			if line == open {
				open = ""
			}
			continue
		}
		if m := fenced.FindStringSubmatch(line); m != nil {
			open = m[1]
			continue
		}
		plain := withoutCode(t, line)
		depth += strings.Count(plain, "<details>") - strings.Count(plain, "</details>")
		for _, b := range regexp.MustCompile(`<b>[^<]*</b>`).FindAllString(plain, -1) {
			if mdMention.MatchString(mdEntity.ReplaceAllString(b, "")) {
				t.Errorf("line %d: GitHub would link in %q", i+1, b)
			}
		}
		plain = mdTag.ReplaceAllString(plain, "")
		plain = mdEntity.ReplaceAllString(plain, "")
		if strings.HasPrefix(plain, "| ") { // a row of the table
			plain = strings.ReplaceAll(strings.ReplaceAll(plain, "|", ""), "---", "")
		}
		plain = mdOurs.ReplaceAllString(plain, "")
		if j := strings.IndexAny(plain, "<>[]*_`|~\\&$"); j >= 0 {
			t.Errorf("line %d: %q has a meaning in %q", i+1, plain[j], line)
		}
		if m := mdMention.FindString(plain); m != "" {
			t.Errorf("line %d: GitHub would link %q in %q", i+1, m, line)
		}
	}
	if open != "" || depth != 0 {
		t.Errorf("fence %q or %d details are open at the end", open, depth)
	}
}

// withoutCode takes out code spans as CommonMark §6.1 reads them.
func withoutCode(t testing.TB, line string) string {
	t.Helper()
	runs := regexp.MustCompile("`+").FindAllStringIndex(line, -1)
	var b strings.Builder
	end := 0
	for i := 0; i < len(runs); i++ {
		open := runs[i]
		j := slices.IndexFunc(runs[i+1:], func(r []int) bool { return r[1]-r[0] == open[1]-open[0] })
		if j < 0 {
			t.Errorf("backticks without an end: %q", line)
			break
		}
		b.WriteString(line[end:open[0]])
		i += j + 1
		end = runs[i][1]
	}
	b.WriteString(line[end:])
	return b.String()
}

// hostile is a report that says s wherever an endpoint, or somebody else, may
// have a word.
func hostile(s string) *conformance.Report {
	var results []*conformance.Result
	for i, status := range []conformance.Status{conformance.Failed, conformance.Failed, conformance.Advised, conformance.Blocked, conformance.Skipped, conformance.Passed} {
		r := failed(fmt.Sprintf("rfc.create.%d", i), conformance.Create, "title "+s, "expected "+s, s,
			exchange("GET", "/Users?filter="+s, "", 200, s), exchange("POST", "/"+s, s, 400+i, s))
		r.Status, r.Reason, r.Why, r.Fix, r.Source = status, s, s, s, "RFC 7644 §3.3 "+s
		x := &r.Finding.Exchanges[1]
		x.ResponseHeader = http.Header{"Content-Type": {s}, "Set-Cookie": {"session=of-somebody"}, "ETag": {s}}
		x.RequestHeader = http.Header{"If-Match": {s}, "Authorization": {"Bearer of-somebody"}}
		if status == conformance.Passed || status == conformance.Skipped {
			r.Finding = nil
		}
		results = append(results, r)
	}
	missing := failed("rfc.read.0", conformance.Read, "title", "200 OK", "no answer: "+s, conformance.Exchange{Method: "GET", URL: base + "/Users", ResponseMissing: s})
	r := report(append(results, missing)...)
	r.Endpoint, r.Server, r.Notes, r.Leftovers = base+"/"+s, s, []string{s}, []string{"/Users/" + s}
	return r
}

var hostileStrings = []string{
	"", "plain", "7", " ", "\n", " \n00", "\r\n✓ Conforms\n", "\x1b[2J\x1b]0;title\a\x9b31m", "\x00\x01\ufffe\uffff\xff\xc3(",
	"</pre></details><script>alert(1)</script>", `" onmouseover="alert(1)`, "]]>", "<!--", "&lt;&#0;&nbsp;", "javascript:alert(1)",
	"```\n# heading\n@octocat #1 https://evil.example www.evil.example", "`", "``` ` ``", "| a | b |\n|---|---|", "<details><summary>", "[a](http://b)![c](d)",
	"\u202egnp.exe", "\u2066\u2028\u200b\ufeff\U000e0041", `{"a":["` + "\u202e" + `",null,-1.5e3,true],"b":{"c\"]":"</i>"}}`,
	strings.Repeat("[", 2_000), strings.Repeat(`["]",`, 2_000), strings.Repeat("x", 70_000), strings.Repeat("@a\n", 1_000), "GH-1 a_b*c*~~d~~ $x$ \\",
}

// TestHostile: every form of the report stays well-formed, and shows no
// credentials and no cookies.
func TestHostile(t *testing.T) {
	for i, s := range hostileStrings {
		for form := range writers {
			t.Run(fmt.Sprint(i, form), func(t *testing.T) {
				got := write(t, hostile(s), form)
				wellFormed(t, form, got)
				if strings.Contains(got, "of-somebody") {
					t.Error("shows a credential or a cookie")
				}
				if len(got) > 8<<20 {
					t.Errorf("%d bytes", len(got))
				}
			})
		}
	}
}

func fuzz(f *testing.F, run func(t *testing.T, s string)) {
	for _, s := range hostileStrings {
		if len(s) < 1000 {
			f.Add(s)
		}
	}
	f.Fuzz(run)
}

// FuzzText: the colours are all there is of escape sequences, and what stands
// at the start of a line is ours.
func FuzzText(f *testing.F) {
	starts := func(text string) (lines []string) {
		for line := range strings.SplitSeq(text, "\n") {
			if line != "" && line[0] != ' ' {
				lines = append(lines, line[:4])
			}
		}
		return lines
	}
	want := starts(write(f, hostile("x"), "txt"))
	fuzz(f, func(t *testing.T, s string) {
		r := hostile(s)
		text, full, colored := write(t, r, "txt"), write(t, r, "full"), write(t, r, "ansi")
		wellFormed(t, "txt", text)
		wellFormed(t, "full", full)
		if got := sgr.ReplaceAllString(colored, ""); got != full {
			t.Errorf("without its colours:\n%s\nwant\n%s", got, full)
		}
		if got := starts(text); !slices.Equal(got, want) {
			t.Errorf("lines start with %q; want %q", got, want)
		}
	})
}

// FuzzJSON: what the endpoint wrote can be read from it again.
func FuzzJSON(f *testing.F) {
	fuzz(f, func(t *testing.T, s string) {
		var got struct {
			Results []struct{ Finding struct{ Got string } }
		}
		if err := json.Unmarshal([]byte(write(t, hostile(s), "json")), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(s)); got.Results[0].Finding.Got != want {
			t.Errorf("got %q; want %q", got.Results[0].Finding.Got, want)
		}
	})
}

// FuzzJUnit: the elements are the same whatever the text is.
func FuzzJUnit(f *testing.F) {
	want := elements(f, write(f, hostile("x"), "xml"))
	fuzz(f, func(t *testing.T, s string) {
		if got := elements(t, write(t, hostile(s), "xml")); !slices.Equal(got, want) {
			t.Errorf("elements %v; want %v", got, want)
		}
	})
}

// FuzzHTML: the page is well-formed and all in it is ours.
func FuzzHTML(f *testing.F) {
	fuzz(f, func(t *testing.T, s string) { wellFormed(t, "html", write(t, hostile(s), "html")) })
}

// FuzzMarkdown: outside of code nothing has a meaning that is not ours.
func FuzzMarkdown(f *testing.F) {
	fuzz(f, func(t *testing.T, s string) { wellFormed(t, "md", write(t, hostile(s), "md")) })
}

// TestMarkdownFits: a report of hundreds of causes with large bodies still fits
// into a comment, and says what it left out.
func TestMarkdownFits(t *testing.T) {
	for _, n := range []int{3, 30, 300, 1000} {
		var results []*conformance.Result
		for i := range n {
			body := fmt.Sprintf(`{"detail":"%s %s"}`, strings.Repeat(string(rune('a'+i%26)), 1+i/26), strings.Repeat("wörter, ", 2_000))
			results = append(results, failed(fmt.Sprint("rfc.create.", i), conformance.Create, fmt.Sprint("Check ", i), "201 Created", "400", exchange("POST", "/Users", body, 400, body)))
		}
		got := write(t, report(results...), "md")
		wellFormed(t, "md", got)
		told := strings.Count(got, "<code>rfc.create.") + strings.Count(got, "`rfc.create.")
		if m := regexp.MustCompile(`(\d+) more are left out`).FindStringSubmatch(got); m != nil {
			var left int
			fmt.Sscan(m[1], &left)
			told += left
		}
		if told != n {
			t.Errorf("%d findings: %d are told or counted", n, told)
		}
		if !strings.Contains(got, "**Expected**") {
			t.Errorf("%d findings: none is told in full", n)
		}
		if n > 3 && !strings.Contains(got, "see the HTML or JSON form") {
			t.Errorf("%d findings: nothing says that it is shortened", n)
		}
	}
}

// TestTokenStaysSecret: an endpoint that sends the token back does not get it
// into a report.
func TestTokenStaysSecret(t *testing.T) {
	const token = `s3cret/"+token`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "You sent %s", r.Header.Get("Authorization"))
		json.NewEncoder(w).Encode(r.Header)
	}))
	defer server.Close()
	r, err := conformance.Check(t.Context(), server.URL, token, &conformance.Options{Suites: []string{conformance.RFC}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings()) == 0 {
		t.Fatal("no findings at an endpoint that answers 500")
	}
	for form := range writers {
		got := write(t, r, form)
		if strings.Contains(got, "s3cret") {
			t.Errorf("%s shows the token", form)
		}
		if form != "ansi" && !strings.Contains(got, "[token]") {
			t.Errorf("%s does not show that the endpoint sent the token", form)
		}
	}
	for _, result := range r.Results {
		if strings.Contains(result.String(), "s3cret") {
			t.Errorf("%s shows the token", result.ID)
		}
	}
}
