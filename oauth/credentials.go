package oauth

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	largestForm     = 32 << 10 // bytes
	longestClientID = 256
	jwtBearer       = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// credentials are what a request of a token is authenticated with: a secret or an
// assertion.
type credentials struct {
	clientID  string // empty only if the assertion is to tell
	secret    string
	assertion string
}

// readForm reads the parameters of a request (RFC 6749 §3.2). None may be there
// twice, and those without a value count as left out.
func readForm(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	name, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || name != "application/x-www-form-urlencoded" || len(r.Header["Content-Type"]) != 1 {
		return nil, invalidRequest("the Content-Type must be application/x-www-form-urlencoded")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, invalidRequest("a Content-Encoding is not supported")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestForm))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &failure{status: http.StatusRequestEntityTooLarge, code: "invalid_request", description: "the body is larger than 32 KiB"}
	case err != nil:
		return nil, invalidRequest("the body cannot be read to its end")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidRequest("the body is not form-encoded")
	}
	for name := range r.URL.Query() {
		if strings.HasPrefix(name, "client_") || name == "grant_type" {
			return nil, invalidRequest("parameters belong into the body, as logs have URLs in them")
		}
	}
	values := make(map[string]string, len(form))
	for name, all := range form {
		if len(all) != 1 {
			return nil, invalidRequest("a parameter is there twice")
		}
		if all[0] != "" {
			values[name] = all[0]
		}
	}
	return values, nil
}

// readCredentials finds the one way in which a request is authenticated (RFC 6749
// §2.3, RFC 7521 §4.2).
func readCredentials(header http.Header, form map[string]string) (credentials, error) {
	given := credentials{form["client_id"], form["client_secret"], form["client_assertion"]}
	kind := form["client_assertion_type"]
	ways := 0
	for _, there := range []bool{len(header["Authorization"]) > 0, given.secret != "", given.assertion != "" || kind != ""} {
		if there {
			ways++
		}
	}
	switch {
	case ways > 1 || len(header["Authorization"]) > 1:
		return given, invalidRequest("a client authenticates in one way: Basic, client_secret or client_assertion")
	case ways == 0:
		return given, invalidClient(refused("there are no credentials"))
	case len(header["Authorization"]) == 1:
		id, secret, err := readBasic(header.Get("Authorization"))
		if err == nil && given.clientID != "" && given.clientID != id {
			return given, invalidRequest("client_id is another than the one in the Authorization header")
		}
		given.clientID, given.secret = id, secret
		if err != nil {
			return credentials{}, invalidClient(err)
		}
	case kind != "" && kind != jwtBearer:
		return given, invalidRequest("client_assertion_type must be " + jwtBearer)
	case (given.assertion == "") != (kind == ""):
		return given, invalidRequest("client_assertion and client_assertion_type belong together")
	case given.secret != "" && given.clientID == "":
		return given, invalidRequest("client_id is missing")
	}
	if given.secret != "" || given.clientID != "" {
		if err := checkClientID(given.clientID); err != nil {
			return given, invalidClient(err)
		}
	}
	return given, nil
}

// readBasic reads an Authorization header of the scheme Basic, whose parts are
// form-encoded first (RFC 6749 §2.3.1).
func readBasic(header string) (id, secret string, err error) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", refused("the Authorization header's scheme is not Basic")
	}
	pair, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", refused("the Authorization header is not base64")
	}
	id, secret, found := strings.Cut(string(pair), ":")
	if !found {
		return "", "", refused("the Authorization header has no colon in it")
	}
	if id, err = url.QueryUnescape(id); err != nil {
		return "", "", refused("the client's id in the Authorization header is not form-encoded")
	}
	if secret, err = url.QueryUnescape(secret); err != nil {
		return "", "", refused("the secret in the Authorization header is not form-encoded")
	}
	if secret == "" {
		return "", "", refused("the secret is empty")
	}
	return id, secret, nil
}

// checkClientID refuses what no client's id can be (RFC 6749 appendix A.1 is
// narrower).
func checkClientID(id string) error {
	if id == "" || len(id) > longestClientID || !utf8.ValidString(id) || strings.ContainsFunc(id, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return refused("the client's id is empty, too long or has characters that none has")
	}
	return nil
}
