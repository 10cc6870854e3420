package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/usherkit/scim/tenant"
)

type tokenCommand struct {
	Add    tokenAddCommand    `cmd:"" help:"Make another token, besides those there are."`
	List   tokenListCommand   `cmd:"" help:"List the tokens of a connection."`
	Rotate tokenRotateCommand `cmd:"" help:"Make a token and end all others, at once or after an overlap."`
	Revoke tokenRevokeCommand `cmd:"" help:"End one token at once."`
	Off    tokenOffCommand    `cmd:"" help:"End all tokens at once: provisioning is off until another is made."`
}

// tokenFlags say what a new token is.
type tokenFlags struct {
	Label   string        `placeholder:"TEXT" help:"What the token is for, for people."`
	By      string        `placeholder:"NAME" env:"USER" help:"Who makes it, for people. Default: who you are."`
	Expires time.Duration `placeholder:"8760h" help:"After how long it ends by itself. Default: never, since Entra stops provisioning when a token ends."`
}

func (f *tokenFlags) token() tenant.TokenOptions {
	n := tenant.TokenOptions{Label: f.Label, CreatedBy: f.By}
	if f.Expires != 0 {
		n.Expires = time.Now().Add(f.Expires)
	}
	return n
}

// Validate is called by kong.
func (f *tokenFlags) Validate() error {
	if f.Expires < 0 {
		return errors.New("-expires: want more than 0s")
	}
	return nil
}

type tokenAddCommand struct {
	oneConnection
	tokenFlags
}

// Run is called by kong.
func (c *tokenAddCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		secret, t, err := r.Issue(console.ctx, found.Ref(), c.token())
		if err != nil {
			return err
		}
		return printToken(console.out, secret, t)
	})
}

type tokenRotateCommand struct {
	oneConnection
	tokenFlags
	Overlap time.Duration `default:"0s" help:"How long the old tokens still work, for the new one to be pasted. Default: not at all."`
}

// Run is called by kong.
func (c *tokenRotateCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		secret, t, err := r.Rotate(console.ctx, found.Ref(), c.Overlap, c.token())
		if err != nil {
			return err
		}
		return printToken(console.out, secret, t)
	})
}

func printToken(out io.Writer, secret string, t tenant.Token) error {
	_, err := fmt.Fprintf(out, "Secret Token   %s\n\nIts id is %s. The token is shown this once.\n", secret, t.ID)
	return err
}

type tokenListCommand struct {
	oneConnection
	JSON bool `name:"json" help:"Print them as JSON, one on each line."`
}

// Run is called by kong.
func (c *tokenListCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		tokens, err := r.Tokens(console.ctx, found.Ref())
		if err != nil {
			return err
		}
		table := newTable(console.out, c.JSON, "ID", "LABEL", "BY", "CREATED", "USED", "ENDS")
		for _, t := range tokens {
			ends := day(t.Ends)
			if !t.Live(time.Now()) {
				ends = "dead since " + ends
			}
			t.Hash = nil
			if err := table.row(t, t.ID, t.Label, t.CreatedBy, day(t.Created), day(t.LastUsed), ends); err != nil {
				return err
			}
		}
		return table.flush()
	})
}

type tokenRevokeCommand struct {
	oneConnection
	Token string `arg:"" placeholder:"TOKEN-ID" help:"The id of the token, as usher tenant token list shows it; or the token itself."`
}

// Run is called by kong.
func (c *tokenRevokeCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		id := c.Token
		if of, whole := tenant.TokenID(c.Token); whole {
			id = of
		}
		err := r.Revoke(console.ctx, found.Ref(), id)
		if errors.Is(err, tenant.ErrNotFound) {
			return fmt.Errorf("%s/%s has no token with that id; usher tenant token list shows those it has", found.Tenant, found.ID)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(console.out, "revoked; processes that serve know it within 5 seconds")
		return err
	})
}

type tokenOffCommand struct {
	oneConnection
}

// Run is called by kong.
func (c *tokenOffCommand) Run(console *console) error {
	return c.with(console, func(r *tenant.Registry, found tenant.Connection) error {
		if err := r.SwitchOff(console.ctx, found.Ref()); err != nil {
			return err
		}
		_, err := fmt.Fprintln(console.out, "off; processes that serve know it within 5 seconds")
		return err
	})
}
