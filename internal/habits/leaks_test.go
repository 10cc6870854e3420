package habits

import (
	"bytes"
	"regexp"
	"testing"
	"unicode/utf8"
)

// What is true on one machine only: somebody's folders, and the host from
// which modules and packages happened to come.
var leak = regexp.MustCompile(`(?:^|[\s"'` + "`" + `(=:])/(?:home|root|work|farm)/[a-z.]` +
	`|[.]library/|https?://(?:proxy|registry|deb)[.]|\b(?:proxy|sum)[.]golang[.]org\b`)

func TestNothingOfOneMachineIsInTheRepository(t *testing.T) {
	files(t, func(file string, content []byte) {
		if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
			return // not text
		}
		for n, line := range bytes.Split(content, []byte("\n")) {
			if found := leak.Find(line); found != nil {
				t.Errorf("%s:%d: %q belongs to one machine", file, n+1, found)
			}
		}
	})
}

func TestLeak(t *testing.T) {
	folder, host := "/ho"+"me/ann/scim", "https://re"+"gistry.example.com"
	for _, tt := range []struct {
		text string
		want bool
	}{
		{folder, true},
		{"replace x => " + folder, true},
		{"get it from " + host, true},
		{"https://app.example.com/wo" + "rk/items", false},
		{"GET /scim/v2/Users", false},
	} {
		if got := leak.MatchString(tt.text); got != tt.want {
			t.Errorf("leak in %q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}
