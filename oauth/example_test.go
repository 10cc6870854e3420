package oauth_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/memstore"
	"github.com/usherkit/scim/oauth"
)

// connections are an application's: who may provision, by the id of a connection.
// Package tenant has ones that are kept in a database, with tokens that can be
// replaced.
type connections map[string]scim.Principal

func (c connections) Principal(_ context.Context, id string) (scim.Principal, error) {
	p, found := c[id]
	if !found {
		return scim.Principal{}, scim.ErrUnauthorized
	}
	return p, nil
}

// Clients come with a secret, or with an assertion of Entra's, and use the access
// token that they get.
func Example() {
	contoso := scim.Principal{Tenant: "contoso", Subject: "contoso-entra"}
	key := make([]byte, 32) // kept where other secrets are, in an application
	rand.Read(key)

	tokens, err := oauth.NewServer(oauth.Options{
		Issuer:     "https://app.example.com",
		Keys:       [][]byte{key},
		Secrets:    scim.StaticToken("the client's secret", contoso),
		Principals: connections{contoso.Subject: contoso},
		Trust: func(_ context.Context, clientID string) ([]oauth.TrustedIssuer, error) {
			if clientID != contoso.Subject {
				return nil, nil
			}
			return []oauth.TrustedIssuer{oauth.Entra( // what its admin copied from Entra's Connectivity page
				"ce5f061f-abe6-4e40-9615-301f87bcb7f0",
				"api://b5ba7a93-4452-4522-aeb4-a2b5da870c16/.default",
				"5d11a5b6-22d9-4b5c-8f0a-5b0c19ad7c20")}, nil
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	handler, err := scim.NewHandler(new(memstore.Store), tokens, nil)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", handler)
	mux.Handle("/oauth/", tokens)
	mux.Handle("/.well-known/oauth-authorization-server", tokens)
	server := httptest.NewServer(mux)
	defer server.Close()

	answer, err := http.PostForm(server.URL+"/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {contoso.Subject}, "client_secret": {"the client's secret"},
	})
	if err != nil {
		panic(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	json.NewDecoder(answer.Body).Decode(&token)
	answer.Body.Close()

	request, _ := http.NewRequest(http.MethodGet, server.URL+"/scim/v2/Users?startIndex=1&count=1", nil)
	request.Header.Set("Authorization", "Bearer "+token.AccessToken)
	answer, err = http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	fmt.Println(token.ExpiresIn, answer.Status)
	// Output: 3600 200 OK
}
