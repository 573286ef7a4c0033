package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed close-date-pushed.md
var closeDatePushedDoc string

type closeDatePushed struct {
	Limit int `yaml:"limit" desc:"how often a person may push the date: the next time makes a finding"`
	Days  int `yaml:"later_days" desc:"by how many days later a date must be to count as pushed; one past a month end always counts"`
}

// CloseDatePushed finds open deals whose close date is moved on again and again.
func CloseDatePushed() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "close-date-pushed", Title: "Close date pushed again and again", Doc: closeDatePushedDoc,
		Group: audit.Deals, Family: audit.FamilyForecast, Rank: 3, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedDates}, Sources: "P", Fix: audit.FixTask, Subject: crm.KindDeal,
		Facts:   crm.FactDates | crm.FactHistory | crm.FactStageEntry,
		Message: `Pushed {{count .pushes_count}} times: first expected on {{date .first_on}}, by now on {{date .last_on}}`,
	}, closeDatePushed{Limit: 3, Days: 7})
}

func (s closeDatePushed) Validate() error {
	switch {
	case s.Limit < 0:
		return errors.New("limit must not be below 0")
	case s.Days < 1:
		return errors.New("later_days must be at least 1")
	}
	return nil
}

func (s closeDatePushed) Check(p *audit.Pass) {
	for r := range p.Open() {
		if !r.Known.Has(crm.FactDates) {
			p.Unknown(r, audit.NeedDates, "which expected close dates it had is not known")
			continue
		}
		w := s.pushes(p, r)
		switch {
		case w.n > s.Limit:
			p.Found(r, audit.Found{
				Severity: audit.Medium, Since: w.broke,
				Facts: audit.Facts{"pushes_count": float64(w.n), "first_on": day(p, w.first), "last_on": day(p, w.last)},
				Fix:   task(p, r),
			})
		case w.n+w.nobody > s.Limit:
			p.Unknown(r, audit.NeedDates, "who moved its expected close date is not known")
		default:
			p.OK(r)
		}
	}
}

// pushed is what a deal's history of dates comes to.
type pushed struct {
	n, nobody   int         // by a person, and by somebody who is not known
	first, last crm.Instant // the date before the first of them, and that of the last
	broke       crm.Instant // when the limit was passed
}

// pushes counts. A date that was taken away in between is compared with the one before.
func (s closeDatePushed) pushes(p *audit.Pass, r crm.Row) pushed {
	var out pushed
	var before crm.Instant
	visits, _ := p.Visits(r)
	for _, c := range p.Snap.DateChanges(r.Index) {
		from := before
		if !c.To.IsZero() {
			before = c.To
		}
		if from.IsZero() || c.To.IsZero() || !s.later(p, from, c.To) || closedAt(p.Snap, visits, c.At) {
			continue
		}
		switch c.Origin {
		case crm.OriginUnknown:
			out.nobody++
		case crm.OriginPerson:
			if out.n++; out.n == 1 {
				out.first = from
			}
			if out.n == s.Limit+1 {
				out.broke = c.At
			}
			out.last = c.To
		}
	}
	return out
}

// later reports whether a date is later than another by so much that it counts.
func (s closeDatePushed) later(p *audit.Pass, from, to crm.Instant) bool {
	return to > from && (to >= daysAfter(p, from, s.Days) || monthEnd(p, to) != monthEnd(p, from))
}

// closedAt reports whether a deal of known visits was closed at a moment. Into a closed stage the CRM itself writes the date.
func closedAt(snap *crm.Snapshot, visits []audit.Visit, at crm.Instant) bool {
	for _, v := range visits {
		if v.Stage != crm.None && snap.Stage(v.Stage).Kind != crm.Open && at >= v.Entered && (v.Left.IsZero() || at < v.Left) {
			return true
		}
	}
	return false
}
