package pipedrive_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// stored reads a record of a face through JSON, as the control API shows it.
func stored(t *testing.T, face sandbox.Face, kind, id string, into any) {
	t.Helper()
	record, ok := face.Record(kind, id)
	if !ok {
		t.Fatalf("%s has no %s %s", face.Name(), kind, id)
	}
	raw, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// onPipedrive is what the account stores of a deal.
type onPipedrive struct {
	Status   string  `json:"status"`
	Stage    int64   `json:"stage_id"`
	Owner    int64   `json:"owner_id"`
	Value    float64 `json:"value"`
	Currency string  `json:"currency"`
	Expected string  `json:"expected_close_date"`
	Reason   string  `json:"lost_reason"`
	Added    string  `json:"add_time"`
	Changed  string  `json:"stage_change_time"`
	Won      string  `json:"won_time"`
	Lost     string  `json:"lost_time"`
	Changes  []struct {
		Field string `json:"field_key"`
		Old   string `json:"old_value"`
		New   string `json:"new_value"`
		Time  string `json:"time"`
	} `json:"changes"`
}

// path rebuilds a deal's way from its changelog, in the words of the other CRM: entries into stages, won and lost among them.
func (d *onPipedrive) path() []string {
	at := ""
	for _, c := range d.Changes {
		if c.Field == "stage_id" {
			at = c.Old
			break
		}
	}
	if at == "" {
		at = fmt.Sprint(d.Stage)
	}
	type entry struct{ stage, at string }
	path := []entry{{at, strings.NewReplacer("T", " ", "Z", "").Replace(d.Added)}}
	enter := func(stage, at string) {
		if path[len(path)-1].at == at { // two changes of one moment are one entry
			path = path[:len(path)-1]
		}
		path = append(path, entry{stage, at})
	}
	for _, c := range d.Changes {
		switch {
		case c.Field == "stage_id":
			at = c.New
			enter(at, c.Time)
		case c.Field == "status" && c.New == "open":
			enter(at, c.Time)
		case c.Field == "status":
			enter(c.New, c.Time)
		}
	}
	out := make([]string, len(path))
	for i, e := range path {
		out[i] = e.stage + " " + e.at
	}
	return out
}

func TestOneSeedIsOneHistory(t *testing.T) {
	for seed := range uint64(4) {
		world := sandbox.Generate(sandbox.GenOptions{Deals: 400, Seed: seed})
		server, err := sandbox.New(sandbox.Options{Clock: world.Now}, hubspot.New(world), pipedrive.New(world))
		if err != nil {
			t.Fatal(err)
		}
		zone, err := time.LoadLocation(world.Zone)
		if err != nil {
			t.Fatal(err)
		}
		closed := map[string]string{}
		for _, line := range world.Pipelines {
			for _, s := range line.Stages {
				switch s.Probability {
				case 1:
					closed[s.ID] = "won"
				case 0:
					closed[s.ID] = "lost"
				}
			}
		}
		label := map[string]string{}
		if world.LossProperty != nil {
			for _, o := range world.LossProperty.Options {
				label[o.Value] = o.Label
			}
		}
		for i := range world.Deals {
			compareDeal(t, server, world, &world.Deals[i], closed, label, zone)
		}
	}
}

func compareDeal(t *testing.T, server *sandbox.Server, world *sandbox.World, w *sandbox.Deal, closed, label map[string]string, zone *time.Location) {
	t.Helper()
	var hub struct {
		Properties map[string]string
		History    map[string][]struct {
			Value     string    `json:"value"`
			Timestamp time.Time `json:"timestamp"`
		}
	}
	stored(t, server.Face("hubspot"), "deals", w.ID, &hub)
	var pipe onPipedrive
	stored(t, server.Face("pipedrive"), "deals", w.ID, &pipe)

	var want []string
	for _, v := range hub.History["dealstage"] {
		stage := v.Value
		if closed[stage] != "" {
			stage = closed[stage]
		}
		want = append(want, stage+" "+v.Timestamp.UTC().Format(time.DateTime))
	}
	if got := pipe.path(); !slices.Equal(got, want) {
		t.Errorf("deal %s: path\n %v, HubSpot has\n %v", w.ID, got, want)
	}
	if got, want := pipe.Status, closed[hub.Properties["dealstage"]]; got != want && (want != "" || got != "open") {
		t.Errorf("deal %s is %s, on HubSpot %q", w.ID, got, want)
	}
	if owner := hub.Properties["hubspot_owner_id"]; owner != "" && owner != fmt.Sprint(pipe.Owner) {
		t.Errorf("deal %s: owner %d, on HubSpot %s", w.ID, pipe.Owner, owner)
	}
	if amount := hub.Properties["amount"]; amount != "" && amount != fmt.Sprint(int64(pipe.Value)) || amount == "" && pipe.Value != 0 {
		t.Errorf("deal %s: value %v, on HubSpot %q", w.ID, pipe.Value, amount)
	}
	if pipe.Currency != hub.Properties["deal_currency_code"] {
		t.Errorf("deal %s: currency %s", w.ID, pipe.Currency)
	}
	date := ""
	if close := hub.Properties["closedate"]; close != "" {
		at, err := time.Parse(time.RFC3339, close)
		if err != nil {
			t.Fatal(err)
		}
		date = at.In(zone).Format(time.DateOnly)
	}
	if date != pipe.Expected {
		t.Errorf("deal %s: close date %q, on HubSpot %q", w.ID, pipe.Expected, date)
	}
	reason := hub.Properties["closed_lost_reason"]
	if lp := world.LossProperty; lp != nil && hub.Properties[lp.Name] != "" {
		reason = label[hub.Properties[lp.Name]]
	}
	if reason != pipe.Reason {
		t.Errorf("deal %s: lost reason %q, on HubSpot %q", w.ID, pipe.Reason, reason)
	}
}

// Activities are the same facts, too: what HubSpot rolls up is what Pipedrive's lists and counters give.
func TestOneSeedIsOneSetOfActivities(t *testing.T) {
	world := sandbox.Generate(sandbox.GenOptions{Deals: 300, Seed: 5})
	s := startWith(t, world, sandbox.Options{Ticks: func() time.Time { return world.Now }})
	for i := range world.Deals {
		w := &world.Deals[i]
		if w.Archived {
			continue
		}
		in, out, planned := time.Time{}, time.Time{}, 0
		for _, a := range w.Activities {
			switch {
			case a.Kind == "email" && a.Inbound:
				in = a.At
			case a.Kind == "email":
				out = a.At
			case !a.Done:
				planned++
			}
		}
		show := func(at time.Time) any {
			if at.IsZero() {
				return nil
			}
			return at.UTC().Format("2006-01-02T15:04:05Z")
		}
		if i%10 == 0 { // each is a request
			s.get("/v2/deals/"+w.ID+"?include_fields=last_incoming_mail_time,last_outgoing_mail_time,undone_activities_count").is(200,
				"data/last_incoming_mail_time", show(in), "data/last_outgoing_mail_time", show(out), "data/undone_activities_count", planned)
		}
	}
}

func TestTruthInPipedrivesIds(t *testing.T) {
	s := start(t, sandbox.Options{})
	want := "[{amount-missing {deal 1010}} {too-many-stages {pipeline 1}}]"
	if got := fmt.Sprint(s.sandbox.Truth()); got != want {
		t.Errorf("truth %s, want %s", got, want)
	}
	var first string
	for i, p := range s.sandbox.Face("pipedrive").(sandbox.Renumberer).Origins() {
		first += fmt.Sprint(i, p.Subject.ID, ";")
	}
	if first != "01010;1default;" {
		t.Errorf("by the world's ids: %s", first)
	}
	s.finish(s.request("GET", "/control/truth?crm=pipedrive")).is(200, "0/subject/id", "1010")
}

func TestStoredRecords(t *testing.T) {
	s := start(t, sandbox.Options{})
	for path, want := range map[string]string{"deals/1002": "Globex lost", "stages/11": "Qualified", "pipelines/1": "Sales Pipeline", "users/62": "Bo Lin",
		"organizations/501": "Acme", "persons/301": "dee@acme.test", "dealFields/lost_reason": "Wrong timing", "activities/1000001": "Intro", "notes/1000005": "Likes it"} {
		req := s.request("GET", "/control/records/pipedrive/"+path)
		if r := s.finish(req).is(200); !strings.Contains(r.raw, want) {
			t.Errorf("%s: %s", path, r.raw)
		}
	}
	s.finish(s.request("GET", "/control/records/pipedrive/deals/5")).is(404)
	s.finish(s.request("GET", "/control/records/pipedrive/deals/x")).is(404)
}

// A world made of a file may know no history, have no open stage, or name stages by words.
func TestWorldWithoutHistory(t *testing.T) {
	world := &sandbox.World{Account: "x", Currency: "EUR", Zone: "nowhere", Now: today,
		Pipelines: []sandbox.Pipeline{{ID: "sales", Label: "Sales", Stages: []sandbox.Stage{{ID: "new", Label: "New", Probability: 0.1}, {ID: "2", Label: "Two", Probability: 0.5},
			{ID: "won", Label: "Won", Probability: 1}, {ID: "lost", Label: "Lost"}}},
			{ID: "7", Label: "Closed only", Stages: []sandbox.Stage{{ID: "w7", Label: "Won", Probability: 1}}}},
		Owners: []sandbox.Owner{{ID: "ann", First: "Ann", Active: true}},
		Deals: []sandbox.Deal{
			{ID: "10", Name: "Moved", Pipeline: "sales", Stage: "2", Owner: "ann", Created: day(-20), StageEntered: day(-5)},
			{ID: "eleven", Name: "Won", Pipeline: "sales", Stage: "won", Created: day(-20), CloseDate: day(-3)},
			{ID: "12", Name: "Lost", Pipeline: "sales", Stage: "lost", Created: day(-20), StageEntered: day(-4), LossReason: "why not"},
			{ID: "13", Name: "Won there", Pipeline: "7", Stage: "w7", Created: day(-20), CloseDate: day(-30)}}}
	s := startWith(t, world, sandbox.Options{})
	s.get("/v2/stages?sort_by=order_nr").is(200, "data/0/id", 1, "data/1/id", 3, "data/1/name", "Open", "data/2/id", 2)
	s.get("/v2/deals/10").is(200, "data/stage_id", 2, "data/stage_change_time", "2026-08-27T12:00:00Z", "data/owner_id", 1, "data/pipeline_id", 1)
	s.get("/v1/deals/10/changelog").is(200, "data/0/field_key", "add_time", "data/1", nil)
	s.get("/v2/deals/1").is(200, "data/title", "Won", "data/stage_id", 2, "data/won_time", "2026-08-29T12:00:00Z", "data/owner_id", 2)
	s.get("/v2/deals/12").is(200, "data/stage_id", 1, "data/lost_time", "2026-08-28T12:00:00Z", "data/lost_reason", "why not")
	s.get("/v2/deals/13").is(200, "data/pipeline_id", 7, "data/stage_id", 3, "data/won_time", "2026-08-12T12:00:00Z")
	s.get("/v2/dealFields/lost_reason").is(200, "data/options", "[]")
}
