package hubspot

import (
	"net/http"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// rareFacts are those that a page gives beside the first ones.
const rareFacts = crm.FactType | crm.FactSource | crm.FactContacts | crm.FactTouches | crm.FactFirstTouch | crm.FactFirstMeeting | crm.FactNextDue |
	crm.FactLineItems | crm.FactEditor | crm.FactDates | crm.FactCloser

func TestWorkOnADeal(t *testing.T) {
	got, err := decode(t, rareFacts|crm.FactCreated, `{"id":"42","createdAt":"2026-01-02T03:04:05.006Z","updatedAt":"2026-11-01T00:00:00Z",
	"properties":{"pipeline":"default","dealstage":"lost","createdate":"2026-01-02T03:04:05.006Z","closedate":"2026-11-30T00:00:00Z",
	"dealtype":"newbusiness","hs_analytics_source":"REFERRALS","num_associated_contacts":"2","num_contacted_notes":"3.0","notes_last_contacted":"2026-03-03T10:00:00Z",
	"hs_latest_meeting_activity":"2026-02-02T10:00:00Z","notes_next_activity_date":"2026-12-01T10:00:00Z","hs_number_of_overdue_tasks":null,
	"hs_num_of_associated_line_items":"0","hs_updated_by_user_id":"9007"},
	"propertiesWithHistory":{"dealstage":[{"value":"lost","timestamp":"2026-10-02T08:00:00Z","sourceType":"CRM_UI","updatedByUserId":5},
	  {"value":"lost","timestamp":"2026-10-01T08:00:00Z","sourceType":"CRM_UI","updatedByUserId":9007},{"value":"new","timestamp":"2026-01-02T03:04:05.006Z","updatedByUserId":null}],
	"closedate":[{"value":"2026-11-30T00:00:00Z","timestamp":"2026-05-05T08:00:00Z","sourceType":"CRM_UI"},{"value":"","timestamp":"2026-04-05T08:00:00Z","sourceType":"INTEGRATION"},
	  {"value":"2026-06-30T00:00:00Z","timestamp":"2026-02-05T08:00:00Z","sourceType":"AUTOMATION_PLATFORM"}],
	"notes_last_contacted":[{"value":"2026-03-03T10:00:00Z","timestamp":"2026-03-03T10:00:01Z"},{"value":"2026-01-05T10:00:00Z","timestamp":"2026-01-05T10:00:01Z"},{"value":"","timestamp":"2026-01-02T03:04:05.006Z"}],
	"hs_latest_meeting_activity":[{"value":"2026-02-02T10:00:00Z","timestamp":"2026-02-02T10:00:01Z"}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	created := at(t, "2026-01-02T03:04:05.006Z")
	want := crm.Deal{
		ID: "42", Pipeline: "default", Stage: "lost", Currency: "EUR", Created: created, Modified: at(t, "2026-11-01T00:00:00Z"),
		Type: "newbusiness", Source: "REFERRALS", Contacts: 2, Touches: 3, FirstTouch: at(t, "2026-01-05T10:00:00Z"),
		FirstMeeting: at(t, "2026-02-02T10:00:00Z"), NextDue: at(t, "2026-12-01T10:00:00Z"), Editor: "7", Closer: "7",
		Dates: []crm.DateChange{{At: created}, {At: at(t, "2026-02-05T08:00:00Z"), To: at(t, "2026-06-30T00:00:00Z"), Origin: crm.OriginAutomation},
			{At: at(t, "2026-04-05T08:00:00Z"), Origin: crm.OriginIntegration}, {At: at(t, "2026-05-05T08:00:00Z"), To: at(t, "2026-11-30T00:00:00Z"), Origin: crm.OriginPerson}},
		Known: rareFacts | crm.FactCreated | crm.FactModified,
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
}

// What rolled-up properties and cut histories cannot prove is not known.
func TestWhatIsNotProved(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat(`{"value":"2026-01-05T10:00:00Z","timestamp":"2026-01-05T10:00:01Z"},`, historyDepth), ",")
	for name, c := range map[string]struct {
		stage, properties, history string
		fact                       crm.Fact
		known                      bool
	}{
		"no touch":                     {"talk", `"num_contacted_notes":null,"notes_last_contacted":null`, ``, crm.FactFirstTouch, true},
		"one touch is the first":       {"talk", `"num_contacted_notes":"1","notes_last_contacted":"2026-03-03T10:00:00Z"`, ``, crm.FactFirstTouch, true},
		"two touches without history":  {"talk", `"num_contacted_notes":"2","notes_last_contacted":"2026-03-03T10:00:00Z"`, ``, crm.FactFirstTouch, false},
		"a history that may be cut":    {"talk", `"num_contacted_notes":"30","notes_last_contacted":"2026-03-03T10:00:00Z"`, `"notes_last_contacted":[` + long + `]`, crm.FactFirstTouch, false},
		"calculated anew":              {"talk", `"hs_latest_meeting_activity":"2026-03-03T10:00:00Z"`, `"hs_latest_meeting_activity":[{"value":"2026-03-03T10:00:00Z","timestamp":"2026-09-03T10:00:00Z"}]`, crm.FactFirstMeeting, false},
		"no meeting":                   {"talk", `"hs_latest_meeting_activity":""`, ``, crm.FactFirstMeeting, true},
		"no such property":             {"talk", `"dealname":"x"`, ``, crm.FactFirstMeeting, false},
		"overdue tasks":                {"talk", `"hs_number_of_overdue_tasks":"1","notes_next_activity_date":null`, ``, crm.FactNextDue, false},
		"line items":                   {"talk", `"hs_num_of_associated_line_items":"1"`, ``, crm.FactLineItems, false},
		"not a number":                 {"talk", `"num_associated_contacts":"many"`, ``, crm.FactContacts, false},
		"never a close date":           {"talk", `"closedate":null`, ``, crm.FactDates, true},
		"a close date without history": {"talk", `"closedate":"2026-03-03T10:00:00Z"`, ``, crm.FactDates, false},
		"dates that may be cut":        {"talk", `"closedate":"2026-03-03T10:00:00Z"`, `"closedate":[` + long + `]`, crm.FactDates, false},
		"open: nobody closed it":       {"talk", `"dealname":"x"`, ``, crm.FactCloser, true},
		"closed without history":       {"lost", `"dealname":"x"`, ``, crm.FactCloser, false},
		"closed by a workflow":         {"lost", `"dealname":"x"`, `"dealstage":[{"value":"lost","timestamp":"2026-09-03T10:00:00Z"}]`, crm.FactCloser, true},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := decode(t, c.fact, `{"id":"1","createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-11-01T00:00:00Z","properties":{"pipeline":"default","dealstage":"`+
				c.stage+`",`+c.properties+`},"propertiesWithHistory":{`+c.history+`}}`)
			if err != nil || d.Known.Has(c.fact) != c.known {
				t.Errorf("known %v, want %v (%v)", d.Known.Has(c.fact), c.known, err)
			}
		})
	}
	for _, f := range []crm.Fact{crm.FactUpdated, crm.FactFirstMail, crm.FactQuotes, crm.FactRules, crm.FactOutreach} {
		if d, _ := decode(t, f, `{"id":"1","properties":{"pipeline":"default","dealstage":"talk"}}`); d.Known.Has(f) {
			t.Errorf("fact %b is known of a record that says nothing of it", f)
		}
	}
}

