package design

import (
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed starts-too-early.md
var startsTooEarlyDoc string

type startsTooEarly struct {
	Limit     audit.Share `yaml:"limit" desc:"share of the deals lost from the first stage that may have been without buyer activity"`
	MinLosses int         `yaml:"min_losses" desc:"how many deals lost from the first stage it takes to tell"`
	Window    audit.Days  `yaml:"window" desc:"time looked at"`
}

// StartsTooEarly finds pipelines that begin before the buyer has shown that it wants to buy.
func StartsTooEarly() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "starts-too-early", Title: "The pipeline starts too early", Doc: startsTooEarlyDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 3, Severity: audit.High,
		Needs:   []audit.Need{audit.NeedMail, audit.NeedHistory, audit.NeedHistoryN},
		Sources: "S1 S2 S4", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		After: []string{notCaptured},
		Facts: crm.FactBuyer | crm.FactClosed | crm.FactHistory | crm.FactOwner | crm.FactCreated,
		Message: `{{if .named}}The first stage, "{{.stage}}", is one before the buyer has shown that it wants to buy{{end}}` +
			`{{if index . "losses_count"}}{{if .named}}; {{end}}{{count .silent_count}} of {{count .losses_count}} deals lost from {{if .named}}it{{else}}the first stage, "{{.stage}}",{{end}}` +
			` ({{pct .silent_rate}}) had never seen any activity of the buyer; the limit is {{pct .limit_rate}}{{end}}`,
	}, startsTooEarly{Limit: 0.4, MinLosses: 20, Window: 365 * aDay})
}

func (s startsTooEarly) Validate() error {
	switch {
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	case s.MinLosses < 1:
		return errors.New("min_losses must be at least 1")
	}
	return nil
}

// early is what the losses of a pipeline's first stage show.
type early struct {
	silent  audit.Rate
	wayless int // losses of which the last stage is not known
	mute    int // losses from the first stage of which the buyer's activity is not known, or not believed
}

func (s startsTooEarly) Check(p *audit.Pass) {
	counted := map[crm.Instant][]early{}
	at := func(st *audit.Stats) []early {
		if counted[st.Now()] == nil {
			counted[st.Now()] = s.count(p, st)
		}
		return counted[st.Now()]
	}
	for pipeline := range p.Pipelines() {
		open := slices.Collect(openStages(p, pipeline))
		if len(open) == 0 {
			p.OKAt(crm.KindPipeline, pipeline)
			continue
		}
		named := notEngaged(reading(p, open[0]))
		tell := func(severity audit.Severity, data bool) audit.Found {
			facts := audit.Facts{"stage": p.Snap.Stage(open[0]).Name, "named": named}
			if data {
				e := at(p.Stats)[pipeline].silent
				facts["silent_count"], facts["losses_count"] = float64(e.K), float64(e.N)
				facts["silent_rate"], facts["limit_rate"] = e.Share(), float64(s.Limit)
			}
			return audit.Found{Severity: severity, Facts: facts, Fix: advice()}
		}
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: pipeline,
			Weigh: func(st *audit.Stats) audit.Evidence { return s.weigh(at(st)[pipeline]) },
			Tell: func(audit.Evidence) audit.Found {
				if named {
					return tell(audit.High, true)
				}
				return tell(audit.Medium, true)
			},
		})
		if !named {
			continue
		}
		p.Compare(audit.Comparison{ // a name is there or not: nothing about it is by chance, so the other tests do not suffer from it
			Kind: crm.KindPipeline, Index: pipeline,
			Weigh: func(*audit.Stats) audit.Evidence { return audit.Evidence{Effect: true} },
			Tell:  func(audit.Evidence) audit.Found { return tell(audit.Low, false) },
		})
	}
}

func (s startsTooEarly) weigh(e early) audit.Evidence {
	n := e.silent.N
	switch {
	case n < s.MinLosses && n+e.mute >= s.MinLosses:
		return audit.CannotCompare(audit.NeedMail, "whether the buyers of lost deals were ever heard of is not known")
	case n < s.MinLosses && n+e.mute+e.wayless >= s.MinLosses:
		return audit.CannotCompare(audit.NeedHistory, "from which stage its deals were lost is not known")
	}
	return audit.Evidence{N: n, Least: s.MinLosses, Effect: e.silent.Share() >= float64(s.Limit), P: audit.ShareAbove(e.silent, float64(s.Limit))}
}

// notEngaged reports whether a name says that the buyer has not shown yet that it wants to buy, and no later step beside it.
func notEngaged(r vocabulary.StageReading) bool {
	return r.Is(vocabulary.NotEngaged) && !r.Is(vocabulary.Engaged) && !r.Is(vocabulary.Proposal) && !r.Is(vocabulary.Negotiation) && !r.Is(vocabulary.Won)
}

// count looks at the deals lost within the window, by pipeline.
func (s startsTooEarly) count(p *audit.Pass, st *audit.Stats) []early {
	out := make([]early, len(p.Snap.Schema.Pipelines))
	whole := p.Flagged(notCaptured, crm.KindPortal, 0)
	from := st.Now().Add(-s.Window.Duration())
	for r := range st.Deals() {
		if r.Status != crm.Lost || !r.Known.Has(crm.FactClosed) || r.Closed <= from {
			continue
		}
		e := &out[r.Pipeline]
		stage, ok := lostFrom(p, r)
		switch {
		case !ok:
			e.wayless++
		case !first(p, stage):
		case r.Known.Has(crm.FactBuyer) && !r.Buyer.IsZero():
			e.silent.N++
		case !r.Known.Has(crm.FactBuyer), whole, r.Owner != crm.None && p.Flagged(notCaptured, crm.KindOwner, r.Owner):
			e.mute++
		default:
			e.silent.K++
			e.silent.N++
		}
	}
	return out
}

// lostFrom is the open stage of its pipeline in which a deal was when it was lost; ok is false where that is not known.
func lostFrom(p *audit.Pass, r crm.Row) (stage int32, ok bool) {
	if p.Snap.Stage(r.Stage).Kind == crm.Open {
		return r.Stage, true
	}
	if !r.Known.Has(crm.FactHistory) {
		return crm.None, false
	}
	stage = crm.None
	for _, m := range p.Snap.Moves(r.Index) {
		if m.At <= r.Closed && m.Stage != crm.None && p.Snap.PipelineOf(m.Stage) == r.Pipeline && p.Snap.Stage(m.Stage).Kind == crm.Open {
			stage = m.Stage
		}
	}
	return stage, stage != crm.None
}
