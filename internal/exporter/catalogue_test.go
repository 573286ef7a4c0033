package exporter

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCatalogue holds the documented metrics to the names and labels that dashboards rely on.
func TestCatalogue(t *testing.T) {
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Metric{}
	for _, m := range all {
		byName[m.Name] = m
	}
	want := len((&families{}).all()) + 4
	if len(byName) != want || len(all) != want {
		t.Errorf("%d metrics, %d names, want %d of each", len(all), len(byName), want)
	}
	if !slices.IsSortedFunc(all, func(a, b Metric) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	}) {
		t.Error("the metrics are not sorted by name")
	}
	for _, w := range []Metric{
		{Name: "plumbline_findings", Type: "gauge", Labels: []string{"policy", "portal", "severity", "state"}},
		{Name: "plumbline_stage_days", Type: "summary", Labels: []string{"pipeline", "portal", "quantile", "stage"}},
		{Name: "plumbline_sync_complete", Type: "gauge", Labels: []string{"portal"}},
		{Name: "plumbline_api_requests_total", Type: "counter", Labels: []string{"object", "outcome", "portal"}},
		{Name: "plumbline_api_budget_remaining", Type: "gauge", Labels: []string{"portal", "unit"}},
	} {
		got := byName[w.Name]
		if got.Help == "" {
			t.Errorf("%s has no help", w.Name)
		}
		got.Help = ""
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("%s: %s", w.Name, diff)
		}
	}
}
