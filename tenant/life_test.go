package tenant_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/scimtest"
	"github.com/usherkit/scim/scimtest/company"
	"github.com/usherkit/scim/scimtest/idp"
	"github.com/usherkit/scim/tenant"
)

var quiet = slog.New(slog.DiscardHandler)

// A house is an application with an endpoint for all of its customers.
type house struct {
	registry *tenant.Registry
	resource *memstore.Store
	url      string
	ahead    atomic.Int64 // how far its clock is
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// newHouse opens one, at /scim/{tenant}/v2/.
func newHouse(t *testing.T, change func(*tenant.Options)) *house {
	t.Helper()
	h := &house{resource: new(memstore.Store)}
	o := &tenant.Options{Key: []byte(strings.Repeat("k", 32)), Now: h.now, Logger: quiet}
	if change != nil {
		change(o)
	}
	var err error
	if h.registry, err = tenant.NewRegistry(new(tenant.Memory), o); err != nil {
		t.Fatal(err)
	}
	handler, err := h.registry.NewHandler(h.resource, &scim.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/{tenant}/v2/", handler)
	server := httptest.NewServer(mux)
	h.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := h.registry.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) tenantURL(name string) string { return h.url + "/scim/" + name + "/v2" }

// fast lets a connection of a simulator be as fast as it is.
var fast = tenant.Limits{Rate: 1e6, Concurrent: 100}

// TestLifeOfATenant walks through it as the admins of an application and of Entra
// do.
func TestLifeOfATenant(t *testing.T) {
	h := newHouse(t, nil)
	ctx := t.Context()
	ada := tenant.TokenOptions{CreatedBy: "ada"}
	directory := company.New(company.Options{Users: 40, Seed: 1})

	// Create: a connection has no token at first, and provisioning is off.
	c, err := h.registry.Add(ctx, tenant.Connection{Tenant: "contoso", Name: "Entra ID", Provider: "entra", Limits: fast})
	if err != nil {
		t.Fatal(err)
	}
	first, _, err := h.registry.Issue(ctx, c.Ref(), ada)
	if err != nil {
		t.Fatal(err)
	}

	// Paste the URL and the token, Test Connection, and sync.
	entra := scimtest.NewEntra(t, h.tenantURL("contoso"), first)
	entra.TestConnection()
	entra.Sync(directory)
	verify(t, entra.IDP, directory)
	provisioned := h.users(t, "contoso")
	if provisioned == 0 {
		t.Fatal("nobody was provisioned")
	}

	// Rotate with an overlap: the job goes on with the old token until the new one
	// is pasted.
	second, _, err := h.registry.Rotate(ctx, c.Ref(), 24*time.Hour, ada)
	if err != nil {
		t.Fatal(err)
	}
	directory.Users[0].JobTitle = "Changed in the overlap"
	entra.Sync(directory)
	replaced := scimtest.NewEntra(t, h.tenantURL("contoso"), second)
	replaced.TestConnection()
	replaced.Sync(directory) // matches everybody, and creates nobody
	h.ahead.Add(int64(25 * time.Hour))
	expectStopped(t, entra.IDP, directory, "the token after its overlap")

	// Regenerate: the one that was pasted is dead at once.
	third, _, err := h.registry.Rotate(ctx, c.Ref(), 0, ada)
	if err != nil {
		t.Fatal(err)
	}
	expectStopped(t, replaced.IDP, directory, "the token that was replaced")
	last := scimtest.NewEntra(t, h.tenantURL("contoso"), third)
	last.Sync(directory)

	// Expire.
	short, _, err := h.registry.Issue(ctx, c.Ref(), tenant.TokenOptions{Expires: h.now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	expiring := scimtest.NewEntra(t, h.tenantURL("contoso"), short)
	expiring.TestConnection()
	h.ahead.Add(int64(2 * time.Hour))
	expectStopped(t, expiring.IDP, directory, "the token that has expired")

	// Switch off: everybody stays, and the answer says why nothing comes any more.
	if err := h.registry.SwitchOff(ctx, c.Ref()); err != nil {
		t.Fatal(err)
	}
	expectStopped(t, last.IDP, directory, "the token of what is switched off")
	status, body := h.get(t, h.tenantURL("contoso")+"/Users?count=1", third)
	if status != http.StatusUnauthorized || !strings.Contains(body, "provisioning is switched off") {
		t.Errorf("switched off, it answers %d %s", status, body)
	}

	// And on again.
	fourth, _, err := h.registry.Issue(ctx, c.Ref(), ada)
	if err != nil {
		t.Fatal(err)
	}
	again := scimtest.NewEntra(t, h.tenantURL("contoso"), fourth)
	again.Sync(directory)
	verify(t, again.IDP, directory)

	// Users only.
	if _, err := h.registry.Change(ctx, c.Ref(), func(c *tenant.Connection) error { c.Types = []string{"User"}; return nil }); err != nil {
		t.Fatal(err)
	}
	if status, body := h.get(t, h.tenantURL("contoso")+"/Groups", fourth); status != http.StatusNotFound {
		t.Errorf("without groups /Groups answers %d %s", status, body)
	}
	usersOnly := scimtest.NewEntra(t, h.tenantURL("contoso"), fourth, idp.Options{UsersOnly: true})
	usersOnly.Sync(directory)

	// Remove: nothing is left of the connection, and all of the users.
	if err := h.registry.Delete(ctx, c.Ref()); err != nil {
		t.Fatal(err)
	}
	expectStopped(t, usersOnly.IDP, directory, "the token of what was removed")
	if _, err := h.registry.Connection(ctx, c.Ref()); !errors.Is(err, tenant.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if got := h.users(t, "contoso"); got != provisioned {
		t.Errorf("%d users are left of %d", got, provisioned)
	}
}

// users returns how many users a tenant has.
func (h *house) users(t *testing.T, of string) int {
	t.Helper()
	page, err := h.resource.List(t.Context(), scim.Query{Tenant: of, Type: "User"})
	if err != nil {
		t.Fatal(err)
	}
	return page.Total
}

func verify(t *testing.T, entra *idp.Entra, d idp.Directory) {
	t.Helper()
	if _, err := entra.Verify(t.Context(), d); err != nil {
		t.Error(err)
	}
}

// expectStopped expects that a cycle stops because the token is refused.
func expectStopped(t *testing.T, entra *idp.Entra, d idp.Directory, which string) {
	t.Helper()
	report, err := entra.Sync(t.Context(), d)
	if err == nil || report.Stopped == "" || report.Quarantine == nil {
		t.Errorf("%s: the cycle was not stopped: %v\n%s", which, err, report)
	}
}

// get returns the status and the body of the answer to a GET with a token.
func (h *house) get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return h.do(t, r)
}

func (h *house) do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}
