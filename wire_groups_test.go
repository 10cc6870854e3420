package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/idp"
)

// memberIDs are the ids of a group's members as the endpoint shows them, sorted.
func (e site) memberIDs(group string) (ids []string) {
	e.t.Helper()
	var g struct{ Members []struct{ Value string } }
	if err := json.Unmarshal([]byte(e.must(200, "GET", "/Groups/"+group, "").body), &g); err != nil {
		e.t.Fatal(err)
	}
	for _, m := range g.Members {
		ids = append(ids, m.Value)
	}
	slices.Sort(ids)
	return ids
}

// Entra changes one group from several requests at once, and servers that read,
// changed and wrote it lost memberships (scim-for-keycloak #90). Beside E132,
// which is TestParallelPatchesOfGroup, some of these change the group's own
// attributes with its members.
func TestParallelChangesOfGroup(t *testing.T) {
	const parallel = 20
	e := newSite(t, new(memstore.Store), nil)
	var stay, leave, come []string
	for i := range parallel {
		stay = append(stay, e.user(fmt.Sprintf("stay%d@contoso.com", i)))
		leave = append(leave, e.user(fmt.Sprintf("leave%d@contoso.com", i)))
		come = append(come, e.user(fmt.Sprintf("come%d@contoso.com", i)))
	}
	group := e.group("Sales", append(slices.Clone(stay), leave...)...)

	// All kinds of change at once: members added and removed in both dialects,
	// alone and together with the group's own attributes.
	var bodies []string
	for i := range parallel {
		add := fmt.Sprintf(`{"op":"Add","path":"members","value":[{"$ref":null,"value":%q}]}`, come[i])
		remove := fmt.Sprintf(`{"op":"Remove","path":"members","value":[{"$ref":null,"value":%q}]}`, leave[i])
		if i%2 == 1 {
			path, _ := json.Marshal(fmt.Sprintf(`members[value eq %q]`, leave[i]))
			remove = fmt.Sprintf(`{"op":"remove","path":%s}`, path)
		}
		switch i % 4 {
		case 0, 1:
			bodies = append(bodies, patchBody(add), patchBody(remove))
		case 2:
			bodies = append(bodies, patchBody(add+","+remove))
		case 3:
			bodies = append(bodies, patchBody(fmt.Sprintf(`{"op":"replace","value":{"externalId":"%d"}},%s,%s`, i, add, remove)))
		}
	}
	var all sync.WaitGroup
	for _, body := range bodies {
		all.Go(func() {
			if a := e.do("PATCH", "/Groups/"+group, body); a.status != 204 {
				t.Errorf("%s\ngot %d %s, want 204", body, a.status, a.body)
			}
		})
	}
	all.Wait()
	want := append(stay, come...)
	slices.Sort(want)
	if got := e.memberIDs(group); !slices.Equal(got, want) {
		t.Errorf("got %d members %v\nwant %d %v", len(got), got, len(want), want)
	}
}

// Two parallel requests that add one member both succeed, and it is there once.
func TestParallelAddsOfOneMember(t *testing.T) {
	j := new(journal)
	e := newSite(t, new(memstore.Store), &scim.Options{Hooks: j})
	user := e.user("ann@contoso.com")
	group := e.group("Sales")
	j.take()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := e.do("PATCH", "/Groups/"+group, patchBody(`{"op":"Add","path":"members","value":[`+memberList(user)+`]}`)); a.status != 204 {
				t.Errorf("got %d %s, want 204", a.status, a.body)
			}
		})
	}
	all.Wait()
	if got := e.memberIDs(group); !slices.Equal(got, []string{user}) {
		t.Errorf("got members %v, want %s once", got, user)
	}
	if got := j.take(); len(got) != 1 {
		t.Errorf("the application was told %q; want one OnGroupMemberAdded", got)
	}
}

// TestEmptyCycle is E148: fifty users with managers and five groups in an
// initial cycle, and then a cycle in which nothing has happened. Entra
// compares what it reads with what it wants, so an attribute that is stored
// and not returned as it was sent is patched again in every cycle (azure-docs
// #11784, langwatch #6974).
func TestEmptyCycle(t *testing.T) {
	for _, dialect := range []idp.Dialect{idp.DialectDefault, idp.DialectFlag, idp.DialectMixed} {
		t.Run(dialect.String(), func(t *testing.T) {
			server := httptest.NewServer(newSite(t, new(memstore.Store), nil).h)
			defer server.Close()
			entra, err := idp.NewEntra(server.URL, "secret", &idp.Options{Dialect: dialect})
			if err != nil {
				t.Fatal(err)
			}
			d := fiftyUsers()

			first, err := entra.Sync(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			for kind, want := range map[idp.Kind]int{idp.CreateUser: 50, idp.PatchManager: 49, idp.CreateGroup: 5} {
				if got := first.Requests(kind); got != want {
					t.Errorf("the initial cycle made %d requests to %s, want %d:\n%s", got, kind, want, first)
				}
			}
			if _, err := entra.Verify(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				again, err := entra.Sync(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				if got := again.Writes(); got != 0 {
					t.Errorf("a cycle in which nothing has happened made %d writes:\n%s", got, again)
				}
			}
			// A restart makes Entra compare everything again; with its links
			// broken (E103) everybody is also matched again. Nothing is to be written.
			for _, links := range []idp.Links{idp.KeepLinks, idp.BreakLinks} {
				entra.Restart(links)
				again, err := entra.Sync(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				if got := again.Writes(); got != 0 {
					t.Errorf("a cycle after a restart made %d writes:\n%s", got, again)
				}
			}
		})
	}
}

// fiftyUsers are a chain of managers, every attribute of the default mapping,
// and five groups.
func fiftyUsers() (d idp.Directory) {
	for i := range 50 {
		u := idp.User{
			ID:                fmt.Sprintf("6f2c1d3e-0000-4000-9000-%012d", i),
			UserPrincipalName: fmt.Sprintf("user.%d@contoso.example", i),
			DisplayName:       fmt.Sprintf("Üser %d O'Neil", i),
			GivenName:         "Üser", Surname: "O'Neil",
			Mail: fmt.Sprintf("User.%d@Contoso.example", i), MailNickname: fmt.Sprintf("user%d", i),
			JobTitle: "Guide", EmployeeID: fmt.Sprint(700000 + i), Department: "Sales & Marketing",
			BusinessPhones: []string{fmt.Sprintf("+1 425 555 %04d", i)}, MobilePhone: "55555555555",
			OfficeLocation: "18/2111", City: "Redmond", Country: "US",
		}
		if i > 0 {
			u.Manager = d.Users[(i-1)/2].ID
		}
		d.Users = append(d.Users, u)
	}
	for i := range 5 {
		g := idp.Group{ID: fmt.Sprintf("7f2c1d3e-0000-4000-9000-%012d", i), DisplayName: fmt.Sprintf("Group %d", i)}
		for k := range 10 * i { // one stays empty
			g.Members = append(g.Members, d.Users[k].ID)
		}
		d.Groups = append(d.Groups, g)
	}
	return d
}
