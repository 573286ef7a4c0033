package deals

import (
	"testing"

	"github.com/plumbline/plumbline/audit/audittest"
	"github.com/plumbline/plumbline/policies/reasons"
)

func TestLostReasonNonstandard(t *testing.T) {
	audittest.Run(t, LostReasonNonstandard(), "testdata/lost-reason-nonstandard*.txtar", reasons.LostReasonFreeText())
}

func TestLostOtherWithoutDetail(t *testing.T) {
	audittest.Run(t, LostOtherWithoutDetail(), "testdata/lost-other-without-detail*.txtar")
}

func TestGaveUpEarly(t *testing.T) {
	audittest.Run(t, GaveUpEarly(), "testdata/gave-up-early*.txtar", capture())
}

func TestLossSettingsAreRefused(t *testing.T) {
	for name, s := range map[string]interface{ Validate() error }{
		"nonstandard: half sure": lostReasonNonstandard{Confidence: 0.5}, "gave up: half sure": gaveUpEarly{Touches: 4, Confidence: 0.5},
		"gave up: no touch": gaveUpEarly{Confidence: 0.9},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, s := range []interface{ Validate() error }{
		LostReasonNonstandard().Defaults().(lostReasonNonstandard), GaveUpEarly().Defaults().(gaveUpEarly),
	} {
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
	}
}
