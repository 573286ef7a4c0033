package conformance

import (
	"testing"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// testEstimate compares what was foretold with what a full pull then costs: within five in a hundred, or three requests.
func testEstimate(t *testing.T, s Subject) {
	for _, n := range []int{1, 430, 2100} {
		b := newBench(t, s, world(n, 20))
		c := b.open(t)
		estimator, ok := c.(connectors.Estimator)
		if !ok {
			t.Skip("the connector is no Estimator")
		}
		e, err := estimator.Estimate(t.Context(), crm.AllFacts&^s.Costly)
		if err != nil {
			t.Fatal(err)
		}
		if own := b.requests(); own != e.OwnRequests || e.Seconds <= 0 {
			t.Errorf("the estimate %+v cost %d requests", e, own)
		}
		sch := schema(t, c)
		if surveyor, ok := c.(connectors.Surveyor); ok {
			if sch, err = surveyor.Survey(t.Context(), sch, crm.AllFacts&^s.Costly); err != nil {
				t.Fatal(err)
			}
		}
		if counter, ok := c.(connectors.Counter); ok {
			if _, err := counter.Count(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := pull(t.Context(), c, sch, crm.Work{Facts: crm.AllFacts &^ s.Costly}); err != nil {
			t.Fatal(err)
		}
		took := b.requests()
		if off := max(took-e.Requests, e.Requests-took); off > 3 && float64(off) > 0.05*float64(took) {
			t.Errorf("%d deals: %d requests were foretold, it took %d", n, e.Requests, took)
		}
	}
}
