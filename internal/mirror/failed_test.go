package mirror

import "testing"

// Deals that are known and could not be read before a full walk was interrupted are not taken for gone by its second half.
func TestUnreadableDealsOutliveAnInterruption(t *testing.T) {
	g := newRig(20)
	g.sync(t)
	ids := g.portal.ids()
	for _, id := range ids[:3] {
		g.portal.broken[id] = true
	}
	g.opts.Full = true
	g.portal.fail = failAt(4, errDown)
	g.sync(t)
	g.portal.fail = nil
	s, snap := g.sync(t)
	if s.Ended.IsZero() || snap.Completeness.Complete() || snap.Len() != 20 {
		t.Fatalf("%d deals, sync %+v", snap.Len(), s)
	}
	clear(g.portal.broken)
	_, snap = g.sync(t)
	g.same(t, snap)
}
