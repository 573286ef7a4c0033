package audit

import (
	"cmp"
	"math"
	"slices"
)

// Rate is a share as it was counted: K of N.
type Rate struct{ K, N int }

// Share is K / N; 0 of nothing.
func (r Rate) Share() float64 {
	if r.N == 0 {
		return 0
	}
	return float64(r.K) / float64(r.N)
}

// Less is what stays of r without the records of part, which are among its own.
func (r Rate) Less(part Rate) Rate { return Rate{r.K - part.K, r.N - part.N} }

// LowerShare is the one-sided p of Fisher's exact test (1935) that the share of a is no lower than that of b: how likely so
// few of the successes would be among a's records, were they dealt out by chance. 1 where either is empty.
func LowerShare(a, b Rate) float64 {
	if a.N <= 0 || b.N <= 0 {
		return 1
	}
	return hypergeometric(a.K, a.N, a.K+b.K, a.N+b.N)
}

// HigherShare is the same for a share that is no higher; see [LowerShare].
func HigherShare(a, b Rate) float64 { return LowerShare(b, a) }

// ShareBelow is the one-sided p of the exact binomial test that a share is not below a limit: how likely as few as K of N
// would come up, were the true share the limit. It is Fisher's test against a fixed share in the place of a second sample.
func ShareBelow(r Rate, limit float64) float64 {
	if r.N <= 0 {
		return 1
	}
	return binomial(r.K, r.N, limit)
}

// ShareAbove is the same for a share that is not above a limit; see [ShareBelow].
func ShareAbove(r Rate, limit float64) float64 { return ShareBelow(Rate{r.N - r.K, r.N}, 1-limit) }

// FewerEvents is the one-sided p of the Poisson test that events did not become fewer: how likely as few as n would happen
// where mean are to be expected. The mean is taken as known; where it was counted too, [RarerEvents] is the honest test.
func FewerEvents(n int, mean float64) float64 {
	if mean <= 0 || n < 0 {
		return 1
	}
	if float64(n) > mean {
		return max(0, 1-poissonFrom(n+1, mean))
	}
	sum, term := 0.0, poissonTerm(n, mean)
	for x := n; x >= 0 && term > sum*1e-17; x-- {
		sum += term
		term *= float64(x) / mean
	}
	return min(1, sum)
}

// poissonFrom is the chance of n events or more, for an n above the mean.
func poissonFrom(n int, mean float64) float64 {
	sum, term := 0.0, poissonTerm(n, mean)
	for x := n; term > sum*1e-17; x++ {
		sum += term
		term *= mean / float64(x+1)
	}
	return sum
}

func poissonTerm(n int, mean float64) float64 {
	return math.Exp(float64(n)*math.Log(mean) - mean - logFactorial(n))
}

// RarerEvents is the one-sided p that events happen no more rarely than before: n in some days against m in the days before.
// Two Poisson counts, compared exactly: given how many there were in all, the later ones are binomial (Przyborowski and
// Wilenski 1940). 1 where nothing happened at all.
func RarerEvents(n int, days float64, before int, beforeDays float64) float64 {
	if n+before == 0 || days <= 0 || beforeDays <= 0 {
		return 1
	}
	return binomial(n, n+before, days/(days+beforeDays))
}

