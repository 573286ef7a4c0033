package deals

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed owner-missing.md
var ownerMissingDoc string

type ownerMissing struct{}

// OwnerMissing finds open deals that nobody owns.
func OwnerMissing() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "owner-missing", Title: "No owner", Doc: ownerMissingDoc,
		Group: audit.Deals, Family: audit.FamilyRecord, Rank: 1, Severity: audit.High,
		Needs: []audit.Need{audit.NeedOwners}, Sources: "S3", Fix: audit.FixOwner, Subject: crm.KindDeal,
		Facts:   crm.FactOwner,
		Message: `Nobody owns this deal`,
	}, ownerMissing{})
}

func (ownerMissing) Check(p *audit.Pass) {
	for r := range p.Open() {
		switch {
		case !r.Known.Has(crm.FactOwner):
			p.Unknown(r, audit.NeedOwners, "its owner is not known")
		case r.Owner != crm.None:
			p.OK(r)
		default:
			p.Found(r, audit.Found{Severity: audit.High, Facts: audit.Facts{}, Fix: newOwner(p, r)})
		}
	}
}

// newOwner is the fix that gives a deal to somebody else. To whom is settled when the plan is made.
func newOwner(p *audit.Pass, r crm.Row) *audit.Fix {
	return &audit.Fix{Kind: audit.FixOwner, Edits: []crm.Edit{{
		Target: deal(p, r),
		Op:     crm.OpSet,
		Before: crm.Fields{crm.FieldOwner: ownerID(p, r)},
		After:  crm.Fields{},
	}}}
}
