package oauth

import (
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/json" // refuses what has a name twice, and folds no case
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/usherkit/scim"
)

// skew is how far the clocks of two machines may differ.
const skew = time.Minute

// refused returns an error of kind ErrUnauthorized whose text is for the log alone.
func refused(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, scim.ErrUnauthorized)...)
}

// claims are what a JWT says.
type claims struct {
	jwt.Claims
	all map[string]json.RawMessage
}

func parseClaims(payload []byte) (*claims, error) {
	c := new(claims)
	if err := json.Unmarshal(payload, &c.Claims); err != nil {
		return nil, refused("its claims cannot be read: %v", err)
	}
	if err := json.Unmarshal(payload, &c.all); err != nil {
		return nil, refused("its claims cannot be read: %v", err)
	}
	return c, nil
}

// text returns a claim that is a string, or nothing.
func (c *claims) text(name string) (value string) {
	if raw := c.all[name]; raw == nil || json.Unmarshal(raw, &value) != nil {
		return ""
	}
	return value
}

// number returns a claim that is a whole number, or 0.
func (c *claims) number(name string) (value int) {
	if raw := c.all[name]; raw == nil || json.Unmarshal(raw, &value) != nil {
		return 0
	}
	return value
}

// inTime reports whether the claims hold at a time, on a clock that may be a minute
// off, and until when.
func (c *claims) inTime(now time.Time) (until time.Time, err error) {
	switch {
	case c.Expiry == nil:
		return until, refused("it has no exp")
	case now.Add(-skew).After(c.Expiry.Time()):
		return until, refused("it expired at %s", c.Expiry.Time().UTC().Format(time.RFC3339))
	case c.NotBefore != nil && now.Add(skew).Before(c.NotBefore.Time()):
		return until, refused("it holds from %s on", c.NotBefore.Time().UTC().Format(time.RFC3339))
	case c.IssuedAt != nil && now.Add(skew).Before(c.IssuedAt.Time()):
		return until, refused("it was issued at %s, which is yet to come", c.IssuedAt.Time().UTC().Format(time.RFC3339))
	}
	return c.Expiry.Time().Add(skew), nil
}
