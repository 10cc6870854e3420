// Package peertest measures the library beside other servers in the same
// process, and compares its parsers with another's. It is never published: a
// module of its own keeps what it imports out of the library's go.mod.
//
// Three servers answer the same requests below /v2 for the same bearer token:
//
//   - Usher: the library over memstore
//   - Floor: a bare http.Handler that stores the bytes it is sent and returns
//     them, with as little work as the benchmarks' requests allow
//   - Elimity: github.com/elimity-com/scim over maps, as its users write it
//
// See docs/benchmarks.md for what was measured, and cmd/serve to measure the
// servers from outside.
package peertest

import (
	"crypto/subtle"
	"io"
	"log/slog"
	"net/http"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
)

// Prefix is where the servers are mounted; Elimity knows no other place.
const Prefix = "/v2"

// Token is the bearer token the servers in this package's tests know.
const Token = "bench"

// Usher returns the library's Handler over an empty memstore. The limits are
// high enough for a group of 100,000 members in one request.
func Usher(token string) http.Handler {
	h, err := scim.NewHandler(new(memstore.Store), scim.StaticToken(token, scim.Principal{Subject: "bench"}),
		&scim.Options{MaxBody: 64 << 20, MaxResults: 1000, Logger: slog.New(slog.DiscardHandler)}) // what is refused is told by those who ask
	if err != nil {
		panic(err) // the options are constant
	}
	return h
}

// guard lets only requests with the token through to h.
func guard(token string, h http.HandlerFunc) http.Handler {
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.Header().Set("Content-Type", "application/scim+json")
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"401","detail":"The token is not valid."}`)
			return
		}
		h(w, r)
	})
}
