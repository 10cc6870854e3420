package idp_test

import (
	"strings"
	"testing"

	"github.com/usherkit/scim/scimtest/idp"
)

// TestRolesOnTheWire follows the examples of Microsoft's "Provisioning a role
// to a SCIM app" (E045, E073, E074, E075).
func TestRolesOnTheWire(t *testing.T) {
	admin := `"{\"id\":\"r1\",\"value\":\"25\",\"displayName\":\"Role1234\"}"`
	user := `"{\"id\":\"r2\",\"value\":\"User\",\"displayName\":\"Users\"}"`
	const kind = `"type":"WindowsAzureActiveDirectoryRole"`
	for _, tt := range []struct {
		function, target, query string
		post, patch             string // of the roles r1, and r1 with r2
		kept                    string // roles at the endpoint with which nothing is written
	}{
		{
			"Single", `roles[primary eq "True"].value`, "",
			`[{"primary":true,` + kind + `,"value":"25"}]`, `{"op":"Add","path":"roles","value":[{"value":` + admin + `}]}`,
			`[{"value":"x"},{"value":` + admin + `}]`,
		}, {
			"Single", `roles[primary eq "True"].value`, "?aadOptscim062020",
			`[{"primary":true,` + kind + `,"value":"25"}]`, `{"op":"add","path":"roles[primary eq \"True\"].value","value":"25"}`,
			`[{"value":"25","primary":true}]`,
		}, {
			"Complex", "roles", "",
			`[{"primary":false,` + kind + `,"displayName":"Role1234","value":"25"}]`, `{"op":"Add","path":"roles","value":[{"value":` + admin + `},{"value":` + user + `}]}`,
			`[{"value":"25"},{"value":"User"},{"value":"somebody else's"}]`,
		}, {
			"Complex", "roles", "?aadOptscim062020",
			`[{"primary":false,` + kind + `,"displayName":"Role1234","value":"25"}]`,
			`{"op":"add","path":"roles","value":[{"primary":false,` + kind + `,"displayName":"Role1234","value":"25"},{"primary":false,` + kind + `,"displayName":"Users","value":"User"}]}`,
			`[{"value":"25"},{"value":"User"}]`,
		}, {
			"Assertive", "roles", "",
			`[{"primary":false,` + kind + `,"display":"Role1234","value":"25"}]`,
			`{"op":"replace","path":"roles","value":[{"primary":false,` + kind + `,"display":"Role1234","value":"25"},{"primary":false,` + kind + `,"display":"Users","value":"User"}]}`,
			`[{"value":"User"},{"value":"25"}]`,
		},
	} {
		t.Run(tt.function+tt.query, func(t *testing.T) {
			name := map[string]string{"Single": "SingleAppRoleAssignment", "Complex": "AppRoleAssignmentsComplex", "Assertive": "AssertiveAppRoleAssignmentsComplex"}[tt.function]
			entra, s := scripted(t, idp.Options{UsersOnly: true, AssignedOnly: true, UserMappings: []idp.Mapping{
				{Source: "userPrincipalName", Target: "userName", Matching: 1},
				{Source: name + "([appRoleAssignments])", Target: tt.target},
			}}, tt.query)
			d := idp.Directory{
				Users:       []idp.User{{ID: "u", UserPrincipalName: "u"}, {ID: "nobody", UserPrincipalName: "n"}, {ID: "norole", UserPrincipalName: "r"}},
				AppRoles:    []idp.AppRole{{ID: "r1", Value: "25", DisplayName: "Role1234"}, {ID: "r2", Value: "User", DisplayName: "Users"}},
				Assignments: []idp.Assignment{{PrincipalID: "u", AppRoleID: "r1"}, {PrincipalID: "norole"}},
			}
			const head = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":`
			post := head + `"u","meta":{"resourceType":"User"},"roles":` + tt.post + `}`
			bare := head + `"r","meta":{"resourceType":"User"},"roles":[]}`
			sync := func() (*idp.Report, error) { return entra.Sync(t.Context(), d) }
			probe := probes("userName")[0]
			s.expect("create", sync, probe,
				step{"E023", "GET /Users?filter=userName+eq+%22u%22", "", 200, empty},
				step{"E045", "POST /Users", post, 201, `{"id":"U1","userName":"u"}`},
				step{"assigned without a role", "GET /Users?filter=userName+eq+%22r%22", "", 200, empty},
				step{"null is not sent", "POST /Users", bare, 201, `{"id":"U2","userName":"r"}`})

			d.Assignments = append(d.Assignments, idp.Assignment{PrincipalID: "u", AppRoleID: "r2"})
			if tt.function == "Single" { // only the first one counts
				d.Users[0].UserPrincipalName = "U"
			}
			patch := tt.patch
			if tt.function == "Single" {
				rename := map[string]string{"": `{"op":"Replace","path":"userName","value":"U"}`, "?aadOptscim062020": `{"op":"replace","value":{"userName":"U"}}`}[tt.query]
				patch = rename + "," + patch
				if tt.query != "" {
					patch = tt.patch + "," + rename
				}
			}
			s.expect("update", sync, probe,
				step{"E051", "GET /Users/U1", "", 200, `{"id":"U1","userName":"u","roles":[{"value":"stale"}]}`},
				step{"E073, E074, E075", "PATCH /Users/U1", patchOf(patch), 204, ""})

			entra.Restart(idp.KeepLinks)
			s.expect("restart", sync, probe,
				step{"E051", "GET /Users/U1", "", 200, `{"id":"U1","userName":"` + d.Users[0].UserPrincipalName + `","roles":` + tt.kept + `}`},
				step{"E051", "GET /Users/U2", "", 200, `{"id":"U2","userName":"r"}`})
		})
	}
}

