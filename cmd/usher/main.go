// Usher shows whether a SCIM 2.0 endpoint, whoever wrote it, works with
// Microsoft Entra ID, Okta and other identity providers:
//
//	usher check URL -token T       check the endpoint and tell what is wrong with it
//	usher sync URL -token T        provision a company to it, as Entra and others do
//	usher serve -token T           serve an endpoint from SQLite, PostgreSQL or memory
//	usher directory > company.json print a company to provision
//
// Its exit code is 0 if all is well, 1 if something is wrong with the endpoint,
// and 2 if it could not do what it was asked to: the command line is wrong, the
// endpoint cannot be reached or refuses the token, the database does not answer.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/usherkit/scim/scimtest/conformance"
	"github.com/usherkit/scim/scimtest/idp"
)

// The exit codes.
const (
	allWell  = 0
	isWrong  = 1 // the endpoint
	cannotDo = 2
)

// errWrong ends a command that has told already what is wrong with the
// endpoint.
var errWrong = errors.New("something is wrong with the endpoint")

// commands are what usher can do.
type commands struct {
	Check      checkCommand      `cmd:"" help:"Check an endpoint and tell what is wrong with it."`
	Sync       syncCommand       `cmd:"" help:"Provision a company to an endpoint, as identity providers do, and compare."`
	Serve      serveCommand      `cmd:"" help:"Serve a SCIM endpoint from SQLite, PostgreSQL or memory."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the schema of a database that usher serves from up to date, or print it."`
	Tenant     tenantCommand     `cmd:"" help:"Manage the connections of customers that usher serve -tenants serves, and their tokens."`
	Log        logCommand        `cmd:"" help:"Show which requests of customers changed something or were refused, and why."`
	Replay     replayCommand     `cmd:"" help:"Make a request of the log again, on a copy or at another endpoint, and compare the answers."`
	Directory  directoryCommand  `cmd:"" help:"Print a company to provision, as JSON."`
	Mappings   mappingsCommand   `cmd:"" help:"Print Entra's default attribute mappings, as JSON, to change and give to sync."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
	Completion completionCommand `cmd:"" help:"Print a script that completes usher's commands in a shell."`
}

// A console is where a command reads and writes.
type console struct {
	ctx         context.Context
	out, errors io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	os.Exit(run(&console{ctx, os.Stdout, os.Stderr}, os.Args[1:]))
}

// run is main with its surroundings as parameters. It returns the exit code.
func run(c *console, args []string) int {
	helped := false
	parser, err := newParser(c, func(int) { helped = true })
	if err != nil {
		fmt.Fprintln(c.errors, "usher:", err)
		return cannotDo
	}
	if len(args) > 0 && args[0] == completeCommand {
		complete(c.out, parser.Model, args[1:])
		return allWell
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	alone := len(args) == 0
	if alone {
		args = []string{"--help"}
	}
	command, err := parser.Parse(doubled(parser.Model, args))
	if helped && alone {
		return cannotDo // a script forgot something
	}
	if helped {
		return allWell
	}
	if err == nil {
		err = command.Run(c)
	}
	var usage *kong.ParseError
	switch {
	case err == nil:
		return allWell
	case errors.Is(err, errWrong):
		return isWrong
	case c.ctx.Err() != nil:
		fmt.Fprintln(c.errors, "usher: interrupted")
	case errors.As(err, &usage):
		name, _, _ := strings.Cut(usage.Context.Command(), " <") // without its arguments
		fmt.Fprintf(c.errors, "usher: %s\n%s -help tells more.\n", single(err.Error()), strings.TrimSpace("usher "+name))
	default:
		fmt.Fprintln(c.errors, "usher:", err)
	}
	return cannotDo
}

func newParser(c *console, exit func(int)) (*kong.Kong, error) {
	return kong.New(&commands{},
		kong.Name("usher"),
		kong.Description(description),
		kong.Writers(c.out, c.errors),
		kong.Exit(exit),
		kong.WithHyphenPrefixedParameters(true),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Help(help),
		kong.Vars{"suites": strings.Join(conformance.SuiteNames(), ", "), "providers": strings.Join(idp.Names(), ",")},
	)
}

const description = `Does my SCIM endpoint work with Microsoft Entra ID, Okta and others?

Flags may have one dash or two. The exit code is 0 if all is well, 1 if
something is wrong with the endpoint, and 2 if usher could not tell or serve.`

// help prints kong's help with flags as they are written everywhere else.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	out := ctx.Stdout
	defer func() { ctx.Stdout = out }()
	var text strings.Builder
	ctx.Stdout = &text
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	inLines := flagLine.ReplaceAllString(text.String(), "$1-$2 $3")
	_, err := io.WriteString(out, strings.ReplaceAll(inLines, " --help", " -help"))
	return err
}

var (
	flagLine  = regexp.MustCompile(`(?m)^( +(?:-[a-z], )?)--((?:\[no-\])?[a-z].*?)(  .*)?$`)
	twoDashes = regexp.MustCompile(`(^|[\s",(\[])--([a-z])`)
)

// single writes flags in a message with one dash.
func single(text string) string { return twoDashes.ReplaceAllString(text, "$1-$2") }

// doubled writes the flags in the arguments with two dashes, as kong wants
// them.
func doubled(model *kong.Application, args []string) []string {
	takesValue := map[string]bool{} // by the names of all flags
	kong.Visit(model, func(node kong.Visitable, next kong.Next) error {
		if f, ok := node.(*kong.Flag); ok {
			takesValue[f.Name] = !f.IsBool()
		}
		return next(nil)
	})
	args = slices.Clone(args)
	isValue := false
	for i, arg := range args {
		if arg == "--" {
			break
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case isValue:
			isValue = false
		case strings.HasPrefix(arg, "-") && len(name) > 1: // not -h
			args[i] = "--" + strings.TrimLeft(arg, "-")
			isValue = takesValue[name] && !hasValue
		}
	}
	return args
}
