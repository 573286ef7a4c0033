package pipedrive_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// patch changes a deal.
func (s *server) patch(id int, body string) reply {
	s.t.Helper()
	return s.do("PATCH", fmt.Sprint("/v2/deals/", id), body)
}

func TestPatchIsStrict(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.patch(1001, `{"add_time":"2020-01-01T00:00:00Z","foo":1}`).is(400, "code", "ERR_SCHEMA_VALIDATION_FAILED",
		"error", "Validation failed: add_time: Parameter 'add_time' is not allowed for this request; foo: Parameter 'foo' is not allowed for this request")
	for _, body := range []string{`{"value":"12"}`, `{"is_archived":"true"}`, `{"is_archived":1}`, `{"stage_id":"12"}`, `{"stage_id":12.5}`, `{"label_ids":1}`, `{"label_ids":["a"]}`,
		`{"expected_close_date":"2026-09-01T00:00:00Z"}`, `{"expected_close_date":null}`, `{"person_id":null}`, `{"won_time":null}`, `{"title":null}`, `{"title":" "}`,
		`{"status":"deleted"}`, `{"owner_id":62}`, `{"owner_id":5}`, `{"stage_id":5}`, `{"pipeline_id":5}`, `{"pipeline_id":1,"stage_id":901}`, `{"probability":101}`,
		`{"lost_reason":"x"}`, `{"won_time":"2026-08-01T00:00:00Z"}`, `{"close_time":"2026-08-01T00:00:00Z"}`, `{"archive_time":"2026-08-01 00:00:00"}`,
		`{"status":"won","won_time":"2026-09-02T00:00:00Z"}`, `{"is_deleted":true}`, `{"custom_fields":{"foo":1}}`, `{"visible_to":2}`, `[]`, `{`, `null`} {
		s.patch(1001, body).is(400, "success", false)
	}
	if c := s.sandbox.Counters(); c.Writes != 0 {
		t.Errorf("%d writes", c.Writes)
	}
	s.get("/v2/deals/1001").is(200, "data/status", "open", "data/stage_id", 12, "data/update_time", "2026-08-30T12:00:00Z")
	s.tune("nullable", "expected_close_date person_id")
	s.patch(1001, `{"expected_close_date":null,"person_id":null,"probability":null}`).is(200, "data/expected_close_date", nil, "data/person_id", nil)
}

func TestStatusAndItsTimes(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.patch(1001, `{"status":"lost","lost_reason":"Wrong timing"}`).is(200, "data/status", "lost", "data/lost_time", "2026-09-01T12:00:00Z",
		"data/close_time", "2026-09-01T12:00:00Z", "data/lost_reason", "Wrong timing", "data/stage_id", 12, "data/stage_change_time", "2026-08-02T12:00:00Z")
	s.patch(1001, `{"lost_time":"2026-08-20T10:00:00Z"}`).is(200, "data/lost_time", "2026-08-20T10:00:00Z", "data/close_time", "2026-08-20T10:00:00Z")
	s.patch(1001, `{"status":"open"}`).is(200, "data/lost_time", nil, "data/close_time", nil, "data/lost_reason", nil)
	s.patch(1001, `{"status":"won","won_time":"2026-08-21 10:00:00"}`).is(200, "data/won_time", "2026-08-21T10:00:00Z", "data/local_won_date", "2026-08-21")
	s.get("/v2/deals/1001?include_fields=first_won_time").is(200, "data/first_won_time", "2026-09-01T12:00:00Z")
	s.tune("reopen_keeps", "true")
	s.patch(1002, `{"status":"open"}`).is(200, "data/lost_time", "2026-07-13T12:00:00Z", "data/lost_reason", "Price or budget", "data/close_time", nil)
	s.tune("free_lost_reasons", "false")
	s.patch(1002, `{"status":"lost","lost_reason":"because"}`).is(400)
	s.patch(1002, `{"status":"lost","lost_reason":"Price or budget"}`).is(200)
}

