package design

import (
	_ "embed"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed closing-stage-missing.md
var closingStageMissingDoc string

type closingStageMissing struct{}

// ClosingStageMissing finds pipelines in which a deal cannot be won or cannot be lost.
func ClosingStageMissing() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "closing-stage-missing", Title: "No won or no lost stage", Doc: closingStageMissingDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 12, Severity: audit.Critical,
		Needs: []audit.Need{audit.NeedSetup}, Sources: "S2", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Message: `No stage counts as {{join .missing}}: deals cannot be closed that way`,
	}, closingStageMissing{})
}

func (closingStageMissing) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		var missing []string
		for _, kind := range []crm.Status{crm.Won, crm.Lost} {
			if !slices.ContainsFunc(p.Snap.Schema.Pipelines[pipeline].Stages, func(s crm.Stage) bool { return s.Kind == kind }) {
				missing = append(missing, kind.String())
			}
		}
		if len(missing) == 0 || !p.Snap.Schema.ClosedStages {
			p.OKAt(crm.KindPipeline, pipeline)
			continue
		}
		if p.Snap.Schema.StagesOfDeals {
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedSetup, emptyStages)
			continue
		}
		p.FoundAt(crm.KindPipeline, pipeline, audit.Found{Severity: audit.Critical, Facts: audit.Facts{"missing": missing}, Fix: advice()})
	}
}
