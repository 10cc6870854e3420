package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usherkit/scim"
)

// A failure is an answer that is no token (RFC 6749 §5.2). Its text is for the
// client, its cause for the log.
type failure struct {
	status      int
	code        string
	description string
	retryAfter  time.Duration
	cause       error
}

func (f *failure) Error() string {
	if f.cause != nil {
		return f.cause.Error()
	}
	return f.description
}

func (f *failure) Unwrap() error { return f.cause }

// Is has whoever counts failed attempts count all that are answered as one.
func (f *failure) Is(target error) bool {
	return target == scim.ErrUnauthorized && f.status == http.StatusUnauthorized
}

func invalidRequest(description string) *failure {
	return &failure{status: http.StatusBadRequest, code: "invalid_request", description: description}
}

// invalidClient is one and the same answer whatever is wrong, so that nobody learns
// which clients there are.
func invalidClient(cause error) *failure {
	return &failure{
		status: http.StatusUnauthorized, code: "invalid_client", cause: cause,
		description: "there is no such client, or its credentials are not right",
	}
}

// failureOf is how an error of the application, or of a check, is answered.
func failureOf(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	f = &failure{status: http.StatusInternalServerError, code: "server_error", description: "the cause is in the server's log", cause: err}
	kind := err // the kind of an Error comes before those of its cause
	var says *scim.Error
	if errors.As(err, &says) {
		f.retryAfter = says.RetryAfter
		if says.Kind != nil {
			kind = says.Kind
		}
	}
	switch {
	case errors.Is(kind, scim.ErrUnauthorized):
		f = invalidClient(err)
		if says != nil && says.Detail != "" { // for whoever had a right one
			f.description = says.Detail
		}
	case errors.Is(kind, scim.ErrTooManyRequests):
		f.status, f.code, f.description = http.StatusTooManyRequests, "temporarily_unavailable", "too many requests"
		f.retryAfter = max(f.retryAfter, time.Second)
	case errors.Is(kind, scim.ErrUnavailable):
		f.status, f.code, f.description = http.StatusServiceUnavailable, "temporarily_unavailable", "try again later"
		f.retryAfter = max(f.retryAfter, time.Second)
	}
	return f
}

// ServeToken is the token endpoint (RFC 6749 §3.2).
func (s *Server) ServeToken(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	head.Set("Pragma", "no-cache")
	head.Set("X-Content-Type-Options", "nosniff")
	clientID, token, err := s.serveToken(w, r)
	if err != nil {
		s.fail(w, r, clientID, failureOf(err))
		return
	}
	s.options.Logger.LogAttrs(r.Context(), slog.LevelInfo, "oauth: access token issued", slog.String("client", clientID))
	json.NewEncoder(w).Encode(struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
	}{token, "Bearer", int(s.options.Lifetime / time.Second), scope})
}

// serveToken returns an access token and whose it is. With an error the client's id
// is what the request says.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) (clientID, token string, err error) {
	if limit := s.options.Limit; limit != nil {
		done, refusal := limit(r)
		if refusal != nil {
			return "", "", refusal
		}
		if done != nil {
			defer func() { done(err) }()
		}
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return "", "", &failure{status: http.StatusMethodNotAllowed, code: "invalid_request", description: "only POST is allowed"}
	}
	form, err := readForm(w, r)
	if err != nil {
		return "", "", err
	}
	clientID = form["client_id"]
	switch form["grant_type"] {
	case grantType:
	case "":
		return clientID, "", invalidRequest("grant_type is missing")
	default:
		return clientID, "", &failure{status: http.StatusBadRequest, code: "unsupported_grant_type", description: "only client_credentials is supported"}
	}
	for _, one := range strings.Fields(form["scope"]) {
		if one != scope {
			return clientID, "", &failure{status: http.StatusBadRequest, code: "invalid_scope", description: "the only scope is scim"}
		}
	}
	given, err := readCredentials(r.Header, form)
	if err != nil {
		return given.clientID, "", err
	}
	of, err := s.authenticate(r, given)
	if err != nil {
		if s.options.Refused != nil && of.id != "" && failureOf(err).status == http.StatusUnauthorized {
			s.options.Refused(of.id)
		}
		return of.id, "", err
	}
	token, err = s.issue(of)
	return of.id, token, err
}

