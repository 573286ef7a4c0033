package hubspot_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

// m and l write JSON bodies shortly.
type (
	m = map[string]any
	l = []any
)

const dealsPath = "/crm/objects/2026-09/deals"

func input(id string, pairs ...string) m {
	props := m{}
	for i := 0; i < len(pairs); i += 2 {
		props[pairs[i]] = pairs[i+1]
	}
	return m{"id": id, "properties": props}
}

func TestPatchKeepsHistory(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("PATCH", dealsPath+"/1010", m{"properties": m{"amount": "12.50"}}).is(200, "properties/amount", "12.50", "updatedAt", "2026-09-01T12:00:00.000Z")
	s.ticks = day(1)
	s.do("PATCH", dealsPath+"/1010", m{"properties": m{"amount": 13}}).is(200, "properties/amount", "13")
	s.do("PATCH", dealsPath+"/1010", m{"properties": m{"amount": "13"}}).is(200) // the same again leaves no trace
	s.do("PATCH", dealsPath+"/1010", m{"properties": m{"amount": ""}}).is(200, "properties/amount", nil)
	s.do("GET", dealsPath+"/1010?propertiesWithHistory=amount", nil).is(200,
		"propertiesWithHistory/amount/0/value", "", "propertiesWithHistory/amount/1/value", "13", "propertiesWithHistory/amount/1/sourceType", "INTEGRATION",
		"propertiesWithHistory/amount/2/timestamp", "2026-09-01T12:00:00.000Z", "propertiesWithHistory/amount/3", nil)
	if n := s.sandbox.Counters().Writes; n != 4 {
		t.Errorf("%d writes", n)
	}
	s.send("GET", "/control/records/hubspot/deals/1010", nil).is(200, "properties/pipeline", "777", "properties/amount", nil, "history/amount/0/value", "12.50")
}

func TestStageMoveHasConsequences(t *testing.T) {
	s := start(t, sandbox.Options{})
	const more = "?properties=hs_is_closed,hs_is_closed_lost,hs_deal_stage_probability,closedate,pipeline,hs_v2_date_entered_current_stage,hs_v2_date_exited_demo"
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"dealstage": "closedlost"}}).is(200)
	s.do("GET", dealsPath+"/1001"+more, nil).is(200, "properties/hs_is_closed", "true", "properties/hs_is_closed_lost", "true",
		"properties/hs_deal_stage_probability", "0.0", "properties/closedate", "2026-09-01T12:00:00.000Z",
		"properties/hs_v2_date_entered_current_stage", "2026-09-01T12:00:00.000Z", "properties/hs_v2_date_exited_demo", "2026-09-01T12:00:00.000Z")
	s.do("GET", dealsPath+"/1001?propertiesWithHistory=closedate", nil).is(200, "propertiesWithHistory/closedate/0/sourceType", "CALCULATED")
	// Moving back does not take the close date away, and a stage brings its pipeline with it.
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"dealstage": "901"}}).is(200, "properties/pipeline", "777", "properties/closedate", "2026-09-01T12:00:00.000Z")
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"dealstage": "901", "pipeline": "default"}}).is(400, "errors/0/code", "INVALID_OPTION")
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"dealstage": "nowhere"}}).is(400, "errors/0/code", "INVALID_OPTION", "errors/0/context/propertyName", "[dealstage]")
}

func TestValuesAreChecked(t *testing.T) {
	s := start(t, sandbox.Options{})
	for _, c := range []struct{ name, value, code string }{
		{"no_such", "1", "PROPERTY_DOESNT_EXIST"}, {"amount", "1,250", "INVALID_DOUBLE"}, {"closedate", "tomorrow", "INVALID_LONG"},
		{"dealtype", "NewBusiness", "INVALID_OPTION"}, {"hubspot_owner_id", "1000000", "INVALID_OPTION"}, {"notes_last_contacted", "2026-09-01", "READ_ONLY_VALUE"},
	} {
		r := s.do("PATCH", dealsPath+"/1010", m{"properties": m{c.name: c.value}}).is(400, "category", "VALIDATION_ERROR", "errors/0/code", c.code)
		if message, _ := r.at("message").(string); !strings.HasPrefix(message, `Property values were not valid: [{"isValid":false,`) {
			t.Errorf("message %q", message)
		}
	}
	for raw, stored := range map[string]string{
		"2026-10-01": "2026-10-01T00:00:00.000Z", "1790812800000": "2026-10-01T00:00:00.000Z", "2026-10-01T02:00:00+02:00": "2026-10-01T00:00:00.000Z",
	} {
		s.do("PATCH", dealsPath+"/1010", m{"properties": m{"closedate": raw}}).is(200, "properties/closedate", stored,
			"warnings/0/category", "PROPERTY_VALUE_NORMALIZED", "warnings/0/context/rawValue", raw)
		s.do("PATCH", "/crm/v3/objects/deals/1010", m{"properties": m{"closedate": raw}}).is(200, "warnings", nil)
	}
	// The id of an owner who has left is still one.
	s.do("PATCH", dealsPath+"/1010", m{"properties": m{"hubspot_owner_id": "62"}}).is(200)
}

