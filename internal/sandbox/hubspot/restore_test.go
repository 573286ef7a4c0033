package hubspot_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// TestWritingBackWhatWasReadRestoresTheRecord is what undo rests on: whatever is written, the values as read before bring back the
// stored properties, byte for byte.
func TestWritingBackWhatWasReadRestoresTheRecord(t *testing.T) {
	s := start(t, sandbox.Options{})
	values := map[string]*rapid.Generator[string]{
		"amount":             rapid.SampledFrom([]string{"", "0", "1.50", "1500.00", "-3", "1e3", " 7 "}),
		"closedate":          rapid.SampledFrom([]string{"", "2026-10-01", "1790812800123", "2026-10-01T02:00:00.5+02:00"}),
		"closed_lost_reason": rapid.String(),
		"dealstage":          rapid.SampledFrom([]string{"qualify", "demo", "closedwon", "closedlost", "901"}),
		"hubspot_owner_id":   rapid.SampledFrom([]string{"", "61", "62", "63"}),
	}
	const asked = "?properties=amount,closedate,closed_lost_reason,dealstage,hubspot_owner_id,pipeline"
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.SampledFrom([]string{"1001", "1002", "1010"}).Draw(rt, "deal")
		write := m{}
		for name, generator := range values {
			if rapid.Bool().Draw(rt, "write "+name) {
				write[name] = generator.Draw(rt, name)
			}
		}
		stored := func() (properties map[string]string) {
			record, _ := s.sandbox.Face("hubspot").Record("deals", id)
			text, err := json.Marshal(record)
			if err != nil {
				rt.Fatal(err)
			}
			var r struct{ Properties map[string]string }
			if err := json.Unmarshal(text, &r); err != nil {
				rt.Fatal(err)
			}
			return r.Properties
		}
		before := stored()
		read := s.do("GET", dealsPath+"/"+id+asked, nil).is(200)
		s.do("PATCH", dealsPath+"/"+id, m{"properties": write}).is(200)
		back := m{}
		for _, name := range []string{"amount", "closedate", "closed_lost_reason", "dealstage", "hubspot_owner_id"} {
			back[name] = read.at("properties/" + name) // null clears
		}
		s.do("PATCH", dealsPath+"/"+id, m{"properties": back}).is(200)
		if diff := cmp.Diff(before, stored()); diff != "" {
			rt.Fatalf("wrote %v: %s", write, diff)
		}
	})
}
