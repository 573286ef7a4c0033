package hubspot_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

func TestListPagesByAscendingID(t *testing.T) {
	s := start(t, sandbox.Options{})
	first := s.do("GET", "/crm/objects/2026-09/deals?limit=2", nil).is(200, "paging/next/after", "1001")
	if got := first.ids(); got != "999 1001" {
		t.Errorf("first page %s", got)
	}
	link, _ := first.at("paging/next/link").(string)
	if !strings.HasPrefix(link, s.http.URL+"/hubspot/crm/objects/") || !strings.Contains(link, "limit=2") {
		t.Errorf("link %q", link)
	}
	last := s.do("GET", "/crm/objects/2026-09/deals?limit=2&after=1001", nil).is(200, "paging", nil)
	if got := last.ids(); got != "1002 1010" {
		t.Errorf("last page %s", got)
	}
	if got := s.do("GET", "/crm/objects/2026-09/deals?archived=true", nil).is(200, "results/0/archived", true).ids(); got != "1003" {
		t.Errorf("archived: %s", got)
	}
	for _, name := range []string{"deals", "deal", "DEALS", "0-3"} {
		s.do("GET", "/crm/v3/objects/"+name, nil).is(200, "results/0/id", "999")
	}
}

func TestListLimits(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("GET", "/crm/objects/2026-09/deals?limit=100", nil).is(200)
	s.do("GET", "/crm/objects/2026-09/deals?limit=101", nil).is(400, "category", "VALIDATION_ERROR")
	s.do("GET", "/crm/objects/2026-09/deals?limit=50&propertiesWithHistory=dealstage", nil).is(200)
	s.do("GET", "/crm/objects/2026-09/deals?limit=51&propertiesWithHistory=dealstage", nil).is(400, "category", "VALIDATION_ERROR")
	s.do("GET", "/crm/objects/2026-09/butterflies", nil).is(400, "message", "Unable to infer object type from: butterflies", "category", nil)
}

func TestLongQueriesAreRefused(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("GET", "/crm/objects/2026-09/deals?properties="+strings.Repeat("x", 17_000), nil).is(http.StatusRequestURITooLong)
}

func TestHistoryIsNewestFirst(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("GET", "/crm/objects/2026-09/deals?limit=50&propertiesWithHistory=dealstage&after=999", nil).is(200,
		"results/0/propertiesWithHistory/dealstage/0/value", "demo",
		"results/0/propertiesWithHistory/dealstage/0/timestamp", "2026-08-02T12:00:00.000Z",
		"results/0/propertiesWithHistory/dealstage/0/sourceType", "AUTOMATION_PLATFORM",
		"results/0/propertiesWithHistory/dealstage/1/value", "qualify",
		"results/0/propertiesWithHistory/dealstage/2", nil)
}

func TestPropertiesAsAsked(t *testing.T) {
	s := start(t, sandbox.Options{})
	// Unknown ones are left out, known and empty ones are null, and three are always there; lists may be repeated or hold commas.
	r := s.do("GET", "/crm/objects/2026-09/deals/1010?properties=amount,nonsense&properties=pipeline", nil).is(200,
		"properties/pipeline", "777", "properties/amount", nil, "properties/hs_object_id", "1010", "properties/dealname", nil)
	props, _ := r.at("properties").(map[string]any)
	if _, there := props["amount"]; !there {
		t.Error("an empty property is not null but missing")
	}
	for _, name := range []string{"nonsense", "dealname"} {
		if _, there := props[name]; there {
			t.Errorf("%s is there", name)
		}
	}
}

