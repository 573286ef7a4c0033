package daemon

import (
	"log/slog"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

// TestWaiversHoldAtTheirMoment: those of now for an audit of now, those of then for one of then.
func TestWaiversHoldAtTheirMoment(t *testing.T) {
	at := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	db, err := store.Open(t.Context(), storetest.SQLiteURL(t), store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := &Cycle{Store: db, Now: now, Log: slog.New(slog.DiscardHandler)}
	subject := crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: "1"}
	f := audit.Finding{ID: audit.FindingID("stale", subject, ""), Policy: "stale", Subject: subject}
	if err := db.SaveResult(t.Context(), &audit.Result{Portal: "acme", AsOf: crm.At(at), Complete: true, Findings: []audit.Finding{f}}); err != nil {
		t.Fatal(err)
	}
	if err := db.Waive(t.Context(), "acme", audit.Waiver{Finding: f.ID, Reason: "agreed", Until: crm.At(at.Add(time.Hour))}); err != nil {
		t.Fatal(err)
	}
	made := crm.At(at)
	for name, x := range map[string]struct {
		clock time.Duration
		at    crm.Instant
		want  int
	}{
		"now": {0, 0, 1}, "when it has ended": {2 * time.Hour, 0, 0}, "then, looked at later": {2 * time.Hour, made.Add(time.Minute), 1}, "before it was made": {0, made.Add(-time.Minute), 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.Now = func() time.Time { return at.Add(x.clock) }
			if got, err := c.waivers(t.Context(), "acme", x.at); err != nil || len(got) != x.want {
				t.Errorf("%v, %v; want %d", got, err, x.want)
			}
		})
	}
}
