package dbtest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlstore"
)

// A bulk request answers an operation that fails and goes on with the next. If it
// failed because PostgreSQL broke a deadlock, all of the transaction is done again:
// otherwise what others were told would be written, and this operation not.
func TestTransactionThatSwallowsADeadlock(t *testing.T) {
	store := onPostgres(DriverPGX)(t).(*sqlstore.Store)
	ctx := t.Context()
	groupType, err := scim.GroupType()
	if err != nil {
		t.Fatal(err)
	}
	userType, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	create := func(typ *scim.ResourceType, v any) scim.Ref {
		document, keys, err := typ.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		u, err := store.Create(ctx, scim.Ref{Tenant: "t", Type: typ.Name()}, scim.Change{Document: document, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return u.Resource.Ref
	}
	groups := [2]scim.Ref{create(groupType, scim.Group{DisplayName: "A"}), create(groupType, scim.Group{DisplayName: "B"})}
	users := [2]scim.Ref{create(userType, scim.User{UserName: "ada"}), create(userType, scim.User{UserName: "grace"})}

	// Each adds its user to both groups, in the order in which they fall into a
	// deadlock: both have changed one before either goes on.
	var met, all sync.WaitGroup
	met.Add(2)
	tries := [2]int{}
	for i := range 2 {
		all.Go(func() {
			err := store.InTx(ctx, func(ctx context.Context, tx scim.Store) error {
				tries[i]++
				for step := range 2 {
					group := groups[(i+step)%2]
					_ = tx.(scim.Transactor).InTx(ctx, func(ctx context.Context, tx scim.Store) error {
						_, err := tx.Update(ctx, group, scim.Change{Members: scim.MemberDelta{Add: []scim.Member{{ID: users[i].ID}}}})
						return err
					})
					if step == 0 && tries[i] == 1 {
						met.Done()
						met.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if tries[0]+tries[1] < 3 {
		t.Errorf("%d tries: there was no deadlock", tries[0]+tries[1])
	}
	for _, group := range groups {
		r, err := store.Get(ctx, group, scim.Projection{Members: true})
		if err != nil {
			t.Fatal(err)
		}
		var in []string
		for m, err := range r.Members.All() {
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, m.ID)
		}
		if len(in) != 2 {
			t.Errorf("members of %s: %s, want both users", group.ID, strings.Join(in, ", "))
		}
	}
}

// A filter of as many alternatives as a request may have is answered by all.
func TestManyAlternatives(t *testing.T) {
	user, err := scim.UserType()
	if err != nil {
		t.Fatal(err)
	}
	var terms []string
	for range 600 {
		terms = append(terms, `id eq "x"`)
	}
	for name, open := range map[string]opened{"SQLite": onSQLite, "PostgreSQL": onPostgres(DriverPGX)} {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			document, keys, err := user.Encode(scim.User{UserName: "ada", Emails: []scim.Value{{Value: "ada@example.com"}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Create(t.Context(), scim.Ref{Tenant: "t", Type: "User"}, scim.Change{Document: document, Keys: keys}); err != nil {
				t.Fatal(err)
			}
			for _, last := range []string{`userName eq "ada"`, `emails.value eq "ada@example.com"`} {
				filter, err := user.ParseFilter(strings.Join(append(terms, last), " or "))
				if err != nil {
					t.Fatal(err)
				}
				page, err := store.List(t.Context(), scim.Query{Tenant: "t", Type: "User", Filter: filter, Limit: 10})
				if err != nil || page.Total != 1 {
					t.Errorf("601 alternatives, the last %s: got %+v, %v, want one user", last, page, err)
				}
			}
		})
	}
}
