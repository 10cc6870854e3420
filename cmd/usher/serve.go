package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

type serveCommand struct {
	Addr     string `default:"127.0.0.1:8080" help:"Address to serve on."`
	Token    string `env:"USHER_TOKEN" placeholder:"T" help:"Secret token that clients must send. Default: a random one, printed at the start."`
	Base     string `default:"/scim/v2" help:"Path of the endpoint."`
	Public   string `placeholder:"URL" help:"Base URL as clients see it, behind a proxy or a tunnel."`
	Snapshot string `placeholder:"FILE" type:"path" help:"Read the users and groups from this file at the start, and write them there every minute and at the end. Default: nothing is kept."`
	Strict   bool   `help:"Hold clients to the letter of the RFCs and of the Interoperability Profile."`
	Log      string `default:"info" enum:"debug,info,warn,error" help:"What to log: info has a line for each request. One of: ${enum}."`
	TLSCert  string `name:"tls-cert" and:"tls" placeholder:"FILE" type:"existingfile" help:"Serve HTTPS, with this certificate (PEM)."`
	TLSKey   string `name:"tls-key" and:"tls" placeholder:"FILE" type:"existingfile" help:"And its key (PEM)."`
}

// Help is shown by -help.
func (*serveCommand) Help() string {
	return `For development and demonstrations: everything is in memory. It stops when it is
interrupted, after the requests that have begun.

Examples:

	usher serve
	usher serve -addr :8443 -tls-cert cert.pem -tls-key key.pem -snapshot directory.json -log debug
`
}

// Validate is called by kong.
func (c *serveCommand) Validate() error {
	if !strings.HasPrefix(c.Base, "/") || strings.ContainsAny(c.Base, "?#%{} ") {
		return fmt.Errorf("-base %s: want a path that begins with a slash", c.Base)
	}
	return nil
}

// Run is called by kong.
func (c *serveCommand) Run(console *console) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log)); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(console.errors, &slog.HandlerOptions{Level: level}))
	store := new(memstore.Store)
	if err := c.restore(store); err != nil {
		return err
	}
	given := c.Token != ""
	if !given {
		c.Token = rand.Text()
	}
	handler, err := scim.NewHandler(store, scim.StaticToken(c.Token, scim.Principal{Subject: "usher serve"}),
		&scim.Options{BaseURL: c.Public, Strict: c.Strict, Logger: logger})
	if err != nil {
		return err
	}
	base := strings.TrimRight(c.Base, "/")
	mux := http.NewServeMux()
	mux.Handle(base+"/", logged(logger, handler))
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
		go func() { served <- server.ServeTLS(listener, c.TLSCert, c.TLSKey) }()
	} else {
		go func() { served <- server.Serve(listener) }()
	}
	c.welcome(console.out, scheme+"://"+reachable(listener.Addr())+base, given)

	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case err := <-served: // before its time
			return errors.Join(err, c.save(store))
		case <-minute.C:
			if err := c.save(store); err != nil {
				logger.Error("snapshot", "err", err)
			}
		case <-console.ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(console.ctx), 10*time.Second)
			defer cancel()
			return errors.Join(server.Shutdown(ctx), c.save(store))
		}
	}
}

// reachable is an address as a client on this machine may use it: a listener on
// all addresses has none of its own.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}

func (c *serveCommand) welcome(out io.Writer, url string, given bool) {
	token := c.Token
	if given { // whoever gave it has it
		token = "the one you gave"
	}
	if c.Public != "" {
		url = strings.TrimRight(c.Public, "/")
	}
	fmt.Fprintf(out, `SCIM 2.0 from memory

  Tenant URL     %[1]s
  Secret Token   %[2]s

Paste both into the Microsoft Entra admin center: Enterprise applications, New
application, Create your own application, then Provisioning. Entra calls from
the internet and wants HTTPS: put a tunnel or a reverse proxy before this
address, and give its URL as -public. Or be the identity provider yourself:

  export USHER_TOKEN=…
  usher sync %[1]s -users 50
  usher check %[1]s

Press Ctrl-C to stop.
`, url, token)
}

// restore reads the snapshot, if there is one.
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

// logged logs each request, without its query, which has people's names in it.
func logged(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		noted := &notedStatus{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(noted, r)
		logger.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.Int("status", noted.status), slog.Duration("took", time.Since(start).Round(time.Microsecond)))
	})
}

type notedStatus struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *notedStatus) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the rest.
func (w *notedStatus) Unwrap() http.ResponseWriter { return w.ResponseWriter }
