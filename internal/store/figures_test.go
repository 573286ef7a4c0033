package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// TestCountsHoldThroughAnOutage counts what holds, waived apart, and keeps what an incomplete audit did not see again.
func TestCountsHoldThroughAnOutage(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		low := finding("late", "1", nil)
		low.Severity = audit.Low
		waived := finding("stale", "3", nil)
		waived.Waived = &audit.Waiver{Reason: "agreed", Author: "ada", Until: crm.At(clock.Now().Add(time.Hour))}
		check := func(want ...FindingCount) {
			t.Helper()
			got, err := db.CountFindings(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the counts (-want +got):\n%s", diff)
			}
		}
		check()
		if err := db.SaveResult(ctx, result(clock.Now(), low, finding("stale", "1", nil), finding("stale", "2", nil), waived)); err != nil {
			t.Fatal(err)
		}
		before := []FindingCount{{"acme", "late", audit.Low, FindingOpen, 1}, {"acme", "stale", audit.High, FindingOpen, 2}, {"acme", "stale", audit.High, FindingWaived, 1}}
		check(before...)

		clock.Advance(time.Minute)
		outage := result(clock.Now())
		outage.Complete, outage.Score = false, nil
		if err := db.SaveResult(ctx, outage); err != nil {
			t.Fatal(err)
		}
		check(before...)

		clock.Advance(2 * time.Hour) // beyond the waiver
		check(before[0], FindingCount{"acme", "stale", audit.High, FindingOpen, 3})
		if err := db.SaveResult(ctx, result(clock.Now(), low)); err != nil {
			t.Fatal(err)
		}
		check(before[0])
	})
}

// TestFigures are the newest audit of each portal without its lists.
func TestFigures(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		first := result(clock.Now(), finding("stale", "1", nil))
		if err := db.SaveResult(ctx, first); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Minute)
		last := result(clock.Now(), finding("stale", "1", nil))
		last.Unknown = []audit.Unknown{{Policy: "late", Subject: crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: "2"}}}
		if err := db.SaveResult(ctx, last); err != nil {
			t.Fatal(err)
		}
		got, err := db.LastFigures(ctx)
		if err != nil || len(got) != 1 {
			t.Fatalf("%d figures, %v", len(got), err)
		}
		last.Findings, last.Unknown = nil, nil
		if diff := cmp.Diff(last, got[0]); diff != "" {
			t.Errorf("the figures (-want +got):\n%s", diff)
		}
	})
}
