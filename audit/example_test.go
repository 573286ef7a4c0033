package audit_test

import (
	"context"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// slowing finds pipelines whose deals lately take longer to be won than in the 12 months before.
type slowing struct {
	Factor float64    `yaml:"factor" desc:"…"`
	MinWon int        `yaml:"min_won" desc:"…"`
	Window audit.Days `yaml:"window" desc:"…"`
}

func (s slowing) Check(p *audit.Pass) {
	lately, before := audit.Lately(s.Window.Float()), audit.YearBefore(s.Window.Float())
	for pipeline := range p.Pipelines() {
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: pipeline,
			Weigh: func(st *audit.Stats) audit.Evidence {
				if !st.KnowsYearBefore(pipeline, false) {
					return audit.CannotCompare(audit.NeedHistoryN, "its history does not reach back a year and a cycle")
				}
				a, b := st.Cycles(pipeline, lately), st.Cycles(pipeline, before)
				return audit.Evidence{
					N: min(a.N(), b.N()), Least: s.MinWon,
					Effect: a.N() > 0 && b.N() > 0 && a.Quantile(0.5) > s.Factor*b.Quantile(0.5),
					P:      audit.LongerTimes(a, b),
				}
			},
			Tell: func(audit.Evidence) audit.Found {
				a, b := p.Stats.Cycles(pipeline, lately), p.Stats.Cycles(pipeline, before)
				return audit.Found{Facts: audit.Facts{"median_days": a.Quantile(0.5), "before_days": b.Quantile(0.5), "won_count": float64(a.N())}}
			},
		})
	}
}

// A statistical policy asks its question of every record by Compare, and is called back where the answer is sure.
func ExamplePass_Compare() {
	policy := audit.Define(audit.Meta{ID: "slowing", Family: audit.FamilySetup, Severity: audit.Medium, Subject: crm.KindPipeline},
		slowing{Factor: 1.25, MinWon: 20, Window: audit.Days(90 * 24 * time.Hour)})
	snap := slowingPortal()
	r, err := audit.Run(context.Background(), audit.Input{Snapshot: snap, Checks: []audit.Check{{Policy: policy}}, Now: snap.Taken})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range r.Findings {
		fmt.Printf("%s: %v days for %v deals, %v days before\n", f.Name, f.Facts["median_days"], f.Facts["won_count"], f.Facts["before_days"])
	}
	// Output: Pipeline a: 60 days for 43 deals, 30 days before
}

// slowingPortal wins a deal every second day: after 30 days until three months and a half ago, and since then after 60.
func slowingPortal() *crm.Snapshot {
	b := crm.NewBuilder("acme", "csv", schema(pipeline("a", 2)))
	for wonAgo := 0; wonAgo < 600; wonAgo += 2 {
		cycle := 30.0
		if wonAgo < 105 {
			cycle = 60
		}
		if wonAgo >= 7 || wonAgo%4 == 0 {
			_ = b.Add(wonDeal(fmt.Sprint(wonAgo), cycle, float64(wonAgo)+0.5))
		}
	}
	return b.Build(now(), crm.AllFacts, crm.Completeness{})
}
