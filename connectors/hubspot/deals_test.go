package hubspot

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/internal/crm"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func at(t testing.TB, text string) crm.Instant {
	t.Helper()
	i, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return crm.At(i)
}

func testSchema() crm.Schema {
	return crm.Schema{
		Account: "1", Currency: "EUR", Zone: "Europe/Paris", UsersKnown: true,
		Users: []crm.User{{ID: "7", Name: "Ada", Active: true, UserID: "9007"}, {ID: "8", Name: "Bob"}},
		Pipelines: []crm.Pipeline{{ID: "default", Name: "Sales", Stages: []crm.Stage{
			{ID: "new", Name: "New"}, {ID: "talk", Name: "Talk", Order: 1},
			{ID: "closedlost", Name: "Won, whatever its id says", Order: 2, Kind: crm.Won}, {ID: "lost", Name: "Lost", Order: 3, Kind: crm.Lost},
		}}},
		LossReason: crm.LossReason{Kind: crm.LossOptions, Field: "why_lost", TextField: propLossText, DetailField: "why_detail", Writable: true},
	}
}

// decode reads one record, given as JSON.
func decode(t testing.TB, facts crm.Fact, text string) (crm.Deal, error) {
	t.Helper()
	var r row
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return newDecoder(testSchema(), facts, zone(t, "Europe/Paris"), testNow).deal(r)
}

// firstFacts are those up to FactModified.
const firstFacts = crm.FactModified<<1 - 1

