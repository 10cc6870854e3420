package company_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/idp"
)

// facts reports what must hold in every new directory and does not.
func facts(o company.Options, d idp.Directory) (wrong []string) {
	wrong = sound(d)
	manager := map[string]string{}
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(d.Users) != max(o.Users, 0) {
		say("got %d users, want %d", len(d.Users), o.Users)
	}
	for _, u := range d.Users {
		manager[u.ID] = u.Manager
	}
	for _, u := range d.Users[min(1, len(d.Users)):] {
		at := u.ID
		for manager[at] != "" {
			at = manager[at]
		}
		if at != d.Users[0].ID && u.EmployeeID != "" { // or it is a guest
			say("%s is not led by the head of the company", u.UserPrincipalName)
			break
		}
	}
	if want := o.Groups; want > 0 && o.Users > 0 && len(d.Groups) != want || want < 0 && len(d.Groups) > 0 {
		say("got %d groups, want %d", len(d.Groups), want)
	}
	for i, g := range d.Groups[:min(2, len(d.Groups))] {
		if i == 0 && len(g.Members) != len(d.Users) || i == 1 && len(g.Members) > 0 {
			say("group %d, %s, has %d members", i, g.DisplayName, len(g.Members))
		}
	}
	return wrong
}

// sound reports what must hold whatever has become of a directory.
func sound(d idp.Directory) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if err := d.Validate(); err != nil {
		say("%v", err)
	}
	taken := map[string]string{}
	once := func(what, value string) {
		key := what + " " + strings.ToLower(norm.NFKC.String(value))
		if other, ok := taken[key]; ok {
			say("%s %q is taken by %q", what, value, other)
		}
		taken[key] = value
	}
	manager := map[string]string{}
	for _, u := range d.Users {
		once("userPrincipalName", u.UserPrincipalName)
		once("mailNickname", u.MailNickname)
		if u.MailNickname == "" || u.DisplayName == "" {
			say("%s has no mailNickname or displayName", u.UserPrincipalName)
		}
		if u.EmployeeID != "" {
			once("employeeId", u.EmployeeID)
		}
		local, _, _ := strings.Cut(u.UserPrincipalName, "@")
		if local == "" || len(local) > 64 || strings.IndexFunc(local, func(r rune) bool {
			return r > unicode.MaxASCII || r <= ' ' || strings.ContainsRune(`"\/[]:;|=,+*?<>@`, r)
		}) >= 0 {
			say("userPrincipalName %q is none that Entra takes", u.UserPrincipalName)
		}
		for _, s := range []string{u.DisplayName, u.GivenName, u.Surname, u.JobTitle, u.Mail} {
			if strings.TrimSpace(s) != s || len([]rune(s)) > 256 {
				say("%q of %s is too long or has spaces around it", s, u.UserPrincipalName)
			}
		}
		manager[u.ID] = u.Manager
	}
	for _, u := range d.Users {
		at := u.ID
		for step := 0; manager[at] != "" && step <= 60; step++ {
			if at = manager[at]; step == 60 {
				say("%s is led in a circle", u.UserPrincipalName)
			}
		}
	}
	for _, g := range d.Groups {
		once("displayName", g.DisplayName)
	}
	return wrong
}

func FuzzNew(f *testing.F) {
	for _, users := range []int{-1, 0, 1, 2, 3, 7, 26, 50, 333, 2000} {
		f.Add(users, 0, uint64(users))
		f.Add(users, users/3, uint64(7))
		f.Add(users, -1, uint64(1))
	}
	f.Fuzz(func(t *testing.T, users, groups int, seed uint64) {
		o := company.Options{Users: users % 3000, Groups: groups % 500, Seed: seed}
		d := company.New(o)
		for _, w := range facts(o, d) {
			t.Errorf("%+v: %s", o, w)
		}
		before := d.Clone()
		later := company.Evolve(d, seed)
		for _, w := range sound(later) {
			t.Errorf("%+v, later: %s", o, w)
		}
		if !reflect.DeepEqual(d, before) {
			t.Errorf("%+v: Evolve changed the directory", o)
		}
		if reflect.DeepEqual(d, later) && len(d.Users) > 1 {
			t.Errorf("%+v: Evolve changed nothing", o)
		}
	})
}

