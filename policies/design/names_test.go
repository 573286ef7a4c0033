package design

import (
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
)

func TestTooFewStages(t *testing.T) {
	audittest.Run(t, TooFewStages(), "testdata/too-few-stages*.txtar")
}

func TestSeveralClosedStages(t *testing.T) {
	audittest.Run(t, SeveralClosedStages(), "testdata/several-closed-stages*.txtar")
}

func TestSubjectiveStageName(t *testing.T) {
	audittest.Run(t, SubjectiveStageName(), "testdata/subjective-stage-name*.txtar")
}

func TestUnclearStageName(t *testing.T) {
	audittest.Run(t, UnclearStageName(), "testdata/unclear-stage-name*.txtar")
}

func TestSellerSideStageName(t *testing.T) {
	audittest.Run(t, SellerSideStageName(), "testdata/seller-side-stage-name*.txtar")
}

func TestDefaultStagesUntouched(t *testing.T) {
	audittest.Run(t, DefaultStagesUntouched(), "testdata/default-stages-untouched*.txtar")
}

func TestStageLabelContradicts(t *testing.T) {
	audittest.Run(t, StageLabelContradicts(), "testdata/stage-label-contradicts*.txtar")
}

func TestStageAfterWon(t *testing.T) {
	audittest.Run(t, StageAfterWon(), "testdata/stage-after-won*.txtar")
}

func TestClosingStageMissing(t *testing.T) {
	audittest.Run(t, ClosingStageMissing(), "testdata/closing-stage-missing*.txtar")
}

func TestValidateNames(t *testing.T) {
	for name, s := range map[string]interface{ Validate() error }{
		"too few: limit 0":      tooFewStages{},
		"unclear: below 0":      unclearStageName{MinLetters: -1, MaxLetters: 40},
		"unclear: nothing fits": unclearStageName{MinLetters: 3, MinCharacters: 2, MaxLetters: 2},
		"unclear: no length":    unclearStageName{},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, p := range []*audit.Policy{TooFewStages(), UnclearStageName()} {
		if err := p.Defaults().(interface{ Validate() error }).Validate(); err != nil {
			t.Errorf("%s refuses its own defaults: %v", p.ID, err)
		}
	}
}
