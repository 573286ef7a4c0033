// Package evidence tells what the record of a deal holds of the work on it, and what won deals held by the time they passed a stage.
//
// Its one idea: what most won deals had is what a stage asks for, written down or not. Its one rule: what is not known of a deal
// counts neither for nor against it.
package evidence

import (
	"iter"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// The kinds of evidence that have a date, by their place in lists.
const (
	Meeting = iota
	Mail
	Quote
	Kinds // how many there are
)

// Names are the kinds as they are written in settings and findings, by their place.
func Names() [Kinds]string { return [Kinds]string{Meeting: "meeting", Mail: "mail", Quote: "quote"} }

// Settled is how many days ago a lesson must have been the same to be believed.
const Settled = 7

// Proof is what is known of one kind of evidence of a deal.
type Proof struct {
	Known bool
	At    crm.Instant // none: it is not there
}

// Of tells of each kind of evidence when a deal had it first.
func Of(p *audit.Pass, r crm.Row) [Kinds]Proof {
	e := p.Snap.Engagement(r.Index)
	return [Kinds]Proof{
		Meeting: {r.Known.Has(crm.FactFirstMeeting), e.Meeting},
		Mail:    {r.Known.Has(crm.FactFirstMail), e.Mail},
		Quote:   {r.Known.Has(crm.FactQuotes), p.Snap.Quote(r.Index).Published},
	}
}

// WonLately yields the deals won in the 365 days up to the moment of the numbers, as they stood then; archived deals are left out.
func WonLately(s *audit.Stats) iter.Seq[crm.Row] {
	from := s.Now().Add(-365 * 24 * time.Hour)
	return func(yield func(crm.Row) bool) {
		for r := range s.Deals() {
			if r.Status == crm.Won && !r.Archived && r.Known.Has(crm.FactClosed) && r.Closed > from && r.Closed <= s.Now() && !yield(r) {
				return
			}
		}
	}
}

// Learned counts, per kind of evidence, the won deals that passed a stage and of which that is known, and those that had it by then.
type Learned struct{ Passed, Had [Kinds]int }

// Usual reports whether at least a share of at least n won deals had a kind of evidence.
func (l *Learned) Usual(kind, n int, share float64) bool {
	return l.Passed[kind] >= n && float64(l.Had[kind]) >= share*float64(l.Passed[kind])
}

// lessonsKey is the key of what Lessons gives.
type lessonsKey struct{ days float64 }

// Lessons are what won deals had by the time they passed each stage, by flat index, as of some days ago. A deal passes the stage
// that it enters in, and those after it, when it first gets beyond them. Where it came over from another pipeline only its way
// through the last one counts.
func Lessons(p *audit.Pass, days float64) []Learned {
	stats := p.Stats
	if days > 0 {
		stats = stats.Ago(days)
	}
	return p.Once(lessonsKey{days}, func() any {
		out := make([]Learned, p.Snap.NumStages())
		for r := range WonLately(stats) {
			if visits, ok := p.Visits(r); ok {
				learn(p, r, visits, out)
			}
		}
		return out
	}).([]Learned)
}

func learn(p *audit.Pass, r crm.Row, visits []audit.Visit, out []Learned) {
	stages := p.Snap.Schema.Pipelines[r.Pipeline].Stages
	from := len(visits)
	for from > 0 && visits[from-1].Stage != crm.None && p.Snap.PipelineOf(visits[from-1].Stage) == r.Pipeline {
		from--
	}
	visits = visits[from:]
	if len(visits) == 0 {
		return
	}
	had := Of(p, r)
	next := p.Snap.Stage(visits[0].Stage).Order // the first stage that the deal has not passed yet
	pass := func(upTo int, at crm.Instant) {
		for ; next < upTo; next++ {
			if stages[next].Kind != crm.Open {
				continue
			}
			l := &out[p.Snap.StageIndex(r.Pipeline, int32(next))]
			for kind, when := range had {
				if when.Known {
					l.Passed[kind]++
					if !when.At.IsZero() && when.At <= at {
						l.Had[kind]++
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
