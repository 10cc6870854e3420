package scim

import (
	"errors"
	"testing"
)

func TestPatchElements(t *testing.T) {
	typ := typesForPatch(t).user
	const (
		none  = `{"userName":"a"}`
		work  = `{"userName":"a","emails":[{"value":"w","type":"work"}]}`
		home  = `{"userName":"a","emails":[{"value":"h","type":"home"}]}`
		both  = `{"userName":"a","emails":[{"value":"w","type":"work","primary":true},{"value":"h","type":"home"}]}`
		twice = `{"userName":"a","emails":[{"value":"1","type":"work"},{"value":"2","type":"work"},{"value":"h","type":"home"}]}`
	)
	for _, c := range []patchCase{
		// add and replace without a filter
		{name: "add appends", reason: "R-251", doc: work, ops: []string{`{"op":"add","path":"emails","value":[{"value":"h","type":"home"}]}`}, want: `{"userName":"a","emails":[{"value":"w","type":"work"},{"value":"h","type":"home"}]}`},
		{name: "add a lone element", reason: "A-29", doc: work, ops: []string{`{"op":"add","path":"emails","value":{"value":"h","type":"home"}}`}, want: `{"userName":"a","emails":[{"value":"w","type":"work"},{"value":"h","type":"home"}]}`, strict: ErrInvalidValue},
		{name: "add a bare string", reason: "A-29, probe 22", doc: none, ops: []string{`{"op":"add","path":"roles","value":"Admin"}`}, want: `{"userName":"a","roles":[{"value":"Admin"}]}`, strict: ErrInvalidValue},
		{name: "add what is there", reason: "R-252, R-253", doc: both, ops: []string{`{"op":"add","path":"emails","value":[{"type":"home","value":"h"},{"value":"w","type":"work","primary":true}]}`}},
		{name: "add the same value and type", reason: "R-025: merged, never twice", doc: work, ops: []string{`{"op":"add","path":"emails","value":[{"value":"W","type":"work","display":"D"}]}`}, want: `{"userName":"a","emails":[{"value":"W","display":"D","type":"work"}]}`},
		{name: "add the same value of another type", reason: "R-025", doc: work, ops: []string{`{"op":"add","path":"emails","value":[{"value":"w","type":"home"}]}`}, want: `{"userName":"a","emails":[{"value":"w","type":"work"},{"value":"w","type":"home"}]}`},
		{name: "add without path", reason: "R-246", doc: work, ops: []string{`{"op":"add","value":{"emails":[{"value":"h","type":"home"}],"nickName":"B"}}`}, want: `{"userName":"a","nickName":"B","emails":[{"value":"w","type":"work"},{"value":"h","type":"home"}]}`},
		{name: "replace the list", reason: "R-265, E075", doc: both, ops: []string{`{"op":"replace","path":"emails","value":[{"value":"n"}]}`}, want: `{"userName":"a","emails":[{"value":"n"}]}`},
		{name: "replace the list without path", reason: "R-264", doc: both, ops: []string{`{"op":"replace","value":{"emails":[{"value":"n"}]}}`}, want: `{"userName":"a","emails":[{"value":"n"}]}`},
		{name: "replace what is absent", reason: "R-266", doc: none, ops: []string{`{"op":"replace","path":"emails","value":[{"value":"n"}]}`}, want: `{"userName":"a","emails":[{"value":"n"}]}`},
		{name: "remove the list", reason: "R-258", doc: both, ops: []string{`{"op":"remove","path":"emails"}`}, want: none},

		// primary
		{
			name: "new primary", reason: "R-241, probe 15", doc: both, ops: []string{`{"op":"add","path":"emails","value":[{"value":"n","primary":true}]}`},
			want: `{"userName":"a","emails":[{"value":"w","type":"work","primary":false},{"value":"h","type":"home"},{"value":"n","primary":true}]}`,
		},
		{
			name: "primary by path", reason: "R-241, 6.2 shape 6, E069", doc: both, ops: []string{`{"op":"Replace","path":"emails[type eq \"home\"].primary","value":"True"}`},
			want: `{"userName":"a","emails":[{"value":"w","type":"work","primary":false},{"value":"h","type":"home","primary":true}]}`, strict: ErrInvalidValue,
		},
		{
			name: "two primary in one value", reason: "A-34: there is no later one to win", doc: none, ops: []string{`{"op":"add","path":"emails","value":[{"value":"1","primary":true},{"value":"2","primary":true}]}`},
			err: ErrInvalidValue, detail: "operation 1 (add emails): only one element may be primary",
		},
		{
			name: "two primary by a filter", reason: "A-34", doc: twice, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}`},
			want: `{"userName":"a","emails":[{"value":"1","type":"work","primary":true},{"value":"2","type":"work"},{"value":"h","type":"home"}]}`, strict: ErrInvalidValue,
		},
		{
			name: "two primary in two operations", reason: "A-34: the later wins", doc: none, ops: []string{`{"op":"add","path":"emails","value":[{"value":"1","primary":true}]}`, `{"op":"add","path":"emails","value":[{"value":"2","primary":true}]}`},
			want: `{"userName":"a","emails":[{"value":"1","primary":false},{"value":"2","primary":true}]}`,
		},
		{name: "primary removed", reason: "A-49: none is promoted", doc: both, ops: []string{`{"op":"remove","path":"emails[primary eq true]"}`}, want: home},
		{
			name: "primary of an address that never comes", reason: "an element of nothing but type and primary is dropped, and demotes none", doc: `{"userName":"a","emails":[{"value":"h","type":"home","primary":true}]}`,
			ops: []string{`{"op":"Add","path":"emails[type eq \"work\"].primary","value":true}`}, strict: ErrNoTarget,
		},
		{
			name: "primary before the value", reason: "E069: Entra sends an operation for each mapping, in any order", doc: `{"userName":"a","emails":[{"value":"h","type":"home","primary":true}]}`,
			ops:  []string{`{"op":"Add","path":"emails[type eq \"work\"].primary","value":true}`, `{"op":"Add","path":"emails[type eq \"work\"].value","value":"w"}`},
			want: `{"userName":"a","emails":[{"value":"h","type":"home","primary":false},{"value":"w","type":"work","primary":true}]}`, strict: ErrNoTarget,
		},

		// paths with a filter
		{
			name: "element is there", reason: "R-269, 6.2 shape 3, E067", doc: both, ops: []string{`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n"}`},
			want: `{"userName":"a","emails":[{"value":"n","type":"work","primary":true},{"value":"h","type":"home"}]}`,
		},
		{
			name: "another type is there", reason: "A-38, E067, probe 7", doc: home, ops: []string{`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"w"}`},
			want: `{"userName":"a","emails":[{"value":"h","type":"home"},{"value":"w","type":"work"}]}`, strict: ErrNoTarget,
		},
		{
			name: "none is there", reason: "R-255, R-270, E067, E068, probe 8", doc: none, ops: []string{`{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}`},
			want: `{"userName":"a","phoneNumbers":[{"value":"1","type":"mobile"}]}`, strict: ErrNoTarget,
		},
		{
			name: "every match", reason: "R-254, R-269", doc: twice, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"].display","value":"D"}`},
			want: `{"userName":"a","emails":[{"value":"1","display":"D","type":"work"},{"value":"2","display":"D","type":"work"},{"value":"h","type":"home"}]}`,
		},
		{
			name: "one element of six operations", reason: "6.2 shape 4, E070", doc: none, ops: []string{
				`{"op":"Add","path":"addresses[type eq \"work\"].formatted","value":"f"}`, `{"op":"Add","path":"addresses[type eq \"work\"].streetAddress","value":"s"}`,
				`{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"l"}`, `{"op":"Add","path":"addresses[type eq \"work\"].region","value":"r"}`,
				`{"op":"Add","path":"addresses[type eq \"work\"].postalCode","value":"p"}`, `{"op":"Add","path":"addresses[type eq \"work\"].country","value":"c"}`,
			},
			want: `{"userName":"a","addresses":[{"formatted":"f","streetAddress":"s","locality":"l","region":"r","postalCode":"p","country":"c","type":"work"}]}`, strict: ErrNoTarget,
		},
		{
			name: "second address", reason: "E071", doc: `{"userName":"a","addresses":[{"formatted":"h","type":"home"}]}`, ops: []string{`{"op":"Replace","path":"addresses[type eq \"work\"].formatted","value":"18/2111"}`},
			want: `{"userName":"a","addresses":[{"formatted":"h","type":"home"},{"formatted":"18/2111","type":"work"}]}`, strict: ErrNoTarget,
		},
		{
			name: "twice in one request", reason: "E072: the last wins", doc: none, ops: []string{`{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}`, `{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"2"}`},
			want: `{"userName":"a","phoneNumbers":[{"value":"2","type":"mobile"}]}`, strict: ErrNoTarget,
		},
		{
			name: "role by a string for a boolean", reason: "6.2 shape 7, E073: created", doc: none, ops: []string{`{"op":"Add","path":"roles[primary eq \"True\"].value","value":"Admin"}`},
			want: `{"userName":"a","roles":[{"value":"Admin","primary":true}]}`, strict: ErrInvalidFilter,
		},
		{
			name: "role by a string for a boolean, present", reason: "E073: replaced", doc: `{"userName":"a","roles":[{"value":"User"},{"value":"Admin","primary":true}]}`, ops: []string{`{"op":"Add","path":"roles[primary eq \"True\"].value","value":"Owner"}`},
			want: `{"userName":"a","roles":[{"value":"User"},{"value":"Owner","primary":true}]}`, strict: ErrInvalidFilter,
		},
		{name: "created by and", reason: "A-38", doc: none, ops: []string{`{"op":"add","path":"emails[type eq \"work\" and primary eq true].value","value":"w"}`}, want: `{"userName":"a","emails":[{"value":"w","type":"work","primary":true}]}`, strict: ErrNoTarget},
		{name: "not created by or", reason: "A-38", doc: none, ops: []string{`{"op":"add","path":"emails[type eq \"work\" or type eq \"home\"].value","value":"w"}`}, err: ErrNoTarget, detail: "no element of emails matches"},
		{name: "not created by ne", reason: "A-38", doc: none, ops: []string{`{"op":"add","path":"emails[type ne \"work\" and value sw \"x\"].value","value":"w"}`}, err: ErrNoTarget},
		{
			name: "object for an element", reason: "R-268, A-41: merged into each match", doc: twice, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":{"display":"D"}}`},
			want: `{"userName":"a","emails":[{"value":"1","display":"D","type":"work"},{"value":"2","display":"D","type":"work"},{"value":"h","type":"home"}]}`,
		},
		{
			name: "object that changes what the filter asks", reason: "A-41: all of it goes into the element", doc: both, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":{"type":"other","value":"o","display":null}}`},
			want: `{"userName":"a","emails":[{"value":"o","type":"other","primary":true},{"value":"h","type":"home"}]}`,
		},
		{name: "object for no element", reason: "A-38", doc: none, ops: []string{`{"op":"add","path":"emails[type eq \"work\"]","value":{"value":"w"}}`}, want: work, strict: ErrNoTarget},
		{name: "empty object for an element", reason: "A-41", doc: both, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":{}}`}},
		{name: "string for an element", reason: "A-29", doc: work, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":"n"}`}, want: `{"userName":"a","emails":[{"value":"n","type":"work"}]}`, strict: ErrInvalidValue},
		{name: "array of one for an element", reason: "A-29", doc: work, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"n"}]}`}, want: `{"userName":"a","emails":[{"value":"n","type":"work"}]}`, strict: ErrInvalidValue},
		{name: "array of two for an element", reason: "R-268", doc: work, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"n"},{"value":"m"}]}`}, err: ErrInvalidValue, detail: "one element"},
		{name: "null for an element", reason: "A-41: removes the matches", doc: both, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":null}`}, want: home},
		{name: "empty array for an element", reason: "A-41", doc: both, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":[]}`}, want: home},
		{name: "null for an element beside others", reason: "A-41, A-42: each key by itself", doc: both, ops: []string{`{"op":"replace","value":{"emails[type eq \"work\"]":null,"title":"t"}}`}, want: `{"userName":"a","title":"t","emails":[{"value":"h","type":"home"}]}`, strict: ErrInvalidValue},
		{name: "null for no element", reason: "A-41, R-262", doc: home, ops: []string{`{"op":"replace","path":"emails[type eq \"work\"]","value":null}`}},
		{
			name: "sub-attribute of all", reason: "R-254 without a filter", doc: twice, ops: []string{`{"op":"replace","path":"emails.display","value":"D"}`},
			want: `{"userName":"a","emails":[{"value":"1","display":"D","type":"work"},{"value":"2","display":"D","type":"work"},{"value":"h","display":"D","type":"home"}]}`,
		},
		{name: "sub-attribute of none", reason: "as A-38", doc: none, ops: []string{`{"op":"add","path":"emails.value","value":"x"}`}, want: `{"userName":"a","emails":[{"value":"x"}]}`, strict: ErrNoTarget},
		{name: "elements made equal", reason: "R-025", doc: `{"userName":"a","emails":[{"value":"x","type":"work"},{"value":"x","type":"home"}]}`, ops: []string{`{"op":"replace","path":"emails.type","value":"other"}`}, want: `{"userName":"a","emails":[{"value":"x","type":"other"}]}`},

		// remove
		{name: "remove matches", reason: "R-259", doc: twice, ops: []string{`{"op":"remove","path":"emails[type eq \"work\"]"}`}, want: home},
		{name: "remove the last", reason: "R-259: unassigned", doc: work, ops: []string{`{"op":"remove","path":"emails[type eq \"work\"]"}`}, want: none},
		{
			name: "remove a sub-attribute", reason: "R-260", doc: `{"userName":"a","addresses":[{"locality":"l","region":"r","type":"work"},{"region":"r","type":"home"}]}`, ops: []string{`{"op":"remove","path":"addresses[type eq \"work\"].region"}`},
			want: `{"userName":"a","addresses":[{"locality":"l","type":"work"},{"region":"r","type":"home"}]}`,
		},
		{name: "remove the value", reason: "A-48, E082: the element goes with it", doc: both, ops: []string{`{"op":"Remove","path":"emails[type eq \"work\"].value","value":"old@x"}`}, want: home, strict: ErrInvalidValue},
		{
			name: "remove the value of a named element", reason: "A-48: the name is the value's", doc: `{"userName":"a","emails":[{"value":"w","display":"W","type":"work"}]}`, ops: []string{`{"op":"Remove","path":"emails[type eq \"work\"].value"}`}, want: none,
			strictWant: `{"userName":"a","emails":[{"display":"W","type":"work"}]}`,
		},
		{
			name: "value removed and set again", reason: "R-232, E090: the element is still there", doc: both, ops: []string{
				`{"op":"remove","path":"emails[type eq \"work\"].value"}`, `{"op":"add","path":"emails[type eq \"work\"].value","value":"n"}`, `{"op":"replace","path":"emails[type eq \"work\"].value","value":"m"}`,
			},
			want: `{"userName":"a","emails":[{"value":"m","type":"work","primary":true},{"value":"h","type":"home"}]}`,
		},
		{name: "remove listed elements", reason: "A-40", doc: both, ops: []string{`{"op":"Remove","path":"emails","value":[{"value":"W"}]}`}, want: home, strict: ErrInvalidValue},
		{
			name: "remove listed elements of a type", reason: "A-40", doc: `{"userName":"a","emails":[{"value":"x","type":"work"},{"value":"x","type":"home"}]}`, ops: []string{`{"op":"Remove","path":"emails","value":[{"value":"x","type":"work","display":"?"}]}`},
			want: `{"userName":"a","emails":[{"value":"x","type":"home"}]}`, strict: ErrInvalidValue,
		},
		{
			name: "remove listed addresses", reason: "A-40: they have no value to go by", doc: `{"userName":"a","addresses":[{"formatted":"f","type":"work"},{"formatted":"g","type":"work"}]}`, ops: []string{`{"op":"Remove","path":"addresses","value":[{"formatted":"f"}]}`},
			want: `{"userName":"a","addresses":[{"formatted":"g","type":"work"}]}`, strict: ErrInvalidValue,
		},
		{name: "remove an empty list", reason: "A-40: never all", doc: both, ops: []string{`{"op":"Remove","path":"emails","value":[]}`}, strict: ErrInvalidValue},
		{name: "remove a lone element", reason: "A-40", doc: both, ops: []string{`{"op":"Remove","path":"emails","value":{"value":"w"}}`}, want: home, strict: ErrInvalidValue},
		{name: "remove what is not listed", reason: "R-262", doc: both, ops: []string{`{"op":"Remove","path":"emails","value":[{"value":"zz"}]}`}, strict: ErrInvalidValue},

		// SCIM_Null_Update_Test
		{
			name: "empty strings", reason: "6.5, E085", doc: `{"userName":"a","name":{"givenName":"g"},"title":"t","emails":[{"value":"w","type":"work","primary":true}],"addresses":[{"formatted":"f","region":"r","type":"work"}],` +
				entURN + `:{"department":"d"},` + custom + `:{"badge":5,"hired":"2026-01-31T11:00:00Z"}}`,
			ops: []string{
				`{"op":"replace","path":"name.givenName","value":""}`, `{"op":"replace","path":"title","value":""}`, `{"op":"replace","path":"emails[type eq \"work\"].value","value":""}`,
				`{"op":"replace","path":"addresses[type eq \"work\"].formatted","value":""}`, `{"op":"replace","path":"addresses[type eq \"work\"].region","value":""}`,
				`{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":""}`, `{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":""}`,
				`{"op":"replace","path":"` + customURI + `:badge","value":""}`, `{"op":"replace","path":"` + customURI + `:hired","value":""}`,
			},
			want: none, strict: ErrInvalidValue,
		},
		{
			name: "nulls", reason: "6.5, E086", doc: `{"userName":"a","name":{"givenName":"g"},"emails":[{"value":"w","type":"work"}],` + custom + `:{"badge":5}}`,
			ops: []string{
				`{"op":"replace","path":"name.givenName","value":null}`, `{"op":"replace","path":"emails[type eq \"work\"].value","value":null}`,
				`{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":null}`, `{"op":"replace","path":"` + customURI + `:badge","value":null}`,
			},
			want: none, strict: ErrNoTarget,
		},
		{
			name: "empty strings without path", reason: "6.5, E086", doc: `{"userName":"a","name":{"givenName":"g"},"title":"t",` + custom + `:{"badge":5}}`,
			ops: []string{`{"op":"replace","value":{"title":"","name.givenName":"","` + customURI + `:badge":""}}`}, want: none, strict: ErrInvalidValue,
		},

		// JSON text in roles
		{
			name: "roles in JSON text", reason: "6.4, E074: SingleAppRoleAssignment", doc: none,
			ops:        []string{`{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"},{"value":"{\"id\":\"07\",\"value\":\"26\",\"displayName\":\"R\\u00e9\",\"origin\":[\"x\"]}"}]}`},
			want:       `{"userName":"a","roles":[{"value":"25","display":"Role1234"},{"value":"26","display":"Ré"}]}`,
			strictWant: `{"userName":"a","roles":[{"value":"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"},{"value":"{\"id\":\"07\",\"value\":\"26\",\"displayName\":\"R\\u00e9\",\"origin\":[\"x\"]}"}]}`,
		},
		{
			name: "roles in JSON text, again", reason: "E074: no duplicates", doc: `{"userName":"a","roles":[{"value":"25","display":"Role1234"}]}`,
			ops:        []string{`{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"}]}`},
			strictWant: `{"userName":"a","roles":[{"value":"25","display":"Role1234"},{"value":"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"}]}`,
		},
		{
			name: "roles removed by JSON text", reason: "A-40", doc: `{"userName":"a","roles":[{"value":"25","display":"Role1234"},{"value":"x"}]}`,
			ops:  []string{`{"op":"Remove","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"25\"}"}]}`},
			want: `{"userName":"a","roles":[{"value":"x"}]}`, strict: ErrInvalidValue,
		},
		{
			name: "text that only looks like JSON", reason: "a value may begin with a brace", doc: none,
			ops:  []string{`{"op":"Add","path":"roles","value":[{"value":"{x}"},{"value":"{\"id\":\"1\"}"},{"value":"{\"value\":[]}"}]}`},
			want: `{"userName":"a","roles":[{"value":"{x}"},{"value":"{\"id\":\"1\"}"},{"value":"{\"value\":[]}"}]}`,
		},
		{
			name: "replace roles", reason: "6.4, E075: exactly these", doc: `{"userName":"a","roles":[{"value":"old"}]}`,
			ops:  []string{`{"op":"replace","path":"roles","value":[{"primary":false,"type":"T","display":"D","value":"V"},{"primary":false,"value":"W"}]}`},
			want: `{"userName":"a","roles":[{"value":"V","display":"D","type":"T","primary":false},{"value":"W","primary":false}]}`, strict: ErrInvalidSyntax, // profile §5.4: no type
		},

		// lists of simple values
		{name: "add tags", reason: "R-251, R-252", doc: `{"userName":"a",` + custom + `:{"tags":["x"]}}`, ops: []string{`{"op":"add","path":"` + customURI + `:tags","value":["y","X"]}`}, want: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`},
		{name: "remove a tag", reason: "A-46", doc: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`, ops: []string{`{"op":"remove","path":"` + customURI + `:tags[value eq \"x\"]"}`}, want: `{"userName":"a",` + custom + `:{"tags":["y"]}}`},
		{name: "remove a tag by comparison", reason: "A-46, EID 7122", doc: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`, ops: []string{`{"op":"remove","path":"` + customURI + `:tags eq \"x\""}`}, want: `{"userName":"a",` + custom + `:{"tags":["y"]}}`},
		{name: "replace a tag", reason: "R-268", doc: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`, ops: []string{`{"op":"replace","path":"` + customURI + `:tags[value eq \"x\"]","value":"z"}`}, want: `{"userName":"a",` + custom + `:{"tags":["z","y"]}}`},
		{name: "replace no tag", reason: "A-38", doc: none, ops: []string{`{"op":"replace","path":"` + customURI + `:tags[value eq \"x\"]","value":"z"}`}, want: `{"userName":"a",` + custom + `:{"tags":["z"]}}`, strict: ErrNoTarget},
		{name: "remove listed tags", reason: "A-40", doc: `{"userName":"a",` + custom + `:{"tags":["x","y"]}}`, ops: []string{`{"op":"remove","path":"` + customURI + `:tags","value":["Y"]}`}, want: `{"userName":"a",` + custom + `:{"tags":["x"]}}`, strict: ErrInvalidValue},
	} {
		c.run(t, typ)
	}
}

