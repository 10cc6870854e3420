package conformance

import (
	"net/url"
	"strings"
)

// redact takes the token out of whatever the endpoint sent back of it, and its
// beginnings too, which a check sends as a wrong one. One that is shorter than
// any secret may be a word of the texts.
func (r *Result) redact(token string) {
	if r.Status == Skipped {
		return
	}
	clean := redactor(token)
	r.Reason = clean(r.Reason)
	if r.Finding == nil {
		return
	}
	r.Finding.Expected, r.Finding.Got = clean(r.Finding.Expected), clean(r.Finding.Got)
	for i := range r.Finding.Exchanges {
		x := &r.Finding.Exchanges[i]
		x.URL, x.RequestBody, x.ResponseBody, x.ResponseMissing = clean(x.URL), clean(x.RequestBody), clean(x.ResponseBody), clean(x.ResponseMissing)
		x.ResponseHeader = x.ResponseHeader.Clone()
		for _, values := range x.ResponseHeader {
			for i := range values {
				values[i] = clean(values[i])
			}
		}
	}
}

// redactor returns what takes a token out of a text.
func redactor(token string) func(string) string {
	if len(token) < 8 {
		return func(s string) string { return s }
	}
	quoted := string(encode(token))
	forms := []string{token, quoted[1 : len(quoted)-1], url.QueryEscape(token), url.PathEscape(token)}
	return func(s string) string {
		for _, form := range forms {
			s = hide(s, form)
		}
		return s
	}
}

// hide replaces a secret and all of its beginnings of eight bytes or more that
// are half of it at least; and a shorter one where the text was clipped.
func hide(s, secret string) string {
	least := min(max((len(secret)+1)/2, 8), len(secret)-1)
	var b strings.Builder
	for {
		i := strings.Index(s, secret[:least])
		if i < 0 {
			break
		}
		n := least
		for n < len(secret) && i+n < len(s) && s[i+n] == secret[n] {
			n++
		}
		b.WriteString(s[:i] + "[token]")
		s = s[i+n:]
	}
	if before, clipped := strings.CutSuffix(s, "…"); clipped {
		for n := least - 1; n >= 4; n-- {
			if rest, ok := strings.CutSuffix(before, secret[:n]); ok {
				s = rest + "[token]…"
				break
			}
		}
	}
	return b.String() + s
}
