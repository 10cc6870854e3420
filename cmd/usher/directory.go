package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/usherkit/scim/scimtest/idp"
)

type directoryCommand struct {
	source
}

// Help is shown by -help.
func (*directoryCommand) Help() string {
	return `The people are invented, with names in many scripts and all that trips programs
up. The same flags always make the same company. With -directory it checks a
file and prints it again.

Examples:

	usher directory -users 5000 -groups 100 -seed 7 > company.json
	usher sync https://app.example.com/scim/v2 -directory company.json
`
}

// Validate is called by kong.
func (c *directoryCommand) Validate() error { return c.valid() }

// Run is called by kong.
func (c *directoryCommand) Run(console *console) error {
	d, err := c.read()
	if err != nil {
		return err
	}
	return write(console.out, d)
}

// read reads the directory of the flags, or invents it.
func (s *source) read() (idp.Directory, error) {
	if s.Directory == "" {
		return s.invent(), nil
	}
	src, err := os.ReadFile(s.Directory)
	if err != nil {
		return idp.Directory{}, err
	}
	var d idp.Directory
	err = json.Unmarshal(bytes.TrimPrefix(src, []byte("\ufeff")), &d) // PowerShell begins files so
	switch {
	case err == nil && len(d.Users)+len(d.Groups) == 0:
		err = errors.New(`no users and no groups; want {"users": […], "groups": […]}`)
	case err == nil:
		err = d.Validate()
	}
	if err != nil {
		return d, fmt.Errorf("%s: %w; docs/directories.md tells the format", s.Directory, err)
	}
	return d, nil
}

// write writes a directory with one user or group a line.
func write(w io.Writer, d idp.Directory) error {
	out := bufio.NewWriter(w) // keeps its error for Flush
	err := errors.Join(
		list(out, "{", "users", d.Users),
		list(out, ",", "groups", d.Groups),
	)
	if len(d.AppRoles)+len(d.Assignments) > 0 {
		err = errors.Join(err, list(out, ",", "appRoles", d.AppRoles), list(out, ",", "appRoleAssignments", d.Assignments))
	}
	out.WriteString("}\n")
	return errors.Join(err, out.Flush())
}

func list[T any](out *bufio.Writer, before, name string, elements []T) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	fmt.Fprintf(out, "%s%q: [", before, name)
	for i, e := range elements {
		if i > 0 {
			out.WriteByte(',')
		} else {
			out.WriteByte('\n')
		}
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	out.WriteString("]")
	return nil
}
