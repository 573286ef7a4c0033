package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/pipedrive"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/sandbox"
	account "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

// begun is when the worlds of these tests begin: late enough in the day that the first one is short.
var begun = time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)

// fill is a bench with an account whose deals have moved before it was connected.
type fill struct {
	*bench
	world *sandbox.World
	asked []string // deals whose changelog was asked for, in order
	meter *mirror.Meter
}

var changelog = regexp.MustCompile(`/deals/(\d+)/changelog`)

// RoundTrip notes what is asked for.
func (f *fill) RoundTrip(req *http.Request) (*http.Response, error) {
	if m := changelog.FindStringSubmatch(req.URL.Path); m != nil {
		f.asked = append(f.asked, m[1])
	}
	return apiToken{f.server.Transport()}.RoundTrip(req)
}

// moved is a world of deals that moved: as many open ones, won ones and archived ones.
func moved(open, won, archived int) *sandbox.World {
	w := &sandbox.World{Account: "44237313", Currency: "EUR", Zone: "Europe/Paris", Now: begun,
		Pipelines: []sandbox.Pipeline{{ID: "1", Label: "Sales", Stages: []sandbox.Stage{
			{ID: "11", Label: "A", Probability: 0.2}, {ID: "12", Label: "B", Probability: 0.4}, {ID: "13", Label: "C", Probability: 0.6},
			{ID: "14", Label: "D", Probability: 0.8}, {ID: "18", Label: "Won", Probability: 1}, {ID: "19", Label: "Lost", Probability: 0}}}},
		Owners: []sandbox.Owner{{ID: "61", First: "Ann", Active: true}}}
	for i := range open + won + archived {
		at := begun.AddDate(0, 0, -100).Add(time.Duration(i) * time.Hour)
		d := sandbox.Deal{ID: fmt.Sprint(101 + i), Name: "Deal", Pipeline: "1", Stage: "13", Owner: "61", Amount: "5", Created: at, Archived: i >= open+won,
			Moves: []sandbox.Move{{Stage: "11", At: at}, {Stage: "12", At: at.AddDate(0, 0, 10)}, {Stage: "13", At: at.AddDate(0, 0, 20)}}}
		if i >= open && i < open+won {
			d.Stage = "18"
			d.Moves = append(d.Moves, sandbox.Move{Stage: "18", At: at.AddDate(0, 0, 30)})
		}
		w.Deals = append(w.Deals, d)
	}
	return w
}

func newFill(t *testing.T, world *sandbox.World, share int64, set ...account.Option) *fill {
	t.Helper()
	f := &fill{bench: &bench{now: world.Now}, world: world, meter: new(mirror.Meter)}
	var err error
	if f.server, err = sandbox.New(sandbox.Options{Ticks: f.clock}, account.New(world, set...)); err != nil {
		t.Fatal(err)
	}
	if f.store, err = store.Open(t.Context(), storetest.SQLiteURL(t), store.Options{Now: f.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.store.Close(); err != nil {
			t.Error(err)
		}
	})
	f.conn, err = pipedrive.Type().Open(connectors.Options{Portal: "acme", APIURL: "https://sandbox.test/pipedrive", Ledger: f.store,
		Client: &http.Client{Transport: f}, Now: f.clock, Sleep: f.sleep, Observe: f.meter.Observe, TokensPerDay: share, DailyShare: 1})
	if err != nil {
		t.Fatal(err)
	}
	f.opts = mirror.Options{Portal: "acme", CRM: "pipedrive", Now: f.clock, Meter: f.meter}
	return f
}

func (f *fill) options() mirror.BackfillOptions {
	return mirror.BackfillOptions{Portal: "acme", Now: f.clock, Meter: f.meter}
}

// backfill makes one run and holds that what it says is what is kept.
func (f *fill) backfill(t *testing.T, opts mirror.BackfillOptions) mirror.Backfilled {
	t.Helper()
	out, err := mirror.Backfill(t.Context(), f.conn, f.store, opts)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := f.store.HistoryState(t.Context(), "acme")
	if err != nil || kept == nil || *kept != out.HistoryState {
		t.Fatalf("state %+v is kept of %+v, %v", kept, out.HistoryState, err)
	}
	known := int64(0)
	snap := f.snapshot(t)
	for i := range int32(snap.Len()) {
		if snap.Deal(i).Known.Has(crm.FactHistory) {
			known++
		}
	}
	if known != out.Known || out.Deals() != int64(snap.Len()) {
		t.Fatalf("%d ways of %d deals are known, it says %+v", known, snap.Len(), out.HistoryState)
	}
	return out
}

