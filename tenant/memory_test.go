package tenant

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// thousands fills a Memory with connections that have a token each.
func thousands(t testing.TB, n int) *Memory {
	t.Helper()
	m := new(Memory)
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for i := range n {
		c := Connection{
			Tenant: fmt.Sprintf("tenant-%06d", i), ID: fmt.Sprintf("01958000-0000-7000-8000-%012d", i),
			Name: "Entra ID " + fmt.Sprint(i), Provider: "entra", Types: []string{"User"}, Created: now, Version: 1,
		}
		if err := m.Add(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		token := Token{ID: fmt.Sprintf("%012d", i), Connection: c.Ref(), Hash: make([]byte, 32), Label: "first", CreatedBy: "ada", Created: now}
		if err := m.Replace(t.Context(), c.Ref(), time.Time{}, &token); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// A hundred thousand tenants that are idle take less than 100 MB together.
func TestMemoryIsSmall(t *testing.T) {
	const many, most = 100_000, 1000 // bytes each
	var before, with runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := thousands(t, many)
	runtime.GC()
	runtime.ReadMemStats(&with)
	each := int(with.HeapAlloc-before.HeapAlloc) / many
	t.Logf("%d bytes for each connection with a token", each)
	if each > most {
		t.Errorf("a connection with a token takes %d bytes, want %d or fewer", each, most)
	}
	runtime.KeepAlive(m)
}
