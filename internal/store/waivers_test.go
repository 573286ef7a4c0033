package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

func TestWaiversComeAndGo(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		f := finding("stale", "1", nil)
		ok(t, db.SaveResult(ctx, result(clock.Now(), f)))
		waiver := audit.Waiver{Finding: f.ID, Reason: "agreed", Author: "ada", Until: crm.At(testStart.Add(48 * time.Hour))}
		state := func(want FindingState, w *audit.Waiver) {
			t.Helper()
			got := kept(t, db, FindingFilter{})
			if len(got) != 1 || got[0].State != want {
				t.Fatalf("%+v, want %s", got, want)
			}
			r, err := db.LastResult(ctx, "acme")
			ok(t, err)
			for _, x := range []*audit.Waiver{got[0].Waived, r.Findings[0].Waived} {
				if d := cmp.Diff(w, x); d != "" {
					t.Errorf("waiver (-want +got):\n%s", d)
				}
			}
		}
		given := func(want ...audit.Waiver) {
			t.Helper()
			got, err := db.Waivers(ctx, "acme", db.instant())
			ok(t, err)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("waivers (-want +got):\n%s", d)
			}
		}
		clock.Advance(time.Minute)
		ok(t, db.Waive(ctx, "acme", waiver))
		state(FindingWaived, &waiver)
		given(waiver)
		longer := waiver
		longer.Reason, longer.Until = "agreed again", crm.At(testStart.Add(72*time.Hour))
		clock.Advance(time.Minute)
		ok(t, db.Waive(ctx, "acme", longer))
		given(longer)
		before, err := db.Waivers(ctx, "acme", crm.At(testStart.Add(90*time.Second)))
		ok(t, err)
		if d := cmp.Diff([]audit.Waiver{waiver}, before); d != "" {
			t.Errorf("as of then (-want +got):\n%s", d)
		}
		ok(t, db.Unwaive(ctx, "acme", f.ID, "brian"))
		state(FindingOpen, nil)
		given()
		if err := db.Unwaive(ctx, "acme", f.ID, "brian"); !errors.Is(err, ErrNotFound) {
			t.Errorf("taken back twice: %v", err)
		}
		ok(t, db.Waive(ctx, "acme", waiver))
		clock.Advance(72 * time.Hour)
		state(FindingOpen, nil) // it has ended, though no audit has run since
		given(waiver)
		for name, bad := range map[string]audit.Waiver{"ended": waiver, "of nothing": {Finding: "00", Until: crm.At(clock.Now().Add(time.Hour))}} {
			if err := db.Waive(ctx, "acme", bad); err == nil {
				t.Errorf("a waiver %s was taken", name)
			}
		}
		if err := db.Waive(ctx, "beta", audit.Waiver{Finding: f.ID, Until: crm.At(clock.Now().Add(time.Hour))}); !errors.Is(err, ErrNotFound) {
			t.Errorf("another portal's finding: %v", err)
		}
	})
}

func TestFindingsNamed(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		a, b := finding("stale", "1", nil), finding("stale", "2", nil)
		a.ID, b.ID = "ab0f000000000001", "abff000000000002"
		ok(t, db.SaveResult(t.Context(), result(testStart, a, b)))
		for digits, want := range map[string]int{"ab": 2, "abf": 1, "ab0f000000000001": 1, "b": 0, "ac": 0} {
			got, err := db.FindingsNamed(t.Context(), digits)
			ok(t, err)
			if len(got) != want {
				t.Errorf("%s names %d findings, want %d", digits, len(got), want)
			}
		}
	})
}

