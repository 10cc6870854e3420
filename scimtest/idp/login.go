package idp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"sync"
	"time"
)

// ClientCredentials get tokens by OAuth 2.0 client credentials, as Microsoft
// asks of the gallery. The request is a form with the client's secret in it,
// without an Authorization header, as Microsoft's Logic App suite sends it.
type ClientCredentials struct {
	TokenURL     string
	ClientID     string
	ClientSecret string
	Scope        string // empty: not sent

	// Assertion makes a JWT that takes the place of the secret: workload
	// identity federation (RFC 7523 section 2.2). It is called for every
	// request of a token.
	Assertion func(context.Context) (string, error)
}

// A login gets tokens and keeps one while it is good.
type login struct {
	ClientCredentials
	mu     sync.Mutex
	token  string
	expiry time.Time // by the simulated clock
}

const (
	shortestToken = time.Hour // Validate_Credentials_Test fails outside of these
	longestToken  = 6 * time.Hour
)

func (l *login) validate() error {
	if _, err := endpointURL(l.TokenURL); err != nil {
		return fmt.Errorf("idp: token URL %q: %w", l.TokenURL, err)
	}
	if l.ClientID == "" || (l.ClientSecret == "") == (l.Assertion == nil) {
		return errors.New("idp: credentials: want a ClientID, and either a ClientSecret or an Assertion")
	}
	return nil
}

func (l *login) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.token = ""
}

// bearer returns the token, and gets a new one if there is none or it has
// expired. A failure ends the run.
func (r *run) bearer() (token string, err error) {
	l := r.login
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token != "" && r.now.Before(l.expiry) {
		return l.token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {l.ClientID}}
	hidden := url.Values{"grant_type": {"client_credentials"}, "client_id": {l.ClientID}}
	set := func(name, value, shown string) {
		form.Set(name, value)
		hidden.Set(name, shown)
	}
	if l.Assertion != nil {
		assertion, err := l.Assertion(r.ctx)
		if err != nil {
			r.stop("no client assertion: " + err.Error())
			return "", err
		}
		const jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
		set("client_assertion_type", jwt, jwt)
		set("client_assertion", assertion, "***")
	} else {
		set("client_secret", l.ClientSecret, "***")
	}
	if l.Scope != "" {
		set("scope", l.Scope, l.Scope)
	}
	of := about("the token endpoint")
	x := &exchange{kind: RequestToken, of: of, object: of.String(), url: l.TokenURL, body: []byte(hidden.Encode()), secret: []byte(form.Encode())}
	for r.attempt(x, ""); r.again(x); {
		r.attempt(x, "")
	}
	token, expires, problem := readToken(x)
	if problem != "" {
		code := CodeUnauthorized
		if x.err != nil {
			code, _ = x.verdict()
		}
		r.fail(x, code, problem, "without a token Entra can do nothing")
		r.stop("no token was to be had")
		return "", errors.New("no token was to be had")
	}
	if expires < shortestToken || expires > longestToken {
		r.tell(x, CodeIncompatible, "expires_in from 3600 to 21600", "Microsoft's Validate_Credentials_Test fails; tokens are to last from 60 minutes to six hours")
	}
	l.token, l.expiry = token, r.now.Add(max(expires, time.Minute))
	return token, nil
}

// readToken reads the answer to a request of a token (RFC 6749 §5.1).
func readToken(x *exchange) (token string, expires time.Duration, problem string) {
	if x.err != nil || x.status != 200 {
		return "", 0, "200 OK with a token"
	}
	o, _ := parseObject(string(x.answer))
	token, _ = o.get("access_token").text()
	seconds, ok := o.number("expires_in")
	if kind, _ := o.get("token_type").text(); token == "" || !ok || len(kind) != len("Bearer") {
		return "", 0, `an object with access_token, token_type "Bearer" and the number expires_in`
	}
	return token, time.Duration(seconds) * time.Second, ""
}

var tokenText = regexp.MustCompile(`("access_token"\s*:\s*)"[^"]*"`)

// shown is the answer without the token in it.
func (x *exchange) shown() []byte {
	if x.kind != RequestToken {
		return x.answer
	}
	return tokenText.ReplaceAll(x.answer, []byte(`$1"***"`))
}

// checkCredentials reads one user with a token, as Validate_Credentials_Test
// does.
func (e *Entra) checkCredentials(r *run) bool {
	x := r.send(CheckCredentials, about("the connection"), "/Users", "startIndex=1&count=1", nil)
	if !r.accept(x, 200, 201, 202, 203, 204) {
		r.stop("the credentials do not work")
		return false
	}
	return true
}
