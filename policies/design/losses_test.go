package design

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
)

func TestUnresponsiveLosses(t *testing.T) {
	audittest.Run(t, UnresponsiveLosses(), "testdata/unresponsive-losses*.txtar")
}

func TestUnresponsiveLossesSettings(t *testing.T) {
	for name, s := range map[string]unresponsiveLosses{"no window": {MinLosses: 1}, "no losses": {Window: audit.Days(time.Hour)}} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if err := UnresponsiveLosses().Defaults().(unresponsiveLosses).Validate(); err != nil {
		t.Error(err)
	}
}
