package design

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed seller-side-stage-name.md
var sellerSideStageNameDoc string

type sellerSideStageName struct{}

// SellerSideStageName finds open stages that are named by what the seller does.
func SellerSideStageName() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "seller-side-stage-name", Title: "A stage named by the seller's work", Doc: sellerSideStageNameDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 8, Severity: audit.Low,
		Sources: "S5", Fix: audit.FixAdvice, Subject: crm.KindStage, Off: true,
		Message: `"{{.stage}}" says what the seller does, not what the buyer has done`,
	}, sellerSideStageName{})
}

func (sellerSideStageName) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		for stage := range p.OpenStages(pipeline) {
			switch r := reading(p, stage); {
			case r.Seller:
				p.FoundAt(crm.KindStage, stage, audit.Found{
					Severity: audit.Low, Facts: audit.Facts{"stage": p.Snap.Stage(stage).Name}, Fix: advice(),
				})
			case !r.Readable:
				unreadable(p, stage)
			default:
				p.OKAt(crm.KindStage, stage)
			}
		}
	}
}
