package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestAmounts: amounts are the narrowest scope: those of a policy hold in its pipelines too, beneath the pipelines' own.
func TestAmounts(t *testing.T) {
	c := load(t, `
policies:
  stale-in-stage:
    settings: {limit: 40d}
    amounts: {">= 100 EUR": {severity: critical, settings: {limit: 20d}}}
    pipelines:
      Sales:
        settings: {limit: 30d}
        amounts:
          "50 - 200.5 EUR": {settings: {limit: 10d}}
          "< 50 EUR": {enabled: false}
portals:
  - name: acme
    crm: hubspot
    policies: {stale-in-stage: {amounts: {">= 300 USD": {settings: {limit: 9d}}}}}
`, nil)
	describe := func(list []Check) (out []string) {
		for _, k := range list {
			b := k.Amounts
			out = append(out, fmt.Sprintf("%s %d-%d%s limit=%v %s off=%v from %s", k.Pipeline, b.From, b.To, b.Currency, float64(k.Settings.(*stale).Limit), k.Severity,
				k.Enabled != nil && !*k.Enabled, k.Origin["limit"]))
		}
		return out
	}
	wide, sales := "policies, amounts >= 100 EUR", "policies, pipeline Sales, amounts 50 - 200.5 EUR"
	want := []string{
		" 0-0 limit=40  off=false from policies",
		" 1000000-0EUR limit=20 critical off=false from " + wide,
		"Sales 0-0 limit=30  off=false from policies, pipeline Sales",
		"Sales 0-500000EUR limit=30  off=true from policies, pipeline Sales",
		"Sales 500000-1000000EUR limit=10  off=false from " + sales,
		"Sales 1000000-2005000EUR limit=10 critical off=false from " + sales,
		"Sales 2005000-0EUR limit=20 critical off=false from " + wide,
	}
	if diff := cmp.Diff(want, describe(c.Checks["stale-in-stage"])); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	acme := describe(c.Portals[0].Checks["stale-in-stage"])
	if len(acme) != 9 || acme[2] != " 3000000-0USD limit=9  off=false from portal acme, amounts >= 300 USD" {
		t.Errorf("of the portal: %s", strings.Join(acme, "\n"))
	}
}

// TestDivide: the parts do not overlap, and each amount has the layers that cover it.
func TestDivide(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var bands []layer
		for i := range rapid.IntRange(0, 5).Draw(rt, "bands") {
			from := rapid.Int64Range(0, 20).Draw(rt, "from")
			b := Band{From: from, To: from + rapid.Int64Range(1, 20).Draw(rt, "width"), Currency: rapid.SampledFrom([]string{"EUR", "USD"}).Draw(rt, "currency")}
			if rapid.Bool().Draw(rt, "open") {
				b.To = 0
			}
			bands = append(bands, layer{band: b, from: fmt.Sprint(i)})
		}
		holds := func(b Band, amount int64, currency string) bool {
			return b.Currency == currency && amount >= b.From && amount < b.end()
		}
		parts := divide(bands)
		for amount := range int64(50) {
			for _, currency := range []string{"EUR", "USD", "GBP"} {
				var want, got []string
				for _, l := range bands {
					if holds(l.band, amount, currency) {
						want = append(want, l.from)
					}
				}
				n := 0
				for _, p := range parts {
					if !holds(p.band, amount, currency) {
						continue
					}
					n++
					for _, l := range p.layers {
						got = append(got, l.from)
					}
				}
				if n > 1 || !cmp.Equal(want, got) {
					rt.Fatalf("%d %s is in %d parts with layers %v, want %v", amount, currency, n, got, want)
				}
			}
		}
	})
}

// TestOwnPolicies: their settings are configured like those of others, and their mistakes come with the configuration's.
func TestOwnPolicies(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte("policies: here"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := known()
	k.Own = func(files []File) Own {
		if len(files) != 1 || string(files[0].Text) != "policies: here" || files[0].Path != filepath.Join(dir, "own.yaml") {
			t.Errorf("files %+v", files)
		}
		return Own{Policies: map[string]func() any{"own-a": func() any { return &missing{FromStage: 3} }}, Broken: []string{"own-b"},
			Problems: []Problem{{File: "own.yaml", Line: 1, Column: 11, Path: "policies", Text: "is wrong", Source: "policies: here"}}}
	}
	text := "own_policies: [own.yaml, gone.yaml]\npolicies:\n  own-a: {settings: {from_stage: x}}\n  own-b: {settings: {what: ever}}\n  own-c: {}\n"
	_, err := Parse(filepath.Join(dir, "c.yaml"), []byte(text), k, env(nil))
	want := []string{
		"c.yaml:1:26: own_policies[1]: gone.yaml cannot be read: no such file or directory",
		`c.yaml:3:34: policies.own-a.settings.from_stage: "x" is not a whole number`,
		`c.yaml:5:3: policies.own-c: there is no such policy; did you mean "own-a"?`,
		"own.yaml:1:11: policies: is wrong",
	}
	if err == nil {
		t.Fatal("no problem")
	}
	var got []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.HasPrefix(line, " ") {
			got = append(got, strings.TrimPrefix(line, dir+"/"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s\n%v", diff, err)
	}
	k.Own = func([]File) Own {
		return Own{Policies: map[string]func() any{"own-a": func() any { return &missing{FromStage: 3} }}}
	}
	c, err := Parse(filepath.Join(dir, "c.yaml"), []byte("own_policies: [own.yaml]\nportals: [{name: a, crm: hubspot, policies: {own-a: {settings: {from_stage: 5}}}}]"), k, env(nil))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := c.Checks["own-a"][0].Settings.(*missing), c.Portals[0].Checks["own-a"][0].Settings.(*missing); a.FromStage != 3 || b.FromStage != 5 {
		t.Errorf("settings %+v and %+v", a, b)
	}
}
