package tenant

import (
	"regexp"
	"strings"
)

// Headers are values of the client, too. Of them there is what they mostly are: a
// media type, versions, and the names of programs. With KeepValues they stay.

// method masks a method that is none.
func (m *masker) method(s string) string {
	switch s {
	case "", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT":
		return s
	}
	return m.text(s, place{})
}

var mediaType = regexp.MustCompile(`^(?i:application|text|multipart|image|audio|video|font|message|model)/[A-Za-z0-9.+-]{1,60}$`)

// contentType leaves a media type without its parameters.
func (m *masker) contentType(s string) string {
	media, _, _ := strings.Cut(s, ";")
	if media = strings.TrimSpace(media); m.keep || s == "" || s == "application/scim+json" || s == "application/json" {
		return s
	} else if mediaType.MatchString(media) {
		return media
	}
	return m.text(s, place{})
}

// versions leaves the form of If-Match and If-None-Match, and versions that are
// short.
func (m *masker) versions(s string) string {
	if m.keep || s == "" {
		return s
	}
	list := strings.Split(s, ",")
	for i, version := range list {
		version = strings.TrimSpace(version)
		opaque, isWeak := strings.CutPrefix(version, "W/")
		switch inner := strings.Trim(opaque, `"`); {
		case version == "*" || version == "":
		case opaque != `"`+inner+`"`:
			version = m.text(version, place{})
		case !isVersion(inner):
			version = `"` + m.text(inner, place{}) + `"`
			if isWeak {
				version = "W/" + version
			}
		}
		list[i] = version
	}
	return strings.Join(list, ", ")
}

// isVersion reports whether a text is as short and plain as versions are.
func isVersion(s string) bool { return len(s) <= 40 && isName("v"+s) }

var (
	product = regexp.MustCompile(`^[A-Za-z][A-Za-z._-]{0,40}/v?[0-9][0-9A-Za-z._-]{0,20}$`)
	release = regexp.MustCompile(`^v?[0-9]{1,3}(\.[0-9]{1,5}){1,3}$`)
)

// agents are words that the User-Agents of identity providers are made of.
var agents = map[string]bool{
	"scim": true, "client": true, "provisioning": true, "okta": true, "microsoft": true, "azure": true, "entra": true, "ad": true,
	"onelogin": true, "jumpcloud": true, "google": true, "ping": true, "identity": true, "sailpoint": true, "mozilla": true, "agent": true,
}

// userAgent leaves the names of products and their versions.
func (m *masker) userAgent(s string) string {
	if m.keep || s == "" {
		return s
	}
	var list []string
	for rest := strings.TrimSpace(s); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] == '(' { // a comment, to the last bracket
			n := strings.LastIndexByte(rest, ')') + 1
			if n == 0 {
				n = len(rest)
			}
			list, rest = append(list, "("+m.text(strings.Trim(rest[:n], "()"), place{})+")"), rest[n:]
			continue
		}
		word, after, _ := strings.Cut(rest, " ")
		if !product.MatchString(word) && !release.MatchString(word) && !agents[strings.ToLower(word)] {
			word = m.text(word, place{})
		}
		list, rest = append(list, word), after
	}
	return strings.Join(list, " ")
}
