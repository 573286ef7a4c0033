package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

func testStep(n int) *remedy.Step {
	id := fmt.Sprintf("%016x", n)
	return &remedy.Step{
		ID: id, Base: id, Version: 1, Portal: "acme", Plan: "p1", Finding: "f" + id, Policy: "close-date-past",
		Subject: crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: fmt.Sprint(n)}, Severity: audit.High, Deal: fmt.Sprint(n),
		Value: crm.Money{Amount: 12_500_000, Currency: "EUR"}, State: remedy.Approved, Made: crm.Instant(1000 + n), Updated: 2000,
		Edit: crm.Edit{
			Key: id, Target: crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: fmt.Sprint(n)}, Op: crm.OpSet,
			Before: crm.Fields{crm.FieldCloseDate: "2026-01-01T00:00:00Z"}, After: crm.Fields{crm.FieldCloseDate: "2026-12-01"},
		},
		Decisions: []remedy.Decision{{Who: "ann", At: 1500, Verdict: remedy.Approved, Version: 1}}, Risk: remedy.RiskMedium,
	}
}

func row(s *remedy.Step, why string) *remedy.Entry {
	return &remedy.Entry{
		At: 3000, Portal: s.Portal, Run: "r1", Step: s.ID, Event: string(s.State), Why: why, Who: "ann",
		Before: s.Edit.Before, After: s.Edit.After, Target: s.Edit.Target, Op: s.Edit.Op,
	}
}

func record(t *testing.T, db *DB, changes ...remedy.Change) {
	t.Helper()
	if err := db.Record(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

func TestStepsReadBack(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		a, b := testStep(1), testStep(2)
		b.Portal, b.Outcome.Run, b.Undoes = "other", "r9", a.ID
		record(t, db, remedy.Change{Step: a}, remedy.Change{Step: b})
		for name, f := range map[string]remedy.Filter{
			"portal": {Portal: "acme"}, "id": {IDs: []string{a.ID, "nothing"}}, "state": {Portal: "acme", States: []remedy.State{remedy.Approved, remedy.Failed}},
			"living": {Portal: "acme", Living: true},
		} {
			got, err := db.Steps(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]remedy.Step{*a}, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		for name, f := range map[string]remedy.Filter{"run": {Run: "r9"}, "undoes": {Undoes: []string{a.ID}}} {
			if got, err := db.Steps(t.Context(), f); err != nil || len(got) != 1 || got[0].ID != b.ID {
				t.Errorf("%s: got %v, %v; want step %s", name, got, err, b.ID)
			}
		}
		if got, err := db.Steps(t.Context(), remedy.Filter{Policy: "amount-missing"}); err != nil || len(got) != 0 {
			t.Errorf("a policy without steps gave %v, %v", got, err)
		}
	})
}

func TestStepsOfManyIDs(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		var changes []remedy.Change
		var ids []string
		for n := range 2*maxIDs + 7 {
			changes = append(changes, remedy.Change{Step: testStep(n)})
			ids = append(ids, testStep(n).ID, testStep(n).ID) // a name given twice is one step
		}
		record(t, db, changes...)
		got, err := db.Steps(t.Context(), remedy.Filter{IDs: ids})
		if err != nil || len(got) != len(changes) {
			t.Fatalf("%d steps (%v), want %d", len(got), err, len(changes))
		}
		for n := range got {
			if got[n].ID != testStep(n).ID {
				t.Fatalf("place %d holds step %s", n, got[n].ID)
			}
		}
	})
}

