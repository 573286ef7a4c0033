package audit

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/internal/crm"
)

func TestNonDecreasing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		values := rapid.SliceOfN(rapid.Float64Range(0, 1), n, n).Draw(t, "values")
		weights := rapid.SliceOfN(rapid.Float64Range(0.5, 100), n, n).Draw(t, "weights")
		got := NonDecreasing(values, weights)
		if !slices.IsSorted(got) && !nearlySorted(got) {
			t.Fatalf("%v falls", got)
		}
		// The slow way: the value of each is the largest over beginnings, of the smallest over ends, of the means between (min-max formula).
		for i := range values {
			want := math.Inf(-1)
			for from := 0; from <= i; from++ {
				least := math.Inf(1)
				for to := i; to < n; to++ {
					sum, weight := 0.0, 0.0
					for k := from; k <= to; k++ {
						sum, weight = sum+values[k]*weights[k], weight+weights[k]
					}
					least = min(least, sum/weight)
				}
				want = max(want, least)
			}
			if math.Abs(got[i]-want) > 1e-9 {
				t.Fatalf("place %d of %v is %v, not %v", i, values, got[i], want)
			}
		}
	})
}

func nearlySorted(v []float64) bool {
	for i := 1; i < len(v); i++ {
		if v[i] < v[i-1]-1e-12 {
			return false
		}
	}
	return true
}

func TestShareBelowByTheTables(t *testing.T) {
	for _, c := range []struct {
		r     Rate
		limit float64
		want  float64
	}{
		{Rate{0, 10}, 0.5, 1.0 / 1024}, {Rate{5, 10}, 0.5, 0.623046875}, {Rate{10, 10}, 0.5, 1}, {Rate{3, 10}, 0.9, 9.1216e-06}, {Rate{2, 30}, 0.2, 0.0441789},
		{Rate{2, 3}, 1, 0}, {Rate{2, 3}, 0, 1},
	} {
		if got := ShareBelow(c.r, c.limit); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("at most %d of %d by %v: %v, want %v", c.r.K, c.r.N, c.limit, got, c.want)
		}
	}
}

func TestLongestGap(t *testing.T) {
	day := func(d float64) crm.Instant {
		return crm.At(time.Unix(1_700_000_000, 0)).Add(time.Duration(d * 24 * float64(time.Hour)))
	}
	v := Visit{Entered: day(0), Left: day(10)}
	for _, c := range []struct {
		want    float64
		moments []crm.Instant
	}{{10, nil}, {10, []crm.Instant{0, day(-3), day(12)}}, {7, []crm.Instant{day(7)}}, {5, []crm.Instant{day(8), day(3)}}, {10, []crm.Instant{day(0), day(10)}}} {
		if got := crm.Instant(longestGap(v, c.moments...)).Days(0); got != c.want {
			t.Errorf("with %v the gap is %v days, want %v", c.moments, got, c.want)
		}
	}
}

func TestWholeDays(t *testing.T) {
	const aDay = Days(24 * time.Hour)
	for _, c := range []struct {
		sample []float64
		want   Days
	}{{nil, 0}, {[]float64{3}, 3 * aDay}, {[]float64{3.01}, 4 * aDay}} {
		if got := (Sample{c.sample}).WholeDays(0.9); got != c.want {
			t.Errorf("%v: %v, want %v", c.sample, got, c.want)
		}
	}
}