func TestBaselines(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		save := func(all ...audit.Finding) crm.Instant {
			clock.Advance(time.Hour)
			r := result(clock.Now(), all...)
			ok(t, db.SaveResult(ctx, r))
			return r.AsOf
		}
		old, back, fresh := finding("stale", "1", nil), finding("stale", "2", nil), finding("late", "3", nil)
		fresh.Severity = audit.Low
		at := save(old, back)
		if n, err := db.CountNew(ctx); err != nil || len(n) != 0 {
			t.Errorf("without a baseline %v, %v", n, err)
		}
		ok(t, db.SetBaseline(ctx, Baseline{Portal: "acme", Name: "q3", At: at, Author: "ada"}))
		between := save(old)
		last := save(old, back, fresh)
		held, err := db.Held(ctx, "acme", at, last)
		ok(t, err)
		if d := cmp.Diff(map[string]bool{old.ID: true}, held); d != "" {
			t.Errorf("held all the time (-want +got):\n%s", d)
		}
		if held, err = db.Held(ctx, "acme", between, between); err != nil || len(held) != 1 {
			t.Errorf("held in between: %v, %v", held, err)
		}
		news, err := db.CountNew(ctx)
		ok(t, err)
		want := []NewCount{{"acme", audit.Info, 0}, {"acme", audit.Low, 1}, {"acme", audit.Medium, 0}, {"acme", audit.High, 1}, {"acme", audit.Critical, 0}}
		if d := cmp.Diff(want, news); d != "" {
			t.Errorf("new (-want +got):\n%s", d)
		}
		clock.Advance(time.Hour)
		ok(t, db.SetBaseline(ctx, Baseline{Portal: "acme", Name: "q4", At: last, Author: "ada"}))
		if news, err = db.CountNew(ctx); err != nil || len(news) != 5 || news[3].N != 0 {
			t.Errorf("since the baseline that was set last: %v, %v", news, err)
		}
		all, err := db.Baselines(ctx, "acme")
		ok(t, err)
		if len(all) != 2 || all[0].Name != "q4" || all[1] != (Baseline{"acme", "q3", at, "ada", crm.At(at.Time())}) {
			t.Errorf("baselines %+v", all)
		}
		for _, there := range []bool{true, false} {
			if was, err := db.ClearBaseline(ctx, "acme", "q3"); err != nil || was != there {
				t.Errorf("cleared %t, %v", was, err)
			}
		}
	})
}

func TestTrendIsReadFromIntervals(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		var lost float64
		save := func(all ...audit.Finding) {
			clock.Advance(24 * time.Hour)
			r := result(clock.Now(), all...)
			r.ScoreParts = []audit.ScorePart{{Family: audit.FamilyActivity, Points: 100, Lost: lost}}
			ok(t, db.SaveResult(ctx, r))
		}
		a, b, c, d := finding("stale", "1", nil), finding("stale", "2", nil), finding("late", "3", nil), finding("late", "4", nil)
		if got, err := db.Trend(ctx, "acme", 1); got != nil || err != nil {
			t.Fatalf("without an audit %+v, %v", got, err)
		}
		lost = 40
		save(a, b, c) // day 1
		if got, err := db.Trend(ctx, "acme", 1); got != nil || err != nil {
			t.Fatalf("after one audit %+v, %v", got, err)
		}
		save(a, b)    // day 2
		save(a, c, d) // day 3
		lost = 10
		save(a, c, d) // day 4
		day := func(n int) crm.Instant { return crm.At(testStart.Add(time.Duration(n) * 24 * time.Hour)) }
		for name, x := range map[string]struct {
			since crm.Instant
			want  audit.TrendCounts
			score float64
		}{
			"since before the first": {1, audit.TrendCounts{New: 1, Reopened: 1, StillOpen: 1, Resolved: 1}, 60},
			"since the second":       {day(2), audit.TrendCounts{New: 1, Reopened: 1, StillOpen: 1, Resolved: 1}, 60},
			"since the third":        {day(3), audit.TrendCounts{StillOpen: 3}, 60},
		} {
			got, err := db.Trend(ctx, "acme", x.since)
			ok(t, err)
			if d := cmp.Diff(x.want, got.TrendCounts); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
			if got.Since != max(x.since, day(1)) || got.AsOf != day(4) || got.Score == nil || got.Score.Before != x.score || got.Score.Now != 90 {
				t.Errorf("%s: %+v, score %+v", name, got, got.Score)
			}
		}
		if got, err := db.Trend(ctx, "acme", day(4)); got != nil || err != nil {
			t.Errorf("since the last audit %+v, %v", got, err)
		}
	})
}

func TestCountChanges(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		a, b, c := finding("stale", "1", nil), finding("stale", "2", nil), finding("late", "3", nil)
		ok(t, db.SaveResult(ctx, result(clock.Now(), a, b, c)))
		clock.Advance(time.Hour)
		ok(t, db.SaveResult(ctx, result(clock.Now(), a, b)))
		for id, days := range map[string]int{a.ID: 13, b.ID: 15} {
			ok(t, db.Waive(ctx, "acme", audit.Waiver{Finding: id, Until: crm.At(clock.Now().Add(time.Duration(days) * 24 * time.Hour))}))
		}
		got, err := db.CountChanges(ctx)
		ok(t, err)
		if d := cmp.Diff([]FindingChanges{{Portal: "acme", Resolved: 1, Open: 2, Ending: 1}}, got); d != "" {
			t.Errorf("changes (-want +got):\n%s", d)
		}
	})
}