func TestRecordRefusesWhatAnotherChanged(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		a, b := testStep(1), testStep(2)
		record(t, db, remedy.Change{Step: a}, remedy.Change{Step: b})
		theirs, ours := *b, *b
		theirs.State = remedy.Rejected
		record(t, db, remedy.Change{Step: &theirs, Entry: row(&theirs, "no")})
		a.State, ours.State = remedy.Applying, remedy.Applying
		err := db.Record(t.Context(), []remedy.Change{{Step: a, Entry: row(a, "")}, {Step: &ours, Entry: row(&ours, "")}})
		if !errors.Is(err, remedy.ErrConflict) {
			t.Fatalf("got %v, want a conflict", err)
		}
		stored, err := db.Steps(t.Context(), remedy.Filter{Portal: "acme"})
		if err != nil || stored[0].State != remedy.Approved || stored[1].State != remedy.Rejected {
			t.Errorf("half of a refused change was kept: %v, %v", stored, err)
		}
		if got := journal(t, db, ""); len(got) != 1 || got[0].Why != "no" {
			t.Errorf("the journal has %v, want the one row of the other", got)
		}
		if err := db.Record(t.Context(), []remedy.Change{{Step: testStep(1)}}); !errors.Is(err, remedy.ErrConflict) {
			t.Errorf("a second step of one id: %v, want a conflict", err)
		}
	})
}

func TestEpisodesAndStates(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		first, second, third := testStep(1), testStep(2), testStep(3)
		second.Base, first.Ended, third.State = first.ID, 5000, remedy.Manual
		record(t, db, remedy.Change{Step: first}, remedy.Change{Step: second}, remedy.Change{Step: third})
		episodes, err := db.Episodes(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{first.ID: 2, third.ID: 1}, episodes); diff != "" {
			t.Error(diff)
		}
		states, err := db.StepStates(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[remedy.State]int{remedy.Approved: 1, remedy.Manual: 1}, states); diff != "" {
			t.Error(diff)
		}
		living, err := db.Steps(t.Context(), remedy.Filter{Portal: "acme", Living: true, Since: first.Ended + 1})
		if err != nil || len(living) != 2 {
			t.Errorf("living: %v, %v; want two", living, err)
		}
	})
}

