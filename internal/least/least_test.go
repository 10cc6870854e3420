package least

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestWindow(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	orders := map[string]func([]int){
		"ascending":  func([]int) {},
		"descending": func(all []int) { slices.Reverse(all) },
		"random":     func(all []int) { random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] }) },
	}
	for _, n := range []int{0, 1, 2, 10, 1000} {
		for _, size := range []int{math.MinInt, -1, 0, 1, 2, 3, 9, 10, 11, 999, 1000, 1001, math.MaxInt} {
			for name, order := range orders {
				all := make([]int, n)
				for i := range all {
					all[i] = i
				}
				want := all[:min(max(size, 0), n)]
				given := slices.Clone(all)
				order(given)
				w := Window[int]{Size: size, Compare: cmp.Compare[int]}
				most := 0
				for _, v := range given {
					w.Add(v)
					most = max(most, len(w.found))
				}
				if got := w.All(); !slices.Equal(got, want) {
					t.Errorf("the least %d of %d, %s: got %v, want %v", size, n, name, got, want)
				}
				if size < n && most > max(2*size, 0) {
					t.Errorf("the least %d of %d, %s: kept %d at once, want at most %d", size, n, name, most, 2*size)
				}
			}
		}
	}
}
