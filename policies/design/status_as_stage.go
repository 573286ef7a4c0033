package design

import (
	_ "embed"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed status-as-stage.md
var statusAsStageDoc string

type statusAsStage struct{}

// StatusAsStage finds open stages that are no step of the sale: on hold, no response, or a loss reason.
func StatusAsStage() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "status-as-stage", Title: "A status is used as a stage", Doc: statusAsStageDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 4, Severity: audit.High,
		Sources: "S1", Fix: audit.FixMove, Subject: crm.KindStage,
		Message: `"{{.stage}}" reads as {{if eq .reads "status"}}a state of the deal{{else}}a reason why deals are lost{{end}}, not as a step of the sale`,
	}, statusAsStage{})
}

func (statusAsStage) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		for stage := range p.OpenStages(pipeline) {
			name := p.Snap.Stage(stage).Name
			kinds := vocabulary.Stage(name)
			switch {
			case slices.Contains(kinds, vocabulary.Status):
				p.FoundAt(crm.KindStage, stage, notAStep(p, stage, vocabulary.Status))
			case slices.Contains(kinds, vocabulary.LossReason):
				p.FoundAt(crm.KindStage, stage, notAStep(p, stage, vocabulary.LossReason))
			case !vocabulary.Readable(name):
				p.UnknownAt(crm.KindStage, stage, audit.NeedLanguage, "its name is in a language that the vocabulary does not have")
			default:
				p.OKAt(crm.KindStage, stage)
			}
		}
	}
}

// notAStep says what a stage is. A person moves its deals back, one by one: where each came from is not all that there is to know.
func notAStep(p *audit.Pass, stage int32, kind vocabulary.Kind) audit.Found {
	name := p.Snap.Stage(stage).Name
	fix := advice()
	if p.Stats.OpenShare(stage).K > 0 {
		fix = &audit.Fix{Kind: audit.FixMove, Manual: []string{"move-back-from:" + name}}
	}
	return audit.Found{Severity: audit.High, Facts: audit.Facts{"stage": name, "reads": string(kind)}, Fix: fix}
}
