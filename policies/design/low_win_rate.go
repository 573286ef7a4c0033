package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed low-win-rate.md
var lowWinRateDoc string

type lowWinRate struct {
	Part      audit.Share `yaml:"part" desc:"part of the win rate of the 12 months before below which the win rate must not fall"`
	Floor     audit.Share `yaml:"floor" desc:"win rate that is the least in any case; 0%: none"`
	MinClosed int         `yaml:"min_closed" desc:"how many deals must have been closed in either time"`
	Window    audit.Days  `yaml:"window" desc:"time looked at, against the 12 months before it"`
}

// LowWinRate finds pipelines that lately win far fewer of their deals.
func LowWinRate() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "low-win-rate", Title: "Fewer deals are won than before", Doc: lowWinRateDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 24, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedClosed, audit.NeedHistoryN}, Sources: "S5", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts: closings,
		Message: `{{count .won_count}} of the {{count .closed_count}} deals closed lately were won ({{pct .won_rate}}); ` +
			`{{if index . "before_rate"}}in the 12 months before it was {{pct .before_rate}}{{else}}the least is {{pct .floor_rate}}{{end}}`,
	}, lowWinRate{Part: 0.6, MinClosed: 30, Window: lately})
}

func (s lowWinRate) Validate() error {
	if s.Part <= 0 {
		return errors.New("part must be more than 0%")
	}
	return sized(s.Window, s.MinClosed, "min_closed")
}

func (s lowWinRate) Check(p *audit.Pass) {
	for i := range p.Pipelines() {
		p.Compare(s.fallen(p, i))
		if s.Floor > 0 {
			p.Compare(s.below(p, i))
		}
	}
}

// fallen asks whether a pipeline wins fewer of its deals than in the 12 months before.
func (s lowWinRate) fallen(p *audit.Pass, pipeline int32) audit.Comparison {
	before := func(st *audit.Stats) audit.Rate { return st.WinRate(pipeline, audit.YearBefore(s.Window.Float())) }
	return audit.Comparison{
		Kind: crm.KindPipeline, Index: pipeline,
		Weigh: func(st *audit.Stats) audit.Evidence {
			if !st.KnowsYearBefore(pipeline, false) {
				return tooYoung()
			}
			a, b := s.now(st, pipeline), before(st)
			return audit.Evidence{
				N: min(a.N, b.N), Least: s.MinClosed, P: audit.LowerShare(a, b),
				Effect: a.N > 0 && b.N > 0 && a.Share() < float64(s.Part)*b.Share(),
			}
		},
		Tell: func(audit.Evidence) audit.Found {
			return s.found(p, pipeline, "before_rate", before(p.Stats).Share())
		},
	}
}

// below asks whether a pipeline wins fewer of its deals than it must in any case.
func (s lowWinRate) below(p *audit.Pass, pipeline int32) audit.Comparison {
	return audit.Comparison{
		Kind: crm.KindPipeline, Index: pipeline,
		Weigh: func(st *audit.Stats) audit.Evidence {
			a := s.now(st, pipeline)
			return audit.Evidence{
				N: a.N, Least: s.MinClosed, P: audit.ShareBelow(a, float64(s.Floor)), Effect: a.N > 0 && a.Share() < float64(s.Floor),
			}
		},
		Tell: func(audit.Evidence) audit.Found { return s.found(p, pipeline, "floor_rate", float64(s.Floor)) },
	}
}

func (s lowWinRate) now(st *audit.Stats, pipeline int32) audit.Rate {
	return st.WinRate(pipeline, audit.Lately(s.Window.Float()))
}

func (s lowWinRate) found(p *audit.Pass, pipeline int32, against string, rate float64) audit.Found {
	r := s.now(p.Stats, pipeline)
	return audit.Found{
		Severity: audit.Medium, Fix: advice(),
		Facts: audit.Facts{"won_count": float64(r.K), "closed_count": float64(r.N), "won_rate": r.Share(), against: rate},
	}
}
