package sqlfilter

import (
	"slices"
	"strings"
)

// A clause is SQL with its arguments, each of which stands in it as an argument
// mark until it is known what number it has in the statement.
type clause struct {
	sql  string
	args []any

	of     string   // of the form "of = value": what is compared
	values []string // and with what
}

const mark = "\x00"

var (
	always = clause{sql: "TRUE"}
	never  = clause{sql: "FALSE"}
)

func (c clause) is(constant clause) bool { return c.sql == constant.sql }

// render numbers the arguments of c and appends them to *args.
func (c clause) render(d Dialect, args *[]any) string {
	var b strings.Builder
	for i, part := range strings.Split(c.sql, mark) {
		if i > 0 {
			*args = append(*args, c.args[i-1])
			b.WriteString(d.Placeholder(len(*args)))
		}
		b.WriteString(part)
	}
	return b.String()
}

// within puts c in the place of the %s of a template.
func (c clause) within(template string) clause {
	return clause{sql: strings.Replace(template, "%s", c.sql, 1), args: c.args}
}

func not(c clause) clause {
	switch {
	case c.is(always):
		return never
	case c.is(never):
		return always
	}
	return clause{sql: "((" + c.sql + ") IS NOT TRUE)", args: c.args} // NULL counts as false
}

func and(clauses ...clause) clause { return join(" AND ", always, never, clauses) }
func or(clauses ...clause) clause  { return join(" OR ", never, always, listed(clauses)) }

// listed makes one clause, of IN (values), of those that compare the same with a
// value: databases look for many values at once if they are told so.
func listed(clauses []clause) (all []clause) {
	at := map[string]int{}
	for _, c := range clauses {
		i, known := at[c.of]
		if c.of == "" || !known {
			at[c.of] = len(all)
			all = append(all, c)
			continue
		}
		all[i].values = slices.Concat(all[i].values, c.values)
		all[i].args = slices.Concat(all[i].args, c.args)
	}
	for i, c := range all {
		if len(c.values) > 1 {
			all[i].sql = c.of + " IN (" + strings.Join(c.values, ", ") + ")"
		}
	}
	return all
}

// join joins clauses by an operator, of which one constant changes nothing and
// the other decides it.
func join(operator string, neutral, final clause, clauses []clause) clause {
	if slices.ContainsFunc(clauses, final.is) {
		return final
	}
	clauses = slices.DeleteFunc(slices.Clone(clauses), neutral.is)
	if len(clauses) == 0 {
		return neutral
	}
	return joined(operator, clauses)
}

// joined writes long lists as a tree: SQLite counts each term of a list as one
// level more, and takes a thousand.
func joined(operator string, clauses []clause) clause {
	const most = 16
	if n := len(clauses); n > most {
		clauses = []clause{joined(operator, clauses[:n/2]), joined(operator, clauses[n/2:])}
	}
	if len(clauses) == 1 {
		return clauses[0]
	}
	var all clause
	texts := make([]string, len(clauses))
	for i, c := range clauses {
		texts[i] = c.sql
		all.args = append(all.args, c.args...)
	}
	all.sql = "(" + strings.Join(texts, operator) + ")"
	return all
}

// A verdict is what SQL can say of a filter.
type verdict struct {
	maybe   clause // true for each resource that matches, and for some that may not
	surely  clause // true for no resource but those that match
	doubt   clause // true, at the least, wherever maybe is and surely is not
	indexed bool   // an index leads to the rows for which maybe is true
}

// unknown is the verdict on what SQL can say nothing of.
var unknown = verdict{maybe: always, surely: never, doubt: always}

func exactly(c clause) verdict {
	return verdict{maybe: c, surely: c, doubt: never, indexed: c.is(never)}
}

// but is the verdict c where there is no doubt.
func (c clause) but(doubt clause) verdict {
	return verdict{maybe: or(c, doubt), surely: and(c, not(doubt)), doubt: doubt}.settled()
}

// between is a verdict that leaves in doubt what its bounds do.
func between(maybe, surely clause) verdict {
	return verdict{maybe: maybe, surely: surely, doubt: and(maybe, not(surely))}.settled()
}

func (v verdict) exact() bool { return v.doubt.is(never) }

// settled knows that there is no doubt where nothing may match or all does.
func (v verdict) settled() verdict {
	switch {
	case v.maybe.is(never):
		return exactly(never)
	case v.surely.is(always):
		return exactly(always)
	}
	return v
}

func (v verdict) not() verdict {
	return verdict{maybe: not(v.surely), surely: not(v.maybe), doubt: v.doubt}
}

func allOf(verdicts []verdict) verdict {
	var maybe, surely, doubt []clause
	indexed := false
	for _, v := range verdicts {
		maybe, surely, doubt = append(maybe, v.maybe), append(surely, v.surely), append(doubt, v.doubt)
		indexed = indexed || v.indexed
	}
	return verdict{and(maybe...), and(surely...), or(doubt...), indexed}.settled()
}

func anyOf(verdicts []verdict) verdict {
	var maybe, surely, doubt []clause
	indexed := true
	for _, v := range verdicts {
		maybe, surely, doubt = append(maybe, v.maybe), append(surely, v.surely), append(doubt, v.doubt)
		indexed = indexed && v.indexed
	}
	return verdict{or(maybe...), or(surely...), or(doubt...), indexed}.settled()
}
