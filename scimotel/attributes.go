package scimotel

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/usherkit/scim"
)

// incoming is what is known of a request from the start and has few values.
type incoming struct {
	method string // empty: none that HTTP has
	scheme string
	proto  string // empty: of a version that there is not
}

func incomingOf(r *http.Request) incoming {
	of := incoming{scheme: "http"}
	if r.TLS != nil {
		of.scheme = "https"
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodConnect, http.MethodTrace:
		of.method = r.Method
	}
	switch r.Proto {
	case "HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0":
		of.proto = r.Proto
	}
	return of
}

// name is that of the span as long as there is no route.
func (of incoming) name() string {
	if of.method == "" {
		return "HTTP"
	}
	return of.method
}

// methodOrOther is what the semantic conventions have for a method.
func (of incoming) methodOrOther() string {
	if of.method == "" {
		return "_OTHER"
	}
	return of.method
}

func (of incoming) attributes() []attribute.KeyValue {
	out := []attribute.KeyValue{attribute.String("http.request.method", of.methodOrOther()), attribute.String("url.scheme", of.scheme)}
	if version, ok := strings.CutPrefix(of.proto, "HTTP/"); ok {
		if version != "1.0" {
			version = strings.TrimSuffix(version, ".0")
		}
		out = append(out, attribute.String("network.protocol.version", version))
	}
	return out
}

// answered is what is known of a request at the end and has few values.
type answered struct {
	incoming
	route     string
	status    int // 0: the answer was broken off
	operation string
	typ       string
}

// failed reports whether the fault is the server's.
func (of answered) failed() bool { return of.status >= 500 || of.status == 0 }

func (of answered) attributes() []attribute.KeyValue {
	return append(of.incoming.attributes(), of.result()...)
}

// result are the attributes that are not known from the start.
func (of answered) result() (out []attribute.KeyValue) {
	if of.status != 0 {
		out = append(out, attribute.Int("http.response.status_code", of.status))
	}
	for _, s := range []struct{ key, value string }{
		{"http.route", of.route}, {"error.type", of.errorType()}, {"scim.operation", of.operation}, {"scim.resource.type", of.typ},
	} {
		if s.value != "" {
			out = append(out, attribute.String(s.key, s.value))
		}
	}
	return out
}

func (of answered) errorType() string {
	switch {
	case of.status == 0:
		return "aborted"
	case of.failed():
		return strconv.Itoa(of.status)
	}
	return ""
}

// details are the attributes that a span has besides.
func details(v *scim.Report) (of []attribute.KeyValue) {
	if len(v.Rules) > 0 {
		of = append(of, attribute.StringSlice("scim.rules", v.Rules))
	}
	if agent := v.Request.UserAgent(); agent != "" {
		of = append(of, attribute.String("user_agent.original", strings.ToValidUTF8(agent[:min(len(agent), 200)], "")))
	}
	if len(v.Refused) > 0 {
		var outcomes []string
		for i := range v.Refused {
			outcomes = append(outcomes, scim.Outcome(v.Refused[i].Err))
		}
		slices.Sort(outcomes)
		of = append(of, attribute.StringSlice("scim.bulk.outcomes", slices.Compact(outcomes)))
	}
	var inactive, added, removed int
	for _, c := range v.Changes {
		added, removed = added+c.Added, removed+c.Removed
		if c.Deactivated {
			inactive++
		}
	}
	for _, n := range []struct {
		key string
		n   int
	}{
		{"scim.bulk.refused", len(v.Refused)},
		{"scim.changes", len(v.Changes)},
		{"scim.deactivations", inactive},
		{"scim.members.added", added},
		{"scim.members.removed", removed},
	} {
		if n.n > 0 {
			of = append(of, attribute.Int(n.key, n.n))
		}
	}
	return of
}

// identity are the attributes of Options.Identify.
func identity(v *scim.Report) []attribute.KeyValue {
	var of []attribute.KeyValue
	for _, s := range []struct{ key, value string }{
		{"url.path", v.Request.URL.Path}, {"scim.tenant", v.Principal.Tenant}, {"scim.subject", v.Principal.Subject}, {"scim.resource.id", v.ID},
	} {
		if s.value != "" {
			of = append(of, attribute.String(s.key, strings.ToValidUTF8(s.value, "\uFFFD")))
		}
	}
	return of
}

// route is the pattern that the Handler is mounted at and, below it, the
// endpoint: of what the client wrote only what there is.
func route(v *scim.Report) string {
	base := ""
	if i := strings.IndexByte(v.Request.Pattern, '/'); i >= 0 {
		base = v.Request.Pattern[i:]
		if rest := strings.LastIndexByte(base, '/') + 1; strings.HasSuffix(base, "...}") {
			base = base[:rest]
		}
		if !strings.HasSuffix(base, "/") {
			return base // mounted at exactly this path
		}
	}
	if v.Operation == "" && v.Type == "" {
		return base
	}
	endpoint, rest, below := strings.Cut(v.Path, "/")
	switch {
	case rest == ".search":
		endpoint += "/.search"
	case below:
		endpoint += "/{id}"
	}
	return strings.TrimSuffix(base, "/") + "/" + endpoint
}