// fetching answers as a portal of one open deal with two line items, an overdue task of ours, one of a person, and two quotes.
func fetching(req *http.Request, _ []byte) (int, any) {
	deal := `{"id":"1","createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-11-01T00:00:00Z","properties":{"pipeline":"default","dealstage":"talk",
		"hs_num_of_associated_line_items":"2","hs_number_of_overdue_tasks":"2","notes_next_activity_date":"2026-12-01T10:00:00Z","deal_currency_code":"EUR","amount":null}}`
	linked := func(ids string) string { return `{"results":[{"from":{"id":"1"},"to":[` + ids + `]}]}` }
	switch path := req.URL.Path; {
	case path == pathDeals:
		return 200, `{"results":[` + deal + `]}`
	case strings.HasSuffix(path, "/deals/line_items/batch/read"):
		return 200, linked(`{"toObjectId":11},{"toObjectId":12}`)
	case strings.HasSuffix(path, "/deals/tasks/batch/read"):
		return 200, linked(`{"toObjectId":21},{"toObjectId":22},{"toObjectId":23}`)
	case strings.HasSuffix(path, "/deals/quotes/batch/read"):
		return 200, linked(`{"toObjectId":31},{"toObjectId":32}`)
	case strings.HasSuffix(path, "/line_items/batch/read"):
		return 200, `{"results":[{"id":"11","properties":{"amount":"100.5","hs_line_item_currency_code":"EUR"}},{"id":"12","properties":{"amount":"20","hs_line_item_currency_code":null}}]}`
	case strings.HasSuffix(path, "/tasks/batch/read"):
		return 200, `{"results":[{"id":"21","properties":{"hs_timestamp":"2026-10-01T00:00:00Z","hs_task_status":"NOT_STARTED","hs_task_body":"` + strings.ReplaceAll(withKey("ours", "k-1"), "\n", `\n`) + `"}},
			{"id":"22","properties":{"hs_timestamp":"2026-11-03T00:00:00Z","hs_task_status":"WAITING","hs_task_body":null}},
			{"id":"23","properties":{"hs_timestamp":"2026-09-03T00:00:00Z","hs_task_status":"COMPLETED"}}]}`
	case strings.HasSuffix(path, "/properties/"+Version+"/quotes"):
		return 200, `{"results":[{"name":"hs_esign_signed_date","type":"datetime"},{"name":"hs_signed_copy","type":"string"}]}`
	case strings.HasSuffix(path, "/quotes/batch/read"):
		return 200, `{"results":[{"id":"31","createdAt":"2026-02-01T00:00:00Z","properties":{"hs_status":"DRAFT","hs_esign_signed_date":"2026-02-02T00:00:00Z"}},
			{"id":"32","createdAt":"2026-03-01T00:00:00Z","properties":{"hs_status":"APPROVED","hs_expiration_date":"2026-12-24T00:00:00Z","hs_esign_signed_date":"2026-03-09T00:00:00Z","hs_payment_status":"PAID"},
			 "propertiesWithHistory":{"hs_status":[{"value":"APPROVED","timestamp":"2026-03-03T00:00:00Z"},{"value":"DRAFT","timestamp":"2026-03-01T00:00:00Z"}],
			 "hs_payment_status":[{"value":"PAID","timestamp":"2026-03-10T00:00:00Z"},{"value":"PENDING","timestamp":"2026-03-03T00:00:00Z"}]}}]}`
	}
	return 404, ``
}

