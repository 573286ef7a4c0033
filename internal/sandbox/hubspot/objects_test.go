package hubspot_test

import (
	"strings"
	"testing"

	"github.com/plumbline/plumbline/internal/sandbox"
)

func TestContactsHaveUniqueMailAddresses(t *testing.T) {
	s := start(t, sandbox.Options{})
	const contacts = "/crm/v3/objects/contacts"
	s.do("POST", contacts, m{"properties": m{"email": "dee@acme.test"}}).is(409, "category", "CONFLICT", "message", "Contact already exists. Existing ID: 301")
	s.do("GET", contacts+"/dee@acme.test?idProperty=email&associations=companies", nil).is(200, "id", "301", "associations/companies/results/0/type", "contact_to_company")
	s.do("GET", contacts+"/Dee?idProperty=firstname", nil).is(400)
	s.do("POST", contacts+"/batch/read", m{"idProperty": "email", "inputs": l{m{"id": "eli@acme.test"}}, "properties": l{"email"}}).is(200, "results/0/id", "302")
	s.do("POST", contacts+"/batch/update", m{"inputs": l{m{"id": "eli@acme.test", "idProperty": "email", "properties": m{"phone": "1"}}}}).is(200, "results/0/id", "302")
	s.do("POST", contacts+"/search", m{"query": "dee", "sorts": l{"email"}}).is(200, "total", 1)
}

func TestCustomPropertyTypes(t *testing.T) {
	s := start(t, sandbox.Options{})
	tags := enumeration("tags", "x", "y", "z")
	tags["fieldType"] = "checkbox"
	s.do("POST", propertiesPath, tags).is(201)
	for name, types := range map[string][2]string{"yes": {"bool", "booleancheckbox"}, "when": {"date", "date"}, "what": {"string", "text"}} {
		s.do("POST", propertiesPath, m{"name": name, "label": name, "type": types[0], "fieldType": types[1], "groupName": "dealinformation"}).is(201)
	}
	patch := func(name string, value any) reply {
		return s.do("PATCH", dealsPath+"/1001", m{"properties": m{name: value}})
	}
	patch("tags", "x;y").is(200, "properties/tags", "x;y")
	patch("tags", ";z;x").is(200, "properties/tags", "x;y;z") // one in front appends
	patch("tags", "x;q").is(400, "errors/0/code", "INVALID_OPTION")
	patch("yes", true).is(200, "properties/yes", "true")
	patch("yes", "maybe").is(400, "errors/0/code", "INVALID_OPTION")
	patch("when", "2026-10-01T00:00:00Z").is(200, "properties/when", "2026-10-01")
	patch("when", "2026-10-01T10:00:00Z").is(400, "errors/0/code", "INVALID_DATE")
	patch("when", "soon").is(400, "errors/0/code", "INVALID_LONG")
	patch("what", strings.Repeat("x", 65_537)).is(400, "errors/0/code", "INVALID_STRING_LENGTH")
	patch("deal_currency_code", "euro").is(400)
	s.do("POST", propertiesPath+"/batch/archive", m{"inputs": l{m{"name": "tags"}, m{"name": "nope"}}}).is(204)
	s.do("GET", propertiesPath+"/tags?archived=true", nil).is(200)
	s.do("PATCH", propertiesPath+"/yes", m{"description": "d", "displayOrder": 3, "hidden": true, "formField": false}).is(200, "description", "d", "displayOrder", 3, "hidden", true)
	s.do("PATCH", propertiesPath+"/groups/dealinformation", m{"label": "Deal info"}).is(200, "label", "Deal info")
	s.do("GET", propertiesPath+"/groups", nil).is(200, "results/0/label", "Deal info")
}

func TestCalculatedProperties(t *testing.T) {
	s := start(t, sandbox.Options{})
	const asked = "?properties=amount_in_home_currency,hs_closed_amount,hs_closed_won_date,hs_projected_amount,days_to_close,hs_is_closed_won," +
		"hubspot_owner_assigneddate,hs_v2_latest_time_in_demo,hs_v2_cumulative_time_in_demo,hs_v2_date_entered_nowhere,engagements_last_meeting_booked," +
		"hs_notes_next_activity_type,num_notes,num_contacted_notes,hs_number_of_call_engagements,hs_number_of_outbound_calls,hs_number_of_scheduled_meetings"
	s.do("GET", dealsPath+"/1001"+asked, nil).is(200, "properties/amount_in_home_currency", "1500.00", "properties/hs_projected_amount", "900",
		"properties/hs_closed_amount", "0", "properties/days_to_close", nil, "properties/hs_v2_latest_time_in_demo", "2592000000",
		"properties/hs_v2_cumulative_time_in_demo", "2592000000", "properties/hubspot_owner_assigneddate", "2026-07-23T12:00:00.000Z",
		"properties/hs_notes_next_activity_type", "TASK", "properties/num_notes", "3", "properties/num_contacted_notes", "3",
		"properties/hs_number_of_call_engagements", "1", "properties/hs_number_of_outbound_calls", "1", "properties/hs_number_of_scheduled_meetings", "1",
		"properties/engagements_last_meeting_booked", "2026-09-06T12:00:00.000Z")
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"dealstage": "closedwon", "closedate": "2026-08-30", "deal_currency_code": "USD"}}).is(200)
	s.do("GET", dealsPath+"/1001"+asked, nil).is(200, "properties/hs_is_closed_won", "true", "properties/hs_closed_amount", "1500.00",
		"properties/hs_closed_won_date", "2026-08-30T00:00:00.000Z", "properties/days_to_close", "37", "properties/amount_in_home_currency", nil)
}

