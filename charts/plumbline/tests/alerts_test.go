package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// rules is the file of the alerts.
func rules(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(chart, "alerts", "plumbline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAlerts(t *testing.T) {
	promtool := tool(t, "promtool", "")
	for _, args := range [][]string{{"check", "rules", rules(t)}, {"test", "rules", strings.TrimSuffix(rules(t), ".yaml") + "_test.yaml"}} {
		if out, errs, err := run(t, promtool, args...); err != nil {
			t.Errorf("promtool %s: %v\n%s%s", strings.Join(args[:2], " "), err, out, errs)
		}
	}
}

// TestEveryAlertIsTested: each is expected to fire somewhere, and to keep quiet on a healthy portal.
func TestEveryAlertIsTested(t *testing.T) {
	var file struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	var stories struct {
		Tests []struct {
			Name   string
			Alerts []struct {
				Name string `yaml:"alertname"`
				Exp  []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	for name, into := range map[string]any{"plumbline.yaml": &file, "plumbline_test.yaml": &stories} {
		b, err := os.ReadFile(filepath.Join(chart, "alerts", name))
		if err == nil {
			err = yaml.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	fires, quiet := map[string]bool{}, map[string]bool{}
	for i, s := range stories.Tests {
		for _, a := range s.Alerts {
			if len(a.Exp) > 0 {
				fires[a.Name] = true
			} else if i == 0 {
				quiet[a.Name] = true
			}
		}
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if !fires[r.Alert] || !quiet[r.Alert] {
				t.Errorf("%s: seen to fire %v, seen quiet on a healthy portal %v", r.Alert, fires[r.Alert], quiet[r.Alert])
			}
		}
	}
}
