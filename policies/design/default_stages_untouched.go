package design

import (
	_ "embed"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed default-stages-untouched.md
var defaultStagesUntouchedDoc string

type defaultStagesUntouched struct{}

// DefaultStagesUntouched finds pipelines whose stages are still those that the CRM ships.
func DefaultStagesUntouched() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "default-stages-untouched", Title: "Stages as shipped", Doc: defaultStagesUntouchedDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 9, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedSetup}, Sources: "S3", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Message: `{{join .stages}}: the stages are those that every new account has, not those of this team's sale`,
	}, defaultStagesUntouched{})
}

func (defaultStagesUntouched) Check(p *audit.Pass) {
	sets := p.Snap.Schema.ShippedSets
	for pipeline := range p.Pipelines() {
		if len(sets) == 0 {
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedSetup, "which stages the CRM ships is not known")
			continue
		}
		var names []string
		for stage := range p.OpenStages(pipeline) {
			names = append(names, p.Snap.Stage(stage).Name)
		}
		if !slices.ContainsFunc(sets, func(set []string) bool { return slices.EqualFunc(names, set, vocabulary.Same) }) || len(names) == 0 {
			p.OKAt(crm.KindPipeline, pipeline)
			continue
		}
		p.FoundAt(crm.KindPipeline, pipeline, audit.Found{Severity: audit.Low, Facts: audit.Facts{"stages": names}, Fix: advice()})
	}
}
