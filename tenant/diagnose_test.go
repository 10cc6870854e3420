package tenant_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/tenant"
)

// come asks the endpoint of a tenant something, and returns the status.
func (h *house) come(t *testing.T, address, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.tenantURL(address)+"/Users?count=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// TestDiagnoseWhatAdminsDo walks through mistakes of those who paste tokens: the
// headline tells each of them at once, and is satisfied at once when it is mended.
func TestDiagnoseWhatAdminsDo(t *testing.T) {
	h := newHouse(t, nil)
	h.ahead.Store(int64(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 5*time.Second)))) // all of it is in one minute
	ctx := t.Context()
	c, err := h.registry.Add(ctx, tenant.Connection{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.registry.Add(ctx, tenant.Connection{Tenant: "fabrikam"})
	if err != nil {
		t.Fatal(err)
	}
	issue := func(make func() (string, tenant.Token, error)) string {
		t.Helper()
		secret, _, err := make()
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	first := issue(func() (string, tenant.Token, error) { return h.registry.Issue(ctx, c.Ref(), tenant.TokenOptions{}) })
	foreign := issue(func() (string, tenant.Token, error) { return h.registry.Issue(ctx, other.Ref(), tenant.TokenOptions{}) })
	says := func(when string, well bool, want ...string) {
		t.Helper()
		d, err := h.registry.Diagnose(ctx, c.Ref())
		if err != nil {
			t.Fatal(err)
		}
		text := d.String()
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in\n%s", when, want, text)
			}
		}
		if d.Well != well {
			t.Errorf("%s: Well is %t\n%s", when, d.Well, text)
		}
	}
	expect := func(when string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %d, want %d", when, got, want)
		}
		h.ahead.Add(int64(time.Second))
	}

	expect("the first", h.come(t, "contoso", first), 200)
	says("it comes", true, "All is well")
	expect("a part of it", h.come(t, "contoso", first[:40]), 401)
	says("a wrong one beside a good one", true, "All is well", "somebody came at")

	second := issue(func() (string, tenant.Token, error) { return h.registry.Rotate(ctx, c.Ref(), 0, tenant.TokenOptions{}) })
	says("regenerated", false, "A new token was issued", "nothing has come with it yet")
	expect("a part of the new one", h.come(t, "contoso", second[:40]), 401)
	says("pasted wrong", false, "A new token was issued", "none of this tenant's somebody came at")
	expect("the old one", h.come(t, "contoso", first), 401)
	says("the old one still", false, "401", "Give the identity provider a token that is alive")
	expect("the new one", h.come(t, "contoso", second), 200)
	says("mended in the same minute", true, "All is well")

	expect("elsewhere", h.come(t, "fabrikam", second), 401)
	says("at another tenant's address", false, "came to the address of tenant fabrikam", "Tenant URL")
	expect("a stranger's here", h.come(t, "contoso", foreign), 401)
	expect("here again", h.come(t, "contoso", second), 200)
	says("here again", true, "All is well")

	pause := func(paused bool) {
		t.Helper()
		if _, err := h.registry.Change(ctx, c.Ref(), func(c *tenant.Connection) error { c.Paused = paused; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	pause(true)
	expect("paused", h.come(t, "contoso", second), 503)
	says("paused", false, "Paused by the application", "comes again by itself")
	pause(false)
	says("resumed", true, "All is well")
	expect("resumed", h.come(t, "contoso", second), 200)
	records, err := h.registry.Log(ctx, tenant.Query{Tenant: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, r := range records {
		list = append(list, fmt.Sprintf("%d %t %q", r.Status, r.Paused, r.Address))
	}
	if got, want := strings.Join(list, ", "), `503 true "", 401 false "fabrikam", 401 false ""`; got != want {
		t.Errorf("the records are %s; want %s", got, want)
	}
}
