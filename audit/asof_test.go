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

func TestAsOfTakesBackWhatFewDealsHave(t *testing.T) {
	deal := func(id string, change func(d *crm.Deal)) crm.Deal {
		d := history(id, "a", move("s0", 60))
		d.Touch, d.FirstTouch, d.Touches = ago(30), ago(50), 3
		change(&d)
		return d
	}
	snap := snapshot(t, schema(pipeline("a", 3)),
		deal("as it was", func(d *crm.Deal) {
			d.FirstMeeting, d.FirstMail, d.Contacts, d.Type, d.Source, d.LineTotal = ago(40), ago(50), 2, "new", "REFERRALS", 500_0000
			d.Updated, d.Modified, d.Editor = ago(25), ago(25), "7"
			d.NextDue, d.Quote = ago(22), crm.Quote{Published: ago(30), Expires: ago(-9)}
			d.Dates, d.CloseDate = []crm.DateChange{{At: ago(60), To: ago(10)}, {At: ago(40), To: ago(-10)}}, ago(-10)
		}),
		deal("touched since", func(d *crm.Deal) { d.Touch = ago(5); d.FirstMail, d.FirstMeeting = ago(5), ago(50) }),
		deal("first touched since", func(d *crm.Deal) { d.Touch, d.FirstTouch, d.Touches = ago(5), ago(10), 2 }),
		deal("last touch unknown", func(d *crm.Deal) { d.Touch, d.Known = 0, d.Known&^crm.FactTouch }),
		deal("edited since", func(d *crm.Deal) { d.Updated, d.Modified, d.Editor = ago(3), ago(3), "7" }),
		deal("quoted since", func(d *crm.Deal) { d.Quote = crm.Quote{Published: ago(3), Signed: ago(2)} }),
		deal("signed since", func(d *crm.Deal) { d.Quote = crm.Quote{Published: ago(30), Signed: ago(2), Paid: ago(1)} }),
		deal("paid since", func(d *crm.Deal) { d.Quote = crm.Quote{Published: ago(30), Signed: ago(25), Paid: ago(1)} }),
		deal("pushed since", func(d *crm.Deal) {
			d.Dates, d.CloseDate = []crm.DateChange{{At: ago(60), To: ago(10)}, {At: ago(15), To: ago(-10)}, {At: ago(2), To: ago(-20)}}, ago(-20)
		}),
	)
	got := audit.AsOf(snap, ago(20))
	at := func(id string) crm.Deal {
		i, ok := got.Find(id)
		if !ok {
			t.Fatalf("%s is gone", id)
		}
		return got.Export(i)
	}
	i, _ := snap.Find("as it was")
	if diff := cmp.Diff(snap.Export(i), at("as it was")); diff != "" {
		t.Error(diff)
	}
	if d := at("touched since"); d.Known&(crm.FactTouch|crm.FactTouches) != 0 || d.Touches != 0 || d.FirstTouch != ago(50) || d.FirstMail != 0 || !d.Known.Has(crm.FactEvidence) || d.FirstMeeting != ago(50) {
		t.Errorf("touched since: %+v", d)
	}
	if d := at("first touched since"); !d.Known.Has(crm.FactTouch|crm.FactTouches|crm.FactFirstTouch) || d.Touch != 0 || d.Touches != 0 || d.FirstTouch != 0 {
		t.Errorf("first touched since: %+v", d)
	}
	if d := at("last touch unknown"); d.Known.Has(crm.FactTouches) || d.Touches != 0 {
		t.Errorf("last touch unknown: %+v", d)
	}
	if d := at("edited since"); d.Known&(crm.FactEditor|crm.FactUpdated) != 0 || d.Editor != "" || d.Updated != 0 {
		t.Errorf("edited since: %+v", d)
	}
	if d := at("quoted since"); d.Known.Has(crm.FactQuotes) || d.Quote != (crm.Quote{}) {
		t.Errorf("quoted since: %+v", d)
	}
	if d := at("signed since"); !d.Known.Has(crm.FactQuotes) || d.Quote != (crm.Quote{Published: ago(30)}) {
		t.Errorf("signed since: %+v", d.Quote)
	}
	if d := at("paid since"); d.Quote != (crm.Quote{Published: ago(30), Signed: ago(25)}) {
		t.Errorf("paid since: %+v", d.Quote)
	}
	if d := at("pushed since"); len(d.Dates) != 1 || d.CloseDate != ago(10) || !d.Known.Has(crm.FactDates|crm.FactCloseDate) {
		t.Errorf("pushed since: %+v closes %v", d.Dates, d.CloseDate)
	}
}

func TestAsOfKnowsWhoClosedOnlyTheLastTime(t *testing.T) {
	lost := history("lost", "a", move("s0", 60), move("lost", 30))
	lost.Closer = "7"
	again := history("lost again", "a", move("s0", 60), move("lost", 40), move("s0", 15), move("lost", 10))
	again.Closer = "7"
	since := history("lost since", "a", move("s0", 60), move("lost", 10))
	since.Closer = "7"
	got := audit.AsOf(snapshot(t, schema(pipeline("a", 3)), lost, again, since), ago(20))
	closer := map[string]string{}
	for i := range int32(got.Len()) {
		r := got.Deal(i)
		closer[got.ID(i)] = r.Status.String() + " " + r.Closed.String() + " " + got.Text(got.Closer(i))
		if r.Known.Has(crm.FactCloser) == (got.ID(i) == "lost again") {
			t.Errorf("%s: that its closer is known is %v", got.ID(i), r.Known.Has(crm.FactCloser))
		}
	}
	want := map[string]string{"lost": "lost " + ago(30).String() + " 7", "lost again": "lost " + ago(40).String() + " ", "lost since": "open  "}
	if diff := cmp.Diff(want, closer); diff != "" {
		t.Error(diff)
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
