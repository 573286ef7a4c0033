package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

// BenchmarkSteadyRun keeps a run of which two findings in a hundred changed.
func BenchmarkSteadyRun(b *testing.B) {
	for _, n := range []int{1_000, 300_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 100_000 && testing.Short() {
				b.Skip("many findings take a while to make")
			}
			db, err := Open(b.Context(), storetest.SQLiteURL(b), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			all := make([]audit.Finding, n)
			for i := range all {
				all[i] = finding("stale", fmt.Sprint(i), audit.Facts{"limit_days": 14.0, "entered_at": "2026-11-01T00:00:00Z", "from": "policies"})
			}
			at, run := testStart, 0
			save := func() {
				run++
				at = at.Add(time.Hour)
				for i := run % 50; i < n; i += 50 {
					all[i].Facts = audit.Facts{"limit_days": float64(run), "entered_at": "2026-11-01T00:00:00Z", "from": "policies"}
				}
				if err := db.SaveResult(b.Context(), result(at, append([]audit.Finding(nil), all...)...)); err != nil {
					b.Fatal(err)
				}
			}
			start := time.Now()
			save()
			b.Logf("the first run, which writes all %d, takes %s", n, time.Since(start))
			for b.Loop() {
				save()
			}
		})
	}
}
