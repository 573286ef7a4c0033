package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed cycle-uneven.md
var cycleUnevenDoc string

type cycleUneven struct {
	Ratio  float64    `yaml:"ratio" desc:"how many times the median cycle the 90th percentile may be"`
	MinWon int        `yaml:"min_won" desc:"how many deals must have been won in the window"`
	Window audit.Days `yaml:"window" desc:"time looked at"`
}

// CycleUneven finds pipelines of which some won deals take far longer than most.
func CycleUneven() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "cycle-uneven", Title: "Deals take very uneven times to win", Doc: cycleUnevenDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 27, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedClosed, audit.NeedCreated, audit.NeedHistoryN}, Sources: "S4", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts:   closings,
		Message: `Half of {{count .won_count}} won deals took at most {{days .median_days}}, but one in ten took longer than {{days .slow_days}}`,
	}, cycleUneven{Ratio: 4, MinWon: 50, Window: oneYear})
}

func (s cycleUneven) Validate() error {
	if s.Ratio < 1 {
		return errors.New("ratio must be at least 1")
	}
	return sized(s.Window, s.MinWon, "min_won")
}

// slowPart is the part of the deals that may take longer: the 90th percentile lies beyond a limit where more than this part does.
const slowPart = 0.1

func (s cycleUneven) Check(p *audit.Pass) {
	for i := range p.Pipelines() {
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: i,
			Weigh: func(st *audit.Stats) audit.Evidence {
				cycles, slow := s.slow(st, i)
				return audit.Evidence{
					N: slow.N, Least: s.MinWon, Effect: cycles.Quantile(1-slowPart) > s.Ratio*cycles.Quantile(0.5), P: audit.ShareAbove(slow, slowPart),
				}
			},
			Tell: func(audit.Evidence) audit.Found {
				cycles, _ := s.slow(p.Stats, i)
				return audit.Found{
					Severity: audit.Info, Fix: advice(),
					Facts: audit.Facts{"won_count": float64(cycles.N()), "median_days": cycles.Quantile(0.5), "slow_days": cycles.Quantile(1 - slowPart)},
				}
			},
		})
	}
}

// slow are the cycles of a pipeline's deals won in the window, and the share of them that took more than ratio medians.
func (s cycleUneven) slow(st *audit.Stats, pipeline int32) (audit.Sample, audit.Rate) {
	return beyond(st, pipeline, audit.Last(s.Window.Float()), func(cycles audit.Sample) float64 { return s.Ratio * cycles.Quantile(0.5) })
}

// beyond are the cycles of a pipeline's deals won in a window, and the share of them beyond a limit that they themselves may set.
func beyond(st *audit.Stats, pipeline int32, w audit.Window, limit func(audit.Sample) float64) (audit.Sample, audit.Rate) {
	cycles := st.Cycles(pipeline, w)
	days := limit(cycles)
	var out audit.Rate
	for c := range st.Closings(pipeline, w) {
		if c.Won && c.Cycle >= 0 {
			out.N++
			if c.Cycle > days {
				out.K++
			}
		}
	}
	return cycles, out
}
