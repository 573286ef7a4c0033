package deals

import (
	_ "embed"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed close-date-default.md
var closeDateDefaultDoc string

type closeDateDefault struct {
	MinWon int `yaml:"min_won" desc:"how many won deals it takes to propose a date from their time"`
}

// CloseDateDefault finds open deals whose close date nobody chose.
func CloseDateDefault() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "close-date-default", Title: "Close date nobody chose", Doc: closeDateDefaultDoc,
		Group: audit.Deals, Family: audit.FamilyForecast, Rank: 5, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedCloseDate, audit.NeedCreated, audit.NeedDates}, Sources: "P", Fix: audit.FixCloseDate, Subject: crm.KindDeal,
		After:   datedAlready(),
		Facts:   crm.FactCloseDate | crm.FactCreated | crm.FactDates | crm.FactHistory | crm.FactStageEntry | crm.FactClosed,
		Message: `Still the close date that the CRM entered itself, {{date .close_on}}, the last day of the month in which the deal was created`,
	}, closeDateDefault{MinWon: 20})
}

// datedAlready are the policies that speak before those about dates that are still ahead.
func datedAlready() []string { return append(judgedFirst(), "close-date-past") }

func (s closeDateDefault) Check(p *audit.Pass) {
	if p.Snap.Schema.CloseDateDefault != crm.MonthEnd {
		return // the CRM enters none, so there is nothing to judge
	}
	for r := range p.Open() {
		switch {
		case p.Flagged("close-date-past", crm.KindDeal, r.Index): // it is wrong already
		case !r.Known.Has(crm.FactCloseDate):
			p.Unknown(r, audit.NeedCloseDate, "its expected close date is not known")
		case r.CloseDate.IsZero():
			p.OK(r)
		case !r.Known.Has(crm.FactCreated) || r.Created.IsZero():
			p.Unknown(r, audit.NeedCreated, "when it was created is not known")
		case day(p, r.CloseDate) != monthEnd(p, r.Created):
			p.OK(r)
		case !r.Known.Has(crm.FactDates):
			p.Unknown(r, audit.NeedDates, "whether anybody ever set its expected close date is not known")
		case touched(p.Snap.DateChanges(r.Index), r.Created):
			p.OK(r)
		default:
			p.Found(r, audit.Found{
				Severity: audit.Info, Since: r.Created,
				Facts: audit.Facts{"close_on": day(p, r.CloseDate), "created_at": r.Created.String()},
				Fix:   redate(p, r, s.MinWon, crm.Fields{}),
			})
		}
	}
}

// monthEnd is the last day of the month of a moment, in the account's zone.
func monthEnd(p *audit.Pass, i crm.Instant) string {
	y, m, _ := i.Time().In(p.Snap.Zone()).Date()
	return time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// asItWasMade is how long after a deal's creation the CRM still writes its first values.
const asItWasMade = time.Minute

// touched reports whether the close date was set by anybody but the form in which the deal was made. Imports and programs choose
// their dates.
func touched(changes []crm.DateChange, created crm.Instant) bool {
	if len(changes) != 1 || changes[0].At > created.Add(asItWasMade) {
		return true
	}
	return changes[0].Origin != crm.OriginPerson && changes[0].Origin != crm.OriginUnknown
}
