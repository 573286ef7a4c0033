package audit

import "slices"

const (
	digitBits = 11
	digits    = 1 << digitBits
)

// sortLengths sorts numbers that are not negative. From some hundreds on it sorts digit by digit, which is several times
// faster than comparing.
func sortLengths(xs []int64) {
	if len(xs) < 512 {
		slices.Sort(xs)
		return
	}
	top := slices.Max(xs)
	from, to := xs, make([]int64, len(xs))
	for shift := 0; top>>shift > 0; shift += digitBits {
		var at [digits + 1]int
		for _, x := range from {
			at[x>>shift&(digits-1)+1]++
		}
		if slices.Contains(at[1:], len(from)) {
			continue // all have the same digit here
		}
		for d := range digits {
			at[d+1] += at[d]
		}
		for _, x := range from {
			d := x >> shift & (digits - 1)
			to[at[d]] = x
			at[d]++
		}
		from, to = to, from
	}
	if &from[0] != &xs[0] {
		copy(xs, from)
	}
}