func TestMovesByAPI(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.patch(1001, `{"stage_id":13}`).is(200, "data/stage_change_time", "2026-09-01T12:00:00Z", "data/pipeline_id", 1)
	s.get("/v1/deals/1001/changelog?limit=1").is(200, "data/0/field_key", "stage_id", "data/0/old_value", 12, "data/0/new_value", 13,
		"data/0/change_source", "api", "data/0/time", "2026-09-01 12:00:00", "data/0/actor_user_id", 1)
	s.get("/v1/deals/1001/flow?items=dealChange&limit=1").is(200, "data/0/object", "dealChange", "data/0/data/additional_data/new_value_formatted", "Offer",
		"additional_data/pagination/more_items_in_collection", true, "additional_data/pagination/next_start", 1)
	s.patch(1001, `{"pipeline_id":777}`).is(200, "data/stage_id", 901, "data/pipeline_id", 777)
	s.patch(1001, `{"stage_id":11}`).is(200, "data/stage_id", 11, "data/pipeline_id", 1)
	s.tune("pipeline_alone", "false")
	s.patch(1001, `{"pipeline_id":777}`).is(400)
	s.tune("changelog_since", "2026-08-10T00:00:00Z")
	s.get("/v1/deals/1002/changelog").is(200, "data/0", nil)
	s.get("/v1/deals/1002").is(410)
	s.tune("v1_deal", "true")
	s.get("/v1/deals/1001").is(200, "data/stay_in_pipeline_stages/times_in_stages/12", 30*24*3600, "data/stay_in_pipeline_stages/order_of_stages/0", 11)
}

func TestUpdatesAndWhatIsNone(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.patch(1010, `{"value":0}`).is(200, "data/update_time", "2026-09-01T12:00:00Z")
	s.tune("noop_bumps", "false")
	s.patch(999, `{"title":"Imported"}`).is(200, "data/update_time", "2026-08-22T12:00:00Z")
	s.tune("activity_touches_deal", "false")
	s.get("/v2/deals/1001").is(200, "data/update_time", "2026-08-02T12:00:00Z")
	if err := s.sandbox.SetFaults("ignore=value"); err != nil {
		t.Fatal(err)
	}
	s.patch(999, `{"value":7,"title":"New"}`).is(200, "data/value", 0, "data/title", "New")
}

func TestArchiveDeletePurgeRestoreMerge(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.patch(1003, `{"title":"x"}`).is(400)
	s.patch(1003, `{"is_archived":false,"title":"x"}`).is(400)
	s.patch(1003, `{"is_archived":false}`).is(200, "data/is_archived", false, "data/archive_time", nil)
	s.patch(1003, `{"is_archived":true,"archive_time":"2026-08-01 10:00:00"}`).is(200, "data/archive_time", "2026-08-01T10:00:00Z")

	s.do("DELETE", "/v2/deals/1010", nil).is(200, "data/id", 1010)
	s.do("DELETE", "/v2/deals/1010", nil).is(404)
	s.get("/v2/deals?status=deleted&updated_since=2026-09-01T12:00:00Z").is(200, "data/0/id", 1010, "data/0/status", "deleted", "data/0/is_deleted", true)
	s.patch(1010, `{"is_deleted":false}`).is(400)
	s.tune("restore", "true")
	s.patch(1010, `{"is_deleted":false}`).is(200, "data/status", "open", "data/is_deleted", false)

	s.do("PUT", "/v1/deals/1010/merge", `{"merge_with_id":1010}`).is(400)
	s.do("PUT", "/v1/deals/1001/merge", `{"merge_with_id":1010}`).is(200, "data/id", 1010, "data/merge_what_id", 1001)
	s.get("/v2/deals/1010?include_fields=notes_count,undone_activities_count,last_incoming_mail_time").is(200, "data/notes_count", 1, "data/undone_activities_count", 3,
		"data/last_incoming_mail_time", "2026-08-23T12:00:00Z")
	s.get("/v2/activities?deal_id=1010&limit=1").is(200, "data/0/deal_id", 1010)
	s.ticks = day(30)
	if got := s.get("/v2/deals?status=deleted").ids(); got != "1001" {
		t.Errorf("deleted: %s", got)
	}
	s.ticks = day(31)
	if got := s.get("/v2/deals?status=deleted").ids(); got != "" {
		t.Errorf("deleted after a month: %s", got)
	}
	s.get("/v2/deals/1001").is(404)
	if got := s.get("/v2/deals?status=open,won,lost,deleted").ids(); got != "999 1002 1004 1010" {
		t.Errorf("left: %s", got)
	}
	s.sandbox.Reset()
	s.get("/v2/deals/1001").is(200)
}

