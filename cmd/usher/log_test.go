package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/usherkit/scim/tenant"
)

// counting is a Store that counts what is read of it.
type counting struct {
	tenant.Store
	connections, records int // of how many it was asked for
}

func (s *counting) Connections(ctx context.Context, of string, after tenant.Ref, limit int) ([]tenant.Connection, error) {
	list, err := s.Store.Connections(ctx, of, after, limit)
	s.connections += len(list)
	return list, err
}

func (s *counting) AllConnections(ctx context.Context, after tenant.Ref, limit int) ([]tenant.Connection, error) {
	list, err := s.Store.AllConnections(ctx, after, limit)
	s.connections += len(list)
	return list, err
}

func (s *counting) Records(ctx context.Context, q tenant.Query) ([]tenant.Record, error) {
	list, err := s.Store.Records(ctx, q)
	s.records += len(list)
	return list, err
}

// The log reads what it shows, however many tenants there are.
func TestLogReadsLittle(t *testing.T) {
	store := &counting{Store: new(tenant.Memory)}
	registry, err := tenant.NewRegistry(store, &tenant.Options{Key: bytes.Repeat([]byte{7}, 32), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	const tenants = 1200
	var last tenant.Connection
	var records []tenant.Record
	for i := range tenants {
		if last, err = registry.Add(t.Context(), tenant.Connection{Tenant: fmt.Sprintf("tenant-%04d", i)}); err != nil {
			t.Fatal(err)
		}
		records = append(records, tenant.Record{ID: last.ID, At: time.Now(), Connection: last.Ref(), Method: "POST", Path: "Users", Status: 409, ResourceID: "r"})
	}
	if err := store.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name        string
		command     logCommand
		lines       int // that are shown
		connections int // that may be read
		records     int
	}{
		{"the newest", logCommand{}, 10, 0, 10},
		{"refused", logCommand{Refused: true}, 10, 0, 10},
		{"by status", logCommand{Status: 409}, 10, 0, 500},
		{"of a tenant", logCommand{Tenant: "tenant-0007"}, 1, 1, 1},
		{"of a connection", logCommand{Connection: last.Tenant + "/" + last.ID}, 1, 1, 1},
		{"of one by the end of its ID", logCommand{Connection: last.Tenant + "/" + last.ID[24:]}, 1, 1, 1},
		{"of one of a tenant", logCommand{Tenant: last.Tenant, Connection: last.ID}, 1, 1, 1},
		{"of one of no tenant that is named", logCommand{Connection: last.ID}, 1, tenants, 1},
		{"of a resource", logCommand{Resource: "r"}, 1, 500, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store.connections, store.records = 0, 0
			tt.command.Limit = 10
			var out lines
			if err := tt.command.show(&console{t.Context(), &out, &out}, registry); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(out.String(), " 409 "); got != tt.lines {
				t.Errorf("got %d lines, want %d\n%s", got, tt.lines, &out)
			}
			if store.connections > tt.connections || store.records > tt.records {
				t.Errorf("read %d connections and %d records, want %d and %d at most", store.connections, store.records, tt.connections, tt.records)
			}
		})
	}
	for _, tt := range []struct {
		name    string
		command logCommand
		want    string
	}{
		{"a tenant that there is not", logCommand{Tenant: "nobody"}, `no tenant "nobody"`},
		{"nor for a connection", logCommand{Tenant: "nobody", Connection: last.ID}, `no tenant "nobody"`},
		{"another tenant's connection", logCommand{Tenant: "tenant-0007", Connection: last.ID}, "there is no connection"},
		{"another tenant's, by its tenant", logCommand{Tenant: "tenant-0007", Connection: last.Tenant + "/" + last.ID}, "there is no connection"},
		{"one that may be several", logCommand{Connection: last.ID[35:]}, "connections end so"},
	} {
		var out lines
		if err := tt.command.show(&console{t.Context(), &out, &out}, registry); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// pacing is where something is printed to, and how much had been read by then.
type pacing struct {
	lines
	store *counting
	read  []int
}

func (p *pacing) Write(text []byte) (int, error) {
	p.read = append(p.read, p.store.connections)
	return p.lines.Write(text)
}

// Lists of all tenants are printed while they are read.
func TestListsArePrintedAsTheyAreRead(t *testing.T) {
	store := &counting{Store: new(tenant.Memory)}
	registry, err := tenant.NewRegistry(store, &tenant.Options{Key: bytes.Repeat([]byte{7}, 32), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	const tenants = 1200
	for i := range tenants {
		if _, err := registry.Add(t.Context(), tenant.Connection{Tenant: fmt.Sprintf("tenant-%04d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		show func(*console) error
	}{
		{"tenant list", func(c *console) error { return new(tenantListCommand).show(c, registry) }},
		{"log -summary", func(c *console) error { return (&logCommand{Summary: true}).show(c, registry) }},
	} {
		out := &pacing{store: store}
		store.connections = 0
		if err := tt.show(&console{t.Context(), out, out}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "tenant-"); got != tenants {
			t.Errorf("%s: got %d connections, want %d", tt.name, got, tenants)
		}
		if first := out.read[0]; first > 500 {
			t.Errorf("%s: %d connections were read before something was printed, want 500 at most", tt.name, first)
		}
	}
}

func TestTable(t *testing.T) {
	var out lines
	table := newTable(&out, false, "NAME", "STATE")
	for _, row := range [][2]string{{"ada", "ok"}, {"grace\n", ""}, {"Ænima", "new"}} {
		if err := table.row(nil, row[0], row[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	if err := table.row(nil, "bo", "ok"); err != nil {
		t.Fatal(err)
	}
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	want := "NAME    STATE\nada     ok\ngrace   -\nÆnima   new\nbo      ok\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