// TestEvolve: three times are enough for all that can happen to a user to have
// happened, to somebody who is provisioned before and after; what was empty is
// filled, and what was there changed.
func TestEvolve(t *testing.T) {
	for _, users := range []int{60, 1000} {
		t.Run(fmt.Sprint(users), func(t *testing.T) {
			d := company.New(company.Options{Users: users, Seed: 1})
			changed, filled, emptied := map[string]int{}, map[string]int{}, map[string]int{}
			out, in := 0, 0
			for n := range uint64(3) {
				later := company.Evolve(d, n)
				if !reflect.DeepEqual(later, company.Evolve(d, n)) {
					t.Fatal("the same directory and seed have two futures")
				}
				for _, was := range d.Users {
					is := later.User(was.ID)
					if is == nil || was.Disabled || is.Disabled {
						continue
					}
					for field := range reflect.TypeFor[idp.User]().Fields() {
						a, b := reflect.ValueOf(was).FieldByIndex(field.Index), reflect.ValueOf(*is).FieldByIndex(field.Index)
						switch {
						case reflect.DeepEqual(a.Interface(), b.Interface()):
						case a.IsZero():
							filled[field.Name]++
						case b.IsZero():
							emptied[field.Name]++
						default:
							changed[field.Name]++
						}
					}
				}
				for _, g := range d.Groups {
					for _, m := range g.Members {
						if later.User(m) != nil && !slices.Contains(later.Group(g.ID).Members, m) {
							out++
						}
					}
					for _, m := range later.Group(g.ID).Members {
						if d.User(m) != nil && !slices.Contains(g.Members, m) {
							in++
						}
					}
				}
				d = later
			}
			for _, name := range strings.Fields("UserPrincipalName DisplayName GivenName Surname JobTitle Department PreferredLanguage Mail BusinessPhones MobilePhone OfficeLocation StreetAddress PostalCode City Country Manager") {
				if changed[name] == 0 {
					t.Errorf("%s never changes", name)
				}
			}
			if filled["MobilePhone"] == 0 || filled["BusinessPhones"]+filled["FaxNumber"] == 0 || len(filled) < 4 {
				t.Errorf("too little was filled in: %v", filled)
			}
			if emptied["Manager"] == 0 || len(emptied) > 1 {
				t.Errorf("got %v emptied, want the manager alone", emptied)
			}
			if out == 0 || in == 0 {
				t.Errorf("%d left groups and %d joined some, want both", out, in)
			}
		})
	}
}

func TestSameOptionsSameCompany(t *testing.T) {
	o := company.Options{Users: 500, Groups: 40, Seed: 7, Domain: "a.example"}
	a, b := company.New(o), company.New(o)
	if !reflect.DeepEqual(a, b) {
		t.Error("the same Options made two companies")
	}
	o.Seed = 8
	if c := company.New(o); reflect.DeepEqual(a, c) || a.Users[0].ID == c.Users[0].ID {
		t.Error("another Seed made the same company")
	}
	for _, u := range a.Users {
		if u.EmployeeID != "" && !strings.HasSuffix(u.UserPrincipalName, "@a.example") {
			t.Errorf("%s is not of the Domain", u.UserPrincipalName)
		}
	}
}

// TestDistribution: what the package promises to have in it is in it.
func TestDistribution(t *testing.T) {
	for _, tt := range []struct{ users, depth, scripts, offices, departments int }{
		{50, 3, 14, 5, 5},
		{5000, 4, 16, 30, 14},
		{100_000, 6, 16, 30, 14},
	} {
		t.Run(fmt.Sprint(tt.users), func(t *testing.T) {
			o := company.Options{Users: tt.users, Seed: 3}
			start := time.Now()
			d := company.New(o)
			t.Logf("%d users and %d groups in %v", len(d.Users), len(d.Groups), time.Since(start))
			for _, w := range facts(o, d) {
				t.Error(w)
			}
			count := map[string]int{}
			is := func(what string, really bool) {
				if really {
					count[what]++
				}
			}
			users, managers := map[string]*idp.User{}, map[string]string{}
			for i := range d.Users {
				users[d.Users[i].ID], managers[d.Users[i].ID] = &d.Users[i], d.Users[i].Manager
			}
			scripts, offices, departments := map[string]int{}, map[string]int{}, map[string]int{}
			deepest := 0
			for i, u := range d.Users {
				for name, table := range unicode.Scripts {
					if i < 5000 && name != "Common" && name != "Inherited" && strings.IndexFunc(u.DisplayName, func(r rune) bool { return unicode.Is(table, r) }) >= 0 {
						scripts[name]++
					}
				}
				offices[u.City]++
				departments[u.Department]++
				depth := 0
				for at := u.ID; managers[at] != ""; at = managers[at] {
					depth++
				}
				deepest = max(deepest, depth)
				is("disabled", u.Disabled)
				is("guest", u.EmployeeID == "")
				is("apostrophe", strings.ContainsAny(u.Surname, "'’"))
				is("apostrophe in the user name", strings.Contains(u.UserPrincipalName, "'"))
				is("hyphen", strings.Contains(u.Surname, "-"))
				is("particle", strings.HasPrefix(u.Surname, "van ") || strings.HasPrefix(u.Surname, "de la "))
				is("one name", u.GivenName == "" || u.Surname == "")
				is("longer than 150", len(u.DisplayName) > 150)
				is("emoji", strings.IndexFunc(u.DisplayName, func(r rune) bool { return unicode.Is(unicode.So, r) }) >= 0)
				is("decomposed", !norm.NFC.IsNormalString(u.DisplayName))
				is("composed", norm.NFC.IsNormalString(u.DisplayName) && !norm.NFD.IsNormalString(u.DisplayName))
				is("digit in a name", strings.ContainsAny(u.GivenName, "0123456789"))
				is("plus in mail", strings.Contains(u.Mail, "+"))
				is("no mail", u.Mail == "")
				is("capitals", strings.ToLower(u.UserPrincipalName) != u.UserPrincipalName)
				is("beyond the first plane", strings.IndexFunc(u.DisplayName, func(r rune) bool { return r > 0xffff }) >= 0)
			}
			t.Log(count, scripts)
			want := []string{"apostrophe", "hyphen", "particle", "one name", "emoji", "decomposed", "composed", "capitals"}
			if tt.users >= 5000 {
				want = append(want, "disabled", "guest", "apostrophe in the user name", "longer than 150", "digit in a name", "plus in mail", "no mail", "beyond the first plane")
				if n := count["disabled"] * 100 / tt.users; n < 1 || n > 6 {
					t.Errorf("%d%% are disabled", n)
				}
			}
			for _, what := range want {
				if count[what] == 0 {
					t.Errorf("%s: none", what)
				}
			}
			if len(scripts) < tt.scripts || len(offices) < tt.offices || len(departments) < tt.departments || deepest < tt.depth || deepest > tt.depth+2 {
				t.Errorf("got %d scripts, %d offices, %d departments and %d levels, want at least %d, %d, %d and about %d",
					len(scripts), len(offices), len(departments), deepest, tt.scripts, tt.offices, tt.departments, tt.depth)
			}

			ids := map[string]bool{}
			for _, g := range d.Groups {
				ids[g.ID] = true
			}
			nested := 0
			for _, g := range d.Groups {
				if slices.ContainsFunc(g.Members, func(m string) bool { return ids[m] }) {
					nested++
				}
			}
			if nested == 0 {
				t.Error("no group has groups as members")
			}
		})
	}
}

