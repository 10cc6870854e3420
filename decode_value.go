package scim

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/usherkit/scim/internal/jsontext"
)

// wrapped transcodes an array in the place of a single value: [{"value":"x"}]
// for "x", [{…}] for {…}, [] for nothing.
func (c *decoder) wrapped(n *node) (bool, error) {
	start := c.at
	if err := c.skip(); err != nil {
		return false, err
	}
	end := c.at
	c.at = start
	walk := jsontext.NewArray(c.src[start:end])
	element, some := walk.Next()
	if _, more := walk.Next(); more || !c.dialect.grants(ruleWrapped) {
		return false, c.wrong(n.expectation())
	}
	if some && n.kind != kindComplex && n.kind != kindExtension && element[0] == '{' {
		inner := jsontext.NewObject(element)
		some = false
		for name, value, ok := inner.Next(); ok; name, value, ok = inner.Next() {
			if strings.EqualFold(jsontext.Unquote(name), "value") {
				element, some = value, true
			}
		}
	}
	if !some || element[0] == 'n' {
		c.at = end
		return false, nil
	}
	outer := c.src
	c.src, c.at = element, 0
	present, err := c.single(n)
	c.src, c.at = outer, end
	return present, err
}

// expectation says in words what the attribute takes.
func (n *node) expectation() string {
	switch n.kind {
	case kindBoolean:
		return "true or false"
	case kindInteger:
		return "an integer"
	case kindDecimal:
		return "a number"
	case kindDateTime:
		return `a date and time such as "2026-01-31T12:00:00Z"`
	case kindBinary:
		return "a string in base64"
	case kindReference:
		return "a string with a URI"
	case kindComplex, kindExtension:
		return "an object"
	}
	return "a string"
}

// single transcodes one value, be it an element of an array or all there is.
func (c *decoder) single(n *node) (bool, error) {
	b := c.peek()
	if n.kind == kindComplex || n.kind == kindExtension {
		if b == '"' && n.value != nil && c.dialect.grants(ruleBareValue) {
			return c.bareValue(n)
		}
		return c.object(n)
	}
	switch {
	case b == '"':
		return c.fromString(n)
	case b == 't' || b == 'f':
		return c.fromBoolean(n)
	case b == '-' || '0' <= b && b <= '9':
		return c.fromNumber(n)
	case b == '{' || b == '[':
		return false, c.wrong(n.expectation())
	}
	return false, c.skip() // which says what is wrong with the syntax
}

// bareValue transcodes "x" for {"value":"x"}.
func (c *decoder) bareValue(n *node) (bool, error) {
	open := len(c.dst)
	c.dst = append(append(append(c.dst, '{', '"'), n.value.name...), '"', ':')
	present, err := c.single(n.value)
	if err != nil || !present {
		c.dst = c.dst[:open]
		return false, err
	}
	c.dst = append(c.dst, '}')
	c.note(n.value, true)
	return true, nil
}

func (c *decoder) fromBoolean(n *node) (bool, error) {
	word := "false"
	if c.src[c.at] == 't' {
		word = "true"
	}
	end, err := jsontext.Word(c.src, c.at, word)
	switch {
	case err != nil:
		return false, c.syntax(err)
	case n.kind == kindBoolean:
		c.dst = append(c.dst, word...)
	case n.kind == kindString && c.dialect.grants(ruleBareNumber):
		c.dst = jsontext.AppendQuote(c.dst, word)
	default:
		return false, c.wrong(n.expectation())
	}
	c.at = end
	return true, nil
}

func (c *decoder) fromNumber(n *node) (bool, error) {
	end, whole, err := jsontext.Number(c.src, c.at)
	if err != nil {
		return false, c.syntax(err)
	}
	text := c.src[c.at:end]
	switch {
	case n.kind == kindInteger && whole, n.kind == kindDecimal:
		if c.dst, err = appendNumber(c.dst, n.kind, string(text)); err != nil {
			return false, c.wrong(n.expectation() + " within range")
		}
	case n.kind == kindString && c.dialect.grants(ruleBareNumber):
		c.dst = jsontext.AppendQuote(c.dst, string(text))
	default:
		return false, c.wrong(n.expectation())
	}
	c.at = end
	return true, nil
}

// appendNumber writes a JSON number in the one spelling of its value: an
// integer in digits, a decimal as the shortest that reads back the same.
func appendNumber(dst []byte, k kind, text string) ([]byte, error) {
	if k == kindInteger {
		i, err := strconv.ParseInt(text, 10, 64)
		return strconv.AppendInt(dst, i, 10), err
	}
	f, err := strconv.ParseFloat(text, 64)
	if f == 0 {
		f = 0 // not -0
	}
	format := byte('f')
	if abs := max(f, -f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if format == 'f' && bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, '.', '0') // RFC 7643 §2.3.3: a digit on both sides of the point
	}
	return dst, err
}