func TestPatchOfElementsWithRules(t *testing.T) {
	s, err := ParseSchema([]byte(`{"id":"urn:example:2.0:Thing","name":"Thing","attributes":[{"name":"els","type":"complex","multiValued":true,"subAttributes":[
		{"name":"value"},{"name":"display"},{"name":"type"},{"name":"primary","type":"boolean"},
		{"name":"label","mutability":"immutable"},{"name":"ro","mutability":"readOnly"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	typ, err := NewResourceType(TypeDefinition{Name: "Thing", Endpoint: "Things", Schema: s})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, doc, op, want string
		err                 error
	}{
		{"two primaries in JSON text", `{}`, `{"op":"replace","path":"els","value":[{"value":"{\"value\":\"p\",\"primary\":true}"},{"value":"{\"value\":\"q\",\"primary\":true}"}]}`, "", ErrInvalidValue},
		{"a read-only sub-attribute by creation", `{}`, `{"op":"replace","path":"els[ro eq \"x\"].value","value":"v"}`, "", ErrNoTarget},
		{"a condition that nothing meets", `{}`, `{"op":"replace","path":"els[type eq \"a\" and type eq \"b\"].value","value":"v"}`, "", ErrNoTarget},
		{"an immutable sub-attribute by add", `{"els":[{"value":"a","type":"work","label":"L"}]}`, `{"op":"add","path":"els","value":[{"value":"a","type":"work","label":"M"}]}`, "", ErrMutability},
		{"the same label again", `{"els":[{"value":"a","type":"work","label":"L"}]}`, `{"op":"add","path":"els","value":[{"value":"a","type":"work","label":"L"}]}`, `{"els":[{"value":"a","type":"work","label":"L"}]}`, nil},
		{"clearing one leaves the other alone", `{"els":[{"display":"H","type":"home"},{"value":"w","type":"work"}]}`, `{"op":"replace","path":"els[type eq \"work\"].value","value":""}`, `{"els":[{"display":"H","type":"home"}]}`, nil},
		{"the last primary added wins", `{"els":[{"value":"a","primary":true}]}`, `{"op":"add","path":"els","value":[{"value":"b","primary":true}]}`, `{"els":[{"value":"a","primary":false},{"value":"b","primary":true}]}`, nil},
	} {
		got, err := patchDocument(typ, nil, c.doc, patchBody(c.op))
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || err == nil && got != c.want {
			t.Errorf("%s: got %s, %v; want %s, %v", c.name, got, err, c.want, c.err)
		}
	}
}