func TestActivitiesCountByWhatTheySay(t *testing.T) {
	s := start(t, sandbox.Options{})
	log := func(kind string, typeID int, props m) {
		t.Helper()
		props["hs_timestamp"] = "2026-08-31T10:00:00Z"
		s.do("POST", "/crm/objects/2026-09/"+kind, m{"properties": props,
			"associations": l{m{"to": m{"id": "1010"}, "types": l{m{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": typeID}}}}}).is(201)
	}
	deal := func() reply {
		return s.do("GET", dealsPath+"/1010?properties=notes_last_contacted,hs_sales_email_last_replied,hs_latest_meeting_activity", nil).is(200)
	}
	log("emails", 210, m{"hs_email_direction": "INCOMING_EMAIL"})
	deal().is(200, "properties/hs_sales_email_last_replied", "2026-08-31T10:00:00.000Z", "properties/notes_last_contacted", nil)
	log("meetings", 212, m{"hs_meeting_outcome": "NO_SHOW"})
	log("calls", 206, m{"hs_call_status": "NO_ANSWER"})
	log("calls", 206, m{"hs_call_direction": "INBOUND"})
	deal().is(200, "properties/hs_latest_meeting_activity", nil, "properties/notes_last_contacted", nil)
	log("emails", 210, m{"hs_email_direction": "EMAIL"})
	deal().is(200, "properties/notes_last_contacted", "2026-08-31T10:00:00.000Z")
	log("meetings", 212, m{})
	deal().is(200, "properties/hs_latest_meeting_activity", "2026-08-31T10:00:00.000Z")
	for _, typ := range []string{"NOTE", "CALL", "MEETING", "EMAIL"} {
		s.do("POST", "/engagements/v1/engagements", m{"engagement": m{"type": typ}, "associations": m{"dealIds": l{1010}}, "metadata": m{}}).is(200, "engagement/type", typ)
	}
	s.do("POST", "/engagements/v1/engagements", m{"engagement": m{"type": "FAX"}}).is(400)
	s.do("POST", "/engagements/v1/engagements", m{"engagement": m{"type": "NOTE"}, "associations": m{"dealIds": l{4}}}).is(400)
}

func TestPipelineOrder(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("PATCH", pipelinesPath+"/777", m{"displayOrder": 0}).is(200, "displayOrder", 0)
	s.do("GET", pipelinesPath+"/default", nil).is(200, "displayOrder", 1)
	s.do("PATCH", pipelinesPath+"/777", m{"displayOrder": -1}).is(400)
	s.do("GET", pipelinesPath+"/777/stages", nil).is(200, "results/2/id", "903")
	s.do("POST", pipelinesPath, m{"label": "Empty", "stages": l{}}).is(400)
	s.do("POST", pipelinesPath, m{"label": "Same", "pipelineId": "777", "stages": l{m{"label": "A", "metadata": m{"probability": "0.1"}}}}).is(409)
	s.do("POST", pipelinesPath, m{"label": "New", "displayOrder": 0, "stages": l{m{"label": "A", "metadata": m{"probability": "0.1"}}}}).is(201)
	s.do("GET", pipelinesPath+"/777", nil).is(200, "displayOrder", 1)
	s.do("GET", "/crm/pipelines/2026-09/contacts", nil).is(200, "results", "[]")
}

func TestControlRecords(t *testing.T) {
	s := start(t, sandbox.Options{})
	for path, want := range map[string][2]string{
		"pipelines/777": {"label", "Renewals"}, "owners/62": {"archived", "true"}, "properties/amount": {"type", "number"},
		"deals/1003": {"archived", "true"}, "companies/501": {"properties/name", "Acme"},
	} {
		s.send("GET", "/control/records/hubspot/"+path, nil).is(200, want[0], want[1])
	}
	for _, path := range []string{"pipelines/1", "owners/1", "properties/none", "deals/1", "butterflies/1"} {
		s.send("GET", "/control/records/hubspot/"+path, nil).is(404)
	}
	s.send("GET", "/control/truth", nil)
	if truth := s.send("GET", "/control/truth", nil).is(200).raw; !strings.Contains(truth, `{"policy":"amount-missing","subject":{"kind":"deal","id":"1010"}}`) {
		t.Error(truth)
	}
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"amount": "1"}}).is(200)
	s.send("POST", "/control/reset", nil).is(204)
	s.send("GET", "/control/records/hubspot/deals/1001", nil).is(200, "properties/amount", "1500.00")
}
