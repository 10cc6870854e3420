package scim_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/usherkit/scim"
)

// recordingHooks note the names of the events, with the attributes that
// changed or the members concerned.
type recordingHooks struct {
	mood   string // "refuse" or "panic" in Admit
	mu     sync.Mutex
	events []string
}

var _ scim.Hooks = (*recordingHooks)(nil)

func (h *recordingHooks) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := h.events
	h.events = nil
	return events
}

func (h *recordingHooks) note(name string, about []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(about) > 0 {
		name += " (" + strings.Join(about, ", ") + ")"
	}
	h.events = append(h.events, name)
	return nil
}

func (h *recordingHooks) Admit(context.Context, scim.Event) error {
	switch h.mood {
	case "refuse":
		return scim.Errorf(scim.ErrForbidden, "all 25 seats of the plan are taken: buy more or free one")
	case "panic":
		panic("hunter2 in application code")
	}
	return nil
}

func (h *recordingHooks) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserStaged", nil)
}

func (h *recordingHooks) OnUserUpdated(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserUpdated", e.Changed)
}

func (h *recordingHooks) OnUserDeactivated(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserDeactivated", nil)
}

func (h *recordingHooks) OnUserReactivated(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserReactivated", nil)
}

func (h *recordingHooks) OnUserDeleted(_ context.Context, e scim.UserEvent) error {
	return h.note("OnUserDeleted", nil)
}

func (h *recordingHooks) OnGroupCreated(_ context.Context, e scim.GroupEvent) error {
	return h.note("OnGroupCreated", nil)
}

func (h *recordingHooks) OnGroupUpdated(_ context.Context, e scim.GroupEvent) error {
	return h.note("OnGroupUpdated", e.Changed)
}

func (h *recordingHooks) OnGroupDeleted(_ context.Context, e scim.GroupEvent) error {
	return h.note("OnGroupDeleted", nil)
}

func (h *recordingHooks) OnGroupMemberAdded(_ context.Context, e scim.MemberEvent) error {
	return h.note("OnGroupMemberAdded", memberNumbers(e.Members))
}

func (h *recordingHooks) OnGroupMemberRemoved(_ context.Context, e scim.MemberEvent) error {
	return h.note("OnGroupMemberRemoved", memberNumbers(e.Members))
}

// memberNumbers shortens ids to the number that newWireWorld gave them, in
// order: an event's members come in any.
func memberNumbers(members []scim.Member) (numbers []string) {
	for _, m := range members {
		numbers = append(numbers, strings.TrimLeft(m.ID[strings.LastIndexByte(m.ID, '-')+1:], "0"))
	}
	slices.SortFunc(numbers, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return numbers
}

// recordingLogger is a slog.Handler that keeps each record as one text.
type recordingLogger struct {
	mu    sync.Mutex
	lines []string
}

func (l *recordingLogger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

func (l *recordingLogger) Enabled(context.Context, slog.Level) bool { return true }
func (l *recordingLogger) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *recordingLogger) WithGroup(string) slog.Handler            { return l }

func (l *recordingLogger) Handle(_ context.Context, r slog.Record) error {
	line := fmt.Sprintf("%s %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}
