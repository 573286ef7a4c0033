package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed cycle-over-target.md
var cycleOverTargetDoc string

type cycleOverTarget struct {
	Target audit.Days `yaml:"target" desc:"cycle that is aimed at; 0d: none, and nothing can be judged"`
	MinWon int        `yaml:"min_won" desc:"how many deals must have been won in the window"`
	Window audit.Days `yaml:"window" desc:"time looked at"`
}

// CycleOverTarget finds pipelines whose deals take longer to be won than their target says.
func CycleOverTarget() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "cycle-over-target", Title: "Deals take longer to win than planned", Doc: cycleOverTargetDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 26, Severity: audit.Low, Off: true,
		Needs: []audit.Need{audit.NeedTarget, audit.NeedClosed, audit.NeedCreated, audit.NeedHistoryN}, Sources: "S4 S5", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts:   closings,
		Message: `{{count .late_count}} of the {{count .won_count}} deals won lately took longer than the target of {{days .target_days}}; half took longer than {{days .median_days}}`,
	}, cycleOverTarget{MinWon: 20, Window: lately})
}

func (s cycleOverTarget) Validate() error {
	if s.Target < 0 {
		return errors.New("target must not be negative")
	}
	return sized(s.Window, s.MinWon, "min_won")
}

func (s cycleOverTarget) Check(p *audit.Pass) {
	for i := range p.Pipelines() {
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: i,
			Weigh: func(st *audit.Stats) audit.Evidence {
				if s.Target == 0 {
					return audit.CannotCompare(audit.NeedTarget, "no target cycle is set")
				}
				cycles, late := s.late(st, i)
				return audit.Evidence{
					N: late.N, Least: s.MinWon, Effect: cycles.Quantile(0.5) > s.Target.Float(), P: audit.ShareAbove(late, 0.5),
				}
			},
			Tell: func(audit.Evidence) audit.Found {
				cycles, late := s.late(p.Stats, i)
				return audit.Found{
					Severity: audit.Low, Fix: advice(),
					Facts: audit.Facts{
						"won_count": float64(late.N), "late_count": float64(late.K), "median_days": cycles.Quantile(0.5), "target_days": s.Target.Float(),
					},
				}
			},
		})
	}
}

// late are the cycles of a pipeline's deals won lately, and the share of them beyond the target.
func (s cycleOverTarget) late(st *audit.Stats, pipeline int32) (audit.Sample, audit.Rate) {
	return beyond(st, pipeline, audit.Lately(s.Window.Float()), func(audit.Sample) float64 { return s.Target.Float() })
}
