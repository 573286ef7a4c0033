package audit_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// synthetic is a portal of n deals in three pipelines of six open stages: a fifth open, the others closed over two years.
func synthetic(tb testing.TB, n int) *crm.Snapshot {
	rng := rand.New(rand.NewPCG(1, 2))
	var deals []crm.Deal
	for i := range n {
		at, open := rng.Float64()*700, i%5 == 0
		if open {
			at = rng.Float64() * 60
		}
		var path []crm.StageMove
		for s := 0; s < 6 && at > 0; s++ {
			if rng.IntN(8) == 0 {
				continue // skipped
			}
			path = append(path, move(fmt.Sprint("s", s), at))
			at -= rng.ExpFloat64() * 12
		}
		if len(path) == 0 {
			path = append(path, move("s0", at))
		}
		if !open {
			path = append(path, move([]string{"won", "lost", "lost"}[rng.IntN(3)], max(at, 0)))
		}
		d := history(fmt.Sprintf("%07d", i), string(rune('a'+i%3)), path...)
		d.Amount, d.CloseDate = crm.Amount(rng.IntN(90_000)*1_0000), ago(rng.Float64()*200-180)
		deals = append(deals, d)
	}
	return snapshot(tb, schema(pipeline("a", 6), pipeline("b", 6), pipeline("c", 6)), deals...)
}

// benchChecks are checks of the usual cost: a look at a field, at the history, at skips against a statistic.
func benchChecks() []audit.Check {
	stay := audit.Define(audit.Meta{ID: "stay", Family: audit.FamilyActivity, Severity: audit.High, Subject: crm.KindDeal}, scripted{func(p *audit.Pass) {
		for r := range p.Open() {
			entry, ok := p.EntryOf(r)
			limit := p.Stats.WonVisits(r.Stage).Quantile(0.999)
			switch {
			case !ok:
				p.Unknown(r, audit.NeedStageEntry, "its stage entry is not known")
			case p.Now.Days(entry) > limit:
				p.Found(r, audit.Found{Facts: audit.Facts{"limit_days": limit}})
			default:
				p.OK(r)
			}
		}
	}})
	skip := audit.Define(audit.Meta{ID: "skip", Family: audit.FamilyPath, Severity: audit.Medium, Subject: crm.KindDeal}, scripted{func(p *audit.Pass) {
		for r := range p.OpenOrJustClosed() {
			if _, ok := p.Skipped(r); ok {
				p.OK(r)
			}
		}
	}})
	return append(checksOf(stay, skip), audit.Check{Policy: old("age"), Settings: limited{audit.Days(1000 * day)}})
}

func BenchmarkRun(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			snap, checks := synthetic(b, n), benchChecks()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := audit.Run(b.Context(), audit.Input{Snapshot: snap, Checks: checks, Now: now()}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/deal")
		})
	}
}

// TestNoAllocationPerDeal holds a run over deals without findings to a number of allocations that does not grow with them.
func TestNoAllocationPerDeal(t *testing.T) {
	allocations := func(n int) float64 {
		snap, checks := synthetic(t, n), benchChecks()[1:]
		return testing.AllocsPerRun(3, func() { mustRun(t, snap, nil, checks...) })
	}
	if small, large := allocations(2_000), allocations(20_000); large-small > 1_000 {
		t.Errorf("%.0f allocations for 2,000 deals, %.0f for 20,000", small, large)
	}
}
