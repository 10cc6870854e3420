package durability

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/usherkit/scim/internal/dbtest"
)

// A proxy stands between clients and a PostgreSQL server and makes of a statement
// what becomes of few. It speaks both sides of the protocol (PostgreSQL's
// documentation, "Frontend/Backend Protocol").
type proxy struct {
	socket   string // of the server
	listener net.Listener

	mu         sync.Mutex
	statements []string // since expect was called
	fault      *fault
	hits       int // of the fault
}

// A fault happens to a statement.
type fault struct {
	at    int    // which statement, from 0; -1: all that are not COMMIT, -2: every COMMIT
	what  what   // happens
	state string // SQLSTATE of what the server answers
}

type what int

const (
	refused what = iota // the server answers with an error and has done nothing
	dying               // so it does, and ends the connection
	cut                 // the connection ends, and the server has not heard of it
	unsaid              // the server has done it, and the connection ends before it can say so
)

// startProxy starts a proxy before a server.
func startProxy(t *testing.T, server *dbtest.Server) *proxy {
	t.Helper()
	config, err := pgx.ParseConfig(server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{socket: filepath.Join(config.Host, ".s.PGSQL.5432")}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.listener.Close() })
	go func() {
		for {
			client, err := p.listener.Accept()
			if err != nil {
				return
			}
			go p.relay(client)
		}
	}()
	return p
}

// dsn returns the DSN of a server's database through the proxy.
func (p *proxy) dsn(t *testing.T, direct string) string {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("host", host)
	query.Set("port", port)
	u.RawQuery = query.Encode()
	return u.String()
}

// expect begins to count statements anew, one of which meets the fault, if it is
// not nil.
func (p *proxy) expect(f *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.statements, p.fault, p.hits = nil, f, 0
}

// seen returns the statements since expect and how many of them met the fault.
func (p *proxy) seen() (statements []string, hits int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.statements, p.hits
}

// note counts a statement and returns the fault that it meets.
func (p *proxy) note(text string) *fault {
	switch {
	case isA(text, "begin"), isA(text, "rollback"), isA(text, "deallocate"), isA(text, ";"), isA(text, "--"), text == "":
		return nil // what holds no data, and a driver's own
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.statements = append(p.statements, text)
	f := p.fault
	switch commit := isA(text, "commit"); {
	case f == nil, f.at >= 0 && f.at != len(p.statements)-1, f.at == -1 && commit, f.at == -2 && !commit:
		return nil
	}
	p.hits++
	return f
}

func isA(statement, kind string) bool {
	return len(statement) >= len(kind) && strings.EqualFold(statement[:len(kind)], kind)
}

// A link is one connection through the proxy. Clients may send many messages
// before they look at the answers, which come in the same order.
type link struct {
	*proxy
	client, server net.Conn
	backend        *pgproto3.Backend  // to the client
	frontend       *pgproto3.Frontend // to the server
	texts          map[string]string  // of prepared statements

	mu      sync.Mutex
	parses  []bool // that are to be answered; true: it is the proxy's
	rounds  int    // that the client has begun, each of which ends with ReadyForQuery
	ready   int    // that have ended
	cutAt   int    // the end of which round nobody hears of; 0: none
	refused string // SQLSTATE in place of what the server says of a statement that was made impossible
}

func (p *proxy) relay(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.socket)
	if err != nil {
		return
	}
	defer server.Close()
	l := &link{
		proxy: p, client: client, server: server, texts: map[string]string{}, rounds: 1,
		backend: pgproto3.NewBackend(client, client), frontend: pgproto3.NewFrontend(server, server),
	}
	hello, err := l.backend.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if _, ok := hello.(*pgproto3.StartupMessage); !ok {
		return // to cancel, which no test waits for
	}
	l.frontend.Send(hello)
	if l.frontend.Flush() != nil {
		return
	}
	go func() {
		for l.answer() == nil {
		}
		_ = client.Close()
		_ = server.Close()
	}()
	for l.ask() == nil {
	}
}

var errCut = errors.New("the connection is cut")

// ask takes a message from the client to the server.
func (l *link) ask() error {
	message, err := l.backend.Receive()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	text, statement := "", false
	switch m := message.(type) {
	case *pgproto3.Parse:
		l.texts[m.Name] = m.Query
		l.parses = append(l.parses, false)
	case *pgproto3.Bind:
		text, statement = l.texts[m.PreparedStatement], true
	case *pgproto3.Query:
		text, statement = m.String, true
	}
	if statement {
		if f := l.note(text); f != nil {
			if message, err = l.meet(f, message, isA(text, "commit")); err != nil {
				return err
			}
		}
	}
	switch message.(type) {
	case *pgproto3.Query, *pgproto3.Sync:
		l.rounds++
	}
	l.frontend.Send(message)
	return l.frontend.Flush()
}

// meet has a fault happen to a statement and returns what to send in its place.
func (l *link) meet(f *fault, message pgproto3.FrontendMessage, commit bool) (pgproto3.FrontendMessage, error) {
	switch f.what {
	case cut:
		return nil, errCut
	case dying:
		l.backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: f.state, Message: "injected"})
		return nil, errors.Join(l.backend.Flush(), errCut)
	case unsaid:
		l.cutAt = l.rounds + 1
		return message, nil
	}
	// The server is told what it must refuse, so that it ends the transaction as
	// for any error, or to undo what was to be committed.
	l.refused = f.state
	_, simple := message.(*pgproto3.Query)
	switch {
	case simple && commit:
		return &pgproto3.Query{String: "ROLLBACK"}, nil
	case simple:
		return &pgproto3.Query{String: "impossible"}, nil
	case commit:
		name := fmt.Sprintf("undo %d", l.rounds)
		l.parses = append(l.parses, true)
		l.frontend.Send(&pgproto3.Parse{Name: name, Query: "ROLLBACK"})
		return &pgproto3.Bind{PreparedStatement: name}, nil
	}
	return &pgproto3.Bind{PreparedStatement: "impossible"}, nil
}

// answer takes a message from the server to the client.
func (l *link) answer() error {
	message, err := l.frontend.Receive()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	refusal := false
	switch m := message.(type) {
	case *pgproto3.ReadyForQuery:
		l.ready++
		if l.ready == l.cutAt {
			return errCut
		}
	case *pgproto3.ParseComplete:
		own := l.parses[0]
		if l.parses = l.parses[1:]; own {
			return nil
		}
	case *pgproto3.ErrorResponse:
		refusal = l.refused != ""
	case *pgproto3.CommandComplete:
		refusal = l.refused != "" && string(m.CommandTag) == "ROLLBACK"
	}
	if l.cutAt > 0 {
		return nil
	}
	if refusal {
		message = &pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: l.refused, Message: "injected"}
		l.refused = ""
	}
	l.backend.Send(message)
	return l.backend.Flush()
}
