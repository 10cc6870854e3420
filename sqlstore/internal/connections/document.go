package connections

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/usherkit/scim/internal/jsontext"
	"github.com/usherkit/scim/tenant"
)

// A Record is stored as JSON, but for its ID, At and Connection, which have columns of
// their own. Status is in both, for its column is an index's. encoding/json reads it;
// to write it by hand takes a fifth of the time, and records are mostly written.

func readDocument(text string) (r tenant.Record, err error) {
	err = json.Unmarshal([]byte(text), &r)
	return r, err
}

func appendDocument(dst []byte, r *tenant.Record) []byte {
	o := object{append(dst, '{'), ""}
	o.number("Duration", int64(r.Duration))
	o.text("TokenID", r.TokenID)
	o.text("Source", r.Source)
	o.text("Method", r.Method)
	o.text("Path", r.Path)
	o.text("Operation", string(r.Operation))
	o.text("Type", r.Type)
	o.text("ResourceID", r.ResourceID)
	o.text("Name", r.Name)
	o.number("Status", int64(r.Status))
	o.truth("Held", r.Held)
	o.truth("Paused", r.Paused)
	o.text("Address", r.Address)
	o.text("Detail", r.Detail)
	o.truth("Taken", r.Taken)
	o.texts("Rules", r.Rules)
	if len(r.Changes) > 0 {
		o.name("Changes")
		o.json = append(o.json, '[')
		for i := range r.Changes {
			if i > 0 {
				o.json = append(o.json, ',')
			}
			o.json = appendChange(o.json, &r.Changes[i])
		}
		o.json = append(o.json, ']')
	}
	o.text("ContentType", r.ContentType)
	o.text("IfMatch", r.IfMatch)
	o.text("IfNoneMatch", r.IfNoneMatch)
	o.text("UserAgent", r.UserAgent)
	if len(r.Body) > 0 {
		o.name("Body")
		o.json = append(base64.StdEncoding.AppendEncode(append(o.json, '"'), r.Body), '"')
	}
	o.truth("Masked", r.Masked)
	o.truth("Cut", r.Cut)
	return append(o.json, '}')
}

func appendChange(dst []byte, c *tenant.Change) []byte {
	o := object{append(dst, '{'), ""}
	o.text("Op", string(c.Op))
	o.text("Type", c.Type)
	o.text("ID", c.ID)
	o.texts("Attributes", c.Attributes)
	o.truth("Deactivated", c.Deactivated)
	o.number("Added", int64(c.Added))
	o.number("Removed", int64(c.Removed))
	return append(o.json, '}')
}

// An object is JSON that is being written. What is zero is left out.
type object struct {
	json  []byte
	comma string // before the next member
}

func (o *object) name(s string) {
	o.json = append(append(append(append(o.json, o.comma...), '"'), s...), `":`...)
	o.comma = ","
}

func (o *object) text(name, s string) {
	if s != "" {
		o.name(name)
		o.json = appendText(o.json, s)
	}
}

func (o *object) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	o.name(name)
	o.json = append(o.json, '[')
	for i, s := range list {
		if i > 0 {
			o.json = append(o.json, ',')
		}
		o.json = appendText(o.json, s)
	}
	o.json = append(o.json, ']')
}

func (o *object) number(name string, n int64) {
	if n != 0 {
		o.name(name)
		o.json = strconv.AppendInt(o.json, n, 10)
	}
}

func (o *object) truth(name string, is bool) {
	if is {
		o.name(name)
		o.json = append(o.json, "true"...)
	}
}

func appendText(dst []byte, s string) []byte {
	return jsontext.AppendQuote(dst, strings.ToValidUTF8(s, "\uFFFD"))
}
