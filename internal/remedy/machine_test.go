package remedy_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

// machine is a portal, a store and people, at odds with each other.
type machine struct {
	*memory
	*portal
	clk     *clock
	initial map[crm.Ref]crm.Fields
	touched map[crm.Ref]map[string]bool // by people, while steps were about
	runs    int
	steps   int
}

var machineFields = []string{crm.FieldOwner, crm.FieldAmount, crm.FieldCloseDate}

func newMachine() *machine {
	x := &machine{memory: newMemory(), portal: newPortal(), clk: &clock{testNow}, touched: map[crm.Ref]map[string]bool{}}
	for _, id := range []string{"1", "2", "3"} {
		x.records[deal(id)] = crm.Fields{crm.FieldOwner: "a" + id, crm.FieldAmount: "", crm.FieldCloseDate: "2026-01-01T10:00:00.000Z"}
	}
	x.initial = x.copied()
	return x
}

// propose approves a few more steps that rest on what the portal shows now.
func (x *machine) propose(t *rapid.T) {
	for range rapid.IntRange(1, 4).Draw(t, "steps") {
		x.steps++
		s := &remedy.Step{ID: fmt.Sprintf("s%03d", x.steps)}
		id := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "deal")
		switch rapid.SampledFrom([]string{"set", "set", "task", "property"}).Draw(t, "kind") {
		case "task":
			s.Edit = taskStep(s.ID, id).Edit
		case "property":
			name := "plumbline_" + s.ID
			s.Edit = crm.Edit{Target: crm.Ref{Kind: crm.KindProperty}, Op: crm.OpAddProperty, After: crm.Fields{crm.FieldName: name}}
			fill := &remedy.Step{ID: s.ID + "fill", Needs: []string{s.ID}, Edit: setEdit(id, crm.Fields{crm.PropertyField(name): ""}, crm.Fields{crm.PropertyField(name): "x"})}
			give(t, x.memory, fill)
		default:
			before, after := crm.Fields{}, crm.Fields{}
			for _, f := range rapid.SliceOfNDistinct(rapid.SampledFrom(machineFields), 1, 2, rapid.ID[string]).Draw(t, "fields") {
				before[f], after[f] = x.records[deal(id)][f], fmt.Sprintf("new %s %s", f, s.ID)
				if f == crm.FieldCloseDate {
					after[f] = fmt.Sprintf("2027-01-%02d", x.steps%28+1)
				}
			}
			s.Edit = setEdit(id, before, after)
		}
		give(t, x.memory, s)
	}
}

// misbehave draws how the portal treats each edit, and where the process dies.
func (x *machine) misbehave(t *rapid.T) {
	how := []treatment{accept, accept, accept, reject, busy, lostReply, lost, late, ignore}
	x.treat = func(e crm.Edit) treatment {
		h := rapid.SampledFrom(how).Draw(t, "treatment")
		if h == ignore && e.Op != crm.OpSet {
			h = accept
		}
		return h
	}
	x.sent = func(e crm.Edit) {
		if !x.journalled(e.Key, "applying") {
			t.Fatalf("%s left before the journal had it", e.Key)
		}
	}
	death := rapid.IntRange(0, 12).Draw(t, "dies at")
	x.fail = func(bool) error {
		if death--; death == 0 {
			return errDied
		}
		return nil
	}
}

func (x *machine) behave() { x.treat, x.fail = nil, nil }

func (x *machine) run(t *rapid.T, undo string) {
	x.runs++
	x.clk.advance(time.Second)
	a := app(x.memory, x.portal, x.clk, fmt.Sprint("r", x.runs))
	var err error
	if undo == "" {
		_, err = remedy.Apply(context.Background(), a)
	} else {
		_, err = remedy.Undo(context.Background(), a, remedy.Selection{Run: undo})
	}
	if err != nil && !errors.Is(err, errDied) {
		t.Fatalf("run %d: %v", x.runs, err)
	}
}