// binomial is the chance of k or fewer successes in n at the chance p each.
func binomial(k, n int, p float64) float64 {
	switch {
	case k >= n || p <= 0:
		return 1
	case k < 0 || p >= 1:
		return 0
	}
	if float64(k) > float64(n)*p { // the far tail is the one that can be summed without loss
		return max(0, 1-binomial(n-k-1, n, 1-p))
	}
	sum, odds := 0.0, (1-p)/p
	term := math.Exp(logChoose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	for x := k; x >= 0 && term > sum*1e-17; x-- {
		sum += term
		term *= float64(x) / float64(n-x+1) * odds
	}
	return min(1, sum)
}

// hypergeometric is the chance that k or fewer of the hits are among draws taken of all.
func hypergeometric(k, draws, hits, all int) float64 {
	lowest := max(0, draws+hits-all)
	switch {
	case k >= min(draws, hits):
		return 1
	case k < lowest:
		return 0
	}
	if float64(k) > float64(draws)*float64(hits)/float64(all) { // sum the far tail: the misses among those left behind mirror it
		return max(0, 1-hypergeometric(draws-k-1, draws, all-hits, all))
	}
	sum := 0.0
	term := math.Exp(logChoose(hits, k) + logChoose(all-hits, draws-k) - logChoose(all, draws))
	for x := k; x >= lowest && term > sum*1e-17; x-- {
		sum += term
		term *= float64(x) / float64(hits-x+1) * float64(all-hits-draws+x) / float64(draws-x+1)
	}
	return min(1, sum)
}

func logFactorial(n int) float64 {
	l, _ := math.Lgamma(float64(n) + 1)
	return l
}

func logChoose(n, k int) float64 { return logFactorial(n) - logFactorial(k) - logFactorial(n-k) }

// exactTimes is the size of two samples together up to which [LongerTimes] counts every split of them. Beyond it the normal
// curve with continuity correction is within 0.002 of the exact p near 0.05, as long as no sample is tiny; policies ask for
// 20 values in each.
const exactTimes = 50

// LongerTimes is the one-sided p of the test of Mann and Whitney (1947) that the times of a are no longer than those of b.
// Equal values share their rank. Up to 50 values in all it is exact, ties and all: the share of all splits of the values into
// samples of these sizes whose rank sum is at least as high. Beyond, the normal curve with the variance corrected for ties and
// a correction for continuity of half a step. 1 where a sample is empty.
func LongerTimes(a, b Sample) float64 {
	na, nb := len(a.days), len(b.days)
	if na == 0 || nb == 0 {
		return 1
	}
	sum, ranks, ties := rankSum(a.days, b.days)
	if na+nb <= exactTimes {
		return rankSumTail(ranks, na, sum)
	}
	n, fa, fb := float64(na+nb), float64(na), float64(nb)
	u := float64(sum)/2 - fa*(fa+1)/2
	variance := fa * fb / 12 * (n + 1 - ties/(n*(n-1)))
	if variance <= 0 {
		return 1
	}
	return upperNormal((u - fa*fb/2 - 0.5) / math.Sqrt(variance))
}

// upperNormal is the chance that a standard normal value is z or more.
func upperNormal(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// rankSum merges two sorted samples: the sum of the ranks of a, every rank, both doubled so that shared ranks are whole
// numbers, and the sum of t³ - t over the ties. Ranks are listed only where the samples are small.
func rankSum(a, b []float64) (sum int, ranks []int, ties float64) {
	small := len(a)+len(b) <= exactTimes
	for i, j := 0, 0; i < len(a) || j < len(b); {
		v := math.Inf(1)
		if i < len(a) {
			v = a[i]
		}
		if j < len(b) {
			v = min(v, b[j])
		}
		first := i + j
		inA := 0
		for ; i < len(a) && a[i] == v; i++ {
			inA++
		}
		for ; j < len(b) && b[j] == v; j++ {
		}
		rank := first + 1 + i + j // twice the mean of the ranks first+1 … i+j
		sum += inA * rank
		t := float64(i + j - first)
		ties += t*t*t - t
		for k := first; small && k < i+j; k++ {
			ranks = append(ranks, rank)
		}
	}
	return sum, ranks, ties
}

// rankSumTail is the share of the choices of n of the ranks whose sum is sum or more.
func rankSumTail(ranks []int, n, sum int) float64 {
	top := 0
	for _, r := range ranks {
		top += r
	}
	ways := make([][]float64, n+1) // by how many are chosen and their sum; at most C(50, 25), which a float64 holds exactly
	for k := range ways {
		ways[k] = make([]float64, top+1)
	}
	ways[0][0] = 1
	for i, r := range ranks {
		for k := min(n, i+1); k > 0; k-- {
			for s := top; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	tail, all := 0.0, 0.0
	for s, w := range ways[n] {
		all += w
		if s >= sum {
			tail += w
		}
	}
	return tail / all
}

// Holm adjusts the p of several tests so that the chance of a single false one stays below the level (Holm 1979); the order is
// kept. An adjusted p is to be held against the level itself.
func Holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(ps[i], ps[j]) })
	out, worst := make([]float64, len(ps)), 0.0
	for rank, i := range order {
		worst = max(worst, min(1, ps[i]*float64(len(ps)-rank)))
		out[i] = worst
	}
	return out
}

// SampleOf makes a sample of lengths in days.
func SampleOf(days ...float64) Sample {
	days = slices.Clone(days)
	slices.Sort(days)
	return Sample{days}
}
