package deals

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed close-date-missing.md
var closeDateMissingDoc string

type closeDateMissing struct {
	FromStage int `yaml:"from_stage" desc:"the open stage, counted from 1, from which on a deal needs a close date"`
	MinWon    int `yaml:"min_won" desc:"how many won deals it takes to propose a date from their time"`
}

// CloseDateMissing finds open deals without an expected close date.
func CloseDateMissing() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "close-date-missing", Title: "No close date", Doc: closeDateMissingDoc,
		Group: audit.Deals, Family: audit.FamilyForecast, Rank: 2, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedCloseDate}, Sources: "P", Fix: audit.FixCloseDate, Subject: crm.KindDeal,
		After:   judgedFirst(),
		Facts:   crm.FactCloseDate | crm.FactHistory | crm.FactStageEntry | crm.FactCreated | crm.FactClosed,
		Message: `In "{{.stage}}" without an expected close date`,
	}, closeDateMissing{FromStage: 2, MinWon: 20})
}

func (s closeDateMissing) Check(p *audit.Pass) {
	for r := range p.Open() {
		switch {
		case position(p, r) < s.FromStage:
			p.OK(r)
		case !r.Known.Has(crm.FactCloseDate):
			p.Unknown(r, audit.NeedCloseDate, "whether it has an expected close date is not known")
		case !r.CloseDate.IsZero():
			p.OK(r)
		default:
			p.Found(r, audit.Found{
				Severity: audit.Medium,
				Facts:    audit.Facts{"stage": stageName(p, r)},
				Fix:      redate(p, r, s.MinWon, crm.Fields{crm.FieldCloseDate: ""}),
			})
		}
	}
}
