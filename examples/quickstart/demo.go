package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

// demo provisions the company to an endpoint of its own, cycle by cycle, and
// reports what was not as it should be.
func demo(ctx context.Context, out io.Writer, addr, token string) error {
	directory, err := company()
	if err != nil {
		return err
	}
	screen := newDisplay(out)
	heard := &listener{screen: screen}
	url, shutdown, err := start(addr, token, announcer{say: heard.hear}, slog.New(slog.DiscardHandler), mode{}) // the report tells what is refused
	if err != nil {
		return err
	}
	defer shutdown()

	screen.printf("\n  %s\n  An endpoint at %s, and a stand-in for Microsoft Entra ID\n  that provisions a company of %d people and %d groups to it over HTTP.\n",
		screen.style(bold, "Usher quickstart, demonstration"), url, len(directory.Users), len(directory.Groups))

	entra, err := idp.NewEntra(url, token, &idp.Options{Progress: screen.progress})
	if err != nil {
		return err
	}
	rows := [][]string{{"cycle", "requests", "creates", "patches", "deletes", "hooks", "time"}}
	failed := play(ctx, entra, directory, screen, heard, func(name string, r *idp.Report) {
		rows = append(rows, []string{
			name,
			fmt.Sprint(r.Requests()),
			fmt.Sprint(r.Requests(idp.CreateUser, idp.CreateGroup)),
			fmt.Sprint(r.Requests(idp.PatchUser, idp.PatchManager, idp.PatchGroup, idp.PatchMembers)),
			fmt.Sprint(r.Requests(idp.DeleteUser, idp.DeleteGroup)),
			fmt.Sprint(heard.total()),
			short(r.Duration),
		})
	})

	if failed == nil {
		failed = check(ctx, url, token, screen, heard)
	}

	screen.printf("\n  %s\n\n", screen.style(bold, "Summary"))
	screen.table(rows)
	if failed != nil {
		screen.printf("\n  %s What went wrong is told below.\n\n", screen.style(red, "✗"))
		return failed
	}
	screen.printf("\n  %s Every answer was right, and after every cycle the endpoint equalled the directory.\n\n", screen.style(green, "✓"))
	return nil
}

// check runs the conformance check, whose users and groups come and go besides
// the company's.
func check(ctx context.Context, url, token string, screen *display, heard *listener) error {
	title(screen, "Conformance", "what the RFCs, Entra, Okta and Microsoft's own validators ask of an endpoint")
	heard.mute()
	report, err := conformance.Check(ctx, url, token, nil)
	if err != nil {
		return err
	}
	if !report.Conforms() {
		return fmt.Errorf("conformance: %d findings, such as\n%v", len(report.Findings()), report.Findings()[0])
	}
	verdict(screen, "%d checks by %d requests in %s, and no findings", len(report.Results), report.Requests, short(report.Duration))
	return nil
}

// play runs Test Connection and the cycles, and reports each one. It ends at
// the first one that is not right: what follows would only repeat it.
func play(ctx context.Context, entra *idp.Entra, d idp.Directory, screen *display, heard *listener, done func(string, *idp.Report)) error {
	title(screen, "Test Connection", "a look-up of a name that nobody has must find nothing, and not fail")
	heard.begin()
	report, err := entra.TestConnection(ctx)
	done("Test Connection", report)
	if err != nil {
		return err
	}
	verdict(screen, "%d requests in %s, answered as Entra needs it", report.Requests(), short(report.Duration))

	for _, c := range cycles() {
		title(screen, c.name, c.story)
		heard.begin()
		c.happens(&d)
		entra.SetDialect(c.dialect)
		if c.restart {
			entra.Restart(idp.KeepLinks)
		}
		report, err := entra.Sync(ctx, d)
		heard.end()
		done(c.name, report)
		if err != nil {
			return err
		}
		if err := heard.check(c.hooks); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if n := report.Writes(); len(c.hooks) == 0 && n > 0 {
			return fmt.Errorf("%s: %d requests that were not look-ups:\n%s", c.name, n, report)
		}
		check, err := entra.Verify(ctx, d)
		if err != nil {
			return err
		}
		verdict(screen, "%d requests in %s; compared by %d more: the endpoint equals the directory", report.Requests(), short(report.Duration), check.Requests())
	}
	return nil
}

func title(screen *display, name, story string) {
	screen.printf("\n  %s  %s\n", screen.style(bold, name), screen.style(dim, story))
}

func verdict(screen *display, format string, args ...any) {
	screen.printf("    %s %s\n", screen.style(green, "✓"), fmt.Sprintf(format, args...))
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// A listener hears the hooks. It shows the first few of a kind as they fire
// and counts the rest, so that the initial cycle does not drown the reader.
type listener struct {
	screen *display
	mu     sync.Mutex
	fired  map[string]int // in this cycle
	muted  bool
}

const fullyShown = 3

func (l *listener) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fired = map[string]int{}
}

// mute shows no more.
func (l *listener) mute() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.muted = true
}

func (l *listener) hear(e event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fired[e.kind]++
	if l.fired[e.kind] <= fullyShown && !l.muted {
		l.screen.printf("    %s %s\n", l.screen.style(dim, fmt.Sprintf("%-16s", e.kind)), e.text)
	}
}

// end tells the numbers of those that were not shown.
func (l *listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var more []string
	for _, kind := range slices.Sorted(maps.Keys(l.fired)) {
		if n := l.fired[kind] - fullyShown; n > 0 {
			more = append(more, fmt.Sprintf("%s %d", kind, n))
		}
	}
	if len(more) > 0 {
		l.screen.printf("    %s %s\n", l.screen.style(dim, fmt.Sprintf("%-16s", "and more:")), strings.Join(more, ", "))
	}
}

func (l *listener) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fired := range l.fired {
		n += fired
	}
	return n
}

// check compares what fired with what had to.
func (l *listener) check(want map[string]int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	all := maps.Clone(l.fired)
	maps.Copy(all, want)
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		if l.fired[kind] != want[kind] {
			errs = append(errs, fmt.Errorf("the hook for %q fired %d times, want %d", kind, l.fired[kind], want[kind]))
		}
	}
	return errors.Join(errs...)
}
