package conformance

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

func testEditing(t *testing.T, s Subject) {
	b := newBench(t, s, world(230, 13))
	c := b.open(t)
	if _, ok := c.(connectors.Editor); !ok {
		t.Skip("the connector is no Editor")
	}
	t.Run("set and undo", func(t *testing.T) { testSetAndUndo(t, s) })
	t.Run("one bad value", func(t *testing.T) { testOneBadValue(t, s) })
	t.Run("failing writes", func(t *testing.T) { testFailingWrites(t, s) })
	t.Run("tasks", func(t *testing.T) { testTasks(t, s) })
	t.Run("absent", func(t *testing.T) { testAbsent(t, s) })
	t.Run("read what was asked", func(t *testing.T) { testReadWhatWasAsked(t, s) })
}

// desk is an editor at work.
type desk struct {
	*Bench
	connectors.Connector
	connectors.Editor
	schema crm.Schema
}

func newDesk(t *testing.T, s Subject, deals int, seed uint64) *desk {
	t.Helper()
	b := newBench(t, s, world(deals, seed))
	c := b.open(t)
	return &desk{b, c, c.(connectors.Editor), schema(t, c)}
}

// ref points at the deal at a place of the world's list.
func (d *desk) ref(i int) crm.Ref {
	return crm.Ref{Portal: "p", Kind: crm.KindDeal, ID: listed(d.World)[i]}
}

// same reports whether two texts of a field mean the same to the CRM.
func (d *desk) same(field, a, b string) bool {
	if c, ok := d.Connector.(connectors.Comparer); ok {
		return c.Same(field, a, b)
	}
	return a == b
}

// properties is what a stored deal holds.
func (d *desk) properties(t *testing.T, ref crm.Ref) any {
	t.Helper()
	stored := d.stored(t, "deals", ref.ID)
	if f := d.subject.Written; f != nil {
		return f(stored)
	}
	return stored["properties"]
}

func (d *desk) live(t *testing.T, ref crm.Ref, fields ...string) crm.Fields {
	t.Helper()
	live, err := d.Read(t.Context(), d.schema, []crm.Ref{ref}, fields...)
	if err != nil {
		t.Fatal(err)
	}
	return live[ref]
}

// active reports whether a user is active.
func (d *desk) active(id string) bool {
	for _, o := range d.World.Owners {
		if o.ID == id {
			return o.Active
		}
	}
	return false
}

// activeOwner is an active owner other than one.
func (d *desk) activeOwner(other string) string {
	for _, o := range d.World.Owners {
		if o.Active && !o.Queue && o.ID != other {
			return o.ID
		}
	}
	return ""
}

func testSetAndUndo(t *testing.T, s Subject) {
	d := newDesk(t, s, 230, 14)
	fields := []string{crm.FieldCloseDate, crm.FieldOwner, crm.FieldAmount}
	var edits []crm.Edit
	before := map[crm.Ref]any{}
	for i := range 205 { // more than two batches, with values and without
		ref := d.ref(i)
		before[ref] = d.properties(t, ref)
		live := d.live(t, ref, fields...)
		edits = append(edits, crm.Edit{Key: fmt.Sprint("set-", i), Target: ref, Op: crm.OpSet, Before: live, After: crm.Fields{
			crm.FieldCloseDate: d.World.Now.AddDate(0, 0, 30+i).Format(time.DateOnly), crm.FieldOwner: d.activeOwner(live[crm.FieldOwner]), crm.FieldAmount: "4321.5",
		}})
	}
	verdicts, err := d.Feasible(t.Context(), d.schema, edits)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Feasible != connectors.FeasibleOK || v.Key != edits[i].Key {
			t.Fatalf("verdict %+v of a plain change", v)
		}
		for _, field := range v.Irreversible { // what cannot be restored is said beforehand, and then not judged
			if was := edits[i].Before[field]; was != "" && (field != crm.FieldOwner || d.active(was)) {
				t.Fatalf("verdict %+v of a change of what had a value", v)
			}
			delete(edits[i].Before, field)
			delete(edits[i].After, field)
		}
	}
	receipts := d.Apply(t.Context(), d.schema, edits)
	var undo []crm.Edit
	for i, r := range receipts {
		if r.Key != edits[i].Key || r.Outcome != crm.OutcomeApplied || r.ID != edits[i].Target.ID {
			t.Fatalf("receipt %+v", r)
		}
		live := d.live(t, edits[i].Target, fields...)
		for f := range edits[i].After {
			if !d.same(f, edits[i].After[f], live[f]) || r.After[f] != live[f] {
				t.Fatalf("%s of deal %s is %q, the receipt says %q, wanted %q", f, r.ID, live[f], r.After[f], edits[i].After[f])
			}
			if d.same(f, edits[i].Before[f], live[f]) && edits[i].Before[f] != edits[i].After[f] {
				t.Fatalf("%s: %q and %q are said to be the same", f, edits[i].Before[f], live[f])
			}
		}
		inverse, err := edits[i].Inverse(r)
		if err != nil {
			t.Fatal(err)
		}
		undo = append(undo, inverse)
	}
	for _, r := range d.Apply(t.Context(), d.schema, undo) {
		if r.Outcome != crm.OutcomeApplied {
			t.Fatalf("undo: receipt %+v", r)
		}
	}
	for ref, was := range before {
		if diff := cmp.Diff(was, d.properties(t, ref)); diff != "" {
			t.Fatalf("deal %s (- before, + after the undo):\n%s", ref.ID, diff)
		}
	}
}

