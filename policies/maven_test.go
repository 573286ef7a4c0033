package policies

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// maven builds the portal of Maven Analytics' "CRM Sales Opportunities" as of the end of 2017, with the history of its deals
// or without, and with the loss reasons known to be empty or not known.
func maven(t *testing.T, history, reasons bool) *crm.Snapshot {
	t.Helper()
	dir := os.Getenv("PLUMBLINE_TESTDATA")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PLUMBLINE_TESTDATA is not set")
		}
		t.Skip("PLUMBLINE_TESTDATA is not set: the outside data is missing")
	}
	f, err := os.Open(filepath.Join(dir, "maven", "sales_pipeline.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	facts := crm.FactOwner | crm.FactAmount | crm.FactCloseDate | crm.FactClosed
	if reasons {
		facts |= crm.FactLossReason
	}
	b := crm.NewBuilder("maven", "csv", crm.Schema{Pipelines: []crm.Pipeline{{ID: "p", Name: "Sales", Stages: []crm.Stage{
		{ID: "Prospecting", Name: "Prospecting"},
		{ID: "Engaging", Name: "Engaging", Order: 1},
		{ID: "Won", Name: "Won", Order: 2, Kind: crm.Won},
		{ID: "Lost", Name: "Lost", Order: 3, Kind: crm.Lost},
	}}}})
	for _, l := range lines[1:] { // opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
		d := crm.Deal{ID: l[0], Owner: l[1], Pipeline: "p", Stage: l[4], Known: facts}
		d.Created, d.CloseDate = instant(t, l[5]), instant(t, l[6])
		if !d.Created.IsZero() {
			d.Known |= crm.FactCreated
		}
		if d.Stage == "Won" || d.Stage == "Lost" {
			d.Closed = d.CloseDate
		}
		if l[7] != "" {
			if d.Amount, err = crm.ParseAmount(l[7]); err != nil {
				t.Fatal(err)
			}
		}
		if history && l[5] != "" {
			d.Known |= crm.FactHistory
			d.Moves = []crm.StageMove{{Stage: "Engaging", At: d.Created}}
			if l[6] != "" {
				d.Moves = append(d.Moves, crm.StageMove{Stage: l[4], At: d.CloseDate})
			}
		}
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(instant(t, "2018-01-01"), facts|crm.FactCreated|crm.FactHistory, crm.Completeness{})
}

func instant(t *testing.T, date string) crm.Instant {
	if date == "" {
		return 0
	}
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatal(err)
	}
	return crm.At(at)
}

type verdict struct{ found, passed, unknown int }

func verdicts(t *testing.T, snap *crm.Snapshot) map[string]verdict {
	t.Helper()
	var checks []audit.Check
	for _, p := range All() {
		checks = append(checks, audit.Check{Policy: p})
	}
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Checks: checks, Now: snap.Taken})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]verdict{}
	for id, j := range r.Judged {
		out[id] = verdict{passed: j.Passed, unknown: j.Unknown}
	}
	for _, f := range r.Findings {
		v := out[f.Policy]
		v.found++
		out[f.Policy] = v
	}
	return out
}

func expect(t *testing.T, got map[string]verdict, want map[string]verdict) {
	t.Helper()
	for id, w := range want {
		if got[id] != w {
			t.Errorf("%s: %+v, want %+v", id, got[id], w)
		}
	}
}

func TestMavenWithoutHistory(t *testing.T) {
	got := verdicts(t, maven(t, false, true))
	expect(t, got, map[string]verdict{
		"close-date-missing":  {1589, 500, 0},
		"amount-missing":      {1589, 500, 0},
		"lost-reason-missing": {2473, 0, 0},
		"stale-in-stage":      {0, 0, 2089},
		"no-next-activity":    {0, 0, 2089},
		"owner-missing":       {0, 2089, 0},
		"owner-inactive":      {0, 0, 2089},
		"close-date-past":     {0, 2089, 0},
		"status-as-stage":     {0, 2, 0},
		"too-many-stages":     {0, 1, 0},
	})
	t.Logf("open-too-long: %+v", got["open-too-long"])
	if v := got["open-too-long"]; v.unknown != 500 || v.found == 0 || v.found+v.passed != 1589 {
		t.Errorf("open-too-long: %+v, want 500 unknown of 2089", v)
	}
	expect(t, verdicts(t, maven(t, false, false)), map[string]verdict{"lost-reason-missing": {0, 0, 2473}})
}

func TestMavenWithHistory(t *testing.T) {
	expect(t, verdicts(t, maven(t, true, true)), map[string]verdict{
		"stale-in-stage":  {1434, 155, 500},
		"stage-skipped":   {0, 2206, 500},
		"stage-regressed": {0, 1589, 500},
	})
}
