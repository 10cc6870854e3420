package scim

import (
	"errors"
	"fmt"
	"time"
)

// The kinds of error. Each stands for one HTTP status and, where RFC 7644
// §3.12 names one, one scimType. A Store, a TokenValidator or a hook returns
// them bare, wrapped, or as the Kind of an [Error] made by [Errorf].
var (
	ErrInvalidSyntax    = errors.New("scim: invalid syntax")          // 400 invalidSyntax
	ErrInvalidFilter    = errors.New("scim: invalid filter")          // 400 invalidFilter
	ErrInvalidPath      = errors.New("scim: invalid path")            // 400 invalidPath
	ErrInvalidValue     = errors.New("scim: invalid value")           // 400 invalidValue
	ErrInvalidCursor    = errors.New("scim: invalid cursor")          // 400 invalidCursor
	ErrInvalidCount     = errors.New("scim: invalid count")           // 400 invalidCount
	ErrInvalidVersion   = errors.New("scim: unsupported version")     // 400 invalidVers
	ErrNoTarget         = errors.New("scim: no target")               // 400 noTarget
	ErrMutability       = errors.New("scim: attribute is immutable")  // 400 mutability
	ErrTooMany          = errors.New("scim: too many results")        // 400 tooMany
	ErrUnauthorized     = errors.New("scim: unauthorized")            // 401
	ErrForbidden        = errors.New("scim: forbidden")               // 403
	ErrSensitive        = errors.New("scim: sensitive request")       // 403 sensitive
	ErrNotFound         = errors.New("scim: resource not found")      // 404
	ErrMethodNotAllowed = errors.New("scim: method not allowed")      // 405
	ErrNotAcceptable    = errors.New("scim: not acceptable")          // 406
	ErrConflict         = errors.New("scim: conflict")                // 409
	ErrUniqueness       = errors.New("scim: value already in use")    // 409 uniqueness
	ErrVersion          = errors.New("scim: resource has changed")    // 412
	ErrTooLarge         = errors.New("scim: request too large")       // 413
	ErrUnsupportedMedia = errors.New("scim: unsupported media type")  // 415
	ErrTooManyRequests  = errors.New("scim: too many requests")       // 429
	ErrNotImplemented   = errors.New("scim: operation not supported") // 501
	ErrUnavailable      = errors.New("scim: temporarily unavailable") // 503
)

// An Error is an error fit for a client: its Detail is sent in the body of the
// answer, and Entra shows it to the customer's admin. The cause, Err, is for
// the log only.
type Error struct {
	Kind       error         // one of the Err variables; anything else is answered 500
	Detail     string        // names the attribute, path or operation, and what was expected
	RetryAfter time.Duration // sent as Retry-After with 429 and 503, if positive
	Err        error         // the cause; never sent
}

// Errorf returns an *Error of the kind whose Detail is the formatted text. All of
// the text is sent to the client, that of an operand of %w too, which becomes
// the cause as well: for a cause that no client must see use [Error] itself.
func Errorf(kind error, format string, args ...any) error {
	text := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Detail: text.Error(), Err: errors.Unwrap(text)}
}

func (e *Error) Error() string {
	switch {
	case e.Detail == "":
		return fmt.Sprint(e.Kind)
	case e.Kind == nil:
		return e.Detail
	}
	return e.Kind.Error() + ": " + e.Detail
}

// Unwrap lets errors.Is find the kind and the cause.
func (e *Error) Unwrap() []error {
	var of []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			of = append(of, err)
		}
	}
	return of
}
