package idp

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/usherkit/scim/internal/plain"
)

// mostWrites is how many writes a report keeps.
const mostWrites = 5

// A Write is a request that changed the endpoint, and what it follows from.
type Write struct {
	Object       string `json:"object"`  // what it is about: "user Ada Lovelace (ada@contoso.example)"
	Request      string `json:"request"` // "PATCH https://…/Users/7"
	RequestBody  string `json:"requestBody,omitempty"`
	Status       int    `json:"status"` // 0: no answer
	ResponseBody string `json:"responseBody,omitempty"`

	// Because is the read or the search by whose answer the identity provider
	// thought that it must write. It is nil if the directory alone asks for it.
	Because *Lookup `json:"because,omitempty"`
}

// A Lookup is a request that read from the endpoint, and the answer to it.
type Lookup struct {
	Request      string `json:"request"` // "GET https://…/Users/7"
	Status       int    `json:"status"`
	ResponseBody string `json:"responseBody,omitempty"`
}

func newWrite(x, before *exchange) *Write {
	w := &Write{Object: x.object, Request: x.kind.method() + " " + x.url, RequestBody: string(x.body), Status: x.status, ResponseBody: string(x.answer)}
	if x.err != nil {
		w.ResponseBody = x.err.Error()
	}
	if before != nil {
		w.Because = &Lookup{before.kind.method() + " " + before.url, before.status, string(before.answer)}
	}
	return w
}

// String tells the write in a few lines, what it follows from last.
func (w *Write) String() string {
	var b lines
	b.WriteString(plain.Line(w.Object))
	b.exchange("request", w.Request, w.RequestBody, w.Status, w.ResponseBody)
	if w.Because != nil {
		b.exchange("because", w.Because.Request, "", w.Because.Status, w.Because.ResponseBody)
	}
	return b.String()
}

// lines are the lines of a message below its first one.
type lines struct{ strings.Builder }

func (b *lines) line(label, s string) {
	if s != "" {
		fmt.Fprintf(b, "\n    %-9s%s", label, plain.Indented(clip(s, 1000), 13))
	}
}

func (b *lines) exchange(label, request, body string, status int, answer string) {
	b.line(label, request)
	_, at, _ := strings.Cut(request, " ")
	if u, err := url.Parse(at); err == nil {
		b.line("filter", u.Query().Get("filter")) // which is hard to read in the URL
	}
	b.line("body", body)
	answer = clip(strings.TrimSpace(answer), 700)
	if status != 0 {
		answer = strings.TrimSpace(fmt.Sprint(status, " ", answer))
	}
	b.line("answer", answer)
}
