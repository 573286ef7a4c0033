package design

import (
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
	"github.com/plumbline/plumbline/policies/deals"
)

func TestStartsTooEarly(t *testing.T) {
	audittest.Run(t, StartsTooEarly(), "testdata/starts-too-early*.txtar", ActivityNotCaptured())
}

func TestExitCriteriaUndefined(t *testing.T) {
	audittest.Run(t, ExitCriteriaUndefined(), "testdata/exit-criteria-undefined*.txtar", deals.StageWithoutEvidence())
}

func TestReviewOverdue(t *testing.T) {
	audittest.Run(t, ReviewOverdue(), "testdata/review-overdue*.txtar", StatusAsStage(), ClosingStageMissing())
}

func TestUnusedPipeline(t *testing.T) {
	audittest.Run(t, UnusedPipeline(), "testdata/unused-pipeline*.txtar")
}

func TestSingleChannelOutreach(t *testing.T) {
	audittest.Run(t, SingleChannelOutreach(), "testdata/single-channel-outreach*.txtar")
}

func TestActivityNotCaptured(t *testing.T) {
	audittest.Run(t, ActivityNotCaptured(), "testdata/activity-not-captured*.txtar")
}

func TestManualStageMoves(t *testing.T) {
	audittest.Run(t, ManualStageMoves(), "testdata/manual-stage-moves*.txtar")
}

func TestMovesBounce(t *testing.T) {
	audittest.Run(t, MovesBounce(), "testdata/moves-bounce*.txtar")
}

func TestRulesBypassed(t *testing.T) {
	audittest.Run(t, RulesBypassed(), "testdata/rules-bypassed*.txtar")
}

func TestSkippingAllowed(t *testing.T) {
	audittest.Run(t, SkippingAllowed(), "testdata/skipping-allowed*.txtar")
}

func TestSettingsOfTheSetUp(t *testing.T) {
	for name, s := range map[string]interface{ Validate() error }{
		"early: no window":       startsTooEarly{MinLosses: 20},
		"early: no losses":       startsTooEarly{Window: aDay},
		"criteria: of nothing":   exitCriteriaUndefined{Share: 0.7},
		"criteria: no share":     exitCriteriaUndefined{MinWon: 20},
		"review: at once":        reviewOverdue{Deals: 20, Later: aDay},
		"review: never later":    reviewOverdue{Deals: 20, First: aDay},
		"review: of no deals":    reviewOverdue{First: aDay, Later: aDay},
		"review: settled before": reviewOverdue{First: aDay, Later: aDay, Deals: 1, Settled: -aDay},
		"unused: at once":        unusedPipeline{},
		"outreach: no limit":     singleChannelOutreach{MinTouches: 100},
		"outreach: never":        singleChannelOutreach{Limit: 1, MinTouches: 100},
		"outreach: of nothing":   singleChannelOutreach{Limit: 0.9},
		"captured: no window":    activityNotCaptured{MinWon: 1, OwnerDeals: 1, OwnerWindow: aDay},
		"captured: of no deals":  activityNotCaptured{MinWon: 1, Window: aDay, OwnerWindow: aDay},
		"manual: no window":      manualStageMoves{MinMoves: 50},
		"manual: of nothing":     manualStageMoves{Window: aDay},
		"bounce: no window":      movesBounce{PerDeal: 2, MinDeals: 3, Window: aDay},
		"bounce: of nothing":     movesBounce{Window: aDay, Within: aDay},
		"skipping: no window":    skippingAllowed{MinDeal: 1},
		"skipping: of no deals":  skippingAllowed{Window: aDay},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, p := range []*audit.Policy{
		StartsTooEarly(), ExitCriteriaUndefined(), ReviewOverdue(), UnusedPipeline(), SingleChannelOutreach(), ActivityNotCaptured(), ManualStageMoves(),
		MovesBounce(), SkippingAllowed(),
	} {
		if err := p.Defaults().(interface{ Validate() error }).Validate(); err != nil {
			t.Errorf("%s refuses its own defaults: %v", p.ID, err)
		}
	}
}