// One wrong value among many fails its own edit and no other; two edits of one record are both done.
func testOneBadValue(t *testing.T, s Subject) {
	d := newDesk(t, s, 120, 15)
	var edits []crm.Edit
	for i := range 100 {
		edits = append(edits, crm.Edit{Key: fmt.Sprint("e", i), Target: d.ref(i), Op: crm.OpSet, After: crm.Fields{crm.FieldAmount: fmt.Sprint(5000 + i)}})
	}
	edits[17].After[crm.FieldAmount] = "much"
	edits[64].Target.ID = "999999999999"
	edits = append(edits, crm.Edit{Key: "again", Target: d.ref(3), Op: crm.OpSet, After: crm.Fields{crm.FieldOwner: d.activeOwner("")}})
	edits = append(edits, crm.Edit{Key: "no such field", Target: d.ref(4), Op: crm.OpSet, After: crm.Fields{"shoe_size": "44"}})
	for i, r := range d.Apply(t.Context(), d.schema, edits) {
		bad := i == 17 || i == 64 || i == 101
		should := crm.OutcomeApplied
		if bad {
			should = crm.OutcomeRejected
		}
		if r.Outcome != should || r.Key != edits[i].Key || bad && r.Why == "" {
			t.Errorf("edit %d: receipt %+v, want %s", i, r, should)
		}
		if !bad && i < 100 {
			if live := d.live(t, edits[i].Target, crm.FieldAmount); !d.same(crm.FieldAmount, live[crm.FieldAmount], edits[i].After[crm.FieldAmount]) {
				t.Errorf("edit %d: the amount is %q", i, live[crm.FieldAmount])
			}
		}
	}
}

// A write that fails is sent once. What may have been done is unknown, what was refused is rejected; neither gives anything away.
func testFailingWrites(t *testing.T, s Subject) {
	for faults, should := range map[string]crm.Outcome{
		"status=500": crm.OutcomeUnknown, "status=502": crm.OutcomeUnknown, "drop": crm.OutcomeUnknown, "truncate": crm.OutcomeUnknown,
		"status=429": crm.OutcomeRejected, "status=423": crm.OutcomeRejected, "status=401": crm.OutcomeRejected, "status=403": crm.OutcomeRejected,
	} {
		t.Run(faults, func(t *testing.T) {
			d := newDesk(t, s, 20, 16)
			edits := []crm.Edit{
				{Key: "a", Target: d.ref(0), Op: crm.OpSet, After: crm.Fields{crm.FieldAmount: "7"}},
				{Key: "b", Target: d.ref(1), Op: crm.OpSet, After: crm.Fields{crm.FieldAmount: "8"}},
			}
			d.requests()
			if err := d.Server.SetFaults(faults); err != nil {
				t.Fatal(err)
			}
			receipts := d.Apply(t.Context(), d.schema, edits)
			if n := d.requests(); n > 2 {
				t.Errorf("%d requests for two edits", n)
			}
			for _, r := range receipts {
				again := faults == "status=429" || faults == "status=423" || faults == "status=401" || // nothing is wrong with the edit
					faults == "status=403" && s.Firewall
				if r.Outcome != should || r.Why == "" || leaks(r.Why) != "" || r.Again != again {
					t.Errorf("receipt %+v, want %s and why, and fit to be sent again: %v", r, should, again)
				}
			}
		})
	}
}

