package tenant_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/tenant"
)

// TestUnknownTokens: a token that was pasted wrong shows in how the connections of the
// address's tenant are, and in no record.
func TestUnknownTokens(t *testing.T) {
	h := newHouse(t, nil)
	ctx := t.Context()
	type connected struct {
		tenant.Connection
		secret string
	}
	of := map[string]connected{}
	for _, name := range []string{"contoso", "fabrikam"} {
		c, err := h.registry.Add(ctx, tenant.Connection{Tenant: name})
		if err != nil {
			t.Fatal(err)
		}
		secret, _, err := h.registry.Issue(ctx, c.Ref(), tenant.TokenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		of[name] = connected{c, secret}
	}
	come := func(address, header string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.tenantURL(address)+"/Users", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	contoso, fabrikam := of["contoso"], of["fabrikam"]
	cut := contoso.secret[:len(contoso.secret)-3]
	for _, tt := range []struct {
		name            string
		address, header string
		noted           bool // for contoso
	}{
		{"none", "contoso", "", false},
		{"credentials of another kind", "contoso", "Basic YTpi", true},
		{"the right one", "contoso", "Bearer " + contoso.secret, false},
		{"a wrong one elsewhere", "fabrikam", "Bearer of-nobody", false},
		{"an address of nobody", "nobody", "Bearer of-nobody", false},
		{"an address of all", "%2F", "Bearer of-nobody", false},
		{"nobody's", "contoso", "Bearer of-nobody", true},
		{"a part of it", "contoso", "Bearer " + cut, true},
		{"another tenant's", "contoso", "Bearer " + fabrikam.secret, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.ahead.Add(int64(2 * time.Minute))
			now := h.now().UTC().Truncate(time.Minute)
			was := status(t, h, contoso.Ref()).LastUnknown
			come(tt.address, tt.header)
			want := was
			if tt.noted {
				want = now
			}
			if got := status(t, h, contoso.Ref()).LastUnknown; got.Sub(want).Abs() > time.Minute || tt.noted == got.Equal(was) {
				t.Errorf("noted at %v, want %v", got, want)
			}
		})
	}
	if records, err := h.registry.Log(ctx, tenant.Query{Tenant: "contoso"}); err != nil || len(records) != 0 {
		t.Errorf("there are %d records, %v", len(records), err)
	}

	// What an admin is told: nothing of it while the provider comes with a good one.
	d, err := h.registry.Diagnose(ctx, contoso.Ref())
	if err != nil || !d.Well {
		t.Errorf("with a good token of late: %v, %s", err, d.Headline)
	}
	h.ahead.Add(int64(12 * time.Hour))
	come("contoso", "Bearer "+cut)
	d, err = h.registry.Diagnose(ctx, contoso.Ref())
	if want := "with a token that is none of this tenant's somebody came at " + h.now().UTC().Format("2006-01-02 15:"); err != nil || d.Well || !strings.Contains(d.Headline, want) {
		t.Errorf("after half a day: %v, %s; want %q in it", err, d.Headline, want)
	}
	never, err := h.registry.Add(ctx, tenant.Connection{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.registry.Issue(ctx, never.Ref(), tenant.TokenOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"Nothing has come yet.", "Nothing has come yet. But with a token that is none of this tenant's"} {
		h.ahead.Add(int64(time.Minute))
		if i > 0 {
			come("contoso", "Bearer "+cut)
		}
		d, err := h.registry.Diagnose(ctx, never.Ref())
		if err != nil || !strings.HasPrefix(d.Headline, want) || i == 0 && d.Headline != want {
			t.Errorf("a new one: %v, %s; want %q", err, d.Headline, want)
		}
	}
}

func status(t *testing.T, h *house, ref tenant.Ref) tenant.Status {
	t.Helper()
	if _, err := h.registry.Log(t.Context(), tenant.Query{Tenant: ref.Tenant}); err != nil { // so that it is stored
		t.Fatal(err)
	}
	c, err := h.registry.Connection(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return c.Status
}
