package audit_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

func TestResultReadsBackTheSame(t *testing.T) {
	policy := audit.Define(audit.Meta{ID: "facts", Family: audit.FamilyPath, Severity: audit.Low, Subject: crm.KindDeal}, scripted{func(p *audit.Pass) {
		for r := range p.Open() {
			p.Found(r, audit.Found{Facts: audit.Facts{"stages": []string{"A", "B"}, "limit_days": 1.5, "own": true, "source": "default"}, Since: ago(2.5),
				Fix: &audit.Fix{Kind: audit.FixOwner, Manual: []string{"do-it"}}})
		}
	}})
	snap := synthetic(t, 200)
	first := mustRun(t, snap, nil, audit.Check{Policy: policy})
	in := mustRun(t, snap, []audit.Waiver{{Finding: first.Findings[0].ID, Reason: "why", Author: "Ada", Until: now() + 1}},
		append(benchChecks(), audit.Check{Policy: policy})...)
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out audit.Result
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, &out); diff != "" {
		t.Error(diff)
	}
}

// TestMaven compares with the figures that the makers' own table gives: 8,800 deals, 4,238 won and 2,473 lost, all in 2017.
func TestMaven(t *testing.T) {
	dir := os.Getenv("PLUMBLINE_TESTDATA")
	file, err := os.Open(filepath.Join(dir, "maven", "sales_pipeline.csv"))
	if dir == "" || err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("PLUMBLINE_TESTDATA does not name a folder with maven/sales_pipeline.csv")
		}
		t.Skip("PLUMBLINE_TESTDATA does not name a folder with maven/sales_pipeline.csv")
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	p := crm.Pipeline{ID: "p", Name: "p"}
	for i, name := range []string{"Prospecting", "Engaging", "Won", "Lost"} {
		p.Stages = append(p.Stages, crm.Stage{ID: name, Name: name, Order: i, Kind: []crm.Status{crm.Open, crm.Open, crm.Won, crm.Lost}[i]})
	}
	date := func(s string) crm.Instant {
		d, _ := time.Parse(time.DateOnly, s)
		return crm.At(d)
	}
	b := crm.NewBuilder("maven", "csv", schema(p))
	days, won := 0.0, 0
	for _, row := range rows[1:] { // opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
		d := crm.Deal{ID: row[0], Pipeline: "p", Stage: row[4], Created: date(row[5]), Closed: date(row[6]), Known: crm.FactClosed | crm.FactAmount}
		if row[5] != "" {
			d.Known |= crm.FactCreated
		}
		if d.Amount, err = crm.ParseAmount("0" + row[7]); err != nil {
			t.Fatal(err)
		}
		if row[4] == "Won" {
			days, won = days+d.Closed.Days(d.Created), won+1
		}
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	end := crm.At(time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC))
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: b.Build(end, crm.FactCreated|crm.FactClosed, crm.Completeness{}), Now: end})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Pipelines[0]
	if got.OpenDeals != 2089 || got.N["win_rate_365d"] != 6711 || math.Abs(*got.WinRate365-4238.0/6711) > 1e-12 || got.N["average_cycle_days"] != 4238 {
		t.Errorf("open %d, win rate %s of %d, cycles %d", got.OpenDeals, show(got.WinRate365), got.N["win_rate_365d"], got.N["average_cycle_days"])
	}
	if math.Abs(*got.AverageCycleDays-days/float64(won)) > 1e-9 {
		t.Errorf("average cycle %s, want %.3f", show(got.AverageCycleDays), days/float64(won))
	}
}