func TestRequiredPropertiesBindTheNewestVersion(t *testing.T) {
	s := start(t, sandbox.Options{}, hubspot.With("require", "closedlost=closed_lost_reason"))
	lost := m{"properties": m{"dealstage": "closedlost"}}
	s.do("PATCH", dealsPath+"/1001", lost).is(400, "errors/0/code", "MISSING_CONDITIONAL_REQUIRED_PROPERTY")
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"dealstage": "closedlost", "closed_lost_reason": "gone"}}).is(200)
	s.do("PATCH", "/crm/v3/objects/deals/1010", lost).is(200)
}

func TestBatchUpdateIsPartialOnMissingRecords(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("POST", dealsPath+"/batch/update", m{"inputs": l{input("1001", "amount", "7"), input("1003", "amount", "8"), input("55", "amount", "9")}}).is(
		http.StatusMultiStatus, "status", "COMPLETE", "results/0/properties/amount", "7", "results/1", nil, "numErrors", 1,
		"errors/0/context/ids", "[1003 55]", "errors/0/message", "Could not get some DEAL objects, they may be deleted or not exist. Check that ids are valid.")
	s.do("POST", dealsPath+"/batch/update", m{"inputs": l{input("1001", "amount", "8")}}).is(200, "errors", nil)
}

func TestBatchUpdateIsAllOrNothingOnBadInput(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("POST", dealsPath+"/batch/update", m{"inputs": l{input("1001", "amount", "7"), input("1010", "amount", "much")}}).is(400, "errors/0/code", "INVALID_DOUBLE", "errors/1", nil)
	s.do("POST", dealsPath+"/batch/update", m{"inputs": l{input("1001", "amount", "7"), input("1001", "amount", "8")}}).is(400,
		"message", "Duplicate IDs found in batch input: [1001]. IDs must be unique", "context/ids", "[1001]", "category", "VALIDATION_ERROR")
	s.do("POST", dealsPath+"/batch/update", m{"inputs": l{m{"id": "1001", "idProperty": "hs_object_id", "properties": m{}}}}).is(400)
	var many l
	for i := range 101 {
		many = append(many, input(fmt.Sprint(i), "amount", "1"))
	}
	s.do("POST", dealsPath+"/batch/update", m{"inputs": many}).is(400)
	s.do("GET", dealsPath+"/1001", nil).is(200, "properties/amount", "1500.00")
	if n := s.sandbox.Counters().Writes; n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestIgnoredFieldFault(t *testing.T) {
	s := start(t, sandbox.Options{Faults: "ignore=amount:path=/crm/objects"})
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"amount": "7", "dealname": "New"}}).is(200)
	s.do("GET", dealsPath+"/1001", nil).is(200, "properties/amount", "1500.00", "properties/dealname", "New")
}

func TestArchiveAndCreate(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("DELETE", dealsPath+"/1001", nil).is(204)
	s.do("DELETE", dealsPath+"/1001", nil).is(404)
	s.do("GET", dealsPath+"/1001", nil).is(404, "category", "OBJECT_NOT_FOUND")
	s.do("GET", dealsPath+"/1001?archived=true", nil).is(200, "archived", true, "archivedAt", "2026-09-01T12:00:00.000Z")
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"amount": "1"}}).is(404)
	r := s.do("POST", dealsPath, m{"properties": m{"dealname": "Fresh", "dealstage": "901"}}).is(201, "properties/pipeline", "777")
	id, _ := r.at("id").(string)
	if got := s.do("GET", dealsPath, nil).is(200).ids(); got != "999 1002 1010 "+id {
		t.Errorf("deals %s", got)
	}
	s.do("GET", dealsPath+"/"+id+"?properties=hs_object_source", nil).is(200, "properties/hs_object_source", "INTEGRATION")
	s.do("POST", dealsPath+"/batch/archive", m{"inputs": l{m{"id": id}, m{"id": "4"}}}).is(204)
	s.do("GET", dealsPath+"/"+id, nil).is(404)
}

