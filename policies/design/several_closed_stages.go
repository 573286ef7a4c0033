package design

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed several-closed-stages.md
var severalClosedStagesDoc string

type severalClosedStages struct{}

// SeveralClosedStages finds pipelines with more than one won or lost stage whose names are not reasons.
func SeveralClosedStages() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "several-closed-stages", Title: "Several won or lost stages", Doc: severalClosedStagesDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 5, Severity: audit.Low,
		Sources: "P", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Message: `{{join .stages}} all close a deal as {{.outcome}}`,
	}, severalClosedStages{})
}

func (severalClosedStages) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		won, someWon := closing(p, pipeline, crm.Won)
		lost, someLost := closing(p, pipeline, crm.Lost)
		facts := audit.Facts{}
		switch {
		case len(won) > 1 && len(lost) > 1:
			facts["stages"], facts["outcome"] = append(won, lost...), "won or lost"
		case len(won) > 1:
			facts["stages"], facts["outcome"] = won, "won"
		case len(lost) > 1:
			facts["stages"], facts["outcome"] = lost, "lost"
		case len(won)+someWon > 1, len(lost)+someLost > 1:
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedLanguage, "the names of its closed stages are in a language that the vocabulary does not have")
			continue
		default:
			p.OKAt(crm.KindPipeline, pipeline)
			continue
		}
		p.FoundAt(crm.KindPipeline, pipeline, audit.Found{Severity: audit.Low, Facts: facts, Fix: advice()})
	}
}

// closing names the stages of a pipeline that close a deal in one way and are no reasons for it, and counts those whose names
// cannot be read.
func closing(p *audit.Pass, pipeline int32, as crm.Status) (names []string, unread int) {
	for stage := range p.Stages(pipeline) {
		at := p.Snap.Stage(stage)
		if at.Kind != as {
			continue
		}
		switch r := reading(p, stage); {
		case !r.Readable:
			unread++
		case !r.Is(vocabulary.LossReason) && !r.Is(vocabulary.Status):
			names = append(names, at.Name)
		}
	}
	return names, unread
}
