package scim

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// param finds a query parameter, whatever the case of its name, without
// decoding the others, and says whether it is there. + is a space, as in
// forms: Entra's filters depend on it.
func param(query, name string) (value string, there bool, err error) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if len(key) != len(name) {
			if !strings.ContainsAny(key, "%+") {
				continue
			}
			if k, err := url.QueryUnescape(key); err == nil {
				key = k
			}
		}
		if !strings.EqualFold(key, name) {
			continue
		}
		if !strings.ContainsAny(value, "%+") {
			return value, true, nil
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			return "", true, Errorf(ErrInvalidValue, "the parameter %s is not properly encoded: %w", name, err)
		}
		return text, true, nil
	}
	return "", false, nil
}

// intParam reads a whole number; one beyond any range counts as the largest.
func intParam(query, name string, usual int) (int, error) {
	text, _, err := param(query, name)
	text = strings.TrimSpace(text)
	if err != nil || text == "" {
		return usual, err
	}
	n, err := wholeNumber(text)
	if err != nil {
		return 0, Errorf(ErrInvalidValue, "%s: expected a whole number, got %q", name, clip(text))
	}
	return n, nil
}

func wholeNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // beyond the range n is the end of it
		return 0, err
	}
	const most = 1<<31 - 1
	return max(min(n, most), -most), nil
}