func TestBatchCreate(t *testing.T) {
	s := start(t, sandbox.Options{})
	good, bad := m{"properties": m{"dealname": "A"}}, m{"properties": m{"amount": "x"}}
	s.do("POST", dealsPath+"/batch/create", m{"inputs": l{good, good}}).is(201, "results/1/properties/dealname", "A")
	s.do("POST", dealsPath+"/batch/create", m{"inputs": l{good, bad}}).is(400)
	good["objectWriteTraceId"], bad["objectWriteTraceId"] = "a", "b"
	s.do("POST", dealsPath+"/batch/create", m{"inputs": l{good, bad}}).is(207, "results/0/objectWriteTraceId", "a", "errors/0/context/objectWriteTraceId", "[b]", "numErrors", 1)
	s.do("POST", dealsPath+"/search", m{"query": "a", "limit": 1}).is(200)
	if n := s.sandbox.Counters().Writes; n != 3 {
		t.Errorf("%d writes", n)
	}
}

func TestMerge(t *testing.T) {
	s := start(t, sandbox.Options{})
	r := s.do("POST", dealsPath+"/merge", m{"primaryObjectId": "1010", "objectIdToMerge": 1001}).is(200)
	id, _ := r.at("id").(string)
	if id == "1010" || id == "1001" {
		t.Fatalf("the survivor kept the id %s", id)
	}
	// Both old ids lead to the survivor when read alone, and are unknown to batches and lists.
	for _, old := range []string{"1001", "1010"} {
		s.do("GET", dealsPath+"/"+old+"?properties=hs_merged_object_ids,amount,dealname&associations=contacts", nil).is(200, "id", id,
			"properties/hs_merged_object_ids", "1010;1001", "properties/amount", "1500.00", "properties/dealname", "Renewal", "associations/contacts/results/2/id", "303")
		s.do("POST", dealsPath+"/batch/read", m{"inputs": l{m{"id": old}}}).is(207, "results", "[]")
		s.do("POST", dealsPath+"/batch/update", m{"inputs": l{input(old, "amount", "1")}}).is(207, "results", "[]")
	}
	if got := s.do("GET", dealsPath, nil).ids(); got != "999 1002 "+id {
		t.Errorf("deals %s", got)
	}
	kept := start(t, sandbox.Options{}, hubspot.With("merge_keeps_id", "true"))
	kept.do("POST", dealsPath+"/merge", m{"primaryObjectId": "1010", "objectIdToMerge": "1001"}).is(200, "id", "1010")
	kept.do("GET", dealsPath+"/1001", nil).is(200, "id", "1010")
}

func taskBody(deal, due string) m {
	return m{"properties": m{"hs_timestamp": due, "hs_task_subject": "Call", "hs_task_body": "Please.\nplumbline:k1", "hs_task_status": "NOT_STARTED", "hubspot_owner_id": "61", "no_such": "x"},
		"associations": l{m{"to": m{"id": deal}, "types": l{m{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216}}}}}
}

