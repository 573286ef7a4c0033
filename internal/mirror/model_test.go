package mirror

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/connectors"
)

// TestMirrorFollowsThePortal lets a portal change at random, also while it is walked, with walks that break off and a
// search that is late: once it is quiet, the next sync that can see everything shows exactly the portal, and no snapshot
// that calls itself complete ever misses a deal that was there all the time.
func TestMirrorFollowsThePortal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newRig(rapid.IntRange(0, 12).Draw(t, "deals"))
		p := g.portal
		p.size, p.lag = rapid.IntRange(1, 5).Draw(t, "page size"), time.Duration(rapid.IntRange(0, 4).Draw(t, "lag"))*time.Minute
		if rapid.Bool().Draw(t, "sweeps") {
			g.conn = sweepingPortal{p}
		}
		pick := func(t *rapid.T) string { return rapid.SampledFrom(p.ids()).Draw(t, "deal") }
		change := func(t *rapid.T) {
			switch kind := rapid.IntRange(0, 5).Draw(t, "change"); {
			case kind == 0 || len(p.deals) < 2:
				p.create()
			case kind == 1:
				p.rename(pick(t), rapid.StringN(0, 5, -1).Draw(t, "name"))
			case kind <= 3:
				p.move(pick(t), rapid.SampledFrom([]string{"a", "b", "won"}).Draw(t, "stage"))
			case kind == 4:
				delete(p.deals, pick(t))
			default:
				a, b := pick(t), pick(t)
				if a != b {
					p.merge(a, b)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"change": change,
			"wait":   func(t *rapid.T) { g.now = g.now.Add(9 * time.Hour); p.now = p.now.Add(9 * time.Hour) },
			"sync": func(t *rapid.T) {
				g.opts.Full = rapid.IntRange(0, 3).Draw(t, "full") == 0
				breaks := rapid.IntRange(0, 12).Draw(t, "breaks off before page")
				p.fail = failAt(breaks, errDown)
				p.during = func(int) {
					if rapid.IntRange(0, 2).Draw(t, "changes during the walk") == 0 {
						change(t)
						g.now = g.now.Add(time.Minute)
					}
				}
				before := map[string]bool{}
				for id := range p.deals {
					before[id] = true
				}
				s, snap, err := g.try(context.Background())
				p.fail, p.during = nil, nil
				if err != nil {
					if !errors.Is(err, connectors.ErrUnavailable) || breaks != 0 {
						t.Fatal(err)
					}
					return
				}
				if s.Full && snap.Completeness.Complete() && g.store.saved == 0 {
					for id := range p.deals {
						if _, ok := snap.Find(id); before[id] && !ok {
							t.Fatalf("deal %s was there all the time and is missing from a complete snapshot", id)
						}
					}
				}
			},
			"quiet": func(t *rapid.T) {
				p.now = p.now.Add(p.lag) // the search has caught up
				g.opts.Full = false
				g.sync(t)
				g.now = g.now.Add(24 * time.Hour) // so that deletions are looked for
				_, snap := g.sync(t)
				if !snap.Completeness.Complete() {
					t.Fatalf("completeness %+v", snap.Completeness)
				}
				g.same(t, snap)
			},
		})
	})
}
