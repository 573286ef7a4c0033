package design

import (
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed probability-unset.md
var probabilityUnsetDoc string

type probabilityUnset struct {
	MinClosed int         `yaml:"min_closed" desc:"how many deals that visited a stage must have ended for its probability to be taken from them"`
	Presumed  audit.Share `yaml:"presumed_lost" desc:"no value is offered while the open deals presumed lost are more than this share of the closed ones"`
}

// ProbabilityUnset finds pipelines whose stages have no probabilities of their own.
func ProbabilityUnset() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "probability-unset", Title: "Stages without probabilities", Doc: probabilityUnsetDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 17, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedOdds}, Sources: "S3", Fix: audit.FixOdds, Subject: crm.KindPipeline,
		Facts: crm.FactHistory | crm.FactCreated | crm.FactClosed,
		Message: `{{if index . "missing"}}No probability is set for {{join .missing}}` +
			`{{else}}All {{count .stages_count}} open stages have the same probability, {{pct .configured_rate}}: the forecast says nothing{{end}}`,
	}, probabilityUnset{MinClosed: 30, Presumed: 0.1})
}

func (s probabilityUnset) Validate() error {
	if s.MinClosed < 1 {
		return errors.New("min_closed must be at least 1")
	}
	return nil
}

func (s probabilityUnset) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		s.judge(p, pipeline, ladder(p, pipeline))
	}
}

func (s probabilityUnset) judge(p *audit.Pass, pipeline int32, rungs []rung) {
	if why := saysNothing(p, pipeline, rungs); why != "" {
		p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedOdds, why)
		return
	}
	var missing []string
	for _, r := range rungs {
		if r.says == nil {
			missing = append(missing, p.Snap.Stage(r.stage).Name)
		}
	}
	facts := audit.Facts{"missing": missing, "stages_count": float64(len(rungs))}
	if len(missing) == 0 {
		if len(rungs) < 2 || slices.ContainsFunc(rungs, func(r rung) bool { return *r.says != *rungs[0].says }) {
			p.OKAt(crm.KindPipeline, pipeline)
			return
		}
		delete(facts, "missing")
		facts["configured_rate"] = *rungs[0].says
	}
	p.FoundAt(crm.KindPipeline, pipeline, audit.Found{
		Severity: audit.Low, Facts: facts,
		Fix: wholly(p, pipeline, rungs, s.MinClosed, s.Presumed, func(targets []float64) bool {
			return len(targets) < 2 || targets[0] != targets[len(targets)-1]
		}),
	})
}
