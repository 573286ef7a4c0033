package mirror

import "testing"

func TestCountThatFailedIsTakenLater(t *testing.T) {
	g := newRig(20)
	g.portal.uncounted = errDown
	s, snap := g.sync(t)
	if snap.Len() != 3 || !s.Ended.IsZero() || snap.Completeness.Complete() {
		t.Fatalf("%d deals, sync %+v", snap.Len(), s)
	}
	g.portal.uncounted = nil
	clear(g.portal.calls)
	s, snap = g.sync(t)
	if d := s.Completeness.Read["deals"]; !snap.Completeness.Complete() || d.Expected == nil || *d.Expected != 20 || g.portal.calls["pages"] != 6 {
		t.Errorf("%d pages, sync %+v", g.portal.calls["pages"], s)
	}
	g.same(t, snap)
}

func TestEmptyPortal(t *testing.T) {
	g := newRig(0)
	s, snap := g.sync(t)
	if !snap.Completeness.Complete() || snap.Len() != 0 || g.portal.calls["count"] != 0 || s.Completeness.Read["deals"].Expected != nil {
		t.Errorf("%v, sync %+v", g.portal.calls, s)
	}
	g.portal.create()
	_, snap = g.sync(t)
	g.same(t, snap)
	clear(g.portal.deals) // that everything is gone is believed only when a count says so too
	g.opts.Full = true
	clear(g.portal.calls)
	s, snap = g.sync(t)
	if snap.Len() != 0 || g.portal.calls["count"] != 1 || *s.Completeness.Read["deals"].Expected != 0 {
		t.Errorf("%d deals are left, %v, sync %+v", snap.Len(), g.portal.calls, s)
	}
}
