package audit

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSortLengths(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		top := rapid.SampledFrom([]int64{0, 1, 5000, 1 << 22, 1 << 47, 1<<63 - 1}).Draw(rt, "top")
		seed := rapid.SliceOfN(rapid.Int64Range(0, top), 1, 50).Draw(rt, "numbers")
		var xs []int64
		for i := range 600 { // above the length from which digits are sorted
			xs = append(xs, seed[i%len(seed)]/int64(i/len(seed)+1))
		}
		want := slices.Clone(xs)
		slices.Sort(want)
		sortLengths(xs)
		if !slices.Equal(want, xs) {
			rt.Fatal("not sorted")
		}
	})
}
