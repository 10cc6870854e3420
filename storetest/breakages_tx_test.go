package storetest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/usherkit/scim"
)

var transactionBreakages = []breakage{
	{"a transaction that fails is kept", func() scim.Store {
		return &transactor{fate: func(_ context.Context, e ending) (bool, error) { return false, e.err }}
	}, []string{"a transaction that fails", "a transaction inside a transaction", "a panic in a transaction"}},
	{"a transaction is never kept", func() scim.Store {
		return &transactor{fate: func(context.Context, ending) (bool, error) { return true, errors.New("never") }}
	}, []string{"a transaction that succeeds"}},
	{
		"a transaction reads what was before", func() scim.Store { return &transactor{blind: true} },
		[]string{"reads inside a transaction see its writes", "lists inside a transaction see its writes", "sets inside a transaction"},
	},
	{"what a panic leaves is kept", func() scim.Store {
		return &transactor{fate: func(_ context.Context, e ending) (bool, error) { return e.ended && e.err != nil, e.err }}
	}, []string{"a panic in a transaction", "a transaction inside a transaction"}},
	{"a panic is an error", func() scim.Store { return &transactor{mute: true} }, []string{"a panic in a transaction", "a transaction inside a transaction"}},
	{"an inner transaction is part of the outer one", func() scim.Store {
		return &transactor{fate: func(_ context.Context, e ending) (bool, error) { return e.err != nil && !e.nested, e.err }}
	}, []string{"a transaction inside a transaction"}},
	{"an inner transaction is a transaction of its own", func() scim.Store {
		stays := map[string]string{}
		return &transactor{fate: func(_ context.Context, e ending) (bool, error) {
			if e.nested && e.err == nil {
				stays["inner"] = "committed"
			}
			return e.err != nil && (e.nested || stays["inner"] == ""), e.err
		}}
	}, []string{"a transaction inside a transaction"}},
	{"a call that fails is the end of a transaction", func() scim.Store { return &transactor{wrap: poisoned} }, []string{"a call that fails inside a transaction"}},
	{"nothing can be asked as a Set is read", func() scim.Store { return &transactor{wrap: busy} }, []string{"sets inside a transaction"}},
	{"a transaction shows its writes to all", func() scim.Store { return &transactor{dirty: true} }, []string{"half a transaction is not seen"}},
	{
		"transactions are not kept apart", func() scim.Store { return &transactor{loose: true} },
		[]string{"transactions that change one document", "transactions that meet on their ways"},
	},
	{
		"a transaction that would have to be retried fails", func() scim.Store { return &transactor{hasty: true} },
		[]string{"transactions that change one document", "transactions that meet on their ways"},
	},
	{"a transaction does not see the names that others take", func() scim.Store {
		return &transactor{wrap: func(tx scim.Store) scim.Store {
			return &broken{Store: tx, create: func(good scim.Store, ctx context.Context, ref scim.Ref, c scim.Change) (*scim.Updated, error) {
				c.Keys = withKeys(c.Keys, func(k *scim.Key) { k.Unique = false })
				return good.Create(ctx, ref, c)
			}}
		}}
	}, []string{"transactions that take one name", "a call that fails inside a transaction"}},
	{"the context is looked at after the commit", func() scim.Store {
		return &transactor{fate: func(ctx context.Context, e ending) (bool, error) {
			if e.err == nil {
				e.err = ctx.Err()
			}
			return false, e.err
		}}
	}, []string{"a transaction that is cancelled"}},
}

var durabilityBreakages = []breakage{
	{"nothing is kept", func() scim.Store {
		return (&restartable{again: func(string) string { return `{"memstore": 2, "created": 0, "resources": []}` }}).opened()
	}, []string{"what is stored is there again"}},
	{"places are numbered anew", func() scim.Store {
		number := regexp.MustCompile(`"number":\d+,`)
		return (&restartable{again: func(s string) string { return number.ReplaceAllString(s, "") }}).opened()
	}, []string{"a place of before"}},
	{"keys are not kept", func() scim.Store {
		keys := regexp.MustCompile(`"keys":\[[^\]]*\],`)
		return (&restartable{again: func(s string) string { return keys.ReplaceAllString(s, "") }}).opened()
	}, []string{"uniqueness of before", "what is stored is there again"}},
	{"versions are counted anew", func() scim.Store {
		version := regexp.MustCompile(`"version":"\d+"`)
		return (&restartable{again: func(s string) string { return version.ReplaceAllString(s, `"version":"1"`) }}).opened()
	}, []string{"versions of before", "what is stored is there again"}},
	{"ids are counted anew", func() scim.Store {
		var s *restartable
		s = &restartable{newID: func() func() string {
			last := 0
			if s.kept != nil {
				page, err := s.kept.List(context.Background(), scim.Query{Tenant: acme, Type: "User"})
				if err != nil {
					panic(err)
				}
				last = page.Total
			}
			return func() string { last++; return fmt.Sprint(last) }
		}}
		return s.opened()
	}, []string{"ids and the order go on"}},
	{"members are not kept", func() scim.Store {
		members := regexp.MustCompile(`,"members":\[[^\]]*\]`)
		return (&restartable{again: func(s string) string { return members.ReplaceAllString(s, "") }}).opened()
	}, []string{"members of before", "what is stored is there again"}},
	{"times are those of opening", func() scim.Store {
		year := regexp.MustCompile(`"lastModified":"20`)
		return (&restartable{again: func(s string) string { return year.ReplaceAllString(s, `"lastModified":"21`) }}).opened()
	}, []string{"what is stored is there again"}},
	{"documents are written anew", func() scim.Store {
		return (&restartable{again: func(s string) string { return strings.ReplaceAll(s, "🦊", "�") }}).opened()
	}, []string{"what is stored is there again"}},
}
