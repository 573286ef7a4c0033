package mirror

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// rig is a portal, what is kept of it, and our clock.
type rig struct {
	portal *fakePortal
	conn   connectors.Connector
	store  *fakeStore
	now    time.Time
	opts   Options
}

func newRig(deals int) *rig {
	p := newPortal(deals)
	return &rig{portal: p, conn: p, store: &fakeStore{}, now: start, opts: Options{Portal: "acme", CRM: "fake", Facts: crm.AllFacts}}
}

func (g *rig) try(ctx context.Context) (crm.Sync, *crm.Snapshot, error) {
	g.now = g.now.Add(time.Minute)
	opts := g.opts
	opts.Now = func() time.Time { return g.now } // which a test may move during the walk
	return Sync(ctx, g.conn, g.store, opts)
}

func (g *rig) sync(t rapid.TB) (crm.Sync, *crm.Snapshot) {
	t.Helper()
	s, snap, err := g.try(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s, snap
}

// same fails unless the snapshot shows exactly the portal.
func (g *rig) same(t rapid.TB, snap *crm.Snapshot) {
	t.Helper()
	got, want := map[string]crm.Deal{}, map[string]crm.Deal{}
	for i := range int32(snap.Len()) {
		d := snap.Export(i)
		d.Known = 0
		got[d.ID] = d
	}
	for id, d := range g.portal.deals {
		want[id] = *d
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("the snapshot is not the portal (-want +got):\n%s", d)
	}
}

func TestFirstSyncIsFull(t *testing.T) {
	g := newRig(10)
	s, snap := g.sync(t)
	g.same(t, snap)
	ten := int64(10)
	want := crm.Completeness{Read: map[string]crm.Count{"deals": {Expected: &ten, Read: 10}, "pipelines": {Read: 1}, "owners": {Read: 1}}}
	if d := cmp.Diff(want, s.Completeness); d != "" {
		t.Errorf("completeness (-want +got):\n%s", d)
	}
	if !s.Full || s.Watermark > g.portal.now || !snap.Completeness.Complete() || snap.Taken != crm.At(g.now) {
		t.Errorf("sync %+v", s)
	}
}

func TestIdlePollAsksForPipelinesAndChangesAlone(t *testing.T) {
	g := newRig(10)
	g.portal.size = 200
	g.sync(t)
	clear(g.portal.calls)
	s, snap := g.sync(t)
	if d := cmp.Diff(map[string]int{"refresh": 1, "pages": 1}, g.portal.calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
	if s.Full || s.Completeness.Read["deals"].Read != 0 || snap.Completeness.Read["deals"].Read != 10 {
		t.Errorf("an idle poll read %+v, and the snapshot has %+v", s.Completeness, snap.Completeness)
	}
	g.same(t, snap)
}

func TestChangesAreReadFromTheCRMsOwnTime(t *testing.T) {
	g := newRig(10)
	first, _ := g.sync(t)
	g.portal.now = g.portal.now.Add(time.Hour)
	g.portal.move("d0003", "b")
	g.portal.rename("d0007", "New name")
	g.portal.create()
	s, snap := g.sync(t)
	if s.Full || s.Completeness.Read["deals"].Read != 3 {
		t.Errorf("read %+v", s)
	}
	if want := first.Watermark.Add(-overlap); s.Since != want || s.Watermark != g.portal.now {
		t.Errorf("since %s, watermark %s; want %s and %s", s.Since, s.Watermark, want, g.portal.now)
	}
	g.same(t, snap)
}

// TestChangeBehindALongWalk changes a deal that a long walk has read already, and an hour later one that it has not.
func TestChangeBehindALongWalk(t *testing.T) {
	g := newRig(9)
	g.portal.during = func(page int) {
		switch page {
		case 0:
			g.portal.rename("d0001", "behind the walk")
		case 1:
			g.now, g.portal.now = g.now.Add(time.Hour), g.portal.now.Add(time.Hour)
			g.portal.rename("d0009", "ahead of the walk")
		}
	}
	g.sync(t)
	g.portal.during = nil
	s, snap := g.sync(t)
	if s.Full {
		t.Error("not a walk over the changes")
	}
	g.same(t, snap)
}

func TestFullAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(g *rig)
		full   bool
	}{
		"soon":                     {func(g *rig) {}, false},
		"asked for":                {func(g *rig) { g.opts.Full = true }, true},
		"a day later":              {func(g *rig) { g.now = g.now.Add(24 * time.Hour) }, true},
		"a day later with a sweep": {func(g *rig) { g.conn = sweepingPortal{g.portal}; g.now = g.now.Add(24 * time.Hour) }, false},
		"a week later":             {func(g *rig) { g.conn = sweepingPortal{g.portal}; g.now = g.now.Add(7 * 24 * time.Hour) }, true},
		"fewer facts":              {func(g *rig) { g.opts.Facts = crm.FactName }, false},
		"was incomplete": {func(g *rig) {
			g.store.last.Completeness.Gaps = []crm.Gap{{Object: "deals"}}
		}, true},
	} {
		g := newRig(4)
		g.sync(t)
		c.change(g)
		if s, _ := g.sync(t); s.Full != c.full {
			t.Errorf("%s: full %v, want %v", name, s.Full, c.full)
		}
	}
	g := newRig(4)
	g.opts.Facts = crm.FactName
	g.sync(t)
	g.opts.Facts = crm.FactName | crm.FactHistory
	if s, snap := g.sync(t); !s.Full || !snap.Deal(0).Known.Has(crm.FactHistory) {
		t.Error("more facts were asked for, and the known deals were not read again")
	}
}

