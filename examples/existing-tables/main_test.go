package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestEndpoint is the application and an identity provider by turns.
func TestEndpoint(t *testing.T) {
	file := filepath.Join(t.TempDir(), "acme.db")
	db, dialect, err := open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	handler, err := endpoint(db, dialect, "secret")
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, path, body string, status int) string {
		t.Helper()
		r := httptest.NewRequest(method, "/scim/v2"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Content-Type", "application/scim+json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != status {
			t.Fatalf("%s %s: got %d %s, want %d", method, path, w.Code, w.Body, status)
		}
		return w.Body.String()
	}

	if got := send("GET", `/Users?filter=userName+eq+%22ada@ACME.example%22+and+title+sw+%22Count%22`, "", http.StatusOK); !strings.Contains(got, `"totalResults":1`) ||
		!strings.Contains(got, `"displayName":"Ada Lovelace"`) {
		t.Errorf("a user whom the application made: got %s", got)
	}
	var alan struct{ ID string }
	created := send("POST", "/Users", `{"userName":"alan@acme.example","displayName":"Alan Turing","nickName":"Prof"}`, http.StatusCreated)
	if err := json.Unmarshal([]byte(created), &alan); err != nil {
		t.Fatal(err)
	}
	var name string
	var enabled bool
	if err := db.QueryRow("SELECT full_name, enabled FROM users WHERE login = 'alan@acme.example'").Scan(&name, &enabled); err != nil || name != "Alan Turing" || !enabled {
		t.Errorf("the application sees the user %q, enabled %v, error %v; want Alan Turing, enabled", name, enabled, err)
	}
	if _, err := db.Exec("UPDATE users SET title = 'Reader', version = version + 1 WHERE id = $1", alan.ID); err != nil {
		t.Fatal(err)
	}
	got := send("GET", "/Users/"+alan.ID, "", http.StatusOK)
	for _, want := range []string{`"title":"Reader"`, `"nickName":"Prof"`, `W/\"2\"`} {
		if !strings.Contains(got, want) {
			t.Errorf("after the application gave the user a title: got %s, want %s", got, want)
		}
	}

	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, dialect, err = open(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	if handler, err = endpoint(db, dialect, "secret"); err != nil {
		t.Fatal(err)
	}
	if got := send("GET", "/Users?count=0", "", http.StatusOK); !strings.Contains(got, `"totalResults":3`) {
		t.Errorf("after it was started anew: got %s, want 3 users", got)
	}
}

func TestQueryHidesPasswords(t *testing.T) {
	if got := query("postgres://ann:secret@db.example/acme"); strings.Contains(got, "secret") || !strings.HasPrefix(got, "psql 'postgres://ann:") {
		t.Errorf("got %s", got)
	}
}
