package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestLastAddress(t *testing.T) {
	for _, tt := range []struct {
		name, remote string
		values       []string
		want         string
	}{
		{"the only one", "10.0.0.1:5", []string{"192.0.2.7"}, "192.0.2.7"},
		{"the last one: what is before it the client may have written", "10.0.0.1:5", []string{"1.1.1.1, 192.0.2.7"}, "192.0.2.7"},
		{"of the last header", "10.0.0.1:5", []string{"1.1.1.1", "192.0.2.7"}, "192.0.2.7"},
		{"with a port", "10.0.0.1:5", []string{"192.0.2.7:4711"}, "192.0.2.7"},
		{"of IPv6 its network", "10.0.0.1:5", []string{"[2001:db8::1]:4711"}, "2001:db8::/64"},
		{"none: the connection's, without its port", "10.0.0.1:5", nil, "10.0.0.1"},
		{"no address", "10.0.0.1:5", []string{"unknown"}, "10.0.0.1"},
		{"a Unix socket", "@", nil, ""},
	} {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{"X-Forwarded-For": tt.values}}
		if got := lastAddress(r, "X-Forwarded-For"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What a command is told to be given can be pasted.
func TestWelcomeTenants(t *testing.T) {
	const made = "usher tenant add contoso -provider entra -public http://localhost:8080"
	for _, tt := range []struct {
		name, environment, db, want string
	}{
		{"from the environment", "postgres://scim:hunter2@db/scim", "postgres://scim:hunter2@db/scim", made + "\n"},
		{"another one there", "other.db", "usher.db", made + " -db usher.db\n"},
		{"a file with a space", "", "our users.db", made + " -db 'our users.db'\n"},
		{"of which a quote is a part", "", "ada's.db", made + ` -db 'ada'\''s.db'` + "\n"},
		{"PostgreSQL", "", "postgres://scim:hunter2@db/scim?sslmode=disable", made + " -db 'postgres://scim@db/scim?sslmode=disable'\n"},
	} {
		t.Setenv("USHER_DB", tt.environment)
		c := new(serveCommand)
		c.DB = tt.db
		var out strings.Builder
		c.welcomeTenants(&out, "a database", "http://localhost:8080", "")
		if got := out.String(); !strings.Contains(got, tt.want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}
