package scim_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// TestMaxScan: R-162. A query that no index answers is refused where it would touch too
// much, and says what to ask instead; what an index answers is not.
func TestMaxScan(t *testing.T) {
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), &scim.Options{MaxScan: 20})
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for i := range 21 {
		if w := do("POST", "/Users", fmt.Sprintf(`{"userName":"user%02d","title":"Boss"}`, i)); w.Code != 201 {
			t.Fatal(w.Code, w.Body)
		}
	}
	for _, tt := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/Users?count=5", "", 200},
		{"GET", "/Users?startIndex=20", "", 200},
		{"GET", "/Users?cursor&count=5", "", 200},
		{"GET", "/Users?filter=userName+eq+%22user07%22", "", 200},
		{"GET", "/Users?filter=userName+eq+%22user07%22+and+title+co+%22o%22", "", 200},
		{"GET", "/Users?filter=title+co+%22o%22", "", 400},
		{"GET", "/Users?sortBy=title", "", 400},
		{"POST", "/Users/.search", `{"filter":"title co \"o\"","count":1}`, 400},
		{"GET", "/?filter=title+pr", "", 400},
	} {
		w := do(tt.method, tt.path, tt.body)
		if w.Code != tt.want || tt.want == 400 && !strings.Contains(w.Body.String(), `"scimType":"tooMany","detail":"more than 20 resources`) {
			t.Errorf("%s %s: got %d %s, want %d", tt.method, tt.path, w.Code, w.Body, tt.want)
		}
	}
}
