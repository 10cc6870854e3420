package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/tenant"
)

// registryFlags say where the connections of tenants are kept.
type registryFlags struct {
	databaseFlags
	tokenKeyFlag
}

// tokenKeyFlag is the key of the hashes of tokens.
type tokenKeyFlag struct {
	TokenKey    string `env:"USHER_TOKEN_KEY" placeholder:"KEY" help:"32 random bytes or more, in hex or base64, that key the hashes of tokens: the same one always and for all processes. Default, for SQLite: those in the file usher.db.key beside usher.db, which is made if there is none."`
	TokenPrefix string `default:"usher" placeholder:"usher" help:"What tokens begin with: 1 to 20 of a-z and 0-9."`
}

// tokenKey returns the key for a database.
func (f *tokenKeyFlag) tokenKey(of *databaseFlags) ([]byte, error) {
	switch {
	case f.TokenKey != "":
		return decodeKey("-token-key", f.TokenKey)
	case of.DB == inMemory:
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return key, err
	case of.isPostgres():
		return nil, errors.New("-token-key or USHER_TOKEN_KEY is needed with PostgreSQL: 32 bytes such as openssl rand -hex 32 prints, the same ones always")
	}
	return keyFile(of.DB + ".key")
}

// keyFile reads a key from a file, or makes one.
func keyFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return nil, err
		}
		if err = writeNew(path, hex.EncodeToString(key)+"\n"); err == nil {
			return key, nil
		}
		if errors.Is(err, fs.ErrExist) { // another process was faster
			text, err = os.ReadFile(path)
		}
	}
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

// open returns the Registry in a database that there is, and the users and groups
// in it, to be closed.
func (f *registryFlags) open(ctx context.Context, logger *slog.Logger) (r *tenant.Registry, store durable, closeAll func() error, err error) {
	if f.DB == inMemory {
		return nil, nil, nil, errors.New("-db memory: nothing is kept there; give the database that usher serve has")
	}
	key, err := f.tokenKey(&f.databaseFlags)
	if err != nil {
		return nil, nil, nil, err
	}
	db, err := f.connect(ctx, logger, 4, true)
	if err != nil {
		return nil, nil, nil, err
	}
	store, closeStore, err := db.store(ctx, true)
	if err != nil {
		return nil, nil, nil, errors.Join(db.failed(err), db.Close())
	}
	closeBelow := func() error { return errors.Join(closeStore(), db.Close()) }
	r, err = tenant.NewRegistry(store.Tenants(), &tenant.Options{Key: key, Prefix: f.TokenPrefix, Logger: logger})
	if err != nil {
		return nil, nil, nil, errors.Join(err, closeBelow())
	}
	return r, store, func() error { return errors.Join(r.Close(), closeBelow()) }, nil
}

// with opens the Registry, has a function do something with it, and closes it.
func (f *registryFlags) with(console *console, do func(*tenant.Registry) error) error {
	return f.withStore(console, func(r *tenant.Registry, _ scim.Store) error { return do(r) })
}

// withStore is with, and hands over the users and groups too.
func (f *registryFlags) withStore(console *console, do func(*tenant.Registry, scim.Store) error) error {
	logger := slog.New(slog.NewTextHandler(console.errors, nil))
	r, store, closeAll, err := f.open(console.ctx, logger)
	if err != nil {
		return err
	}
	return errors.Join(do(r, store), closeAll())
}
