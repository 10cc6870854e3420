package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"

	"github.com/usherkit/scim/scimtest/idp"
)

// A display shows the demo: on a terminal with colours and a progress bar,
// elsewhere in plain lines. It may be used concurrently.
type display struct {
	out      io.Writer
	terminal bool
	colours  bool

	mu  sync.Mutex
	bar *progressbar.ProgressBar // of the phase that runs; nil between phases
}

func newDisplay(out io.Writer) *display {
	d := &display{out: out}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		d.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	d.colours = d.terminal && os.Getenv("NO_COLOR") == ""
	return d
}

// printf prints whole lines, above the progress bar if there is one.
func (d *display) printf(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bar != nil {
		d.bar.Clear()
	}
	fmt.Fprintf(d.out, format, args...)
	if d.bar != nil {
		d.bar.RenderBlank()
	}
}

// The attributes of text on a terminal.
const (
	bold  = "1"
	dim   = "2"
	green = "32"
	red   = "31"
)

func (d *display) style(attribute, s string) string {
	if !d.colours {
		return s
	}
	return "\x1b[" + attribute + "m" + s + "\x1b[0m"
}

// progress shows how far a cycle has come.
func (d *display) progress(p idp.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.terminal && p.Done == 0:
		d.bar = progressbar.NewOptions(p.Total,
			progressbar.OptionSetWriter(d.out),
			progressbar.OptionSetDescription(fmt.Sprintf("    %-16s", phase(p))),
			progressbar.OptionSetWidth(40),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "━", SaucerHead: "╸", SaucerPadding: " "}),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionThrottle(40*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	case d.terminal:
		d.bar.Set(p.Done)
		if p.Done == p.Total {
			d.bar = nil
		}
	case p.Done == p.Total && p.Run == "initial cycle": // the others are over in no time
		fmt.Fprintf(d.out, "    %-16s %d of %d\n", p.Phase, p.Done, p.Total)
	}
}

func phase(p idp.Progress) string {
	if p.Run == "verification" {
		return "compare " + p.Phase
	}
	return p.Phase
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
				fmt.Fprintf(&line, "   %*s", width[i], cell)
			}
		}
		text := line.String()
		if n == 0 {
			text = d.style(dim, text)
		}
		d.printf("%s\n", text)
	}
}
