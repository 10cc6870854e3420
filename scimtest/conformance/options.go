package conformance

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// parseURL returns the base URL without a slash at its end. Its errors show no
// password and no value of the query, which may be secret too.
func parseURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", errors.New("the URL cannot be read: want https://host/path")
	case u.User != nil:
		return "", fmt.Errorf("URL %s: want no user and password in it; the token goes with every request instead", u.Redacted())
	case u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		u.RawQuery, u.Fragment = "", ""
		return "", fmt.Errorf("URL %q: want http:// or https:// and a host", u)
	}
	query := u.Query()
	delete(query, "aadOptscim062020") // Entra's flag changes what it sends, not where to
	u.RawQuery, u.Fragment = "", ""
	if len(query) > 0 {
		return "", fmt.Errorf("URL %s: want no query; the requests have their own, and %s would not be in them", u, strings.Join(slices.Sorted(maps.Keys(query)), ", "))
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func (o *Options) setDefaults() {
	o.Timeout = cmp.Or(max(o.Timeout, 0), 10*time.Second)
	o.Limit = cmp.Or(max(o.Limit, 0), 15*time.Minute)
	o.Patience = cmp.Or(max(o.Patience, 0), 3*time.Minute)
	o.Workers = cmp.Or(max(o.Workers, 0), 4)
	o.Domain = cmp.Or(o.Domain, "usher-check.example")
	if o.Client == nil {
		o.Client = &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				TLSClientConfig:     o.TLS.Clone(),
				ForceAttemptHTTP2:   true, // which a TLSClientConfig would turn off
				MaxIdleConnsPerHost: o.Workers + 8,
				IdleConnTimeout:     time.Second, // before the server ends it: a POST on a connection that just ended is lost
				DisableCompression:  true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
}

// choose reports what the options choose that there is not.
func (o *Options) choose(known []suite) error {
	var ids []string
	for _, s := range known {
		if len(o.Suites) > 0 && !slices.Contains(o.Suites, s.name) {
			continue
		}
		for _, c := range s.checks {
			ids = append(ids, s.name+"."+c.id)
		}
	}
	for _, name := range o.Suites {
		if !slices.ContainsFunc(known, func(s suite) bool { return s.name == name }) {
			return fmt.Errorf("no suite %q; want some of %s", name, strings.Join(SuiteNames(), ", "))
		}
	}
	for _, prefix := range o.Only {
		if !slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, prefix) }) {
			return fmt.Errorf("no check of the suites has an id that begins with %q; similar ones are %s", prefix, strings.Join(similar(prefix, ids), ", "))
		}
	}
	return nil
}

// picked reports whether the check with the id is to run.
func (o *Options) picked(id string) bool {
	return len(o.Only) == 0 || slices.ContainsFunc(o.Only, func(prefix string) bool { return strings.HasPrefix(id, prefix) })
}

// picks reports whether Only asks for checks of the suite.
func (o *Options) picks(s suite) bool {
	return len(o.Only) > 0 && slices.ContainsFunc(s.checks, func(c check) bool { return o.picked(s.name + "." + c.id) })
}

// similar returns the three ids that have most words in common with a text.
func similar(text string, ids []string) []string {
	words := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == '.' || r == '-' })
	}
	alike := func(id string) (score int) {
		for i, word := range words(text) {
			best := 0
			for _, w := range words(id) {
				if n := common(word, w); n >= 3 {
					best = max(best, n)
				}
			}
			if i == 0 { // a suite's name
				best = min(best, 5)
			}
			score += best
		}
		return score
	}
	ids = slices.Clone(ids)
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Or(alike(b)-alike(a), len(a)-len(b)) })
	return ids[:min(3, len(ids))]
}

// common is how many bytes two words have in common at their beginnings.
func common(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
