package scim

import (
	"slices"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
)

// The messages that clients send (RFC 7644 §3.1, §10.3.2).
const (
	patchSchemaURI  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	searchSchemaURI = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	bulkSchemaURI   = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
)

// A message is the body of a request that is no resource.
type message struct {
	body    []byte
	dialect *dialect
}

// openMessage checks the syntax of a body and that it is the message of the
// schema, to which a strict client gives no members but those named, if any are.
func openMessage(body []byte, schema string, o decodeOptions, names ...string) (message, error) {
	m := message{body, o.dialect}
	end, err := jsontext.Value(body, 0, o.maxDepth)
	if err != nil {
		return m, Errorf(ErrInvalidSyntax, "invalid JSON: %w", err)
	}
	if end = jsontext.Space(body, end); end < len(body) {
		return m, Errorf(ErrInvalidSyntax, "unexpected data after the JSON value, at byte %d", end)
	}
	if body[jsontext.Space(body, 0)] != '{' {
		return m, Errorf(ErrInvalidSyntax, "the body must be a JSON object, a message of the schema %s", schema)
	}
	if !isSchema(m.member("schemas"), schema) && !m.dialect.grants(ruleMessageSchema) {
		return m, Errorf(ErrInvalidSyntax, "schemas must be [%q]", schema)
	}
	return m, m.only(names...)
}

// only refuses a strict client's message that has other members.
func (m message) only(names ...string) error {
	if len(names) == 0 || !m.dialect.isStrict() {
		return nil
	}
	walk := jsontext.NewObject(m.body)
	for literal, _, ok := walk.Next(); ok; literal, _, ok = walk.Next() {
		if name := jsontext.Unquote(literal); !slices.Contains(names, name) {
			return Errorf(ErrInvalidSyntax, "%q is none of the members %s", clip(name), strings.Join(names, ", "))
		}
	}
	return nil
}

// member returns a member's value; nil if there is none, or it is null.
func (m message) member(name string) []byte {
	values := m.members(name)
	return values[0]
}

// members returns the values of the members of those names, in one walk.
func (m message) members(names ...string) [][]byte {
	values := make([][]byte, len(names))
	walk := jsontext.NewObject(m.body)
	for literal, v, ok := walk.Next(); ok; literal, v, ok = walk.Next() {
		for i, name := range names {
			if string(literal[1:len(literal)-1]) != name && (!named(literal, name) || !m.dialect.grants(ruleMemberCase)) {
				continue
			}
			if !isNull(v) {
				values[i] = v
			}
			break
		}
	}
	return values
}

// array returns a member that is an array; a message without it is invalid.
func (m message) array(name string) ([]byte, error) {
	value := m.member(name)
	if len(value) == 0 || value[0] != '[' {
		return nil, Errorf(ErrInvalidSyntax, "the body must have %s, an array", name)
	}
	return value, nil
}

// text returns a member that is a string, nil if there is none.
func (m message) text(name string) (*string, error) { return textIn(m.member(name), name) }

// textIn does the same with a member's value.
func textIn(value []byte, name string) (*string, error) {
	switch {
	case value == nil:
		return nil, nil
	case value[0] != '"':
		return nil, Errorf(ErrInvalidSyntax, "%s: expected a string, got %s", name, clip(string(value)))
	}
	text := jsontext.Unquote(value)
	return &text, nil
}

// names returns a member that is an array of strings, with commas between them.
func (m message) names(name string) (string, error) {
	value := m.member(name)
	wrong := func() error {
		return Errorf(ErrInvalidSyntax, "%s: expected an array of strings, got %s", name, clip(string(value)))
	}
	switch {
	case value == nil:
		return "", nil
	case value[0] == '"' && m.dialect.grants(ruleLoneElement):
		return jsontext.Unquote(value), nil
	case value[0] != '[':
		return "", wrong()
	}
	var list []string
	walk := jsontext.NewArray(value)
	for v, ok := walk.Next(); ok; v, ok = walk.Next() {
		if v[0] != '"' {
			return "", wrong()
		}
		list = append(list, jsontext.Unquote(v))
	}
	return strings.Join(list, ","), nil
}

// number returns a member that is a whole number, nil if there is none.
func (m message) number(name string) (*int, error) {
	value := m.member(name)
	if value == nil {
		return nil, nil
	}
	text := string(value)
	if value[0] == '"' && m.dialect.grants(ruleStringNumber) {
		text = jsontext.Unquote(value)
	}
	n, err := wholeNumber(text)
	if err != nil {
		return nil, Errorf(ErrInvalidSyntax, "%s: expected a whole number, got %s", name, clip(string(value)))
	}
	return &n, nil
}

// isSchema reports whether schemas lists that schema alone.
func isSchema(schemas []byte, uri string) bool {
	if len(schemas) == 0 || schemas[0] != '[' {
		return false
	}
	walk := jsontext.NewArray(schemas)
	first, some := walk.Next()
	_, more := walk.Next()
	return some && !more && first[0] == '"' && named(first, uri)
}
