package hubspot_test

import (
	"testing"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

const pipelinesPath = "/crm/pipelines/2026-09/deals"

func TestStageIsClosedByItsProbability(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("PATCH", pipelinesPath+"/default/stages/demo", m{"metadata": m{"isClosed": "true", "probability": "0.50", "color": "red"}}).is(200,
		"metadata/isClosed", "true", "metadata/probability", "0.50") // the answer repeats the request …
	s.do("GET", pipelinesPath+"/default/stages/demo", nil).is(200, // … which is not what is kept
		"metadata/isClosed", "false", "metadata/probability", "0.5", "metadata/color", nil, "label", "Demo")
	s.do("PATCH", pipelinesPath+"/default/stages/demo", m{"metadata": m{}, "label": "Shown"}).is(200)
	s.do("PATCH", pipelinesPath+"/default/stages/demo", m{"metadata": m{"probability": nil}}).is(400)
	s.do("PATCH", pipelinesPath+"/default/stages/demo", m{"metadata": m{"probability": "1"}}).is(200)
	s.do("GET", pipelinesPath+"/default/stages/demo", nil).is(200, "metadata/isClosed", "true", "metadata/probability", "1.0", "label", "Shown")
	s.do("GET", "/crm/objects/2026-09/deals/1001?properties=hs_is_closed_won", nil).is(200, "properties/hs_is_closed_won", "true")
}

func TestStageLabelsAndOrder(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("PATCH", pipelinesPath+"/default/stages/demo", m{"label": " qualified"}).is(400, "subCategory", "PipelineError.STAGE_LABEL_EXISTS")
	s.do("PATCH", pipelinesPath+"/default/stages/demo", m{"displayOrder": -1}).is(400)
	s.do("POST", pipelinesPath+"/default/stages", m{"label": "New", "displayOrder": 0}).is(400) // no probability
	s.do("POST", pipelinesPath+"/default/stages", m{"label": "New", "displayOrder": 0, "stageId": "new", "metadata": m{"probability": "0.1"}}).is(201, "displayOrder", 0)
	r := s.do("GET", pipelinesPath+"/default", nil).is(200)
	orders := map[any]any{}
	for _, path := range []string{"stages/0/", "stages/1/", "stages/2/", "stages/3/", "stages/4/"} {
		orders[r.at(path+"id")] = r.at(path + "displayOrder")
	}
	for i, id := range []string{"new", "qualify", "demo", "closedwon", "closedlost"} {
		if n, _ := orders[id].(interface{ Int64() (int64, error) }); n == nil {
			t.Errorf("%s has no order", id)
		} else if v, _ := n.Int64(); v != int64(i) {
			t.Errorf("%s is at %d, want %d", id, v, i)
		}
	}
	s.do("POST", pipelinesPath+"/777/stages", m{"label": "X", "stageId": "demo", "metadata": m{"probability": "0.1"}}).is(409) // unique in all pipelines
	long := make([]byte, 101)
	for i := range long {
		long[i] = 'x'
	}
	s.do("POST", pipelinesPath+"/777/stages", m{"label": "X", "stageId": string(long), "metadata": m{"probability": "0.1"}}).is(500)
}

func TestStagesInUseStay(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("DELETE", pipelinesPath+"/default/stages/demo", nil).is(400, "subCategory", "PipelineError.STAGE_ID_IN_USE",
		"context/objectIds", "[1001]", "context/stageIds", "[demo]")
	s.do("DELETE", pipelinesPath+"/default/stages/closedwon", nil).is(204) // its only deal is archived
	s.do("DELETE", pipelinesPath+"/default/stages/never", nil).is(204)
	s.do("GET", pipelinesPath+"/default/stages/closedwon", nil).is(404)
	s.do("DELETE", pipelinesPath+"/777", nil).is(400)
	// PUT removes what it leaves out, unless it is in use.
	keep := func(id, label, probability string, order int) m {
		return m{"stageId": id, "label": label, "displayOrder": order, "metadata": m{"probability": probability}}
	}
	s.do("PUT", pipelinesPath+"/777", m{"label": "Renewals", "displayOrder": 1, "stages": l{keep("902", "Kept", "1", 0)}}).is(400, "subCategory", "PipelineError.STAGE_ID_IN_USE")
	s.do("PUT", pipelinesPath+"/777", m{"label": "Renewed", "displayOrder": 1, "stages": l{keep("901", "Open", "0.5", 0), keep("904", "Gone", "0", 1)}}).is(200)
	s.do("GET", pipelinesPath+"/777", nil).is(200, "label", "Renewed", "stages/0/id", "901", "stages/0/createdAt", "2025-07-28T12:00:00.000Z", "stages/1/id", "904", "stages/2", nil)
	s.do("PATCH", pipelinesPath+"/777", m{"label": "sales pipeline"}).is(400, "subCategory", "PipelineError.PIPELINE_LABEL_EXISTS")
	s.do("POST", pipelinesPath, m{"label": "Third", "displayOrder": 5, "pipelineId": "third", "stages": l{keep("a", "A", "0.1", 0)}}).is(201, "id", "third")
	s.do("DELETE", pipelinesPath+"/third", nil).is(204)
	s.do("GET", pipelinesPath+"/third", nil).is(404)
}

const propertiesPath = "/crm/properties/2026-09/deals"

func enumeration(name string, values ...string) m {
	options := l{}
	for i, v := range values {
		options = append(options, m{"label": v, "value": v, "displayOrder": i, "hidden": false})
	}
	return m{"name": name, "label": name, "type": "enumeration", "fieldType": "select", "groupName": "dealinformation", "options": options}
}

func TestPropertyCreate(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("POST", propertiesPath, enumeration("why", "a", "b")).is(201, "hubspotDefined", nil, "modificationMetadata/readOnlyDefinition", false)
	s.do("POST", propertiesPath, enumeration("why", "a")).is(409, "category", "OBJECT_ALREADY_EXISTS", "subCategory", "Properties.PROPERTY_WITH_NAME_EXISTS")
	for name, change := range map[string]m{
		"pair": {"fieldType": "text"}, "group": {"groupName": "nowhere"}, "name": {"name": "Why Not"}, "label": {"label": nil},
		"twice": {"options": l{m{"label": "x", "value": "x"}, m{"label": "y", "value": "x"}}}, "none": {"options": nil},
	} {
		body := enumeration("other", "a")
		for key, value := range change {
			if body[key] = value; value == nil {
				delete(body, key)
			}
		}
		if r := s.do("POST", propertiesPath, body); r.status != 400 {
			t.Errorf("%s: status %d", name, r.status)
		}
	}
	s.do("POST", propertiesPath+"/batch/create", m{"inputs": l{enumeration("why", "a"), enumeration("where", "a")}}).is(207, "results/0/name", "where", "errors/0/category", "OBJECT_ALREADY_EXISTS")
	s.do("POST", propertiesPath+"/batch/read", m{"inputs": l{m{"name": "where"}, m{"name": "nope"}}}).is(207, "results/0/name", "where", "numErrors", 1)
	s.do("GET", propertiesPath+"/nope", nil).is(404, "category", "OBJECT_NOT_FOUND")
	s.send("GET", "/control/records/hubspot/properties/where", nil).is(200, "options/0/value", "a")
}

func TestPropertyOptionsAreReplaced(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("POST", propertiesPath, enumeration("why", "a", "b")).is(201)
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"why": "b"}}).is(200)
	s.do("PATCH", propertiesPath+"/why", m{"label": "Why"}).is(200, "options/1/value", "b", "label", "Why")
	s.do("PATCH", propertiesPath+"/why", m{"options": l{m{"label": "c", "value": "c", "displayOrder": 0}}, "hasUniqueValue": true}).is(200, "options/0/value", "c", "options/1", nil, "hasUniqueValue", false)
	s.do("GET", dealsPath+"/1001?properties=why", nil).is(200, "properties/why", "b") // what was written stays
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"why": "a"}}).is(400, "errors/0/code", "INVALID_OPTION")
	s.do("PATCH", propertiesPath+"/closed_lost_reason", m{"type": "enumeration", "fieldType": "select"}).is(400)
}