// settleAll lets everything come to its end on a portal that behaves.
func (x *machine) settleAll(t *rapid.T) {
	x.behave()
	x.land()
	x.clk.advance(time.Hour)
	x.run(t, "")
}

// check holds what is promised at every moment.
func (x *machine) check(t *rapid.T) {
	if damage := x.damage(t); len(damage) > 0 {
		t.Fatalf("the journal is damaged: %v", damage)
	}
	for key, n := range x.made {
		if n > 1 {
			t.Fatalf("the record of %s was made %d times", key, n)
		}
	}
}

// checkSettled holds what is promised once everything has come to its end.
func (x *machine) checkSettled(t *rapid.T) {
	x.check(t)
	steps, err := x.Steps(context.Background(), remedy.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		made := slices.Contains(collect(x.keys), s.Edit.Key)
		switch {
		case s.State == remedy.Applying:
			t.Fatalf("step %s is still applying", s.ID)
		case s.Edit.Op != crm.OpAddTask && s.Edit.Op != crm.OpAddProperty:
		case s.State == remedy.Applied && !made:
			t.Fatalf("step %s is applied and its record is not there", s.ID)
		case s.State != remedy.Applied && made:
			t.Fatalf("step %s is %s and its record is there", s.ID, s.State)
		}
	}
}

// writers are the runs that applied anything but undos, in their order.
func (x *machine) writers(t *rapid.T) []string {
	steps, err := x.Steps(context.Background(), remedy.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]crm.Instant{}
	for _, s := range steps {
		if s.Undoes == "" && s.Outcome.Run != "" {
			last[s.Outcome.Run] = max(last[s.Outcome.Run], s.Outcome.Sent)
		}
	}
	return slices.SortedFunc(maps.Keys(last), func(a, b string) int { return cmp.Or(cmp.Compare(last[a], last[b]), cmp.Compare(a, b)) })
}

func collect(m map[crm.Ref]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func TestNothingIsLostAndNothingDoubled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newMachine()
		t.Repeat(map[string]func(*rapid.T){
			"propose": x.propose,
			"apply": func(t *rapid.T) {
				x.misbehave(t)
				x.run(t, "")
				x.behave()
			},
			"undo": func(t *rapid.T) {
				runs := x.writers(t)
				if len(runs) == 0 {
					t.Skip("no run has written yet")
				}
				x.misbehave(t)
				x.run(t, rapid.SampledFrom(runs).Draw(t, "run"))
				x.behave()
			},
			"land": func(*rapid.T) {
				x.land()
				x.clk.advance(time.Hour)
			},
			"person": func(t *rapid.T) {
				ref := deal(rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "deal"))
				f := rapid.SampledFrom(machineFields).Draw(t, "field")
				x.records[ref][f] = "by hand"
				if x.touched[ref] == nil {
					x.touched[ref] = map[string]bool{}
				}
				x.touched[ref][f] = true
			},
			"": x.check,
		})
		x.settleAll(t)
		x.settleAll(t)
		x.checkSettled(t)
		for _, run := range slices.Backward(x.writers(t)) { // take everything back, the last run first
			x.run(t, run)
		}
		x.checkSettled(t)
		x.checkRestored(t)
	})
}

// checkRestored holds that what nobody else touched is as it was in the beginning.
func (x *machine) checkRestored(t *rapid.T) {
	for ref, was := range x.initial {
		for _, f := range machineFields {
			if got := x.records[ref][f]; !x.touched[ref][f] && got != was[f] {
				steps, _ := x.Steps(context.Background(), remedy.Filter{})
				for _, s := range steps {
					t.Logf("%s %s undoes %q run %s sent %v: %v -> %v, saw %v then %v: %s", s.ID, s.State, s.Undoes, s.Outcome.Run, s.Outcome.Sent,
						s.Edit.Before, s.Edit.After, s.Outcome.Before, s.Outcome.After, s.Why)
				}
				t.Fatalf("deal %s: %s is %q, it was %q", ref.ID, f, got, was[f])
			}
		}
	}
}
