package tenant

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
)

// A token whose connection is known is validated without a look at the Store, and
// in the same time however many are known: in 3 us at most with 100,000.
func BenchmarkValidate(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		r, secrets := known(b, n)
		b.Run(fmt.Sprintf("tenants=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				validate(b, r, secrets[i*7919%n])
			}
		})
		b.Run(fmt.Sprintf("tenants=%d/at-once", n), func(b *testing.B) {
			b.ReportAllocs()
			var next atomic.Int64
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					validate(b, r, secrets[int(next.Add(7919))%n])
				}
			})
		})
	}
}

func validate(b *testing.B, r *Registry, secret string) scim.Principal {
	p, err := r.ValidateToken(b.Context(), secret)
	if err != nil {
		b.Error(err)
	}
	return p
}

// known returns a Registry that knows so many tokens, for which time stands still.
func known(b *testing.B, n int) (*Registry, []string) {
	b.Helper()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	r, err := NewRegistry(new(Memory), &Options{Key: bytes.Repeat([]byte("k"), 32), CacheSize: 2 * n, Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := r.Close(); err != nil {
			b.Error(err)
		}
	})
	secrets := make([]string, n)
	for i := range secrets {
		c, err := r.Add(b.Context(), Connection{Tenant: fmt.Sprintf("tenant-%06d", i), Name: "Entra ID"})
		if err != nil {
			b.Fatal(err)
		}
		if secrets[i], _, err = r.Issue(b.Context(), c.Ref(), TokenOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	for _, secret := range secrets {
		validate(b, r, secret)
	}
	return r, secrets
}
