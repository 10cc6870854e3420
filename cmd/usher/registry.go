package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/usherkit/scim/tenant"
)

// registryFlags say where the connections of tenants are kept.
type registryFlags struct {
	databaseFlags
	tokenKeyFlag
}

// tokenKeyFlag is the key of the hashes of tokens.
type tokenKeyFlag struct {
	TokenKey    string   `env:"USHER_TOKEN_KEY" placeholder:"KEY" help:"32 random bytes or more, in hex or base64, that key the hashes of tokens: the same one always and for all processes. Default, for SQLite: those in the file usher.db.key beside usher.db, which is made before the first connection."`
	OldTokenKey []string `env:"USHER_OLD_TOKEN_KEYS" placeholder:"KEY" help:"Keys that were -token-key before, with commas between: tokens from then are known too, until they are replaced."`
	TokenPrefix string   `default:"usher" placeholder:"usher" help:"What tokens begin with: 1 to 20 of a-z and 0-9."`
}

// given returns the key on the command line, or nil if it is in a file.
func (f *tokenKeyFlag) given(of *databaseFlags) ([]byte, error) {
	switch {
	case f.TokenKey != "":
		return decodeKey("-token-key", f.TokenKey)
	case of.isPostgres():
		return nil, errors.New("-token-key or USHER_TOKEN_KEY is needed with PostgreSQL: 32 bytes such as openssl rand -hex 32 prints, the same ones always")
	}
	return nil, nil
}

// oldKeys returns the keys from before.
func (f *tokenKeyFlag) oldKeys() (keys [][]byte, err error) {
	for _, text := range f.OldTokenKey {
		key, err := decodeKey("-old-token-key", text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// tokenKey returns the key for a database. A file is made for it if create is set
// and there is nothing yet that another key was used for.
func (f *tokenKeyFlag) tokenKey(ctx context.Context, of *databaseFlags, tenants tenant.Store, create bool) ([]byte, error) {
	if key, err := f.given(of); key != nil || err != nil {
		return key, err
	}
	// Before the file is looked for, since others make the file first.
	list, err := tenants.AllConnections(ctx, tenant.Ref{}, 1)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", of.DB, plainly(err))
	}
	path := of.DB + ".key"
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		return decodeKey(path, strings.TrimSpace(string(text)))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case len(list) > 0:
		return nil, fmt.Errorf("%s has connections and %s is missing: restore it, or give the key as -token-key; with another one all their tokens are refused", of.DB, path)
	}
	return newKey(path, create)
}

// newKey makes a key, and keeps it in a file if create is set.
func newKey(path string, create bool) ([]byte, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil || !create {
		return key, err
	}
	err := writeNew(path, hex.EncodeToString(key)+"\n")
	if !errors.Is(err, fs.ErrExist) {
		return key, err
	}
	text, err := os.ReadFile(path) // of another process, which was faster
	if err != nil {
		return nil, err
	}
	return decodeKey(path, strings.TrimSpace(string(text)))
}

// writeNew writes a file, which only its owner may read, unless there is one. It
// is there whole or not at all.
func writeNew(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".usher-key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// decodeKey reads a key in hex or base64.
func decodeKey(name, text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil {
		unpadded := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
		key, err = base64.RawStdEncoding.DecodeString(unpadded)
	}
	if err != nil || len(key) < 32 {
		return nil, fmt.Errorf("%s: want 32 bytes or more in hex or base64, such as openssl rand -hex 32 prints", name)
	}
	return key, nil
}

// open returns the Registry in a database, and the users and groups in it, to be
// closed. What is not there is made if create is set: those who only look make
// nothing.
func (f *registryFlags) open(ctx context.Context, logger *slog.Logger, create bool) (r *tenant.Registry, store durable, closeAll func() error, err error) {
	if f.DB == inMemory {
		return nil, nil, nil, errors.New("-db memory: nothing is kept there; give the database that usher serve has")
	}
	if err := f.check(); err != nil {
		return nil, nil, nil, err
	}
	if _, err := f.given(&f.databaseFlags); err != nil {
		return nil, nil, nil, err
	}
	db, err := f.connect(ctx, logger, 4, create)
	if errors.Is(err, fs.ErrNotExist) && !f.isPostgres() && !create {
		return nil, nil, nil, fmt.Errorf("there is no %s here; -db names another", f.DB)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	store, closeStore, err := db.store(ctx, create)
	if err != nil {
		return nil, nil, nil, errors.Join(db.failed(err), db.Close())
	}
	closeBelow := func() error { return errors.Join(closeStore(), db.Close()) }
	key, err := f.tokenKey(ctx, &f.databaseFlags, store.Tenants(), create)
	if err != nil {
		return nil, nil, nil, errors.Join(err, closeBelow())
	}
	old, err := f.oldKeys()
	if err != nil {
		return nil, nil, nil, errors.Join(err, closeBelow())
	}
	r, err = tenant.NewRegistry(store.Tenants(), &tenant.Options{Key: key, OldKeys: old, Prefix: f.TokenPrefix, Logger: logger})
	if err != nil {
		return nil, nil, nil, errors.Join(plainInvalid(err), closeBelow())
	}
	return r, store, func() error { return errors.Join(r.Close(), closeBelow()) }, nil
}

// with opens the Registry that there is, has a function do something with it, and
// closes it.
func (f *registryFlags) with(console *console, do func(*tenant.Registry) error) error {
	return f.withStore(console, false, func(r *tenant.Registry, _ durable) error { return do(r) })
}

// withStore is with, and hands over the users and groups too. The database is made
// if create is set.
func (f *registryFlags) withStore(console *console, create bool, do func(*tenant.Registry, durable) error) error {
	logger := slog.New(slog.NewTextHandler(console.errors, nil))
	r, store, closeAll, err := f.open(console.ctx, logger, create)
	if err != nil {
		return err
	}
	return errors.Join(plainInvalid(do(r, store)), closeAll())
}

// plainInvalid says what is invalid, and not which package found it.
func plainInvalid(err error) error {
	if !errors.Is(err, tenant.ErrInvalid) {
		return err
	}
	return errors.New(strings.TrimPrefix(err.Error(), tenant.ErrInvalid.Error()+": "))
}

// connections are those of a tenant, or of all if it is empty.
func connections(ctx context.Context, r *tenant.Registry, of string) iter.Seq2[tenant.Connection, error] {
	page := func(after tenant.Ref, limit int) ([]tenant.Connection, error) {
		if of == "" {
			return r.AllConnections(ctx, after, limit)
		}
		return r.Connections(ctx, of, after, limit)
	}
	return func(yield func(tenant.Connection, error) bool) {
		const some = 500
		var after tenant.Ref
		for {
			page, err := page(after, some)
			if err != nil {
				yield(tenant.Connection{}, err)
				return
			}
			for _, c := range page {
				if !yield(c, nil) {
					return
				}
			}
			if len(page) < some {
				return
			}
			after = page[some-1].Ref()
		}
	}
}