func fetched1(t *testing.T, f answer, change ...func(*connectors.Options)) crm.Deal {
	t.Helper()
	for page, err := range opened(t, f, change...).Deals(t.Context(), testSchema(), crm.Work{Facts: crm.FactQuotes | crm.FactLineItems | crm.FactNextDue | crm.FactAmount}) {
		if err != nil {
			t.Fatal(err)
		}
		return page.Deals[0]
	}
	t.Fatal("no page came")
	return crm.Deal{}
}

func TestWhatAPageDoesNotGive(t *testing.T) {
	d := fetched1(t, fetching)
	if !d.Known.Has(crm.FactQuotes|crm.FactLineItems|crm.FactNextDue) || d.LineTotal != 120_5000 || d.NextDue != at(t, "2026-11-03T00:00:00Z") {
		t.Errorf("line items %s, next due %v, known %b", d.LineTotal, d.NextDue, d.Known)
	}
	want := crm.Quote{Published: at(t, "2026-03-03T00:00:00Z"), Expires: at(t, "2026-12-25T00:00:00+01:00"), Signed: at(t, "2026-03-09T00:00:00Z"), Paid: at(t, "2026-03-10T00:00:00Z")}
	if d.Quote != want {
		t.Errorf("quote %+v, want %+v", d.Quote, want)
	}
}

// A missing scope leaves unknown what it withholds, and nothing else.
func TestWhatAScopeWithholds(t *testing.T) {
	for kind, fact := range map[string]crm.Fact{"quotes": crm.FactQuotes, "line_items": crm.FactLineItems, "tasks": crm.FactNextDue} {
		asked := 0
		d := fetched1(t, func(req *http.Request, body []byte) (int, any) {
			if strings.HasSuffix(req.URL.Path, "/"+kind+"/batch/read") && !strings.Contains(req.URL.Path, "associations") {
				asked++
				return 403, `{"category":"MISSING_SCOPES"}`
			}
			return fetching(req, body)
		})
		if all := crm.FactQuotes | crm.FactLineItems | crm.FactNextDue; asked != 1 || d.Known&all != all&^fact {
			t.Errorf("without the scope for %s, asked %d times, %b is known of %b", kind, asked, d.Known&all, all)
		}
	}
	d := fetched1(t, func(req *http.Request, body []byte) (int, any) {
		if req.Method == http.MethodPost {
			t.Errorf("%s was asked for without a scope", req.URL.Path)
		}
		return fetching(req, body)
	}, func(o *connectors.Options) { o.Scopes = []string{scopeDeals} })
	if d.Known&(crm.FactQuotes|crm.FactLineItems|crm.FactNextDue) != 0 {
		t.Errorf("%b is known without a scope", d.Known)
	}
}

