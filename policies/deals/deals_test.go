package deals

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/design"
)

func TestStaleInStage(t *testing.T) {
	audittest.Run(t, StaleInStage(), "testdata/stale-in-stage*.txtar")
}
func TestOpenTooLong(t *testing.T) { audittest.Run(t, OpenTooLong(), "testdata/open-too-long*.txtar") }
func TestNoNextActivity(t *testing.T) {
	audittest.Run(t, NoNextActivity(), "testdata/no-next-activity*.txtar", capture(), NextActivityOverdue())
}
func TestStageSkipped(t *testing.T) {
	audittest.Run(t, StageSkipped(), "testdata/stage-skipped*.txtar", design.UnusedStage(), design.OftenSkippedStage())
}
func TestStageRegressed(t *testing.T) {
	audittest.Run(t, StageRegressed(), "testdata/stage-regressed*.txtar")
}
func TestCloseDatePast(t *testing.T) {
	audittest.Run(t, CloseDatePast(), "testdata/close-date-past*.txtar", StaleInStage(), OpenTooLong())
}
func TestCloseDateMissing(t *testing.T) {
	audittest.Run(t, CloseDateMissing(), "testdata/close-date-missing*.txtar", StaleInStage(), OpenTooLong())
}
func TestAmountMissing(t *testing.T) {
	audittest.Run(t, AmountMissing(), "testdata/amount-missing*.txtar")
}
func TestOwnerMissing(t *testing.T) {
	audittest.Run(t, OwnerMissing(), "testdata/owner-missing*.txtar")
}
func TestOwnerInactive(t *testing.T) {
	audittest.Run(t, OwnerInactive(), "testdata/owner-inactive*.txtar")
}
func TestLostReasonMissing(t *testing.T) {
	audittest.Run(t, LostReasonMissing(), "testdata/lost-reason-missing*.txtar")
}

func TestAddWorkingDays(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from string
		n    int
		zone *time.Location
		want string
	}{
		{"2026-11-20T12:00:00Z", 3, time.UTC, "2026-11-25T12:00:00Z"}, // Friday
		{"2026-11-21T09:00:00Z", 3, time.UTC, "2026-11-25T09:00:00Z"}, // Saturday
		{"2026-11-16T08:00:00Z", 3, time.UTC, "2026-11-19T08:00:00Z"}, // Monday
		{"2026-11-16T08:00:00Z", 0, time.UTC, "2026-11-16T08:00:00Z"},
		{"2026-11-21T03:00:00Z", 1, ny, "2026-11-24T03:00:00Z"}, // still Friday in New York
		{"2026-10-30T16:00:00Z", 1, ny, "2026-11-02T17:00:00Z"}, // the clocks change in between
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := addWorkingDays(crm.At(from), c.n, c.zone).String(); got != c.want {
			t.Errorf("%s and %d working days: %s, want %s", c.from, c.n, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	day := audit.Days(24 * time.Hour)
	for name, s := range map[string]interface{ Validate() error }{
		"stale: floor above ceiling": staleInStage{Floor: 2 * day, Ceiling: day, Default: day, Percentile: 0.9},
		"stale: no default":          staleInStage{Percentile: 0.9},
		"stale: percentile 0":        staleInStage{Default: day},
		"open: times 0":              openTooLong{Default: day},
		"next: below 0":              noNextActivity{WorkingDays: -1},
		"next: a lifetime":           noNextActivity{WorkingDays: 20000},
		"open: no default":           openTooLong{Times: 2},
		"skipped: limit 0":           stageSkipped{},
		"regressed: limit 0":         stageRegressed{},
		"past: limit 0":              closeDatePast{High: 14},
		"past: high below the limit": closeDatePast{Limit: 3, High: 2},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, p := range []*audit.Policy{StaleInStage(), OpenTooLong(), NoNextActivity(), StageSkipped(), StageRegressed(), CloseDatePast()} {
		v, ok := p.Defaults().(interface{ Validate() error })
		if !ok {
			t.Errorf("%s cannot validate its settings", p.ID)
		} else if err := v.Validate(); err != nil {
			t.Errorf("%s refuses its own defaults: %v", p.ID, err)
		}
	}
}
