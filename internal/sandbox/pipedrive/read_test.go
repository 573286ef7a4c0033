package pipedrive_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/internal/sandbox"
)

func TestDealShowsItsHistory(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.get("/v2/deals/1001?include_fields=next_activity_id,last_incoming_mail_time,last_outgoing_mail_time,done_activities_count,undone_activities_count,notes_count").is(200,
		"success", true, "data/id", 1001, "data/title", "Acme roll-out", "data/owner_id", 61, "data/org_id", 501, "data/person_id", 301,
		"data/value", 1500, "data/currency", "EUR", "data/stage_id", 12, "data/pipeline_id", 1, "data/status", "open",
		"data/add_time", "2026-07-23T12:00:00Z", "data/stage_change_time", "2026-08-02T12:00:00Z", "data/won_time", nil, "data/lost_reason", nil,
		"data/expected_close_date", "2026-09-21", // in Paris
		"data/last_outgoing_mail_time", "2026-08-22T12:00:00Z", "data/last_incoming_mail_time", "2026-08-23T12:00:00Z",
		"data/done_activities_count", 2, "data/undone_activities_count", 3, "data/notes_count", 1, "data/activities_count", nil)
	s.get("/v2/deals/1002").is(200, "data/status", "lost", "data/stage_id", 11, "data/stage_change_time", nil, "data/lost_reason", "Price or budget",
		"data/lost_time", "2026-07-13T12:00:00Z", "data/local_lost_date", "2026-07-13", "data/close_time", "2026-07-13T12:00:00Z", "data/won_time", nil)
	s.get("/v2/deals/1004").is(200, "data/status", "won", "data/stage_id", 901, "data/pipeline_id", 777, "data/lost_time", nil, "data/won_time", "2026-08-12T12:00:00Z",
		"data/value", "12.5", "data/stage_change_time", "2026-07-03T12:00:00Z")
	s.get("/v2/deals/1010").is(200, "data/stage_change_time", nil, "data/value", 0, "data/person_id", nil, "data/expected_close_date", nil)
}

