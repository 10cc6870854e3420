package memstore

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/usherkit/scim"
)

// format is the first member of a snapshot, and its value. A program that
// writes snapshots in another way gives it another value. In format 1 there
// was no "created": the last resource's number was the last one given.
const (
	formatName  = "memstore"
	formatValue = 2
	formatFirst = 1
)

// mostCreated leaves numbers for resources to come.
const mostCreated = math.MaxInt64

// A saved is a resource in a snapshot.
type saved struct {
	Number       uint64          `json:"number,omitempty"` // in the order of creation; by default one more than the last
	Tenant       string          `json:"tenant,omitempty"`
	Type         string          `json:"type"`
	ID           string          `json:"id"`
	Version      string          `json:"version"`
	Created      time.Time       `json:"created"`
	LastModified time.Time       `json:"lastModified"`
	Keys         []savedKey      `json:"keys,omitempty"`
	Document     json.RawMessage `json:"document"`
	Members      []string        `json:"members,omitempty"`
}

type savedKey struct {
	Path   string `json:"path"`
	Value  string `json:"value"`
	Unique bool   `json:"unique,omitempty"`
	Multi  bool   `json:"multi,omitempty"`
}

// Snapshot writes everything in the Store, as of one moment, as JSON: an
// object with an array of resources, one a line, in the order of creation. What
// a transaction has written that has not ended is not in it, so it waits for none.
// The Store can be used meanwhile. The places that its pages end in ([scim.Place])
// are found again in the Store that it is restored to.
func (s *Store) Snapshot(w io.Writer) error {
	var entries []entry
	s.mu.RLock()
	created := s.created
	for name, t := range s.tenants {
		first := len(entries)
		for _, rec := range t.slots.records {
			if rec != nil { // not deleted
				entries = append(entries, entryOf(rec))
			}
		}
		if tx := s.held[name]; tx != nil && len(tx.log) > 0 {
			entries = append(entries[:first], before(tx.log, t, entries[first:])...)
		}
	}
	s.mu.RUnlock()
	slices.SortFunc(entries, func(a, b entry) int { return byNumber(a.rec, b.rec) })

	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "{%q: %d, \"created\": %d, \"resources\": [", formatName, formatValue, created) // a bufio.Writer keeps its error for Flush
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // documents stay as they are
	last := uint64(0)
	for i, e := range entries {
		r := e.resource
		line.Reset()
		in := saved{
			Tenant: r.Tenant, Type: r.Type, ID: r.ID, Version: r.Version,
			Created: r.Created, LastModified: r.LastModified, Document: json.RawMessage(r.Document.String()),
		}
		if e.rec.number != last+1 { // others were deleted
			in.Number = e.rec.number
		}
		last = e.rec.number
		for _, k := range r.Keys {
			in.Keys = append(in.Keys, savedKey(k))
		}
		for _, m := range e.members {
			in.Members = append(in.Members, m.id)
		}
		if err := enc.Encode(in); err != nil {
			return fmt.Errorf("memstore: snapshot: %s %s: %w", r.Type, r.ID, err)
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(bytes.TrimSuffix(line.Bytes(), []byte("\n")))
	}
	out.WriteString("\n]}\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("memstore: snapshot: %w", err)
	}
	return nil
}

// An entry is a record as a snapshot has it.
type entry struct {
	rec      *record
	resource *scim.Resource
	members  []*record
}

// entryOf is called with the lock held for reading.
func entryOf(rec *record) entry {
	e := entry{rec, rec.resource.Load(), slices.Clip(rec.memberList())}
	if e.members != nil {
		rec.members.shared.Store(true)
	}
	return e
}

// before returns the entries of a tenant as they were before a transaction made
// the changes. The lists of members that the Store has stay as they are.
func before(log []change, t *tenant, entries []entry) []entry {
	found := map[*record]entry{}
	for _, e := range entries {
		found[e.rec] = e
	}
	for _, c := range slices.Backward(log) {
		if c.tenant != t {
			continue
		}
		e := found[c.rec]
		switch c.kind {
		case created:
			delete(found, c.rec)
			continue
		case deleted:
			e = entryOf(c.rec)
		case replaced:
			e.resource = c.was
		case joined: // as the last
			e.members = slices.Clip(e.members[:len(e.members)-1])
		case left:
			if c.at != nowhere {
				e.members = append(e.members, c.member)
				last := len(e.members) - 1
				e.members[c.at], e.members[last] = c.member, e.members[c.at]
			}
		}
		found[c.rec] = e
	}
	return slices.Collect(maps.Values(found))
}

