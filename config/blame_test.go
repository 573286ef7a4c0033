package config

import (
	"errors"
	"testing"
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
