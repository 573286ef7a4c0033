package deals

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed dates-impossible.md
var datesImpossibleDoc string

type datesImpossible struct{}

// DatesImpossible finds deals that were closed before they were created, or created or closed in the future.
func DatesImpossible() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "dates-impossible", Title: "Impossible dates", Doc: datesImpossibleDoc,
		Group: audit.Deals, Family: audit.FamilyRecord, Rank: 6, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedCreated, audit.NeedClosed}, Sources: "S2 P", Fix: audit.FixTask, Subject: crm.KindDeal,
		Facts: crm.FactCreated | crm.FactClosed | crm.FactCloseDate,
		Message: `{{if eq .wrong "order"}}Closed on {{date .closed_on}}, before it was created on {{date .created_on}}` +
			`{{else if eq .wrong "created"}}Created on {{date .created_on}}, which is still to come` +
			`{{else}}Closed on {{date .closed_on}}, which is still to come{{end}}`,
	}, datesImpossible{})
}

func (s datesImpossible) Check(p *audit.Pass) {
	tomorrow := daysAfter(p, p.Now, 1)
	for r := range p.All() {
		created := known(r, crm.FactCreated, r.Created)
		closed := closings(p, r)
		wrong, at := "", crm.Instant(0)
		switch {
		case created >= tomorrow:
			wrong = "created"
		case max(closed[0], closed[1]) >= tomorrow:
			wrong, at = "closed", max(closed[0], closed[1])
		case earlier(p, closed[0], created):
			wrong, at = "order", closed[0]
		case earlier(p, closed[1], created):
			wrong, at = "order", closed[1]
		}
		switch {
		case wrong != "":
			s.found(p, r, wrong, created, at)
		case created.IsZero():
			p.Unknown(r, audit.NeedCreated, "when it was created is not known")
		case r.Status != crm.Open && closed[0].IsZero() && closed[1].IsZero():
			p.Unknown(r, audit.NeedClosed, "when it was closed is not known")
		default:
			p.OK(r)
		}
	}
}

func (datesImpossible) found(p *audit.Pass, r crm.Row, wrong string, created, closed crm.Instant) {
	facts := audit.Facts{"wrong": wrong}
	if !created.IsZero() {
		facts["created_on"] = day(p, created)
	}
	if !closed.IsZero() {
		facts["closed_on"] = day(p, closed)
	}
	p.Found(r, audit.Found{Severity: audit.Medium, Facts: facts, Fix: task(p, r)})
}

// known is a moment, none where the deal's fact is not known.
func known(r crm.Row, fact crm.Fact, at crm.Instant) crm.Instant {
	if !r.Known.Has(fact) {
		return 0
	}
	return at
}

// closings are the moments at which a closed deal says that it was closed: as its way tells, and as its close date does where that
// stands for both.
func closings(p *audit.Pass, r crm.Row) (out [2]crm.Instant) {
	if r.Status == crm.Open {
		return out
	}
	out[0] = known(r, crm.FactClosed, r.Closed)
	if p.Snap.Schema.OneCloseDate {
		out[1] = known(r, crm.FactCloseDate, r.CloseDate)
	}
	return out
}

// earlier reports whether a moment is on an earlier day than another, both known: many dates have no time of day.
func earlier(p *audit.Pass, a, b crm.Instant) bool {
	return !a.IsZero() && !b.IsZero() && daysAfter(p, a, 1) <= b
}