func TestPlansReadBack(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		if _, ok, err := db.LastPlan(t.Context(), "acme"); ok || err != nil {
			t.Fatalf("a plan before there is one: %v, %v", ok, err)
		}
		want := remedy.Plan{ID: "p2", Portal: "acme", MadeAt: 20, Who: "ann", Held: "too many"}
		for _, p := range []remedy.Plan{{ID: "p1", Portal: "acme", MadeAt: 10, Complete: true}, want} {
			if err := db.SavePlan(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		got, _, err := db.LastPlan(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(remedy.Plan{})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOwnTasks(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		due := "2026-11-23T09:00:00Z"
		for n, state := range []remedy.State{remedy.Applied, remedy.Undone, remedy.Applying, remedy.Proposed} {
			s := testStep(n)
			s.State = state
			s.Edit.Op, s.Edit.After = crm.OpAddTask, crm.Fields{crm.FieldDeal: fmt.Sprint("d", n), crm.FieldDue: due}
			record(t, db, remedy.Change{Step: s})
		}
		other := testStep(9)
		other.State = remedy.Applied
		record(t, db, remedy.Change{Step: other})
		got, err := db.OwnTasks(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		at := crm.Instant(1795424400000000)
		if diff := cmp.Diff(map[string][]crm.Instant{"d0": {at}, "d2": {at}}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReshaped(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		at := crm.Instant(1795424400000000)
		for n, state := range []remedy.State{remedy.Proposed, remedy.Undone} {
			s := testStep(n)
			s.State, s.Updated, s.Edit.Op = state, at.Add(time.Duration(-n)*time.Hour), crm.OpAddProperty
			record(t, db, remedy.Change{Step: s})
		}
		task := testStep(9)
		task.State, task.Updated, task.Edit.Op = remedy.Applied, at, crm.OpAddTask
		record(t, db, remedy.Change{Step: task})
		for since, want := range map[crm.Instant]bool{at: false, at.Add(-time.Hour): true, 0: true} {
			if got, err := db.Reshaped(t.Context(), "acme", since); err != nil || got != want {
				t.Errorf("since %s: %v, %v", since, got, err)
			}
		}
		if got, err := db.Reshaped(t.Context(), "other", 0); err != nil || got {
			t.Errorf("another portal: %v, %v", got, err)
		}
	})
}

func journal(t *testing.T, db *DB, portal string) []remedy.Entry {
	t.Helper()
	var out []remedy.Entry
	for e, err := range db.Journal(t.Context(), portal) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func verify(t *testing.T, db *DB) []remedy.Damage {
	t.Helper()
	damage, err := db.VerifyJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return damage
}

func TestJournalIsAChain(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		const writers, each = 4, 15
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for n := range each {
					s := testStep(1000*w + n)
					s.Edit.Before["odd"] = "<a&b>\x00\xff\u2028\ufffd"
					change := remedy.Change{Step: s, Entry: row(s, "why\x00 not \xff")}
					if err := db.Record(context.WithoutCancel(t.Context()), []remedy.Change{change, {Step: testStep(1000*w + 500 + n), Entry: row(s, "")}}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		rows := journal(t, db, "acme")
		if len(rows) != 2*writers*each {
			t.Fatalf("%d rows, want %d", len(rows), 2*writers*each)
		}
		for i, e := range rows {
			if e.Seq != int64(i+1) || i > 0 && e.Prev != rows[i-1].Hash {
				t.Fatalf("row %d: seq %d does not follow from the row before", i+1, e.Seq)
			}
		}
		if damage := verify(t, db); len(damage) != 0 {
			t.Errorf("a journal as written: %v", damage)
		}
		if none := journal(t, db, "other"); len(none) != 0 {
			t.Errorf("another portal's journal has %d rows", len(none))
		}
	})
}

func TestVerifyJournalFindsDamage(t *testing.T) {
	for name, c := range map[string]struct {
		damage string
		seq    int64
	}{
		"text":      {`UPDATE journal SET doc = REPLACE(doc, 'reason 3', 'reason x') WHERE seq = 3`, 3},
		"value":     {`UPDATE journal SET doc = REPLACE(doc, '2026-12-01', '2026-12-02') WHERE seq = 3`, 3},
		"column":    {`UPDATE journal SET at = at + 1 WHERE seq = 3`, 3},
		"doc":       {`UPDATE journal SET doc = 'no JSON' WHERE seq = 3`, 3},
		"hash":      {`UPDATE journal SET hash = 'abc' WHERE seq = 3`, 3},
		"missing":   {`DELETE FROM journal WHERE seq = 3`, 3},
		"first":     {`DELETE FROM journal WHERE seq = 1`, 1},
		"cut short": {`DELETE FROM journal WHERE seq > 4`, 5},
		"all":       {`DELETE FROM journal`, 5},
		"added":     {`INSERT INTO journal SELECT 6, at, portal, run, step, event, prev, hash, doc FROM journal WHERE seq = 5`, 6},
		"head":      {`UPDATE journal_head SET hash = 'abc'`, 5},
		"headless":  {`DELETE FROM journal_head`, 0},
		"swapped":   {`UPDATE journal SET seq = CASE seq WHEN 3 THEN 104 ELSE 103 END WHERE seq IN (3, 4); UPDATE journal SET seq = seq - 100 WHERE seq > 100`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			forEachEngine(t, func(t *testing.T, db *DB) {
				for n := range 5 {
					s := testStep(n)
					record(t, db, remedy.Change{Step: s, Entry: row(s, fmt.Sprint("reason ", n+1))})
				}
				if err := db.write(t.Context(), func(tx *sql.Tx) error {
					_, err := tx.ExecContext(t.Context(), c.damage)
					return err
				}); err != nil {
					t.Fatal(err)
				}
				damage := verify(t, db)
				if len(damage) == 0 || damage[0].Seq != c.seq {
					t.Errorf("found %v, want damage at row %d first", damage, c.seq)
				}
			})
		})
	}
}
