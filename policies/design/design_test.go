package design

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
	"github.com/plumbline/plumbline/policies/deals"
)

func TestTooManyStages(t *testing.T) {
	audittest.Run(t, TooManyStages(), "testdata/too-many-stages*.txtar")
}

func TestStatusAsStage(t *testing.T) {
	audittest.Run(t, StatusAsStage(), "testdata/status-as-stage*.txtar")
}

func TestUnusedStage(t *testing.T) { audittest.Run(t, UnusedStage(), "testdata/unused-stage*.txtar") }

func TestOftenSkippedStage(t *testing.T) {
	audittest.Run(t, OftenSkippedStage(), "testdata/often-skipped-stage*.txtar", UnusedStage())
}

func TestProbabilityUnset(t *testing.T) {
	audittest.Run(t, ProbabilityUnset(), "testdata/probability-unset*.txtar")
}

func TestProbabilityNotRising(t *testing.T) {
	audittest.Run(t, ProbabilityNotRising(), "testdata/probability-not-rising*.txtar")
}

func TestProbabilityMiscalibrated(t *testing.T) {
	audittest.Run(t, ProbabilityMiscalibrated(), "testdata/probability-miscalibrated*.txtar")
}

func TestNoStageTimeLimit(t *testing.T) {
	audittest.Run(t, NoStageTimeLimit(), "testdata/no-stage-time-limit*.txtar", deals.StaleInStage(), deals.OpenTooLong())
}

func TestValidate(t *testing.T) {
	day := audit.Days(24 * time.Hour)
	for name, s := range map[string]interface{ Validate() error }{
		"too many: limit 0":      tooManyStages{Hard: 1},
		"too many: hard below":   tooManyStages{Limit: 7, Hard: 6},
		"unused: no window":      unusedStage{MinPassed: 20},
		"unused: nobody passed":  unusedStage{Window: day},
		"skipped: no window":     oftenSkippedStage{MinPassed: 20},
		"skipped: nobody passed": oftenSkippedStage{Window: day},
		"unset: of nothing":      probabilityUnset{},
		"rising: of nothing":     probabilityNotRising{},
		"odds: of nothing":       probabilityMiscalibrated{Points: 0.1},
		"odds: no difference":    probabilityMiscalibrated{MinClosed: 30},
		"limit: no share":        noStageTimeLimit{MinVisits: 30, Default: day},
		"limit: of nothing":      noStageTimeLimit{Percentile: 0.9, Default: day},
		"limit: at once":         noStageTimeLimit{Percentile: 0.9, MinVisits: 30, Default: day / 2},
		"limit: beyond a year":   noStageTimeLimit{Percentile: 0.9, MinVisits: 30, Default: 366 * day},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, p := range []*audit.Policy{TooManyStages(), UnusedStage(), OftenSkippedStage(), ProbabilityUnset(), ProbabilityNotRising(), ProbabilityMiscalibrated(), NoStageTimeLimit()} {
		v, ok := p.Defaults().(interface{ Validate() error })
		if !ok {
			t.Errorf("%s cannot validate its settings", p.ID)
		} else if err := v.Validate(); err != nil {
			t.Errorf("%s refuses its own defaults: %v", p.ID, err)
		}
	}
}
