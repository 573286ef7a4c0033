package sandbox

import (
	"math"
	"slices"
	"time"
)

// measure works out the limits that the closed deals set for the open ones.
func (g *maker) measure() {
	stays := map[*track][][]float64{}
	cycles := map[*track][]float64{}
	for _, t := range g.tracks {
		stays[t] = make([][]float64, len(t.steps))
	}
	for _, d := range g.closed {
		if d.outcome != isWon || len(d.moves) < 2 {
			continue
		}
		if g.ago(d.ended()) <= 365 {
			cycles[d.track] = append(cycles[d.track], float64(d.ended().Sub(d.created()))/float64(day))
		}
		for i, m := range d.moves[:len(d.moves)-1] {
			t, s, left := d.track, m.stage, d.moves[i+1].at
			if m.away != nil {
				t, s = m.away, 0
			}
			if stay := left.Sub(m.at); s < len(t.steps) && stay >= 10*time.Minute && g.ago(left) <= 365 {
				stays[t][s] = append(stays[t][s], float64(stay)/float64(day))
			}
		}
	}
	for _, t := range g.tracks {
		for _, s := range stays[t] {
			t.staleLimit = append(t.staleLimit, limit(len(s), 22, 40, 30, func() float64 { return ninth(s) }))
		}
		c := cycles[t]
		t.longLimit = limit(len(c), 14, 27, 180, func() float64 { return twice(c) })
	}
}

// ninth is the 90th percentile of stays, held within 7 to 180 days.
func ninth(stays []float64) float64 {
	slices.Sort(stays)
	return min(max(stays[int(math.Ceil(0.9*float64(len(stays))))-1], 7), 180)
}

// twice is twice the average cycle, at least 30 days.
func twice(cycles []float64) float64 {
	sum := 0.0
	for _, c := range cycles {
		sum += c
	}
	return max(2*sum/float64(len(cycles)), 30)
}

// limit is the statistic where the sample is surely large enough, the default where it surely is not, else both.
func limit(n, few, many int, fallback float64, statistic func() float64) band {
	switch {
	case n <= few:
		return band{fallback, fallback}
	case n >= many:
		s := statistic()
		return band{s, s}
	default:
		s := statistic()
		return band{min(s, fallback), max(s, fallback)}
	}
}

// unsupported lists the planned policies that the account turned out too small for, today or a week ago.
func (g *maker) unsupported() []string {
	var out []string
	planted := func(policy string, ok func(now time.Time) bool) {
		if g.plan[policy] && (!ok(g.opts.Now) || !ok(g.opts.Now.Add(-7*day))) {
			out = append(out, policy)
		}
	}
	planted(lostFreeText, func(now time.Time) bool { return g.lossesSince(now, 180) >= 12 })
	planted(unusedStage, func(now time.Time) bool {
		for _, t := range g.tracks {
			if t.unused >= 0 {
				passed, _, _ := g.passing(t, t.unused, now, 90)
				return passed >= 24
			}
		}
		return true
	})
	planted(oftenSkippedStage, func(now time.Time) bool {
		for _, t := range g.tracks {
			if t.skipped >= 0 {
				passed, without, _ := g.passing(t, t.skipped, now, 180)
				_, _, entered := g.passing(t, t.skipped, now, 90)
				return passed >= 24 && wilson(without, passed) > 0.30 && entered >= 3
			}
		}
		return true
	})
	return out
}

func (g *maker) lossesSince(now time.Time, within float64) int {
	n := 0
	for _, d := range g.closed {
		if age := now.Sub(d.ended()); d.outcome == isLost && age >= 0 && age <= days(within) {
			n++
		}
	}
	return n
}

// passing counts, in the days up to now, the deals that passed a stage they did not enter in, those of them that never
// visited it, and the entries into it. Imported deals are left out.
func (g *maker) passing(t *track, stage int, now time.Time, within float64) (passed, without, entered int) {
	from := now.Add(-days(within))
	inside := func(at time.Time) bool { return at.After(from) && !at.After(now) }
	for _, d := range slices.Concat(g.closed, g.open) {
		if d.track != t || d.source == "IMPORT" {
			continue
		}
		visited, reached := false, time.Time{}
		for _, m := range d.moves {
			if m.stage == stage {
				visited = true
				if inside(m.at) {
					entered++
				}
			}
			if m.stage > stage && m.stage <= t.won() && reached.IsZero() {
				reached = m.at
			}
		}
		if d.moves[0].stage >= stage || reached.IsZero() || !inside(reached) {
			continue
		}
		passed++
		if !visited {
			without++
		}
	}
	return passed, without, entered
}

// wilson is the lower bound, with 95 % confidence, of a share of k in n.
func wilson(k, n int) float64 {
	if n == 0 {
		return 0
	}
	const z = 1.959964
	p, m := float64(k)/float64(n), float64(n)
	return (p + z*z/(2*m) - z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))) / (1 + z*z/m)
}
