package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed follow-up-overdue.md
var followUpOverdueDoc string

type followUpOverdue struct {
	WorkingDays int `yaml:"working_days" desc:"how many working days after a touch that nobody answered the next one is due"`
}

// FollowUpOverdue finds open deals of which the last touch was not answered and not followed by another one.
func FollowUpOverdue() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "follow-up-overdue", Title: "Follow-up overdue", Doc: followUpOverdueDoc,
		Group: audit.Deals, Family: audit.FamilyActivity, Rank: 6, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedActivity, audit.NeedMail}, Sources: "S4", Fix: audit.FixTask, Subject: crm.KindDeal,
		After:   []string{notCaptured, buyerSilent},
		Facts:   crm.FactTouch | crm.FactBuyer | crm.FactPlanned | crm.FactOwner,
		Message: `The last touch, on {{date .touched_at}}, was not answered, and nothing is planned; the next one was due after {{count .limit_count}} working days`,
	}, followUpOverdue{WorkingDays: 5})
}

// buyerSilent is the policy that takes over where the buyer has not been heard of for so long that another follow-up is too little.
const buyerSilent = "no-buyer-activity"

func (s followUpOverdue) Validate() error {
	if s.WorkingDays < 0 || s.WorkingDays > 365 {
		return errors.New("working_days must be 0 to 365")
	}
	return nil
}

func (s followUpOverdue) Check(p *audit.Pass) {
	for r := range p.Open() {
		if !p.Flagged(buyerSilent, crm.KindDeal, r.Index) { // that says it all: not judged
			s.judge(p, r)
		}
	}
}

func (s followUpOverdue) judge(p *audit.Pass, r crm.Row) {
	touched := r.Known.Has(crm.FactTouch)
	due := addWorkingDays(r.Touch, s.WorkingDays, p.Snap.Zone())
	switch {
	case touched && (r.Touch.IsZero() || p.Now <= due), touched && r.Known.Has(crm.FactBuyer) && r.Buyer >= r.Touch, planned(p, r):
		p.OK(r)
	case !touched:
		p.Unknown(r, audit.NeedActivity, "when it was last touched is not known")
	case !r.Known.Has(crm.FactBuyer):
		p.Unknown(r, audit.NeedMail, "whether the buyer answered is not known")
	case !r.Known.Has(crm.FactPlanned):
		p.Unknown(r, audit.NeedActivity, "whether anything is planned for it is not known")
	case uncaptured(p, r):
		p.Unknown(r, audit.NeedActivity, silence)
	default:
		p.Found(r, audit.Found{
			Severity: audit.Low, Since: due, Fix: task(p, r),
			Facts: audit.Facts{"touched_at": r.Touch.String(), "limit_count": float64(s.WorkingDays)},
		})
	}
}
