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
