package idp

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A ScopingFilter decides whether a user or group is provisioned: all of its
// clauses must hold. Of several filters one is enough.
type ScopingFilter []Clause

// A Clause is one condition of a ScopingFilter. It does not hold for a
// property without a value, unless the operator is IS NULL.
//
// The operators are those of Entra's portal: EQUALS, NOT EQUALS, IS TRUE, IS
// FALSE, IS NULL, IS NOT NULL, REGEX MATCH, NOT REGEX MATCH, Includes,
// ENDS_WITH, Greater_Than, Greater_Than_OR_EQUALS, & (the property's value is
// part of the clause's) and !&. Case and underscores in them do not matter; in
// values case does. A regular expression must match the whole value, and is
// one of Go's, which has no look-around.
type Clause struct {
	Attribute string `json:"attribute"` // a property's name, as in Mapping.Source
	Operator  string `json:"operator"`
	Value     string `json:"value,omitempty"`
}

// A condition reports whether an object passes.
type condition func(*source) bool

// compileScope makes one condition of the filters; nil if there are none. It
// notes what it uses.
func compileScope(filters []ScopingFilter, properties map[string]expression, uses map[string]bool) (condition, error) {
	var either []condition
	for _, filter := range filters {
		var all []condition
		for _, clause := range filter {
			c, err := clause.compile(properties, uses)
			if err != nil {
				return nil, fmt.Errorf("clause %s %s %s: %w", clause.Attribute, clause.Operator, quote(clause.Value), err)
			}
			all = append(all, c)
		}
		either = append(either, func(s *source) bool {
			return !slices.ContainsFunc(all, func(c condition) bool { return !c(s) })
		})
	}
	if either == nil {
		return nil, nil
	}
	return func(s *source) bool {
		return slices.ContainsFunc(either, func(c condition) bool { return c(s) })
	}, nil
}

func (c Clause) compile(properties map[string]expression, uses map[string]bool) (condition, error) {
	switch strings.ToLower(c.Attribute) {
	case "manager", "members", "approleassignments", "usertype":
		return nil, fmt.Errorf("Entra knows no scoping by %s", c.Attribute) // known issues, "Unsupported scoping filters"
	}
	p := &expressionParser{properties: properties, uses: uses}
	value, err := p.property(c.Attribute)
	if err != nil {
		return nil, err
	}
	ofText := func(holds func(string) bool) condition {
		return func(s *source) bool {
			text := asText(value(s))
			return text != "" && holds(text)
		}
	}
	switch strings.ReplaceAll(strings.ToUpper(c.Operator), "_", " ") {
	case "EQUALS":
		return ofText(func(s string) bool { return s == c.Value }), nil
	case "NOT EQUALS":
		return ofText(func(s string) bool { return s != c.Value }), nil
	case "IS TRUE":
		return ofText(func(s string) bool { return strings.EqualFold(s, "true") }), nil
	case "IS FALSE":
		return ofText(func(s string) bool { return strings.EqualFold(s, "false") }), nil
	case "IS NULL":
		return func(s *source) bool { return isEmpty(value(s)) }, nil
	case "IS NOT NULL":
		return func(s *source) bool { return !isEmpty(value(s)) }, nil
	case "INCLUDES":
		return ofText(func(s string) bool { return strings.Contains(s, c.Value) }), nil
	case "ENDS WITH":
		return ofText(func(s string) bool { return strings.HasSuffix(s, c.Value) }), nil
	case "&":
		return ofText(func(s string) bool { return strings.Contains(c.Value, s) }), nil
	case "!&":
		return ofText(func(s string) bool { return !strings.Contains(c.Value, s) }), nil
	case "GREATER THAN", "GREATER THAN OR EQUALS":
		limit, err := strconv.Atoi(c.Value)
		if err != nil {
			return nil, fmt.Errorf("want an integer")
		}
		if len(c.Operator) > len("GREATER THAN") {
			limit--
		}
		return ofText(func(s string) bool {
			n, err := strconv.Atoi(s)
			return err == nil && n > limit
		}), nil
	case "REGEX MATCH", "NOT REGEX MATCH":
		re, err := regexp.Compile("^(?:" + c.Value + ")$")
		if err != nil {
			return nil, err
		}
		wanted := !strings.EqualFold(c.Operator[:3], "NOT")
		return ofText(func(s string) bool { return re.MatchString(s) == wanted }), nil
	}
	return nil, fmt.Errorf("Entra knows no operator %q", c.Operator)
}
