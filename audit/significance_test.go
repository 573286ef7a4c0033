package audit_test

import (
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
)

func close9(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }

func drawRate(t *rapid.T, most int, name string) audit.Rate {
	n := rapid.IntRange(1, most).Draw(t, name+" n")
	return audit.Rate{K: rapid.IntRange(0, n).Draw(t, name+" k"), N: n}
}

// waysOf is one whole number of ways as a share of another, exactly.
func waysOf(num, den *big.Int) float64 {
	f, _ := new(big.Rat).SetFrac(num, den).Float64()
	return f
}

func choose(n, k int) *big.Int {
	if k < 0 || k > n {
		return new(big.Int)
	}
	return new(big.Int).Binomial(int64(n), int64(k))
}

func TestFisherAgainstCounting(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawRate(rt, 60, "a"), drawRate(rt, 60, "b")
		hits, all := a.K+b.K, a.N+b.N
		lower, higher := new(big.Int), new(big.Int)
		for x := range a.N + 1 {
			ways := new(big.Int).Mul(choose(hits, x), choose(all-hits, a.N-x))
			if x <= a.K {
				lower.Add(lower, ways)
			}
			if x >= a.K {
				higher.Add(higher, ways)
			}
		}
		if got, want := audit.LowerShare(a, b), waysOf(lower, choose(all, a.N)); !close9(got, want) {
			rt.Fatalf("%v below %v: %v, want %v", a, b, got, want)
		}
		if got, want := audit.HigherShare(a, b), waysOf(higher, choose(all, a.N)); !close9(got, want) {
			rt.Fatalf("%v above %v: %v, want %v", a, b, got, want)
		}
	})
}

func TestShareAgainstLimitByCounting(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, limit := drawRate(rt, 60, "share"), float64(rapid.IntRange(1, 99).Draw(rt, "percent"))/100
		below, above := 0.0, 0.0
		for x := range r.N + 1 {
			ways, _ := new(big.Float).SetInt(choose(r.N, x)).Float64()
			p := ways * math.Pow(limit, float64(x)) * math.Pow(1-limit, float64(r.N-x))
			if x <= r.K {
				below += p
			}
			if x >= r.K {
				above += p
			}
		}
		if got := audit.ShareBelow(r, limit); !close9(got, below) {
			rt.Fatalf("%v below %v: %v, want %v", r, limit, got, below)
		}
		if got := audit.ShareAbove(r, limit); !close9(got, above) {
			rt.Fatalf("%v above %v: %v, want %v", r, limit, got, above)
		}
	})
}

func TestPoissonAgainstItsSeries(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n, mean := rapid.IntRange(0, 60).Draw(rt, "n"), rapid.Float64Range(0.1, 60).Draw(rt, "mean")
		sum, term := 0.0, math.Exp(-mean)
		for x := range n + 1 {
			sum += term
			term *= mean / float64(x+1)
		}
		if got := audit.FewerEvents(n, mean); !close9(got, sum) {
			rt.Fatalf("%d of %v: %v, want %v", n, mean, got, sum)
		}
	})
}

// TestRarerEventsTendsToPoisson: where very many days are known of before, their mean is as good as known.
func TestRarerEventsTendsToPoisson(t *testing.T) {
	for _, n := range []int{0, 3, 7, 12} {
		got, want := audit.RarerEvents(n, 30, 1_000_000, 3_000_000), audit.FewerEvents(n, 10)
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("%d events: %v, want %v", n, got, want)
		}
	}
	if p := audit.RarerEvents(4, 30, 60, 180); p <= audit.FewerEvents(4, 10) {
		t.Errorf("p %v: a mean that was counted is less sure than a known one", p)
	}
}

func TestMannWhitneyAgainstEverySplit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		length := rapid.IntRange(0, 6)
		a, b := rapid.SliceOfN(length, 1, 6).Draw(rt, "a"), rapid.SliceOfN(length, 1, 6).Draw(rt, "b")
		all := append(slices.Clone(a), b...)
		wins := func(in func(i int) bool) (twice int) { // pairs that the one side wins; a tie is half a win
			for i := range all {
				for j := range all {
					if in(i) && !in(j) {
						switch {
						case all[i] > all[j]:
							twice += 2
						case all[i] == all[j]:
							twice++
						}
					}
				}
			}
			return twice
		}
		seen := wins(func(i int) bool { return i < len(a) })
		as, tail := 0, 0
		for set := range uint(1) << len(all) {
			if bits.OnesCount(set) == len(a) {
				as++
				tail += b2i(wins(func(i int) bool { return set>>i&1 == 1 }) >= seen)
			}
		}
		if got, want := audit.LongerTimes(audit.SampleOf(floats(a)...), audit.SampleOf(floats(b)...)), float64(tail)/float64(as); !close9(got, want) {
			rt.Fatalf("%v longer than %v: %v, want %v", a, b, got, want)
		}
	})
}

