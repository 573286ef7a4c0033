package audit

import (
	"cmp"
	"math"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// ending is how the way of a deal from its first stay in a stage on ended, or has gone so far.
type ending struct {
	deal      int32
	stay, end int64 // from the beginning of the stay: its length, and that of the way
	how       crm.Status
}

// StillNeeded estimates how many days deals that will be won still need once they have been in a stage for age days: the time
// within which a share p of them is won. Deals that visited the stage in the last 730 days count from their first stay that was
// long enough; those still open are censored, so that slow winners are not missed only because they are still under way, and
// losses are another end (Aalen and Johansen 1978). won is the number of wins that it rests on; ok is false without one.
// [Stats.Remaining] looks at won deals alone and tells too short a time while a pipeline is young or slows down.
func (s *Stats) StillNeeded(stage int32, ageDays, p float64) (days float64, won int, ok bool) {
	if s.more.endings == nil {
		s.more.endings = make([][]ending, s.snap.NumStages())
		s.eachEnding()
	}
	age := span(math.Floor(max(0, ageDays)))
	var left []ending
	last := int32(crm.None)
	for _, e := range s.more.endings[stage] {
		if e.stay >= int64(age) && e.deal != last {
			last = e.deal
			left = append(left, ending{e.deal, 0, e.end - int64(age), e.how})
			won += b2i(e.how == crm.Won)
		}
	}
	if won == 0 {
		return 0, 0, false
	}
	return crm.Instant(timeToWin(left, p)).Days(0), won, true
}

// timeToWin is the time within which a share p of the wins comes, by the incidence of wins beside losses and of deals still open.
// There is a win among them; it sorts them.
func timeToWin(left []ending, p float64) int64 {
	slices.SortFunc(left, func(a, b ending) int { return cmp.Compare(a.end, b.end) })
	type step struct {
		end int64
		sum float64
	}
	var steps []step
	alive, sum := 1.0, 0.0
	for i, j := 0, 0; i < len(left); i = j { // of one time, wins and losses go before those that go on
		wins, losses := 0, 0
		for ; j < len(left) && left[j].end == left[i].end; j++ {
			wins += b2i(left[j].how == crm.Won)
			losses += b2i(left[j].how == crm.Lost)
		}
		there := float64(len(left) - i)
		if wins > 0 {
			sum += alive * float64(wins) / there
			steps = append(steps, step{left[i].end, sum})
		}
		alive *= 1 - float64(wins+losses)/there
	}
	for _, st := range steps {
		if st.sum >= p*sum-1e-9 {
			return st.end
		}
	}
	return steps[len(steps)-1].end
}

// eachEnding notes every deal's ways from the stays in open stages that began in the last 730 days.
func (s *Stats) eachEnding() {
	s.walkDeals()
	from := max(s.since(2*year), s.historyFrom-1)
	for i := range int32(s.snap.Len()) {
		r, visits, ok := s.at(i)
		end := s.now
		if r.Status != crm.Open {
			if end = r.Closed; !r.Known.Has(crm.FactClosed) || end > s.now {
				continue
			}
		}
		if !ok || r.Archived && r.Status == crm.Open {
			continue
		}
		for _, v := range visits {
			if v.Stage == crm.None || s.layout.kind[v.Stage] != crm.Open || v.Entered <= from || v.Entered > end {
				continue
			}
			left := v.Left
			if left.IsZero() {
				left = end
			}
			s.more.endings[v.Stage] = append(s.more.endings[v.Stage], ending{i, int64(left - v.Entered), int64(end - v.Entered), r.Status})
		}
	}
}
