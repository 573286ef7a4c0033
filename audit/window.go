package audit

import (
	"cmp"
	"iter"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// Window is the time from From days before the moment of the numbers (not included) to To days before it. Single closings, stays
// and leavings are kept for 3 years.
type Window struct {
	From, To float64
	// Steady leaves out mass closings and what we closed ([Stats.MassClosed]), as policies that watch a trend do.
	Steady bool
}

// Last is the last days, with every deal in it: what the figures of 365 days count.
func Last(days float64) Window { return Window{From: days} }

// Lately is the last days without mass closings: the later side of a trend.
func Lately(days float64) Window { return Window{From: days, Steady: true} }

// YearBefore is the 365 days before the last days, without mass closings: the earlier side of a trend. See
// [Stats.KnowsYearBefore].
func YearBefore(days float64) Window { return Window{From: days + year, To: days, Steady: true} }

// bounds are the moments of a window: what happened after the first and not after the second is within it.
func (s *Stats) bounds(w Window) (after, until crm.Instant) { return s.since(w.From), s.since(w.To) }

// Closing is the end of a deal.
type Closing struct {
	Deal  int32 // the deal's index
	At    crm.Instant
	Won   bool
	Cycle float64 // days from creation to closing; -1 where that is no cycle: negative, created closed, or creation not known
}

// Closings yields the closings of a pipeline's deals within a window, archived deals among them, by index of the deal.
func (s *Stats) Closings(pipeline int32, w Window) iter.Seq[Closing] {
	s.walkDeals()
	after, until := s.bounds(w)
	return func(yield func(Closing) bool) {
		for _, c := range s.pipelines[pipeline].closings {
			if c.At > after && c.At <= until && (!w.Steady || !s.MassClosed(c.Deal)) && !yield(c) {
				return
			}
		}
	}
}

// WinRate is the share of a pipeline's deals closed within a window that were won.
func (s *Stats) WinRate(pipeline int32, w Window) Rate {
	var out Rate
	for c := range s.Closings(pipeline, w) {
		out.N++
		out.K += b2i(c.Won)
	}
	return out
}

// AdjustedWinRate is the win rate of a window with the open deals that are presumed lost among the lost.
func (s *Stats) AdjustedWinRate(pipeline int32, w Window) Rate {
	out := s.WinRate(pipeline, w)
	out.N += s.pipelines[pipeline].presumed
	return out
}

// WinRateBy is the win rate of a window by a key of the deal, such as its type or its source; deals with a negative key are left out.
func (s *Stats) WinRateBy(pipeline int32, w Window, key func(deal int32) int32) map[int32]Rate {
	out := map[int32]Rate{}
	for c := range s.Closings(pipeline, w) {
		if k := key(c.Deal); k >= 0 {
			r := out[k]
			out[k] = Rate{r.K + b2i(c.Won), r.N + 1}
		}
	}
	return out
}

// WinRateByAge is the win rate of a window by the deals' age at closing: below the first bound in days, from there to below the
// second, and so on; the last one is from the last bound on. Deals without a cycle are left out.
func (s *Stats) WinRateByAge(pipeline int32, w Window, bounds ...float64) []Rate {
	out := make([]Rate, len(bounds)+1)
	for c := range s.Closings(pipeline, w) {
		if c.Cycle < 0 {
			continue
		}
		band := 0
		for band < len(bounds) && c.Cycle >= bounds[band] {
			band++
		}
		out[band].N++
		out[band].K += b2i(c.Won)
	}
	return out
}

// MoneyRate is a win rate by money in one currency; N is the number of deals with an amount.
type MoneyRate struct {
	Currency string  `json:"currency"`
	Rate     float64 `json:"rate"`
	N        int     `json:"n"`
}

// WinRateByMoney is, per currency, the money of the deals won within a window among that of all closed in it.
func (s *Stats) WinRateByMoney(pipeline int32, w Window) []MoneyRate {
	all, won := newPurse(s.snap), newPurse(s.snap)
	cols := s.snap.Columns()
	for c := range s.Closings(pipeline, w) {
		if amount := cols.Amount[c.Deal]; amount > 0 {
			all.add(cols.Currency[c.Deal], float64(amount))
			if c.Won {
				won.add(cols.Currency[c.Deal], float64(amount))
			}
		}
	}
	out := []MoneyRate{}
	for c, n := range all.n {
		if n > 0 {
			out = append(out, MoneyRate{s.snap.Currency(int32(c)), won.sums[c] / all.sums[c], n})
		}
	}
	slices.SortFunc(out, func(a, b MoneyRate) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}

// Cycles are the cycles of a pipeline's deals won within a window; left out: negative ones, and deals created closed.
func (s *Stats) Cycles(pipeline int32, w Window) Sample {
	return s.CyclesBy(pipeline, w, func(int32) int32 { return 0 })[0]
}

// CyclesBy are the cycles of a window by a key of the deal, such as its type; deals with a negative key are left out.
func (s *Stats) CyclesBy(pipeline int32, w Window, key func(deal int32) int32) map[int32]Sample {
	lengths, created := map[int32][]int64{}, s.snap.Columns().Created
	for c := range s.Closings(pipeline, w) {
		if k := key(c.Deal); c.Won && c.Cycle >= 0 && k >= 0 {
			lengths[k] = append(lengths[k], int64(c.At-created[c.Deal]))
		}
	}
	out := make(map[int32]Sample, len(lengths))
	for k, l := range lengths {
		out[k] = newSample(l)
	}
	return out
}

// NewDeals counts a pipeline's deals created within a window, but for those that an import made: it says when they were
// imported, not when they came.
func (s *Stats) NewDeals(pipeline int32, w Window) int {
	s.walkDeals()
	after, until := s.bounds(w)
	n := 0
	for _, b := range s.pipelines[pipeline].births {
		n += b2i(!b.added && b.at > after && b.at <= until)
	}
	return n
}

// CreatedToWon is the share won within h days of their creation of the deals created in (T-365-h, T-h], where h is the p90 cycle.
// ok is false below 30 deals, or without a cycle.
func (s *Stats) CreatedToWon(pipeline int32) (r Rate, ok bool) {
	s.walkDeals()
	f := &s.pipelines[pipeline]
	if f.cycles.N() == 0 {
		return r, false
	}
	h := span(f.cycles.Quantile(0.9))
	for _, b := range f.births {
		if b.at > s.since(year)-h && b.at <= s.now-h {
			r.N++
			r.K += b2i(!b.won.IsZero() && b.won-b.at <= h)
		}
	}
	return r, r.N >= observedDeals
}

// KnowsYearBefore reports whether a pipeline's history reaches back far enough to compare with the 12 months before: 365 days
// and the p90 cycle. History begins with the oldest known deal; where the comparison rests on moves between stages, not before
// the moment since which the CRM's moves are known.
func (s *Stats) KnowsYearBefore(pipeline int32, moves bool) bool {
	s.walkDeals()
	f := &s.pipelines[pipeline]
	from := s.since(year + f.cycles.Quantile(0.9))
	return !f.oldest.IsZero() && f.oldest <= from && (!moves || s.historyFrom <= from)
}

// OpenDeals is the number of a pipeline's open, unarchived deals.
func (s *Stats) OpenDeals(pipeline int32) int {
	s.walkDeals()
	return s.pipelines[pipeline].open
}

// OpenShare is the share of a pipeline's open deals that are in a stage.
func (s *Stats) OpenShare(stage int32) Rate {
	s.walkDeals()
	return Rate{s.stages[stage].open, s.pipelines[s.layout.pipeline[stage]].open}
}

// Deals yields every deal that there was at the moment of the numbers as it stood then, closed and archived ones too: what no
// other number gives can be counted from them, and holds for [Stats.Ago] as well.
func (s *Stats) Deals() iter.Seq[crm.Row] {
	return func(yield func(crm.Row) bool) {
		for i := range int32(s.snap.Len()) {
			if r, _, ok := s.rowAt(i); ok && !yield(r) {
				return
			}
		}
	}
}

// Now is the moment of the numbers.
func (s *Stats) Now() crm.Instant { return s.now }
