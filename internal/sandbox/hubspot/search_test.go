package hubspot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

// where is a search with one group of filters, each a property, an operator and its operands.
func where(filters ...l) m {
	group := l{}
	for _, f := range filters {
		filter := m{"propertyName": f[0], "operator": f[1]}
		if len(f) > 2 {
			if values, ok := f[2].(l); ok {
				filter["values"] = values
			} else {
				filter["value"] = f[2]
			}
		}
		if len(f) > 3 {
			filter["highValue"] = f[3]
		}
		group = append(group, filter)
	}
	return m{"filterGroups": l{m{"filters": group}}}
}

func TestSearchFilters(t *testing.T) {
	s := start(t, sandbox.Options{})
	ms := fmt.Sprint(day(-50).UnixMilli())
	for _, c := range []struct {
		filter l
		want   string
	}{
		{l{"amount", "GT", "90"}, "1001"}, {l{"amount", "GTE", 90}, "1002 1001"}, {l{"amount", "LT", "1500"}, "1002"}, {l{"amount", "LTE", "1500"}, "1002 1001"},
		{l{"amount", "EQ", "1500"}, "1001"}, {l{"amount", "BETWEEN", "80", "100"}, "1002"}, {l{"amount", "HAS_PROPERTY"}, "1002 1001"},
		{l{"amount", "NOT_HAS_PROPERTY"}, "999 1010"}, {l{"closedate", "LTE", ms}, "1002"}, {l{"closedate", "GTE", "2026-09-02"}, "1001"},
		{l{"dealstage", "IN", l{"demo", "901"}}, "1001 1010"}, {l{"dealstage", "NOT_IN", l{"demo", "901"}}, "1002 999"}, {l{"dealstage", "EQ", "Demo"}, ""},
		{l{"dealname", "EQ", "RENEWAL"}, "1010"}, {l{"dealname", "IN", l{"Renewal"}}, ""}, {l{"dealname", "IN", l{"renewal"}}, "1010"},
		{l{"dealname", "CONTAINS_TOKEN", "roll*"}, "1001"}, {l{"dealname", "CONTAINS_TOKEN", "ren"}, ""}, {l{"dealstage", "NEQ", "demo"}, "1002 999 1010"},
		{l{"associations.contact", "EQ", "302"}, "1001"}, {l{"hs_is_closed_lost", "EQ", "true"}, "1002"},
		{l{"hs_v2_date_entered_current_stage", "LT", "2026-07-20"}, "1002"}, {l{"dealname", "NOT_CONTAINS_TOKEN", "globex"}, "1001 999 1010"},
	} {
		r := s.do("POST", dealsPath+"/search", where(c.filter)).is(200, "total", len(strings.Fields(c.want)), "paging", nil)
		if got := r.ids(); got != c.want { // by creation, never the archived one
			t.Errorf("%v finds %q, want %q", c.filter, got, c.want)
		}
	}
	s.do("POST", dealsPath+"/search", m{"filterGroups": l{where(l{"amount", "EQ", "90"})["filterGroups"].(l)[0], where(l{"amount", "EQ", "1500"})["filterGroups"].(l)[0]}}).is(200, "total", 2)
	s.do("POST", dealsPath+"/search", where(l{"amount", "HAS_PROPERTY"}, l{"dealstage", "EQ", "demo"})).is(200, "total", 1)
	s.do("POST", dealsPath+"/search", m{"query": "glob"}).is(200, "total", 1, "results/0/id", "1002")
}

func TestSearchRefuses(t *testing.T) {
	s := start(t, sandbox.Options{})
	six, group := []l{}, l{}
	for range 6 {
		six = append(six, l{"amount", "HAS_PROPERTY"})
		group = append(group, where(l{"amount", "HAS_PROPERTY"})["filterGroups"].(l)[0])
	}
	s.do("POST", dealsPath+"/search", where(six...)).is(200)
	for name, body := range map[string]any{
		"seven filters": where(append(six, six[0])...), "six groups": m{"filterGroups": group}, "201 a page": m{"limit": 201}, "beyond the wall": m{"after": "9900", "limit": 200},
		"unknown property": where(l{"nope", "EQ", "1"}), "unknown operator": where(l{"amount", "LIKE", "1"}), "two sorts": m{"sorts": l{"amount", "dealname"}},
		"too long": m{"query": strings.Repeat("x", 3000)}, "no value": where(l{"amount", "GT"}), "not JSON": "{",
	} {
		if r := s.do("POST", dealsPath+"/search", body); r.status != 400 || r.at("category") != "VALIDATION_ERROR" {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
	s.do("POST", dealsPath+"/search", m{"after": "9800", "limit": 200}).is(200)
}

func TestSearchPagesAndSorts(t *testing.T) {
	s := start(t, sandbox.Options{})
	sort := l{m{"propertyName": "hs_lastmodifieddate", "direction": "DESCENDING"}}
	r := s.do("POST", dealsPath+"/search", m{"sorts": sort, "limit": 3, "properties": l{"dealname"}}).is(200, "total", 4, "paging/next/after", "3", "paging/next/link", nil)
	if got := r.ids(); got != "1001 1010 999" {
		t.Error(got)
	}
	s.do("POST", dealsPath+"/search", m{"sorts": sort, "limit": 3, "after": "3"}).is(200, "results/0/id", "1002", "paging", nil)
	s.do("POST", dealsPath+"/search", m{"sorts": l{"-amount"}}).is(400)
	s.do("POST", dealsPath+"/search", m{"sorts": l{"amount"}, "limit": "2"}).is(200, "results/1/properties/amount", nil)
}

func TestSearchLagsBehind(t *testing.T) {
	s := start(t, sandbox.Options{}, hubspot.With("search_lag", "5s"))
	changed := where(l{"hs_lastmodifieddate", "GTE", today.Format(time.RFC3339)})
	s.do("PATCH", dealsPath+"/1001", m{"properties": m{"amount": "1"}}).is(200)
	s.do("POST", dealsPath, m{"properties": m{"dealname": "Fresh"}}).is(201)
	s.do("POST", dealsPath+"/search", changed).is(200, "total", 0)
	s.do("POST", dealsPath+"/search", where(l{"amount", "EQ", "1500.00"})).is(200, "total", 1, "results/0/properties/amount", "1500.00")
	s.do("GET", dealsPath+"/1001", nil).is(200, "properties/amount", "1") // reading does not lag
	s.ticks = today.Add(5 * time.Second)
	s.do("POST", dealsPath+"/search", changed).is(200, "total", 2)
	s.send("PUT", "/control/settings/hubspot", m{"search_lag": "0s"}).is(204)
	s.do("DELETE", dealsPath+"/1001", nil).is(204)
	s.do("POST", dealsPath+"/search", changed).is(200, "total", 1)
	s.send("PUT", "/control/settings/hubspot", m{"nonsense": "1"}).is(400)
	s.send("PUT", "/control/settings/salesforce", m{}).is(404)
}
