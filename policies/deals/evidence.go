package deals

import (
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/evidence"
)

// fieldsAsEvidence are the fields that may be asked for.
func fieldsAsEvidence() []string {
	return []string{"amount", "close_date", "company", "contact", "owner"}
}

// validEvidence reports whether a configured name is one of evidence.
func validEvidence(name string) bool {
	kinds := evidence.Names()
	return slices.Contains(kinds[:], name) || slices.Contains(fieldsAsEvidence(), name)
}

// state is whether a deal has a piece of evidence.
type state int

const (
	there state = iota
	lacking
	untold
)

// shows tells whether a deal has the evidence of a name, and what would tell where that is not known. That no meeting and no mail
// is there is not believed where activities do not reach the CRM.
func shows(p *audit.Pass, r crm.Row, name string) (state, audit.Need) {
	kinds, proofs := evidence.Names(), evidence.Of(p, r)
	if kind := slices.Index(kinds[:], name); kind >= 0 {
		need := audit.NeedEvidence
		if kind == evidence.Quote {
			need = audit.NeedQuotes
		}
		switch e := proofs[kind]; {
		case !e.Known:
			return untold, need
		case !e.At.IsZero() && e.At <= p.Now:
			return there, need
		case kind != evidence.Quote && uncaptured(p, r):
			return untold, audit.NeedActivity
		}
		return lacking, need
	}
	return showsField(p, r, name)
}

func showsField(p *audit.Pass, r crm.Row, name string) (state, audit.Need) {
	fact, need, filled := crm.FactAmount, audit.NeedAmount, r.Amount != 0
	switch name {
	case "close_date":
		fact, need, filled = crm.FactCloseDate, audit.NeedCloseDate, !r.CloseDate.IsZero()
	case "company":
		fact, need, filled = crm.FactCompany, audit.NeedCompany, r.Company != 0
	case "contact":
		fact, need, filled = crm.FactContacts, audit.NeedContacts, p.Snap.Contacts(r.Index) > 0
	case "owner":
		fact, need, filled = crm.FactOwner, audit.NeedOwners, r.Owner != crm.None
	}
	switch {
	case !r.Known.Has(fact):
		return untold, need
	case filled:
		return there, need
	}
	return lacking, need
}
