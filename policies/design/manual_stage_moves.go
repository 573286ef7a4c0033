package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed manual-stage-moves.md
var manualStageMovesDoc string

type manualStageMoves struct {
	Limit    audit.Share `yaml:"limit" desc:"share of the moves that automation must have made"`
	MinMoves int         `yaml:"min_moves" desc:"how many moves it takes to tell"`
	Window   audit.Days  `yaml:"window" desc:"time looked at"`
}

// ManualStageMoves finds pipelines in which people make nearly every move by hand.
func ManualStageMoves() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "manual-stage-moves", Title: "Nearly all moves are made by hand", Doc: manualStageMovesDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 35, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedHistory, audit.NeedHistoryN}, Sources: "S1", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts: crm.FactHistory | crm.FactCreated | crm.FactClosed,
		Message: `{{count .automated_count}} of {{count .moves_count}} moves within {{days .window_days}} ({{pct .automated_rate}}) were made by automation; ` +
			`at least {{pct .limit_rate}} should be`,
	}, manualStageMoves{Limit: 0.1, MinMoves: 50, Window: 90 * aDay})
}

func (s manualStageMoves) Validate() error {
	switch {
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	case s.MinMoves < 1:
		return errors.New("min_moves must be at least 1")
	}
	return nil
}

func (s manualStageMoves) Check(p *audit.Pass) {
	days := s.Window.Float()
	for pipeline := range p.Pipelines() {
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: pipeline,
			Weigh: func(st *audit.Stats) audit.Evidence {
				if noHistory(p, pipeline) {
					return audit.CannotCompare(audit.NeedHistory, "the deals' way through the stages is not known")
				}
				made := st.AutomatedMoves(pipeline, days)
				return audit.Evidence{N: made.N, Least: s.MinMoves, Effect: made.Share() < float64(s.Limit), P: audit.ShareBelow(made, float64(s.Limit))}
			},
			Tell: func(audit.Evidence) audit.Found {
				made := p.Stats.AutomatedMoves(pipeline, days)
				return audit.Found{Severity: audit.Info, Fix: advice(), Facts: audit.Facts{
					"automated_count": float64(made.K), "moves_count": float64(made.N), "automated_rate": made.Share(),
					"limit_rate": float64(s.Limit), "window_days": days,
				}}
			},
		})
	}
}
