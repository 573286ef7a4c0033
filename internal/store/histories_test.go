package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/crm"
)

// patched is a snapshot as it is, with another way of its deals.
func patched(t *testing.T, snap *crm.Snapshot, taken crm.Instant) *crm.Snapshot {
	t.Helper()
	b := crm.NewBuilder(snap.Portal, snap.CRM, snap.Schema)
	for i := range int32(snap.Len()) {
		d := snap.Export(i)
		d.Moves = append([]crm.StageMove{{Stage: d.Stage, At: 7}}, d.Moves...)
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(taken, snap.Asked, snap.Completeness)
}

func TestHistoriesAreKeptUntilTheyAreTakenIn(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		whole := crm.HistoryRecord{History: crm.History{Deal: "1", Moves: []crm.StageMove{{Stage: "a", At: 5, Origin: crm.OriginPerson}}, Complete: true,
			Known: crm.FactDates | crm.FactCloser, Dates: []crm.DateChange{{At: 5, To: 7, Origin: crm.OriginImport}}, Closer: "9"}, Stage: "a", Entered: 5, CloseDate: 7}
		cut := crm.HistoryRecord{History: crm.History{Deal: "2"}, Stage: "b", Entered: 9}
		if err := db.SaveHistories(ctx, "acme", []crm.HistoryRecord{{History: crm.History{Deal: "1"}, Stage: "z"}, cut}); err != nil {
			t.Fatal(err)
		}
		if err := db.SaveHistories(ctx, "acme", []crm.HistoryRecord{whole}); err != nil {
			t.Fatal(err)
		}
		if err := db.SaveHistories(ctx, "other", []crm.HistoryRecord{cut}); err != nil {
			t.Fatal(err)
		}
		got, err := db.Histories(ctx, "acme")
		if d := cmp.Diff([]crm.HistoryRecord{whole, cut}, got); d != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
		if s, err := db.HistoryState(ctx, "acme"); s != nil || err != nil {
			t.Errorf("a state before any backfill: %+v, %v", s, err)
		}
		want := crm.HistoryState{Known: 1, Partial: 1, Waiting: 6, RetryAt: 1000, Why: "the share"}
		if err := db.SaveBackfill(ctx, "acme", want, []string{"1"}, nil); err != nil {
			t.Fatal(err)
		}
		if s, err := db.HistoryState(ctx, "acme"); err != nil || s == nil || *s != want || s.Deals() != 8 {
			t.Errorf("state %+v, %v", s, err)
		}
		if got, err := db.Histories(ctx, "acme"); err != nil || len(got) != 1 || got[0].Deal != "2" {
			t.Errorf("histories %+v, %v", got, err)
		}
		if got, err := db.Histories(ctx, "other"); err != nil || len(got) != 1 {
			t.Errorf("histories of another portal %+v, %v", got, err)
		}
	})
}

// A backfill betters the newest snapshot in its place: no second one, the same time and sync, and the next idle sync
// recognises it.
func TestABackfillBettersTheNewestSnapshot(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		first := saveSync(t, db, "s1", clock.Now())
		clock.Advance(time.Hour)
		better := patched(t, first, first.Taken)
		if err := db.SaveBackfill(ctx, "acme", crm.HistoryState{Known: 1}, nil, better); err != nil {
			t.Fatal(err)
		}
		kept, err := db.LoadSnapshot(ctx, "acme")
		if err != nil || kept.Taken != first.Taken || !kept.Completeness.Complete() || len(kept.Moves(0)) != len(first.Moves(0))+1 {
			t.Fatalf("kept %+v, %v", kept, err)
		}
		if n := snapshots(t, db); n != 1 {
			t.Errorf("%d snapshots", n)
		}
		clock.Advance(time.Hour)
		same := patched(t, first, crm.At(clock.Now())) // as an idle sync gives it
		if err := db.SaveSync(ctx, crm.Sync{ID: "s2", Portal: "acme", Ended: same.Taken}, same); err != nil {
			t.Fatal(err)
		}
		if n := snapshots(t, db); n != 1 {
			t.Errorf("%d snapshots after an idle sync", n)
		}
		err = db.SaveBackfill(ctx, "acme", crm.HistoryState{Known: 5}, nil, better)
		if !errors.Is(err, ErrOvertaken) {
			t.Errorf("a snapshot of another moment was put in place: %v", err)
		}
		if s, err := db.HistoryState(ctx, "acme"); err != nil || s.Known != 1 {
			t.Errorf("state %+v, %v", s, err)
		}
	})
}

// saveSync keeps a complete sync of a portal with one deal.
func saveSync(t *testing.T, db *DB, id string, at time.Time) *crm.Snapshot {
	t.Helper()
	b := crm.NewBuilder("acme", "pipedrive", crm.Schema{Pipelines: []crm.Pipeline{{ID: "p", Stages: []crm.Stage{{ID: "a"}, {ID: "b"}}}}})
	if err := b.Add(crm.Deal{ID: "1", Pipeline: "p", Stage: "b", Moves: []crm.StageMove{{Stage: "b", At: 9}}, Known: crm.FactStageEntry, StageEntry: 9}); err != nil {
		t.Fatal(err)
	}
	snap := b.Build(crm.At(at), crm.AllFacts, crm.Completeness{})
	if err := db.SaveSync(t.Context(), crm.Sync{ID: id, Portal: "acme", Ended: crm.At(at)}, snap); err != nil {
		t.Fatal(err)
	}
	return snap
}

func snapshots(t *testing.T, db *DB) (n int) {
	t.Helper()
	if err := db.read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM snapshots`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatIsRemembered(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		recall := func(portal string, want int64) {
			t.Helper()
			if n, err := db.Recall(t.Context(), portal, "seats"); err != nil || n != want {
				t.Errorf("%s: %d is remembered, %v; want %d", portal, n, err, want)
			}
		}
		recall("acme", 0)
		for _, n := range []int64{4, 9} {
			if err := db.Remember(t.Context(), "acme", "seats", n); err != nil {
				t.Fatal(err)
			}
			recall("acme", n)
		}
		recall("other", 0)
		clock.Advance(ledgerKept + time.Hour)
		if _, err := db.Take(t.Context(), "acme", "w", 1, 5); err != nil {
			t.Fatal(err)
		}
		recall("acme", 0)
	})
}