func floats(xs []int) (out []float64) {
	for _, x := range xs {
		out = append(out, float64(x))
	}
	return out
}

// TestMannWhitneyNormalIsCloseToExact holds the normal curve to shuffles of the same values, with many ties.
func TestMannWhitneyNormalIsCloseToExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, shift := range []int{0, 1, 3, 5} {
		var a, b []float64
		for i := range 60 {
			b = append(b, float64(rng.IntN(20)))
			if i < 25 {
				a = append(a, float64(rng.IntN(20)+shift))
			}
		}
		got := audit.LongerTimes(audit.SampleOf(a...), audit.SampleOf(b...))
		wins := func(a, b []float64) (twice int) {
			for _, x := range a {
				for _, y := range b {
					twice += b2i(x > y) + b2i(x >= y)
				}
			}
			return twice
		}
		all, seen, tail := append(slices.Clone(a), b...), wins(a, b), 0
		const shuffles = 20_000
		for range shuffles {
			rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			tail += b2i(wins(all[:len(a)], all[len(a):]) >= seen)
		}
		if want := float64(tail) / shuffles; math.Abs(got-want) > 0.012 {
			t.Errorf("shift %d: p %v, shuffles say %v", shift, got, want)
		}
	}
}

// TestOneSidedTestsKeepTheirLevel: of samples that do not differ at most a twentieth looks as if they did.
func TestOneSidedTestsKeepTheirLevel(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const rounds = 4000
	wrong := map[string]int{}
	for range rounds {
		var a, b []float64
		for range 30 {
			a, b = append(a, rng.ExpFloat64()), append(b, rng.ExpFloat64())
		}
		var x, y audit.Rate
		for range 40 {
			x.N, y.N = x.N+1, y.N+1
			x.K, y.K = x.K+b2i(rng.Float64() < 0.3), y.K+b2i(rng.Float64() < 0.3)
		}
		wrong["times"] += b2i(audit.LongerTimes(audit.SampleOf(a...), audit.SampleOf(b...)) < 0.05)
		wrong["shares"] += b2i(audit.LowerShare(x, y) < 0.05)
		wrong["limit"] += b2i(audit.ShareAbove(x, 0.3) < 0.05)
	}
	for name, n := range wrong {
		if share := float64(n) / rounds; share > 0.062 {
			t.Errorf("%s: %v of the equal pairs look different", name, share)
		}
	}
}

func TestHolmAgainstItsSteps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ps := rapid.SliceOfN(rapid.Float64Range(0, 1), 0, 8).Draw(rt, "p")
		level := rapid.Float64Range(0.001, 0.5).Draw(rt, "level")
		got := audit.Holm(ps)
		// Step down: the smallest is held against level / m, the next against level / (m - 1), until one fails.
		speaks := make([]bool, len(ps))
		for left := len(ps); left > 0; left-- {
			best := -1
			for i := range ps {
				if !speaks[i] && (best < 0 || ps[i] < ps[best]) {
					best = i
				}
			}
			if ps[best]*float64(left) >= level {
				break
			}
			speaks[best] = true
		}
		for i := range ps {
			if (got[i] < level) != speaks[i] || got[i] < ps[i] {
				rt.Fatalf("p %v at level %v: adjusted %v, step by step %v", ps, level, got, speaks)
			}
		}
	})
}

func TestTestsOfNothing(t *testing.T) {
	none, some := audit.Rate{}, audit.Rate{K: 1, N: 4}
	for name, p := range map[string]float64{
		"lower": audit.LowerShare(none, some), "higher": audit.HigherShare(some, none), "below": audit.ShareBelow(none, 0.5),
		"above": audit.ShareAbove(none, 0.5), "fewer": audit.FewerEvents(0, 0), "rarer": audit.RarerEvents(0, 30, 0, 180),
		"longer": audit.LongerTimes(audit.Sample{}, audit.SampleOf(1)),
	} {
		if p != 1 {
			t.Errorf("%s of nothing: p %v, want 1", name, p)
		}
	}
}