// TestAssignedOnly: a group has the application for its direct members, and
// for no others; who loses it is disabled, and the group deleted.
func TestAssignedOnly(t *testing.T) {
	mappings := append(idp.DefaultUserMappings(), idp.Mapping{Source: "AssertiveAppRoleAssignmentsComplex([appRoleAssignments])", Target: "roles"})
	for _, query := range []string{"", "?aadOptscim062020"} {
		entra := newEntra(t, serve(t, nil)+query, token, &idp.Options{AssignedOnly: true, UserMappings: mappings})
		d := company()
		d.Groups = append(d.Groups, idp.Group{ID: "outer", DisplayName: "Outer", Members: []string{"ja", "rd"}})
		d.AppRoles = []idp.AppRole{{ID: "r1", Value: "Admin", DisplayName: "Admins"}, {ID: "r2", Value: "User", DisplayName: "Users"}}
		d.Assignments = []idp.Assignment{{PrincipalID: "outer", AppRoleID: "r2"}, {PrincipalID: "boss", AppRoleID: "r1"}, {PrincipalID: "ja", AppRoleID: "r1"}}
		for _, tt := range []struct {
			name    string
			happens func()
			want    string
			writes  int
		}{
			{"assigned", func() {}, "boss ja", 4}, // two users, the group, one member
			{"another role", func() { d.Assignments[1].AppRoleID = "r2" }, "boss ja", 1},
			{"one unassigned", func() { d.Assignments = d.Assignments[:2] }, "boss ja", 1},                                                                // a role less
			{"the group too", func() { d.Assignments = d.Assignments[1:] }, "boss", 2},                                                                    // disabled, and deleted
			{"a group with more", func() { d.Assignments = append(d.Assignments, idp.Assignment{PrincipalID: "rd", AppRoleID: "r1"}) }, "boss ja o'c", 6}, // one created and one restored, the group, its members, two managers
		} {
			tt.happens()
			r, err := entra.Sync(t.Context(), d)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if r.Writes() != tt.writes {
				t.Errorf("%s: %d writes, want %d:\n%s", tt.name, r.Writes(), tt.writes, r)
			}
			if _, err := entra.Verify(t.Context(), d); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			accounts, _, err := entra.Discover(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, id := range []string{"boss", "ja", "o'c"} {
				for _, a := range accounts {
					if a.User == id && a.Assigned {
						got = append(got, id)
					}
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%s: assigned %q, want %q", tt.name, got, tt.want)
			}
		}
	}
}