func TestTasks(t *testing.T) {
	s := start(t, sandbox.Options{})
	const tasks = "/crm/objects/2026-09/tasks"
	s.do("POST", tasks, m{"properties": m{"hs_task_subject": "x"}}).is(400, "errors/0/code", "REQUIRED_FIELD")
	s.do("POST", tasks, m{"properties": m{"hs_timestamp": "2026-09-02", "hs_task_status": "SOON"}}).is(400, "errors/0/code", "INVALID_OPTION")
	body := taskBody("1010", "2026-09-02T09:00:00Z")
	r := s.do("POST", tasks, body).is(201, "properties/hs_task_body", "Please.\nplumbline:k1") // what does not exist is dropped without a word
	id, _ := r.at("id").(string)
	const next = "?properties=notes_next_activity_date&associations=tasks"
	s.do("GET", dealsPath+"/1010"+next, nil).is(200, "properties/notes_next_activity_date", "2026-09-02T09:00:00.000Z", "associations/tasks/results/0/id", id,
		"associations/tasks/results/0/type", "deal_to_task", "updatedAt", "2026-09-01T12:00:00.000Z")
	s.do("GET", dealsPath+"/1010/associations/tasks", nil).is(200, "results/0/toObjectId", id, "results/0/associationTypes/0/typeId", 215)
	s.do("GET", "/crm/v4/objects/deals/1010/associations/tasks", nil).is(200, "results/0/toObjectId", id)
	s.do("GET", "/crm/v3/objects/deals/1010/associations/tasks", nil).is(200, "results/0/id", id, "results/0/type", "deal_to_task")
	s.do("GET", tasks+"/"+id+"?properties=hs_task_body&associations=deals", nil).is(200, "associations/deals/results/0/id", "1010")
	s.do("POST", tasks+"/batch/read", m{"inputs": l{m{"id": id}}, "properties": l{"hs_task_subject"}}).is(200, "results/0/properties/hs_task_subject", "Call")
	s.ticks = day(0).Add(3600e9)
	s.do("PATCH", tasks+"/"+id, m{"properties": m{"hs_task_status": "COMPLETED"}}).is(200)
	s.do("GET", dealsPath+"/1010"+next, nil).is(200, "properties/notes_next_activity_date", nil, "updatedAt", "2026-09-01T13:00:00.000Z")
	s.send("GET", "/control/records/hubspot/tasks/"+id, nil).is(200, "properties/hs_task_status", "COMPLETED", "associations/deals", "[1010]")
	s.do("DELETE", tasks+"/"+id, nil).is(204)
	s.do("GET", dealsPath+"/1010/associations/tasks", nil).is(200, "results", "[]")
	both := s.do("POST", tasks+"/batch/create", m{"inputs": l{body, body}}).is(201, "results/1/properties/hs_task_subject", "Call")
	first, _ := both.at("results/0/id").(string)
	s.do("POST", tasks+"/batch/archive", m{"inputs": l{m{"id": first}}}).is(204)
	s.do("GET", dealsPath+"/1010/associations/tasks", nil).is(200, "results/1", nil)
	body["associations"] = l{m{"to": m{"id": "1010"}, "types": l{m{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 215}}}}
	s.do("POST", tasks, body).is(400) // 215 is the way back
}

func TestActivitiesOfTheWorldCanBeRead(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("GET", "/crm/objects/2026-09/calls?properties=hs_call_title,hs_call_direction,hs_timestamp", nil).is(200,
		"results/0/properties/hs_call_title", "Intro", "results/0/properties/hs_call_direction", "OUTBOUND", "results/0/properties/hs_timestamp", "2026-08-20T12:00:00.000Z")
	s.do("GET", "/crm/objects/2026-09/emails?properties=hs_email_direction", nil).is(200, "results/0/properties/hs_email_direction", "INCOMING_EMAIL")
	s.do("GET", "/crm/objects/2026-09/meetings?properties=hs_meeting_outcome", nil).is(200, "results/0/properties/hs_meeting_outcome", "COMPLETED", "results/1/properties/hs_meeting_outcome", "SCHEDULED")
	s.do("POST", "/crm/objects/2026-09/notes", m{"properties": m{"hs_timestamp": "2026-08-31", "hs_note_body": "Hm"},
		"associations": l{m{"to": m{"id": "1010"}, "types": l{m{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214}}}}}).is(201)
	s.do("GET", dealsPath+"/1010?properties=notes_last_updated,notes_last_contacted,num_notes", nil).is(200,
		"properties/notes_last_updated", "2026-08-31T00:00:00.000Z", "properties/notes_last_contacted", nil, "properties/num_notes", "1")
}

