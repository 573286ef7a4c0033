package design

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
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

func TestValidate(t *testing.T) {
	day := audit.Days(24 * time.Hour)
	for name, s := range map[string]interface{ Validate() error }{
		"too many: limit 0":      tooManyStages{Hard: 1},
		"too many: hard below":   tooManyStages{Limit: 7, Hard: 6},
		"unused: no window":      unusedStage{MinPassed: 20},
		"unused: nobody passed":  unusedStage{Window: day},
		"skipped: no window":     oftenSkippedStage{MinPassed: 20},
		"skipped: nobody passed": oftenSkippedStage{Window: day},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, p := range []*audit.Policy{TooManyStages(), UnusedStage(), OftenSkippedStage()} {
		v, ok := p.Defaults().(interface{ Validate() error })
		if !ok {
			t.Errorf("%s cannot validate its settings", p.ID)
		} else if err := v.Validate(); err != nil {
			t.Errorf("%s refuses its own defaults: %v", p.ID, err)
		}
	}
}
