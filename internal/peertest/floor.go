package peertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Floor returns a handler that does as little as the benchmarks' requests
// allow. It parses no JSON and checks nothing: it finds what it needs in the
// bytes by the shapes that the benchmarks send, keeps a copy of them, and
// writes them back. It is no SCIM server; it shows what a request costs before
// any of SCIM's work is done.
func Floor(token string) http.Handler {
	f := &floor{resources: map[string]*stored{}, index: map[string]*stored{}}
	return guard(token, f.serve)
}

type floor struct {
	mu        sync.RWMutex
	resources map[string]*stored // by path, such as "/Users/…"
	index     map[string]*stored // by filter, in lower case: `username eq "…"`
	users     []*stored
	last      int
}

// stored is a resource. A user's json is replaced and never changed.
type stored struct {
	mu      sync.RWMutex
	json    []byte         // a group's lacks its closing brace
	members []string       // in no order
	at      map[string]int // where in members; nil for a user
}

var floorType = []string{"application/scim+json"}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (f *floor) serve(w http.ResponseWriter, r *http.Request) {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if n := r.ContentLength; n > 0 {
		buf.Grow(int(n) + bytes.MinRead) // one read finds the end
		if _, err := buf.ReadFrom(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	path := strings.TrimPrefix(r.URL.Path, Prefix)
	status, err := http.StatusOK, errors.New("the floor knows no such request")
	switch _, id, one := strings.Cut(path[1:], "/"); {
	case r.Method == http.MethodPost:
		status, err = http.StatusCreated, f.create(buf, path)
	case one && id != "" && r.Method == http.MethodPatch:
		status, err = f.patch(buf, path)
	case one && r.Method == http.MethodGet:
		f.mu.RLock()
		s := f.resources[path]
		f.mu.RUnlock()
		if err = nil; s == nil {
			status = http.StatusNotFound
		} else if s.at != nil && r.URL.RawQuery == "" {
			s.stream(w)
			return
		} else {
			s.appendTo(buf)
		}
	case r.Method == http.MethodGet:
		err = f.list(buf, r.URL.RawQuery)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if status != http.StatusNoContent {
		h := w.Header()
		h["Content-Type"] = floorType
		h["Content-Length"] = []string{strconv.Itoa(buf.Len())}
	}
	w.WriteHeader(status)
	w.Write(buf.Bytes())
}

// after returns what stands between key and the next quote.
func after(src []byte, key string) []byte {
	at := bytes.Index(src, []byte(key))
	if at < 0 {
		return nil
	}
	src = src[at+len(key):]
	return src[:max(0, bytes.IndexByte(src, '"'))]
}

func (f *floor) create(buf *bytes.Buffer, path string) error {
	body := buf.Bytes()
	if len(body) == 0 || body[0] != '{' {
		return errors.New("want an object")
	}
	s := &stored{}
	var keys []string
	members := body[len(body):]
	if path == "/Groups" {
		s.at = map[string]int{}
		keys = append(keys, strings.ToLower(`displayname eq "`+string(after(body, `"displayName":"`))+`"`))
		if at := bytes.Index(body, []byte(`,"members":`)); at >= 0 {
			members, body = body[at:], body[:at+1] // one byte more, for the brace
		}
	} else {
		keys = append(keys, strings.ToLower(`username eq "`+string(after(body, `"userName":"`))+`"`))
		if external := after(body, `"externalId":"`); external != nil {
			keys = append(keys, strings.ToLower(`externalid eq "`+string(external)+`"`))
		}
	}
	for id := range memberIDs(members) {
		s.add(id)
	}
	f.mu.Lock()
	f.last++
	id := "00000000-0000-4000-8000-" + strconv.Itoa(1e12 + f.last)[1:]
	s.json = slices.Concat([]byte(`{"id":"`), []byte(id), []byte(`",`), body[1:])
	if s.at != nil {
		s.json = s.json[:len(s.json)-1]
	} else {
		f.users = append(f.users, s)
	}
	f.resources[path+"/"+id] = s
	for _, k := range keys {
		f.index[k] = s
	}
	f.mu.Unlock()
	buf.Reset()
	s.appendTo(buf)
	return nil
}

// appendTo writes the resource without its members.
func (s *stored) appendTo(buf *bytes.Buffer) {
	s.mu.RLock()
	buf.Write(s.json)
	s.mu.RUnlock()
	if s.at != nil {
		buf.WriteByte('}')
	}
}

// stream writes a group with its members, in pieces.
func (s *stored) stream(w http.ResponseWriter) {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	w.Header()["Content-Type"] = floorType
	s.mu.RLock()
	defer s.mu.RUnlock()
	buf.Write(s.json)
	before := `,"members":[`
	for _, id := range s.members {
		buf.WriteString(before)
		buf.WriteString(`{"value":"`)
		buf.WriteString(id)
		buf.WriteString(`"}`)
		if before = ","; buf.Len() > 32<<10 {
			w.Write(buf.Bytes())
			buf.Reset()
		}
	}
	if len(s.members) > 0 {
		buf.WriteByte(']')
	}
	buf.WriteByte('}')
	w.Write(buf.Bytes())
}

func (f *floor) list(buf *bytes.Buffer, query string) error {
	var page []*stored
	total, start := 0, 1
	if raw := parameter(query, "filter"); raw != "" {
		filter, err := url.QueryUnescape(raw)
		if err != nil {
			return err
		}
		f.mu.RLock()
		s := f.index[strings.ToLower(filter)]
		f.mu.RUnlock()
		if s != nil {
			page, total = []*stored{s}, 1
		}
	} else {
		start, _ = strconv.Atoi(parameter(query, "startIndex"))
		count, _ := strconv.Atoi(parameter(query, "count"))
		start = max(start, 1)
		f.mu.RLock()
		total = len(f.users)
		page = f.users[min(start-1, total):min(start-1+count, total)]
		f.mu.RUnlock()
	}
	fmt.Fprintf(buf, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":%d,"startIndex":%d,"itemsPerPage":%d,"Resources":[`,
		total, start, len(page))
	for i, s := range page {
		if i > 0 {
			buf.WriteByte(',')
		}
		s.appendTo(buf)
	}
	buf.WriteString("]}")
	return nil
}

// parameter returns a query parameter as it is written.
func parameter(query, name string) string {
	for p := range strings.SplitSeq(query, "&") {
		if k, v, _ := strings.Cut(p, "="); k == name {
			return v
		}
	}
	return ""
}

var (
	activeFalse = []byte(`"active":false`)
	activeTrue  = []byte(`"active":true`)
)

func (f *floor) patch(buf *bytes.Buffer, path string) (int, error) {
	f.mu.RLock()
	s := f.resources[path]
	f.mu.RUnlock()
	if s == nil {
		return http.StatusNotFound, nil
	}
	body := buf.Bytes()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.at == nil:
		was, is := activeTrue, activeFalse
		if bytes.Contains(body, []byte(`"value":true`)) {
			was, is = is, was
		}
		s.json = bytes.Replace(s.json, was, is, 1) // always a copy
		buf.Reset()
		buf.Write(s.json)
		return http.StatusOK, nil
	case bytes.Contains(body, []byte(`"op":"add"`)):
		for id := range memberIDs(body) {
			s.add(id)
		}
	default:
		id := bytes.TrimSuffix(after(body, `value eq \"`), []byte(`\`))
		s.remove(string(id))
	}
	buf.Reset()
	return http.StatusNoContent, nil
}

// memberIDs yields the values of the members in a request.
func memberIDs(src []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		const key = `{"value":"`
		for {
			at := bytes.Index(src, []byte(key))
			if at < 0 {
				return
			}
			id := after(src[at:], key)
			if !yield(id) {
				return
			}
			src = src[at+len(key)+len(id):]
		}
	}
}

func (s *stored) add(id []byte) {
	if _, present := s.at[string(id)]; !present {
		s.at[string(id)] = len(s.members)
		s.members = append(s.members, string(id))
	}
}

func (s *stored) remove(id string) {
	at, present := s.at[id]
	if !present {
		return
	}
	last := len(s.members) - 1
	s.members[at] = s.members[last]
	s.at[s.members[at]] = at
	s.members = s.members[:last]
	delete(s.at, id)
}

// Echo returns a handler that writes back the body it is sent: what net/http
// and a copy cost.
func Echo(token string) http.Handler {
	return guard(token, func(w http.ResponseWriter, r *http.Request) {
		buf := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(buf)
		buf.Reset()
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
		if _, err := buf.ReadFrom(io.LimitReader(r.Body, 1<<20)); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		h := w.Header()
		h["Content-Type"] = floorType
		h["Content-Length"] = []string{strconv.Itoa(buf.Len())}
		w.Write(buf.Bytes())
	})
}