func TestAssociations(t *testing.T) {
	s := start(t, sandbox.Options{})
	for _, path := range []string{"/crm/associations/2026-09/deals/companies", "/crm/v4/associations/deals/companies"} {
		s.do("POST", path+"/batch/read", m{"inputs": l{m{"id": "1001"}, m{"id": "1010"}}}).is(207, "results/0/from/id", "1001",
			"results/0/to/0/toObjectId", 501, "results/0/to/0/associationTypes/0/label", "Primary", "results/0/to/0/associationTypes/1/typeId", 341, "numErrors", 1,
			"errors/0/subCategory", "crm.associations.NO_ASSOCIATIONS_FOUND", "errors/0/context/fromObjectId", "[1010]")
	}
	s.do("POST", "/crm/v4/associations/deals/companies/batch/create", m{"inputs": l{
		m{"from": m{"id": "1010"}, "to": m{"id": "502"}, "types": l{m{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}}}}}).is(201, "results/0/toObjectId", 502)
	s.do("GET", dealsPath+"/1010?properties=hs_primary_associated_company", nil).is(200, "properties/hs_primary_associated_company", "502")
	s.do("PUT", "/crm/v4/objects/deals/1010/associations/default/contacts/301", nil).is(200, "results/0/associationSpec/associationTypeId", 3, "results/1/from/id", "301")
	s.do("POST", "/crm/v3/associations/deals/contacts/batch/create", m{"inputs": l{m{"from": m{"id": "999"}, "to": m{"id": "301"}, "type": "deal_to_contact"}}}).is(201,
		"results/0/type", "deal_to_contact", "results/0/from/id", "999")
	s.do("POST", "/crm/v4/associations/deals/contacts/batch/associate/default", m{"inputs": l{m{"from": m{"id": "999"}, "to": m{"id": "302"}}}}).is(201, "results/0/associationSpec/associationTypeId", 3)
	s.do("POST", "/crm/v3/associations/deals/contacts/batch/read", m{"inputs": l{m{"id": "999"}}}).is(200, "results/0/to/1/id", "302", "results/0/to/1/type", "deal_to_contact")
	s.do("PUT", "/crm/v4/objects/deals/1010/associations/companies/501", l{m{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}}).is(201)
	s.do("GET", dealsPath+"/1010?properties=hs_primary_associated_company,num_associated_contacts", nil).is(200,
		"properties/hs_primary_associated_company", "501", "properties/num_associated_contacts", "1")
	s.do("GET", "/crm/v4/objects/companies/502/associations/deals", nil).is(200, "results/1/toObjectId", 1010, "results/1/associationTypes/0/typeId", 342)
	s.do("DELETE", "/crm/v4/objects/deals/1010/associations/contacts/301", nil).is(204)
	s.do("POST", "/crm/associations/2026-09/deals/companies/batch/archive", m{"inputs": l{m{"from": m{"id": "1010"}, "to": l{m{"id": "501"}, m{"id": "502"}}}}}).is(204)
	s.do("GET", dealsPath+"/1010?associations=companies,contacts", nil).is(200, "associations", nil)
	s.do("GET", "/crm/v4/associations/tasks/deals/labels", nil).is(200, "results/0/typeId", 216, "results/1", nil)
}

func TestEngagements(t *testing.T) {
	s := start(t, sandbox.Options{})
	r := s.do("POST", "/engagements/v1/engagements", m{"engagement": m{"active": true, "ownerId": 61, "type": "TASK", "timestamp": day(2).UnixMilli()},
		"associations": m{"dealIds": l{1010}, "contactIds": l{}}, "metadata": m{"subject": "Ring", "body": "them", "status": "NOT_STARTED"}}).is(200,
		"engagement/type", "TASK", "metadata/subject", "Ring", "associations/dealIds", "[1010]")
	id := fmt.Sprint(r.at("engagement/id"))
	s.do("GET", dealsPath+"/1010?properties=notes_next_activity_date", nil).is(200, "properties/notes_next_activity_date", "2026-09-03T12:00:00.000Z")
	s.do("PATCH", "/engagements/v1/engagements/"+id, m{"engagement": m{}, "metadata": m{"status": "COMPLETED"}}).is(200, "metadata/status", "COMPLETED", "metadata/subject", "Ring")
	s.do("GET", "/engagements/v1/engagements/"+id, nil).is(200, "engagement/ownerId", 61)
	s.do("GET", "/crm/v3/objects/tasks/"+id+"?properties=hs_task_status", nil).is(200, "properties/hs_task_status", "COMPLETED")
	s.do("DELETE", "/engagements/v1/engagements/"+id, nil).is(204)
	s.do("GET", "/engagements/v1/engagements/"+id, nil).is(404)
	s.do("GET", "/crm-object-schemas/v3/schemas", nil).is(200, "results", "[]")
}
