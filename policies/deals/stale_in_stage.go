package deals

import (
	_ "embed"
	"errors"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed stale-in-stage.md
var staleInStageDoc string

const aDay = audit.Days(24 * time.Hour)

type staleInStage struct {
	Limit      audit.Days  `yaml:"limit" desc:"how long a deal may stay in a stage; 0d: not written down, so the CRM's rotting days, else what won deals took, else default"`
	Percentile audit.Share `yaml:"percentile" desc:"share of the won deals' stays that the limit taken from them lets pass"`
	MinVisits  int         `yaml:"min_visits" desc:"how many stays of won deals it takes to set a limit from them"`
	Floor      audit.Days  `yaml:"floor" desc:"lowest limit taken from won deals"`
	Ceiling    audit.Days  `yaml:"ceiling" desc:"highest limit taken from won deals"`
	Default    audit.Days  `yaml:"default" desc:"limit where nothing else gives one"`
	Planned    audit.Days  `yaml:"planned_within" desc:"a person's activity planned within this time lowers the severity to low"`
}

// StaleInStage finds open deals that stay in their stage for too long.
func StaleInStage() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "stale-in-stage", Title: "Stuck in its stage", Doc: staleInStageDoc,
		Group: audit.Deals, Family: audit.FamilyActivity, Rank: 2, Severity: audit.High,
		Needs: []audit.Need{audit.NeedStageEntry, audit.NeedHistory}, Sources: "S1 S2", Fix: audit.FixTask, Subject: crm.KindDeal,
		Facts: crm.FactHistory | crm.FactStageEntry | crm.FactPlanned | crm.FactTouch | crm.FactBuyer | crm.FactCreated | crm.FactClosed |
			crm.FactUpdated,
		Message: `In "{{.stage}}" since {{date .entered_at}}` +
			`{{if eq .limit_from "rotting"}}, nothing happened since {{date .active_at}}; deals rot after {{days .limit_days}} here` +
			`{{else}}; the limit is {{days .limit_days}}` +
			`{{if eq .limit_from "won deals"}}, from {{count .n_count}} stays of won deals{{else if eq .limit_from "default"}} by default{{end}}{{end}}` +
			`{{if index . "planned"}}; an activity is planned{{if index . "planned_at"}} for {{date .planned_at}}, which the CRM's rotting takes no notice of{{end}}{{end}}` +
			`{{if index . "rots_at"}}; the CRM does not show it as rotting before {{date .rots_at}}, because something updated the deal on {{date .updated_at}} that is no activity{{end}}`,
	}, staleInStage{Percentile: 0.9, MinVisits: 30, Floor: 7 * aDay, Ceiling: 180 * aDay, Default: 30 * aDay, Planned: 14 * aDay})
}

func (s staleInStage) Validate() error {
	switch {
	case s.Floor > s.Ceiling:
		return errors.New("floor is above ceiling")
	case s.Default <= 0:
		return errors.New("default must be more than 0d")
	case s.Percentile <= 0:
		return errors.New("percentile must be more than 0%")
	}
	return nil
}

// stayLimit is how long a deal may stay in one stage, and where that comes from.
type stayLimit struct {
	days audit.Days
	from string
	n    int
}

func (s staleInStage) Check(p *audit.Pass) {
	limits := map[int32]stayLimit{}
	for r := range p.Open() {
		limit, ok := limits[r.Stage]
		if !ok {
			limit = s.limit(p, r.Stage)
			limits[r.Stage] = limit
		}
		s.judge(p, r, limit)
	}
}

// limit is the first of: what is configured, the CRM's rotting days, what won deals took, the default.
func (s staleInStage) limit(p *audit.Pass, stage int32) stayLimit {
	if s.Limit > 0 {
		return stayLimit{days: s.Limit, from: "configured"}
	}
	if rot := p.Snap.Stage(stage).RotDays; rot != nil && *rot > 0 {
		return stayLimit{days: audit.Days(*rot) * aDay, from: "rotting"}
	}
	if won := p.Stats.WonVisits(stage); won.N() >= max(1, s.MinVisits) {
		days := audit.Days(won.Quantile(float64(s.Percentile)) * float64(aDay))
		return stayLimit{days: min(max(days, s.Floor), s.Ceiling), from: "won deals", n: won.N()}
	}
	return stayLimit{days: s.Default, from: "default"}
}

func (s staleInStage) judge(p *audit.Pass, r crm.Row, limit stayLimit) {
	entered, ok := p.EntryOf(r)
	if !ok {
		p.Unknown(r, audit.NeedStageEntry, "when it entered its stage is not known")
		return
	}
	since := entered
	if limit.from == "rotting" { // an idle clock: any activity winds it up again
		since = max(entered, r.Touch, r.Buyer)
	}
	due := since.Add(limit.days.Duration())
	if p.Now <= due {
		p.OK(r)
		return
	}
	if limit.from == "rotting" && !r.Known.Has(crm.FactTouch|crm.FactBuyer) {
		p.Unknown(r, audit.NeedActivity, "whether anything happened since it entered its stage is not known")
		return
	}
	severity := audit.High
	facts := audit.Facts{"stage": stageName(p, r), "entered_at": entered.String(), "limit_days": limit.days.Float(), "limit_from": limit.from}
	if limit.from == "rotting" {
		facts["active_at"] = since.String()
		s.compare(p, r, since, limit, facts)
	}
	if limit.n > 0 {
		facts["n_count"] = float64(limit.n)
	}
	if r.Known.Has(crm.FactPlanned) {
		soon := plannedWithin(p, r, s.Planned)
		facts["planned"] = soon
		if soon {
			severity = audit.Low
		}
		if soon && limit.from == "rotting" {
			facts["planned_at"] = r.Planned.String()
		}
	}
	p.Found(r, audit.Found{Severity: severity, Facts: facts, Since: due, Fix: task(p, r)})
}

// aside is how much later than the last activity an update must be to be something else: activities are logged after they took place.
const aside = 24 * time.Hour

// compare says where the CRM's own rotting differs from ours. It counts from the last update of the record, whatever that was, so
// that one which is no activity, a field that was changed or a program that wrote, winds its clock up again. Both moments stay
// where they are while the days pass.
func (s staleInStage) compare(p *audit.Pass, r crm.Row, since crm.Instant, limit stayLimit, facts audit.Facts) {
	updated := p.Snap.Updated(r.Index)
	if !r.Known.Has(crm.FactUpdated) || updated < since.Add(aside) {
		return
	}
	facts["updated_at"] = updated.String()
	facts["rots_at"] = updated.Add(limit.days.Duration()).String()
}
