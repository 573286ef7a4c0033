package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed close-date-too-soon.md
var closeDateTooSoonDoc string

type closeDateTooSoon struct {
	Percentile audit.Share `yaml:"percentile" desc:"share of won deals that may have been quicker from the same stage"`
	MinWon     int         `yaml:"min_won" desc:"how many won deals that were in the stage it takes to tell, and to propose a date from their time"`
}

// CloseDateTooSoon finds open deals that are expected to close sooner than won deals did.
func CloseDateTooSoon() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "close-date-too-soon", Title: "Close date too soon", Doc: closeDateTooSoonDoc,
		Group: audit.Deals, Family: audit.FamilyForecast, Rank: 4, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedCloseDate, audit.NeedStageEntry, audit.NeedHistoryN}, Sources: "S3", Fix: audit.FixCloseDate, Subject: crm.KindDeal,
		After: datedAlready(),
		Facts: crm.FactCloseDate | crm.FactHistory | crm.FactStageEntry | crm.FactCreated | crm.FactClosed,
		Message: `Expected to close on {{date .close_on}}; at the pace of won deals from "{{.stage}}" not before {{date .earliest_on}} ` +
			`({{pct .slower_rate}} of {{count .n_count}} took {{days .needed_days}} or longer from there)`,
	}, closeDateTooSoon{Percentile: 0.1, MinWon: 20})
}

func (s closeDateTooSoon) Validate() error {
	if s.Percentile <= 0 || s.Percentile >= 1 {
		return errors.New("percentile must be within 0% and 100%")
	}
	return nil
}

func (s closeDateTooSoon) Check(p *audit.Pass) {
	for r := range p.Open() {
		switch {
		case p.Flagged("close-date-past", crm.KindDeal, r.Index): // it is wrong already
		case !r.Known.Has(crm.FactCloseDate):
			p.Unknown(r, audit.NeedCloseDate, "its expected close date is not known")
		case r.CloseDate.IsZero():
			p.OK(r)
		default:
			s.judge(p, r)
		}
	}
}

// judge counts from the entry into the stage, on both sides: that moves with no clock.
func (s closeDateTooSoon) judge(p *audit.Pass, r crm.Row) {
	entry, ok := p.EntryOf(r)
	if !ok {
		p.Unknown(r, audit.NeedStageEntry, "when it entered its stage is not known")
		return
	}
	needed := p.Stats.Remaining(r.Stage, 0)
	if needed.N() < max(1, s.MinWon) {
		p.Unknown(r, audit.NeedHistoryN, "too few won deals were in its stage to tell how long it takes from there")
		return
	}
	least := needed.Quantile(float64(s.Percentile))
	earliest := entry.Add(audit.Days(least * float64(aDay)).Duration())
	if daysAfter(p, r.CloseDate, 1) > earliest { // its day is over only then
		p.OK(r)
		return
	}
	p.Found(r, audit.Found{
		Severity: audit.Low,
		Facts: audit.Facts{
			"close_on": day(p, r.CloseDate), "earliest_on": day(p, earliest), "stage": stageName(p, r), "entered_at": entry.String(),
			"needed_days": least, "n_count": float64(needed.N()), "slower_rate": 1 - float64(s.Percentile),
		},
		Fix: redate(p, r, s.MinWon, crm.Fields{}),
	})
}
