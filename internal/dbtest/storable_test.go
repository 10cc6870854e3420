package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usherkit/scim"
)

// Attributes that have a column of their own in User and Group have none in a type
// where they have several values: every one is found, and unique if it must be.
func TestKeysOfSeveralValues(t *testing.T) {
	badge, err := scim.NewResourceType(scim.TypeDefinition{Name: "Badge", Endpoint: "Badges", Indexed: []string{"displayName", "externalId"}, Schema: &scim.Schema{
		ID: "urn:example:Badge", Attributes: []scim.Attribute{
			{Name: "userName", MultiValued: true, Uniqueness: scim.UniqueServer}, {Name: "displayName", MultiValued: true},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range transactors {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			of := scim.Ref{Tenant: "a", Type: "Badge"}
			create := func(document string) (*scim.Resource, error) {
				u, err := store.Create(t.Context(), of, changeOf(t, badge, document))
				if err != nil {
					return nil, err
				}
				return u.Resource, nil
			}
			find := func(filter string) (ids []string) {
				t.Helper()
				f, err := badge.ParseFilter(filter)
				if err != nil {
					t.Fatal(err)
				}
				page, err := store.List(t.Context(), scim.Query{Tenant: "a", Type: "Badge", Filter: f, Limit: 10})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page.Resources {
					ids = append(ids, r.ID)
					if got, want := showKeys(r.Keys), showKeys(badge.Keys(r.Document)); got != want {
						t.Errorf("%s: got the keys %s, want %s", filter, got, want)
					}
				}
				return ids
			}
			one, err := create(`{"userName":["b","a"],"displayName":["y","x"],"externalId":"e"}`)
			if err != nil {
				t.Fatal(err)
			}
			for _, filter := range []string{
				`userName eq "a"`, `userName eq "b"`, `displayName eq "x"`, `displayName eq "Y"`, `externalId eq "e"`,
				`userName eq "a" and userName eq "b"`, `displayName eq "y" or userName eq "z"`,
			} {
				if got := find(filter); !slices.Equal(got, []string{one.ID}) {
					t.Errorf("%s: got %v, want %s", filter, got, one.ID)
				}
			}
			for _, document := range []string{`{"userName":["a"]}`, `{"userName":["b"]}`, `{"userName":["0","b"]}`, `{"userName":["c","A"]}`} {
				if _, err := create(document); !errors.Is(err, scim.ErrUniqueness) {
					t.Errorf("Create of %s: got %v, want %v", document, err, scim.ErrUniqueness)
				}
			}
			two, err := create(`{"userName":["c","d"]}`)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Update(t.Context(), two.Ref, changeOf(t, badge, `{"userName":["d","a"]}`)); !errors.Is(err, scim.ErrUniqueness) {
				t.Errorf("Update to a taken value: got %v, want %v", err, scim.ErrUniqueness)
			}
			if _, err := store.Update(t.Context(), two.Ref, changeOf(t, badge, `{"userName":["d"]}`)); err != nil {
				t.Fatal(err)
			}
			if _, err := create(`{"userName":["c"]}`); err != nil {
				t.Errorf("Create with a value that was given up: %v", err)
			}

			// At the same time, too, where each would be the first of one's own.
			var all sync.WaitGroup
			var made atomic.Int32
			for i := range 8 {
				all.Go(func() {
					if _, err := create(fmt.Sprintf(`{"userName":["%d","shared"]}`, i)); err == nil {
						made.Add(1)
					} else if !errors.Is(err, scim.ErrUniqueness) {
						t.Errorf("Create at the same time: %v", err)
					}
				})
			}
			all.Wait()
			if got := made.Load(); got != 1 {
				t.Errorf("%d resources have the same value, want 1", got)
			}
		})
	}
}

// A tenant or a type that no database takes is refused, and nothing is half there.
func TestTenantsThatCannotBeStored(t *testing.T) {
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2)) // nothing that an index can compress
	text := func(runes int) string {
		var b strings.Builder
		for range runes {
			b.WriteRune(rune(0x20000 + r.IntN(0x8000)))
		}
		return b.String()
	}
	for name, open := range transactors {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			for _, c := range []struct {
				of   scim.Ref
				fits bool
			}{
				{scim.Ref{Tenant: "a\x00b", Type: "User"}, false},
				{scim.Ref{Tenant: "a\xff", Type: "User"}, false},
				{scim.Ref{Tenant: strings.Repeat("x", 4000), Type: "User"}, false},
				{scim.Ref{Tenant: "a", Type: "User\x00"}, false},
				{scim.Ref{Tenant: "a", Type: strings.Repeat("x", 300)}, false},
				{scim.Ref{Tenant: text(250), Type: text(50)}, true},
			} {
				long := text(300) // of which a key has 432 bytes
				u, err := store.Create(t.Context(), c.of, changeOf(t, user, fmt.Sprintf(`{"userName":%q,"emails":[{"value":%[1]q}]}`, long)))
				if c.fits != (err == nil) || !c.fits && !errors.Is(err, scim.ErrInvalidValue) {
					t.Errorf("Create for %.20q %.20q: got %v; whether it fits: %t", c.of.Tenant, c.of.Type, err, c.fits)
				}
				page, err := store.List(t.Context(), scim.Query{Tenant: c.of.Tenant, Type: c.of.Type, Limit: 10})
				if err != nil {
					t.Errorf("List for %.20q %.20q: %v", c.of.Tenant, c.of.Type, err)
				} else if got := page.Total == 1; got != c.fits {
					t.Errorf("List for %.20q %.20q: got %d users; whether it fits: %t", c.of.Tenant, c.of.Type, page.Total, c.fits)
				}
				ref := c.of
				ref.ID = "none"
				if c.fits {
					ref = u.Resource.Ref
				}
				if _, err := store.Get(t.Context(), ref, scim.Projection{Groups: true}); c.fits != (err == nil) || !c.fits && !errors.Is(err, scim.ErrNotFound) {
					t.Errorf("Get for %.20q %.20q: %v", c.of.Tenant, c.of.Type, err)
				}
				if err := store.Delete(t.Context(), ref, ""); c.fits != (err == nil) || !c.fits && !errors.Is(err, scim.ErrNotFound) {
					t.Errorf("Delete for %.20q %.20q: %v", c.of.Tenant, c.of.Type, err)
				}
			}
		})
	}
}

