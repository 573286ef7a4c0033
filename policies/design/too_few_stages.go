package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed too-few-stages.md
var tooFewStagesDoc string

type tooFewStages struct {
	Limit int `yaml:"limit" desc:"how many open stages a pipeline must have"`
}

// TooFewStages finds pipelines with fewer open stages than a sale has steps.
func TooFewStages() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "too-few-stages", Title: "Too few stages", Doc: tooFewStagesDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 2, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedSetup}, Sources: "P", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Message: `{{if .stages_count}}{{count .stages_count}} open {{if eq .stages_count 1.0}}stage{{else}}stages{{end}}{{else}}no open stage{{end}}, at least {{count .limit_count}} would show how far a deal has come`,
	}, tooFewStages{Limit: 2})
}

func (s tooFewStages) Validate() error {
	if s.Limit < 1 {
		return errors.New("limit must be at least 1")
	}
	return nil
}

func (s tooFewStages) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		n := 0
		for range p.OpenStages(pipeline) {
			n++
		}
		if n >= s.Limit {
			p.OKAt(crm.KindPipeline, pipeline)
			continue
		}
		if p.Snap.Schema.StagesOfDeals {
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedSetup, emptyStages)
			continue
		}
		p.FoundAt(crm.KindPipeline, pipeline, audit.Found{
			Severity: audit.Info, Fix: advice(),
			Facts: audit.Facts{"stages_count": float64(n), "limit_count": float64(s.Limit)},
		})
	}
}
