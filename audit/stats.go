package audit

import (
	"math"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// The windows and limits of the numbers.
const (
	year          = 365.0 // days
	quarter       = 90.0
	halfYear      = 180.0
	month         = 30.0
	shortVisit    = 10 * time.Minute // shorter stays are clicks, not stays
	velocityDeals = 20               // least number of won deals per currency behind a velocity
	observedDeals = 30               // least number of closed deals behind an observed probability
	keptDays      = 3 * year         // how far back single stays, leavings and closings are kept
	priorDeals    = 10.0             // weight of the pipeline's win rate in an observed probability
)

// Stats are the numbers of a snapshot, worked out on first use and shared by all policies. Indexes are those of the snapshot.
// Archived deals count in them, but never as open.
type Stats struct {
	snap   *crm.Snapshot
	now    crm.Instant
	layout *layout
	past   bool // now is before the moment of the snapshot

	walked    bool
	pipelines []pipelineFigures // nil before walkDeals
	// historyFrom is the moment before which a visit that began may be missing; none: all are known. Where histories are read deal by
	// deal, that is so as soon as every one has been.
	historyFrom crm.Instant
	stages      []stageFigures
	ago         map[float64]*Stats
	remaining   map[remainingKey]Sample
	visits      []Visit
	more        lazyFigures
}

type remainingKey struct {
	stage int32
	days  int64
}

func newStats(snap *crm.Snapshot, now crm.Instant, l *layout) *Stats {
	return &Stats{snap: snap, now: now, layout: l, ago: map[float64]*Stats{}, remaining: map[remainingKey]Sample{}}
}

// Sample is a sorted sample of lengths in days.
type Sample struct{ days []float64 }

// newSample makes a sample of lengths in microseconds, which it sorts.
func newSample(lengths []int64) Sample {
	sortLengths(lengths)
	out := Sample{make([]float64, len(lengths))}
	for i, l := range lengths {
		out.days[i] = crm.Instant(l).Days(0)
	}
	return out
}

// N is the number of values.
func (s Sample) N() int { return len(s.days) }

// Mean is the average; 0 when there are no values.
func (s Sample) Mean() float64 {
	if len(s.days) == 0 {
		return 0
	}
	sum := 0.0
	for _, d := range s.days {
		sum += d
	}
	return sum / float64(len(s.days))
}

// Quantile is x[ceil(p n)] of the n sorted values (practices.md); 0 when there are no values.
func (s Sample) Quantile(p float64) float64 {
	if len(s.days) == 0 {
		return 0
	}
	return s.days[rank(p, len(s.days))-1]
}

// rank is ceil(p n) within 1 and n; a product that floating point put a hair above a whole number counts as that number.
func rank(p float64, n int) int {
	return min(max(int(math.Ceil(p*float64(n)-1e-9)), 1), n)
}

// WonCycles are the cycles of the pipeline's deals won in the last 365 days; left out: negative ones, and deals created closed.
func (s *Stats) WonCycles(pipeline int32) Sample {
	s.walkDeals()
	return s.pipelines[pipeline].cycles
}

// WonVisits are the stays in a stage by won deals, ended in the last 365 days and at least 10 minutes long.
func (s *Stats) WonVisits(stage int32) Sample {
	s.walk()
	f := &s.stages[stage]
	if f.wonVisits != nil {
		f.wonSample, f.wonVisits = newSample(f.wonVisits), nil
	}
	return f.wonSample
}

// Remaining are the times that deals won in 365 days still needed to win once they had been in the stage for age days, in
// whole days rounded down. A deal that was there several times counts by its first stay that was long enough.
func (s *Stats) Remaining(stage int32, ageDays float64) Sample {
	s.walk()
	key := remainingKey{stage, int64(max(0, ageDays))}
	if out, ok := s.remaining[key]; ok {
		return out
	}
	age := key.days * int64(24*time.Hour/time.Microsecond)
	var left []int64
	last := int32(crm.None)
	for _, v := range s.stages[stage].toWin {
		if v.deal != last && v.stay >= age {
			left = append(left, v.toWin-age)
			last = v.deal
		}
	}
	out := newSample(left)
	s.remaining[key] = out
	return out
}

// Passed counts, among deals that did not come from an import and have known history, those that passed the stage in the
// last days days (they entered before it and reached a later open stage or won), and how many of them never visited it.
func (s *Stats) Passed(stage int32, days float64) (passed, skipped int) {
	s.walk()
	after := int64(s.since(days))
	for _, p := range s.stages[stage].passes {
		if p>>1 > after {
			passed++
			skipped += int(p & 1)
		}
	}
	return passed, skipped
}

// Entered counts the visits of a stage that began in the last days days.
func (s *Stats) Entered(stage int32, days float64) int {
	s.walk()
	after, n := s.since(days), 0
	for _, at := range s.stages[stage].entries {
		if at > after {
			n++
		}
	}
	return n
}

// HistoryKnown is the number of the snapshot's unarchived deals with a known history in a pipeline, and of all of them there.
func (s *Stats) HistoryKnown(pipeline int32) (known, deals int) {
	s.walk()
	return s.pipelines[pipeline].known, s.pipelines[pipeline].deals
}

// PresumedLost reports whether an open deal is older than both twice the average cycle and p99 of won cycles. Without won
// cycles, or where its creation date is not known, it says no.
func (s *Stats) PresumedLost(r crm.Row) bool {
	s.walkDeals()
	return s.pipelines[r.Pipeline].presumedLost(&r, s.now)
}

// Ago are the numbers as they stood the given days before, worked out from the same history: those of the snapshot that [AsOf]
// gives for that moment. Every number can be asked of them.
func (s *Stats) Ago(days float64) *Stats {
	if s.ago[days] == nil {
		s.ago[days] = newStats(s.snap, s.since(days), s.layout)
		s.ago[days].past = true
	}
	return s.ago[days]
}

// since is the moment some days before now; what happened after it is within the window.
func (s *Stats) since(days float64) crm.Instant { return s.now - span(days) }

// span is a length in days as one of instants, to the nearest microsecond: a cycle that was made days comes back the same.
func span(days float64) crm.Instant {
	return crm.Instant(math.Round(days * float64(24*time.Hour/time.Microsecond)))
}

// z is the normal quantile of a two-sided confidence of 95 %.
const z = 1.959963984540054

// WilsonLower and WilsonUpper bound a share of k in n with 95 % confidence (Wilson 1927).
func WilsonLower(k, n int) float64 {
	lower, _ := wilson(k, n)
	return lower
}

// WilsonUpper is the upper bound; see [WilsonLower].
func WilsonUpper(k, n int) float64 {
	_, upper := wilson(k, n)
	return upper
}

func wilson(k, n int) (lower, upper float64) {
	if n <= 0 {
		return 0, 1
	}
	nn, p := float64(n), float64(k)/float64(n)
	middle := p + z*z/(2*nn)
	spread := z * math.Sqrt(p*(1-p)/nn+z*z/(4*nn*nn))
	scale := 1 + z*z/nn
	return max(0, (middle-spread)/scale), min(1, (middle+spread)/scale)
}