// A client is one that may have an access token.
type client struct {
	id          string
	revocations int // see Revoker; of a moment after which its credentials were good
}

// revocations asks a Revoker, if there is one.
func (s *Server) revocations(ctx context.Context, clientID string) (int, error) {
	if r, ok := s.options.Principals.(Revoker); ok {
		return r.Revocations(ctx, clientID, true)
	}
	return 0, nil
}

// authenticate returns the client whose credentials these are; with an error, whose
// they are said to be.
func (s *Server) authenticate(r *http.Request, given credentials) (of client, err error) {
	ctx := r.Context()
	of.id = given.clientID
	if given.assertion == "" {
		of.revocations, err = s.secret(r, given)
		return of, err
	}
	if s.options.Trust == nil {
		return of, refused("no assertions are taken here")
	}
	if limit := s.limitAssertions; limit != nil {
		done, refusal := limit(r)
		if refusal != nil {
			return of, refusal
		}
		if done != nil {
			defer func() { done(err) }()
		}
	}
	if of, err = s.assertion(ctx, given.clientID, given.assertion); err != nil {
		return of, err
	}
	return of, s.mayCome(ctx, of.id)
}

// secret reports whether a secret is the client's, and returns the client's
// revocations. It is asked about twice, before and after they are counted: one that is
// revoked meanwhile buys nothing that outlives it.
func (s *Server) secret(r *http.Request, given credentials) (revocations int, err error) {
	if err = s.hasSecret(r, given); err != nil {
		return 0, err
	}
	if _, ends := s.options.Principals.(Revoker); !ends {
		return 0, nil
	}
	if revocations, err = s.revocations(r.Context(), given.clientID); err != nil {
		return 0, err
	}
	return revocations, s.hasSecret(r, given)
}

// hasSecret reports whether a secret is the client's now.
func (s *Server) hasSecret(r *http.Request, given credentials) error {
	if _, err := s.readToken(given.secret); err == nil { // which would renew itself for ever
		return refused("the secret is an access token")
	}
	var p scim.Principal
	var done func()
	var err error
	switch v := s.options.Secrets.(type) {
	case nil:
		return refused("no secrets are taken here")
	case FreshAuthenticator:
		p, done, err = v.AuthenticateFresh(r, given.secret)
	case scim.Authenticator:
		p, done, err = v.Authenticate(r, given.secret)
	default:
		p, err = v.ValidateToken(r.Context(), given.secret)
	}
	if done != nil {
		defer done()
	}
	if err != nil {
		return err
	}
	if p.Subject != given.clientID {
		return refused("the secret is another client's")
	}
	return nil
}

// mayCome reports whether a client that needs no secret may come at present.
func (s *Server) mayCome(ctx context.Context, clientID string) error {
	_, err := s.options.Principals.Principal(ctx, clientID)
	return err
}

// fail answers with a failure, and logs why.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, clientID string, f *failure) {
	level := slog.LevelWarn
	ours := f.status >= http.StatusInternalServerError || f.status == http.StatusUnauthorized && !errors.Is(f.cause, scim.ErrUnauthorized)
	if ours && r.Context().Err() == nil { // otherwise the client has gone
		level = slog.LevelError
	}
	s.options.Logger.LogAttrs(r.Context(), level, "oauth: access token refused",
		slog.Int("status", f.status), slog.String("error", f.code), slog.String("client", shown(clientID)), slog.String("reason", f.reason()))
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="token endpoint", charset="UTF-8"`)
	}
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((f.retryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(f.status)
	json.NewEncoder(w).Encode(struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}{f.code, printable(f.description)})
}

// printable leaves the characters that an error_description may have.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			return '\''
		case c < ' ' || c > '~' || c == '\\':
			return '?'
		}
		return c
	}, text)
}

// reason is why, with the cause that a scim.Error keeps from clients.
func (f *failure) reason() string {
	text := f.Error()
	var says *scim.Error
	if errors.As(f.cause, &says) && says.Err != nil {
		text += ": " + says.Err.Error()
	}
	return clip(text, 500)
}

// shown is what the log has of a client's id that was refused: its beginning, as
// some put the secret into its place.
func shown(clientID string) string { return clip(clientID, 16) }

func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
