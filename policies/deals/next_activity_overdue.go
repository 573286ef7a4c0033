package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed next-activity-overdue.md
var nextActivityOverdueDoc string

type nextActivityOverdue struct {
	Limit audit.Days `yaml:"limit" desc:"how long the earliest planned activity may be past without being done"`
	Far   audit.Days `yaml:"far" desc:"how far ahead the only planned activity may lie; 0d: as far as one likes"`
}

// NextActivityOverdue finds open deals of which the earliest planned activity was not done in time, or lies so far ahead that it
// is no next step.
func NextActivityOverdue() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "next-activity-overdue", Title: "Planned activity overdue or far off", Doc: nextActivityOverdueDoc,
		Group: audit.Deals, Family: audit.FamilyActivity, Rank: 4, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedPlanned}, Sources: "S5 P", Fix: audit.FixTask, Subject: crm.KindDeal,
		Facts: crm.FactNextDue,
		Message: `{{if index . "far"}}The only planned activity is as far off as {{date .due_at}}; the limit is {{days .limit_days}} ahead` +
			`{{else}}An activity planned for {{date .due_at}} is not done; the limit is {{days .limit_days}}{{end}}`,
	}, nextActivityOverdue{Limit: 3 * aDay, Far: 90 * aDay})
}

func (s nextActivityOverdue) Validate() error {
	if s.Limit < 0 || s.Far < 0 {
		return errors.New("limit and far must be 0d or more")
	}
	return nil
}

func (s nextActivityOverdue) Check(p *audit.Pass) {
	for r := range p.Open() {
		due := p.Snap.Engagement(r.Index).NextDue
		late := due.Add(s.Limit.Duration())
		switch {
		case !r.Known.Has(crm.FactNextDue):
			p.Unknown(r, audit.NeedPlanned, "the earliest planned activity that is not done is not known")
		case due.IsZero(): // nothing is planned: no-next-activity has a word on that
			p.OK(r)
		case p.Now > late:
			p.Found(r, audit.Found{Severity: audit.Medium, Facts: audit.Facts{"due_at": due.String(), "limit_days": s.Limit.Float()}, Since: late, Fix: task(p, r)})
		case s.Far > 0 && due > p.Now.Add(s.Far.Duration()):
			p.Found(r, audit.Found{
				Severity: audit.Medium, Facts: audit.Facts{"due_at": due.String(), "limit_days": s.Far.Float(), "far": true}, Fix: task(p, r),
			})
		default:
			p.OK(r)
		}
	}
}
