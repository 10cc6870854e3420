//go:build race || mattn

package dbtest

import "github.com/mattn/go-sqlite3"

const otherDriver = DriverMattn

var other = &sqlite3.SQLiteDriver{}
