package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed probability-not-rising.md
var probabilityNotRisingDoc string

type probabilityNotRising struct {
	MinClosed int         `yaml:"min_closed" desc:"how many deals that visited a stage must have ended for its probability to be taken from them"`
	Presumed  audit.Share `yaml:"presumed_lost" desc:"no value is offered while the open deals presumed lost are more than this share of the closed ones"`
}

// ProbabilityNotRising finds pipelines where a later stage promises less than an earlier one.
func ProbabilityNotRising() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "probability-not-rising", Title: "Probabilities fall along the stages", Doc: probabilityNotRisingDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 18, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedOdds}, Sources: "S3", Fix: audit.FixOdds, Subject: crm.KindPipeline,
		Facts: crm.FactHistory | crm.FactCreated | crm.FactClosed,
		Message: `"{{.stage}}" has {{pct .stage_rate}}, less than the {{pct .earlier_rate}} of "{{.earlier}}" before it` +
			`{{if gt .falls_count 1.0}}; in all {{count .falls_count}} stages have less than one before them{{end}}`,
	}, probabilityNotRising{MinClosed: 30, Presumed: 0.1})
}

func (s probabilityNotRising) Validate() error {
	if s.MinClosed < 1 {
		return errors.New("min_closed must be at least 1")
	}
	return nil
}

func (s probabilityNotRising) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		s.judge(p, pipeline, ladder(p, pipeline))
	}
}

func (s probabilityNotRising) judge(p *audit.Pass, pipeline int32, rungs []rung) {
	if why := saysNothing(p, pipeline, rungs); why != "" {
		p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedOdds, why)
		return
	}
	highest, low, over, falls := -1, -1, -1, 0 // over is the highest stage before low, the deepest fall
	for i, r := range rungs {
		switch {
		case r.says == nil: // probability-unset says so
		case highest < 0 || *r.says >= *rungs[highest].says:
			highest = i
		default:
			falls++
			if low < 0 || *rungs[highest].says-*r.says > *rungs[over].says-*rungs[low].says {
				low, over = i, highest
			}
		}
	}
	if falls == 0 {
		p.OKAt(crm.KindPipeline, pipeline)
		return
	}
	p.FoundAt(crm.KindPipeline, pipeline, audit.Found{
		Severity: audit.Low,
		Facts: audit.Facts{
			"stage": p.Snap.Stage(rungs[low].stage).Name, "stage_rate": *rungs[low].says,
			"earlier": p.Snap.Stage(rungs[over].stage).Name, "earlier_rate": *rungs[over].says, "falls_count": float64(falls),
		},
		Fix: wholly(p, pipeline, rungs, s.MinClosed, s.Presumed, func([]float64) bool { return true }),
	})
}
