package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

var (
	_ mirror.Store      = (*DB)(nil)
	_ connectors.Memory = (*DB)(nil)
)

var sales = crm.Schema{Currency: "EUR", Pipelines: []crm.Pipeline{{ID: "p", Name: "Sales", Stages: []crm.Stage{{ID: "s", Name: "New"}, {ID: "w", Order: 1, Kind: crm.Won}}}}}

// testSnapshot is a snapshot of n deals whose names carry a tag.
func testSnapshot(t *testing.T, taken time.Time, n int, tag string, gaps ...crm.Gap) *crm.Snapshot {
	t.Helper()
	b := crm.NewBuilder("acme", "hubspot", sales)
	for i := range n {
		d := crm.Deal{ID: fmt.Sprint(i), Name: tag, Pipeline: "p", Stage: "s", Created: crm.At(testStart), Known: crm.AllFacts, Moves: []crm.StageMove{{Stage: "s", At: crm.At(testStart)}}}
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(crm.At(taken), crm.AllFacts, crm.Completeness{Gaps: gaps})
}

func name(s *crm.Snapshot) string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%s %d", s.Text(s.Deal(0).Name), s.Len())
}

// ended is the record of a sync that ended with a snapshot.
func ended(id string, at time.Time, gaps ...crm.Gap) crm.Sync {
	return crm.Sync{ID: id, Portal: "acme", Full: true, Started: crm.At(at), Ended: crm.At(at), Watermark: crm.At(at), Completeness: crm.Completeness{Gaps: gaps}}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSnapshotsRoundTrip(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		if got, err := db.LoadSnapshot(ctx, "acme"); got != nil || err != nil {
			t.Fatalf("an empty store gave %v, %v", got, err)
		}
		want, record := testSnapshot(t, testStart, 3, "a"), ended("1", testStart)
		record.Facts, record.Requests, record.Completeness.Read = crm.AllFacts, 7, map[string]crm.Count{"deals": {Read: 3}}
		ok(t, db.SaveSync(ctx, record, want))
		got, err := db.LoadSnapshot(ctx, "acme")
		ok(t, err)
		if d := cmp.Diff(want.Columns(), got.Columns(), cmpopts.EquateEmpty()) + cmp.Diff(want, got, cmpopts.IgnoreUnexported(crm.Snapshot{})); d != "" {
			t.Errorf("snapshot (-want +got):\n%s", d)
		}
		last, err := db.LastEnded(ctx, "acme")
		ok(t, err)
		if d := cmp.Diff(&record, last); d != "" {
			t.Errorf("sync (-want +got):\n%s", d)
		}
		if other, err := db.LoadSnapshot(ctx, "other"); other != nil || err != nil {
			t.Errorf("another portal has %v, %v", other, err)
		}
	})
}

func TestSnapshotsByTime(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		save := func(tag string, gaps ...crm.Gap) {
			ok(t, db.SaveSync(ctx, ended(tag+clock.Now().String(), clock.Now(), gaps...), testSnapshot(t, clock.Now(), 1, tag, gaps...)))
		}
		at := func(d time.Duration) string {
			s, err := db.SnapshotAt(ctx, "acme", crm.At(testStart.Add(d)))
			ok(t, err)
			return name(s)
		}
		const day = 24 * time.Hour
		if got := at(0); got != "none 0" && got != "none" {
			t.Errorf("an empty store gave %s", got)
		}
		save("monday") // the test's day is a Sunday, its name does not matter
		clock.Advance(time.Hour)
		save("monday late")
		clock.Advance(time.Hour)
		save("monday broken", crm.Gap{Object: "deals"})
		clock.Advance(day)
		save("same")
		clock.Advance(day)
		save("same")
		clock.Advance(day)
		save("new")
		for d, want := range map[time.Duration]string{-day: "monday late 1", 3 * time.Hour: "monday late 1", 2*time.Hour + day: "same 1", 2*time.Hour + 2*day: "same 1", 9 * day: "new 1"} {
			if got := at(d); got != want {
				t.Errorf("at %s it is %s, want %s", d, got, want)
			}
		}
		same, err := db.SnapshotAt(ctx, "acme", crm.At(testStart.Add(2*time.Hour+day+day/2)))
		ok(t, err)
		if want := crm.At(testStart.Add(2*time.Hour + day + day/2)); same.Taken != want {
			t.Errorf("taken %s, want %s", same.Taken, want)
		}
		n, err := scanAll(ctx, db.read(), scanInt, `SELECT COUNT(*) FROM snapshots`)
		ok(t, err)
		if n[0] != 3 {
			t.Errorf("%d snapshots are kept", n[0])
		}
		for range 60 { // two months of days, each unlike the one before
			clock.Advance(day)
			save(clock.Now().String())
		}
		n, err = scanAll(ctx, db.read(), scanInt, `SELECT COUNT(*) FROM snapshots`)
		ok(t, err)
		if n[0] < 36+3 || n[0] > 36+6 {
			t.Errorf("%d snapshots are kept of two months", n[0])
		}
		chunks, err := scanAll(ctx, db.read(), scanInt, `SELECT COUNT(*) FROM snapshot_chunks`)
		ok(t, err)
		if chunks[0] != n[0] {
			t.Errorf("%d chunks of %d snapshots", chunks[0], n[0])
		}
	})
}

