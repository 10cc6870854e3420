package oauth

import (
	"crypto/sha256"
	"sync"
	"time"
)

// A grant is an access token that was read.
type grant struct {
	client          string
	revocations     int
	issued, expires time.Time
	void            bool // before it expires: see Server.stands
}

// grants are tokens that were read lately, by their sums: a client comes with the
// same one for an hour, and reading it takes much longer than looking here. Only
// tokens of the Server's are here, so nobody fills it from outside.
type grants struct {
	mu    sync.RWMutex
	known map[[sha256.Size]byte]grant
}

const mostGrants = 10_000 // of some two hundred bytes

func (g *grants) get(token string, now time.Time) (grant, bool) {
	id := sha256.Sum256([]byte(token))
	g.mu.RLock()
	found, ok := g.known[id]
	g.mu.RUnlock()
	valid := ok && now.Before(found.expires) && !found.issued.After(now.Add(skew))
	return found, valid
}

func (g *grants) put(token string, of grant, now time.Time) {
	id := sha256.Sum256([]byte(token))
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil {
		g.known = map[[sha256.Size]byte]grant{}
	}
	if len(g.known) >= mostGrants {
		g.makeRoom(now)
	}
	g.known[id] = of
}

// makeRoom forgets some: those that have expired among the first hundred that come,
// and one at least.
func (g *grants) makeRoom(now time.Time) {
	looked := 0
	for id, of := range g.known {
		if looked == 0 || !now.Before(of.expires) {
			delete(g.known, id)
		}
		if looked++; looked == 100 {
			return
		}
	}
}
