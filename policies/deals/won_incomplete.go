package deals

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed won-incomplete.md
var wonIncompleteDoc string

type wonIncomplete struct{}

// WonIncomplete finds won deals without an amount, or with a close date that is still to come.
func WonIncomplete() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "won-incomplete", Title: "Won, but incomplete", Doc: wonIncompleteDoc,
		Group: audit.Deals, Family: audit.FamilyRecord, Rank: 7, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedAmount, audit.NeedClosed}, Sources: "S3", Fix: audit.FixTask, Subject: crm.KindDeal,
		Facts: crm.FactAmount | crm.FactClosed | crm.FactCloseDate,
		Message: `Won {{if .amount_missing}}without an amount{{end}}` +
			`{{if index . "close_on"}}{{if .amount_missing}} and {{end}}with a close date that is still to come, {{date .close_on}}{{end}}`,
	}, wonIncomplete{})
}

func (s wonIncomplete) Check(p *audit.Pass) {
	tomorrow := daysAfter(p, p.Now, 1)
	for r := range p.Won() {
		closed := closings(p, r)
		ahead, none := max(closed[0], closed[1]), r.Known.Has(crm.FactAmount) && r.Amount == 0
		switch {
		case none || ahead >= tomorrow:
			f := audit.Found{Severity: audit.Medium, Facts: audit.Facts{"amount_missing": none}, Fix: task(p, r)}
			if ahead >= tomorrow {
				f.Facts["close_on"] = day(p, ahead)
			} else {
				f.Since = closed[0]
			}
			p.Found(r, f)
		case !r.Known.Has(crm.FactAmount):
			p.Unknown(r, audit.NeedAmount, "its amount is not known")
		case ahead.IsZero():
			p.Unknown(r, audit.NeedClosed, "when it was closed is not known")
		default:
			p.OK(r)
		}
	}
}
