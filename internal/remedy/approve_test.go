package remedy_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

func TestDecisions(t *testing.T) {
	for _, c := range []struct {
		from           remedy.State
		approve, after string
	}{
		{remedy.Proposed, "approved", "rejected"},
		{remedy.Approved, "approved", "rejected"},
		{remedy.Failed, "approved", "rejected"},
		{remedy.Manual, "manual: only a person can do it: do it", "rejected"},
		{remedy.Rejected, "rejected: it is rejected", "rejected: it is rejected"},
		{remedy.Applied, "applied: it is applied", "applied: it is applied"},
		{remedy.Applying, "applying: it is applying", "applying: it is applying"},
		{remedy.Stale, "stale: it is stale", "stale: it is stale"},
		{remedy.Expired, "expired: it is expired", "expired: it is expired"},
		{remedy.Superseded, "superseded: it is superseded", "superseded: it is superseded"},
		{remedy.Undone, "undone: it is undone", "undone: it is undone"},
	} {
		m := newMemory()
		for _, id := range []string{"a", "b"} {
			give(t, m, &remedy.Step{ID: id, Summary: "do it", Edit: setEdit("1", nil, nil)})
			steps, err := m.Steps(t.Context(), remedy.Filter{IDs: []string{id}})
			if err != nil {
				t.Fatal(err)
			}
			steps[0].State = c.from
			if err := m.Record(t.Context(), []remedy.Change{{Step: &steps[0]}}); err != nil {
				t.Fatal(err)
			}
		}
		yes, err := remedy.Approve(t.Context(), m, remedy.Selection{Steps: []string{"a"}}, "ann", crm.At(testNow))
		if err != nil {
			t.Fatal(err)
		}
		no, err := remedy.Reject(t.Context(), m, remedy.Selection{Steps: []string{"b"}}, "ann", crm.At(testNow))
		if err != nil {
			t.Fatal(err)
		}
		if got := line(&remedy.Result{Steps: yes}); got != "a "+c.approve+"\n" {
			t.Errorf("approving a step that is %s: %q", c.from, got)
		}
		if got := line(&remedy.Result{Steps: no}); got != "b "+c.after+"\n" {
			t.Errorf("rejecting a step that is %s: %q", c.from, got)
		}
	}
}

func TestApprovalNamesTheVersionItSaw(t *testing.T) {
	m := newMemory()
	give(t, m, &remedy.Step{ID: "a", Edit: setEdit("1", nil, nil)})
	steps, _ := m.Steps(t.Context(), remedy.Filter{})
	steps[0].State, steps[0].Version = remedy.Proposed, 3
	if err := m.Record(t.Context(), []remedy.Change{{Step: &steps[0]}}); err != nil {
		t.Fatal(err)
	}
	old := remedy.Selection{Steps: []string{"a"}, Versions: map[string]int{"a": 2}}
	got, err := remedy.Approve(t.Context(), m, old, "ann", crm.At(testNow))
	if err != nil || line(&remedy.Result{Steps: got}) != "a proposed: it changed since version 2 was seen\n" {
		t.Errorf("an approval of an old version: %v, %v", got, err)
	}
	if _, err := remedy.Approve(t.Context(), m, remedy.Selection{All: true}, "ann", crm.At(testNow)); err != nil {
		t.Fatal(err)
	}
	if _, err := remedy.Approve(t.Context(), m, remedy.Selection{Steps: []string{"a"}}, "bob", crm.At(testNow)); err != nil {
		t.Fatal(err)
	}
	got, _ = remedy.Approve(t.Context(), m, remedy.Selection{Steps: []string{"a"}}, "bob", crm.At(testNow))
	if line(&remedy.Result{Steps: got}) != "a approved: it is approved already\n" {
		t.Errorf("a second word of one person: %v", got)
	}
	steps, _ = m.Steps(t.Context(), remedy.Filter{})
	at := crm.At(testNow)
	want := []remedy.Decision{{Who: "ann", At: at, Verdict: remedy.Approved, Version: 3}, {Who: "bob", At: at, Verdict: remedy.Approved, Version: 3}}
	if diff := cmp.Diff(want, steps[0].Decisions); diff != "" {
		t.Error(diff)
	}
	if len(m.entries) != 2 || m.entries[0].Event != "approved" || m.entries[0].Who != "ann" {
		t.Errorf("the journal has %v", m.entries)
	}
}

func TestDecisionsNeedASelection(t *testing.T) {
	if _, err := remedy.Approve(t.Context(), newMemory(), remedy.Selection{Portal: "acme"}, "ann", 1); !errors.Is(err, remedy.ErrNothingSelected) {
		t.Errorf("got %v", err)
	}
	got, err := remedy.Reject(t.Context(), newMemory(), remedy.Selection{Steps: []string{"x"}}, "ann", 1)
	if err != nil || line(&remedy.Result{Steps: got}) != "x : there is no such step\n" {
		t.Errorf("an unknown step: %v, %v", got, err)
	}
}

func TestApprovedStepThatCannotBeDoneAnyMore(t *testing.T) {
	d := newDesk(past("1", "2026-12-01"))
	d.plan(t)
	d.approveAll(t)
	d.verdict = func(e crm.Edit) connectors.Verdict {
		return connectors.Verdict{Key: e.Key, Feasible: connectors.FeasibleManual, Words: "the scope is missing"}
	}
	d.find(past("1", "2026-12-12"))
	d.expect(t, "the edit changed and cannot be done", "close_date 1 v2 manual")
}

// A step that failed and was succeeded by another one must not be sent beside it.
func TestAStepThatIsOverTakesNoDecision(t *testing.T) {
	m := newMemory()
	give(t, m, &remedy.Step{ID: "s", Ended: crm.At(testNow)})
	steps, err := m.Steps(t.Context(), remedy.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	steps[0].State = remedy.Failed
	if err := m.Record(t.Context(), []remedy.Change{{Step: &steps[0]}}); err != nil {
		t.Fatal(err)
	}
	if _, err := remedy.Approve(t.Context(), m, remedy.Selection{Steps: []string{"s"}}, "ann", crm.At(testNow)); err != nil || states(t, m)["s"] != remedy.Failed {
		t.Errorf("the step is %s, %v", states(t, m)["s"], err)
	}
}
