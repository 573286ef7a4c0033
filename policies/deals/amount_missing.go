package deals

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed amount-missing.md
var amountMissingDoc string

type amountMissing struct {
	FromStage int `yaml:"from_stage" desc:"the open stage, counted from 1, from which on a deal needs an amount"`
}

// AmountMissing finds open deals without an amount.
func AmountMissing() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "amount-missing", Title: "No amount", Doc: amountMissingDoc,
		Group: audit.Deals, Family: audit.FamilyForecast, Rank: 6, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedAmount}, Sources: "S3 P", Fix: audit.FixAmount, Subject: crm.KindDeal,
		Facts:   crm.FactAmount | crm.FactLineItems,
		Message: `In "{{.stage}}" without an amount`,
	}, amountMissing{FromStage: 2})
}

func (s amountMissing) Check(p *audit.Pass) {
	for r := range p.Open() {
		switch {
		case position(p, r) < s.FromStage:
			p.OK(r)
		case !r.Known.Has(crm.FactAmount):
			p.Unknown(r, audit.NeedAmount, "its amount is not known")
		case r.Amount != 0:
			p.OK(r)
		default:
			p.Found(r, audit.Found{Severity: audit.Medium, Facts: audit.Facts{"stage": stageName(p, r)}, Fix: amount(p, r)})
		}
	}
}
