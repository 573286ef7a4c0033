package design

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed subjective-stage-name.md
var subjectiveStageNameDoc string

type subjectiveStageName struct{}

// SubjectiveStageName finds open stages that are named by an opinion and not by an event.
func SubjectiveStageName() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "subjective-stage-name", Title: "A stage named by an opinion", Doc: subjectiveStageNameDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 6, Severity: audit.Medium,
		Sources: "S1", Fix: audit.FixAdvice, Subject: crm.KindStage,
		Message: `"{{.stage}}" is an opinion: nobody can check when a deal is there`,
	}, subjectiveStageName{})
}

func (subjectiveStageName) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		for stage := range p.OpenStages(pipeline) {
			switch r := reading(p, stage); {
			case r.Opinion():
				p.FoundAt(crm.KindStage, stage, audit.Found{
					Severity: audit.Medium, Facts: audit.Facts{"stage": p.Snap.Stage(stage).Name}, Fix: advice(),
				})
			case !r.Readable:
				unreadable(p, stage)
			default:
				p.OKAt(crm.KindStage, stage)
			}
		}
	}
}
