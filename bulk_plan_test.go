package scim

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
)

// Plans of requests of any shape: each operation is in the plan once, after all
// that it refers to; those that refer to each other, and no others, are one
// unit; and where nothing has to wait the order is the client's.
func TestPlanBulk(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		ops := make([]bulkOperation, 1+r.IntN(9))
		forward := false
		for i := range ops {
			ops[i].method, ops[i].path = http.MethodPost, "Users"
			if r.IntN(4) == 0 {
				ops[i].method, ops[i].path = http.MethodPatch, "Users/"+string(rune('a'+r.IntN(3)))
			}
		}
		reaches := make([][]bool, len(ops))
		for i := range ops {
			reaches[i] = make([]bool, len(ops))
			for j := range ops {
				if ops[j].method == http.MethodPost && r.IntN(5) == 0 {
					ops[i].refs = append(ops[i].refs, &ops[j])
					reaches[i][j] = true
					forward = forward || j >= i
				}
			}
		}
		for k := range ops {
			for i := range ops {
				for j := range ops {
					reaches[i][j] = reaches[i][j] || reaches[i][k] && reaches[k][j]
				}
			}
		}
		units := planBulk(ops)
		unitOf, place := map[*bulkOperation]int{}, map[*bulkOperation]int{}
		for u, unit := range units {
			for _, o := range unit {
				if _, again := unitOf[o]; again {
					t.Fatalf("seed %d: an operation is planned twice", seed)
				}
				unitOf[o], place[o] = u, len(place)
			}
		}
		if len(unitOf) != len(ops) {
			t.Fatalf("seed %d: %d of %d operations are planned", seed, len(unitOf), len(ops))
		}
		for i := range ops {
			for j := range ops {
				a, b := &ops[i], &ops[j]
				if i != j && (unitOf[a] == unitOf[b]) != (reaches[i][j] && reaches[j][i]) {
					t.Errorf("seed %d: operations %d and %d: in one circle %v, in one unit %v", seed, i, j, !(unitOf[a] == unitOf[b]), unitOf[a] == unitOf[b])
				}
				if slices.Contains(a.refs, b) && unitOf[b] > unitOf[a] {
					t.Errorf("seed %d: operation %d is done before %d, which it refers to", seed, i, j)
				}
				if i < j && a.method == http.MethodPatch && a.path == b.path && place[a] > place[b] {
					t.Errorf("seed %d: operations %d and %d are on one resource and change places", seed, i, j)
				}
				if i < j && !forward && place[a] > place[b] {
					t.Errorf("seed %d: operations %d and %d change places, and nothing has to wait", seed, i, j)
				}
			}
		}
	}
}
