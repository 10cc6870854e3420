package oauth

import (
	"strconv"
	"testing"
	"time"
)

func TestGrantsAreBounded(t *testing.T) {
	var g grants
	now := time.Unix(1_800_000_000, 0)
	for i := range mostGrants + 1000 {
		g.put(strconv.Itoa(i), grant{client: "c", issued: now, expires: now.Add(time.Hour)}, now)
	}
	if len(g.known) != mostGrants {
		t.Errorf("%d are kept, want %d", len(g.known), mostGrants)
	}
	last := strconv.Itoa(mostGrants + 999)
	if _, found := g.get(last, now); !found {
		t.Error("the last one is not there")
	}
	if _, found := g.get(last, now.Add(time.Hour)); found {
		t.Error("one that has expired is there")
	}
	g.put("new", grant{client: "c", issued: now, expires: now.Add(2 * time.Hour)}, now.Add(time.Hour))
	if len(g.known) > mostGrants-90 {
		t.Errorf("%d are kept where all have expired", len(g.known))
	}
}
