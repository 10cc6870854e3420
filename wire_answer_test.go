package scim_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// answer is what came back, and what happened besides.
type answer struct {
	status  int
	header  http.Header
	body    string
	value   any      // body, decoded
	events  []string // "OnUserUpdated (title, name)"
	logs    []string
	earlier []string
}

func (a *answer) parse() error {
	if a.body == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&a.value); err != nil {
		return fmt.Errorf("the body is no JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("the body is more than one JSON value")
	}
	return nil
}

// record is the part of the answer that is kept in the file.
func (a *answer) record() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<<< %d", a.status)
	for _, name := range []string{"Content-Type", "Location", "Content-Location", "ETag", "WWW-Authenticate", "Allow", "Retry-After"} {
		for _, v := range a.header.Values(name) {
			fmt.Fprintf(&b, "\n%s: %s", name, v)
		}
	}
	switch {
	case a.body == "":
	case len(a.body) > 8000:
		fmt.Fprintf(&b, "\n\n(%d bytes, SHA-256 %x)", len(a.body), sha256.Sum256([]byte(a.body)))
	default:
		b.WriteString("\n\n" + a.body)
	}
	return b.String()
}

// check checks one want.
func (a *answer) check(text string) error {
	what, rest, _ := strings.Cut(text, " ")
	switch what {
	case "status":
		if strconv.Itoa(a.status) != rest {
			return fmt.Errorf("got %d", a.status)
		}
	case "header":
		name, value, exact := strings.Cut(rest, " = ")
		if part, text, ok := strings.Cut(rest, " contains "); ok {
			name, value = part, text
		}
		got := a.header.Values(name)
		if len(got) != 1 || exact && got[0] != value || !strings.Contains(got[0], value) {
			return fmt.Errorf("got %q", got)
		}
	case "body":
		return a.checkBody(rest)
	case "event":
		if !slices.ContainsFunc(a.events, func(e string) bool { return e == rest || strings.HasPrefix(e, rest+" (") }) {
			return fmt.Errorf("got %v", a.events)
		}
	case "events": // all of them, in any order
		want := strings.Split(rest, ", On")
		for i := range want[1:] {
			want[i+1] = "On" + want[i+1]
		}
		got := slices.Clone(a.events)
		if !strings.Contains(rest, "(") {
			for i := range got {
				got[i], _, _ = strings.Cut(got[i], " (")
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("got %v", a.events)
		}
	case "log":
		if !slices.ContainsFunc(a.logs, func(l string) bool { return strings.Contains(l, rest) }) {
			return fmt.Errorf("got %q", a.logs)
		}
	case "no":
		return a.checkAbsence(rest)
	default:
		return errors.New("no such want: see testdata/wire/README.md")
	}
	return nil
}

func (a *answer) checkBody(text string) error {
	if step, ok := strings.CutPrefix(text, "of step "); ok {
		n, err := strconv.Atoi(step)
		if err != nil || n < 1 || n > len(a.earlier) {
			return errors.New("no such step before this one")
		}
		if d := cmp.Diff(a.earlier[n-1], a.body); d != "" {
			return errors.New("it differs (-earlier +now):\n" + d)
		}
		return nil
	}
	if at := bodyOperator.FindStringSubmatchIndex(" " + text); at != nil {
		path, op, operand := (" " + text)[:at[0]], (" " + text)[at[2]:at[3]], (" " + text)[at[1]:]
		got, found, err := lookUp(a.value, strings.TrimSpace(path))
		if err != nil {
			return err
		}
		if !found {
			return errors.New("it is absent")
		}
		if op == "count" {
			if list, ok := got.([]any); !ok || strconv.Itoa(len(list)) != operand {
				return fmt.Errorf("got %s", jsonText(got))
			}
			return nil
		}
		var want any
		d := json.NewDecoder(strings.NewReader(operand))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			return fmt.Errorf("the wanted value is no JSON: %v", err)
		}
		switch op {
		case "contains":
			text, ok := got.(string)
			part, _ := want.(string)
			if !ok || part == "" || !strings.Contains(text, part) {
				return fmt.Errorf("got %s", jsonText(got))
			}
			return nil
		case "in any order":
			list, _ := got.([]any)
			other, ok := want.([]any)
			if !ok {
				return errors.New("the wanted value is no array")
			}
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(jsonText(a), jsonText(b)) })
			slices.SortFunc(other, func(a, b any) int { return strings.Compare(jsonText(a), jsonText(b)) })
		}
		if d := cmp.Diff(want, got); d != "" {
			return fmt.Errorf("got %s", jsonText(got))
		}
		return nil
	}
	_, found, err := lookUp(a.value, text)
	if err == nil && !found {
		return errors.New("it is absent")
	}
	return err
}

var bodyOperator = regexp.MustCompile(` (=|contains|count|in any order) `)

func (a *answer) checkAbsence(text string) error {
	what, rest, _ := strings.Cut(text, " ")
	switch {
	case what == "header":
		if got, has := a.header[http.CanonicalHeaderKey(rest)]; has {
			return fmt.Errorf("got %q", got)
		}
	case what == "body" && rest == "":
		if a.body != "" {
			return errors.New("there is one")
		}
	case what == "body":
		if got, found, err := lookUp(a.value, rest); found || err != nil {
			return errors.Join(err, fmt.Errorf("got %s", jsonText(got)))
		}
	case what == "event" && rest == "":
		if len(a.events) > 0 {
			return fmt.Errorf("got %v", a.events)
		}
	case what == "event":
		if slices.ContainsFunc(a.events, func(e string) bool { return e == rest || strings.HasPrefix(e, rest+" (") }) {
			return fmt.Errorf("got %v", a.events)
		}
	case what == "log" && rest == "":
		if len(a.logs) > 0 {
			return fmt.Errorf("got %q", a.logs)
		}
	case what == "log":
		if slices.ContainsFunc(a.logs, func(l string) bool { return strings.Contains(l, rest) }) {
			return fmt.Errorf("got %q", a.logs)
		}
	default:
		return errors.New("no such want: see testdata/wire/README.md")
	}
	return nil
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// lookUp follows a path such as Resources[0]."urn:x:2.0:User".manager.value.
func lookUp(v any, path string) (got any, found bool, err error) {
	for rest := path; rest != ""; {
		p := wirePath.FindStringSubmatch(rest)
		if p == nil {
			return nil, false, fmt.Errorf("%q is no path", path)
		}
		rest = rest[len(p[0]):]
		if p[3] != "" {
			list, _ := v.([]any)
			n, _ := strconv.Atoi(p[3])
			if n >= len(list) {
				return nil, false, nil
			}
			v = list[n]
			continue
		}
		object, _ := v.(map[string]any)
		member, ok := object[p[1]+p[2]]
		if !ok {
			return nil, false, nil
		}
		v = member
	}
	return v, true, nil
}

var wirePath = regexp.MustCompile(`^(?:\.?([A-Za-z$][\w$-]*)|\.?"([^"]+)"|\[(\d+)\])`)
