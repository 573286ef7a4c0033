package mirror

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// A task of ours that comes first hides what the owner has planned behind it. That stays known.
func TestWhatIsPlannedBehindAnOwnTask(t *testing.T) {
	g := newRig(2)
	now := crm.At(g.now)
	real, ours := now.Add(72*time.Hour), now.Add(24*time.Hour)
	g.portal.deals["d0001"].Planned, g.portal.deals["d0001"].NextDue = real, real
	g.sync(t)
	for id := range g.portal.deals {
		g.portal.deals[id].Planned, g.portal.deals[id].NextDue, g.portal.deals[id].Modified = ours, ours, g.portal.tick()
	}
	g.store.own = map[string][]crm.Instant{"d0001": {ours}, "d0002": {ours}}
	for _, full := range []bool{false, true} {
		g.opts.Full = full
		_, snap := g.sync(t)
		if a, b := snap.Deal(0).Planned, snap.Deal(1).Planned; a != real || b != 0 {
			t.Errorf("full %v: planned %s and %s, want %s and none", full, a, b, real)
		}
		if a, b := snap.Engagement(0).NextDue, snap.Engagement(1).NextDue; a != real || b != 0 {
			t.Errorf("full %v: due first %s and %s, want %s and none", full, a, b, real)
		}
	}
	g.now = real.Time()
	if _, snap := g.sync(t); snap.Deal(0).Planned != 0 {
		t.Errorf("what was planned for %s is still planned after that", snap.Deal(0).Planned)
	}
}

// Once we made a property, deals that were read before do not show it: everything is read again, from the beginning.
func TestAnOwnPropertyNeedsAFullWalk(t *testing.T) {
	g := newRig(20)
	g.sync(t)
	if s, _ := g.sync(t); s.Full {
		t.Fatalf("sync %+v", s)
	}
	g.store.reshaped = crm.At(g.now)
	g.portal.fail = failAt(4, &connectors.LimitError{What: "daily limit"})
	first, _ := g.sync(t)
	if !first.Full || !first.Ended.IsZero() {
		t.Fatalf("sync %+v", first)
	}
	g.store.reshaped = crm.At(g.now)
	g.portal.fail = nil
	second, snap := g.sync(t)
	if !second.Full || second.ID == first.ID || !snap.Completeness.Complete() {
		t.Errorf("it went on with what was read before the property: %+v", second)
	}
	if s, _ := g.sync(t); s.Full {
		t.Errorf("sync %+v", s)
	}
	g.same(t, snap)
}

// Where loss reasons are read from another property than before, the reasons that are kept say nothing of it.
func TestAnotherLossReasonPropertyNeedsAFullWalk(t *testing.T) {
	g := newRig(20)
	g.conn, g.portal.schema.LossReason.Field = sweepingPortal{g.portal}, "old"
	g.sync(t)
	g.portal.schema.LossReason.Field = "new"
	for _, d := range g.portal.deals {
		d.LossReason = "by the new property" // which changes nothing of when it was modified
	}
	g.now = g.now.Add(25 * time.Hour)
	s, snap := g.sync(t)
	if !s.Full || !s.Since.IsZero() {
		t.Errorf("sync %+v", s)
	}
	g.same(t, snap)
	if s, _ := g.sync(t); s.Full {
		t.Errorf("sync %+v", s)
	}
}