// TestJSON: a directory is the same when it is read again, whatever names are
// in it.
func TestJSON(t *testing.T) {
	d := company.New(company.Options{Users: 300, Seed: 5})
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		t.Fatal(err)
	}
	var again idp.Directory
	if err := json.Unmarshal(b.Bytes(), &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, d) {
		t.Error("read again it is another directory")
	}
}

// TestProvision: a company can be provisioned, and is then what it was.
func TestProvision(t *testing.T) {
	handler, err := scim.NewHandler(new(memstore.Store), scim.StaticToken("secret", scim.Principal{}), &scim.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	d := company.New(company.Options{Users: 150, Groups: 30, Seed: 1})
	for _, dialect := range []idp.Dialect{idp.DialectDefault, idp.DialectFlag} {
		entra, err := idp.NewEntra(server.URL, "secret", &idp.Options{Dialect: dialect})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entra.Sync(t.Context(), d); err != nil {
			t.Fatalf("%v: %v", dialect, err)
		}
		if _, err := entra.Verify(t.Context(), d); err != nil {
			t.Fatalf("%v: %v", dialect, err)
		}
		d = company.Evolve(d, 1)
		changes, err := entra.Sync(t.Context(), d)
		if err != nil || changes.Requests(idp.CreateUser) == 0 || changes.Requests(idp.DeleteUser) == 0 {
			t.Errorf("%v, later: %v\n%v", dialect, err, changes)
		}
		if _, err := entra.Verify(t.Context(), d); err != nil {
			t.Errorf("%v, later: %v", dialect, err)
		}
		again, err := entra.Sync(t.Context(), d)
		if err != nil || again.Writes() > 0 {
			t.Errorf("%v, the second cycle: %d writes, %v", dialect, again.Writes(), err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		company.New(company.Options{Users: 100_000, Seed: 1})
	}
}

// TestDocumentedFormat: the page about directories shows one that can be read,
// with every property there is.
func TestDocumentedFormat(t *testing.T) {
	page, err := os.ReadFile("../../docs/directories.md")
	if err != nil {
		t.Fatal(err)
	}
	_, src, _ := strings.Cut(string(page), "```json\n")
	src, _, _ = strings.Cut(src, "```")
	var d idp.Directory
	if err := json.Unmarshal([]byte(src), &d); err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil || len(d.Users) != 3 || len(d.Groups) != 1 {
		t.Fatalf("got %d users, %d groups, %v", len(d.Users), len(d.Groups), err)
	}
	for field := range reflect.TypeFor[idp.User]().Fields() {
		if !slices.ContainsFunc(d.Users, func(u idp.User) bool { return !reflect.ValueOf(u).FieldByIndex(field.Index).IsZero() }) {
			t.Errorf("the page says nothing of %s", field.Name)
		}
	}
}
