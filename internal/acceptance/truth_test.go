package acceptance

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// TestEveryPlantedProblemIsFound connects a hundred simulated portals, pulls and audits them: every planted problem and what
// it implies is found, none is invented, and what the store then shows is the same.
func TestEveryPlantedProblemIsFound(t *testing.T) {
	var mu sync.Mutex
	planted := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(100) {
			n := 300
			if seed%10 == 9 {
				n = 2000
			}
			t.Run(fmt.Sprintf("seed %d of %d deals", seed, n), func(t *testing.T) {
				t.Parallel()
				for _, p := range findTheTruth(t, seed, n) {
					mu.Lock()
					planted[p.Policy]++
					mu.Unlock()
				}
			})
		}
	})
	total := 0
	for _, policy := range sandbox.Plantable() {
		if total += planted[policy]; planted[policy] == 0 {
			t.Errorf("no seed plants %s", policy)
		}
	}
	t.Logf("%d planted problems: %v", total, planted)
}

// findTheTruth pulls and audits one portal and returns what was planted in it.
func findTheTruth(t *testing.T, seed uint64, n int) []sandbox.Planted {
	now := time.Date(2026, 10, 5, 7, 0, 0, 0, time.UTC).Add(time.Duration(seed) * 31 * time.Hour)
	world := sandbox.Generate(sandbox.GenOptions{Deals: n, Seed: seed, Now: now})
	o := opened(t, world)
	s := o.sync(t)
	if read := s.Completeness.Read["deals"]; !s.Completeness.Complete() || read.Read != int64(n) || read.Expected == nil || *read.Expected != int64(n) {
		t.Errorf("the pull: %+v", s.Completeness)
	}
	result := o.audit(t)
	if diff := cmp.Diff(world.Truth, found(result, world)); diff != "" {
		t.Errorf("findings (-planted +found):\n%s", diff)
	}
	if result.Score == nil || !result.Complete {
		t.Errorf("complete %v, score %v", result.Complete, result.Score)
	}
	kept := must(o.db.LastResult(t.Context(), portal))(t)
	if diff := cmp.Diff(world.Truth, found(kept, world)); diff != "" {
		t.Errorf("kept findings (-planted +kept):\n%s", diff)
	}
	return world.Truth
}
