package main

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/usherkit/scim/oauth"
)

// Where the token endpoint is, below the issuer.
const (
	tokenPath    = "/oauth/token"
	metadataPath = "/.well-known/oauth-authorization-server" // RFC 8414 §3
)

// issuerOf is the URL that the token endpoint is below: -issuer, or else -public.
func issuerOf(issuer, public string) (string, error) {
	name := "-issuer"
	switch {
	case issuer == "" && strings.Contains(public, "{tenant}"):
		return "", errors.New("-oauth: -public is another URL for each tenant: give as -issuer the one below which all find " + tokenPath)
	case issuer == "":
		name, issuer = "-public", public
	}
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(issuer, "?#{}") {
		return "", fmt.Errorf("-oauth: %s is no plain URL, such as https://scim.example.com", name)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1") {
		return "", fmt.Errorf("-oauth: %s must be of https, but for localhost and 127.0.0.1: secrets are sent there", name)
	}
	return strings.TrimRight(issuer, "/"), nil
}

// issuer is the URL that the token endpoint is below. Without -public it is known if
// all clients are on this machine.
func (c *serveCommand) issuer() (string, error) {
	if c.Issuer != "" || c.Public != "" {
		return issuerOf(c.Issuer, c.Public)
	}
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil || port == "0" || host != "localhost" && host != "127.0.0.1" {
		return "", fmt.Errorf("-oauth with -addr %s: give -public, the URL of https by which clients come", c.Addr)
	}
	return issuerOf(c.scheme()+"://"+c.Addr, "")
}

// mostTokenKeys is how many keys an oauth.Server takes.
const mostTokenKeys = 8

// tokenOptions are those of the token endpoint of all connections. Access tokens are
// encrypted with keys that come of the keys of the tokens, so that each process on the
// database knows those of the others.
func tokenOptions(issuer string, keys [][]byte, logger *slog.Logger) (oauth.Options, error) {
	o := oauth.Options{Issuer: issuer, TokenURL: issuer + tokenPath, Logger: logger}
	if len(keys) > mostTokenKeys {
		return o, fmt.Errorf("-oauth goes with %d -old-token-key at most", mostTokenKeys-1)
	}
	for _, key := range keys {
		derived, err := hkdf.Key(sha256.New, key, nil, "usher serve: access tokens", 32)
		if err != nil {
			return o, err
		}
		o.Keys = append(o.Keys, derived)
	}
	return o, nil
}

// mountTokens adds the token endpoint and its metadata. A proxy may have taken the
// issuer's path away, but for what RFC 8414 has before it.
func (c *serveCommand) mountTokens(mux *http.ServeMux, counted *metrics, logger *slog.Logger, tokens *oauth.Server) {
	add := func(path, label string, answer http.HandlerFunc) {
		mux.Handle(path, counted.watch(logger, always(label), c.within(answer)))
	}
	add(tokenPath, tokenLabel, tokens.ServeToken)
	add(metadataPath, otherLabel, tokens.ServeMetadata)
	add(metadataPath+"/", otherLabel, tokens.ServeHTTP)
}
