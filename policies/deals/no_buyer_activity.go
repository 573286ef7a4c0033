package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed no-buyer-activity.md
var noBuyerActivityDoc string

type noBuyerActivity struct {
	Limit   audit.Days `yaml:"limit" desc:"how long after its creation or the buyer's last activity a deal may be without one"`
	Touched audit.Days `yaml:"touched" desc:"a touch by the team within this time lowers the severity to medium"`
}

// NoBuyerActivity finds open deals of which the buyer has not been heard for long.
func NoBuyerActivity() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "no-buyer-activity", Title: "No sign of the buyer", Doc: noBuyerActivityDoc,
		Group: audit.Deals, Family: audit.FamilyActivity, Rank: 3, Severity: audit.High,
		Needs: []audit.Need{audit.NeedMail, audit.NeedActivity, audit.NeedCreated}, Sources: "S1", Fix: audit.FixTask, Subject: crm.KindDeal,
		After: []string{notCaptured},
		Facts: crm.FactBuyer | crm.FactCreated | crm.FactPlanned | crm.FactTouch | crm.FactOwner,
		Message: `{{if index . "buyer_at"}}The buyer was last heard of on {{date .buyer_at}}{{else}}The buyer was never heard of since the deal's creation on {{date .created_at}}{{end}}` +
			`; the limit is {{days .limit_days}}, and nothing is planned{{if index . "touched_at"}}; the team wrote, called or met last on {{date .touched_at}}{{end}}`,
	}, noBuyerActivity{Limit: 21 * aDay, Touched: 7 * aDay})
}

func (s noBuyerActivity) Validate() error {
	if s.Limit <= 0 {
		return errors.New("limit must be more than 0d")
	}
	return nil
}

func (s noBuyerActivity) Check(p *audit.Pass) {
	for r := range p.Open() {
		s.judge(p, r)
	}
}

func (s noBuyerActivity) judge(p *audit.Pass, r crm.Row) {
	fresh := func(fact crm.Fact, at crm.Instant) bool {
		return has(r, fact, at) && p.Now <= at.Add(s.Limit.Duration())
	}
	switch {
	case fresh(crm.FactBuyer, r.Buyer), fresh(crm.FactCreated, r.Created), planned(p, r):
		p.OK(r)
		return
	case !r.Known.Has(crm.FactBuyer):
		p.Unknown(r, audit.NeedMail, "when the buyer was last heard of is not known")
		return
	case !r.Known.Has(crm.FactPlanned):
		p.Unknown(r, audit.NeedActivity, "whether anything is planned for it is not known")
		return
	case !has(r, crm.FactCreated, r.Created):
		p.Unknown(r, audit.NeedCreated, "when it was created is not known")
		return
	case uncaptured(p, r):
		p.Unknown(r, audit.NeedActivity, silence)
		return
	}
	facts := audit.Facts{"created_at": r.Created.String(), "limit_days": s.Limit.Float()}
	if !r.Buyer.IsZero() {
		facts["buyer_at"] = r.Buyer.String()
	}
	severity := audit.High
	if has(r, crm.FactTouch, r.Touch) {
		facts["touched_at"] = r.Touch.String()
		if p.Now <= r.Touch.Add(s.Touched.Duration()) {
			severity = audit.Medium
		}
	}
	p.Found(r, audit.Found{Severity: severity, Facts: facts, Since: max(r.Buyer, r.Created).Add(s.Limit.Duration()), Fix: task(p, r)})
}
