package policies

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/text"
)

// cures are the catalogue's fixes, by policy: what its findings may offer. Policies that are not named give advice and no more. Advice
// stands beside a fix where the CRM does not take it, or history does not say what to set.
func cures() map[string][]audit.FixKind {
	task, date := []audit.FixKind{audit.FixTask}, []audit.FixKind{audit.FixCloseDate, audit.FixTask}
	odds, sum := []audit.FixKind{audit.FixOdds, audit.FixAdvice}, []audit.FixKind{audit.FixTask, audit.FixAmount}
	return map[string][]audit.FixKind{
		"status-as-stage": {audit.FixMove, audit.FixAdvice}, "unclear-stage-name": {audit.FixRename},
		"probability-unset": odds, "probability-not-rising": odds, "probability-miscalibrated": odds,
		"no-stage-time-limit": {audit.FixRotting, audit.FixAdvice}, "skipping-allowed": {audit.FixRule},

		"lost-reason-free-text":       {audit.FixLossFields, audit.FixLossList, audit.FixAdvice},
		"lost-reason-options-missing": {audit.FixAdvice, audit.FixLossList},
		"lost-reason-variants":        {audit.FixLossReason, audit.FixAdvice},

		"stale-in-stage": task, "open-too-long": task, "no-buyer-activity": task, "no-next-activity": task, "next-activity-overdue": task,
		"follow-up-overdue": task, "slow-first-response": {audit.FixTask, audit.FixAdvice}, "stage-without-evidence": task,
		"behind-its-evidence": {audit.FixMove}, "close-date-past": date, "close-date-missing": date, "close-date-pushed": task,
		"close-date-too-soon": date, "close-date-default": date, "amount-missing": sum, "amount-suspicious": sum,
		"owner-missing": {audit.FixOwner}, "owner-inactive": {audit.FixOwner}, "dates-impossible": task, "contact-missing": task,
		"single-threaded": task, "lost-reason-missing": {audit.FixTask, audit.FixDigest}, "lost-reason-nonstandard": {audit.FixLossReason, audit.FixAdvice},
		"lost-other-without-detail": {audit.FixDigest}, "won-incomplete": task,
	}
}

// TestEveryFindingOffersTheCataloguesFix holds the findings of generated portals to the catalogue's fixes, the fixes to words, and the
// plan to a step for each of them: what cannot be written yet is a step for a person.
func TestEveryFindingOffersTheCataloguesFix(t *testing.T) {
	words, err := text.English(All())
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]audit.Finding{} // by policy and kind of fix
	seen := map[string]bool{}
	// Some problems are rare: worlds are made until every policy has found something.
	enough := func() bool {
		return !slices.ContainsFunc(All(), func(p *audit.Policy) bool { return !seen[p.ID] && !p.Off && p.ID != "rules-bypassed" })
	}
	for seed := uint64(0); seed < 20 || seed < 100 && !enough(); seed++ {
		w := sandbox.Generate(sandbox.GenOptions{Deals: 600 + 400*int(seed%2), Seed: seed})
		if seed == 19 {
			w = stagnant(seed)
		}
		for _, f := range audited(t, w).Findings {
			if f.Fix == nil {
				t.Fatalf("%s %s offers nothing", f.Policy, f.Subject.ID)
			}
			seen[f.Policy] = true
			samples[f.Policy+" "+string(f.Fix.Kind)] = f
		}
	}
	for _, p := range All() {
		kinds := cures()[p.ID]
		if kinds == nil {
			kinds = []audit.FixKind{audit.FixAdvice}
		}
		if !slices.Contains(kinds, p.Fix) {
			t.Errorf("%s is listed with the fix %q, the catalogue has %q", p.ID, p.Fix, kinds)
		}
		if !seen[p.ID] && !p.Off && p.ID != "rules-bypassed" {
			t.Errorf("no world has a finding of %s", p.ID)
		}
		if slices.Contains(kinds, audit.FixAdvice) && strings.HasPrefix(words.Fix(advised(p)), "Change the set-up by hand") {
			t.Errorf("%s: no advice of its own", p.ID)
		}
		for _, f := range samples {
			if f.Policy == p.ID && !slices.Contains(kinds, f.Fix.Kind) {
				t.Errorf("%s offers %q, the catalogue has %q", p.ID, f.Fix.Kind, kinds)
			}
		}
	}
	for what, f := range samples {
		if words.Fix(f) == "" {
			t.Errorf("%s: there are no words for it", what)
		}
		for _, key := range f.Fix.Manual {
			if s := words.Manual(key); !strings.Contains(s, " ") || s == key && !strings.Contains(key, " ") {
				t.Errorf("%s: no words for %q", what, key)
			}
		}
		if steps := planned(t, words, f); len(steps) == 0 && (f.Fix.Kind != audit.FixAdvice || len(f.Fix.Manual) > 0) {
			t.Errorf("%s: nothing of it is in the plan", what)
		}
	}
}

func advised(p *audit.Policy) audit.Finding {
	return audit.Finding{Policy: p.ID, Subject: crm.Ref{Kind: crm.KindPipeline}, Fix: &audit.Fix{Kind: audit.FixAdvice}}
}

// planned are the steps that a plan has for one finding, over a connection that can only read.
func planned(t *testing.T, words *text.Words, f audit.Finding) []remedy.Step {
	t.Helper()
	f.Lead, f.Owner = true, "1"
	p, err := remedy.NewPlan(t.Context(), remedy.Input{
		Result: &audit.Result{Portal: "acme", Complete: true, AsOf: 1, Findings: []audit.Finding{f}},
		Schema: crm.Schema{Users: []crm.User{{ID: "1", Active: true}}, UsersKnown: true}, Store: empty{}, Words: words,
		Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Options: remedy.Options{Who: "ann", FallbackOwner: "1"},
	})
	if err != nil {
		t.Fatalf("%s: %v", f.Policy, err)
	}
	for _, s := range p.Steps {
		if s.State != remedy.Manual || s.Summary == "" || s.Edit.Op != "" && s.Why == "" {
			t.Errorf("%s: a step that is %s: %q, %q", f.Policy, s.State, s.Summary, s.Why)
		}
	}
	return p.Steps
}

// empty is a store in which nothing ever was.
type empty struct{}

func (empty) Steps(context.Context, remedy.Filter) ([]remedy.Step, error) { return nil, nil }

func (empty) Episodes(context.Context, string) (map[string]int, error) { return map[string]int{}, nil }

func (empty) SavePlan(context.Context, remedy.Plan) error { return nil }

func (empty) Record(context.Context, []remedy.Change) error { return nil }
