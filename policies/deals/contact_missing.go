package deals

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed contact-missing.md
var contactMissingDoc string

type contactMissing struct {
	Company bool `yaml:"company" desc:"whether a deal without a company is wrong, too"`
}

// ContactMissing finds open deals that nobody on the buyer's side belongs to.
func ContactMissing() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "contact-missing", Title: "No contact", Doc: contactMissingDoc,
		Group: audit.Deals, Family: audit.FamilyRecord, Rank: 3, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedContacts, audit.NeedCompany}, Sources: "S3 P", Fix: audit.FixTask, Subject: crm.KindDeal,
		Facts:   crm.FactContacts | crm.FactCompany,
		Message: `The deal has no {{join .missing}}`,
	}, contactMissing{})
}

func (s contactMissing) Check(p *audit.Pass) {
	for r := range p.Open() {
		s.judge(p, r)
	}
}

func (s contactMissing) judge(p *audit.Pass, r crm.Row) {
	contact, company := p.Snap.Contacts(r.Index) > 0, r.Company != 0
	contactKnown, companyKnown := r.Known.Has(crm.FactContacts), r.Known.Has(crm.FactCompany)
	if p.Snap.Schema.CompanyIsContact && (!contactKnown || !contact) { // the company stands in for it
		contact, contactKnown = companyKnown && company, (contactKnown || company) && companyKnown
	}
	var missing []string
	if contactKnown && !contact {
		missing = append(missing, "contact")
	}
	if s.Company && companyKnown && !company {
		missing = append(missing, "company")
	}
	switch {
	case len(missing) > 0:
		p.Found(r, audit.Found{Severity: audit.Medium, Facts: audit.Facts{"missing": missing}, Fix: task(p, r)})
	case !contactKnown:
		p.Unknown(r, audit.NeedContacts, "whether it has a contact is not known")
	case s.Company && !companyKnown:
		p.Unknown(r, audit.NeedCompany, "whether it has a company is not known")
	default:
		p.OK(r)
	}
}
