package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A display shows what happens: on a terminal with a progress bar, elsewhere in
// plain lines. It may be used concurrently.
type display struct {
	out      io.Writer
	terminal bool
	colours  bool

	mu    sync.Mutex
	bar   *progressbar.ProgressBar // of the phase that runs, on a terminal
	phase string
	told  time.Time // when a plain line was last written
}

// often is how often plain lines tell of progress.
const often = 5 * time.Second

func newDisplay(out io.Writer) *display {
	f, ok := out.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
	return &display{out: out, terminal: terminal, colours: terminal && os.Getenv("NO_COLOR") == ""}
}

// progress shows how far a phase has come.
func (d *display) progress(phase string, done, total int, note string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.terminal {
		if d.phase != phase {
			d.phase, d.told = phase, time.Now()
		}
		if done == total || time.Since(d.told) > often {
			d.told = time.Now()
			fmt.Fprintf(d.out, "%s: %s of %s, %s\n", phase, number(done), number(total), note)
		}
		return
	}
	if d.bar == nil || d.phase != phase {
		d.finish()
		d.phase = phase
		d.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(d.out),
			progressbar.OptionSetWidth(30),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "━", SaucerHead: "╸", SaucerPadding: " "}),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionThrottle(50*time.Millisecond),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionClearOnFinish(),
		)
	}
	d.bar.Describe(fmt.Sprintf(" %s, %s", phase, note))
	d.bar.Set(done)
}

// end takes the progress bar away.
func (d *display) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.finish()
}

func (d *display) finish() {
	if d.bar != nil {
		d.bar.Clear()
		d.bar = nil
	}
}

// printf prints whole lines, in place of the progress bar.
func (d *display) printf(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.finish()
	fmt.Fprintf(d.out, format, args...)
}

// The attributes of text on a terminal.
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

func (d *display) style(attribute, s string) string {
	if !d.colours {
		return s
	}
	return "\x1b[" + attribute + "m" + s + "\x1b[0m"
}

// table prints rows under their heads: the first column to the left, the
// others to the right.
func (d *display) table(rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(&line, "  %-*s", width[i], cell)
			} else {
				fmt.Fprintf(&line, "  %*s", width[i], cell)
			}
		}
		text := line.String()
		if n == 0 {
			text = d.style(dim, text)
		}
		d.printf("%s\n", text)
	}
}

// number writes 12345 as 12,345.
func number(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes "1 request" and "2 requests".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return number(n) + " " + what
}

// brief writes a duration with as many digits as anybody reads.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// oneOf reports a flag's value that is none of those there are.
func oneOf(flag, value string, all []string) error {
	if slices.Contains(all, value) {
		return nil
	}
	return fmt.Errorf("%s: there is no %q; want one of %s", flag, value, strings.Join(all, ", "))
}
