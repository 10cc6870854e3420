package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherkit/scim/internal/plain"
)

// A table is a list of things as columns, or as JSON. It is printed as it comes.
type table struct {
	out    io.Writer
	lines  *json.Encoder // nil: columns
	rows   [][]string    // that wait, so that the columns are as wide as is needed
	widths []int         // of what was printed; they only grow
}

const rowsAtOnce = 100

func newTable(out io.Writer, asJSON bool, heads ...string) *table {
	t := &table{out: out, widths: make([]int, len(heads))}
	if asJSON {
		t.lines = json.NewEncoder(out)
	} else {
		t.rows = [][]string{heads}
	}
	return t
}

func (t *table) row(thing any, cells ...string) error {
	if t.lines != nil {
		return t.lines.Encode(thing)
	}
	for i := range cells {
		cells[i] = oneLine(cmp.Or(cells[i], "-"))
	}
	t.rows = append(t.rows, cells)
	if len(t.rows) < rowsAtOnce {
		return nil
	}
	return t.flush()
}

// oneLine shows text from elsewhere in a cell.
func oneLine(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(plain.Text(s))
}

// flush prints the rows that wait.
func (t *table) flush() error {
	for _, cells := range t.rows {
		for i, cell := range cells {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, cells := range t.rows {
		last := len(cells) - 1
		for i, cell := range cells[:last] {
			fmt.Fprintf(&b, "%-*s  ", t.widths[i], cell)
		}
		b.WriteString(cells[last] + "\n")
	}
	t.rows = nil
	_, err := io.WriteString(t.out, b.String())
	return err
}

// day is a time to the minute, or nothing.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}
