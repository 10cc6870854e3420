package tenanttest

import (
	"fmt"
	"time"

	"github.com/usherkit/scim/tenant"
)

const (
	sayReplace = "Replace ends the connection's tokens, those that end later, at a time, if that is not zero, and stores a new one, if there is one: all of it or nothing."
	sayInTurn  = "Of several calls at the same time each ends the tokens of those before it."
	sayRevoke  = "Revoke sets Revoked of one token of a connection or of all, ends them, and changes the settings as Revocation.Apply does: all of it or nothing. It reports ErrNotFound if there is no such connection or token."
	sayRevoked = "Of several calls at the same time each revokes the tokens of those before it."
	sayApply   = "Apply makes of the settings of a connection what they are then: there is one more of its Revocations."
	sayToken   = "Token finds a token by its id, with its connection, and reports whether the connection has one that is alive at a time; or ErrNotFound."
	sayTokens  = "Tokens returns those of a connection, the newest first, or ErrNotFound."
)

var tokens = []clause{
	{"token", sayToken, func(k *kit) {
		ref := k.add(acme)
		var t tenant.Token
		fill(&t)
		t.Connection = ref
		k.done("Replace", k.store.Replace(k.ctx, ref, time.Time{}, &t))
		got, c, _, err := k.store.Token(k.ctx, t.ID, noon)
		k.done("Token", err)
		k.equal("Token", got, t)
		k.equal("the connection of a token", c, k.connection(ref))
		plain := k.issue(ref, time.Time{})
		got, _ = k.token(plain.ID, noon)
		k.equal("Token that never ends", got, plain)
	}},
	{"alive", sayToken, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		first := k.issue(ref, after(10))
		second := k.issue(ref, after(5))
		k.issue(next, time.Time{})
		for _, c := range []struct {
			at   time.Time
			live bool
		}{{noon, true}, {after(5), true}, {after(9), true}, {after(10).Add(-time.Millisecond), true}, {after(10), false}, {after(11), false}} {
			for _, t := range []tenant.Token{first, second} {
				_, live := k.token(t.ID, c.at)
				k.equal(fmt.Sprintf("whether a token is alive at %v, of two that end at 12:00:05 and 12:00:10", c.at), live, c.live)
			}
		}
	}},
	{"replace", sayReplace, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		never, late, soon, past := k.issue(ref, time.Time{}), k.issue(ref, after(50)), k.issue(ref, after(5)), k.issue(ref, after(-5))
		others := k.issue(next, time.Time{})
		fresh := tenant.Token{ID: "fresh", Connection: ref, Hash: []byte("hash"), Created: noon, Ends: after(1000)}
		k.done("Replace", k.store.Replace(k.ctx, ref, after(10), &fresh))
		for _, c := range []struct {
			what  string
			token tenant.Token
			ends  time.Time
		}{
			{"a token that ended never", never, after(10)},
			{"a token that ended later", late, after(10)},
			{"a token that ends earlier", soon, after(5)},
			{"a token that has ended", past, after(-5)},
			{"the new token", fresh, after(1000)},
			{"a token of another connection", others, time.Time{}},
		} {
			got, _ := k.token(c.token.ID, noon)
			k.equal("Ends of "+c.what, got.Ends, c.ends)
		}
	}},
	{"replace and end none", sayReplace, func(k *kit) {
		ref := k.add(acme)
		first := k.issue(ref, time.Time{})
		k.issue(ref, time.Time{})
		got, _ := k.token(first.ID, noon)
		k.equal("Ends of the first of two tokens", got.Ends, time.Time{})
	}},
	{"replace by none", sayReplace, func(k *kit) {
		ref := k.add(acme)
		first := k.issue(ref, time.Time{})
		k.done("Replace", k.store.Replace(k.ctx, ref, noon, nil))
		got, live := k.token(first.ID, noon)
		k.equal("Ends of the only token", got.Ends, noon)
		k.equal("whether a token is alive", live, false)
		k.equal("how many tokens there are", len(k.tokens(ref)), 1)
	}},
	{"replace without a connection", sayReplace, func(k *kit) {
		gone := tenant.Ref{Tenant: acme, ID: "gone"}
		k.refused("Replace", k.store.Replace(k.ctx, gone, noon, &tenant.Token{ID: "t", Connection: gone, Hash: []byte("hash"), Created: noon}), tenant.ErrNotFound)
		_, _, _, err := k.store.Token(k.ctx, "t", noon)
		k.refused("the token of a connection that is not there", err, tenant.ErrNotFound)
	}},
	{"replace at the same time", sayInTurn, func(k *kit) {
		ref := k.add(acme)
		k.issue(ref, time.Time{})
		const many = 12
		errs := make([]error, many)
		atOnce(many, func(i int) {
			errs[i] = k.store.Replace(k.ctx, ref, noon, &tenant.Token{ID: fmt.Sprintf("new-%02d", i), Connection: ref, Hash: []byte("hash"), Created: noon})
		})
		for _, err := range errs {
			k.done("Replace at the same time", err)
		}
		list := k.tokens(ref)
		k.equal("how many tokens there are", len(list), many+1)
		live := 0
		for _, t := range list {
			if t.Live(noon) {
				live++
			}
		}
		k.equal("how many of them are alive", live, 1)
	}},
	{"revoke", sayRevoke, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		first, second, third := k.issue(ref, time.Time{}), k.issue(ref, time.Time{}), k.issue(next, time.Time{})
		k.done("Revoke", k.store.Revoke(k.ctx, ref, tenant.Revocation{At: after(10), TokenID: first.ID}))
		want := first
		want.Ends, want.Revoked = after(10), true
		got, live := k.token(first.ID, noon)
		k.equal("a token after Revoke", got, want)
		k.equal("whether another one is alive", live, true)
		got, _ = k.token(second.ID, noon)
		k.equal("another token", got, second)
		got, _ = k.token(third.ID, noon)
		k.equal("a token of another connection", got, third)
		k.refused("Revoke of another connection's token", k.store.Revoke(k.ctx, next, tenant.Revocation{At: noon, TokenID: second.ID}), tenant.ErrNotFound)
		k.equal("the version after a Revoke that found nothing", k.connection(next).Version, 1)
	}},
	{"revoked", sayRevoke, func(k *kit) {
		ref := k.add(acme)
		only := k.issue(ref, time.Time{})
		k.done("Revoke", k.store.Revoke(k.ctx, ref, tenant.Revocation{At: after(10), TokenID: only.ID}))
		_, live := k.token(only.ID, noon)
		k.equal("whether a token is alive, by a clock that is late", live, false)
		_, live, err := k.store.Find(k.ctx, ref.ID, after(-1000))
		k.done("Find", err)
		k.equal("whether the connection has one that is alive, by a clock that is late", live, false)
	}},
	{"revoke all", sayRevoke, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		never, past := k.issue(ref, time.Time{}), k.issue(ref, after(-5))
		others := k.issue(next, time.Time{})
		fresh := tenant.Token{ID: "fresh", Connection: ref, Hash: []byte("hash"), Created: noon}
		k.done("Revoke", k.store.Revoke(k.ctx, ref, tenant.Revocation{At: after(10), Token: &fresh}))
		never.Ends, never.Revoked, past.Revoked = after(10), true, true
		for _, want := range []tenant.Token{never, past, fresh, others} {
			got, _ := k.token(want.ID, noon)
			k.equal("a token after Revoke", got, want)
		}
		again := tenant.Token{ID: "fresh", Connection: ref, Hash: []byte("hash"), Created: noon}
		if err := k.store.Revoke(k.ctx, ref, tenant.Revocation{At: after(20), Token: &again}); err == nil {
			k.fail("Revoke for a token that there is", err, "an error")
		}
		got, _ := k.token("fresh", noon)
		k.equal("a token after a Revoke that failed", got, fresh)
		k.equal("Revocations after a Revoke that failed", k.connection(ref).Revocations, 1)
	}},
	{"revoke and the settings", sayApply, func(k *kit) {
		c := tenant.Connection{Tenant: acme, ID: "c", Name: "Entra ID", Federation: tenant.Federation{KeysURL: "https://idp.example/keys"}, Created: noon, Version: 1}
		k.done("Add", k.store.Add(k.ctx, c))
		k.done("Note", k.store.Note(k.ctx, []tenant.Seen{{Ref: c.Ref(), At: noon}}))
		c.Status.LastSeen = noon
		for _, what := range []tenant.Revocation{{At: after(10)}, {At: after(5)}, {At: after(20), Off: true}} {
			k.done("Revoke", k.store.Revoke(k.ctx, c.Ref(), what))
			c.Revocations++
			c.Version++
			if what.Off {
				c.Federation = tenant.Federation{}
			}
			k.equal(fmt.Sprintf("Connection after Revoke of %+v", what), k.connection(c.Ref()), c)
		}
	}},
	{"revoke at the same time", sayRevoked, func(k *kit) {
		ref := k.add(acme)
		k.issue(ref, time.Time{})
		const many = 12
		errs := make([]error, many)
		atOnce(many, func(i int) {
			errs[i] = k.store.Revoke(k.ctx, ref, tenant.Revocation{At: noon, Token: &tenant.Token{ID: fmt.Sprintf("new-%02d", i), Connection: ref, Hash: []byte("hash"), Created: noon}})
		})
		for _, err := range errs {
			k.done("Revoke at the same time", err)
		}
		live := 0
		for _, t := range k.tokens(ref) {
			if t.Live(noon) {
				live++
			}
		}
		k.equal("how many tokens are alive", live, 1)
		k.equal("the version", k.connection(ref).Version, many+1)
	}},
	{"tokens", sayTokens, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		k.equal("Tokens where there are none", len(k.tokens(ref)), 0)
		a, b := k.issue(ref, time.Time{}), k.issue(ref, after(-10))
		k.issue(next, time.Time{})
		old := tenant.Token{ID: "zzz", Connection: ref, Hash: []byte("hash"), Created: after(-1000)}
		k.done("Replace", k.store.Replace(k.ctx, ref, time.Time{}, &old))
		k.equal("Tokens", k.tokens(ref), []tenant.Token{b, a, old})
	}},
}