// fromString transcodes a string for an attribute of any type.
func (c *decoder) fromString(n *node) (bool, error) {
	end, plain, err := jsontext.String(c.src, c.at)
	if err != nil {
		return false, c.syntax(err)
	}
	literal := c.src[c.at:end]
	if len(literal) == 2 && c.dialect.grants(ruleEmptyString) {
		c.at = end
		return false, nil
	}
	if n.kind == kindString || n.kind == kindReference {
		if n.kind == kindReference && !isURI(jsontext.Unquote(literal)) && !c.dialect.grants(ruleLooseReference) {
			return false, c.wrong(n.expectation())
		}
		c.dst = jsontext.AppendCanonical(c.dst, literal, plain)
		c.at = end
		return true, c.canonicalValue(n, literal)
	}
	text := jsontext.Unquote(literal)
	ok := false
	switch n.kind {
	case kindBoolean:
		var v bool
		if v, ok = parseBoolean(text); ok && c.dialect.grants(ruleStringBoolean) {
			c.dst = strconv.AppendBool(c.dst, v)
		} else {
			ok = false
		}
	case kindInteger, kindDecimal:
		number := []byte(strings.TrimSpace(text))
		to, whole, err := jsontext.Number(number, 0)
		if ok = err == nil && to == len(number) && (whole || n.kind == kindDecimal) && c.dialect.grants(ruleStringNumber); ok {
			c.dst, err = appendNumber(c.dst, n.kind, string(number))
			ok = err == nil
		}
	case kindDateTime:
		var v time.Time
		if v, ok = parseDateTime(text); ok {
			c.dst = append(append(append(c.dst, '"'), formatDateTime(v)...), '"')
		}
	case kindBinary:
		var v []byte
		if v, ok = parseBinary(text); ok {
			c.dst = append(base64.StdEncoding.AppendEncode(append(c.dst, '"'), v), '"')
		}
	}
	if !ok {
		return false, c.wrong(n.expectation())
	}
	c.at = end
	return true, nil
}

// isURI reports whether text can be a URI, absolute or relative (RFC 3986).
func isURI(text string) bool {
	for i := range len(text) {
		if b := text[i]; b <= ' ' || b >= 0x7f || strings.IndexByte("\"<>\\^`{|}", b) >= 0 {
			return false
		}
	}
	_, err := url.Parse(text)
	return err == nil
}

// canonicalValue holds strict clients to the values the schema lists
// (RFC 7643 §7 leaves it to the server).
func (c *decoder) canonicalValue(n *node, literal []byte) error {
	if len(n.attr.CanonicalValues) == 0 || c.dialect == nil || !c.dialect.strict {
		return nil
	}
	text := jsontext.Unquote(literal)
	for _, v := range n.attr.CanonicalValues {
		if v == text || !n.exact && strings.EqualFold(v, text) {
			return nil
		}
	}
	return Errorf(ErrInvalidValue, "%s: expected one of %s, got %s", c.where(), strings.Join(n.attr.CanonicalValues, ", "), clip(string(literal)))
}

// parseBoolean reads what Entra sends for a boolean: True, False, any case.
func parseBoolean(s string) (v, ok bool) {
	switch {
	case sameName([]byte(s), "true"):
		return true, true
	case sameName([]byte(s), "false"):
		return false, true
	}
	return false, false
}

// parseDateTime reads an xsd:dateTime; without a zone it is UTC.
func parseDateTime(s string) (time.Time, bool) {
	const form = "0000-00-00T00:00:00"
	if len(s) < len(form) || strings.ContainsAny(s, ", ") {
		return time.Time{}, false // which time.Parse would take, and one digit for an hour
	}
	for i := range len(form) {
		if digit := '0' <= s[i] && s[i] <= '9'; digit != (form[i] == '0') {
			return time.Time{}, false
		}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		v, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		_, zone := v.Zone()
		year := v.UTC().Year()
		return v, 0 < year && year < 10_000 && -14*3600 <= zone && zone <= 14*3600
	}
	return time.Time{}, false
}

func formatDateTime(v time.Time) string { return v.UTC().Format("2006-01-02T15:04:05.999999999Z07:00") }

// parseBinary reads base64 of either alphabet, padded or not (RFC 7643 §2.3.6).
func parseBinary(s string) ([]byte, bool) {
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	v, err := encoding.Strict().DecodeString(strings.TrimRight(s, "="))
	return v, err == nil && len(v) > 0
}
