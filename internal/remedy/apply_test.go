package remedy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

func TestApplyWritesWhatStillHolds(t *testing.T) {
	m, p, c := newMemory(), newPortal(), &clock{testNow}
	for _, id := range []string{"1", "2", "3"} {
		p.records[deal(id)] = crm.Fields{crm.FieldOwner: "old", crm.FieldCloseDate: "2026-03-01T00:00:00.000Z"}
	}
	p.records[deal("2")][crm.FieldOwner] = "somebody" // changed since the plan
	p.records[deal("3")][crm.FieldOwner] = "new"      // done by a person
	for _, id := range []string{"1", "2", "3", "4"} {
		give(t, m, &remedy.Step{ID: "s" + id, Edit: setEdit(id, crm.Fields{crm.FieldOwner: "old"}, crm.Fields{crm.FieldOwner: "new"})})
	}
	give(t, m, &remedy.Step{ID: "s5", Edit: setEdit("1", crm.Fields{crm.FieldCloseDate: "2026-03-01"}, crm.Fields{crm.FieldCloseDate: "2026-12-01"})})
	p.sent = func(e crm.Edit) {
		if !m.journalled(e.Key, "applying") {
			t.Errorf("%s left before the journal had it", e.Key)
		}
	}
	r := applied(t, app(m, p, c, "r1"))
	want := `s2 stale: changed since the plan was made: owner
s3 applied: the record showed it already
s4 stale: the record no longer exists
s1 applied
s5 applied
`
	if diff := cmp.Diff(want, line(r)); diff != "" {
		t.Error(diff)
	}
	if !r.Unfinished() {
		t.Error("a run with stale steps calls itself finished")
	}
	if diff := cmp.Diff(crm.Fields{crm.FieldOwner: "new", crm.FieldCloseDate: "2026-12-01T00:00:00.000Z"}, p.records[deal("1")]); diff != "" {
		t.Error(diff)
	}
	if p.records[deal("2")][crm.FieldOwner] != "somebody" {
		t.Error("a changed record was overwritten")
	}
	if damage := m.damage(t); len(damage) > 0 {
		t.Error(damage)
	}
	if again := applied(t, app(m, p, c, "r2")); len(again.Steps) != 0 {
		t.Errorf("a second run did %s", line(again))
	}
}

func TestApplyTellsWhatBecameOfARequest(t *testing.T) {
	for name, c := range map[string]struct {
		how  treatment
		want string
		then string // of the next run, an hour later
	}{
		"accepted":       {accept, "s1 applied\n", ""},
		"rejected":       {reject, "s1 failed: not valid\n", ""},
		"busy":           {busy, "s1 approved: not done yet: too many requests\n", "s1 applied\n"},
		"answer lost":    {lostReply, "s1 applied\n", ""},
		"request lost":   {lost, "s1 applying: the outcome is not known, the next run finds it out: the connection broke\n", "s1 applied\n"},
		"done too late":  {late, "s1 applying: the outcome is not known, the next run finds it out: the connection broke\n", "s1 applied: an earlier run had done it\n"},
		"silent refusal": {ignore, "s1 failed: the CRM accepted the write and did not store it: owner\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, p, clk := newMemory(), newPortal(), &clock{testNow}
			p.records[deal("1")] = crm.Fields{crm.FieldOwner: "old"}
			give(t, m, &remedy.Step{ID: "s1", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "old"}, crm.Fields{crm.FieldOwner: "new"})})
			p.treat = func(crm.Edit) treatment { return c.how }
			r := applied(t, app(m, p, clk, "r1"))
			if line(r) != c.want {
				t.Errorf("got %q, want %q", line(r), c.want)
			}
			p.land()
			p.treat = nil
			clk.advance(time.Hour)
			if then := line(applied(t, app(m, p, clk, "r2"))); then != c.then {
				t.Errorf("the next run: got %q, want %q", then, c.then)
			}
			if damage := m.damage(t); len(damage) > 0 {
				t.Error(damage)
			}
		})
	}
}

func taskStep(id, dealID string) *remedy.Step {
	return &remedy.Step{ID: id, Deal: dealID, Edit: crm.Edit{Target: crm.Ref{Kind: crm.KindTask}, Op: crm.OpAddTask, After: crm.Fields{
		crm.FieldDeal: dealID, crm.FieldOwner: "7", crm.FieldSubject: "look", crm.FieldDue: "2026-11-23T09:00:00Z",
	}}}
}

func TestApplyNeverMakesATaskTwice(t *testing.T) {
	for name, how := range map[string]treatment{"answer lost": lostReply, "request lost": lost, "done late": late} {
		t.Run(name, func(t *testing.T) {
			m, p, clk := newMemory(), newPortal(), &clock{testNow}
			give(t, m, taskStep("s1", "1"))
			p.treat = func(crm.Edit) treatment { return how }
			applied(t, app(m, p, clk, "r1"))
			p.treat = nil
			clk.advance(10 * time.Second)
			r := applied(t, app(m, p, clk, "r2")) // the request may still be on its way
			if how != lostReply && (!r.Unfinished() || !strings.Contains(line(r), "apply again after 2026-11-20T15:00:30Z")) {
				t.Errorf("too early: %q", line(r))
			}
			p.land()
			clk.advance(time.Hour)
			applied(t, app(m, p, clk, "r3"))
			if got := states(t, m)["s1"]; got != remedy.Applied || p.made["s1"] != 1 {
				t.Errorf("the step is %s and %d tasks were made", got, p.made["s1"])
			}
		})
	}
}