func TestNewDeal(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("POST", "/v2/deals", `{"title":"New","add_time":"2020-01-01T00:00:00Z"}`).is(400)
	s.do("POST", "/v2/deals", `{"value":1}`).is(400)
	r := s.do("POST", "/v2/deals", `{"title":"New","stage_id":12,"owner_id":64,"org_id":501}`).is(200, "data/status", "open", "data/origin", "API",
		"data/add_time", "2026-09-01T12:00:00Z", "data/stage_change_time", nil, "data/pipeline_id", 1, "data/creator_user_id", 1)
	s.get(fmt.Sprint("/v1/deals/", r.at("data/id"), "/changelog")).is(200, "data/0/field_key", "add_time", "data/1", nil)
}

func TestActivities(t *testing.T) {
	s := start(t, sandbox.Options{})
	r := s.do("POST", "/v2/activities", `{"subject":"Decide","type":"task","deal_id":1010,"owner_id":64,"due_date":"2026-09-03","due_time":"09:30","note":"why\nplumbline:k1<script>x</script>"}`).is(200,
		"data/done", false, "data/due_time", "09:30", "data/note", "why\nplumbline:k1", "data/owner_id", 64, "data/marked_as_done_time", nil)
	id := fmt.Sprint(r.at("data/id"))
	s.get("/v2/deals/1010?include_fields=next_activity_id").is(200, "data/next_activity_id", id, "data/update_time", "2026-09-01T12:00:00Z")
	s.ticks = s.ticks.Add(time.Hour)
	s.do("PATCH", "/v2/activities/"+id, `{"done":true}`).is(200, "data/marked_as_done_time", "2026-09-01T13:00:00Z")
	s.get("/v2/deals/1010?include_fields=next_activity_id,last_activity_id").is(200, "data/next_activity_id", nil, "data/last_activity_id", id)
	if got := s.get("/v2/activities?updated_since=2026-09-01T13:00:00Z").ids(); got != id {
		t.Errorf("updated: %s, want %s", got, id)
	}
	s.tune("long_due_time", "true")
	s.get("/v2/activities/"+id).is(200, "data/due_time", "09:30:00")
	s.do("PATCH", "/v2/activities/"+id, `{"deal_id":1001}`).is(200, "data/deal_id", 1001)
	s.get("/v2/deals/1010?include_fields=activities_count").is(200, "data/activities_count", 0)
	for _, body := range []string{`{"type":"dance"}`, `{"deal_id":5}`, `{"person_id":301}`, `{"foo":1}`, `{"due_time":"25:00"}`, `{"done":1}`, `{"note":"` + strings.Repeat("x", 100_001) + `"}`} {
		s.do("PATCH", "/v2/activities/"+id, body).is(400, "success", false)
	}
	s.do("DELETE", "/v2/activities/"+id, nil).is(200, "data/id", id)
	s.do("DELETE", "/v2/activities/"+id, nil).is(404)
	s.get("/v2/activities?ids="+id).is(200, "data/0", nil)
	if got := s.get("/v2/activities?deal_id=1001&sort_by=due_date&sort_direction=desc&limit=2").is(200, "data/0/subject", "Review", "data/1/subject", "Send contract"); got.at("additional_data/next_cursor") == nil {
		t.Error("no next page")
	}
}