func TestArchivedPropertyComesBackWithItsValues(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("POST", propertiesPath, enumeration("why", "a", "b")).is(201)
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"why": "b"}}).is(200)
	s.do("DELETE", propertiesPath+"/why", nil).is(204)
	s.do("DELETE", propertiesPath+"/why", nil).is(404)
	s.do("GET", propertiesPath+"/why", nil).is(404)
	s.do("GET", propertiesPath+"?archived=true", nil).is(200, "results/0/name", "why", "results/0/archived", true)
	r := s.do("GET", dealsPath+"/1001?properties=why", nil).is(200)
	if props, _ := r.at("properties").(map[string]any); len(props) != 3 {
		t.Errorf("an archived property is shown: %v", props)
	}
	s.do("POST", propertiesPath, m{"name": "why", "label": "Why", "type": "string", "fieldType": "text", "groupName": "dealinformation"}).is(201)
	s.do("GET", dealsPath+"/1001?properties=why", nil).is(200, "properties/why", "b")
	s.do("DELETE", propertiesPath+"/amount", nil).is(400)
}

func TestPropertyGroups(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("POST", propertiesPath+"/groups", m{"name": "ours", "label": "Ours"}).is(201)
	s.do("POST", propertiesPath+"/groups", m{"name": "ours", "label": "Ours"}).is(409)
	body := enumeration("why", "a")
	body["groupName"] = "ours"
	s.do("POST", propertiesPath, body).is(201, "groupName", "ours")
	s.do("DELETE", propertiesPath+"/groups/ours", nil).is(400)
	s.do("DELETE", propertiesPath+"/why", nil).is(204)
	s.do("DELETE", propertiesPath+"/groups/ours", nil).is(204)
	s.do("GET", propertiesPath+"/groups/ours", nil).is(404)
}

func TestNewPropertyIsReadableLate(t *testing.T) {
	s := start(t, sandbox.Options{}, hubspot.With("property_lag", "500ms"))
	s.do("POST", propertiesPath, enumeration("why", "a")).is(201)
	s.do("GET", propertiesPath+"/why", nil).is(404)
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"why": "a"}}).is(400, "errors/0/code", "PROPERTY_DOESNT_EXIST")
	s.ticks = today.Add(5e8)
	s.do("GET", propertiesPath+"/why", nil).is(200)
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"why": "a"}}).is(200)
}

func TestWorldProperties(t *testing.T) {
	world := smallWorld()
	world.LossProperty = &sandbox.LossProperty{Name: "loss_reason", Label: "Loss reason", Options: []sandbox.LossOption{{Value: "budget", Label: "Budget"}}}
	world.Deals[1].LossOption = "budget"
	s := startWith(t, world, sandbox.Options{})
	s.do("GET", propertiesPath+"/loss_reason", nil).is(200, "type", "enumeration", "options/0/label", "Budget")
	s.do("GET", dealsPath+"/1002?properties=loss_reason,closed_lost_reason", nil).is(200, "properties/loss_reason", "budget", "properties/closed_lost_reason", "too expensive")
	s.do("GET", dealsPath+"/999?properties=external_id,hs_object_source", nil).is(200, "properties/external_id", "OPP-1", "properties/hs_object_source", "IMPORT")
}