func TestWholeDeal(t *testing.T) {
	got, err := decode(t, firstFacts, `{"id":"42","createdAt":"2026-01-02T03:04:05.006Z","updatedAt":"2026-11-01T00:00:00Z","archived":false,
	"properties":{"dealname":"Big one","pipeline":"default","dealstage":"lost","hs_lastmodifieddate":"2026-11-02T00:00:00.001Z","hs_merged_object_ids":"51;42;1551",
	"createdate":"2026-01-02T03:04:05.006Z","closedate":"2026-10-01T22:00:00Z","hubspot_owner_id":"7","amount":"1500.00","deal_currency_code":"USD",
	"hs_v2_date_entered_current_stage":"2026-09-09T00:00:00Z","notes_last_contacted":"1793664000000","hs_sales_email_last_replied":"2026-09-01T00:00:00Z",
	"hs_latest_meeting_activity":"2027-01-01T00:00:00Z","notes_next_activity_date":null,"hs_primary_associated_company":"99","hs_object_source":"CRM_UI",
	"closed_lost_reason":"too dear","why_lost":"budget","why_detail":""},
	"propertiesWithHistory":{"dealstage":[
	 {"value":"lost","timestamp":"2026-10-01T08:00:00Z","sourceType":"AUTOMATION_PLATFORM"},{"value":"lost","timestamp":"2026-09-30T08:00:00Z","sourceType":"CRM_UI"},
	 {"value":"talk","timestamp":"2026-02-01T08:00:00.5Z","sourceType":"INTEGRATION"},{"value":"new","timestamp":"2026-01-02T03:04:05.006Z","sourceType":"IMPORT"}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := crm.Deal{
		ID: "42", Name: "Big one", Pipeline: "default", Stage: "lost", Owner: "7", Currency: "USD", Company: "99", Amount: 15_000_000,
		Created: at(t, "2026-01-02T03:04:05.006Z"), Modified: at(t, "2026-11-02T00:00:00.001Z"), Closed: at(t, "2026-09-30T08:00:00Z"),
		StageEntry: at(t, "2026-09-30T08:00:00Z"), CloseDate: at(t, "2026-10-01T22:00:00Z"), Touch: 1793664000000_000, Buyer: at(t, "2026-09-01T00:00:00Z"),
		LossReason: "budget", LossText: "too dear", Origin: crm.OriginPerson, Known: firstFacts, Merged: []string{"51", "1551"},
		Moves: []crm.StageMove{
			{Stage: "new", At: at(t, "2026-01-02T03:04:05.006Z"), Origin: crm.OriginImport},
			{Stage: "talk", At: at(t, "2026-02-01T08:00:00.5Z"), Origin: crm.OriginIntegration},
			{Stage: "lost", At: at(t, "2026-09-30T08:00:00Z"), Origin: crm.OriginPerson},
		},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
}

// What a portal does not have, or what cannot be read, is not known. It is never zero.
func TestNotKnownIsNotZero(t *testing.T) {
	record := func(properties string) string {
		return `{"id":"1","createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z","properties":{"dealstage":"talk","pipeline":"default"` + properties + `}}`
	}
	tests := []struct {
		name, properties string
		fact             crm.Fact
		known            bool
	}{
		{"no such property", ``, crm.FactTouch, false},
		{"empty", `,"notes_last_contacted":null`, crm.FactTouch, true},
		{"not a time", `,"notes_last_contacted":"yesterday"`, crm.FactTouch, false},
		{"not a number", `,"amount":"much"`, crm.FactAmount, false},
		{"no amount", `,"amount":""`, crm.FactAmount, true},
		{"no currency", `,"amount":"1"`, crm.FactAmount, true},
		{"created is told beside the properties", ``, crm.FactCreated, true},
		{"one of the buyer's properties", `,"hs_latest_meeting_activity":null`, crm.FactBuyer, true},
		{"none of them", ``, crm.FactBuyer, false},
		{"no history", ``, crm.FactHistory, false},
		{"no entry", `,"hs_v2_date_entered_current_stage":null`, crm.FactStageEntry, false},
		{"an entry", `,"hs_v2_date_entered_current_stage":"2026-01-01T00:00:00Z"`, crm.FactStageEntry, true},
		{"open", ``, crm.FactClosed, true},
		{"closed, nobody knows when", `,"dealstage":"lost","closedate":null`, crm.FactClosed, false},
		{"closed", `,"dealstage":"lost","closedate":"2026-01-01T00:00:00Z"`, crm.FactClosed, true},
		{"in a stage that nobody knows", `,"dealstage":"unheard-of","closedate":"2026-01-01T00:00:00Z"`, crm.FactClosed, false},
		{"no loss detail", ``, crm.FactLossDetail, false},
		{"no owner", `,"hubspot_owner_id":null`, crm.FactOwner, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := decode(t, crm.AllFacts, record(tt.properties))
			if err != nil {
				t.Fatal(err)
			}
			if d.Known.Has(tt.fact) != tt.known {
				t.Errorf("known: %v, want %v", !tt.known, tt.known)
			}
		})
	}
	if d, _ := decode(t, crm.FactAmount, record(`,"amount":"1"`)); d.Currency != "EUR" || d.Known != crm.FactAmount|crm.FactModified {
		t.Errorf("currency %q, known %b; want the account's EUR and what was asked for", d.Currency, d.Known)
	}
}

func TestBadRecordsAreReportedOneByOne(t *testing.T) {
	page := `{"results":[{"id":"1","properties":{"dealstage":"new","pipeline":"default"}},{"id":"2","properties":{"dealstage":17}},
	 {"id":3,"properties":{}},{"id":"4","properties":{"dealstage":null}},{"properties":{"dealstage":"new"}},"what?",{"id":"6","properties":{"dealstage":"new","pipeline":"default"}}]}`
	c := opened(t, func(*http.Request, []byte) (int, any) { return 200, page })
	for p, err := range c.Deals(t.Context(), testSchema(), crm.Work{}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Deals) != 2 || len(p.Failed) != 5 || !p.Last {
			t.Errorf("%d deals, failed %q, last %v; want 2, 5 and the end", len(p.Deals), p.Failed, p.Last)
		}
		if all := strings.Join(p.Failed, " "); !strings.Contains(all, "2: ") || !strings.Contains(all, "3: ") || strings.Contains(all, "17") {
			t.Errorf("failed %q: want ids and no values", all)
		}
	}
}

func TestOnlyWhatFactsNeedIsAskedFor(t *testing.T) {
	loss := testSchema().LossReason
	always := []string{"dealstage", "hs_lastmodifieddate", "hs_merged_object_ids", "pipeline"}
	tests := map[crm.Fact][]string{
		0:                                  nil,
		crm.FactAmount:                     {"amount", "deal_currency_code"},
		crm.FactLossReason:                 {"closed_lost_reason", "why_lost"},
		crm.FactLossDetail:                 {"why_detail"},
		crm.FactHistory:                    nil,
		crm.FactClosed | crm.FactCloseDate: {"closedate"},
		crm.FactBuyer:                      {"hs_latest_meeting_activity", "hs_sales_email_last_replied"},
		crm.FactOwner | crm.FactOrigin:     {"hs_object_source", "hubspot_owner_id"},
		crm.FactStageEntry | crm.FactTouch: {"hs_v2_date_entered_current_stage", "notes_last_contacted"},
		crm.FactPlanned | crm.FactCompany:  {"hs_primary_associated_company", "notes_next_activity_date"},
		crm.FactName | crm.FactCreated:     {"createdate", "dealname"},
		crm.FactModified:                   nil,
	}
	for facts, names := range tests {
		want := append(slices.Clone(always), names...)
		slices.Sort(want)
		if diff := gocmp.Diff(want, wanted(facts, loss)); diff != "" {
			t.Errorf("facts %b (- want, + got):\n%s", facts, diff)
		}
	}
	if got := wanted(crm.FactLossReason|crm.FactLossDetail, crm.LossReason{Field: propLossText}); !slices.Contains(got, propLossText) || slices.Contains(got, "") {
		t.Errorf("asked for %q", got)
	}
}

// searched is a search over deals that change while it is paged.
type searched struct {
	modified map[string]int64 // ms by id
	clock    int64
	between  func(*searched)
	requests int
	sorted   map[[2]int64][]string // by since and clock
}

// find gives the ids of what was changed since a time, oldest first.
func (s *searched) find(since int64) []string {
	if ids, ok := s.sorted[[2]int64{since, s.clock}]; ok {
		return ids
	}
	var ids []string
	for id, m := range s.modified {
		if m >= since {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(s.modified[a], s.modified[b]), cmp.Compare(a, b)) })
	s.sorted = map[[2]int64][]string{{since, s.clock}: ids}
	return ids
}

func (s *searched) answer(req *http.Request, body []byte) (int, any) {
	if !strings.HasSuffix(req.URL.Path, "/search") {
		return 400, "{}"
	}
	s.requests++
	var q searchRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return 400, "{}"
	}
	since, _ := strconv.ParseInt(q.FilterGroups[0].Filters[0].Value, 10, 64)
	offset, _ := strconv.Atoi(q.After)
	ids := s.find(since)
	if offset+q.Limit > searchWall {
		return 400, "{}"
	}
	out := map[string]any{"total": len(ids)}
	results := []any{}
	for _, id := range ids[min(offset, len(ids)):min(offset+q.Limit, len(ids))] {
		stamp := time.UnixMilli(s.modified[id]).UTC().Format(timeLayout)
		results = append(results, map[string]any{"id": id, "properties": map[string]string{"dealstage": "new", "pipeline": "default", "hs_lastmodifieddate": stamp}})
	}
	out["results"] = results
	if offset+q.Limit < len(ids) {
		out["paging"] = map[string]any{"next": map[string]string{"after": strconv.Itoa(offset + q.Limit)}}
	}
	if s.between != nil {
		s.between(s)
	}
	return 200, out
}

func (s *searched) touch(id string) {
	s.clock++
	s.modified[id] = s.clock
}

// walked walks over what changed since the beginning and returns the newest modification time that came of each deal.
func (s *searched) walked(t interface {
	Fatal(...any)
}, c *editor) map[string]int64 {
	got := map[string]int64{}
	for p, err := range c.Deals(context.Background(), testSchema(), crm.Work{Since: 1000 * 1_000_000_000_000, Facts: crm.FactModified}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range p.Deals {
			got[d.ID] = max(got[d.ID], int64(d.Modified)/1000)
		}
	}
	return got
}

func newSearched(n int) *searched {
	s := &searched{modified: map[string]int64{}, clock: 1_000_000_000_000}
	for i := range n {
		s.touch(fmt.Sprint(i))
	}
	return s
}

// Whatever changes while the search is paged, no deal that was changed before the walk is lost.
func TestNoChangeIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSearched(rapid.IntRange(0, 1300).Draw(t, "deals"))
		for range rapid.IntRange(0, 3).Draw(t, "ties") {
			i, same := rapid.IntRange(0, 900).Draw(t, "from"), s.clock
			for j := range rapid.IntRange(0, 450).Draw(t, "many") {
				if _, ok := s.modified[fmt.Sprint(i+j)]; ok {
					s.modified[fmt.Sprint(i+j)] = same
				}
			}
		}
		before := map[string]bool{}
		for id := range s.modified {
			before[id] = true
		}
		changes := 0
		s.between = func(s *searched) {
			if changes++; changes > 30 {
				return
			}
			for range rapid.IntRange(0, 3).Draw(t, "touched") {
				if id := fmt.Sprint(rapid.IntRange(0, 1300).Draw(t, "id")); before[id] {
					s.touch(id)
				}
			}
			if rapid.Bool().Draw(t, "created") {
				s.touch(fmt.Sprint("new", s.clock))
			}
		}
		got := s.walked(t, opened(t, s.answer))
		for id := range before {
			if got[id] == 0 {
				t.Fatalf("deal %s, changed before the walk, is lost", id)
			}
		}
	})
}

func TestSearchRequestFigures(t *testing.T) {
	for _, n := range []int{0, 1, 199, 200, 201, 400, 401, 9_999, 10_000} {
		s := newSearched(n)
		if got := s.walked(t, opened(t, s.answer)); len(got) != n {
			t.Errorf("%d of %d deals came", len(got), n)
		}
		if want := max(1, (n+searchPageSize-1)/searchPageSize); s.requests != want {
			t.Errorf("%d deals took %d requests, want %d", n, s.requests, want)
		}
	}
}

func TestBeyondTheWall(t *testing.T) {
	s := newSearched(12_300)
	if got := s.walked(t, opened(t, s.answer)); len(got) != 12_300 {
		t.Errorf("%d of 12300 deals came", len(got))
	}
	s = newSearched(10_300)
	for id := range s.modified {
		s.modified[id] = s.clock
	}
	c := opened(t, s.answer)
	var last error
	for _, err := range c.Deals(t.Context(), testSchema(), crm.Work{Since: 1000, Facts: crm.FactModified}) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "millisecond") {
		t.Errorf("error %v, want to be told that the search cannot page over so many at one time", last)
	}
}
