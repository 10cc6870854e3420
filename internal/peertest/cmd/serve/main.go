// Command serve serves one of the servers of package peertest, in memory,
// below /v2, for a load generator to measure:
//
//	go run ./cmd/serve -addr 127.0.0.1:8080 -token bench -store usher
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/usherkit/scim/internal/peertest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	token := flag.String("token", peertest.Token, "bearer token")
	store := flag.String("store", "usher", "which server: usher, elimity, floor or echo")
	flag.Parse()

	server, ok := map[string]func(string) http.Handler{
		"usher":   peertest.Usher,
		"elimity": peertest.Elimity,
		"floor":   peertest.Floor,
		"echo":    peertest.Echo,
	}[*store]
	if !ok || flag.NArg() > 0 {
		log.Fatalf("serve: no store %q", *store)
	}
	mux := http.NewServeMux()
	mux.Handle(peertest.Prefix+"/", server(*token))
	log.Fatal(http.ListenAndServe(*addr, mux))
}
