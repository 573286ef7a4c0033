package mirror

import (
	"slices"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

func TestCollect(t *testing.T) {
	p := newPortal(7)
	var steps []int64
	opts := Options{Portal: "acme", CRM: "fake", Now: func() time.Time { return start }, Progress: func(read int64, _ *int64) { steps = append(steps, read) }}
	snap, err := Collect(t.Context(), p, opts)
	if err != nil || snap.Len() != 7 || !snap.Completeness.Complete() || snap.Asked != crm.AllFacts {
		t.Fatalf("%v, %+v", err, snap)
	}
	if !slices.Equal(steps, []int64{3, 6, 7}) {
		t.Errorf("progress %v", steps)
	}
	p.fail = failAt(1, errDown)
	if snap, err = Collect(t.Context(), p, opts); err != nil || snap.Len() != 3 || snap.Completeness.Complete() {
		t.Errorf("a broken walk: %v, %d deals", err, snap.Len())
	}
}