func TestRolledUpProperties(t *testing.T) {
	s := start(t, sandbox.Options{})
	const path = "/crm/objects/2026-09/deals/1001?properties=notes_last_contacted,notes_last_updated,notes_next_activity_date," +
		"hs_sales_email_last_replied,hs_latest_meeting_activity,num_associated_contacts,hs_primary_associated_company,hs_is_closed," +
		"hs_deal_stage_probability,hs_v2_date_entered_current_stage,hs_v2_date_entered_qualify,hs_v2_date_exited_qualify,hs_number_of_overdue_tasks"
	s.do("GET", path, nil).is(200,
		"properties/notes_last_contacted", "2026-08-24T12:00:00.000Z", // the meeting, eight days ago
		"properties/notes_next_activity_date", "2026-09-04T12:00:00.000Z", // the task, in three days
		"properties/hs_sales_email_last_replied", "2026-08-23T12:00:00.000Z",
		"properties/hs_latest_meeting_activity", "2026-08-24T12:00:00.000Z",
		"properties/num_associated_contacts", "3", "properties/hs_primary_associated_company", "501",
		"properties/hs_is_closed", "false", "properties/hs_deal_stage_probability", "0.6",
		"properties/hs_v2_date_entered_current_stage", "2026-08-02T12:00:00.000Z",
		"properties/hs_v2_date_entered_qualify", "2026-07-23T12:00:00.000Z", "properties/hs_v2_date_exited_qualify", "2026-08-02T12:00:00.000Z",
		"properties/hs_number_of_overdue_tasks", "1", "updatedAt", "2026-08-30T12:00:00.000Z")
	// As the clock runs past the task, it is the next activity no more, and the deal counts as changed.
	s.ticks = day(4)
	s.do("GET", path, nil).is(200, "properties/notes_next_activity_date", "2026-09-06T12:00:00.000Z",
		"properties/hs_number_of_overdue_tasks", "2", "updatedAt", "2026-09-04T12:00:00.000Z")
	s.do("POST", "/crm/objects/2026-09/deals/search", map[string]any{"filterGroups": []any{map[string]any{"filters": []any{
		map[string]any{"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "2026-09-04T00:00:00Z"}}}}}).is(200, "total", 1)
}

func TestFreeTierHasNoStageTimes(t *testing.T) {
	s := start(t, sandbox.Options{Tiers: map[string]string{"hubspot": "free"}})
	r := s.do("GET", "/crm/objects/2026-09/deals/1001?properties=hs_v2_date_entered_current_stage,dealname", nil).is(200, "properties/dealname", "Acme roll-out")
	if props, _ := r.at("properties").(map[string]any); len(props) != 4 {
		t.Errorf("properties %v", props)
	}
}

func TestInlineAssociationsArePaged(t *testing.T) {
	s := start(t, sandbox.Options{}, hubspot.With("inline_associations", "2"))
	r := s.do("GET", "/crm/objects/2026-09/deals/1001?associations=companies,contacts", nil).is(200,
		"associations/companies/results/0/type", "deal_to_company", "associations/companies/results/0/id", "501",
		"associations/companies/results/1/type", "deal_to_company_unlabeled",
		"associations/contacts/results/1/id", "302", "associations/contacts/results/2", nil, "associations/contacts/paging/next/after", "302")
	link, _ := r.at("associations/contacts/paging/next/link").(string)
	path := strings.TrimPrefix(link, s.http.URL)
	s.send("GET", path, nil).is(200, "results/0/toObjectId", 303, "results/1", nil)
	s.do("GET", "/crm/objects/2026-09/deals/1010?associations=companies", nil).is(200, "associations", nil)
}

func TestBatchRead(t *testing.T) {
	s := start(t, sandbox.Options{})
	inputs := func(n int) []any {
		var list []any
		for i := range n {
			list = append(list, map[string]string{"id": []string{"1001", "1002", "1010"}[i%3]})
		}
		return list
	}
	s.do("POST", "/crm/objects/2026-09/deals/batch/read", map[string]any{"inputs": inputs(3), "properties": []string{"dealname"}}).is(200,
		"status", "COMPLETE", "results/2/properties/dealname", "Renewal", "errors", nil)
	s.do("POST", "/crm/objects/2026-09/deals/batch/read", map[string]any{"inputs": inputs(51), "propertiesWithHistory": []string{"dealstage"}}).is(400,
		"message", "The maximum number of inputs supported in a batch request for property histories is 50. Please reduce the number of items and try again")
	s.do("POST", "/crm/objects/2026-09/deals/batch/read", map[string]any{"inputs": inputs(101)}).is(400)
	s.do("POST", "/crm/objects/2026-09/deals/batch/read", map[string]any{"inputs": []any{
		map[string]string{"id": "1001"}, map[string]string{"id": "4"}, map[string]string{"id": "1003"}}}).is(http.StatusMultiStatus,
		"results/0/id", "1001", "results/1", nil, "numErrors", 1, "errors/0/category", "OBJECT_NOT_FOUND", "errors/0/context/ids", "[4 1003]")
	s.do("POST", "/crm/objects/2026-09/deals/batch/read?archived=true", map[string]any{"inputs": []any{map[string]string{"id": "1003"}}}).is(200, "results/0/id", "1003")
}

func TestPipelines(t *testing.T) {
	s := start(t, sandbox.Options{})
	for _, path := range []string{"/crm/pipelines/2026-09/deals", "/crm/v3/pipelines/0-3"} {
		s.do("GET", path, nil).is(200, "results/0/id", "777", "results/1/id", "default", "paging", nil,
			"results/1/createdAt", "1970-01-01T00:00:00Z",
			// by id, not by order
			"results/1/stages/0/id", "closedlost", "results/1/stages/0/displayOrder", 3, "results/1/stages/0/metadata/isClosed", "true",
			"results/1/stages/0/metadata/probability", "0.0", "results/1/stages/2/metadata/isClosed", "false")
	}
}

func TestOwnersNeedTwoPasses(t *testing.T) {
	s := start(t, sandbox.Options{})
	if got := s.do("GET", "/crm/owners/2026-09", nil).is(200, "results/1/type", "QUEUE", "results/1/userId", 1000002).ids(); got != "61 63 64" {
		t.Errorf("active owners %s", got)
	}
	s.do("GET", "/crm/v3/owners?archived=true", nil).is(200, "results/0/id", "62", "results/0/userId", nil, "results/0/userIdIncludingInactive", 1000001)
	s.do("GET", "/crm/owners/2026-09?limit=2", nil).is(200, "paging/next/after", "63")
	s.do("GET", "/crm/owners/2026-09?limit=2&after=63", nil).is(200, "results/0/id", "64", "paging", nil)
	s.do("GET", "/crm/owners/2026-09?email=cy@example.com", nil).is(200, "results/0/id", "64")
	s.do("GET", "/crm/v3/owners/1000000?idProperty=userId&archived=false", nil).is(200, "id", "61")
	s.do("GET", "/crm/v3/owners/62", nil).is(404)
}

func TestAccount(t *testing.T) {
	s := start(t, sandbox.Options{})
	for _, path := range []string{"/account-info/2026-09/details", "/account-info/v3/details"} {
		s.do("GET", path, nil).is(200, "portalId", 44237313, "timeZone", "Europe/Paris", "companyCurrency", "EUR", "utcOffset", "+02:00")
	}
}
