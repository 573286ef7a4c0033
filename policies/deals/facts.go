package deals

import (
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// stageName is the name of the deal's present stage.
func stageName(p *audit.Pass, r crm.Row) string { return p.Snap.Stage(r.Stage).Name }

// position counts the deal's stage among the open stages of its pipeline, from 1.
func position(p *audit.Pass, r crm.Row) int {
	n := 1
	at := p.Snap.Stage(r.Stage).Order
	for _, s := range p.Snap.Schema.Pipelines[r.Pipeline].Stages {
		if s.Kind == crm.Open && s.Order < at {
			n++
		}
	}
	return n
}

// day is the date of a moment in the account's own zone.
func day(p *audit.Pass, i crm.Instant) string {
	return i.Time().In(p.Snap.Zone()).Format(time.DateOnly)
}

// deal points at the deal in edits.
func deal(p *audit.Pass, r crm.Row) crm.Ref {
	return crm.Ref{Portal: p.Snap.Portal, Kind: crm.KindDeal, ID: p.Snap.ID(r.Index)}
}

// ownerID is the owner's id, "" when there is none.
func ownerID(p *audit.Pass, r crm.Row) string {
	if r.Owner == crm.None {
		return ""
	}
	return p.Snap.Schema.Users[r.Owner].ID
}

// task is a fix by which the deal's owner is asked to put the deal right. The plan words it and sets when it is due.
func task(p *audit.Pass, r crm.Row) *audit.Fix {
	return &audit.Fix{Kind: audit.FixTask, Edits: []crm.Edit{{
		Target: crm.Ref{Portal: p.Snap.Portal, Kind: crm.KindTask},
		Op:     crm.OpAddTask,
		Before: crm.Fields{},
		After:  crm.Fields{crm.FieldDeal: p.Snap.ID(r.Index), crm.FieldOwner: ownerID(p, r)},
	}}}
}

// digest is a fix by which the deal is put on the list of what its owner is to go through.
func digest(p *audit.Pass, r crm.Row) *audit.Fix {
	fix := task(p, r)
	fix.Kind = audit.FixDigest
	return fix
}

// planned reports whether a person's activity is planned; false when that is not known. One that is due on a day, at no time
// of it, is still to come on that day.
func planned(p *audit.Pass, r crm.Row) bool {
	return r.Known.Has(crm.FactPlanned) && (r.Planned > p.Now || !r.Planned.IsZero() && r.Planned == p.Today())
}

// plannedWithin reports whether a person's activity is planned within the time d from now; false when that is not known.
func plannedWithin(p *audit.Pass, r crm.Row, d audit.Days) bool {
	return planned(p, r) && r.Planned <= p.Now.Add(d.Duration())
}
