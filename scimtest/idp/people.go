package idp

import (
	"strconv"
	"strings"
)

// everybody says who has which of the endpoint's ids.
func (r *run) everybody() map[string]string {
	r.state.Lock()
	defer r.state.Unlock()
	all := make(map[string]string, len(r.users)+len(r.groups)+len(r.deleted))
	for _, t := range r.deleted {
		all[t.id] = t.object + ", deleted"
	}
	for _, links := range []map[string]*link{r.groups, r.users} { // where both count from 1, users are meant more often
		for _, l := range links {
			all[l.id] = l.object
		}
	}
	return all
}

// who names an id of the endpoint's, and who has it.
func (r *run) who(id string) string {
	switch name := r.people()[id]; {
	case id == "":
		return "nobody"
	case name == "":
		return strconv.Quote(id)
	default:
		return strconv.Quote(id) + " (" + name + ")"
	}
}

// whoAll names the first of many ids.
func (r *run) whoAll(ids []string) string {
	const most = 5
	var names []string
	for _, id := range ids[:min(most, len(ids))] {
		names = append(names, r.who(id))
	}
	return more(names, len(ids))
}

// some lists the first of many.
func some(list []string) string { return more(list[:min(3, len(list))], len(list)) }

// more lists some of many, and says how many others there are.
func more(some []string, all int) string {
	s := strings.Join(some, ", ")
	if others := all - len(some); others > 0 {
		s += " and " + strconv.Itoa(others) + " more"
	}
	return s
}
