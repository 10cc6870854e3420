package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usherkit/scim"
)

type serveCommand struct {
	databaseFlags
	Migrate     bool   `default:"true" negatable:"" help:"Bring the schema of the database up to date at the start."`
	Connections int    `default:"16" help:"Connections to the database at most."`
	Snapshot    string `placeholder:"FILE" type:"path" help:"With -db memory: read the users and groups from this file at the start, and write them there every minute and at the end. Default: nothing is kept."`

	Addr      string `default:"127.0.0.1:8080" help:"Address to serve on, the endpoint and /healthz and /readyz."`
	Token     string `env:"USHER_TOKEN" placeholder:"T" help:"Secret token that clients must send. Default: a random one, printed at the start."`
	Base      string `default:"/scim/v2" help:"Path of the endpoint."`
	Public    string `placeholder:"URL" help:"Base URL as clients see it, behind a proxy or a tunnel."`
	CursorKey string `env:"USHER_CURSOR_KEY" placeholder:"KEY" help:"32 random bytes or more, in hex or base64, that seal the cursors of pages: the same one for all processes that serve this endpoint. Default: random."`
	Strict    bool   `help:"Hold clients to the letter of the RFCs and of the Interoperability Profile."`
	TLSCert   string `name:"tls-cert" and:"tls" placeholder:"FILE" type:"existingfile" help:"Serve HTTPS, with this certificate (PEM)."`
	TLSKey    string `name:"tls-key" and:"tls" placeholder:"FILE" type:"existingfile" help:"And its key (PEM)."`

	tenantFlags

	RequestTimeout  time.Duration `default:"1m" help:"How long a request may take; one that takes longer is answered 503."`
	ShutdownDelay   time.Duration `default:"0s" help:"How long to go on serving, with /readyz at 503, when asked to stop, for load balancers to notice."`
	ShutdownTimeout time.Duration `default:"10s" help:"How long requests that have begun may take after that."`

	Metrics   string `placeholder:"ADDR" help:"Address to serve metrics for Prometheus on, at /metrics, and /healthz and /readyz. Default: none."`
	Log       string `default:"info" enum:"debug,info,warn,error" help:"What to log: info has a line for each request. One of: ${enum}."`
	LogFormat string `default:"text" enum:"text,json" help:"How to log, on standard error. One of: ${enum}."`
}

// Help is shown by -help.
func (*serveCommand) Help() string {
	return `Everything is kept in an SQLite file, usher.db if -db names no other, or in a
PostgreSQL database, from which several processes may serve together. -db memory
keeps nothing. When it is interrupted it finishes the requests that have begun;
when it is interrupted again it stops at once.

Examples:

	usher serve
	usher serve -db memory -snapshot directory.json -log debug
	usher serve -addr :8443 -tls-cert cert.pem -tls-key key.pem -db /var/lib/usher/usher.db
	usher serve -db postgres://usher@db.example.com/usher -metrics :9090 -log-format json
	usher serve -tenants -oauth -public https://scim.example.com
`
}

// Validate is called by kong.
func (c *serveCommand) Validate() error {
	if err := c.databaseFlags.check(); err != nil {
		return err
	}
	switch {
	case !strings.HasPrefix(c.Base, "/") || strings.ContainsAny(c.Base, "?#%{} "):
		return fmt.Errorf("-base %s: want a path that begins with a slash", c.Base)
	case c.Snapshot != "" && c.DB != inMemory:
		return errors.New("-snapshot is for -db memory: a database keeps everything anyway")
	case c.Connections < 2 || c.Connections > 10_000:
		return fmt.Errorf("-connections %d: want 2 to 10000", c.Connections)
	case c.RequestTimeout <= 0, c.ShutdownTimeout <= 0:
		return errors.New("-request-timeout and -shutdown-timeout: want more than 0s")
	case c.LogFormat == "json" && c.Token == "" && !c.Tenants:
		return errors.New("-log-format json: give -token or USHER_TOKEN, since a random one would be printed between the log's lines")
	}
	if err := c.tenantFlags.check(c.Token, &c.databaseFlags); err != nil {
		return err
	}
	if c.OAuth {
		if _, err := c.issuer(); err != nil {
			return err
		}
	}
	_, err := c.cursorKey()
	return err
}

// cursorKey decodes the key, or returns nil.
func (c *serveCommand) cursorKey() ([]byte, error) {
	if c.CursorKey == "" {
		return nil, nil
	}
	return decodeKey("-cursor-key", c.CursorKey)
}

// Run is called by kong.
func (c *serveCommand) Run(console *console) error {
	logger, err := c.logger(console.errors)
	if err != nil {
		return err
	}
	store, err := c.openStore(console.ctx, logger)
	if err != nil {
		return err
	}
	err = c.serve(console, logger, store)
	if closing := store.close(); closing != nil {
		logger.Error("not all is well at the end", "err", plainly(closing))
		return errors.Join(err, closing)
	}
	if err == nil {
		logger.Info("stopped")
	}
	return err
}

func (c *serveCommand) logger(out io.Writer) (*slog.Logger, error) {
	options := new(slog.HandlerOptions)
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log)); err != nil {
		return nil, err
	}
	options.Level = level
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(out, options)), nil
	}
	options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration { // which slog writes in nanoseconds
			a.Value = slog.Float64Value(a.Value.Duration().Seconds())
		}
		return a
	}
	return slog.New(slog.NewJSONHandler(out, options)), nil
}

