package deals

import (
	"iter"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// settled is how many days ago a statistic must have said the same to be believed.
const settled = 7

// wonLately yields the deals won in the 365 days up to the moment of the numbers, as they stood then; archived deals are left out.
func wonLately(s *audit.Stats) iter.Seq[crm.Row] {
	from := s.Now().Add(-365 * 24 * time.Hour)
	return func(yield func(crm.Row) bool) {
		for r := range s.Deals() {
			if r.Status == crm.Won && !r.Archived && r.Known.Has(crm.FactClosed) && r.Closed > from && r.Closed <= s.Now() && !yield(r) {
				return
			}
		}
	}
}

// learned counts, per kind of evidence that has a date, the won deals that passed a stage and of which that is known, and those
// that had it by then.
type learned struct{ passed, had [dated]int }

// learnedKey is the key of what lessons gives.
type learnedKey struct{ days float64 }

// lessons are what won deals had by the time they passed each stage, by flat index, as of some days ago. A deal passes the stage
// that it enters in, and those after it, when it first gets beyond them. Where it came over from another pipeline only its way
// through the last one counts.
func lessons(p *audit.Pass, days float64) []learned {
	stats := p.Stats
	if days > 0 {
		stats = stats.Ago(days)
	}
	return p.Once(learnedKey{days}, func() any {
		out := make([]learned, p.Snap.NumStages())
		for r := range wonLately(stats) {
			if visits, ok := p.Visits(r); ok {
				learn(p, r, visits, out)
			}
		}
		return out
	}).([]learned)
}

func learn(p *audit.Pass, r crm.Row, visits []audit.Visit, out []learned) {
	stages := p.Snap.Schema.Pipelines[r.Pipeline].Stages
	from := len(visits)
	for from > 0 && visits[from-1].Stage != crm.None && p.Snap.PipelineOf(visits[from-1].Stage) == r.Pipeline {
		from--
	}
	visits = visits[from:]
	if len(visits) == 0 {
		return
	}
	had := evidenceOf(p, r)
	next := p.Snap.Stage(visits[0].Stage).Order // the first stage that the deal has not passed yet
	pass := func(upTo int, at crm.Instant) {
		for ; next < upTo; next++ {
			if stages[next].Kind != crm.Open {
				continue
			}
			l := &out[p.Snap.StageIndex(r.Pipeline, int32(next))]
			for kind, when := range had {
				if when.known {
					l.passed[kind]++
					if !when.at.IsZero() && when.at <= at {
						l.had[kind]++
					}
				}
			}
		}
	}
	for _, v := range visits {
		if st := p.Snap.Stage(v.Stage); st.Kind != crm.Lost {
			pass(st.Order, v.Entered)
		}
	}
	if last := p.Snap.Stage(visits[len(visits)-1].Stage); last.Kind == crm.Open { // won by a status of its own
		pass(len(stages), r.Closed)
	}
}
