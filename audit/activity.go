package audit

import "github.com/plumbline/plumbline/internal/crm"

// ActiveOpen is the share of a pipeline's open deals that entered a stage, or of which the buyer was heard, in the last days. Our
// own moves are none. Deals of which neither shows, and one of the two is not known, are left out.
func (s *Stats) ActiveOpen(pipeline int32, days float64) Rate {
	return s.byDays(&s.more.active, days, s.countActive)[pipeline]
}

// AutomatedMoves is the share of a pipeline's moves between stages in the last days that were made by automation or by another
// program, of those of which the CRM says who made them; imports and our own are left out.
func (s *Stats) AutomatedMoves(pipeline int32, days float64) Rate {
	return s.byDays(&s.more.automated, days, s.countAutomated)[pipeline]
}

// byDays counts once per number of days.
func (s *Stats) byDays(seen *map[float64][]Rate, days float64, count func(after crm.Instant, out []Rate)) []Rate {
	if *seen == nil {
		*seen = map[float64][]Rate{}
	}
	if out, ok := (*seen)[days]; ok {
		return out
	}
	out := make([]Rate, len(s.snap.Schema.Pipelines))
	count(s.since(days), out)
	(*seen)[days] = out
	return out
}

func (s *Stats) countActive(after crm.Instant, out []Rate) {
	cols := s.snap.Columns()
	for i := range int32(s.snap.Len()) {
		if cols.Archived[i] || !s.past && cols.Status[i] != crm.Open {
			continue
		}
		r, moves, ok := s.rowAt(i)
		if !ok || r.Status != crm.Open {
			continue
		}
		entered, told := r.StageEntry, r.Known.Has(crm.FactStageEntry)
		if n := len(moves); r.Known.Has(crm.FactHistory) && n > 0 {
			for n > 1 && moves[n-1].Origin == crm.OriginPlumbline {
				n--
			}
			entered, told = moves[n-1].At, true
		}
		switch {
		case told && entered > after && entered <= s.now, r.Known.Has(crm.FactBuyer) && r.Buyer > after && r.Buyer <= s.now:
			out[r.Pipeline].K++
			out[r.Pipeline].N++
		case told && r.Known.Has(crm.FactBuyer):
			out[r.Pipeline].N++
		}
	}
}

func (s *Stats) countAutomated(after crm.Instant, out []Rate) {
	for i := range int32(s.snap.Len()) {
		moves := s.snap.Moves(i)
		if len(moves) < 2 || moves[len(moves)-1].At <= after {
			continue
		}
		r, moves, ok := s.rowAt(i)
		if !ok || !r.Known.Has(crm.FactHistory) {
			continue
		}
		for k := len(moves) - 1; k > 0 && moves[k].At > after; k-- {
			if moves[k].At > s.now || moves[k].Stage == moves[k-1].Stage {
				continue
			}
			switch moves[k].Origin {
			case crm.OriginAutomation, crm.OriginIntegration:
				out[r.Pipeline].K++
				out[r.Pipeline].N++
			case crm.OriginPerson:
				out[r.Pipeline].N++
			}
		}
	}
}

// OpenByOwner counts the portal's open, unarchived deals by owner, by index into Schema.Users.
func (s *Stats) OpenByOwner() []int {
	out := make([]int, len(s.snap.Schema.Users))
	for r := range s.Deals() {
		if r.Status == crm.Open && !r.Archived && r.Owner != crm.None {
			out[r.Owner]++
		}
	}
	return out
}
