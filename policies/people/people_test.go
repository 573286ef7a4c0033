package people

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
)

func TestOwnerOverloaded(t *testing.T) {
	audittest.Run(t, OwnerOverloaded(), "testdata/owner-overloaded*.txtar")
}

func TestOwnerBehindAtStage(t *testing.T) {
	audittest.Run(t, OwnerBehindAtStage(), "testdata/owner-behind-at-stage*.txtar")
}

func TestPeopleCostNothing(t *testing.T) {
	for _, p := range []*audit.Policy{OwnerOverloaded(), OwnerBehindAtStage()} {
		if p.Family != "" || p.Fix != audit.FixAdvice || p.Severity != audit.Info {
			t.Errorf("%s: family %q, fix %s, severity %s", p.ID, p.Family, p.Fix, p.Severity)
		}
	}
	if OwnerOverloaded().Off || !OwnerBehindAtStage().Off {
		t.Error("owner-behind-at-stage alone is off by default")
	}
}

func TestSettings(t *testing.T) {
	day := audit.Days(24 * time.Hour)
	for name, s := range map[string]interface{ Validate() error }{
		"overloaded: by nothing": ownerOverloaded{Factor: 2},
		"overloaded: by less":    ownerOverloaded{Limit: 50, Factor: 0.5},
		"behind: no window":      ownerBehindAtStage{Points: 0.15, MinDeals: 20},
		"behind: of nothing":     ownerBehindAtStage{Points: 0.15, Window: day},
		"behind: by nothing":     ownerBehindAtStage{MinDeals: 20, Window: day},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, p := range []*audit.Policy{OwnerOverloaded(), OwnerBehindAtStage()} {
		if err := p.Defaults().(interface{ Validate() error }).Validate(); err != nil {
			t.Errorf("%s refuses its own defaults: %v", p.ID, err)
		}
	}
}
