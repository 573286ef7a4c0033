package design

import (
	_ "embed"
	"errors"
	"math"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed unused-stage.md
var unusedStageDoc string

type unusedStage struct {
	Window    audit.Days  `yaml:"window" desc:"for how long nobody may have entered the stage, at least"`
	Cycles    float64     `yaml:"cycles" desc:"the window is at least this many median cycles of won deals long"`
	MinPassed int         `yaml:"min_passed" desc:"how many deals must have gone past the stage in that time"`
	Known     audit.Share `yaml:"history_known" desc:"share of the pipeline's deals whose history must be known, or an entry could be missed"`
}

// UnusedStage finds stages that deals go past and none enters.
func UnusedStage() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "unused-stage", Title: "A stage that nobody uses", Doc: unusedStageDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 13, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedHistory, audit.NeedHistoryN}, Sources: "S2", Fix: audit.FixAdvice, Subject: crm.KindStage,
		Facts:   crm.FactHistory | crm.FactOrigin | crm.FactCreated | crm.FactClosed,
		Message: `{{count .passed_count}} deals went past "{{.stage}}" within {{days .window_days}} and none entered it`,
	}, unusedStage{Window: audit.Days(90 * 24 * time.Hour), Cycles: 2, MinPassed: 20, Known: 0.9})
}

func (s unusedStage) Validate() error {
	switch {
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	case s.MinPassed < 1:
		return errors.New("min_passed must be at least 1")
	}
	return nil
}

func (s unusedStage) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		// Whole days, so that the window does not move with every won deal.
		days := math.Ceil(max(s.Window.Float(), s.Cycles*p.Stats.WonCycles(pipeline).Quantile(0.5)))
		for stage := range p.OpenStages(pipeline) {
			s.judge(p, pipeline, stage, days)
		}
	}
}

func (s unusedStage) judge(p *audit.Pass, pipeline, stage int32, days float64) {
	passed, n := p.Stats.Passed(stage, days)
	switch {
	case first(p, stage), p.Stats.Entered(stage, days) > 0:
		p.OKAt(crm.KindStage, stage)
	case s.incomplete(p, pipeline, days):
		p.UnknownAt(crm.KindStage, stage, audit.NeedHistory, "too few deals have a known way through the stages")
	case passed < s.MinPassed:
		p.UnknownAt(crm.KindStage, stage, audit.NeedHistoryN, "too few deals went past it to tell")
	case n < passed, !s.unused(p.Stats.Ago(settled), stage, days):
		p.OKAt(crm.KindStage, stage)
	default:
		p.FoundAt(crm.KindStage, stage, audit.Found{
			Severity: audit.Medium,
			Facts:    audit.Facts{"stage": p.Snap.Stage(stage).Name, "passed_count": float64(passed), "window_days": days},
			Fix:      &audit.Fix{Kind: audit.FixAdvice},
		})
	}
}

// unused reports whether enough deals went past the stage in the last days and none of all entered it.
func (s unusedStage) unused(stats *audit.Stats, stage int32, days float64) bool {
	passed, skipped := stats.Passed(stage, days)
	return passed >= s.MinPassed && skipped == passed && stats.Entered(stage, days) == 0
}

// incomplete reports whether entries into the stage could be missing from what is known.
func (s unusedStage) incomplete(p *audit.Pass, pipeline int32, days float64) bool {
	known, deals := p.Stats.HistoryKnown(pipeline)
	from := p.Now.Add(-time.Duration((days + settled) * float64(24*time.Hour)))
	return float64(known) < float64(s.Known)*float64(deals) || p.Snap.Schema.HistoryFrom > from
}