func TestDeletedDeals(t *testing.T) {
	g := newRig(10)
	g.conn = sweepingPortal{g.portal}
	g.sync(t)
	delete(g.portal.deals, "d0004")
	if _, snap := g.sync(t); snap.Len() != 10 {
		t.Errorf("a walk over the changes saw a deletion")
	}
	g.now = g.now.Add(24 * time.Hour)
	s, snap := g.sync(t)
	if s.Full || g.portal.calls["gone"] != 1 || s.SweptAt != crm.At(g.now) {
		t.Errorf("the daily look for deleted deals: %+v", s)
	}
	g.same(t, snap)
	delete(g.portal.deals, "d0005")
	g.opts.Full = true
	_, snap = g.sync(t)
	g.same(t, snap)
}

func TestMergedDeals(t *testing.T) {
	g := newRig(6)
	g.sync(t)
	g.portal.merge("d0002", "d0005")
	s, snap := g.sync(t)
	if s.Full {
		t.Error("not a walk over the changes")
	}
	g.same(t, snap)
	g.portal.during = func(page int) { // during a full walk, after d0001 was read
		if page == 0 {
			g.portal.merge("d0001", "d0006")
		}
	}
	g.opts.Full = true
	_, snap = g.sync(t)
	g.same(t, snap)
}

func TestHistoryBehindTheStage(t *testing.T) {
	g := newRig(2)
	g.portal.late = true
	g.portal.move("d0001", "b")
	_, snap := g.sync(t)
	want := g.portal.deals["d0001"].Moves
	i, _ := snap.Find("d0001")
	if d := cmp.Diff(want, snap.Export(i).Moves); d != "" || snap.Deal(i).StageEntry != want[1].At {
		t.Fatalf("moves (-want +got):\n%s", d)
	}
	g.portal.rename("d0001", "changed since, in the same stage")
	_, snap = g.sync(t)
	if d := cmp.Diff(want, snap.Export(i).Moves); d != "" {
		t.Errorf("the noted time moved with a later change (-want +got):\n%s", d)
	}
	g.portal.late = false
	g.portal.rename("d0001", "and the history caught up")
	_, snap = g.sync(t)
	g.same(t, snap)
}

