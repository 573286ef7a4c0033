package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

func TestAsOf(t *testing.T) {
	dark := history("no history", "a", move("s0", 30), move("lost", 10))
	dark.Known &^= crm.FactHistory
	dark.LossReason = "price"
	touched := history("touched", "a", move("s0", 40))
	touched.Touch, touched.Buyer, touched.CloseDate = ago(5), ago(25), ago(-50)
	imported := history("imported", "a", move("s1", 10)) // created 40 days ago; nothing tells where it was until it was imported
	imported.Created = ago(40)
	snap := snapshot(t, schema(pipeline("a", 3)), imported,
		history("older", "a", move("s0", 40), move("s1", 30)), history("newer", "a", move("s0", 5)),
		history("moved", "a", move("s0", 40), move("s1", 30), move("s2", 10)),
		history("won", "a", move("s0", 40), move("s1", 25), move("won", 10)),
		history("reopened", "a", move("s0", 40), move("lost", 25), move("s0", 10)), dark, touched)
	impossible := history("impossible", "a", move("s0", -400))
	snap = snapshot(t, snap.Schema, append([]crm.Deal{impossible}, exports(snap)...)...)
	got := audit.AsOf(snap, ago(20))
	type state struct {
		stage   string
		status  crm.Status
		entered crm.Instant
		known   bool
	}
	want := map[string]state{
		"older": {"s1", crm.Open, ago(30), true}, "moved": {"s1", crm.Open, ago(30), true}, "won": {"s1", crm.Open, ago(25), true},
		"reopened": {"lost", crm.Lost, ago(25), true}, "no history": {"s0", crm.Open, 0, false}, "touched": {"s0", crm.Open, ago(40), true},
		"imported": {"s1", crm.Open, 0, false}, "impossible": {"s0", crm.Open, ago(-400), true},
	}
	have := map[string]state{}
	for i := range int32(got.Len()) {
		r := got.Deal(i)
		have[got.ID(i)] = state{got.Stage(r.Stage).ID, r.Status, r.StageEntry, r.Known.Has(crm.FactStageEntry)}
	}
	if diff := cmp.Diff(want, have, cmp.AllowUnexported(state{})); diff != "" {
		t.Error(diff)
	}
	i, _ := got.Find("no history")
	if r := got.Deal(i); !r.Closed.IsZero() || r.LossReason != 0 || r.Known.Has(crm.FactLossReason) {
		t.Errorf("a deal that is open again has closing %v and reason %q", r.Closed, got.Text(r.LossReason))
	}
	i, _ = got.Find("touched")
	if r := got.Deal(i); r.Known.Has(crm.FactTouch) || r.Touch != 0 || r.Buyer != ago(25) || r.CloseDate != ago(-50) {
		t.Errorf("a later touch hides the one before; the rest stays: %+v", r)
	}
}

func TestRunIgnoresLaterFacts(t *testing.T) {
	snap := snapshot(t, schema(pipeline("a", 3)), history("older", "a", move("s0", 40), move("won", 10)), history("newer", "a", move("s0", 5)))
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: ago(7), Checks: []audit.Check{{Policy: old("old")}}})
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Pipelines[0]; p.OpenDeals != 0 || p.N["win_rate_365d"] != 1 || r.AsOf != ago(7) {
		t.Errorf("as of 7 days ago: %d open, %d closed", p.OpenDeals, p.N["win_rate_365d"])
	}
	r, err = audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: ago(9.5), Checks: []audit.Check{{Policy: old("old")}}})
	if err != nil {
		t.Fatal(err)
	}
	if j := r.Judged["old"]; j.Judged != 0 {
		t.Errorf("as of 9.5 days ago %d open deals are judged, want none", j.Judged)
	}
	r, err = audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: ago(11), Checks: []audit.Check{{Policy: old("old")}}})
	if err != nil {
		t.Fatal(err)
	}
	if j := r.Judged["old"]; j.Judged != 1 || r.Pipelines[0].OpenDeals != 1 {
		t.Errorf("as of 11 days ago %d open deals are judged, want the one won later", j.Judged)
	}
}

func exports(snap *crm.Snapshot) (out []crm.Deal) {
	for i := range int32(snap.Len()) {
		out = append(out, snap.Export(i))
	}
	return out
}