// Whoever makes an attribute unique of which a value is there twice is told where.
func TestReindexSaysWhichAreNotUnique(t *testing.T) {
	plain := scim.TypeDefinition{Name: "Badge", Endpoint: "Badges", Schema: &scim.Schema{ID: "urn:example:Badge", Attributes: []scim.Attribute{{Name: "serial"}}}}
	before, err := scim.NewResourceType(plain)
	if err != nil {
		t.Fatal(err)
	}
	plain.Schema = &scim.Schema{ID: "urn:example:Badge", Attributes: []scim.Attribute{{Name: "serial", Uniqueness: scim.UniqueServer}}}
	after, err := scim.NewResourceType(plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range transactors {
		t.Run(name, func(t *testing.T) {
			store := open(t).(interface {
				scim.Transactor
				Reindex(ctx context.Context, t *scim.ResourceType) (int, error)
			})
			var ids []string
			for range 2 {
				u, err := store.Create(t.Context(), scim.Ref{Tenant: "acme", Type: "Badge"}, changeOf(t, before, `{"serial":"s"}`))
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, u.Resource.ID)
			}
			_, err := store.Reindex(t.Context(), after)
			if !errors.Is(err, scim.ErrUniqueness) {
				t.Fatalf("got %v, want %v", err, scim.ErrUniqueness)
			}
			for _, part := range append(ids, "acme", "serial") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want %q in it", err, part)
				}
			}
			var told *scim.Error
			if errors.As(err, &told) && strings.Contains(told.Detail, ids[0]) {
				t.Errorf("a client is told %q", told.Detail)
			}
		})
	}
}