func TestFieldsWritten(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("POST", "/v2/dealFields/lost_reason/options", `[{"label":"New"}]`).is(400)
	r := s.do("POST", "/v2/dealFields", `{"field_name":"Tier","field_type":"enum","options":[{"label":"A"}]}`).is(200, "data/is_custom_field", true, "data/options/0/label", "A")
	code := fmt.Sprint(r.at("data/field_code"))
	s.do("POST", "/v2/dealFields/"+code+"/options", `[{"label":"B"},{"label":"A"}]`).is(400)
	b := s.do("POST", "/v2/dealFields/"+code+"/options", `[{"label":"B"}]`).is(200, "data/0/label", "B", "data/1", nil)
	option := fmt.Sprint(b.at("data/0/id"))
	s.do("PATCH", "/v2/dealFields/"+code+"/options", `[{"id":`+option+`,"label":"Bee"}]`).is(200, "data/0/label", "Bee")
	s.patch(1010, `{"custom_fields":{"`+code+`":"Bee"}}`).is(400, "field_code", code)
	s.patch(1010, `{"custom_fields":{"`+code+`":`+option+`}}`).is(200, "data/custom_fields/"+code, option)
	s.do("PATCH", "/v2/dealFields/"+code, `{"required_fields":{"enabled":true,"stage_ids":[901],"statuses":{"777":["won"]}}}`).is(200, "data/required_fields/stage_ids/0", 901)
	s.tune("required_binds_api", "true")
	s.patch(1010, `{"custom_fields":{"`+code+`":null}}`).is(400, "code", "ERR_REQUIRED_FIELDS")
	s.tune("required_binds_api", "false")
	s.patch(1010, `{"custom_fields":{"`+code+`":null}}`).is(200, "data/custom_fields/"+code, nil)
	s.do("PATCH", "/v2/dealFields/title", `{"required_fields":{"enabled":true}}`).is(400)
	s.tune("builtin_fields", "true")
	s.do("PATCH", "/v2/dealFields/title", `{"required_fields":{"enabled":true,"stage_ids":[12]}}`).is(200)
	s.do("DELETE", "/v2/dealFields/"+code+"/options", `[{"id":`+option+`}]`).is(200)
	s.do("DELETE", "/v2/dealFields/"+code, nil).is(200)
	s.get("/v2/dealFields/" + code).is(404)
	s.get("/v2/deals/999").is(200, "data/custom_fields/"+code, nil)
}

func TestStagesAndPipelinesWritten(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("PATCH", "/v2/stages/11", `{"is_deal_rot_enabled":true,"days_to_rotten":14}`).is(200, "data/days_to_rotten", 14, "data/is_deal_rot_enabled", true)
	for _, body := range []string{`{"days_to_rotten":null}`, `{"days_to_rotten":0}`, `{"order_nr":3}`, `{"deal_probability":101}`, `{"deal_probability":0.5}`} {
		s.do("PATCH", "/v2/stages/11", body).is(400)
	}
	s.do("PATCH", "/v2/stages/11", `{"is_deal_rot_enabled":false}`).is(200, "data/days_to_rotten", 14)
	s.tune("nullable", "days_to_rotten")
	s.do("PATCH", "/v2/stages/11", `{"days_to_rotten":null}`).is(200, "data/days_to_rotten", nil)
	line := s.do("POST", "/v2/pipelines", `{"name":"Partners"}`).is(200, "data/order_nr", 2)
	made := s.do("POST", "/v2/stages", fmt.Sprintf(`{"name":"First","pipeline_id":%v}`, line.at("data/id"))).is(200, "data/order_nr", 0, "data/deal_probability", 100)
	s.do("DELETE", fmt.Sprint("/v2/stages/", made.at("data/id")), nil).is(200)
	s.do("DELETE", "/v2/stages/11", nil).is(400)
	s.do("DELETE", fmt.Sprint("/v2/pipelines/", line.at("data/id")), nil).is(200)
	s.do("PATCH", "/v2/pipelines/777", `{"is_deal_probability_enabled":false}`).is(200, "data/is_deal_probability_enabled", false)
	s.get("/v1/deals/summary?status=open&pipeline_id=777").is(200, "data/total_count", 1)
}

