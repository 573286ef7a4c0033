package remedy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

func undone(t *testing.T, a remedy.Application, sel remedy.Selection) *remedy.Result {
	t.Helper()
	r, err := remedy.Undo(t.Context(), a, sel)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lossSteps make a drop-down, fill it for two deals, re-date a third and give a fourth a task.
func lossSteps(t *testing.T, m *memory, p *portal) {
	t.Helper()
	p.records[deal("1")] = crm.Fields{"other": "kept"}
	p.records[deal("2")] = crm.Fields{"other": "kept"}
	p.records[deal("3")] = crm.Fields{crm.FieldCloseDate: "2026-03-01T11:22:33.456Z", crm.FieldOwner: ""}
	reason := crm.PropertyField("plumbline_lost_reason")
	give(t, m,
		&remedy.Step{ID: "fill1", Needs: []string{"make"}, Edit: setEdit("1", crm.Fields{reason: ""}, crm.Fields{reason: "budget"})},
		&remedy.Step{ID: "fill2", Needs: []string{"make"}, Edit: setEdit("2", crm.Fields{reason: ""}, crm.Fields{reason: "other"})},
		&remedy.Step{ID: "make", Edit: crm.Edit{Target: crm.Ref{Kind: crm.KindProperty}, Op: crm.OpAddProperty, After: crm.Fields{crm.FieldName: "plumbline_lost_reason"}}},
		&remedy.Step{ID: "date", Edit: setEdit("3", crm.Fields{crm.FieldCloseDate: "2026-03-01T11:22:33.456Z", crm.FieldOwner: ""},
			crm.Fields{crm.FieldCloseDate: "2026-12-01", crm.FieldOwner: "7"})},
		taskStep("task", "4"),
	)
}

func TestUndoRestoresByteForByte(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	lossSteps(t, m, p)
	p.records[deal("1")][crm.PropertyField("plumbline_lost_reason")] = "" // as the read of an empty field gives it
	p.records[deal("2")][crm.PropertyField("plumbline_lost_reason")] = ""
	before := p.copied()
	applied(t, app(m, p, clk, "r1"))
	if cmp.Diff(before, p.records) == "" {
		t.Fatal("nothing was written")
	}
	var order []crm.Op
	p.sent = func(e crm.Edit) { order = append(order, e.Op) }
	clk.advance(time.Hour)
	r := undone(t, app(m, p, clk, "r2"), remedy.Selection{Run: "r1"})
	if diff := cmp.Diff(before, p.records); diff != "" {
		t.Errorf("the portal is not what it was: %s", diff)
	}
	if len(r.Steps) != 5 || r.Unfinished() {
		t.Errorf("unfinished %v: %s", r.Unfinished(), line(r))
	}
	if order[len(order)-1] != crm.OpRemove || len(p.keys) != 0 {
		t.Errorf("the order was %v: the property goes last", order)
	}
	got := states(t, m)
	for _, id := range []string{"make", "fill1", "fill2", "date", "task"} {
		if got[id] != remedy.Undone || !m.journalled(id, "undone") {
			t.Errorf("step %s is %s", id, got[id])
		}
	}
	if damage := m.damage(t); len(damage) > 0 {
		t.Error(damage)
	}
	if again := undone(t, app(m, p, clk, "r3"), remedy.Selection{Run: "r1"}); len(again.Steps) != 0 {
		t.Errorf("a second undo did %s", line(again))
	}
}

func TestUndoLeavesWhatOthersChanged(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	lossSteps(t, m, p)
	applied(t, app(m, p, clk, "r1"))
	p.records[deal("3")][crm.FieldOwner] = "somebody"
	p.records[deal("1")][crm.PropertyField("plumbline_lost_reason")] = "timing"
	r := undone(t, app(m, p, clk, "r2"), remedy.Selection{Run: "r1"})
	want := crm.Fields{crm.FieldCloseDate: "2026-03-01T11:22:33.456Z", crm.FieldOwner: "somebody"}
	if diff := cmp.Diff(want, p.records[deal("3")]); diff != "" {
		t.Error(diff)
	}
	if !r.Unfinished() {
		t.Error("conflicts do not show in the result")
	}
	steps, err := m.Steps(t.Context(), remedy.Filter{Run: "r2"})
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	for _, s := range steps {
		why[s.Undoes] = string(s.State) + " " + s.Why
	}
	delete(why, "task")
	if !strings.HasPrefix(why["make"], "stale it waits for step ") {
		t.Errorf("the property's undo: %q", why["make"])
	}
	delete(why, "make")
	if diff := cmp.Diff(map[string]string{
		"date": "applied changed since, left alone: owner", "fill1": "stale changed since, left alone: property.plumbline_lost_reason",
		"fill2": "applied ",
	}, why); diff != "" {
		t.Error(diff)
	}
	if _, ok := p.records[crm.Ref{Portal: "acme", Kind: crm.KindProperty, ID: "plumbline_lost_reason"}]; !ok {
		t.Error("a property that somebody uses was removed")
	}
}

func TestUndoOfOneStepKeepsWhatRestsOnIt(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	lossSteps(t, m, p)
	applied(t, app(m, p, clk, "r1"))
	r := undone(t, app(m, p, clk, "r2"), remedy.Selection{Steps: []string{"make", "nothing"}})
	want := "make applied: step fill1 rests on it: undo that one first\nnothing : it was not applied, there is nothing to undo\n"
	if line(r) != want {
		t.Errorf("got %q, want %q", line(r), want)
	}
	if got := states(t, m); len(got) != 5 || got["make"] != remedy.Applied {
		t.Errorf("states %v", got)
	}
}

func TestUndoTakesFieldsBackInReverse(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	p.records[deal("1")] = crm.Fields{crm.FieldOwner: "a"}
	give(t, m,
		&remedy.Step{ID: "z", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "a"}, crm.Fields{crm.FieldOwner: "b"})},
		&remedy.Step{ID: "y", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "b"}, crm.Fields{crm.FieldOwner: "c"})},
	)
	applied(t, app(m, p, clk, "r1"))
	if r := undone(t, app(m, p, clk, "r2"), remedy.Selection{Run: "r1"}); r.Unfinished() || p.records[deal("1")][crm.FieldOwner] != "a" {
		t.Errorf("owner %q after %s", p.records[deal("1")][crm.FieldOwner], line(r))
	}
}

