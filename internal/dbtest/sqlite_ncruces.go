//go:build !race && !mattn

package dbtest

import "github.com/ncruces/go-sqlite3/driver"

const otherDriver = DriverNcruces

var other = &driver.SQLite{}
