package main

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/usherkit/scim/scimtest/conformance"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"One of: ${enum}."`
}

// The scripts ask usher itself what may come next, so they suit every version.
//
//go:embed completion/usher.bash
var bashScript string

//go:embed completion/usher.zsh
var zshScript string

//go:embed completion/usher.fish
var fishScript string

// Help is shown by -help.
func (*completionCommand) Help() string {
	return `Examples:

	source <(usher completion bash)                                  # in ~/.bashrc
	usher completion zsh > "${fpath[1]}/_usher"                      # once, for zsh
	usher completion fish > ~/.config/fish/completions/usher.fish    # once, for fish
`
}

// Run is called by kong.
func (c *completionCommand) Run(console *console) error {
	script := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell]
	_, err := io.WriteString(console.out, script)
	return err
}

// completeCommand is what the scripts run, with the words of the command line
// up to the one that is being written.
const completeCommand = "__complete"

// complete writes what that word may become: one a line, with what it means
// after a tab. The line ":file" means the name of a file.
func complete(out io.Writer, model *kong.Application, words []string) {
	if len(words) == 0 || words[len(words)-1] == "=" { // bash takes -flag=value apart
		words = append(words, "")
	}
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "=" })
	before, word := words[:len(words)-1], words[len(words)-1]
	command := model.Node
	for _, w := range before {
		for _, child := range command.Children {
			if child.Name == w {
				command = child
			}
		}
	}
	suggest := func(value, meaning string) {
		if strings.HasPrefix(value, word) {
			fmt.Fprintf(out, "%s\t%s\n", value, meaning)
		}
	}
	flags := command.Flags
	if command != model.Node {
		flags = append(slices.Clone(flags), model.Flags...)
	}
	find := func(name string) *kong.Flag {
		i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return "-"+f.Name == name || "--"+f.Name == name })
		if i < 0 || flags[i].IsBool() {
			return nil
		}
		return flags[i]
	}
	if name, value, ok := strings.Cut(word, "="); ok && find(name) != nil {
		word = value
		completeValue(out, find(name), value, name+"=")
		return
	}
	if len(before) > 0 {
		if f := find(before[len(before)-1]); f != nil {
			completeValue(out, f, word, "")
			return
		}
	}
	switch {
	case strings.HasPrefix(word, "-"):
		dash := "-"
		if strings.HasPrefix(word, "--") {
			dash = "--"
		}
		for _, f := range flags {
			suggest(dash+f.Name, f.Help)
			if f.Tag.Negatable != "" {
				suggest(dash+"no-"+f.Name, "Do not.")
			}
		}
	case command == model.Node:
		for _, child := range command.Children {
			suggest(child.Name, child.Help)
		}
	default:
		for _, p := range command.Positional {
			for _, value := range choices(p) {
				suggest(value, "")
			}
		}
	}
}

// completeValue completes the value of a flag.
func completeValue(out io.Writer, f *kong.Flag, word, before string) {
	all := choices(f.Value)
	switch {
	case f.Name == "suite":
		all = conformance.SuiteNames()
		if at := strings.LastIndexByte(word, ','); at >= 0 {
			given := strings.Split(word[:at], ",")
			all = slices.DeleteFunc(all, func(c string) bool { return slices.Contains(given, c) })
			before, word = before+word[:at+1], word[at+1:]
		}
	case strings.HasPrefix(f.PlaceHolder, "FILE"):
		fmt.Fprintln(out, ":file")
	}
	for _, c := range all {
		if strings.HasPrefix(c, word) {
			fmt.Fprintf(out, "%s%s\t\n", before, c)
		}
	}
}

// choices are what a flag or an argument can be; none if it can be anything.
func choices(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}
