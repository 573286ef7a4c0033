package deals

import (
	_ "embed"
	"errors"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed close-date-past.md
var closeDatePastDoc string

type closeDatePast struct {
	Limit  int `yaml:"limit_days" desc:"by how many days the close date may not be past: medium from there on"`
	High   int `yaml:"high_days" desc:"by how many days past the severity is high"`
	MinWon int `yaml:"min_won" desc:"how many won deals it takes to propose a date from their time"`
}

// CloseDatePast finds open deals that should have closed already.
func CloseDatePast() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "close-date-past", Title: "Close date in the past", Doc: closeDatePastDoc,
		Group: audit.Deals, Family: audit.FamilyForecast, Rank: 1, Severity: audit.High,
		Needs: []audit.Need{audit.NeedCloseDate}, Sources: "P S2", Fix: audit.FixCloseDate, Subject: crm.KindDeal,
		After:   judgedFirst(),
		Facts:   crm.FactCloseDate | crm.FactHistory | crm.FactStageEntry | crm.FactCreated | crm.FactClosed,
		Message: `Still open though it was expected to close on {{date .close_on}}`,
	}, closeDatePast{Limit: 1, High: 14, MinWon: 20})
}

func (s closeDatePast) Validate() error {
	switch {
	case s.Limit < 1:
		return errors.New("limit_days must be at least 1")
	case s.High < s.Limit:
		return errors.New("high_days is below limit_days")
	}
	return nil
}

func (s closeDatePast) Check(p *audit.Pass) {
	today := p.Today()
	for r := range p.Open() {
		if !r.Known.Has(crm.FactCloseDate) {
			p.Unknown(r, audit.NeedCloseDate, "its expected close date is not known")
			continue
		}
		if r.CloseDate.IsZero() || daysAfter(p, r.CloseDate, s.Limit) > today {
			p.OK(r)
			continue
		}
		severity := audit.Medium
		if daysAfter(p, r.CloseDate, s.High) <= today {
			severity = audit.High
		}
		p.Found(r, audit.Found{
			Severity: severity, Since: daysAfter(p, r.CloseDate, s.Limit),
			Facts: audit.Facts{"close_on": day(p, r.CloseDate)},
			Fix:   redate(p, r, s.MinWon, crm.Fields{}),
		})
	}
}

// daysAfter is the first instant of the n-th day after a date, in the account's zone.
func daysAfter(p *audit.Pass, date crm.Instant, n int) crm.Instant {
	y, m, d := date.Time().In(p.Snap.Zone()).Date()
	return crm.At(time.Date(y, m, d+n, 0, 0, 0, 0, p.Snap.Zone()))
}
