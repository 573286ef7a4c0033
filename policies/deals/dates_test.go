package deals

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
	"github.com/plumbline/plumbline/internal/crm"
)

func TestCloseDateDefault(t *testing.T) {
	audittest.Run(t, CloseDateDefault(), "testdata/close-date-default*.txtar", StaleInStage(), OpenTooLong(), CloseDatePast())
}

func TestCloseDateTooSoon(t *testing.T) {
	audittest.Run(t, CloseDateTooSoon(), "testdata/close-date-too-soon*.txtar", StaleInStage(), OpenTooLong(), CloseDatePast())
}

func TestCloseDatePushed(t *testing.T) {
	audittest.Run(t, CloseDatePushed(), "testdata/close-date-pushed*.txtar")
}

func TestAmountSuspicious(t *testing.T) {
	audittest.Run(t, AmountSuspicious(), "testdata/amount-suspicious*.txtar")
}

func TestDatesImpossible(t *testing.T) {
	audittest.Run(t, DatesImpossible(), "testdata/dates-impossible*.txtar")
}

func TestDuplicateDeal(t *testing.T) {
	audittest.Run(t, DuplicateDeal(), "testdata/duplicate-deal*.txtar")
}

func TestReopened(t *testing.T)    { audittest.Run(t, Reopened(), "testdata/reopened*.txtar") }
func TestCreatedLate(t *testing.T) { audittest.Run(t, CreatedLate(), "testdata/created-late*.txtar") }
func TestStageRushed(t *testing.T) { audittest.Run(t, StageRushed(), "testdata/stage-rushed*.txtar") }
func TestWonIncomplete(t *testing.T) {
	audittest.Run(t, WonIncomplete(), "testdata/won-incomplete*.txtar")
}

func TestDateSettingsAreRefused(t *testing.T) {
	for name, s := range map[string]interface{ Validate() error }{
		"too soon: percentile 0": closeDateTooSoon{}, "too soon: percentile 1": closeDateTooSoon{Percentile: 1},
		"pushed: below 0": closeDatePushed{Limit: -1, Days: 7}, "pushed: no days": closeDatePushed{Limit: 3},
		"amount: times 0": amountSuspicious{}, "amount: tiny below 0": amountSuspicious{Tiny: -1, Times: 4},
		"duplicate: no window": duplicateDeal{}, "reopened: limit 0": reopened{},
		"rushed: one stage": stageRushed{Stages: 1, Window: aDay}, "rushed: no window": stageRushed{Stages: 3},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, p := range []*audit.Policy{CloseDateTooSoon(), CloseDatePushed(), AmountSuspicious(), DuplicateDeal(), Reopened(), StageRushed()} {
		v, ok := p.Defaults().(interface{ Validate() error })
		if !ok {
			t.Errorf("%s cannot validate its settings", p.ID)
		} else if err := v.Validate(); err != nil {
			t.Errorf("%s refuses its own defaults: %v", p.ID, err)
		}
	}
}

func TestDigitRuns(t *testing.T) {
	for text, want := range map[string]bool{
		"123": true, "9999": true, "1234567": true, "321": true, "777.77": true, "12345.67": true, "1111": true, "210": true, "0.12": false,
		"99": false, "12": false, "124": false, "1223": false, "1232": false, "1000": false, "99.90": false, "135": false, "-123": false, "1.2345": true, "890": false,
	} {
		a, err := crm.ParseAmount(text)
		if err != nil {
			t.Fatal(err)
		}
		if digitRun(a) != want {
			t.Errorf("%s: a run is %v", text, !want)
		}
	}
}

// TestNearDuplicates holds the stretches of a group to their meaning: two deals are in one where a chain of others joins them.
func TestNearDuplicates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.SliceOfN(rapid.IntRange(0, 400), 1, 12).Draw(t, "days")
		slices.Sort(days)
		start := crm.At(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
		var group []namesake
		for i, d := range days {
			group = append(group, namesake{index: int32(i), created: start.Add(time.Duration(d) * 24 * time.Hour)})
		}
		s := duplicateDeal{Window: 90 * aDay}
		for i := range group {
			near := s.near(group, int32(i))
			for j := range group {
				joined := true
				for k := min(i, j); k < max(i, j); k++ {
					joined = joined && days[k+1]-days[k] <= 90
				}
				if in := slices.ContainsFunc(near, func(n namesake) bool { return n.index == int32(j) }); in != joined {
					t.Fatalf("of days %v: %d is near %d: %v", days, j, i, in)
				}
			}
		}
	})
}
