package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// A mass closing is this many deals closed by one actor within this time.
const (
	massDeals = 20
	massTime  = 10 * time.Minute
)

// quarterHour divides every beginning of a day: zones differ from UTC by whole quarters of an hour.
const quarterHour = crm.Instant(15 * time.Minute / time.Microsecond)

// lazyFigures are numbers that few policies ask for, each worked out when first asked.
type lazyFigures struct {
	mass      []bool // by deal
	stays     map[stageWindow]Stays
	longer    map[stageWindow]float64
	active    map[float64][]Rate
	automated map[float64][]Rate
	endings   [][]ending
}

type stageWindow struct {
	stage int32
	Window
}

// MassClosed reports whether a deal was closed by us, or with at least 19 others of the portal by one actor within 10 minutes.
// Where nobody knows who closed deals, all of them count as one actor. A closing time that is the beginning of a day is a date
// and tells nothing.
func (s *Stats) MassClosed(deal int32) bool {
	if s.more.mass == nil {
		s.massClosings()
	}
	return s.more.mass[deal]
}

// closer is one closing and who made it.
type closer struct {
	actor int64
	at    crm.Instant
	deal  int32
}

func (s *Stats) massClosings() {
	s.walkDeals()
	s.more.mass = make([]bool, s.snap.Len())
	var all []closer
	zone := s.snap.Zone()
	for p := range s.pipelines {
		for _, c := range s.pipelines[p].closings {
			r, moves, _ := s.rowAt(c.Deal)
			actor, ours := int64(-1), len(moves) > 0 && moves[len(moves)-1].Origin == crm.OriginPlumbline
			if r.Known.Has(crm.FactCloser) {
				by := s.snap.Closer(c.Deal)
				actor, ours = int64(by), ours || s.snap.Text(by) == crm.Us
			}
			if c.At%quarterHour != 0 || c.At != dayOf(c.At, zone) {
				all = append(all, closer{actor, c.At, c.Deal})
			}
			s.more.mass[c.Deal] = ours
		}
	}
	slices.SortFunc(all, func(a, b closer) int { return cmp.Or(cmp.Compare(a.actor, b.actor), cmp.Compare(a.at, b.at)) })
	marked := 0
	for i := massDeals - 1; i < len(all); i++ {
		first := i - massDeals + 1
		if all[first].actor != all[i].actor || all[i].at.Sub(all[first].at) > massTime {
			continue
		}
		for j := max(first, marked); j <= i; j++ {
			s.more.mass[all[j].deal] = true
		}
		marked = i + 1
	}
}

// LossCount is how many deals were lost from a stage for a reason.
type LossCount struct {
	Stage  int32 // flat index of the last open stage; crm.None where that is not known
	Reason crm.TextID
	N      int
}

// Losses count a pipeline's deals lost within a window by the open stage that they were lost from and by the reason as it is
// written; those whose reason is not known are left out, those known to have none have reason 0. By stage and reason.
func (s *Stats) Losses(pipeline int32, w Window) []LossCount {
	type key struct {
		stage  int32
		reason crm.TextID
	}
	counts := map[key]int{}
	for c := range s.Closings(pipeline, w) {
		if r, moves, _ := s.rowAt(c.Deal); !c.Won && r.Known.Has(crm.FactLossReason) {
			counts[key{s.lostFrom(&r, moves), r.LossReason}]++
		}
	}
	out := make([]LossCount, 0, len(counts))
	for k, n := range counts {
		out = append(out, LossCount{k.stage, k.reason, n})
	}
	slices.SortFunc(out, func(a, b LossCount) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// lostFrom is the open stage from which a deal was lost.
func (s *Stats) lostFrom(r *crm.Row, moves []crm.Move) int32 {
	if s.layout.kind[r.Stage] == crm.Open {
		return r.Stage
	}
	for i := len(moves) - 1; i >= 0 && r.Known.Has(crm.FactHistory); i-- {
		if m := moves[i]; m.At <= r.Closed && m.Stage != crm.None && s.layout.kind[m.Stage] == crm.Open {
			return m.Stage
		}
	}
	return crm.None
}
