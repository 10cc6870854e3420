package tenanttest

import (
	"fmt"
	"time"

	"github.com/usherkit/scim/tenant"
)

const (
	sayReplace = "Replace ends the connection's tokens, those that end later, at a time, if that is not zero, and stores a new one, if there is one: all of it or nothing."
	sayInTurn  = "Of several calls at the same time each ends the tokens of those before it."
	sayEnd     = "End ends one token at a time, unless it ends earlier, or reports ErrNotFound."
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
	{"end", sayEnd, func(k *kit) {
		ref, next := k.add(acme), k.add(acme)
		first, second := k.issue(ref, time.Time{}), k.issue(ref, time.Time{})
		for _, c := range []struct{ end, want time.Time }{{after(10), after(10)}, {after(20), after(10)}, {after(5), after(5)}} {
			k.done("End", k.store.End(k.ctx, ref, first.ID, c.end))
			got, _ := k.token(first.ID, noon)
			k.equal(fmt.Sprintf("Ends after End at %v", c.end), got.Ends, c.want)
		}
		k.refused("End of another connection's token", k.store.End(k.ctx, next, second.ID, noon), tenant.ErrNotFound)
		got, _ := k.token(second.ID, noon)
		k.equal("Ends of another token", got.Ends, time.Time{})
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
