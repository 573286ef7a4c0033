package remedy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlanAsJSON(t *testing.T) {
	d := newDesk(past("2", "2026-12-01"), ownerless("3"))
	p := d.plan(t)
	got, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, s := range []string{
		`{"id":"` + p.ID + `","portal":"acme","made_at":"2026-11-20T15:00:00Z","complete":true,"steps":[`,
		`{"id":"` + p.Steps[0].ID + `","version":1,"state":"manual","policy":"owner-missing","finding":"` + p.Steps[0].Finding + `","summary":"by hand: fallback-owner","risk":"low","irreversible":[],"needs":[],"edits":[]},`,
		`{"id":"` + p.Steps[1].ID + `","version":1,"state":"proposed","policy":"close-date-past","finding":"` + p.Steps[1].Finding + `","summary":"set for close-date-past 2","risk":"medium","irreversible":[],"needs":[],`,
		`"edits":[{"kind":"deal","id":"2","op":"set","before":{"close_date":"2026-10-01"},"after":{"close_date":"2026-12-01"}}]}]}`,
	} {
		want.WriteString(s)
	}
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want.String()), &b) != nil {
		t.Fatalf("not JSON: %s", got)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Error(diff)
	}
}
