package design

import (
	_ "embed"
	"errors"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed often-skipped-stage.md
var oftenSkippedStageDoc string

type oftenSkippedStage struct {
	Limit     audit.Share `yaml:"limit" desc:"share of the deals going past a stage that may skip it; the lower end of the 95 % interval must lie above"`
	MinPassed int         `yaml:"min_passed" desc:"how many deals must have gone past the stage"`
	Window    audit.Days  `yaml:"window" desc:"time looked at"`
}

// OftenSkippedStage finds stages that many deals leave out.
func OftenSkippedStage() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "often-skipped-stage", Title: "A stage that is often skipped", Doc: oftenSkippedStageDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 14, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedHistory, audit.NeedHistoryN}, Sources: "S1", Fix: audit.FixAdvice, Subject: crm.KindStage,
		After:   []string{"unused-stage"},
		Facts:   crm.FactHistory | crm.FactOrigin,
		Message: `{{count .skipped_count}} of the {{count .passed_count}} deals that went past "{{.stage}}" skipped it; the limit is {{pct .limit_rate}}`,
	}, oftenSkippedStage{Limit: 0.25, MinPassed: 20, Window: audit.Days(180 * 24 * time.Hour)})
}

func (s oftenSkippedStage) Validate() error {
	switch {
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	case s.MinPassed < 1:
		return errors.New("min_passed must be at least 1")
	}
	return nil
}

func (s oftenSkippedStage) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		for stage := range p.OpenStages(pipeline) {
			s.judge(p, pipeline, stage)
		}
	}
}

func (s oftenSkippedStage) judge(p *audit.Pass, pipeline, stage int32) {
	passed, skipped := p.Stats.Passed(stage, s.Window.Float())
	switch {
	case first(p, stage):
		p.OKAt(crm.KindStage, stage)
	case p.Flagged("unused-stage", crm.KindStage, stage): // says it all: not judged
	case noHistory(p, pipeline):
		p.UnknownAt(crm.KindStage, stage, audit.NeedHistory, "the deals' way through the stages is not known")
	case passed < s.MinPassed:
		p.UnknownAt(crm.KindStage, stage, audit.NeedHistoryN, "too few deals went past it to tell")
	case !s.often(p.Stats, stage), !s.often(p.Stats.Ago(settled), stage):
		p.OKAt(crm.KindStage, stage)
	default:
		p.FoundAt(crm.KindStage, stage, audit.Found{
			Severity: audit.Medium,
			Facts: audit.Facts{
				"stage": p.Snap.Stage(stage).Name, "passed_count": float64(passed), "skipped_count": float64(skipped), "limit_rate": float64(s.Limit),
			},
			Fix: &audit.Fix{Kind: audit.FixAdvice},
		})
	}
}

// often reports whether enough deals went past the stage and, for certain, more than the limit of them skipped it.
func (s oftenSkippedStage) often(stats *audit.Stats, stage int32) bool {
	passed, skipped := stats.Passed(stage, s.Window.Float())
	return passed >= s.MinPassed && audit.WilsonLower(skipped, passed) > float64(s.Limit)
}
