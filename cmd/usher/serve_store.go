package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/tenant"
)

// served is the Store that is served, and what goes with it.
type served struct {
	store scim.Store
	name  string

	tenants tenant.Store // nil: in memory
	db      *database    // nil: in memory
	ping    func(context.Context) error
	save    func() error // every minute
	close   func() error
}

// openStore opens what -db names.
func (c *serveCommand) openStore(ctx context.Context, logger *slog.Logger) (*served, error) {
	if c.DB == inMemory {
		return c.openMemory()
	}
	db, err := c.connect(ctx, logger, c.Connections, c.Migrate)
	if err != nil {
		return nil, err
	}
	before := db.version(ctx)
	store, closeStore, err := db.store(ctx, c.Migrate)
	if err != nil {
		var refused *pgconn.PgError
		granted := !errors.As(err, &refused) || refused.Code != "42501" // insufficient_privilege
		err = db.failed(err)
		if !c.Migrate && granted {
			err = fmt.Errorf("%w; usher migrate, or serve without -no-migrate, would bring the schema up to date", err)
		}
		return nil, errors.Join(err, db.Close())
	}
	if after := db.version(ctx); after != before {
		logger.Info("migrated", "db", db.name, "from", before, "to", after)
	}
	return &served{
		store: store, name: db.name, db: db, tenants: store.Tenants(),
		ping: store.Ping,
		save: func() error { return nil }, // what is acknowledged is there already
		close: func() error {
			return errors.Join(closeStore(), db.Close())
		},
	}, nil
}

// openMemory reads the snapshot, if there is one.
func (c *serveCommand) openMemory() (*served, error) {
	store := new(memstore.Store)
	if err := c.restore(store); err != nil {
		return nil, err
	}
	save := func() error { return c.save(store) }
	return &served{
		store: store, name: inMemory,
		ping: func(context.Context) error { return nil },
		save: save, close: save,
	}, nil
}

func (c *serveCommand) restore(store *memstore.Store) error {
	if c.Snapshot == "" {
		return nil
	}
	f, err := os.Open(c.Snapshot)
	if errors.Is(err, fs.ErrNotExist) {
		return c.save(store) // rather now than at the end, if it cannot be written
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := store.Restore(f); err != nil {
		return fmt.Errorf("%s: %w", c.Snapshot, err)
	}
	return nil
}

// save writes the snapshot beside the last one before it takes its place, so
// that one of them is whole whatever happens. It has personal data in it.
func (c *serveCommand) save(store *memstore.Store) error {
	if c.Snapshot == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(c.Snapshot), filepath.Base(c.Snapshot)+".*") // only its owner may read it
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain once it has its name
	err = errors.Join(store.Snapshot(f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), c.Snapshot)
	}
	return err
}
