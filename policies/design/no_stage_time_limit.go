package design

import (
	_ "embed"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed no-stage-time-limit.md
var noStageTimeLimitDoc string

type noStageTimeLimit struct {
	Percentile audit.Share `yaml:"percentile" desc:"share of the longest silences within won deals' stays that the days offered let pass"`
	MinVisits  int         `yaml:"min_visits" desc:"how many stays of won deals it takes to offer days from them"`
	Default    audit.Days  `yaml:"default" desc:"days offered where too few stays tell"`
}

// NoStageTimeLimit finds portals where nothing written says how long a deal may wait.
func NoStageTimeLimit() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "no-stage-time-limit", Title: "No limit on waiting is written down", Doc: noStageTimeLimitDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 20, Severity: audit.Info,
		Sources: "S1", Fix: audit.FixRotting, Subject: crm.KindPortal,
		Facts: crm.FactHistory | crm.FactTouch | crm.FactBuyer | crm.FactClosed,
		Message: `No limit is written down on how long a deal may be open, stay in a stage or stay silent in {{join .pipelines}}` +
			`{{if index . "offered"}}; rotting after these days would be one: {{join .offered}}{{end}}`,
	}, noStageTimeLimit{Percentile: 0.9, MinVisits: 30, Default: audit.Days(14 * 24 * time.Hour)})
}

func (s noStageTimeLimit) Validate() error {
	switch {
	case s.Percentile <= 0:
		return errors.New("percentile must be more than 0%")
	case s.MinVisits < 1:
		return errors.New("min_visits must be at least 1")
	case s.Default < audit.Days(24*time.Hour) || s.Default > mostDays:
		return errors.New("default must be from 1d to 365d")
	}
	return nil
}

// mostDays is the longest limit that is offered: a year of silence is none.
const mostDays = audit.Days(365 * 24 * time.Hour)

func (s noStageTimeLimit) Check(p *audit.Pass) {
	var without []int32
	for pipeline := range int32(len(p.Snap.Schema.Pipelines)) {
		if !limited(p, pipeline) {
			without = append(without, pipeline)
		}
	}
	if len(without) == 0 {
		p.OKAt(crm.KindPortal, 0)
		return
	}
	facts := audit.Facts{}
	var names, offered []string
	for _, pipeline := range without {
		names = append(names, p.Snap.Schema.Pipelines[pipeline].Name)
	}
	fix := &audit.Fix{Kind: audit.FixAdvice}
	if p.Snap.Schema.Rots {
		fix = &audit.Fix{Kind: audit.FixRotting}
		fix.Edits, offered = s.rotting(p, without)
		facts["offered"] = offered
	}
	facts["pipelines"] = names
	p.FoundAt(crm.KindPortal, 0, audit.Found{Severity: audit.Info, Facts: facts, Fix: fix})
}

// limited reports whether any of the three limits is written down for any stage of a pipeline, or nobody can wait there.
func limited(p *audit.Pass, pipeline int32) bool {
	stages := slices.Collect(openStages(p, pipeline))
	return len(stages) == 0 || slices.ContainsFunc(stages, func(s int32) bool { return p.Snap.Stage(s).RotDays != nil }) ||
		p.Written("open-too-long", "limit", pipeline) || p.Written("stale-in-stage", "limit", pipeline) || p.Written("no-buyer-activity", "limit", pipeline)
}

// rotting switches rotting on for the open stages of the pipelines, and says after how many days.
func (s noStageTimeLimit) rotting(p *audit.Pass, pipelines []int32) (edits []crm.Edit, offered []string) {
	gaps := p.Stats.SilentGaps()
	for _, pipeline := range pipelines {
		for stage := range openStages(p, pipeline) {
			limit := s.Default
			if gaps[stage].N() >= s.MinVisits {
				limit = min(gaps[stage].WholeDays(float64(s.Percentile)), mostDays)
			}
			days := strconv.Itoa(int(max(1, limit.Float())))
			e := setStage(p, stage, crm.FieldRotDays, days)
			e.Before[crm.FieldRotDays] = "" // known to be off
			edits = append(edits, e)
			offered = append(offered, p.Snap.Stage(stage).Name+" "+days)
		}
	}
	return edits, offered
}
