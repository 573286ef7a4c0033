package reasons

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
)

func TestLostReasonFreeText(t *testing.T) {
	audittest.Run(t, LostReasonFreeText(), "testdata/lost-reason-free-text*.txtar")
}

func TestLostReasonOptionsMissing(t *testing.T) {
	audittest.Run(t, LostReasonOptionsMissing(), "testdata/lost-reason-options-missing*.txtar")
}

func TestLostReasonOtherOverused(t *testing.T) {
	audittest.Run(t, LostReasonOtherOverused(), "testdata/lost-reason-other-overused*.txtar")
}

func TestLostReasonVariants(t *testing.T) {
	audittest.Run(t, LostReasonVariants(), "testdata/lost-reason-variants*.txtar", LostReasonFreeText())
}

func TestValidate(t *testing.T) {
	for name, s := range map[string]lostReasonFreeText{
		"no window": {MinLosses: 10},
		"no losses": {Window: audit.Days(time.Hour)},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if err := LostReasonFreeText().Defaults().(lostReasonFreeText).Validate(); err != nil {
		t.Error(err)
	}
}

func TestLossSettingsAreRefused(t *testing.T) {
	for name, s := range map[string]interface{ Validate() error }{
		"an unknown reason":         lostReasonOptionsMissing{Required: []string{"price"}},
		"an unknown wanted reason":  lostReasonOptionsMissing{Wanted: []string{"weather"}},
		"other: no window":          lostReasonOtherOverused{MinLosses: 1},
		"other: no losses":          lostReasonOtherOverused{Window: audit.Days(time.Hour)},
		"variants: one is a reason": lostReasonVariants{Texts: 1},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, p := range []*audit.Policy{LostReasonOptionsMissing(), LostReasonOtherOverused(), LostReasonVariants()} {
		if err := p.Defaults().(interface{ Validate() error }).Validate(); err != nil {
			t.Errorf("%s: %v", p.ID, err)
		}
	}
}
