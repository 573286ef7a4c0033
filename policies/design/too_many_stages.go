package design

import (
	"cmp"
	_ "embed"
	"errors"
	"math"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed too-many-stages.md
var tooManyStagesDoc string

type tooManyStages struct {
	Limit int `yaml:"limit" desc:"how many open stages a pipeline may have"`
	Hard  int `yaml:"hard" desc:"with more open stages than this the severity is high"`
}

// TooManyStages finds pipelines with more open stages than people keep apart.
func TooManyStages() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "too-many-stages", Title: "Too many stages", Doc: tooManyStagesDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 1, Severity: audit.High,
		Sources: "S1", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts: crm.FactHistory | crm.FactOrigin,
		Message: `{{count .stages_count}} open stages, the limit is {{count .limit_count}}` +
			`{{if index . "merge"}}; first to merge with a neighbour: {{join .merge}}{{end}}`,
	}, tooManyStages{Limit: 7, Hard: 10})
}

func (s tooManyStages) Validate() error {
	switch {
	case s.Limit < 1:
		return errors.New("limit must be at least 1")
	case s.Hard < s.Limit:
		return errors.New("hard is below limit")
	}
	return nil
}

func (s tooManyStages) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		stages := slices.Collect(p.OpenStages(pipeline))
		if len(stages) <= s.Limit {
			p.OKAt(crm.KindPipeline, pipeline)
			continue
		}
		severity, limit := audit.Medium, s.Limit
		if len(stages) > s.Hard {
			severity = audit.High
		}
		facts := audit.Facts{"stages_count": float64(len(stages)), "limit_count": float64(limit)}
		if merge := s.merge(p, pipeline, stages); len(merge) > 0 {
			facts["merge"] = merge
		}
		p.FoundAt(crm.KindPipeline, pipeline, audit.Found{Severity: severity, Facts: facts, Fix: &audit.Fix{Kind: audit.FixAdvice}})
	}
}

// merge names the stages that would be missed least, as many as there are too many: the most skipped, then the least used. It
// looks at all known history, so that it does not move from day to day; without history it names none.
func (s tooManyStages) merge(p *audit.Pass, pipeline int32, stages []int32) []string {
	if known, _ := p.Stats.HistoryKnown(pipeline); known == 0 {
		return nil
	}
	type use struct {
		stage   int32
		skipped float64
		entered int
	}
	var uses []use
	for _, stage := range stages[1:] { // the first stage is where deals begin
		u := use{stage: stage, entered: p.Stats.Entered(stage, always)}
		if passed, skipped := p.Stats.Passed(stage, always); passed > 0 {
			u.skipped = math.Round(20 * float64(skipped) / float64(passed)) // in steps of 5 %
		}
		uses = append(uses, u)
	}
	slices.SortFunc(uses, func(a, b use) int {
		return cmp.Or(cmp.Compare(b.skipped, a.skipped), cmp.Compare(a.entered, b.entered), cmp.Compare(a.stage, b.stage))
	})
	names := make([]string, 0, len(stages)-s.Limit)
	for _, u := range uses[:min(len(uses), len(stages)-s.Limit)] {
		names = append(names, p.Snap.Stage(u.stage).Name)
	}
	return names
}

// always is a window, in days, that reaches back to the beginning.
const always = 100 * 365
