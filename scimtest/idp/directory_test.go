package idp_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

func TestDirectoryJSON(t *testing.T) {
	const src = `{"users":[
 {"id":"1","userPrincipalName":"a@b.example","accountEnabled":false,"businessPhones":["1"],"manager":"2"},
 {"id":"2","userPrincipalName":"b@b.example","accountEnabled":true},
 {"id":"3","userPrincipalName":"c@b.example"}],"groups":[{"id":"g","displayName":"G","members":["1"]}]}`
	var d idp.Directory
	if err := json.Unmarshal([]byte(src), &d); err != nil {
		t.Fatal(err)
	}
	want := idp.Directory{
		Users: []idp.User{
			{ID: "1", UserPrincipalName: "a@b.example", Disabled: true, BusinessPhones: []string{"1"}, Manager: "2"},
			{ID: "2", UserPrincipalName: "b@b.example"},
			{ID: "3", UserPrincipalName: "c@b.example"},
		},
		Groups: []idp.Group{{ID: "g", DisplayName: "G", Members: []string{"1"}}},
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
	out, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var again idp.Directory
	if err := json.Unmarshal(out, &again); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("written and read again: %v\ngot  %+v\nwant %+v", err, again, want)
	}
}

func TestDirectoryValidate(t *testing.T) {
	if err := company().Validate(); err != nil {
		t.Errorf("company: %v", err)
	}
	for _, tt := range []struct {
		name  string
		spoil func(*idp.Directory)
		want  string
	}{
		{"empty id", func(d *idp.Directory) { d.Users[0].ID = "" }, "users[0]"},
		{"id used twice", func(d *idp.Directory) { d.Groups[0].ID = "boss" }, "groups[0]"},
		{"no name", func(d *idp.Directory) { d.Users[1].UserPrincipalName = "" }, "no userPrincipalName"},
		{"group without a name", func(d *idp.Directory) { d.Groups[1].DisplayName = "" }, "no displayName"},
		{"unknown manager", func(d *idp.Directory) { d.Users[1].Manager = "nobody" }, `manager "nobody"`},
		{"unknown member", func(d *idp.Directory) { d.Groups[1].Members[0] = "nobody" }, `member "nobody"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := company().Clone()
			tt.spoil(&d)
			if err := d.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			entra := newEntra(t, "http://127.0.0.1:1", "t", nil)
			if r, err := entra.Sync(t.Context(), d); err == nil || r.Requests() != 0 {
				t.Errorf("Sync: got %v and %d requests, want the error and none", err, r.Requests())
			}
		})
	}
}

func TestDirectoryRemoveAndClone(t *testing.T) {
	d := company()
	before := d.Clone()
	d.Remove("boss")
	if d.User("boss") != nil || d.User("ar").Manager != "" || d.Group("all").Members[0] != "o'c" {
		t.Errorf("something still refers to the removed user: %+v", d)
	}
	if !reflect.DeepEqual(before, company()) {
		t.Error("the clone changed with the original")
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
}