func (f *fill) snapshot(t *testing.T) *crm.Snapshot {
	t.Helper()
	snap, err := f.store.LoadSnapshot(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func (f *fill) midnight() {
	f.pass(f.clock().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Sub(f.clock()))
}

// whole holds that every way is the world's.
func (f *fill) whole(t *testing.T) {
	t.Helper()
	snap := f.snapshot(t)
	if !snap.Schema.HistoryFrom.IsZero() || !snap.Schema.HistoryByDeal || !snap.Completeness.Complete() {
		t.Errorf("every way is known, and moves since %s; by deal %v, complete %v", snap.Schema.HistoryFrom, snap.Schema.HistoryByDeal, snap.Completeness.Complete())
	}
	for _, d := range f.world.Deals {
		i, ok := snap.Find(d.ID)
		got, want := snap.Export(i).Moves, d.Moves[:min(3, len(d.Moves))] // won is no stage
		if !ok || len(got) != len(want) {
			t.Fatalf("deal %s: %v, want %v", d.ID, got, want)
		}
		for n, m := range want {
			if got[n].Stage != m.Stage || got[n].At != crm.At(m.At) {
				t.Fatalf("deal %s: %v, want %v", d.ID, got, want)
			}
		}
	}
}

// A small budget reads the histories over days, polled every hour on the way, and takes no day more than its share. It is the
// sandbox that counts.
func TestBackfillOverDays(t *testing.T) {
	const share = 1200
	f := newFill(t, moved(40, 60, 5), share)
	first, _ := f.sync(t)
	from := f.snapshot(t).Schema.HistoryFrom
	days, last, requests := 1, int64(0), 0
	for hour := 0; ; hour++ {
		opts := f.options()
		opts.Reserve = 200 + 20*int64(24-f.clock().UTC().Hour()) // a look at everything, and the polls until midnight
		out := f.backfill(t, opts)
		requests += int(out.Read)
		if out.Waiting == 0 {
			break
		}
		if want := f.clock().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1); out.RetryAt != crm.At(want) || out.Why == "" || out.More {
			t.Fatalf("hour %d: it goes on at %s (%s), want %s", hour, out.RetryAt, out.Why, want)
		}
		if at := f.snapshot(t).Schema.HistoryFrom; at.IsZero() || at > from {
			t.Fatalf("hour %d: moves are known since %s, where %+v", hour, at, out.HistoryState)
		}
		day := f.clock().UTC().Day()
		f.pass(time.Hour)
		s, snap := f.sync(t)
		if !s.Completeness.Complete() || s.Full || s.Watermark < first.Watermark || snap.Len() != 105 {
			t.Fatalf("hour %d: sync %+v", hour, s)
		}
		total := f.server.Counters().Tokens
		if f.clock().UTC().Day() != day {
			days, last = days+1, total-s.Tokens
		}
		if spent := total - last; spent > share {
			t.Fatalf("day %d: %d tokens, of a share of %d", days, spent, share)
		}
	}
	if days < 3 || requests != 105 || len(f.asked) != 105 {
		t.Errorf("%d histories were read by %d requests on %d days", requests, len(f.asked), days)
	}
	f.whole(t)
	f.opts.Full = true // which reads every deal again, without its history
	f.pass(time.Hour)
	if _, snap := f.sync(t); !snap.Schema.HistoryFrom.IsZero() {
		t.Errorf("after a full walk moves are known since %s", snap.Schema.HistoryFrom)
	}
	f.whole(t)
	if out := f.backfill(t, f.options()); out.Read != 0 || out.Changed || out.Known != 105 {
		t.Errorf("a backfill with nothing left: %+v", out)
	}
}

// Open deals come first, then the last 200 won and lost of each pipeline, then the older ones, then the archived.
func TestBackfillOrder(t *testing.T) {
	w := moved(3, 205, 2)
	for i := range w.Deals { // one of the oldest is lost
		if w.Deals[i].ID == "104" {
			w.Deals[i].Stage, w.Deals[i].Moves[3].Stage = "19", "19"
		}
	}
	f := newFill(t, w, 0)
	f.sync(t)
	f.backfill(t, f.options())
	var want []string
	add := func(from, to int) {
		for id := from; id >= to; id-- {
			want = append(want, fmt.Sprint(id))
		}
	}
	add(103, 101) // open
	add(308, 109) // the last 200 won
	add(104, 104) // the last lost
	add(108, 105) // older
	add(310, 309) // archived
	if !slices.Equal(f.asked, want) {
		t.Errorf("asked in the order %v", f.asked)
	}
}

// dying is a store whose process is killed at the end of a backfill.
type dying struct{ *store.DB }

func (dying) SaveBackfill(context.Context, string, crm.HistoryState, []string, *crm.Snapshot) error {
	return errors.New("killed")
}

// A run that is killed loses nothing that it had kept: the next one takes it in, for nothing.
func TestBackfillKilled(t *testing.T) {
	f := newFill(t, moved(35, 0, 0), 0)
	f.sync(t)
	opts, n := f.options(), 0
	opts.Enough = func() bool { n++; return n == 25 }
	if _, err := mirror.Backfill(t.Context(), f.conn, dying{f.store}, opts); err == nil {
		t.Fatal("it was not killed")
	}
	opts.Enough = func() bool { return true }
	out := f.backfill(t, opts)
	if out.Known != 26 || out.Read != 1 || !out.More || len(f.asked) != 26 {
		t.Errorf("taken up: %+v after %d requests", out, len(f.asked))
	}
	ctx, cancel := context.WithCancel(t.Context())
	opts.Enough = func() bool { cancel(); return false }
	stopped, err := mirror.Backfill(ctx, f.conn, f.store, opts)
	if !errors.Is(err, context.Canceled) || stopped.Known != 27 || !stopped.More || !stopped.Changed {
		t.Errorf("stopped by a signal: %+v, %v", stopped, err)
	}
	if out := f.backfill(t, f.options()); out.Known != 35 || out.Read != 8 || out.More {
		t.Errorf("at the end: %+v", out)
	}
	f.whole(t)
}

// Moves that are seen between two syncs cost nothing. A deal that moved twice in between is asked for again.
func TestBackfillAfterMoves(t *testing.T) {
	f := newFill(t, moved(4, 0, 0), 0)
	f.sync(t)
	f.backfill(t, f.options())
	f.asked = nil
	f.pass(time.Hour)
	for _, m := range [][2]string{{"101", "14"}, {"102", "12"}, {"102", "11"}, {"103", "14"}, {"103", "13"}} {
		f.pass(10 * time.Second)
		f.write(t, m[0], crm.FieldStage, m[1])
	}
	f.pass(time.Hour)
	_, snap := f.sync(t)
	for id, whole := range map[string]bool{"101": true, "102": false, "103": false, "104": true} {
		if i, _ := snap.Find(id); snap.Deal(i).Known.Has(crm.FactHistory) != whole {
			t.Errorf("deal %s: its way is known whole: %v", id, !whole)
		}
	}
	out := f.backfill(t, f.options())
	if slices.Sort(f.asked); !slices.Equal(f.asked, []string{"102", "103"}) || out.Known != 4 {
		t.Errorf("asked for %v: %+v", f.asked, out)
	}
	snap = f.snapshot(t)
	for id, want := range map[string]string{"101": "11 12 13 14 ", "102": "11 12 13 12 11 ", "103": "11 12 13 14 13 "} {
		i, _ := snap.Find(id)
		way := ""
		for _, m := range snap.Export(i).Moves {
			way += m.Stage + " "
		}
		if way != want {
			t.Errorf("deal %s went %s, want %s", id, way, want)
		}
	}
}

// What the CRM does not tell whole is asked for once, until the deal moves; and what moved since the snapshot was taken is of
// the next one.
func TestBackfillOfWaysThatAreNotTold(t *testing.T) {
	w := moved(3, 0, 0)
	for i := range w.Deals { // made when Pipedrive kept no changelog yet, which is cut off since
		d := &w.Deals[i]
		d.Created = begun.AddDate(-3, 0, i)
		d.Moves[0].At, d.Moves[1].At = d.Created, d.Created.AddDate(0, 1, 0)
	}
	f := newFill(t, w, 0, account.With("changelog_since", begun.AddDate(-1, 0, 0).Format(time.RFC3339)))
	f.sync(t)
	from := f.snapshot(t).Schema.HistoryFrom
	f.pass(time.Hour)
	f.write(t, "103", crm.FieldStage, "14") // which the snapshot does not know
	first := f.backfill(t, f.options())
	if first.Read != 3 || first.Partial != 3 || first.Waiting != 0 {
		t.Fatalf("%+v", first)
	}
	f.midnight()
	f.write(t, "101", crm.FieldAmount, "9")
	f.sync(t)
	f.asked = nil
	if out := f.backfill(t, f.options()); !slices.Equal(f.asked, []string{"103"}) || out.Partial != 3 || out.Known != 0 {
		t.Errorf("asked again for %v: %+v; only one has moved", f.asked, out)
	}
	// Nothing is known of what was before they entered their stages, but nothing more happened since.
	snap := f.snapshot(t)
	i, _ := snap.Find("102")
	if at := snap.Schema.HistoryFrom; at.IsZero() || at > from || at < snap.Deal(i).StageEntry {
		t.Errorf("moves are known since %s", at)
	}
	if err := f.server.Face("pipedrive").(*account.Face).Tune("changelog_since", ""); err != nil {
		t.Fatal(err)
	}
	f.write(t, "102", crm.FieldStage, "14")
	f.pass(time.Hour)
	f.sync(t)
	f.asked = nil
	if out := f.backfill(t, f.options()); !slices.Equal(f.asked, []string{"102"}) || out.Known != 1 {
		t.Errorf("asked again for %v: %+v", f.asked, out)
	}
}

// Nothing is read into a snapshot that is not whole; and what refuses the histories leaves it as it is.
func TestBackfillThatCannot(t *testing.T) {
	f := newFill(t, moved(505, 0, 0), 0)
	if out, err := mirror.Backfill(t.Context(), f.conn, f.store, f.options()); err != nil || out != (mirror.Backfilled{}) {
		t.Errorf("before any sync: %+v, %v", out, err)
	}
	faults := func(rules string) {
		if err := f.server.SetFaults(rules); err != nil {
			t.Fatal(err)
		}
	}
	faults("status=403:path=/pipedrive/api/v2/activities")
	if s, _, err := mirror.Sync(t.Context(), f.conn, f.store, f.opts); err == nil && s.Completeness.Complete() {
		t.Fatal("the sync is complete")
	}
	if out, err := mirror.Backfill(t.Context(), f.conn, f.store, f.options()); err != nil || out.Deals() != 0 || len(f.asked) > 0 {
		t.Errorf("on an incomplete sync: %+v, %v", out, err)
	}
	faults("")
	f.pass(2 * time.Hour)
	f.sync(t)
	faults("status=500:path=/pipedrive/api/v1/deals/")
	out := f.backfill(t, f.options())
	if out.Why == "" || out.RetryAt <= crm.At(f.clock()) || out.Waiting != 505 || out.Read != 0 {
		t.Errorf("refused: %+v", out)
	}
	faults("")
	f.asked = nil
	opts := f.options()
	opts.Patient = true
	if again := f.backfill(t, opts); again.RetryAt != out.RetryAt || again.Why != out.Why || len(f.asked) != 0 {
		t.Errorf("before its time: %+v after %d requests", again, len(f.asked))
	}
	f.pass(2 * time.Hour)
	if out := f.backfill(t, opts); out.Known != 505 || out.Why != "" || !out.RetryAt.IsZero() {
		t.Errorf("later: %+v", out)
	}
}

// What a changelog tells beside the moves comes into the snapshot, and stays there for as long as the deal shows it: a close date
// that is changed is asked for again, at the price of that one deal.
func TestBackfillTellsDatesAndClosers(t *testing.T) {
	world := moved(2, 2, 0)
	for i := range world.Deals {
		d := &world.Deals[i]
		d.CloseDate = begun.AddDate(0, 0, 20)
		d.Dates = []sandbox.DateChange{{At: d.Created, To: begun.AddDate(0, 0, 5), Source: "CRM_UI"}, {At: d.Created.AddDate(0, 0, 3), To: d.CloseDate, Source: "CRM_UI"}}
		d.Moves[len(d.Moves)-1].By = "61"
	}
	still := world.Deals[0] // never moved: its way is known without its changelog, the values of its date are not
	still.ID, still.Stage, still.Moves = "900", "11", still.Moves[:1]
	world.Deals = append(world.Deals, still)
	f := newFill(t, world, 100_000)
	f.sync(t)
	if out := f.backfill(t, f.options()); out.Read != 5 || out.Waiting != 0 || out.Known != 5 {
		t.Fatalf("the backfill came to %+v", out)
	}
	look := func(id string, dates int, closer string, known crm.Fact) {
		t.Helper()
		snap := f.snapshot(t)
		i, ok := snap.Find(id)
		if d := snap.Export(i); !ok || len(d.Dates) != dates || d.Closer != closer || d.Known&(crm.FactDates|crm.FactCloser) != known {
			t.Errorf("deal %s: dates %v, closer %q, known %b; want %d, %q, %b", id, d.Dates, d.Closer, d.Known, dates, closer, known)
		}
	}
	look("101", 2, "", crm.FactDates)
	look("103", 2, "61", crm.FactDates|crm.FactCloser)
	look("900", 2, "", crm.FactDates)
	f.pass(time.Hour)
	f.write(t, "101", crm.FieldCloseDate, "2027-03-01")
	f.write(t, "103", crm.FieldAmount, "7")
	f.write(t, "900", crm.FieldAmount, "7")
	f.pass(time.Hour)
	f.sync(t)
	look("101", 0, "", 0)
	look("103", 2, "61", crm.FactDates|crm.FactCloser)
	look("900", 2, "", crm.FactDates)
	if out := f.backfill(t, f.options()); out.Read != 1 || out.Waiting != 0 || f.asked[len(f.asked)-1] != "101" {
		t.Errorf("the backfill came to %+v and asked for %v", out, f.asked)
	}
	look("101", 3, "", crm.FactDates)
}
