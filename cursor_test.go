package scim_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// Cursors beyond what testdata/wire/R181_cursors.txt and what follows it have.

type cursorPage struct {
	TotalResults int
	NextCursor   string
	Resources    []struct{ ID string }
	ScimType     string
}

func (e endpoint) page(path string) (p cursorPage) {
	e.t.Helper()
	rec := e.do("GET", path, "")
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Code >= 500 {
		e.t.Fatalf("GET %s: got %d %s", path, rec.Code, rec.Body)
	}
	return p
}

// walk follows the cursors of a query to the end.
func (e endpoint) walk(path string) (ids []string) {
	e.t.Helper()
	for cursor, pages := "", 0; ; pages++ {
		p := e.page(path + "&cursor=" + url.QueryEscape(cursor))
		for _, r := range p.Resources {
			ids = append(ids, r.ID)
		}
		if cursor = p.NextCursor; cursor == "" {
			return ids
		}
		if len(p.Resources) == 0 || pages > 10_000 {
			e.t.Fatalf("GET %s: page %d has %d resources, and a cursor", path, pages+1, len(p.Resources))
		}
	}
}

var walkedQueries = []string{
	"/Users?a=1", "/?a=1", "/Users?sortBy=title", "/Users?sortBy=title&sortOrder=descending", "/?sortBy=displayName", "/?sortBy=title&sortOrder=descending",
	"/?sortBy=meta.lastModified", "/Users?filter=title+pr&sortBy=userName", "/?filter=displayName+pr", "/Groups?sortBy=displayName",
}

// The pages of a query are, one after another, what one page would be.
func TestCursorsLeadThroughAll(t *testing.T) {
	e := newEndpoint(t, new(memstore.Store), nil)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		e.do("POST", "/Users", fmt.Sprintf(`{"userName":"u%d","title":"%s","displayName":"%s"}`, i, strings.Repeat("t", random.IntN(4)), strings.Repeat("d", random.IntN(9))))
		if i%3 == 0 {
			e.do("POST", "/Groups", fmt.Sprintf(`{"displayName":"%s%d"}`, strings.Repeat("d", random.IntN(9)), i))
		}
	}
	for _, q := range walkedQueries {
		var want []string
		for _, r := range e.page(q + "&count=200").Resources {
			want = append(want, r.ID)
		}
		for _, count := range []int{1, 2, 3, 7, 20, 80, 200} {
			if got := e.walk(fmt.Sprintf("%s&count=%d", q, count)); !slices.Equal(got, want) || len(got) == 0 {
				t.Errorf("GET %s: by cursors of %d there are %d resources, in one page %d, or in another order", q, count, len(got), len(want))
			}
		}
		for start := 1; start <= len(want)+1; start += 7 {
			var got []string
			for _, r := range e.page(fmt.Sprintf("%s&startIndex=%d&count=5", q, start)).Resources {
				got = append(got, r.ID)
			}
			if w := want[start-1 : min(start+4, len(want))]; !slices.Equal(got, w) {
				t.Errorf("GET %s: from %d by index: got %v, want %v", q, start, got, w)
			}
		}
	}
}

// What comes or goes during a walk makes no other come twice or be left out.
func TestCursorsWhileResourcesComeAndGo(t *testing.T) {
	for _, q := range walkedQueries {
		store := &busyStore{Store: new(memstore.Store)}
		e := newEndpoint(t, store, nil)
		stay := map[string]int{}
		create := func(i int, title string) (id string) {
			var made struct{ ID string }
			path, name := "/Users", "userName"
			if i%3 == 0 && !strings.HasPrefix(q, "/Users") || strings.HasPrefix(q, "/Groups") {
				path, name = "/Groups", "externalId"
			}
			rec := e.do("POST", path, fmt.Sprintf(`{%q:"u%d","title":%q,"displayName":"%s-%d"}`, name, i, title, title, i))
			if err := json.Unmarshal(rec.Body.Bytes(), &made); err != nil || made.ID == "" {
				t.Fatalf("POST %s: got %s", path, rec.Body)
			}
			return made.ID
		}
		var leave []string
		for i := range 40 {
			id := create(i, fmt.Sprint("t", i%5))
			if i%4 == 0 {
				leave = append(leave, id)
			} else {
				stay[id] = 0
			}
		}
		random, n := rand.New(rand.NewPCG(3, 4)), 1000
		store.meanwhile = func() {
			if n++; n > 1100 { // or a walk in the order of creation would never end
				return
			}
			create(n, fmt.Sprint("t", random.IntN(6)))
			if len(leave) > 0 {
				e.do("DELETE", "/Users/"+leave[0], "")
				e.do("DELETE", "/Groups/"+leave[0], "")
				leave = leave[1:]
			}
		}
		for _, id := range e.walk(q + "&count=3") {
			if _, known := stay[id]; known {
				stay[id]++
			}
		}
		for id, times := range stay {
			if times != 1 {
				t.Errorf("GET %s: %s came %d times", q, id, times)
			}
		}
	}
}

// busyStore is changed by others at each look at a list.
type busyStore struct {
	scim.Store
	meanwhile func()
}

func (s *busyStore) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	page, err := s.Store.List(ctx, q)
	if do := s.meanwhile; do != nil {
		s.meanwhile = nil // for the looks that others take
		do()
		s.meanwhile = do
	}
	return page, err
}

