package connections

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/usherkit/scim/tenant"
)

// What is written of a Record is read: every field that it has, whatever is added to it.
func TestDocument(t *testing.T) {
	var full tenant.Record
	fill(t, reflect.ValueOf(&full).Elem(), "Record")
	inColumns := full
	full.ID, full.At, full.Connection = "", time.Time{}, tenant.Ref{}
	for _, tt := range []struct {
		name, reason string
		record, want tenant.Record
	}{
		{"nothing", "what is zero is left out", tenant.Record{}, tenant.Record{}},
		{"everything", "no field is forgotten", inColumns, full},
		{"one field", "no comma before it", tenant.Record{Cut: true}, tenant.Record{Cut: true}},
		{"empty lists", "they are none", tenant.Record{Rules: []string{}, Changes: []tenant.Change{}, Body: []byte{}}, tenant.Record{}},
		{
			"empty elements", "there is a comma between them",
			tenant.Record{Rules: []string{"", ""}, Changes: make([]tenant.Change, 2)},
			tenant.Record{Rules: []string{"", ""}, Changes: make([]tenant.Change, 2)},
		},
		{
			"escapes", "JSON has them so",
			tenant.Record{Detail: "\"\\/<>&\x00\x1f\x7f\n\u2028\U0001f600", Body: []byte("\x00\xff\"")},
			tenant.Record{Detail: "\"\\/<>&\x00\x1f\x7f\n\u2028\U0001f600", Body: []byte("\x00\xff\"")},
		},
		{"no text", "JSON has no bytes that are none", tenant.Record{Detail: "a\xffb", Rules: []string{"\xed"}}, tenant.Record{Detail: "a\uFFFDb", Rules: []string{"\uFFFD"}}},
		{"negative numbers", "a clock may go back", tenant.Record{Duration: -1}, tenant.Record{Duration: -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := string(appendDocument(nil, &tt.record))
			got, err := readDocument(text)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: written as %s\n got %+v, %v\nwant %+v", tt.reason, text, got, err, tt.want)
			}
		})
	}
}

// fill sets every field to something that no other has.
func fill(t *testing.T, v reflect.Value, name string) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("the " + name)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(len(name)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(uint64(len(name)))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), fmt.Sprintf("%s[%d]", name, i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(t, v.Field(i), name+"."+f.Name)
			}
		}
	default:
		t.Fatalf("%s is a %s: say here what one is", name, v.Kind())
	}
}
