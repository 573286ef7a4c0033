package deals

import (
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed stage-skipped.md
var stageSkippedDoc string

type stageSkipped struct {
	Limit int `yaml:"limit" desc:"how many skipped stages make a finding"`
}

// StageSkipped finds deals that left out stages on their way.
func StageSkipped() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "stage-skipped", Title: "Stages skipped", Doc: stageSkippedDoc,
		Group: audit.Deals, Family: audit.FamilyPath, Rank: 1, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedHistory}, Sources: "S1", Fix: audit.FixAdvice, Subject: crm.KindDeal,
		After:   []string{"unused-stage", "often-skipped-stage"},
		Facts:   crm.FactHistory | crm.FactClosed,
		Message: `Skipped {{join .skipped}}`,
	}, stageSkipped{Limit: 1})
}

func (s stageSkipped) Validate() error {
	if s.Limit < 1 {
		return errors.New("limit must be at least 1")
	}
	return nil
}

func (s stageSkipped) Check(p *audit.Pass) {
	for r := range p.OpenOrJustClosed() {
		skipped, ok := p.Skipped(r)
		switch {
		case !ok:
			p.Unknown(r, audit.NeedHistory, "its way through the stages is not known")
		case len(skipped) < s.Limit:
			p.OK(r)
		case !s.covered(p, skipped):
			s.found(p, r, slices.Clone(skipped))
		}
	}
}

// covered reports whether every skipped stage is itself said to be unused or often skipped: then the stages are wrong, not
// the deal, and the deal is not judged.
func (s stageSkipped) covered(p *audit.Pass, skipped []int32) bool {
	return !slices.ContainsFunc(skipped, func(stage int32) bool {
		return !p.Flagged("unused-stage", crm.KindStage, stage) && !p.Flagged("often-skipped-stage", crm.KindStage, stage)
	})
}

func (s stageSkipped) found(p *audit.Pass, r crm.Row, skipped []int32) {
	names := make([]string, len(skipped))
	passed := make([]crm.Instant, len(skipped))
	for i, stage := range skipped {
		names[i] = p.Snap.Stage(stage).Name
		passed[i] = passedAt(p, r, stage)
	}
	slices.Sort(passed)
	p.Found(r, audit.Found{
		Severity: audit.Medium, Since: passed[s.Limit-1],
		Facts: audit.Facts{"skipped": names, "skipped_count": float64(len(skipped))},
		Fix:   &audit.Fix{Kind: audit.FixAdvice},
	})
}

// passedAt is when the deal first got beyond a stage of its pipeline: into a later one or, where the CRM keeps won as a status,
// to being won.
func passedAt(p *audit.Pass, r crm.Row, stage int32) crm.Instant {
	visits, _ := p.Visits(r)
	at, pipeline := p.Snap.Stage(stage).Order, p.Snap.PipelineOf(stage)
	inside := false // only a stretch that began before the stage went past it
	for _, v := range visits {
		if v.Stage == crm.None || p.Snap.PipelineOf(v.Stage) != pipeline {
			inside = inside && v.Stage == crm.None
			continue
		}
		st := p.Snap.Stage(v.Stage)
		if st.Kind == crm.Lost {
			continue
		}
		if st.Order > at && inside {
			return v.Entered
		}
		inside = inside || st.Order < at
	}
	return r.Closed
}
