// Server serves an empty endpoint in memory for the tests of package faults,
// and prints its URL. It ends when its standard input does.
package main

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

func main() {
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(os.Args[1], scim.Principal{}), &scim.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s/scim/v2\n", listener.Addr())
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", h)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whoever started it has gone
		server.Close()
	}()
	_ = server.Serve(listener) // always an error, as it is closed
}