func TestOwnObservationWithoutHistory(t *testing.T) {
	g := newRig(2)
	g.portal.history = false
	g.sync(t)
	g.portal.move("d0001", "b")
	first := g.portal.deals["d0001"].Modified
	g.sync(t)
	g.portal.rename("d0001", "x")
	g.sync(t)
	g.portal.move("d0001", "won")
	second := g.portal.deals["d0001"].Modified
	_, snap := g.sync(t)
	d := snap.Export(0)
	want := []crm.StageMove{{Stage: "b", At: first}, {Stage: "won", At: second}}
	if diff := cmp.Diff(want, d.Moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	if d.StageEntry != second || !d.Known.Has(crm.FactStageEntry) || d.Known.Has(crm.FactHistory) {
		t.Errorf("entry %s, known %b", d.StageEntry, d.Known)
	}
	if d := snap.Export(1); d.Known.Has(crm.FactStageEntry) || len(d.Moves) > 0 {
		t.Errorf("something was made up: %+v", d)
	}
	g.opts.Full = true
	_, snap = g.sync(t)
	if diff := cmp.Diff(want, snap.Export(0).Moves); diff != "" {
		t.Errorf("moves after a full walk (-want +got):\n%s", diff)
	}
}

func TestOwnTasksAreNoNextActivity(t *testing.T) {
	g := newRig(2)
	due := g.portal.now.Add(72*time.Hour) / 1e6 * 1e6
	g.portal.deals["d0001"].Planned = due.Add(300 * time.Millisecond)
	g.portal.deals["d0002"].Planned = due
	g.store.own = map[string][]crm.Instant{"d0001": {due.Add(time.Hour), due}, "d0002": {due.Add(time.Hour)}}
	_, snap := g.sync(t)
	if a, b := snap.Deal(0), snap.Deal(1); a.Planned != 0 || !a.Known.Has(crm.FactPlanned) || b.Planned != due {
		t.Errorf("planned %s and %s", a.Planned, b.Planned)
	}
}

var errDown = fmt.Errorf("listing deals: %w", connectors.ErrUnavailable)

// failAt breaks a walk off before its nth page.
func failAt(n int, err error) func(int) error {
	return func(page int) error {
		if page == n {
			return err
		}
		return nil
	}
}

func TestInterruptedFullWalkGoesOn(t *testing.T) {
	g := newRig(20)
	retry := start.Add(time.Hour)
	g.portal.fail = failAt(4, &connectors.LimitError{What: "daily limit", RetryAt: retry})
	s, snap := g.sync(t)
	if snap.Len() != 12 || !s.Ended.IsZero() || s.Completeness.Complete() || snap.Completeness.Gaps[0].RetryAt != crm.At(retry) {
		t.Fatalf("%d deals, sync %+v", snap.Len(), s)
	}
	g.portal.fail = failAt(0, errDown) // nothing at all comes: what is open stays open
	if _, _, err := g.try(t.Context()); !errors.Is(err, connectors.ErrUnavailable) || g.store.open == nil || len(g.store.parts) != 1 {
		t.Fatalf("err %v, open %v", err, g.store.open)
	}
	g.portal.fail = nil
	g.portal.rename("d0002", "changed while it was interrupted")
	clear(g.portal.calls)
	again, snap := g.sync(t)
	if again.ID != s.ID || g.portal.calls["pages"] != 3 || g.portal.calls["count"] != 0 {
		t.Errorf("it did not go on: %d pages, %+v", g.portal.calls["pages"], again)
	}
	if d := again.Completeness.Read["deals"]; !snap.Completeness.Complete() || d.Read != 20 || *d.Expected != 20 {
		t.Errorf("completeness %+v", again.Completeness)
	}
	_, snap = g.sync(t)
	g.same(t, snap)
}

func TestCursorThatNoLongerWorks(t *testing.T) {
	g := newRig(20)
	g.portal.fail = failAt(4, errDown)
	g.sync(t)
	g.portal.fail = func(int) error {
		if len(g.portal.asked) == 2 {
			return errors.New("listing deals: 400 the cursor is not valid")
		}
		return nil
	}
	s, snap := g.sync(t)
	if !s.Completeness.Complete() {
		t.Errorf("completeness %+v", s.Completeness)
	}
	g.same(t, snap)
}

func TestInterruptedWalkOverChanges(t *testing.T) {
	g := newRig(20)
	before, _ := g.sync(t)
	g.portal.now = g.portal.now.Add(time.Hour)
	for _, id := range g.portal.ids() {
		g.portal.rename(id, "new")
	}
	g.portal.fail = failAt(2, errDown)
	s, snap := g.sync(t)
	if snap.Completeness.Complete() || snap.Len() != 20 || s.Watermark != before.Watermark {
		t.Errorf("%d deals, %+v", snap.Len(), s)
	}
	g.portal.fail = nil
	s, snap = g.sync(t)
	if s.Full || s.Completeness.Read["deals"].Read != 14 || !snap.Completeness.Complete() {
		t.Errorf("what was read already was not known: %+v", s)
	}
	g.same(t, snap)
}

func TestOutageKeepsWhatIsKnown(t *testing.T) {
	g := newRig(20)
	g.sync(t)
	delete(g.portal.deals, "d0001")
	g.opts.Full = true
	g.portal.fail = failAt(3, errDown)
	_, snap := g.sync(t)
	if snap.Len() != 20 || snap.Completeness.Complete() {
		t.Errorf("%d deals, %+v", snap.Len(), snap.Completeness)
	}
	g.portal.fail = nil
	_, snap = g.sync(t)
	g.same(t, snap)
}

func TestCancelledSyncKeepsItsPart(t *testing.T) {
	g := newRig(20)
	ctx, cancel := context.WithCancel(t.Context())
	g.portal.during = func(page int) {
		if page == 3 {
			cancel()
		}
	}
	if _, snap, err := g.try(ctx); !errors.Is(err, context.Canceled) || snap != nil || len(g.store.parts) != 1 || g.store.parts[0].Len() != 9 {
		t.Fatalf("err %v, %d parts", err, len(g.store.parts))
	}
	g.portal.during = nil
	_, snap := g.sync(t)
	g.same(t, snap)
}

func TestUnreadableDeals(t *testing.T) {
	g := newRig(9)
	g.sync(t)
	g.portal.broken["d0004"] = true
	g.opts.Full = true
	s, snap := g.sync(t)
	if n := s.Completeness.Read["deals"]; n.Read != 8 || n.Failed != 1 || snap.Completeness.Complete() || len(snap.Completeness.Gaps) != 1 {
		t.Errorf("completeness %+v", snap.Completeness)
	}
	g.same(t, snap) // as it was known before
	delete(g.portal.deals, "d0008")
	if _, snap = g.sync(t); snap.Len() != 8 {
		t.Errorf("one deal cannot be read, and so another that is gone stays: %d deals", snap.Len())
	}
}

// TestMissingDeals loses a deal between the count and the walk without its being deleted.
func TestMissingDeals(t *testing.T) {
	g := newRig(9)
	g.portal.now = crm.At(start)
	g.sync(t)
	hidden := *g.portal.deals["d0005"]
	g.conn = hiding{g.portal, "d0005"}
	g.portal.during = func(page int) {
		if page == 0 {
			g.portal.create() // must not make up for the missing one
		}
	}
	g.opts.Full = true
	s, snap := g.sync(t)
	if snap.Completeness.Complete() || snap.Len() != 10 {
		t.Errorf("%d deals, %+v", snap.Len(), s.Completeness)
	}
	if i, ok := snap.Find("d0005"); !ok || snap.Export(i).Name != hidden.Name {
		t.Error("a deal that was not listed was dropped although the list was not whole")
	}
	h := newRig(9)
	h.portal.during = func(page int) {
		if page == 0 {
			delete(h.portal.deals, "d0008")
		}
	}
	if _, snap := h.sync(t); !snap.Completeness.Complete() {
		t.Errorf("a deal deleted during the walk is taken for a missing one: %+v", snap.Completeness)
	}
}

// hiding is a portal whose pages leave out a deal.
type hiding struct {
	*fakePortal
	id string
}

func (h hiding) Deals(ctx context.Context, s crm.Schema, w crm.Work) iter.Seq2[crm.Page, error] {
	return func(yield func(crm.Page, error) bool) {
		for page, err := range h.fakePortal.Deals(ctx, s, w) {
			page.Deals = slices.DeleteFunc(page.Deals, func(d crm.Deal) bool { return d.ID == h.id })
			if !yield(page, err) {
				return
			}
		}
	}
}

func TestSetUpThatChangesDuringTheWalk(t *testing.T) {
	g := newRig(9)
	g.portal.during = func(page int) {
		if page == 0 {
			g.portal.schema.Pipelines = append(slices.Clone(g.portal.schema.Pipelines), crm.Pipeline{ID: "p2", Order: 1, Stages: []crm.Stage{{ID: "z"}}})
			g.portal.deals["d0007"].Pipeline = "p2"
			g.portal.move("d0007", "z")
		}
	}
	_, snap := g.sync(t)
	g.same(t, snap)
	if !snap.Completeness.Complete() {
		t.Errorf("completeness %+v", snap.Completeness)
	}
	g.portal.during = nil
	g.portal.schema.Users = append(g.portal.schema.Users, crm.User{ID: "u2", Name: "New", Active: true})
	g.portal.deals["d0003"].Owner = "u2"
	g.portal.rename("d0003", "given to a new colleague")
	s, snap := g.sync(t)
	if s.Full || !snap.Schema.Users[1].Active {
		t.Errorf("a new owner is taken for one who is gone: %+v", snap.Schema.Users)
	}
	g.portal.deals["d0004"].Stage = "nowhere"
	g.portal.rename("d0004", "in a stage that is not there")
	if _, snap = g.sync(t); snap.Completeness.Complete() || snap.Len() != 9 {
		t.Errorf("%d deals, %+v", snap.Len(), snap.Completeness)
	}
}

func TestSchemaErrorIsAnError(t *testing.T) {
	g := newRig(3)
	g.conn = noSetUp{g.portal}
	s, snap, err := g.try(t.Context())
	if !errors.Is(err, connectors.ErrUnauthorized) || snap != nil || s.Error == "" || s.Ended.IsZero() || g.store.last != nil {
		t.Errorf("err %v, sync %+v", err, s)
	}
}

type noSetUp struct{ connectors.Connector }

func (noSetUp) Schema(context.Context) (crm.Schema, error) {
	return crm.Schema{}, connectors.ErrUnauthorized
}

func TestLongWalkIsKeptInFewParts(t *testing.T) {
	g := newRig(5000)
	g.portal.size = 50
	g.portal.fail = failAt(99, errDown)
	if _, snap := g.sync(t); snap.Len() != 4950 || g.store.saved != 5 {
		t.Errorf("%d deals in %d parts", snap.Len(), g.store.saved)
	}
}