func TestApplyTakesNeedsFirst(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	p.records[deal("1")], p.records[deal("2")] = crm.Fields{}, crm.Fields{}
	reason := crm.PropertyField("plumbline_lost_reason")
	give(t, m,
		&remedy.Step{ID: "fill1", Needs: []string{"make"}, Edit: setEdit("1", crm.Fields{reason: ""}, crm.Fields{reason: "budget"})},
		&remedy.Step{ID: "fill2", Needs: []string{"make"}, Edit: setEdit("2", crm.Fields{reason: ""}, crm.Fields{reason: "other"})},
		&remedy.Step{ID: "make", Edit: crm.Edit{Target: crm.Ref{Kind: crm.KindProperty}, Op: crm.OpAddProperty, After: crm.Fields{crm.FieldName: "plumbline_lost_reason"}}},
	)
	p.treat = func(e crm.Edit) treatment {
		if e.Op == crm.OpAddProperty {
			return reject
		}
		return accept
	}
	want := "make failed: not valid\nfill1 approved: it waits for step make, which is failed\nfill2 approved: it waits for step make, which is failed\n"
	if r := applied(t, app(m, p, clk, "r1")); line(r) != want {
		t.Errorf("got %q, want %q", line(r), want)
	}
	if _, err := remedy.Approve(t.Context(), m, remedy.Selection{Steps: []string{"make"}}, "ann", crm.At(testNow)); err != nil {
		t.Fatal(err)
	}
	p.treat = nil
	if r := applied(t, app(m, p, clk, "r2")); line(r) != "make applied\nfill1 applied\nfill2 applied\n" {
		t.Errorf("got %q", line(r))
	}
}

func TestApplyBatches(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	for n := range 250 {
		id := fmt.Sprint(n)
		p.records[deal(id)] = crm.Fields{crm.FieldOwner: "old"}
		give(t, m, &remedy.Step{Edit: setEdit(id, crm.Fields{crm.FieldOwner: "old"}, crm.Fields{crm.FieldOwner: "new"})})
	}
	a := app(m, p, clk, "r1")
	a.Max = 130
	if r := applied(t, a); len(r.Steps) != 130 || r.Unfinished() {
		t.Errorf("%d steps were taken, unfinished %v; want 130 of at most 130", len(r.Steps), r.Unfinished())
	}
	if p.calls != 2 || p.reads != 4 {
		t.Errorf("%d updates and %d reads, want 2 and 4", p.calls, p.reads)
	}
	if r := applied(t, app(m, p, clk, "r2")); len(r.Steps) != 120 {
		t.Errorf("%d steps were left, want 120", len(r.Steps))
	}
}

func TestApplySettlesWhatIsOnTheWire(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	for n := range 150 {
		id := fmt.Sprint(n)
		p.records[deal(id)] = crm.Fields{crm.FieldOwner: "old"}
		give(t, m, &remedy.Step{Edit: setEdit(id, crm.Fields{crm.FieldOwner: "old"}, crm.Fields{crm.FieldOwner: "new"})})
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.sent = func(crm.Edit) { cancel() } // as SIGTERM does
	r, err := remedy.Apply(ctx, app(m, p, clk, "r1"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the run was cancelled", err)
	}
	count := map[remedy.State]int{}
	for _, s := range states(t, m) {
		count[s]++
	}
	if diff := cmp.Diff(map[remedy.State]int{remedy.Applied: 100, remedy.Approved: 50}, count); diff != "" || len(r.Steps) != 100 {
		t.Errorf("%s\n%d results", diff, len(r.Steps))
	}
}

func TestApplyLeavesOutWhatWasRejectedMeanwhile(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	for _, id := range []string{"1", "2"} {
		p.records[deal(id)] = crm.Fields{crm.FieldOwner: "old"}
		give(t, m, &remedy.Step{ID: "s" + id, Edit: setEdit(id, crm.Fields{crm.FieldOwner: "old"}, crm.Fields{crm.FieldOwner: "new"})})
	}
	m.fail = func(done bool) error {
		m.fail = nil
		if _, err := remedy.Reject(t.Context(), m, remedy.Selection{Steps: []string{"s1"}}, "bob", crm.At(testNow)); err != nil {
			t.Fatal(err)
		}
		return nil
	}
	applied(t, app(m, p, clk, "r1"))
	if diff := cmp.Diff(map[string]remedy.State{"s1": remedy.Rejected, "s2": remedy.Applied}, states(t, m)); diff != "" {
		t.Error(diff)
	}
	if p.records[deal("1")][crm.FieldOwner] != "old" {
		t.Error("a rejected step was applied")
	}
}

func TestApplyWithoutReadBackIsNotDone(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	p.records[deal("1")] = crm.Fields{crm.FieldOwner: "old"}
	give(t, m, &remedy.Step{ID: "s1", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "old"}, crm.Fields{crm.FieldOwner: "new"})})
	p.sent = func(crm.Edit) { p.broken = errors.New("no answer") }
	r := applied(t, app(m, p, clk, "r1"))
	if got := states(t, m)["s1"]; got != remedy.Applying || !r.Unfinished() {
		t.Errorf("the step is %s, unfinished %v", got, r.Unfinished())
	}
	p.broken = nil
	if r := applied(t, app(m, p, clk, "r2")); line(r) != "s1 applied: an earlier run had done it\n" || p.calls != 1 {
		t.Errorf("got %q after %d calls", line(r), p.calls)
	}
}
