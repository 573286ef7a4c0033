package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed no-next-activity.md
var noNextActivityDoc string

type noNextActivity struct {
	WorkingDays int `yaml:"working_days" desc:"how many working days after its creation or the last touch a deal may be without a planned activity"`
}

// NoNextActivity finds open deals for which nobody has planned anything.
func NoNextActivity() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "no-next-activity", Title: "No next activity planned", Doc: noNextActivityDoc,
		Group: audit.Deals, Family: audit.FamilyActivity, Rank: 5, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedActivity, audit.NeedCreated}, Sources: "S5 P", Fix: audit.FixTask, Subject: crm.KindDeal,
		After: []string{notCaptured, overdue},
		Facts: crm.FactPlanned | crm.FactTouch | crm.FactCreated | crm.FactOwner,
		Message: `Nothing is planned` +
			`{{if index . "touched_at"}}, the last touch was on {{date .touched_at}}{{else}}, and it was never touched since its creation on {{date .created_at}}{{end}}`,
	}, noNextActivity{WorkingDays: 3})
}

// overdue is the policy that takes over where something is planned and was not done, or is too far off.
const overdue = "next-activity-overdue"

func (s noNextActivity) Validate() error {
	if s.WorkingDays < 0 || s.WorkingDays > 365 {
		return errors.New("working_days must be 0 to 365")
	}
	return nil
}

func (s noNextActivity) Check(p *audit.Pass) {
	for r := range p.Open() {
		if !p.Flagged(overdue, crm.KindDeal, r.Index) { // that says it all: not judged
			s.judge(p, r)
		}
	}
}

func (s noNextActivity) judge(p *audit.Pass, r crm.Row) {
	zone := p.Snap.Zone()
	fresh := func(known crm.Fact, at crm.Instant) bool {
		return r.Known.Has(known) && !at.IsZero() && p.Now <= addWorkingDays(at, s.WorkingDays, zone)
	}
	switch {
	case planned(p, r),
		fresh(crm.FactTouch, r.Touch), fresh(crm.FactCreated, r.Created):
		p.OK(r)
		return
	case !r.Known.Has(crm.FactPlanned):
		p.Unknown(r, audit.NeedActivity, "whether anything is planned for it is not known")
		return
	case !r.Known.Has(crm.FactTouch):
		p.Unknown(r, audit.NeedActivity, "when it was last touched is not known")
		return
	case !r.Known.Has(crm.FactCreated):
		p.Unknown(r, audit.NeedCreated, "when it was created is not known")
		return
	case uncaptured(p, r):
		p.Unknown(r, audit.NeedActivity, silence)
		return
	}
	facts := audit.Facts{"created_at": r.Created.String()}
	if !r.Touch.IsZero() {
		facts["touched_at"] = r.Touch.String()
	}
	severity := audit.Low
	if p.Snap.Schema.ActivityBased {
		severity = audit.Medium
	}
	since := addWorkingDays(max(r.Touch, r.Created), s.WorkingDays, zone)
	p.Found(r, audit.Found{Severity: severity, Facts: facts, Since: since, Fix: task(p, r)})
}
