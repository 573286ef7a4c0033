package sandbox

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors/csvfile"
	"github.com/plumbline/plumbline/internal/crm"
)

func TestWorldOfRows(t *testing.T) {
	at := func(d int) crm.Instant { return crm.At(time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC)) }
	now := at(30).Time()
	schema := crm.Schema{
		Pipelines: []crm.Pipeline{{ID: "Sales", Name: "Sales", Stages: []crm.Stage{{ID: "New", Name: "New"}, {ID: "Offer", Name: "Offer", Order: 1}, {ID: "Won", Name: "Won", Order: 2, Kind: crm.Won}}}},
		Users:     []crm.User{{ID: "Ann Lee", Name: "Ann Lee"}},
	}
	lost := crm.Lost
	w := FromDeals(schema, []crm.Deal{
		{ID: "x1", Pipeline: "Sales", Stage: "Offer", Owner: "Ann Lee", Company: "Acme", Amount: 12_500_000, Created: at(2), CloseDate: at(20), Touch: at(9), Planned: at(31),
			Known: crm.AllFacts, Moves: []crm.StageMove{{Stage: "New", At: at(2)}, {Stage: "Offer", At: at(5)}}},
		{ID: "x2", Name: "Two", Pipeline: "Sales", Stage: "Won", Owner: "Bo", Company: "Acme", Created: at(1), Closed: at(8), CloseDate: at(9), Known: crm.AllFacts &^ crm.FactHistory},
		{ID: "x3", Pipeline: "Sales", Stage: "New", LossReason: "too dear", Status: &lost, Closed: at(7)},
		{ID: "x4", Pipeline: "Sales", Stage: "gone"},
		{ID: "x5", Pipeline: "Sales", Stage: "New", Origin: crm.OriginImport, Known: crm.FactHistory, Moves: []crm.StageMove{{Stage: "Offer", At: at(3)}}},
	}, now)
	want := &World{
		Account: "60000001", Currency: "USD", Zone: "UTC", Now: now,
		Pipelines: []Pipeline{{ID: "default", Label: "Sales", Created: at(1).Time(), Stages: []Stage{
			{"600000001", "New", 0.1}, {"600000002", "Offer", 0.5}, {"600000003", "Won", 1}, {"600000004", "Closed lost", 0},
		}}},
		Owners:    []Owner{{ID: "61000000", First: "Ann", Last: "Lee", Email: "owner61000000@team.example", Active: true}, {ID: "61000001", First: "Bo", Email: "owner61000001@team.example", Active: true}},
		Companies: []Company{{"6200000000", "Acme"}},
		Deals: []Deal{
			{ID: "10000000000", External: "x1", Name: "x1", Pipeline: "default", Stage: "600000002", Owner: "61000000", Company: "6200000000", Amount: "1250.00",
				Created: at(2).Time(), CloseDate: at(20).Time(), Moves: []Move{{Stage: "600000001", At: at(2).Time()}, {Stage: "600000002", At: at(5).Time()}},
				Activities: []Activity{{Kind: "call", At: at(9).Time(), Owner: "61000000", Subject: "Last contact", Done: true}, {Kind: "task", At: at(31).Time(), Owner: "61000000", Subject: "Next step"}}},
			{ID: "10000000001", External: "x2", Name: "Two", Pipeline: "default", Stage: "600000003", Owner: "61000001", Company: "6200000000", Created: at(1).Time(), CloseDate: at(8).Time(), StageEntered: at(8).Time()},
			{ID: "10000000002", External: "x3", Name: "x3", Pipeline: "default", Stage: "600000004", LossReason: "too dear", Created: now, CloseDate: at(7).Time(), StageEntered: at(7).Time()},
			{ID: "10000000003", External: "x5", Name: "x5", Pipeline: "default", Stage: "600000001", Source: "IMPORT", Created: at(3).Time(),
				Moves: []Move{{Stage: "600000002", At: at(3).Time()}, {Stage: "600000001", At: at(3).Time().Add(time.Second)}}},
		},
	}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLossOptionsOfRows(t *testing.T) {
	schema := crm.Schema{
		Pipelines:  []crm.Pipeline{{ID: "p", Stages: []crm.Stage{{ID: "a"}, {ID: "z", Order: 1, Kind: crm.Lost}}}},
		LossReason: crm.LossReason{Kind: crm.LossOptions, Options: []crm.Option{{Value: "price", Label: "Price"}}},
		UsersKnown: true,
	}
	w := FromDeals(schema, []crm.Deal{
		{ID: "1", Pipeline: "p", Stage: "z", LossReason: "price", LossText: "far too dear", Owner: "left"},
		{ID: "2", Pipeline: "p", Stage: "z", LossReason: "rival"},
	}, time.Unix(1_800_000_000, 0))
	want := &LossProperty{Name: "loss_reason", Label: "Loss reason", Options: []LossOption{{"price", "Price"}, {"rival", "rival"}}}
	if diff := cmp.Diff(want, w.LossProperty); diff != "" {
		t.Error(diff)
	}
	if d := w.Deals[0]; d.LossOption != "price" || d.LossReason != "far too dear" || w.Owners[0].Active {
		t.Errorf("deal %+v, owner %+v", d, w.Owners[0])
	}
}

func TestMavenSetLoads(t *testing.T) {
	dir := os.Getenv("PLUMBLINE_TESTDATA")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PLUMBLINE_TESTDATA is not set")
		}
		t.Skip("PLUMBLINE_TESTDATA is not set: the outside data are missing")
	}
	f, err := csvfile.Open(csvfile.Options{
		File:   filepath.Join(dir, "maven", "sales_pipeline.csv"),
		Map:    "id=opportunity_id,owner=sales_agent,company=account,stage=deal_stage,created=engage_date,closed=close_date,expected_close=close_date,amount=close_value,lost_reason=",
		Stages: "Prospecting,Engaging,Won=won,Lost=lost",
	})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := f.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)
	w := FromDeals(schema, f.Rows(), now)
	stages, atNow, undated := map[string]int{}, 0, 0
	labels := map[string]string{}
	for _, s := range w.Pipelines[0].Stages {
		labels[s.ID] = s.Label
	}
	for _, d := range w.Deals {
		stages[labels[d.Stage]]++
		if d.Created.Equal(now) {
			atNow++
		}
		if d.CloseDate.IsZero() {
			undated++
		}
	}
	if diff := cmp.Diff(map[string]int{"Prospecting": 500, "Engaging": 1589, "Won": 4238, "Lost": 2473}, stages); diff != "" {
		t.Error(diff)
	}
	if len(w.Deals) != 8800 || atNow != 500 || undated != 2089 || len(w.Companies) != 85 || len(w.Owners) != 30 {
		t.Errorf("%d deals, %d without creation date, %d without close date, %d companies, %d owners", len(w.Deals), atNow, undated, len(w.Companies), len(w.Owners))
	}
}