// Nobody can read a cursor, change it, or make one.
func TestCursorsAreSealed(t *testing.T) {
	e := newEndpoint(t, new(memstore.Store), nil)
	for i := range 3 {
		e.do("POST", "/Users", fmt.Sprintf(`{"userName":"u%d","title":"confidential"}`, i))
	}
	const q = "/Users?count=1&sortBy=title&cursor="
	cursor := e.page(q).NextCursor
	if strings.Trim(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") != "" || cursor == "" {
		t.Errorf("the cursor %q has characters that must be escaped in a URL", cursor)
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || strings.Contains(string(raw), "confid") || strings.Contains(cursor, base64.RawURLEncoding.EncodeToString([]byte("confid"))) {
		t.Errorf("the cursor %q tells the title (%v)", raw, err)
	}
	if p := e.page(q + cursor); len(p.Resources) != 1 {
		t.Fatalf("the cursor leads to %+v", p)
	}
	for i := range cursor {
		for _, c := range []byte("Aa0-_") {
			if changed := cursor[:i] + string(c) + cursor[i+1:]; changed != cursor {
				if p := e.page(q + changed); p.ScimType != "invalidCursor" {
					t.Errorf("with %q at %d: got %+v, want invalidCursor", c, i, p)
				}
			}
		}
		if p := e.page(q + cursor[:i]); i > 0 && p.ScimType != "invalidCursor" {
			t.Errorf("cut to %d characters: got %+v, want invalidCursor", i, p)
		}
	}
}

// The key is what Handlers share: with the same one they take each other's
// cursors, also after a restart, and with another one they do not.
func TestCursorKey(t *testing.T) {
	store := new(memstore.Store)
	key := []byte(strings.Repeat("k", 32))
	one, two := newEndpoint(t, store, &scim.Options{CursorKey: key}), newEndpoint(t, store, &scim.Options{CursorKey: slices.Clone(key)})
	other := newEndpoint(t, store, nil)
	for i := range 3 {
		one.do("POST", "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i))
	}
	const q = "/Users?count=1&cursor="
	cursor := one.page(q).NextCursor
	if p := two.page(q + cursor); len(p.Resources) != 1 {
		t.Errorf("with the same key: got %+v", p)
	}
	if p := other.page(q + cursor); p.ScimType != "invalidCursor" {
		t.Errorf("with another key: got %+v, want invalidCursor", p)
	}
	if _, err := scim.NewHandler(store, scim.StaticToken("x", scim.Principal{}), &scim.Options{CursorKey: key[:31]}); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
}

// A Store chooses what its places look like: any bytes are given back to it.
func TestCursorKeepsThePlaceOfTheStore(t *testing.T) {
	store := &placingStore{at: "\xff\x00\"é\u2028\xc3"}
	e := newEndpoint(t, store, nil)
	p := e.page("/Users?cursor&count=1")
	e.page("/Users?count=1&cursor=" + p.NextCursor)
	if want := (scim.Place{Key: "\xfe", At: store.at}); store.after != want {
		t.Errorf("the store is asked for what follows %q, want %q", store.after, want)
	}
}

type placingStore struct {
	memstore.Store
	at    string
	after scim.Place
}

func (s *placingStore) List(_ context.Context, q scim.Query) (*scim.Page, error) {
	s.after = q.After
	return &scim.Page{Total: 9, Next: scim.Place{Key: "\xfe", At: s.at}}, nil
}

// A cursor is of one endpoint, whoever else has the key: not even the same
// tenant's at another mount can use it. Which host it is asked of is the proxies'.
func TestCursorsOfTwoMounts(t *testing.T) {
	mux := http.NewServeMux()
	for _, mount := range []string{"/a/", "/b/", "/a/v2/"} {
		e := newEndpoint(t, new(memstore.Store), &scim.Options{CursorKey: []byte(strings.Repeat("k", 32))})
		for i := range 3 {
			e.do("POST", "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i))
		}
		mux.Handle(mount, e.h)
		mux.Handle("/stripped"+mount, http.StripPrefix("/stripped"+strings.TrimSuffix(mount, "/"), e.h))
	}
	e := endpoint{t, mux}
	const q = "/Users?count=1&cursor="
	cursor := e.page("/a" + q).NextCursor
	for path, want := range map[string]int{"/a": 1, "http://other.example/a": 1, "/b": 0, "/a/v2": 0, "/stripped/a": 0, "/stripped/b": 0} {
		p := e.page(path + q + cursor)
		if len(p.Resources) != want || want == 0 && p.ScimType != "invalidCursor" {
			t.Errorf("GET %s: got %+v, want %d resources", path, p, want)
		}
	}
	if cursor = e.page("/stripped/a" + q).NextCursor; cursor == "" || e.page("/stripped/b"+q+cursor).ScimType != "invalidCursor" {
		t.Error("behind http.StripPrefix, too, a cursor is of one endpoint")
	}
}

// No cursor makes a fault, and none but those that were sealed is taken.
func FuzzCursor(f *testing.F) {
	e := newEndpoint(f, wireStore(), &scim.Options{CursorKey: []byte(strings.Repeat("k", 32))})
	for i := range 3 {
		e.do("POST", "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i))
	}
	const q = "/Users?count=1&cursor="
	sealed := []string{"", e.page(q).NextCursor}
	sealed = append(sealed, e.page(q+sealed[1]).NextCursor)
	for _, c := range append(sealed, "x", sealed[1][1:], sealed[2]+"A", sealed[2]+"\n", "\n", "\x00", "é", "AAAAAAAAAAAAAAAA") {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		p := endpoint{t, e.h}.page(q + url.QueryEscape(cursor))
		if known := slices.Contains(sealed, cursor); known != (len(p.Resources) == 1) || !known && p.ScimType != "invalidCursor" {
			t.Errorf("cursor %q: got %+v", cursor, p)
		}
	})
}
