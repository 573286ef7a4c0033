package audit

import (
	"math"
	"slices"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// Odds are how the deals of 365 days ended that visited a stage: closed ones, and open ones that are presumed lost.
type Odds struct {
	Won, Closed int
	// Rate is the observed probability to win from the stage: (Won + 10 P) / (Closed + 10), where P is the pipeline's adjusted win
	// rate. Without a closed deal that visited the stage it is P.
	Rate float64
}

// Odds tells how the deals ended that visited a stage. ok is false where no deal of its pipeline ended in 365 days.
func (s *Stats) Odds(stage int32) (o Odds, ok bool) {
	s.walk()
	f, p := &s.stages[stage], &s.pipelines[s.layout.pipeline[stage]]
	all := p.won + p.lost + p.presumed
	if all == 0 {
		return Odds{}, false
	}
	o = Odds{Won: f.closedWon, Closed: f.closedAll}
	o.Rate = (float64(o.Won) + priorDeals*float64(p.won)/float64(all)) / (float64(o.Closed) + priorDeals)
	return o, true
}

// PresumedLostOf counts a pipeline's open deals that are presumed lost, beside those closed in 365 days.
func (s *Stats) PresumedLostOf(pipeline int32) (presumed, closed int) {
	s.walk()
	f := &s.pipelines[pipeline]
	return f.presumed, f.won + f.lost
}

// SilentGaps are, per stage by its flat index, the longest silences within the stays of deals won in 365 days, at least 10 minutes
// long. Of a deal only its last touch and its last buyer activity are known: they break the silence of the stay that they lie in,
// earlier ones do not, so that a gap is rather too long than too short. Stays that began before history is known are left out.
func (s *Stats) SilentGaps() []Sample {
	s.walk()
	from := s.since(year)
	gaps := make([][]int64, s.snap.NumStages())
	for i := range int32(s.snap.Len()) {
		r, visits, ok := s.at(i)
		if !ok || r.Status != crm.Won || !r.Known.Has(crm.FactClosed) || r.Closed <= from || r.Closed > s.now {
			continue
		}
		for _, v := range visits {
			if v.Stage == crm.None || v.Left.IsZero() || s.layout.kind[v.Stage] != crm.Open || v.Left.Sub(v.Entered) < shortVisit || v.Entered < s.historyFrom {
				continue
			}
			gaps[v.Stage] = append(gaps[v.Stage], longestGap(v, r.Touch, r.Buyer))
		}
	}
	out := make([]Sample, len(gaps))
	for i, g := range gaps {
		out[i] = newSample(g)
	}
	return out
}

// longestGap is the longest time within a visit without any of the moments.
func longestGap(v Visit, moments ...crm.Instant) int64 {
	marks := []crm.Instant{v.Entered, v.Left}
	for _, m := range moments {
		if m > v.Entered && m < v.Left {
			marks = append(marks, m)
		}
	}
	slices.Sort(marks)
	gap := crm.Instant(0)
	for i := 1; i < len(marks); i++ {
		gap = max(gap, marks[i]-marks[i-1])
	}
	return int64(gap)
}

// WholeDays rounds a quantile of a sample up to whole days.
func (s Sample) WholeDays(p float64) Days {
	const aDay = 24 * time.Hour
	return Days(math.Ceil(s.Quantile(p)-1e-9)) * Days(aDay)
}

// NonDecreasing replaces values by the nearest ones that never fall, in the sense of least squares with the given weights, by
// pooling adjacent violators. Weights are positive.
func NonDecreasing(values, weights []float64) []float64 {
	type pool struct {
		sum, weight float64
		n           int
	}
	var pools []pool
	for i, v := range values {
		pools = append(pools, pool{v * weights[i], weights[i], 1})
		for n := len(pools); n > 1 && pools[n-2].sum*pools[n-1].weight > pools[n-1].sum*pools[n-2].weight; n = len(pools) {
			pools[n-2] = pool{pools[n-2].sum + pools[n-1].sum, pools[n-2].weight + pools[n-1].weight, pools[n-2].n + pools[n-1].n}
			pools = pools[:n-1]
		}
	}
	out := make([]float64, 0, len(values))
	for _, p := range pools {
		for range p.n {
			out = append(out, p.sum/p.weight)
		}
	}
	return out
}
