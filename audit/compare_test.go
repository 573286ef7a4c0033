package audit_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// moments is what a comparison's evidence is now and 7 days before.
type moments struct {
	pipeline    int32
	key         string
	now, before audit.Evidence
}

// compared runs one policy that makes the given comparisons of two pipelines, and returns what it says of each.
func compared(t *testing.T, open map[string]bool, asked ...moments) []string {
	t.Helper()
	policy := audit.Define(audit.Meta{ID: "compared", Severity: audit.Medium, Subject: crm.KindPipeline}, scripted{func(p *audit.Pass) {
		for i, m := range asked {
			p.Compare(audit.Comparison{
				Kind: crm.KindPipeline, Index: m.pipeline, Key: m.key,
				Weigh: func(s *audit.Stats) audit.Evidence {
					if s == p.Stats {
						return m.now
					}
					return m.before
				},
				Tell: func(e audit.Evidence) audit.Found {
					return audit.Found{Facts: audit.Facts{"which": fmt.Sprint(i), "p": e.P}}
				},
			})
		}
	}})
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snapshot(t, schema(pipeline("a", 2), pipeline("b", 2))), Checks: checksOf(policy), Now: now(), Open: open})
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s %s: %s", f.Subject.ID, f.Key, f.Facts["which"]))
	}
	for _, u := range r.Unknown {
		out = append(out, fmt.Sprintf("%s unknown: %s", u.Subject.ID, u.Need))
	}
	if n := r.Judged["compared"].Passed; n > 0 {
		out = append(out, fmt.Sprintf("%d passed", n))
	}
	slices.Sort(out)
	return out
}

func TestCompare(t *testing.T) {
	yes := audit.Evidence{N: 30, Least: 30, Effect: true, P: 0.02}
	few, weak, unsure := yes, yes, yes
	few.N, weak.Effect, unsure.P = 29, false, 0.06
	dark := audit.CannotCompare(audit.NeedHistory, "no history")
	open := map[string]bool{audit.FindingID("compared", crm.Ref{Portal: "acme", Kind: crm.KindPipeline, ID: "a"}, ""): true}
	for name, c := range map[string]struct {
		open  map[string]bool
		asked []moments
		want  []string
	}{
		"all holds on both dates":          {nil, []moments{{0, "", yes, yes}}, []string{"a : 0"}},
		"too few now":                      {nil, []moments{{0, "", few, yes}}, []string{"a unknown: enough past deals"}},
		"too few then":                     {nil, []moments{{0, "", yes, few}}, []string{"1 passed"}},
		"no effect now":                    {nil, []moments{{0, "", weak, yes}}, []string{"1 passed"}},
		"no effect then":                   {nil, []moments{{0, "", yes, weak}}, []string{"1 passed"}},
		"not significant now":              {nil, []moments{{0, "", unsure, yes}}, []string{"1 passed"}},
		"not significant then":             {nil, []moments{{0, "", yes, unsure}}, []string{"1 passed"}},
		"nothing to compare":               {nil, []moments{{0, "", dark, yes}}, []string{"a unknown: stage history"}},
		"nothing to compare then":          {nil, []moments{{0, "", yes, dark}}, []string{"1 passed"}},
		"two are one too many for p 0.03":  {nil, []moments{{0, "", with(yes, 0.03), yes}, {1, "", with(yes, 0.03), yes}}, []string{"2 passed"}},
		"the smaller p goes first":         {nil, []moments{{0, "", with(yes, 0.049), yes}, {1, "", with(yes, 0.02), yes}}, []string{"a : 0", "b : 1"}},
		"those with too few do not count":  {nil, []moments{{0, "", with(yes, 0.04), yes}, {1, "", few, few}}, []string{"a : 0", "b unknown: enough past deals"}},
		"those without an effect do count": {nil, []moments{{0, "", with(yes, 0.04), yes}, {1, "", with(weak, 0.9), yes}}, []string{"2 passed"}},
		"of alternatives the first":        {nil, []moments{{0, "", yes, yes}, {0, "", yes, yes}}, []string{"a : 0"}},
		"of alternatives the one that may": {nil, []moments{{0, "", weak, yes}, {0, "", yes, yes}}, []string{"a : 1"}},
		"keys are findings of their own":   {nil, []moments{{0, "x", with(yes, 0.01), with(yes, 0.01)}, {0, "y", with(yes, 0.01), with(yes, 0.01)}, {0, "z", weak, weak}}, []string{"a x: 0", "a y: 1"}},
		"judged if one of them is":         {nil, []moments{{0, "x", dark, yes}, {0, "y", weak, yes}}, []string{"1 passed"}},

		"open: stays by the effect now":    {open, []moments{{0, "", unsure, weak}}, []string{"a : 0"}},
		"open: stays by the effect then":   {open, []moments{{0, "", weak, few}}, []string{"a : 0"}},
		"open: closes without an effect":   {open, []moments{{0, "", weak, weak}}, []string{"1 passed"}},
		"open: few do not close it":        {open, []moments{{0, "", few, few}}, []string{"a : 0"}},
		"open: darkness does not close it": {open, []moments{{0, "", dark, weak}, {0, "y", weak, weak}}, []string{"a unknown: stage history"}},
		"open: says nothing of others":     {open, []moments{{1, "", unsure, yes}}, []string{"1 passed"}},
		"open: what speaks goes first":     {open, []moments{{0, "", unsure, yes}, {0, "", with(yes, 0.001), yes}}, []string{"a : 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, compared(t, c.open, c.asked...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func with(e audit.Evidence, p float64) audit.Evidence {
	e.P = p
	return e
}

// TestCompareCountsAllChecksOfAPolicy: Holm's correction is for the portal, however many scopes share the policy.
func TestCompareCountsAllChecksOfAPolicy(t *testing.T) {
	policy := audit.Define(audit.Meta{ID: "scoped", Severity: audit.Medium, Subject: crm.KindPipeline}, scripted{func(p *audit.Pass) {
		for i := range p.Pipelines() {
			p.Compare(audit.Comparison{Kind: crm.KindPipeline, Index: i,
				Weigh: func(*audit.Stats) audit.Evidence { return audit.Evidence{N: 1, Effect: true, P: 0.03} },
				Tell:  func(audit.Evidence) audit.Found { return audit.Found{} }})
		}
	}})
	snap := snapshot(t, schema(pipeline("a", 2), pipeline("b", 2)))
	r := mustRun(t, snap, nil, audit.Check{Policy: policy}, audit.Check{Policy: policy, Pipeline: "b"})
	if len(r.Findings) != 0 || r.Judged["scoped"].Passed != 2 {
		t.Errorf("%d findings, %+v: two comparisons at p 0.03 must not speak", len(r.Findings), r.Judged["scoped"])
	}
}
