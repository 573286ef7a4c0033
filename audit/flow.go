package audit

import (
	"math"

	"github.com/plumbline/plumbline/internal/crm"
)

// Conversion is, of the deals that left a stage for good within a window, each once, the share that reached a later open stage or
// won; the others were lost without that. Deals whose visit began before history is known are left out.
func (s *Stats) Conversion(stage int32, w Window) Rate {
	var out Rate
	s.leavings(stage, w, func(l *leaving) {
		out.N++
		out.K += b2i(l.on)
	})
	return out
}

// ConversionByOwner is the conversion of a stage by the deals' present owner, by index into Schema.Users. The rest of the team is
// [Stats.Conversion] less the owner's own: [Rate.Less]. Deals without an owner count among the rest.
func (s *Stats) ConversionByOwner(stage int32, w Window) []Rate {
	out, owner := make([]Rate, len(s.snap.Schema.Users)), s.snap.Columns().Owner
	s.leavings(stage, w, func(l *leaving) {
		if o := owner[l.deal]; o != crm.None {
			out[o].N++
			out[o].K += b2i(l.on)
		}
	})
	return out
}

func (s *Stats) leavings(stage int32, w Window, f func(l *leaving)) {
	s.walk()
	after, until := s.bounds(w)
	all := s.stages[stage].leavings
	for i := range all {
		if l := &all[i]; l.at > after && l.at <= until && (!w.Steady || !s.MassClosed(l.deal)) {
			f(l)
		}
	}
}

// CohortConversion is, of the deals that first entered a stage in (T-365-h, T-h], the share that reached a later open stage or
// won within h days, where h is the pipeline's p90 cycle. ok is false below 30 deals, or without a cycle.
func (s *Stats) CohortConversion(stage int32) (r Rate, ok bool) {
	s.walk()
	f := &s.stages[stage]
	return Rate{f.cohortOn, f.cohort}, f.cohort >= observedDeals
}

// Backward is, of the moves of the last 180 days from a stage to other open stages of its pipeline, the share that went back.
func (s *Stats) Backward(stage int32) Rate {
	s.walk()
	return Rate{s.stages[stage].back, s.stages[stage].moved}
}

// Stays are the visits of a stage that began within a window and since history is known, at least 10 minutes long. Those still
// going on are censored: all that is known of them is that they last longer.
type Stays struct{ lengths survival }

// N is the number of stays, those still going on among them.
func (s Stays) N() int { return len(s.lengths) }

// Quantile estimates by Kaplan and Meier after how many days a share p of the stays has ended; ok is false where the stays seen
// do not reach so far.
func (s Stays) Quantile(p float64) (days float64, ok bool) {
	q := s.lengths.quantiles(p)[0]
	if q == nil {
		return 0, false
	}
	return *q, true
}

// Stays are the stays in a stage that began within a window; Steady says nothing of them.
func (s *Stats) Stays(stage int32, w Window) Stays {
	s.walk()
	w.Steady = false
	key := stageWindow{stage, w}
	if out, ok := s.more.stays[key]; ok {
		return out
	}
	after, until := s.bounds(w)
	var out Stays
	for _, v := range s.stages[stage].stays {
		if v.entered > after && v.entered <= until {
			out.lengths = append(out.lengths, v.length)
		}
	}
	sortLengths(out.lengths)
	if s.more.stays == nil {
		s.more.stays = map[stageWindow]Stays{}
	}
	s.more.stays[key] = out
	return out
}

// LongerStays is the one-sided p of Gehan's test (1965) that the stays of a are no longer than those of b: the test of Mann and
// Whitney for samples of which some values are censored, and the very same where none is. Two stays count as longer and shorter
// only where that is certain. Normal curve, with Mantel's permutation variance (1967) and correction for continuity. 1 where a
// sample is empty.
func LongerStays(a, b Stays) float64 { return gehan([]Stays{a, b})[0] }

// LongerThanOthers is the one-sided p of [LongerStays] that the stays in a stage of a window are no longer than those in the other
// open stages of its pipeline taken together.
func (s *Stats) LongerThanOthers(stage int32, w Window) float64 {
	w.Steady = false
	if p, ok := s.more.longer[stageWindow{stage, w}]; ok {
		return p
	}
	if s.more.longer == nil {
		s.more.longer = map[stageWindow]float64{}
	}
	l := s.layout
	pipeline := l.pipeline[stage]
	first := l.first[pipeline]
	groups := make([]Stays, l.first[pipeline+1]-first)
	for i := range groups {
		if at := first + int32(i); l.kind[at] == crm.Open {
			groups[i] = s.Stays(at, w)
		}
	}
	for i, p := range gehan(groups) { // one count of the pool serves all stages
		s.more.longer[stageWindow{first + int32(i), w}] = p
	}
	return s.more.longer[stageWindow{stage, w}]
}

// gehan tests each group of stays against all the others together.
func gehan(groups []Stays) []float64 {
	n, sums, squares := 0, make([]float64, len(groups)), 0.0
	var ended, goes []int64 // lengths of all groups
	for _, g := range groups {
		n += g.N()
		for _, v := range g.lengths {
			if v&1 == 1 {
				ended = append(ended, v>>1)
			} else {
				goes = append(goes, v>>1)
			}
		}
	}
	sortLengths(ended)
	sortLengths(goes)
	for i, g := range groups {
		below, upto, gone := 0, 0, 0 // ended ones shorter, ended ones no longer, censored ones shorter
		for _, v := range g.lengths {
			length := v >> 1
			below, upto, gone = advance(ended, below, length), advance(ended, upto, length+1), advance(goes, gone, length)
			score := float64(upto) // the certainly shorter, less the certainly longer
			if v&1 == 1 {
				score = float64(below - (len(ended) - upto) - (len(goes) - gone))
			}
			sums[i] += score
			squares += score * score
		}
	}
	out := make([]float64, len(groups))
	for i, g := range groups {
		na, nb := float64(g.N()), float64(n-g.N())
		out[i] = 1
		if variance := na * nb / (float64(n) * float64(n-1)) * squares; na > 0 && nb > 0 && variance > 0 {
			out[i] = upperNormal((sums[i] - 1) / math.Sqrt(variance))
		}
	}
	return out
}

// advance moves a place in sorted lengths to the first that is not below a length.
func advance(sorted []int64, from int, length int64) int {
	for from < len(sorted) && sorted[from] < length {
		from++
	}
	return from
}