func TestChangelog(t *testing.T) {
	s := start(t, sandbox.Options{})
	r := s.get("/v1/deals/1004/changelog").is(200, "success", true, "additional_data/next_cursor", nil)
	var moves, statuses []string
	list, _ := r.at("data").([]any)
	for _, v := range list {
		m := v.(map[string]any)
		switch m["field_key"] {
		case "stage_id", "pipeline_id":
			moves = append(moves, fmt.Sprintf("%v %v>%v", m["time"], m["old_value"], m["new_value"]))
		case "status":
			statuses = append(statuses, fmt.Sprintf("%v %v>%v %v", m["time"], m["old_value"], m["new_value"], m["change_source"]))
		}
	}
	if got, want := fmt.Sprint(moves), "[2026-07-03 12:00:00 11>901 2026-07-03 12:00:00 1>777]"; got != want {
		t.Errorf("moves %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(statuses), "[2026-08-12 12:00:00 open>won app 2026-08-02 12:00:00 lost>open app 2026-07-23 12:00:00 open>lost api]"; got != want {
		t.Errorf("statuses %s, want %s", got, want)
	}
	first := s.get("/v1/deals/1004/changelog?limit=2").is(200, "data/0/field_key", r.at("data/0/field_key"), "data/1/field_key", r.at("data/1/field_key"))
	s.get(fmt.Sprint("/v1/deals/1004/changelog?limit=1&cursor=", first.at("additional_data/next_cursor"))).is(200, "data/0/field_key", r.at("data/2/field_key"))
	s.get("/v1/deals/4/changelog").is(404, "success", false)
}

func TestListsAreKeptNarrowAndPaged(t *testing.T) {
	s := start(t, sandbox.Options{})
	for query, want := range map[string]string{
		"":                                    "999 1001 1002 1004 1010",
		"?status=open":                        "999 1001 1010",
		"?status=won,lost":                    "1002 1004",
		"?ids=1010,999,5":                     "999 1010",
		"?owner_id=61":                        "1001",
		"?pipeline_id=777":                    "1004 1010",
		"?stage_id=11":                        "999 1002",
		"?sort_by=add_time":                   "1002 1004 1001 999 1010",
		"?sort_direction=desc":                "1010 1004 1002 1001 999",
		"?updated_since=2026-08-27T12:00:00Z": "1001 1010",
		"?updated_until=2026-08-12T12:00:00Z": "1002",
		"?updated_until=2026-08-12T12:00:01Z": "1002 1004",
	} {
		if got := s.get("/v2/deals" + query).is(200).ids(); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if got := s.get("/v2/deals/archived").is(200, "data/0/is_archived", true, "data/0/archive_time", "2026-07-03T12:00:00Z").ids(); got != "1003" {
		t.Errorf("archived: %s", got)
	}
	for _, sort := range []string{"id", "add_time", "update_time"} {
		for _, direction := range []string{"asc", "desc"} {
			query := "/v2/deals?sort_by=" + sort + "&sort_direction=" + direction
			whole, parts, cursor := s.get(query).ids(), "", ""
			for {
				r := s.get(query + "&limit=2" + cursor).is(200)
				parts += " " + r.ids()
				next := r.at("additional_data/next_cursor")
				if next == nil {
					break
				}
				cursor = "&cursor=" + fmt.Sprint(next)
			}
			if parts != " "+whole {
				t.Errorf("%s: pages%s, want %s", query, parts, whole)
			}
		}
	}
}

func TestStrictQueries(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.get("/v2/deals?foo=1&bar=2").is(400, "success", false, "code", "ERR_SCHEMA_VALIDATION_FAILED",
		"error", "Validation failed: bar: Parameter 'bar' is not allowed for this request; foo: Parameter 'foo' is not allowed for this request")
	for _, query := range []string{"limit=501", "limit=x", "cursor=abc", "status=all", "ids=a", "include_fields=age", "sort_by=title", "owner_id=me", "updated_since=2026-08-01"} {
		s.get("/v2/deals?"+query).is(400, "success", false, "code", "ERR_SCHEMA_VALIDATION_FAILED")
	}
	s.get("/v2/deals/77").is(404, "error", "Deal not found", "code", "ERR_NOT_FOUND")
	s.get("/v2/nothing").is(401, "error", "unauthorized access", "errorCode", 401)
	s.tune("clamp_limit", "true")
	s.tune("any_cursor", "true")
	s.get("/v2/deals?limit=501&cursor=abc").is(200, "data/0/id", 999)
}

func TestSetUp(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.get("/v2/pipelines").is(200, "data/0/id", 1, "data/0/name", "Sales Pipeline", "data/0/is_deal_probability_enabled", true, "data/1/id", 777, "data/2", nil)
	s.get("/v2/stages?pipeline_id=1").is(200, "data/0/id", 11, "data/0/deal_probability", 20, "data/0/days_to_rotten", nil, "data/0/is_deal_rot_enabled", false, "data/2/order_nr", 2, "data/3", nil)
	fields := s.get("/v2/dealFields").is(200)
	list, _ := fields.at("data").([]any)
	for _, v := range list {
		if f := v.(map[string]any); f["field_code"] == "lost_reason" {
			if got, want := fmt.Sprint(f["field_type"], " ", f["options"]), "varchar_options [map[add_time:<nil> color:<nil> id:49 label:Price or budget update_time:<nil>] map[add_time:<nil> color:<nil> id:50 label:Wrong timing update_time:<nil>]]"; got != want {
				t.Errorf("lost_reason: %s, want %s", got, want)
			}
		}
	}
	s.get("/v2/dealFields/lost_reason").is(200, "data/options/0/label", "Price or budget")
	s.tune("lost_reason_options", "false")
	s.get("/v2/dealFields/lost_reason").is(200, "data/options", nil)
	s.get("/v1/users").is(200, "data/0/id", 61, "data/0/active_flag", true, "data/1/active_flag", false, "data/4/is_you", true)
	s.get("/v1/users/me").is(200, "data/company_id", 44237313, "data/access/1/app", "global", "data/access/1/admin", true, "data/timezone_name", "Europe/Paris")
	s.get("/v2/activities?deal_id=1001&done=false").is(200, "data/0/subject", "Send contract", "data/0/due_date", "2026-09-04", "data/0/due_time", "12:00", "data/3", nil)
	s.get("/v1/deals/summary?status=open").is(200, "data/total_count", 3, "data/values_total/EUR/value", 1500)
}

func TestNullsAndAbsence(t *testing.T) {
	s := start(t, sandbox.Options{})
	if r := s.get("/v2/deals/1010").is(200); !strings.Contains(r.raw, `"org_id":null`) || !strings.Contains(r.raw, `"stage_change_time":null`) {
		t.Errorf("no nulls: %s", r.raw)
	}
	s.tune("omit_nulls", "true")
	s.tune("stage_change_at_add", "true")
	if r := s.get("/v2/deals/1010").is(200, "data/stage_change_time", "2026-08-27T12:00:00Z"); strings.Contains(r.raw, "org_id") {
		t.Errorf("org_id is there: %s", r.raw)
	}
	s.get("/v2/deals/1001").is(200, "data/org_id", 501, "data/stage_change_time", "2026-08-02T12:00:00Z")
}

func TestContactsAndTheRestOfVersionOne(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.get("/v2/persons?org_id=501&limit=1").is(200, "data/0/id", 301, "data/0/name", "Dee", "data/0/emails/0/value", "dee@acme.test", "data/0/org_id", 501, "data/1", nil)
	s.get("/v2/persons/302").is(200, "data/first_name", "Eli", "data/last_name", nil)
	s.get("/v2/organizations?ids=502").is(200, "data/0/name", "Globex", "data/1", nil)
	s.get("/v2/organizations?updated_since=2026-01-01T00:00:00Z").is(200, "data/0", nil)
	s.get("/v2/organizations/5").is(404, "error", "Organization not found")
	s.get("/v2/persons/5").is(404)
	s.get("/v1/users/62").is(200, "data/name", "Bo Lin", "data/is_you", false, "data/access/0/admin", false)
	s.get("/v1/users/5").is(404, "data", nil, "error", "User not found")
	s.get("/v1/currencies").is(200, "data/0/code", "EUR")
	s.get("/v1/activityTypes").is(200, "data/2/key_string", "task")
	s.get("/v1/deals/summary/archived").is(200, "data/total_count", 1)
	s.get("/v1/deals/summary?status=won").is(200, "data/values_total/USD/value", 12.5, "data/weighted_values_total/USD/count", 1)
	s.get("/v1/deals/1001/flow?limit=2").is(200, "data/0/object", "activity", "data/0/data/subject", "Late")
	s.get("/v1/deals/5/flow").is(404)
	s.get("/v1/notes/1000005").is(200, "data/content", "Likes it", "data/add_time", "2026-08-25 12:00:00")
	for _, path := range []string{"/v1/users/me", "/api/v1/users/me", "/api/v2/deals/1001"} { // v1 has two addresses
		req := s.request("GET", "/pipedrive"+path+"?api_token=pat-sandbox")
		s.finish(req).is(200, "success", true)
	}
	s.finish(s.request("GET", "/pipedrive/v2/deals?api_token=pat-sandbox")).is(401)
	s.finish(s.request("GET", "/pipedrive/api/v2/deals?api_token=wrong")).is(401, "success", false)
	s.finish(s.request("GET", "/pipedrive/api/v2/deals")).is(401)
	if got := s.sandbox.Counters().Requests["pipedrive"]["users.me"]; got != 2 {
		t.Errorf("%d reads of users/me", got)
	}
}

func TestActivityFilters(t *testing.T) {
	s := start(t, sandbox.Options{})
	for query, want := range map[string]string{
		"done=true": "1000001 1000004", "done=false": "1000006 1000007 1000008", "owner_id=61&done=1": "1000001 1000004", "owner_id=62": "",
		"org_id=501&person_id=301&done=true": "1000001 1000004", "ids=1000004,5": "1000004", "updated_until=2026-08-21T00:00:00Z": "1000001 1000006 1000007",
		"updated_since=2026-08-30T12:00:00Z": "1000008", "lead_id=x": "", "sort_by=due_date&done=false": "1000008 1000006 1000007",
	} {
		if got := s.get("/v2/activities?" + query).is(200).ids(); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"done=maybe", "deal_id=x", "ids=x", "updated_since=x", "updated_until=x", "user_id=61"} {
		s.get("/v2/activities?"+query).is(400, "code", "ERR_SCHEMA_VALIDATION_FAILED")
	}
	s.get("/v2/activities?filter_id=1").is(404)
	s.get("/v2/activities/1000007?include_fields=attendees").is(200, "data/attendees", "[]", "data/duration", "01:00", "data/participants/0/person_id", 301)
}

func TestWhatTheUserMayNotSeeIsLeftOut(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.tune("hide_owners", "61,62")
	if got := s.get("/v2/deals").is(200).ids(); got != "999 1004 1010" {
		t.Errorf("seen: %s", got)
	}
	s.get("/v2/deals/1001").is(404)
	s.get("/v2/activities").is(200, "data/0", nil)
	s.get("/v1/deals/summary").is(200, "data/total_count", 3)
	s.tune("flow_null", "true")
	s.get("/v1/deals/1004/flow").is(200, "success", true, "data", nil)
}
