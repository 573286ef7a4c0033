package deals

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed lost-reason-missing.md
var lostReasonMissingDoc string

type lostReasonMissing struct {
	TaskFor audit.Days `yaml:"task_for" desc:"how long after the loss its owner still gets a task; older losses come without one"`
}

// LostReasonMissing finds lost deals of the last year of which nobody said why.
func LostReasonMissing() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "lost-reason-missing", Title: "Lost without a reason", Doc: lostReasonMissingDoc,
		Group: audit.Deals, Family: audit.FamilyLosses, Rank: 1, Severity: audit.High,
		Needs: []audit.Need{audit.NeedLossReason}, Sources: "S1 S2", Fix: audit.FixTask, Subject: crm.KindDeal,
		Facts:   crm.FactLossReason | crm.FactClosed | crm.FactOwner,
		Message: `Lost{{if index . "lost_at"}} on {{date .lost_at}}{{end}} without a reason`,
	}, lostReasonMissing{TaskFor: 30 * aDay})
}

func (s lostReasonMissing) Check(p *audit.Pass) {
	for r := range p.Lost() {
		switch {
		case !r.Known.Has(crm.FactLossReason):
			p.Unknown(r, audit.NeedLossReason, "why it was lost is not known")
		case !vocabulary.Blank(p.Snap.Text(r.LossReason)), !vocabulary.Blank(p.Snap.Text(r.LossText)):
			p.OK(r)
		default:
			s.found(p, r)
		}
	}
}

func (s lostReasonMissing) found(p *audit.Pass, r crm.Row) {
	f := audit.Found{Severity: audit.High, Facts: audit.Facts{}}
	if r.Known.Has(crm.FactClosed) && !r.Closed.IsZero() {
		f.Facts["lost_at"] = r.Closed.String()
		f.Since = r.Closed
	}
	if f.Fix = digest(p, r); !f.Since.IsZero() && f.Since >= p.Now.Add(-s.TaskFor.Duration()) && activeOwner(p, r) {
		f.Fix = task(p, r)
	}
	p.Found(r, f)
}

// activeOwner reports whether the deal is known to have an owner who can still do something.
func activeOwner(p *audit.Pass, r crm.Row) bool {
	return r.Known.Has(crm.FactOwner) && r.Owner != crm.None && p.Snap.Schema.UsersKnown && p.Snap.Schema.Users[r.Owner].Active
}
