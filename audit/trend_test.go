package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// onDay is a moment, so many days into the test's time.
func onDay(n int) crm.Instant { return crm.Instant(int64(n) * 86_400_000_000) }

func TestTrendTellsEachFindingsFate(t *testing.T) {
	list := []audit.Interval{
		{Finding: "still", Policy: "a", Opened: onDay(1)},
		{Finding: "new", Policy: "a", Opened: onDay(12)},
		{Finding: "back long after", Policy: "a", Opened: onDay(13), Again: true},
		{Finding: "away for a day", Policy: "a", Opened: onDay(2), Resolved: onDay(11)},
		{Finding: "away for a day", Policy: "a", Opened: onDay(12), Again: true},
		{Finding: "resolved", Policy: "b", Opened: onDay(4), Resolved: onDay(14)},
		{Finding: "passing", Policy: "b", Opened: onDay(12), Resolved: onDay(14)},
		{Finding: "accepted", Policy: "b", Opened: onDay(12), Waived: true},
	}
	got := audit.NewTrend("acme", list, onDay(10), onDay(20))
	if d := cmp.Diff(audit.TrendCounts{New: 1, Reopened: 2, StillOpen: 1, Waived: 1, Resolved: 1, Passing: 1}, got.TrendCounts); d != "" {
		t.Errorf("counts (-want +got):\n%s", d)
	}
	want := []audit.PolicyTrend{{Policy: "a", TrendCounts: audit.TrendCounts{New: 1, Reopened: 2, StillOpen: 1}}, {Policy: "b", TrendCounts: audit.TrendCounts{Waived: 1, Resolved: 1, Passing: 1}}}
	if d := cmp.Diff(want, got.Policies); d != "" {
		t.Errorf("by policy (-want +got):\n%s", d)
	}
	if got.Age.N != 4 || *got.Age.MedianDays != 8 || *got.Age.MaxDays != 19 {
		t.Errorf("age %+v", got.Age)
	}
	if got.ResolveTime.N != 2 || *got.ResolveTime.MedianDays != 2 || *got.ResolveTime.P90Days != 10 {
		t.Errorf("time to resolve %+v", got.ResolveTime)
	}
	if none := audit.NewTrend("acme", nil, onDay(1), onDay(2)); none.Age.MedianDays != nil || none.Open() != 0 || none.Policies == nil {
		t.Errorf("of nothing %+v", none)
	}
}

// TestTrendAddsUp: what holds now is new, reopened, still open or waived; what held then is resolved, still open, away in between
// or waived since.
func TestTrendAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		since, asOf := onDay(10), onDay(20)
		var list []audit.Interval
		holds, held := 0, 0
		for _, id := range []string{"1", "2", "3", "4", "5"} {
			again, wasThere, isThere := false, false, false
			for day := rapid.IntRange(1, 19).Draw(rt, "opened"); day < 20; day += rapid.IntRange(1, 5).Draw(rt, "away") {
				i := audit.Interval{Finding: id, Policy: "p" + id, Opened: onDay(day), Again: again}
				wasThere = wasThere || day <= 10
				if day += rapid.IntRange(1, 12).Draw(rt, "held"); day < 20 {
					i.Resolved = onDay(day)
					if day <= 10 { // over before the time that is looked at: not among what is handed in
						again, wasThere = true, false
						continue
					}
				}
				isThere = i.Resolved.IsZero()
				list, again = append(list, i), true
			}
			if isThere {
				holds++
			}
			if wasThere {
				held++
			}
		}
		got := audit.NewTrend("acme", list, since, asOf)
		if got.Open() != holds {
			rt.Fatalf("%d hold, and the trend has %+v", holds, got.TrendCounts)
		}
		if most := got.StillOpen + got.Resolved + got.Reopened; got.StillOpen+got.Resolved > held || most < held {
			rt.Fatalf("%d held, and the trend has %+v", held, got.TrendCounts)
		}
		sum := audit.TrendCounts{}
		for _, p := range got.Policies {
			sum.New, sum.Resolved, sum.StillOpen, sum.Reopened, sum.Passing = sum.New+p.New, sum.Resolved+p.Resolved, sum.StillOpen+p.StillOpen, sum.Reopened+p.Reopened, sum.Passing+p.Passing
		}
		if sum != got.TrendCounts {
			rt.Fatalf("policies make %+v of %+v", sum, got.TrendCounts)
		}
	})
}

func TestScoresAreComparedByWhatBothJudged(t *testing.T) {
	score := 90.0
	before := &audit.Result{AsOf: 5, Score: &score, ScoreParts: []audit.ScorePart{{Family: audit.FamilyActivity, Points: 25, Lost: 5}, {Family: audit.FamilyPath, Points: 10, Lost: 10}}}
	now := &audit.Result{AsOf: 9, Score: &score, ScoreParts: []audit.ScorePart{{Family: audit.FamilyActivity, Points: 25, Lost: 10}, {Family: audit.FamilyRecord, Points: 15, Lost: 0}}}
	want := &audit.ScoreChange{At: 5, Before: 80, Now: 60, Families: []audit.Family{audit.FamilyActivity}}
	if d := cmp.Diff(want, audit.CompareScores(before, now)); d != "" {
		t.Errorf("change (-want +got):\n%s", d)
	}
	if audit.CompareScores(&audit.Result{ScoreParts: before.ScoreParts}, now) != nil || audit.CompareScores(nil, now) != nil {
		t.Error("scores that there are not were compared")
	}
}
