package scim_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim"
)

// What failed in a transaction that came to nothing was answered to nobody, and is
// not in the log: only what came of the operation in the end is.
func TestBulkLogsWhatStands(t *testing.T) {
	for _, c := range []struct {
		name    string
		failing int // commits
	}{
		{"the transaction stands", 0},
		{"it is undone, and each operation done for itself", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			store := newTransactions(true)
			e := newEndpoint(t, store, &scim.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			store.failing = c.failing
			results := e.bulk(bulkUser("a"), `{"method":"DELETE","path":"/Users/none"}`, bulkUser("b"))
			if got, want := bulkStatuses(results), []string{"201", "404", "201"}; !slices.Equal(got, want) {
				t.Fatalf("statuses: got %v, want %v", got, want)
			}
			if got := strings.Count(log.String(), "status=404"); got != 1 {
				t.Errorf("got %d records of the operation that failed, want 1:\n%s", got, &log)
			}
		})
	}
}