// serve serves a Store until it is asked to stop.
func (c *serveCommand) serve(console *console, logger *slog.Logger, store *served) error {
	given := c.Token != ""
	if !given && !c.Tenants {
		c.Token = rand.Text()
	}
	key, err := c.cursorKey()
	if err != nil {
		return err
	}
	if key == nil && store.db != nil && store.db.pool != nil {
		logger.Warn("no -cursor-key: if several processes serve this endpoint, a cursor of one is of no use to the others")
	}
	ready := &readiness{ping: store.ping, logger: logger}
	counted, err := newMetrics(store, ready)
	if err != nil {
		return err
	}
	options := &scim.Options{BaseURL: c.Public, Strict: c.Strict, Logger: logger, CursorKey: key}
	if c.Metrics != "" {
		options.Observer = counted.observer
	}
	answers, err := c.handlers(console.ctx, logger, store, options)
	if err != nil {
		return err
	}
	defer func() {
		if err := answers.close(); err != nil {
			logger.Error("not all was written at the end", "err", err)
		}
	}()
	base := strings.TrimRight(c.Base, "/")
	mux, aside := c.routes(base, logger, ready, counted, answers), http.NewServeMux()
	ready.handle(aside)
	aside.Handle("GET /metrics", counted.handler(logger))

	running := &servers{logger: logger, failed: make(chan error, 2), timeout: c.RequestTimeout + 10*time.Second}
	defer running.close()
	addr, err := running.start(c.Addr, mux, c.TLSCert, c.TLSKey)
	if err != nil {
		return err
	}
	told := []any{"addr", addr.String(), "base", base + "/", "db", store.name}
	if c.Metrics != "" {
		at, err := running.start(c.Metrics, aside, "", "")
		if err != nil {
			return err
		}
		told = append(told, "metrics", at.String())
	}
	if answers.issuer != "" {
		told = append(told, "token_url", answers.issuer+tokenPath)
	}
	switch {
	case c.LogFormat == "text" && c.Tenants:
		c.welcomeTenants(console.out, store.name, c.scheme()+"://"+reachable(addr), answers.issuer)
	case c.LogFormat == "text":
		c.welcome(console.out, store.name, addr, base, given)
	}
	logger.Info("serving", told...)

	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case err := <-running.failed:
			return err
		case <-minute.C:
			if err := store.save(); err != nil {
				logger.Error("snapshot", "err", err)
			}
		case <-console.ctx.Done():
			ready.stopping.Store(true)
			logger.Info("stopping")
			time.Sleep(c.ShutdownDelay)
			running.finish(c.ShutdownTimeout)
			return nil
		}
	}
}

// routes are what is at which path.
func (c *serveCommand) routes(base string, logger *slog.Logger, ready *readiness, counted *metrics, answers *handlers) *http.ServeMux {
	mux := http.NewServeMux()
	ready.handle(mux)
	if answers.tokens != nil {
		c.mountTokens(mux, counted, logger, answers.tokens)
	}
	add := func(mux *http.ServeMux, at string) {
		mux.Handle(at+"/", counted.watch(logger, below(at), c.within(answers.scim)))
	}
	if !c.Tenants {
		add(mux, base)
		return mux
	}
	tenants := http.NewServeMux() // one of its own, since /scim/v2/ might be a tenant's for the other
	add(tenants, eachTenant)
	if base == "" {
		add(tenants, base)
	} else {
		add(mux, base)
	}
	mux.Handle("/", tenants)
	return mux
}

// within bounds the time of a request.
func (c *serveCommand) within(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), c.RequestTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// servers are the endpoint's and, if there is one, that of the metrics.
type servers struct {
	logger  *slog.Logger
	timeout time.Duration // for a request to come in and be answered
	all     []*http.Server
	failed  chan error
}

// start serves on an address, with HTTPS if there is a certificate.
func (s *servers) start(addr string, handler http.Handler, cert, key string) (net.Addr, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: s.timeout, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}
	s.all = append(s.all, server)
	go func() {
		if cert != "" {
			s.failed <- server.ServeTLS(listener, cert, key)
		} else {
			s.failed <- server.Serve(listener)
		}
	}()
	return listener.Addr(), nil
}

// finish lets the endpoint take no more requests and end those that have begun,
// for which it has some time. The metrics and the health checks end last.
func (s *servers) finish(timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := s.all[0].Shutdown(ctx); err != nil {
		s.logger.Warn("requests were broken off: they took longer than -shutdown-timeout", "err", err)
	}
}

func (s *servers) close() {
	for _, server := range s.all {
		server.Close()
	}
}

func (c *serveCommand) scheme() string {
	if c.TLSCert != "" {
		return "https"
	}
	return "http"
}

func (c *serveCommand) welcome(out io.Writer, name string, addr net.Addr, base string, given bool) {
	token := c.Token
	if given { // whoever gave it has it
		token = "the one you gave"
	}
	url := c.scheme() + "://" + reachable(addr) + base
	if c.Public != "" {
		url = strings.TrimRight(c.Public, "/")
	}
	fmt.Fprintf(out, `SCIM 2.0 from %[3]s

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
`, url, token, name)
}

// reachable is an address as a client on this machine may use it: a listener on
// all addresses has none of its own.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}
