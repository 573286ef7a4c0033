package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed slowing-cycle.md
var slowingCycleDoc string

type slowingCycle struct {
	Factor float64    `yaml:"factor" desc:"how many times the median of the 12 months before the median cycle may be"`
	MinWon int        `yaml:"min_won" desc:"how many deals must have been won in either time"`
	Window audit.Days `yaml:"window" desc:"time looked at, against the 12 months before it"`
}

// SlowingCycle finds pipelines whose deals lately take longer to be won.
func SlowingCycle() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "slowing-cycle", Title: "Deals take longer to win than before", Doc: slowingCycleDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 25, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedClosed, audit.NeedCreated, audit.NeedHistoryN}, Sources: "S5 S4", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts:   closings,
		Message: `Half of the {{count .won_count}} deals won lately took longer than {{days .median_days}}; in the 12 months before it was {{days .before_days}}`,
	}, slowingCycle{Factor: 1.25, MinWon: 20, Window: lately})
}

func (s slowingCycle) Validate() error {
	if s.Factor < 1 {
		return errors.New("factor must be at least 1")
	}
	return sized(s.Window, s.MinWon, "min_won")
}

func (s slowingCycle) Check(p *audit.Pass) {
	samples := func(st *audit.Stats, pipeline int32) (now, before audit.Sample) {
		return st.Cycles(pipeline, audit.Lately(s.Window.Float())), st.Cycles(pipeline, audit.YearBefore(s.Window.Float()))
	}
	for i := range p.Pipelines() {
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: i,
			Weigh: func(st *audit.Stats) audit.Evidence {
				if !st.KnowsYearBefore(i, false) {
					return tooYoung()
				}
				a, b := samples(st, i)
				return audit.Evidence{
					N: min(a.N(), b.N()), Least: s.MinWon, P: audit.LongerTimes(a, b),
					Effect: a.N() > 0 && b.N() > 0 && a.Quantile(0.5) > s.Factor*b.Quantile(0.5),
				}
			},
			Tell: func(audit.Evidence) audit.Found {
				a, b := samples(p.Stats, i)
				return audit.Found{
					Severity: audit.Medium, Fix: advice(),
					Facts: audit.Facts{"won_count": float64(a.N()), "median_days": a.Quantile(0.5), "before_days": b.Quantile(0.5)},
				}
			},
		})
	}
}