func TestPartsOfAnInterruptedSync(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		ok(t, db.SaveSync(ctx, ended("0", clock.Now()), testSnapshot(t, clock.Now(), 1, "before")))
		clock.Advance(time.Minute)
		open := crm.Sync{ID: "1", Portal: "acme", Full: true, Started: crm.At(clock.Now()), Cursor: crm.Cursor{After: "x"}}
		for i, tag := range []string{"first", "second"} {
			open.Cursor.After = tag
			ok(t, db.SavePart(ctx, open, testSnapshot(t, clock.Now(), 10+i, tag)))
		}
		open.Error = "the CRM is not available"
		open.Completeness.Gaps = []crm.Gap{{Object: "deals", Why: open.Error}}
		ok(t, db.SaveSync(ctx, open, nil))
		got, parts, err := db.OpenSync(ctx, "acme")
		ok(t, err)
		if d := cmp.Diff(&open, got); d != "" || len(parts) != 2 || name(parts[0]) != "first 10" || name(parts[1]) != "second 11" {
			t.Errorf("%d parts, sync (-want +got):\n%s", len(parts), d)
		}
		snap, err := db.LoadSnapshot(ctx, "acme")
		ok(t, err)
		if name(snap) != "before 1" || snap.Completeness.Complete() {
			t.Errorf("what was known before looks complete after an outage: %s, %+v", name(snap), snap.Completeness)
		}
		if last, err := db.LastEnded(ctx, "acme"); err != nil || last.ID != "0" {
			t.Errorf("last ended %+v, %v", last, err)
		}
		states, err := db.LastSyncs(ctx)
		ok(t, err)
		if len(states) != 1 || states[0].Sync.ID != "1" || states[0].LastComplete != crm.At(testStart) {
			t.Errorf("states %+v", states)
		}
		clock.Advance(time.Minute)
		ok(t, db.SaveSync(ctx, ended("1", clock.Now()), testSnapshot(t, clock.Now(), 21, "whole")))
		if got, parts, err := db.OpenSync(ctx, "acme"); got != nil || parts != nil || err != nil {
			t.Errorf("after its end the sync is open: %v, %v, %v", got, parts, err)
		}
		if n, err := scanAll(ctx, db.read(), scanInt, `SELECT COUNT(*) FROM snapshots WHERE part > 0`); err != nil || n[0] != 0 {
			t.Errorf("%v parts are left, %v", n, err)
		}
		if last, err := db.LastSync(ctx, "acme"); err != nil || last.ID != "1" {
			t.Errorf("last %+v, %v", last, err)
		}
		if all, err := db.Syncs(ctx, "acme", 9); err != nil || len(all) != 2 || all[1].ID != "0" {
			t.Errorf("syncs %+v, %v", all, err)
		}
	})
}

// TestNewerOpenSyncReplacesOlder begins another full walk although one is open.
func TestNewerOpenSyncReplacesOlder(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		for _, id := range []string{"1", "2"} {
			ok(t, db.SavePart(t.Context(), crm.Sync{ID: id, Portal: "acme"}, testSnapshot(t, testStart, 1, id)))
		}
		open, parts, err := db.OpenSync(t.Context(), "acme")
		ok(t, err)
		if open.ID != "2" || len(parts) != 1 || name(parts[0]) != "2 1" {
			t.Errorf("open %s with %d parts", open.ID, len(parts))
		}
	})
}

func TestLeases(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		a, err := db.AcquireLease(ctx, "acme", "serve on host1")
		ok(t, err)
		_, err = db.AcquireLease(ctx, "acme", "sync on host2")
		var leased *LeasedError
		if !errors.As(err, &leased) || leased.Holder != "serve on host1" || leased.Until != crm.At(testStart.Add(LeaseTime)) {
			t.Fatalf("a live lease gave %v", err)
		}
		if _, err := db.AcquireLease(ctx, "other", "sync on host2"); err != nil {
			t.Errorf("another portal: %v", err)
		}
		clock.Advance(LeaseTime - time.Second)
		ok(t, a.Renew(ctx))
		clock.Advance(LeaseTime - time.Second)
		if _, err := db.AcquireLease(ctx, "acme", "b"); !errors.As(err, &leased) {
			t.Fatalf("a renewed lease gave %v", err)
		}
		clock.Advance(time.Second)
		b, err := db.AcquireLease(ctx, "acme", "b")
		ok(t, err)
		if err := a.Renew(ctx); !errors.Is(err, ErrLeaseLost) {
			t.Errorf("a lost lease was renewed: %v", err)
		}
		ok(t, a.Release(ctx)) // must not give away what is b's
		if _, err := db.AcquireLease(ctx, "acme", "c"); !errors.As(err, &leased) || leased.Holder != "b" {
			t.Errorf("after the loser's release: %v", err)
		}
		ok(t, b.Release(ctx))
		if _, err := db.AcquireLease(ctx, "acme", "c"); err != nil {
			t.Error(err)
		}
	})
}

