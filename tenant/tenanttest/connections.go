package tenanttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherkit/scim/tenant"
)

const (
	sayAdd        = "Add stores a new connection."
	sayConnection = "Connection returns one, or ErrNotFound."
	sayTenants    = "No method sees what belongs to another tenant than it is asked for, but for Token and Find, which know an id alone, and for AllConnections and Records of AllTenants."
	sayText       = "Strings are kept as they are and compared byte by byte, but what is no UTF-8 and zero bytes may be replaced; times are kept to the millisecond, in UTC."
	sayContext    = "If the context has ended a method does nothing and reports that."
	sayFind       = "Find returns the connection with an ID, whatever its tenant, and reports whether it has a token that is alive at a time; or ErrNotFound."
	sayPages      = "Connections returns those of a tenant in the order of Tenant and ID, after a Ref that need not exist, limit at most, and none if that is not positive."
	sayChange     = "Change stores the settings of a connection, all but its Status and Created, if it still has the Version before c.Version; otherwise it reports ErrChanged, or ErrNotFound."
	sayDelete     = "Delete deletes a connection, its tokens and its records, or reports ErrNotFound."
	sayConcurrent = "Its methods may be called concurrently, and by several processes on one database; what a method writes is durable when it returns, or nothing of it is there."
)

// oddTexts are told apart by their bytes alone.
var oddTexts = []string{
	"a", "A", "a ", " a", "á", "a\u0301", "ß", "ss", "ﬀ", "İ", "%", "_", "a%", "a_", `\`, `'`, `"`, "'; DROP TABLE scim_token; --",
	"$1", "?1", "[]", "🦊", "\u2028", strings.Repeat("ä", 100), strings.Repeat("x", 200),
}

