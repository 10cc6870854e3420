package tenant

import (
	"fmt"
	"testing"
	"time"
)

// TestUnknownsAreBounded: addresses that are made up cost few look-ups, and drive out
// none that is right for longer than a minute.
func TestUnknownsAreBounded(t *testing.T) {
	var u unknowns
	contoso := stranger{tenant: "contoso"}
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for range 3 {
		for i := range 2 * mostUnknowns {
			u.add(stranger{tenant: fmt.Sprint("made-up-", i)}, start)
		}
	}
	u.add(contoso, start)
	if taken := u.take(); len(taken.waits) != mostUnknowns || !taken.minute.Equal(start.Truncate(time.Minute)) {
		t.Errorf("%d wait, of %v", len(taken.waits), taken.minute)
	}
	u.add(stranger{tenant: "made-up-1"}, start.Add(50*time.Second))
	if taken := u.take(); len(taken.waits) != 0 {
		t.Errorf("%v is told twice in a minute", taken.waits)
	}
	u.add(contoso, start.Add(time.Minute))
	if taken := u.take(); len(taken.waits) != 1 || taken.waits[0] != contoso {
		t.Errorf("in the next minute %v wait", taken.waits)
	}
}