// Restore replaces everything in the Store by what a snapshot holds, which an
// earlier version of this package may have written. If it
// reports an error the Store is as it was. The Keys of the resources are those
// of the snapshot, so the resource types must be indexed as they were then.
func (s *Store) Restore(r io.Reader) error {
	restored, err := readSnapshot(r)
	if err != nil {
		return fmt.Errorf("memstore: restore: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contents = *restored
	for _, tx := range s.held {
		tx.log, tx.over = nil, errReplaced
	}
	clear(s.held)
	return nil
}

func readSnapshot(r io.Reader) (*contents, error) {
	dec := json.NewDecoder(bufio.NewReader(r))
	dec.DisallowUnknownFields()
	created, err := readHead(dec)
	if err != nil {
		return nil, err
	}
	re := restoration{paths: map[string]string{}}
	for n := 1; dec.More(); n++ {
		var in saved
		if err := dec.Decode(&in); err != nil {
			return nil, fmt.Errorf("resource %d: %w", n, noEOF(err))
		}
		if err := re.add(in); err != nil {
			return nil, fmt.Errorf("resource %d: %w", n, err)
		}
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if err := expect(dec, want); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more after the end")
	}
	if created != nil {
		if *created < re.created || *created > mostCreated {
			return nil, fmt.Errorf("created is %d, and the last resource has the number %d", *created, re.created)
		}
		re.created = *created
	}
	return &re.contents, re.link()
}

// readHead reads a snapshot up to its first resource, and how many resources
// were created, if it is said.
func readHead(dec *json.Decoder) (created *uint64, err error) {
	for _, want := range []json.Token{json.Delim('{'), formatName} {
		if err := expect(dec, want); err != nil {
			return nil, err
		}
	}
	var format int
	if err := dec.Decode(&format); err != nil {
		return nil, fmt.Errorf("format: %w", noEOF(err))
	}
	switch format {
	case formatFirst:
	case formatValue:
		if err := expect(dec, "created"); err != nil {
			return nil, err
		}
		if err := dec.Decode(&created); err != nil {
			return nil, fmt.Errorf("created: %w", noEOF(err))
		}
		if created == nil {
			return nil, errors.New("created is null")
		}
	default:
		return nil, fmt.Errorf("format %d is not one of %d and %d", format, formatFirst, formatValue)
	}
	for _, want := range []json.Token{"resources", json.Delim('[')} {
		if err := expect(dec, want); err != nil {
			return nil, err
		}
	}
	return created, nil
}

func expect(dec *json.Decoder, want json.Token) error {
	got, err := dec.Token()
	if err != nil {
		return noEOF(err)
	}
	if got != want {
		return fmt.Errorf("got %v at byte %d, want %v", got, dec.InputOffset(), want)
	}
	return nil
}

// noEOF tells that the end came too early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A restoration is the contents of a snapshot as they are read.
type restoration struct {
	contents
	groups []restoredGroup
	paths  map[string]string // one string for all Keys of a Path
}

// A restoredGroup waits for its members, which may come after it.
type restoredGroup struct {
	tenant  *tenant
	rec     *record
	members []string
}

func (re *restoration) add(in saved) error {
	var canonical bytes.Buffer
	if err := json.Compact(&canonical, in.Document); err != nil { // someone may have laid it out for reading
		return fmt.Errorf("document: %w", err)
	}
	document, err := scim.ReadDocument(canonical.String())
	if err != nil {
		return err
	}
	revision, err := strconv.ParseUint(in.Version, 10, 64)
	t := re.tenant(in.Tenant)
	switch {
	case in.Type == "" || in.ID == "" || in.Created.IsZero() || in.LastModified.IsZero():
		return errors.New("no type, id, created or lastModified")
	case err != nil || revision == 0 || in.Version != strconv.FormatUint(revision, 10):
		return fmt.Errorf("version %q is no number from 1", in.Version)
	case t.get(in.ID) != nil:
		return fmt.Errorf("id %q is there twice", in.ID)
	case in.Number != 0 && (in.Number <= re.created || in.Number > mostCreated):
		return fmt.Errorf("number %d comes after number %d", in.Number, re.created)
	case in.Number != 0:
		re.created = in.Number - 1 // insert counts the next one
	}
	r := &scim.Resource{
		Ref:     scim.Ref{ID: in.ID},
		Created: in.Created.UTC().Truncate(time.Millisecond), LastModified: in.LastModified.UTC().Truncate(time.Millisecond),
		Document: document,
	}
	if len(in.Keys) > 0 {
		r.Keys = make([]scim.Key, len(in.Keys))
	}
	for i, k := range in.Keys {
		r.Keys[i] = scim.Key{Path: re.path(k.Path), Value: k.Value, Unique: k.Unique, Multi: k.Multi}
	}
	collection := t.collection(in.Type)
	if err := collection.available(r.Keys, nil); err != nil {
		return err
	}
	rec := re.insert(t, collection, r, revision)
	if len(in.Members) > 0 {
		re.groups = append(re.groups, restoredGroup{t, rec, in.Members})
	}
	return nil
}

// link fills the groups.
func (re *restoration) link() error {
	for _, g := range re.groups {
		for _, id := range g.members {
			switch m := g.tenant.get(id); {
			case m == nil || m == g.rec:
				return fmt.Errorf("%s %s: member %q does not exist or is the group itself", g.rec.in.typ, g.rec.id, id)
			case !g.rec.addMember(m):
				return fmt.Errorf("%s %s: member %q is there twice", g.rec.in.typ, g.rec.id, id)
			}
		}
	}
	return nil
}

func (re *restoration) path(s string) string {
	if _, ok := re.paths[s]; !ok {
		re.paths[s] = s
	}
	return re.paths[s]
}