func TestNotesAndWebhooks(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("POST", "/v1/notes", `{"content":"x"}`).is(400, "success", false, "data", nil)
	s.do("POST", "/v1/notes", `{"deal_id":5,"content":"x"}`).is(400)
	r := s.do("POST", "/v1/notes", `{"deal_id":1010,"content":"x","pinned_to_deal_flag":1,"unknown":2}`).is(200, "data/deal_id", 1010, "data/pinned_to_deal_flag", true)
	id := fmt.Sprint(r.at("data/id"))
	s.do("PUT", "/v1/notes/"+id, `{"content":"y","deal_id":1001}`).is(200, "data/content", "y", "data/deal_id", 1001)
	s.get("/v1/notes?deal_id=1001&limit=1").is(200, "data/0/content", "y", "additional_data/pagination/next_start", 1)
	s.get("/v1/notes?deal_id=1001&start=1").is(200, "data/0/content", "Likes it", "additional_data/pagination/more_items_in_collection", false)
	s.do("DELETE", "/v1/notes/"+id, nil).is(200)
	s.get("/v1/notes/" + id).is(404)

	hook := `{"subscription_url":"https://example.com/h","event_action":"change","event_object":"deal","name":"n"}`
	s.do("POST", "/v1/webhooks", `{"subscription_url":"x","event_action":"change","event_object":"deal"}`).is(400, "status", "error", "errors/name", "is required")
	for range 40 {
		s.do("POST", "/v1/webhooks", hook).is(201, "status", "ok", "data/version", "2.0")
	}
	s.do("POST", "/v1/webhooks", hook).is(422, "success", false)
	first := s.get("/v1/webhooks").is(200)
	s.do("DELETE", fmt.Sprint("/v1/webhooks/", first.at("data/0/id")), nil).is(200)
	s.do("POST", "/v1/webhooks", hook).is(201)
}

func TestPlainFields(t *testing.T) {
	s := start(t, sandbox.Options{})
	var segment, products, step, start string
	list, _ := s.get("/v2/dealFields").at("data").([]any)
	for _, v := range list {
		f := v.(map[string]any)
		for name, into := range map[string]*string{"Industry segment": &segment, "Products of interest": &products, "Next step": &step, "Contract start": &start} {
			if f["field_name"] == name {
				*into = fmt.Sprint(f["field_code"])
			}
		}
	}
	s.patch(1001, `{"title":"T","value":99.5,"currency":"USD","visible_to":1,"probability":35,"label_ids":[1,2],"owner_id":64,"person_id":302,"org_id":502,"expected_close_date":"2026-10-01"}`).is(200,
		"data/title", "T", "data/value", 99.5, "data/currency", "USD", "data/visible_to", 1, "data/probability", 35, "data/label_ids", "[1 2]", "data/owner_id", 64,
		"data/person_id", 302, "data/org_id", 502, "data/expected_close_date", "2026-10-01")
	s.get("/v1/deals/1001/changelog").is(200, "data/0/time", "2026-09-01 12:00:00")
	s.get("/v1/deals/summary?status=open&pipeline_id=1").is(200, "data/weighted_values_total/USD/value", 34.82)
	s.patch(1001, `{"currency":"dollars"}`).is(400)
	s.patch(1001, `{"person_id":5}`).is(400)
	s.patch(1001, `{"org_id":5}`).is(400)
	s.patch(1001, fmt.Sprintf(`{"custom_fields":{"%s":101,"%s":[104,105],"%s":"call","%s":"2026-12-01"}}`, segment, products, step, start)).is(200,
		"data/custom_fields/"+segment, 101, "data/custom_fields/"+products, "[104 105]", "data/custom_fields/"+step, "call", "data/custom_fields/"+start, "2026-12-01")
	for _, body := range []string{segment + `":9`, segment + `":"101"`, products + `":[]`, products + `":[9]`, products + `":104`, step + `":1`, start + `":"soon"`} {
		s.patch(1001, `{"custom_fields":{"`+body+`}}`).is(400, "code", "ERR_SCHEMA_VALIDATION_FAILED")
	}
	s.get("/v2/deals/1001?custom_fields="+step).is(200, "data/custom_fields", "map["+step+":call]")
	s.do("POST", "/v2/activities", `{"type":"lunch"}`).is(200, "data/subject", "Lunch", "data/deal_id", nil, "data/owner_id", 1)
}