func TestUndoOfAnUndo(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	p.records[deal("1")] = crm.Fields{crm.FieldOwner: "a"}
	give(t, m, &remedy.Step{ID: "s", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "a"}, crm.Fields{crm.FieldOwner: "b"})})
	applied(t, app(m, p, clk, "r1"))
	undone(t, app(m, p, clk, "r2"), remedy.Selection{Run: "r1"})
	if r := undone(t, app(m, p, clk, "r3"), remedy.Selection{Run: "r2"}); r.Unfinished() || p.records[deal("1")][crm.FieldOwner] != "b" {
		t.Errorf("owner %q after %s", p.records[deal("1")][crm.FieldOwner], line(r))
	}
}

func TestUndoOfAWriteThatWasPartlyStored(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	p.records[deal("1")] = crm.Fields{crm.FieldOwner: "a", crm.FieldCloseDate: ""}
	give(t, m, &remedy.Step{ID: "s", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "a", crm.FieldCloseDate: ""}, crm.Fields{crm.FieldOwner: "b", crm.FieldCloseDate: "2026-12-01"})})
	p.treat = func(crm.Edit) treatment { return ignore } // the close date
	r := applied(t, app(m, p, clk, "r1"))
	if line(r) != "s failed: the CRM accepted the write and did not store it: close_date\n" || p.records[deal("1")][crm.FieldOwner] != "b" {
		t.Fatalf("got %q, %v", line(r), p.records)
	}
	p.treat = nil
	undone(t, app(m, p, clk, "r2"), remedy.Selection{Run: "r1"})
	if diff := cmp.Diff(crm.Fields{crm.FieldOwner: "a", crm.FieldCloseDate: ""}, p.records[deal("1")]); diff != "" {
		t.Error(diff)
	}
}

func TestUndoIsTakenUpAgain(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	p.records[deal("1")] = crm.Fields{crm.FieldOwner: "a"}
	give(t, m, &remedy.Step{ID: "s", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "a"}, crm.Fields{crm.FieldOwner: "b"})})
	applied(t, app(m, p, clk, "r1"))
	p.treat = func(crm.Edit) treatment { return reject }
	if r := undone(t, app(m, p, clk, "r2"), remedy.Selection{Run: "r1"}); !r.Unfinished() {
		t.Errorf("a refused undo: %s", line(r))
	}
	p.treat = nil
	if r := undone(t, app(m, p, clk, "r3"), remedy.Selection{Run: "r1"}); r.Unfinished() || p.records[deal("1")][crm.FieldOwner] != "a" {
		t.Errorf("owner %q after %s", p.records[deal("1")][crm.FieldOwner], line(r))
	}
	if got := states(t, m); len(got) != 2 || got["s"] != remedy.Undone {
		t.Errorf("states %v", got)
	}
}

func TestUndoOfNothingAppliesNothing(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	p.records[deal("1")] = crm.Fields{crm.FieldOwner: "a"}
	give(t, m, &remedy.Step{ID: "s", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "a"}, crm.Fields{crm.FieldOwner: "b"})})
	undone(t, app(m, p, clk, "r2"), remedy.Selection{Run: "no such run"})
	if p.calls != 0 || states(t, m)["s"] != remedy.Approved {
		t.Errorf("an undo applied the approved step: %v", states(t, m))
	}
}

func TestUndoMutesAFindingThatWasGone(t *testing.T) {
	d := newDesk(past("1", "2026-12-01"))
	d.records[deal("1")] = crm.Fields{crm.FieldCloseDate: "2026-10-01"}
	d.opts.Daemon, d.opts.Limits = true, remedy.Limits{PerRun: 9, PerDay: 9}
	auto := func() audit.Finding {
		return with(past("1", "2026-12-01"), func(f *audit.Finding) { f.Fix.Mode = audit.ModeAuto })
	}
	d.find(auto())
	first := d.expect(t, "first", "close_date 1 v1 approved").Steps[0].ID
	d.apply(t)
	d.day(1)
	d.find()
	d.expect(t, "the finding is gone")
	undone(t, app(d.memory, d.portal, d.clk, "undo"), remedy.Selection{Steps: []string{first}})
	for range 3 {
		d.day(1)
		d.find(auto())
		d.expect(t, "undone: auto does not do it again")
	}
	d.day(1)
	d.find()
	d.expect(t, "gone again")
	d.day(1)
	d.find(auto())
	if p := d.expect(t, "a new problem", "close_date 1 v1 approved"); len(p.Steps) != 1 || p.Steps[0].ID == first {
		t.Errorf("the new step's id was used before: %v", p.Steps)
	}
}