// Lines of two currencies have no sum, and a quote that is paid beats one that is valid for longer.
func TestQuotesAndLinesApart(t *testing.T) {
	d := fetched1(t, func(req *http.Request, body []byte) (int, any) {
		if strings.HasSuffix(req.URL.Path, "/line_items/batch/read") && strings.Contains(req.URL.Path, "objects") {
			return 200, `{"results":[{"id":"11","properties":{"amount":"100"}},{"id":"12","properties":{"amount":"20","hs_line_item_currency_code":"USD"}}]}`
		}
		return fetching(req, body)
	})
	if d.Known.Has(crm.FactLineItems) || d.LineTotal != 0 {
		t.Errorf("a sum of two currencies: %s", d.LineTotal)
	}
	paid, signed := crm.Quote{Published: 1, Expires: 2, Paid: 3}, crm.Quote{Published: 5, Signed: 6}
	open, ended, again := crm.Quote{Published: 9}, crm.Quote{Published: 9, Expires: 10}, crm.Quote{Published: 11, Expires: 10}
	for i, pair := range [][2]crm.Quote{{paid, signed}, {signed, open}, {open, again}, {again, ended}, {ended, crm.Quote{}}} {
		if !further(pair[0], pair[1]) || further(pair[1], pair[0]) {
			t.Errorf("pair %d: %+v has not come further than %+v", i, pair[0], pair[1])
		}
	}
}

func TestSurveyWithoutScopeOrPlan(t *testing.T) {
	schema := testSchema()
	schema.Pipelines = append(schema.Pipelines, crm.Pipeline{ID: "second", Stages: []crm.Stage{{ID: "a"}, {ID: "b"}, {ID: "w", Kind: crm.Won}}})
	for name, c := range map[string]struct {
		status    int
		reply     string
		available bool
		unknown   int
	}{
		"no scope":     {403, `{"category":"MISSING_SCOPES"}`, false, 2},
		"no plan":      {404, ``, false, 1},
		"rules in all": {200, `{"governanceValidationRules":{"noSkippingStagesRule":{"enabledForAllStages":true},"noBackwardsMovementRule":{"pipelineStageIds":["a","b"]}}}`, true, 1},
	} {
		c0 := opened(t, func(req *http.Request, _ []byte) (int, any) {
			if strings.HasPrefix(req.URL.Path, pathRules) {
				return c.status, c.reply
			}
			return 403, `{"category":"MISSING_SCOPES"}`
		})
		got, err := c0.Survey(t.Context(), schema, crm.FactRules|crm.FactOutreach)
		if err != nil || got.RulesAvailable != c.available || got.OutreachKnown || len(got.Unknown) != c.unknown {
			t.Errorf("%s: rules available %v, unknown %v, %v", name, got.RulesAvailable, got.Unknown, err)
		}
		if !c.available {
			continue
		}
		if first, second := got.Pipelines[0].Rules, got.Pipelines[1].Rules; *first != (crm.Rules{NoSkip: true}) || *second != (crm.Rules{NoSkip: true, NoBack: true}) {
			t.Errorf("%s: %+v, %+v: a rule for some stages is none for all", name, first, second)
		}
	}
}

// A quote that was signed does not change its deal: once a day the deals of changed quotes are read again.
func TestQuotesThatChangedAlone(t *testing.T) {
	work := crm.Work{Since: at(t, "2026-11-20T00:00:00Z"), Facts: crm.FactQuotes | crm.FactHistory, Known: func(string, crm.Instant) bool { return true }}
	for _, sweep := range []bool{false, true} {
		work.Sweep = sweep
		c := opened(t, func(req *http.Request, body []byte) (int, any) {
			switch path := req.URL.Path; {
			case strings.HasSuffix(path, "/deals/search"):
				return 200, `{"total":0,"results":[]}`
			case strings.HasSuffix(path, "/quotes/search"):
				return 200, `{"total":1,"results":[{"id":"32"}]}`
			case strings.HasSuffix(path, "/quotes/deals/batch/read"):
				return 200, `{"results":[{"from":{"id":"32"},"to":[{"toObjectId":1}]}]}`
			case strings.HasSuffix(path, "/objects/"+Version+"/deals/batch/read"):
				return 200, `{"results":[{"id":"1","createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-11-01T00:00:00Z","properties":{"pipeline":"default","dealstage":"talk"}}]}`
			}
			return fetching(req, body)
		})
		var got []crm.Deal
		for page, err := range c.Deals(t.Context(), testSchema(), work) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page.Deals...)
		}
		if sweep && (len(got) != 1 || got[0].Quote.Paid.IsZero()) || !sweep && len(got) != 0 {
			t.Errorf("sweep %v: %+v", sweep, got)
		}
	}
}