func testTasks(t *testing.T, s Subject) {
	d := newDesk(t, s, 40, 17)
	var edits []crm.Edit
	due := d.World.Now.AddDate(0, 0, 3).Truncate(time.Hour)
	for i := range 12 {
		edits = append(edits, crm.Edit{
			Key: fmt.Sprintf("0f%02d", i), Target: crm.Ref{Portal: "p", Kind: crm.KindTask}, Op: crm.OpAddTask, After: crm.Fields{
				crm.FieldDeal: d.ref(i % 9).ID, crm.FieldOwner: d.activeOwner(""), crm.FieldSubject: fmt.Sprint("Look at this deal ", i),
				crm.FieldBody: "It stands still.\nSay what comes next.", crm.FieldDue: due.Format(time.RFC3339),
			},
		})
	}
	if made, err := d.Lookup(t.Context(), d.schema, edits); err != nil || len(made) != 0 {
		t.Fatalf("found %v, %v before anything was made", made, err)
	}
	verdicts, err := d.Feasible(t.Context(), d.schema, edits)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verdicts {
		if v.Feasible != connectors.FeasibleOK {
			t.Fatalf("verdict %+v", v)
		}
	}
	receipts := d.Apply(t.Context(), d.schema, edits)
	should := map[string]string{}
	var refs []crm.Ref
	var undo []crm.Edit
	for i, r := range receipts {
		if r.Outcome != crm.OutcomeApplied || r.ID == "" {
			t.Fatalf("receipt %+v", r)
		}
		should[edits[i].Key] = r.ID
		refs = append(refs, crm.Ref{Portal: "p", Kind: crm.KindTask, ID: r.ID})
		inverse, err := edits[i].Inverse(r)
		if err != nil {
			t.Fatal(err)
		}
		undo = append(undo, inverse)
	}
	made, err := d.Lookup(t.Context(), d.schema, edits)
	if diff := cmp.Diff(should, made); diff != "" || err != nil {
		t.Errorf("lookup: %v (- made, + found):\n%s", err, diff)
	}
	live, err := d.Read(t.Context(), d.schema, refs, crm.FieldSubject, crm.FieldBody, crm.FieldDue, crm.FieldOwner, crm.FieldDeal)
	if err != nil {
		t.Fatal(err)
	}
	for i, ref := range refs {
		for f, v := range edits[i].After {
			if !d.same(f, v, live[ref][f]) {
				t.Errorf("task %s: %s is %q, want %q", ref.ID, f, live[ref][f], v)
			}
		}
	}
	for range 2 { // taking back what is taken back already does no harm
		for _, r := range d.Apply(t.Context(), d.schema, undo) {
			if r.Outcome != crm.OutcomeApplied {
				t.Errorf("undo: receipt %+v", r)
			}
		}
	}
	if live, err = d.Read(t.Context(), d.schema, refs, crm.FieldSubject); err != nil || len(live) != 0 {
		t.Errorf("after the undo there are %v, %v", live, err)
	}
	if made, err = d.Lookup(t.Context(), d.schema, edits); err != nil || len(made) != 0 {
		t.Errorf("after the undo %v, %v can be found", made, err)
	}
}

func testAbsent(t *testing.T, s Subject) {
	d := newDesk(t, s, 20, 18)
	archived, never := d.ref(5), crm.Ref{Portal: "p", Kind: crm.KindDeal, ID: "999999999999"}
	if s.Archive != nil {
		s.Archive(t, d.Bench, archived.ID)
	}
	live, err := d.Read(t.Context(), d.schema, []crm.Ref{d.ref(1), archived, never}, crm.FieldOwner)
	if err != nil {
		t.Fatal(err)
	}
	_, there := live[d.ref(1)]
	_, gone := live[archived]
	_, invented := live[never]
	if !there || invented || gone && s.Archive != nil {
		t.Errorf("live %v: want the one deal that exists", live)
	}
}

func testReadWhatWasAsked(t *testing.T, s Subject) {
	d := newDesk(t, s, 20, 19)
	ref := d.ref(2) // the world's deal without any value
	fields := []string{crm.FieldOwner, crm.FieldAmount, crm.FieldCloseDate}
	empty := crm.Fields{crm.FieldOwner: "", crm.FieldAmount: "", crm.FieldCloseDate: ""}
	if s.Empty != nil {
		empty = s.Empty(d.World)
	}
	if live := d.live(t, ref, fields...); !reflect.DeepEqual(live, empty) {
		t.Errorf("live %v, want %v", live, empty)
	}
	if live := d.live(t, ref); live == nil || len(live) != 0 {
		t.Errorf("live %v of no field, want an empty map", live)
	}
}
