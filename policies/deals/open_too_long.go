package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed open-too-long.md
var openTooLongDoc string

type openTooLong struct {
	Limit   audit.Days `yaml:"limit" desc:"how long a deal may be open; 0d: not written down, so times the average cycle of won deals, else default"`
	Times   float64    `yaml:"times" desc:"how many average cycles of won deals a deal may be open"`
	MinWon  int        `yaml:"min_won" desc:"how many won deals it takes to set a limit from their cycle"`
	Floor   audit.Days `yaml:"floor" desc:"lowest limit taken from won deals"`
	Default audit.Days `yaml:"default" desc:"limit where nothing else gives one"`
	Recent  audit.Days `yaml:"recent" desc:"buyer activity within this time, or a person's activity planned within it, lowers the severity to medium"`
}

// OpenTooLong finds deals that are open for much longer than it takes to win one.
func OpenTooLong() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "open-too-long", Title: "Open for too long", Doc: openTooLongDoc,
		Group: audit.Deals, Family: audit.FamilyActivity, Rank: 1, Severity: audit.High,
		Needs: []audit.Need{audit.NeedCreated}, Sources: "S1 S4", Fix: audit.FixTask, Subject: crm.KindDeal,
		Facts: crm.FactCreated | crm.FactClosed | crm.FactBuyer | crm.FactPlanned | crm.FactHistory,
		Message: `Open since {{date .created_at}}; the limit is {{days .limit_days}}` +
			`{{if eq .limit_from "won deals"}}: {{count .n_count}} won deals took {{days .average_days}} on average{{else if eq .limit_from "default"}} by default{{end}}` +
			`{{if index . "alive"}}; the buyer was active lately or an activity is planned{{end}}`,
	}, openTooLong{Times: 2, MinWon: 20, Floor: 30 * aDay, Default: 180 * aDay, Recent: 14 * aDay})
}

func (s openTooLong) Validate() error {
	switch {
	case s.Times <= 0:
		return errors.New("times must be more than 0")
	case s.Default <= 0:
		return errors.New("default must be more than 0d")
	}
	return nil
}

// ageLimit is how long a deal of one pipeline may be open, and where that comes from.
type ageLimit struct {
	days    audit.Days
	from    string
	n       int
	average float64
}

func (s openTooLong) Check(p *audit.Pass) {
	limits := map[int32]ageLimit{}
	for r := range p.Open() {
		limit, ok := limits[r.Pipeline]
		if !ok {
			limit = s.limit(p, r.Pipeline)
			limits[r.Pipeline] = limit
		}
		s.judge(p, r, limit)
	}
}

// longest is the highest limit taken from won deals, in days: a length of time must hold it.
const longest = 100 * 365

func (s openTooLong) limit(p *audit.Pass, pipeline int32) ageLimit {
	if s.Limit > 0 {
		return ageLimit{days: s.Limit, from: "configured"}
	}
	if won := p.Stats.WonCycles(pipeline); won.N() >= max(1, s.MinWon) {
		days := audit.Days(min(s.Times*won.Mean(), longest) * float64(aDay))
		return ageLimit{days: max(days, s.Floor), from: "won deals", n: won.N(), average: won.Mean()}
	}
	return ageLimit{days: s.Default, from: "default"}
}

func (s openTooLong) judge(p *audit.Pass, r crm.Row, limit ageLimit) {
	if !r.Known.Has(crm.FactCreated) || r.Created.IsZero() {
		p.Unknown(r, audit.NeedCreated, "when it was created is not known")
		return
	}
	due := r.Created.Add(limit.days.Duration())
	if p.Now <= due {
		p.OK(r)
		return
	}
	facts := audit.Facts{"created_at": r.Created.String(), "limit_days": limit.days.Float(), "limit_from": limit.from}
	if limit.n > 0 {
		facts["n_count"], facts["average_days"] = float64(limit.n), limit.average
	}
	severity := audit.High
	lately := r.Known.Has(crm.FactBuyer) && !r.Buyer.IsZero() && r.Buyer >= p.Now.Add(-s.Recent.Duration())
	if lately || plannedWithin(p, r, s.Recent) {
		severity = audit.Medium
		facts["alive"] = true
	}
	p.Found(r, audit.Found{Severity: severity, Facts: facts, Since: due, Fix: task(p, r)})
}