var connections = []clause{
	{"add", sayAdd, func(k *kit) {
		var c tenant.Connection
		fill(&c)
		c.Version, c.Status = 1, tenant.Status{}
		k.done("Add", k.store.Add(k.ctx, c))
		k.equal("Connection after Add", k.connection(c.Ref()), c)
		plain := k.add(acme)
		k.equal("Connection after Add with the zero settings", k.connection(plain),
			tenant.Connection{Tenant: acme, ID: plain.ID, Name: "Entra ID", Created: noon, Version: 1})
	}},
	{"what there is not", sayConnection, func(k *kit) {
		ours, _, token := k.full()
		before := k.state()
		for _, ref := range []tenant.Ref{
			{},
			{Tenant: acme},
			{ID: ours.ID},
			{Tenant: acme, ID: "nothing"},
			{Tenant: "nobody", ID: ours.ID},
			{Tenant: acme, ID: ours.ID + " "},
			{Tenant: acme, ID: "%"},
			{Tenant: acme, ID: "' OR '1'='1"},
			{Tenant: acme + "\x00", ID: ours.ID},
			{Tenant: acme, ID: "broken \xff"},
			{Tenant: acme, ID: strings.Repeat("9", 5000)},
		} {
			for name, call := range k.calls(ref, token.ID) {
				k.refused(fmt.Sprintf("%s of %.40q, %.40q", name, ref.Tenant, ref.ID), call(k.ctx), tenant.ErrNotFound)
			}
			for name, call := range k.passing(ref, token.ID) {
				k.done(fmt.Sprintf("%s of %.40q, %.40q", name, ref.Tenant, ref.ID), call(k.ctx))
			}
		}
		for _, id := range []string{"", "nothing", token.ID + " ", strings.ToUpper(token.ID), "%", "nul \x00", "broken \xff"} {
			_, _, _, err := k.store.Token(k.ctx, id, noon)
			k.refused(fmt.Sprintf("Token(%q)", id), err, tenant.ErrNotFound)
			_, _, err = k.store.Find(k.ctx, id, noon)
			k.refused(fmt.Sprintf("Find(%q)", id), err, tenant.ErrNotFound)
			if id != "" { // which means all
				k.refused(fmt.Sprintf("Revoke of token %q", id), k.store.Revoke(k.ctx, ours, tenant.Revocation{At: noon, TokenID: id}), tenant.ErrNotFound)
			}
		}
		k.equal("the store after calls that found nothing", k.state(), before)
	}},
	{"tenants", sayTenants, func(k *kit) {
		ours, theirs, token := k.full() // token is theirs
		before := k.state()
		wrong := tenant.Ref{Tenant: ours.Tenant, ID: theirs.ID}
		for name, call := range k.calls(wrong, token.ID) {
			k.refused(name+" of another tenant's connection", call(k.ctx), tenant.ErrNotFound)
		}
		for name, call := range k.passing(wrong, token.ID) {
			k.done(name+" of another tenant's connection", call(k.ctx))
		}
		k.refused("Revoke of another tenant's token", k.store.Revoke(k.ctx, ours, tenant.Revocation{At: noon, TokenID: token.ID}), tenant.ErrNotFound)
		k.done("Note of another tenant's token", k.store.Note(k.ctx, []tenant.Seen{{Ref: ours, TokenID: token.ID}}))
		k.equal("the store after calls for another tenant", k.state(), before)
		k.equal("Records of another tenant's connection", k.found(tenant.Query{Tenant: ours.Tenant, Connection: theirs.ID}), []string(nil))
		for _, ref := range []tenant.Ref{ours, theirs} {
			for what, q := range map[string]tenant.Query{"Records of a tenant": {Tenant: ref.Tenant}, "Records of a resource": {Tenant: ref.Tenant, ResourceID: "u-1"}} {
				list, err := k.store.Records(k.ctx, q)
				k.done(what, err)
				if len(list) != 1 || list[0].Connection != ref {
					k.fail(what, list, "that of "+ref.Tenant+" alone")
				}
			}
			list, err := k.store.Connections(k.ctx, ref.Tenant, tenant.Ref{}, 10)
			k.done("Connections", err)
			k.equal("Connections of "+ref.Tenant, refs(list), []tenant.Ref{ref})
		}
	}},
	{"text", sayText, func(k *kit) {
		for _, text := range oddTexts {
			c := tenant.Connection{Tenant: text, ID: "id of " + text, Name: text, Provider: text, Types: []string{text}, Created: noon, Version: 1}
			k.done("Add", k.store.Add(k.ctx, c))
			token := tenant.Token{ID: "token of " + text, Connection: c.Ref(), Hash: []byte(text), Label: text, CreatedBy: text, Created: noon}
			k.done("Replace", k.store.Replace(k.ctx, c.Ref(), time.Time{}, &token))
			k.done("Hold", k.store.Hold(k.ctx, c.Ref(), noon, text))
			k.done("Note", k.store.Note(k.ctx, []tenant.Seen{{Ref: c.Ref(), LastError: text, LastErrorAt: noon}}))
			k.spend(c.Ref(), text, len(text), noon, after(-60))
			k.done("Append", k.store.Append(k.ctx, []tenant.Record{{ID: "record of " + text, At: noon, Connection: c.Ref(), ResourceID: text, Detail: text}}))
		}
		for _, text := range oddTexts {
			ref := tenant.Ref{Tenant: text, ID: "id of " + text}
			want := tenant.Connection{Tenant: text, ID: ref.ID, Name: text, Provider: text, Types: []string{text}, Created: noon, Version: 1}
			want.Status = tenant.Status{LastError: text, LastErrorAt: noon, Held: noon, HeldReason: text}
			list, err := k.store.Connections(k.ctx, text, tenant.Ref{}, 100)
			k.done("Connections", err)
			k.equal(fmt.Sprintf("Connections of %q", text), list, []tenant.Connection{want})
			token, c, _, err := k.store.Token(k.ctx, "token of "+text, noon)
			k.done("Token", err)
			k.equal("the connection of a token", c, want)
			k.equal("Token", token, tenant.Token{ID: "token of " + text, Connection: ref, Hash: []byte(text), Label: text, CreatedBy: text, Created: noon})
			k.equal(fmt.Sprintf("what is spent under %q", text), k.spent(ref, text), len(text))
			all, err := k.store.Records(k.ctx, tenant.Query{Tenant: text, ResourceID: text})
			k.done("Records", err)
			k.equal("Records", all, []tenant.Record{{ID: "record of " + text, At: noon, Connection: ref, ResourceID: text, Detail: text}})
		}
	}},
	{"text that is none", sayText, func(k *kit) {
		const bad = "a\x00b\xffc"
		ref := k.add(acme)
		k.done("Note of an error that is no text", k.store.Note(k.ctx, []tenant.Seen{{Ref: ref, LastError: bad, LastErrorAt: noon}}))
		k.done("Hold for a reason that is no text", k.store.Hold(k.ctx, ref, noon, bad))
		k.spend(ref, bad, 1, noon, after(-60))
		r := tenant.Record{ID: k.newID(), At: noon, Connection: ref, TokenID: bad, Source: bad, Method: bad, Path: bad, ResourceID: bad, Detail: bad, Rules: []string{bad}, UserAgent: bad, Body: []byte(bad)}
		k.done("Append of a record of what is no text", k.store.Append(k.ctx, []tenant.Record{r, {ID: k.newID(), At: noon, Connection: ref, ResourceID: strings.Repeat("9", 5000)}}))
		list, err := k.store.Records(k.ctx, tenant.Query{Tenant: acme})
		k.done("Records", err)
		if len(list) != 2 || string(list[1].Body) != bad {
			k.fail("Records", list, "two, one with the body as it was")
		}
		for _, q := range []tenant.Query{{Tenant: bad}, {Tenant: acme, Connection: bad}, {Tenant: acme, ResourceID: "a\x00c"}, {Tenant: acme, Before: "\x00\xff"}} {
			k.equal(fmt.Sprintf("Records(%+v)", q), k.found(q), []string(nil))
		}
	}},
	{"times", sayText, func(k *kit) {
		odd := time.Date(2026, 3, 4, 5, 6, 7, 891_234_567, time.FixedZone("", 3600))
		kept := time.Date(2026, 3, 4, 4, 6, 7, 891_000_000, time.UTC)
		c := tenant.Connection{Tenant: acme, ID: "c", Created: odd, Version: 1}
		k.done("Add", k.store.Add(k.ctx, c))
		k.done("Replace", k.store.Replace(k.ctx, c.Ref(), time.Time{}, &tenant.Token{ID: "t", Connection: c.Ref(), Hash: []byte("h"), Created: odd, Ends: odd.Add(time.Hour)}))
		k.done("Note", k.store.Note(k.ctx, []tenant.Seen{{Ref: c.Ref(), TokenID: "t", At: odd, LastErrorAt: odd}}))
		k.done("Approve", k.store.Approve(k.ctx, c.Ref(), odd.Add(-time.Hour)))
		k.done("Hold", k.store.Hold(k.ctx, c.Ref(), odd, ""))
		k.done("Append", k.store.Append(k.ctx, []tenant.Record{{ID: "r", At: odd, Connection: c.Ref()}}))
		got := k.connection(c.Ref())
		k.equal("Created", got.Created, kept)
		k.equal("Status", got.Status, tenant.Status{LastSeen: kept, LastErrorAt: kept, Held: kept, Approved: kept.Add(-time.Hour)})
		token, _ := k.token("t", noon)
		k.equal("the times of a token", []time.Time{token.Created, token.Ends, token.LastUsed}, []time.Time{kept, kept.Add(time.Hour), kept})
		list, err := k.store.Records(k.ctx, tenant.Query{AllTenants: true})
		k.done("Records", err)
		k.equal("Records", list, []tenant.Record{{ID: "r", At: kept, Connection: c.Ref()}})
	}},
	{"nothing is shared", sayConcurrent, func(k *kit) {
		c := tenant.Connection{Tenant: acme, ID: "c", Types: []string{"User", "Group"}, Created: noon, Version: 1}
		k.done("Add", k.store.Add(k.ctx, c))
		token := tenant.Token{ID: "t", Connection: c.Ref(), Hash: []byte("hash"), Created: noon}
		k.done("Replace", k.store.Replace(k.ctx, c.Ref(), time.Time{}, &token))
		r := tenant.Record{
			ID: "r", At: noon, Connection: c.Ref(), Rules: []string{"rule"}, Body: []byte("body"),
			Changes: []tenant.Change{{ID: "u-1", Attributes: []string{"active"}}},
		}
		list := []tenant.Record{r}
		k.done("Append", k.store.Append(k.ctx, list))
		before := k.state()
		spoil := func(c tenant.Connection, t tenant.Token, list []tenant.Record) {
			c.Types[0], t.Hash[0] = "spoilt", 'X'
			list[0].Rules[0], list[0].Body[0], list[0].Changes[0].ID, list[0].Changes[0].Attributes[0] = "spoilt", 'X', "spoilt", "spoilt"
		}
		spoil(c, token, list)
		k.equal("the store after what it was given has changed", k.state(), before)
		t, of, _, err := k.store.Token(k.ctx, "t", noon)
		k.done("Token", err)
		if list, err = k.store.Records(k.ctx, tenant.Query{Tenant: acme}); err != nil || len(list) != 1 {
			k.fail("Records", err, "one")
			return
		}
		spoil(of, t, list)
		k.connection(c.Ref()).Types[0] = "spoilt"
		k.tokens(c.Ref())[0].Hash[0] = 'X'
		k.equal("the store after what it gave has changed", k.state(), before)
		c = k.connection(c.Ref())
		c.Version, c.Types = 2, []string{"User"}
		k.done("Change", k.store.Change(k.ctx, c))
		c.Types[0] = "spoilt"
		k.equal("Types after what Change was given has changed", k.connection(c.Ref()).Types, []string{"User"})
	}},
	{"contexts", sayContext, func(k *kit) {
		ours, _, _ := k.full()
		token := k.issue(ours, time.Time{})
		before := k.state()
		ended, cancel := context.WithCancel(k.ctx)
		cancel()
		calls := k.calls(ours, token.ID)
		for name, call := range k.passing(ours, token.ID) {
			calls[name] = call
		}
		calls["Add"] = func(ctx context.Context) error {
			return k.store.Add(ctx, tenant.Connection{Tenant: acme, ID: k.newID(), Version: 1})
		}
		calls["Find"] = func(ctx context.Context) error { _, _, err := k.store.Find(ctx, ours.ID, noon); return err }
		calls["Connections"] = func(ctx context.Context) error {
			_, err := k.store.AllConnections(ctx, tenant.Ref{}, 10)
			return err
		}
		calls["Token"] = func(ctx context.Context) error { _, _, _, err := k.store.Token(ctx, token.ID, noon); return err }
		calls["Records"] = func(ctx context.Context) error {
			_, err := k.store.Records(ctx, tenant.Query{Tenant: acme})
			return err
		}
		for name, call := range calls {
			k.refused(name+" with a context that has ended", call(ended), context.Canceled)
		}
		k.equal("the store after calls with a context that has ended", k.state(), before)
	}},
	{"find", sayFind, func(k *kit) {
		ours, theirs := k.add(acme), k.add(other)
		k.issue(theirs, after(10))
		for _, c := range []struct {
			ref  tenant.Ref
			at   time.Time
			live bool
		}{{ours, noon, false}, {theirs, noon, true}, {theirs, after(10).Add(-time.Millisecond), true}, {theirs, after(10), false}} {
			got, live, err := k.store.Find(k.ctx, c.ref.ID, c.at)
			k.done("Find", err)
			k.equal("Find", got.Ref(), c.ref)
			k.equal(fmt.Sprintf("whether a token of %s is alive at %v", c.ref.Tenant, c.at), live, c.live)
		}
	}},
	{"pages", sayPages, func(k *kit) {
		var all []tenant.Ref
		for _, of := range []string{"b", "B", "a", "a.b", "a b", "ä", "z", "Z", "a0"} {
			for range 3 {
				all = append(all, k.add(of))
			}
		}
		slices.SortFunc(all, func(a, b tenant.Ref) int {
			return strings.Compare(a.Tenant+"\x00"+a.ID, b.Tenant+"\x00"+b.ID)
		})
		for _, of := range []string{everybody, "", "a", "b", "ä", "nobody"} {
			want := slices.DeleteFunc(slices.Clone(all), func(ref tenant.Ref) bool { return of != everybody && ref.Tenant != of })
			for _, limit := range []int{1, 2, 7, len(all), 1000} {
				var got []tenant.Ref
				var last tenant.Ref
				for range len(all) + 1 {
					page, err := k.page(of, last, limit)
					k.done("Connections", err)
					if len(page) > limit {
						k.fail("Connections", len(page), limit)
					}
					if got = append(got, refs(page)...); len(page) == 0 {
						break
					}
					last = page[len(page)-1].Ref()
				}
				k.equal(fmt.Sprintf("Connections of %q, %d at a time", of, limit), slices.Clip(got), slices.Clip(want))
			}
		}
		for _, c := range []struct {
			of    string
			after tenant.Ref
			limit int
			want  []tenant.Ref
		}{
			{everybody, all[4], 0, nil},
			{everybody, all[4], -1, nil},
			{everybody, tenant.Ref{Tenant: all[4].Tenant, ID: all[4].ID + "!"}, 1, all[5:6]},
			{everybody, tenant.Ref{Tenant: "a!"}, 1, all[slices.IndexFunc(all, func(r tenant.Ref) bool { return r.Tenant == "a.b" }):][:1]},
			{"a", tenant.Ref{Tenant: "B", ID: "zzz"}, 1, all[slices.IndexFunc(all, func(r tenant.Ref) bool { return r.Tenant == "a" }):][:1]},
			{"a", tenant.Ref{Tenant: "b"}, 10, nil},
			{"a", tenant.Ref{}, 0, nil},
			{"a", tenant.Ref{}, -1, nil},
			{everybody, tenant.Ref{Tenant: "\U0010ffff"}, 10, nil},
			{"", tenant.Ref{}, 10, nil}, // who forgets to name a tenant sees nobody's
		} {
			page, err := k.page(c.of, c.after, c.limit)
			k.done("Connections", err)
			k.equal(fmt.Sprintf("Connections(%q, after %+v, %d)", c.of, c.after, c.limit), refs(page), c.want)
		}
	}},
	{"change", sayChange, func(k *kit) {
		ref := k.add(acme)
		k.done("Note", k.store.Note(k.ctx, []tenant.Seen{{Ref: ref, At: noon}}))
		var c tenant.Connection
		fill(&c)
		c.Tenant, c.ID, c.Version = ref.Tenant, ref.ID, 2
		k.done("Change", k.store.Change(k.ctx, c))
		c.Created, c.Status = noon, tenant.Status{LastSeen: noon}
		k.equal("Connection after Change", k.connection(ref), c)
		c = tenant.Connection{Tenant: ref.Tenant, ID: ref.ID, Version: 3}
		k.done("Change to the zero settings", k.store.Change(k.ctx, c))
		c.Created, c.Status = noon, tenant.Status{LastSeen: noon}
		k.equal("Connection after Change to the zero settings", k.connection(ref), c)
	}},
	{"change of another version", sayChange, func(k *kit) {
		ref := k.add(acme)
		c := k.connection(ref)
		c.Version, c.Name = 2, "second"
		k.done("Change", k.store.Change(k.ctx, c))
		for _, version := range []int{-1, 0, 1, 2, 4} {
			c.Version, c.Name = version, "wrong"
			k.refused(fmt.Sprintf("Change to version %d of 2", version), k.store.Change(k.ctx, c), tenant.ErrChanged)
		}
		k.equal("the name after changes of other versions", k.connection(ref).Name, "second")
	}},
	{"change at the same time", sayChange, func(k *kit) {
		ref := k.add(acme)
		for version := 2; version < 6; version++ {
			errs := make([]error, 8)
			atOnce(len(errs), func(i int) {
				errs[i] = k.store.Change(k.ctx, tenant.Connection{Tenant: ref.Tenant, ID: ref.ID, Name: fmt.Sprint(i), Version: version})
			})
			var won []string
			for i, err := range errs {
				switch {
				case err == nil:
					won = append(won, fmt.Sprint(i))
				case !errors.Is(err, tenant.ErrChanged):
					k.fail("Change at the same time", err, tenant.ErrChanged)
				}
			}
			if len(won) != 1 {
				k.fail("who has changed one version", won, "one")
			}
			k.equal("who has changed it", []string{k.connection(ref).Name}, won)
		}
	}},
	{"delete", sayDelete, func(k *kit) {
		ours, theirs, _ := k.full()
		token := k.issue(ours, time.Time{})
		k.record(ours, 400, "u-2")
		k.done("Delete", k.store.Delete(k.ctx, ours))
		_, err := k.store.Connection(k.ctx, ours)
		k.refused("Connection after Delete", err, tenant.ErrNotFound)
		_, _, _, err = k.store.Token(k.ctx, token.ID, noon)
		k.refused("Token after Delete", err, tenant.ErrNotFound)
		_, _, err = k.store.Find(k.ctx, ours.ID, noon)
		k.refused("Find after Delete", err, tenant.ErrNotFound)
		for _, q := range []tenant.Query{{Tenant: acme}, {Tenant: acme, Connection: ours.ID}, {Tenant: acme, ResourceID: "u-2"}, {AllTenants: true, Refused: true}} {
			k.equal(fmt.Sprintf("Records(%+v) after Delete", q), k.found(q), []string(nil))
		}
		k.refused("Delete again", k.store.Delete(k.ctx, ours), tenant.ErrNotFound)
		k.done("Add again", k.store.Add(k.ctx, tenant.Connection{Tenant: ours.Tenant, ID: ours.ID, Created: noon, Version: 1}))
		k.equal("what is spent of a connection that is new", k.spent(ours, "users"), 0)
		k.equal("the tokens of a connection that is new", len(k.tokens(ours)), 0)
		k.equal("the records of a connection that is new", k.found(tenant.Query{Tenant: acme}), []string(nil))
		k.equal("the tokens of another after Delete", len(k.tokens(theirs)), 1)
		k.equal("the records of another after Delete", len(k.found(tenant.Query{Tenant: theirs.Tenant})), 1)
		k.equal("what another has spent after Delete", k.spent(theirs, "users"), 3)
	}},
}

func refs(list []tenant.Connection) (out []tenant.Ref) {
	for _, c := range list {
		out = append(out, c.Ref())
	}
	return out
}
