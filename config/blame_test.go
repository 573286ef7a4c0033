package config

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUnfitSettingsAreBlamedOnWhoSetThem: what narrower scopes inherit is not their mistake, and what they add to it is.
func TestUnfitSettingsAreBlamedOnWhoSetThem(t *testing.T) {
	const text = `policies:
  stale-in-stage:
    settings: {floor: 40d}
    pipelines:
      Sales: {severity: low}
      Renewals:
        settings: {limit: 50d}
portals:
  - name: acme
    crm: hubspot
    policies:
      stale-in-stage: {severity: high}
`
	_, err := Parse("plumbline.yaml", []byte(text), known(), env(nil))
	var got Problems
	if !errors.As(err, &got) || len(got) != 1 || got[0].Line != 3 {
		t.Errorf("want one problem, on line 3:\n%v", err)
	}
	const narrow = `policies:
  stale-in-stage:
    settings: {limit: 50d}
    pipelines:
      Sales:
        settings: {floor: 60d}
        stages:
          New: {severity: low}
`
	_, err = Parse("plumbline.yaml", []byte(narrow), known(), env(nil))
	if !errors.As(err, &got) || len(got) != 1 || got[0].Line != 6 {
		t.Errorf("want one problem, on line 6:\n%v", err)
	}
}

func TestInheritedMistakesAreReportedWhereTheyStand(t *testing.T) {
	const text = `defaults: {timezone: Mars/Olympus, schedule: nope}
limits: {per_run: 0, per_day: 0}
portals:
  - {name: acme, crm: hubspot}
  - {name: other, crm: hubspot, timezone: Mars/Olympus, limits: {per_day: -1}}
`
	_, err := Parse("plumbline.yaml", []byte(text), known(), env(nil))
	var got Problems
	if !errors.As(err, &got) {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range got {
		lines = append(lines, fmt.Sprint(p.Line, " ", p.Path))
	}
	want := []string{"1 defaults.timezone", "1 defaults.schedule", "2 limits.per_run", "2 limits.per_day", "5 portals[1].timezone", "5 portals[1].limits.per_day"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}
