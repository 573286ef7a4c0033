package design

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed stage-after-won.md
var stageAfterWonDoc string

type stageAfterWon struct{}

// StageAfterWon finds open stages that come after won.
func StageAfterWon() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "stage-after-won", Title: "An open stage after won", Doc: stageAfterWonDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 11, Severity: audit.Medium,
		Sources: "S2 P", Fix: audit.FixAdvice, Subject: crm.KindStage,
		Message: `"{{.stage}}" is open and comes after "{{.won}}"`,
	}, stageAfterWon{})
}

func (stageAfterWon) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		won := ""
		open := map[int32]bool{}
		for stage := range p.OpenStages(pipeline) {
			open[stage] = true
		}
		for _, stage := range siblings(p, pipeline) {
			at := p.Snap.Stage(stage)
			switch {
			case at.Kind == crm.Won && won == "":
				won = at.Name
			case !open[stage]:
			case won != "":
				p.FoundAt(crm.KindStage, stage, audit.Found{Severity: audit.Medium, Facts: audit.Facts{"stage": at.Name, "won": won}, Fix: advice()})
			default:
				p.OKAt(crm.KindStage, stage)
			}
		}
	}
}
