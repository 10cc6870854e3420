package scim

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/usherkit/scim/internal/jsontext"
)

// An Operand is the value a Compare compares with, of its attribute's type.
type Operand struct {
	typ    DataType
	text   string    // of strings and references: the value; of the others: as in a Document, without quotes
	folded string    // text prepared for comparison
	key    string    // see Key
	num    float64   // of numbers
	at     time.Time // of dateTime
}

// Type returns the type of the value: TypeString, TypeBoolean, TypeDecimal,
// TypeInteger, TypeDateTime, TypeBinary or TypeReference.
func (o Operand) Type() DataType { return o.typ }

// String returns the value as text: of a number or boolean, its JSON; of a
// dateTime, its canonical form in UTC.
func (o Operand) String() string { return o.text }

// Key returns the value prepared for comparison, as in [Key]: a resource has
// the value exactly if it has this Key. Of an attribute that is not in the
// Document, such as id or members.value, it is the value itself.
func (o Operand) Key() string { return o.key }

// Bool returns the value of a boolean.
func (o Operand) Bool() bool { return o.text == "true" }

// Float returns the value of an integer or decimal.
func (o Operand) Float() float64 { return o.num }

// Time returns the value of a dateTime.
func (o Operand) Time() time.Time { return o.at }

// operandOf makes the operand for n of what stands in a filter. The error is a
// text that says what was expected.
func operandOf(n *node, text string, quoted bool, d *dialect) (o Operand, expected string) {
	o.typ = n.dataType()
	switch n.kind {
	case kindBoolean:
		v, ok := parseBoolean(text)
		literal := !quoted && (text == "true" || text == "false")
		if !ok || !literal && !d.grants(ruleFilterBoolean) {
			return o, n.expectation()
		}
		o.text = strconv.FormatBool(v)
		o.key = o.text
		return o, ""
	case kindInteger, kindDecimal:
		end, whole, err := jsontext.Number([]byte(text), 0)
		if err != nil || end != len(text) || n.kind == kindInteger && !whole || quoted && !d.grants(ruleStringNumber) {
			return o, n.expectation()
		}
		number, err := appendNumber(nil, n.kind, text)
		if err != nil {
			return o, n.expectation() + " within range"
		}
		o.text = string(number)
		o.key = n.keyOf(o.text)
		o.num, _ = strconv.ParseFloat(o.text, 64) // what appendNumber wrote
		return o, ""
	}
	if !quoted && (text[0] == '\'' || !d.grants(ruleUnquoted)) {
		return o, n.expectation() + " in double quotes"
	}
	switch n.kind {
	case kindDateTime:
		at, ok := parseDateTime(text)
		o.text = formatDateTime(at)
		if _, again := parseDateTime(o.text); !ok || !again { // in UTC the year may have more or less than four digits
			return o, n.expectation()
		}
		o.at, o.key = at.UTC(), at.UTC().Format(timeKeyLayout)
	case kindBinary:
		v, ok := parseBinary(text)
		if !ok {
			return o, n.expectation()
		}
		o.text = base64.StdEncoding.EncodeToString(v)
		o.folded, o.key = o.text, bounded(o.text)
	default:
		o.text, o.folded = text, comparisonKey(text, n.exact)
		o.key = o.folded
		if n.place == inDocument {
			o.key = bounded(o.key)
		}
	}
	return o, ""
}

func (n *node) dataType() DataType {
	if n.attr.Type == "" {
		return TypeString
	}
	return n.attr.Type
}
