package deals

import (
	"cmp"
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed owner-inactive.md
var ownerInactiveDoc string

type ownerInactive struct{}

// OwnerInactive finds open deals whose owner is gone.
func OwnerInactive() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "owner-inactive", Title: "The owner is gone", Doc: ownerInactiveDoc,
		Group: audit.Deals, Family: audit.FamilyRecord, Rank: 2, Severity: audit.High,
		Needs: []audit.Need{audit.NeedOwners}, Sources: "S3", Fix: audit.FixOwner, Subject: crm.KindDeal,
		Facts:   crm.FactOwner,
		Message: `Its owner {{.owner}} is deactivated or removed`,
	}, ownerInactive{})
}

func (ownerInactive) Check(p *audit.Pass) {
	for r := range p.Open() {
		switch {
		case !r.Known.Has(crm.FactOwner):
			p.Unknown(r, audit.NeedOwners, "its owner is not known")
		case r.Owner == crm.None: // owner-missing says so
			p.OK(r)
		case !p.Snap.Schema.UsersKnown:
			p.Unknown(r, audit.NeedOwners, "whether its owner is still active is not known")
		case p.Snap.Schema.Users[r.Owner].Active:
			p.OK(r)
		default:
			u := p.Snap.Schema.Users[r.Owner]
			p.Found(r, audit.Found{Severity: audit.High, Facts: audit.Facts{"owner": cmp.Or(u.Name, u.Email, u.ID)}, Fix: newOwner(p, r)})
		}
	}
}