func TestOneLeaseOfMany(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		dbs := []*DB{openTest(t, url, &testClock{now: testStart}), openTest(t, url, &testClock{now: testStart})}
		var got, refused int
		var mu sync.Mutex
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				_, err := dbs[i%2].AcquireLease(context.WithoutCancel(t.Context()), "acme", fmt.Sprint(i))
				mu.Lock()
				defer mu.Unlock()
				if leased := new(LeasedError); errors.As(err, &leased) {
					refused++
				} else if err == nil {
					got++
				} else {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got != 1 || refused != 19 {
			t.Errorf("%d got the lease, %d were refused", got, refused)
		}
	})
}

func TestLedger(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		clock := &testClock{now: testStart}
		dbs := []*DB{openTest(t, url, clock), openTest(t, url, clock)}
		take := func(window string, want, limit int64) int64 {
			n, err := dbs[0].Take(t.Context(), "acme", window, want, limit)
			ok(t, err)
			return n
		}
		for i, c := range []struct{ want, limit, granted int64 }{{40, 100, 40}, {40, 100, 40}, {40, 100, 20}, {1, 100, 0}, {5, 110, 5}, {5, 50, 0}, {-3, 200, 0}, {200, 200, 95}} {
			if got := take("day", c.want, c.limit); got != c.granted {
				t.Errorf("take %d: %d of %d gave %d, want %d", i, c.want, c.limit, got, c.granted)
			}
		}
		if got := take("first", 40, 30); got != 30 {
			t.Errorf("a first take beyond the limit gave %d", got)
		}
		var mu sync.Mutex
		var group sync.WaitGroup
		total := int64(0)
		for i := range 40 {
			group.Go(func() {
				n, err := dbs[i%2].Take(context.WithoutCancel(t.Context()), "acme", "shared", 7, 100)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				total += n
			})
		}
		group.Wait()
		if total != 100 {
			t.Errorf("two processes were granted %d of 100", total)
		}
		clock.Advance(ledgerKept + time.Second)
		take("new", 1, 1)
		if n, err := scanAll(t.Context(), dbs[0].read(), scanInt, `SELECT COUNT(*) FROM ledger`); err != nil || n[0] != 1 {
			t.Errorf("%v windows are left, %v", n, err)
		}
	})
}

func TestSchedules(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		clock := &testClock{now: testStart}
		dbs := []*DB{openTest(t, url, clock), openTest(t, url, clock)}
		ctx, now := t.Context(), crm.At(testStart)
		a, b := Schedule{"a", "0 6 * * *", "UTC", now}, Schedule{"b", "0 7 * * *", "Europe/Paris", now.Add(time.Hour)}
		ok(t, dbs[0].SetSchedules(ctx, []Schedule{a, b, {Portal: "c", Cron: "never"}}))
		a2, b2 := a, b
		a2.Next, b2.Next, b2.Cron = now.Add(9*time.Hour), now.Add(2*time.Hour), "0 8 * * *"
		ok(t, dbs[0].SetSchedules(ctx, []Schedule{a2, b2})) // a as it was keeps its run, b is new, c goes
		got, err := dbs[1].Schedules(ctx)
		ok(t, err)
		if d := cmp.Diff([]Schedule{a, b2}, got); d != "" {
			t.Fatalf("schedules (-want +got):\n%s", d)
		}
		clock.Advance(50 * time.Hour) // many runs of both were missed
		next := func(s Schedule) (crm.Instant, error) { return crm.At(clock.Now()).Add(time.Hour), nil }
		var mu sync.Mutex
		runs := map[string]int{}
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				claimed, err := dbs[i%2].ClaimDue(context.WithoutCancel(ctx), next)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				for _, s := range claimed {
					runs[s.Portal]++
				}
			})
		}
		group.Wait()
		if d := cmp.Diff(map[string]int{"a": 1, "b": 1}, runs); d != "" {
			t.Errorf("runs (-want +got):\n%s", d)
		}
		clock.Advance(time.Hour)
		broken := errors.New("no such cron text")
		claimed, err := dbs[0].ClaimDue(ctx, func(s Schedule) (crm.Instant, error) {
			if s.Portal == "a" {
				return 0, broken
			}
			return next(s)
		})
		if !errors.Is(err, broken) || len(claimed) != 1 || claimed[0].Portal != "b" {
			t.Errorf("claimed %+v, %v", claimed, err)
		}
	})
}
