package dbtest

import (
	"os"
	"testing"
)

func TestSQLite(t *testing.T) {
	for _, driver := range SQLiteDrivers() {
		t.Run(driver, func(t *testing.T) {
			path := SQLite(t)
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s is there already", path)
			}
			execute(t, Open(t, driver, path), "CREATE TABLE t (i int)", "INSERT INTO t VALUES (1)")
			if got := number(t, OpenSQLite(t, path), "SELECT count(*) FROM t"); got != 1 {
				t.Errorf("got %d rows of those that %s wrote, want 1", got, driver)
			}
		})
	}
}
