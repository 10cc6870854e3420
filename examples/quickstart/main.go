// Quickstart serves SCIM 2.0 from memory, ready for Microsoft Entra ID to
// provision users and groups into:
//
//	go run ./examples/quickstart [-addr 127.0.0.1:8080] [-token T]
//
// hooks.go is what an application does with them: here, print a line.
//
// With -strict clients are held to the letter of the RFCs and of the SCIM 2.0
// Interoperability Profile, which neither Entra nor Okta is. With -test-types
// there are /TestResources too, with an attribute for every characteristic that
// a schema can have (see testtypes.go). The two together are an endpoint to
// certify.
//
// With -demo it is its own identity provider as well: a company of 200 people
// is provisioned over HTTP as Entra does it, then changed, disabled, restored
// and deleted in part, and compared with the endpoint after every cycle. It
// exits 0 only if every answer was right.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout))
}

// run is main with its surroundings as parameters. It returns the exit code.
func run(ctx context.Context, args []string, out io.Writer) int {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(out)
	addr := flags.String("addr", "127.0.0.1:8080", "`address` to serve on; with -demo, default: a free port")
	token := flags.String("token", "", "secret `token` that clients must send; default: a random one")
	var kind mode
	flags.BoolVar(&kind.strict, "strict", false, "hold clients to the letter of the RFCs and of the SCIM 2.0 Interoperability Profile; Entra and Okta need this off")
	flags.BoolVar(&kind.testTypes, "test-types", false, "serve /TestResources besides users and groups")
	isDemo := flags.Bool("demo", false, "provision a company of 200 people, as Entra does, and check the result")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if *isDemo && kind != (mode{}) {
		fmt.Fprintln(out, "-demo is of the endpoint that Entra needs: leave -strict and -test-types out")
		return 2
	}
	if *token == "" {
		*token = rand.Text()
	}

	var err error
	if *isDemo {
		chosen := false
		flags.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "addr" })
		if !chosen {
			*addr = "127.0.0.1:0"
		}
		err = demo(ctx, out, *addr, *token)
	} else {
		err = serve(ctx, out, *addr, *token, kind)
	}
	if err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	return 0
}

// mode is what is not as usual about the endpoint.
type mode struct{ strict, testTypes bool }

// endpoint is all that an application needs: a store, the token that the
// identity provider shows, and hooks. It answers below /scim/v2.
func endpoint(token string, hooks scim.Hooks, logger *slog.Logger, kind mode) (http.Handler, error) {
	store := new(memstore.Store)
	tokens := scim.StaticToken(token, scim.Principal{Subject: "quickstart"})
	options := &scim.Options{Hooks: hooks, Logger: logger, Strict: kind.strict}
	if kind.testTypes {
		types, err := testTypes()
		if err != nil {
			return nil, err
		}
		options.Types = types
	}
	handler, err := scim.NewHandler(store, tokens, options)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", handler)
	return mux, nil
}

// serve serves until the context ends.
func serve(ctx context.Context, out io.Writer, addr, token string, kind mode) error {
	hooks := announcer{say: func(e event) { fmt.Fprintf(out, "  %s  %-16s %s\n", time.Now().Format(time.TimeOnly), e.kind, e.text) }}
	url, shutdown, err := start(addr, token, hooks, slog.Default(), kind)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, welcome, url, token)
	if kind.strict {
		fmt.Fprintln(out, "  It is strict: Entra and Okta will be refused much of what they send.")
	}
	if kind.testTypes {
		fmt.Fprintf(out, "  There are TestResources too: %s/Schemas/%s\n", url, testSchemaURI)
	}
	<-ctx.Done()
	fmt.Fprintln(out, "\n  Good-bye.")
	return shutdown()
}

// start serves the endpoint in the background and returns its Tenant URL.
func start(addr, token string, hooks scim.Hooks, logger *slog.Logger, kind mode) (url string, shutdown func() error, err error) {
	handler, err := endpoint(token, hooks, logger, kind)
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	shutdown = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err := server.Shutdown(ctx)
		if failed := <-served; !errors.Is(failed, http.ErrServerClosed) {
			err = failed
		}
		return err
	}
	return "http://" + listener.Addr().String() + "/scim/v2", shutdown, nil
}

const welcome = `
  Usher quickstart: SCIM 2.0 from memory

  In the Microsoft Entra admin center, open Enterprise applications, New
  application, Create your own application; then in the new application
  Provisioning, New configuration, and paste:

    Tenant URL     %[1]s
    Secret Token   %[2]s

  Entra calls from the internet and wants HTTPS: put a tunnel or a reverse proxy
  before this address and paste its URL instead. Then press Test connection.

  Or be the identity provider yourself, in another terminal:

    curl -H 'Authorization: Bearer %[2]s' '%[1]s/Users'
    curl -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/scim+json' \
      -d '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@contoso.example","displayName":"Ada Lovelace"}' '%[1]s/Users'

  What happens is told below, and what is refused too. Press Ctrl-C to stop; nothing is kept.

`
