package audit_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// TestScoreGainsAgainstWaiving: a gain is what the score rises by when every finding of the policy is gone.
func TestScoreGainsAgainstWaiving(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := drawPortal(rt, t)
		checks := d.checks()
		var waivers []audit.Waiver
		for _, f := range mustRun(t, d.snap, nil, checks...).Findings {
			if rapid.IntRange(0, 4).Draw(rt, "waive") == 0 {
				waivers = append(waivers, audit.Waiver{Finding: f.ID, Until: now() + 1})
			}
		}
		before := mustRun(t, d.snap, waivers, checks...)
		if before.Score == nil {
			if len(before.ScoreGains) != 0 {
				rt.Fatalf("gains of no score: %v", before.ScoreGains)
			}
			return
		}
		records, last := map[string]map[string]bool{}, math.Inf(1)
		for _, f := range before.Findings {
			if f.Waived == nil {
				if records[f.Policy] == nil {
					records[f.Policy] = map[string]bool{}
				}
				records[f.Policy][f.Subject.ID] = true
			}
		}
		if len(records) != len(before.ScoreGains) {
			rt.Fatalf("%d policies with findings, %d gains", len(records), len(before.ScoreGains))
		}
		for _, g := range before.ScoreGains {
			fixed := waivers
			for _, f := range before.Findings {
				if f.Policy == g.Policy {
					fixed = append(fixed[:len(fixed):len(fixed)], audit.Waiver{Finding: f.ID, Until: now() + 1})
				}
			}
			after := mustRun(t, d.snap, fixed, checks...)
			if math.Abs(*after.Score-*before.Score-g.Gain) > 1e-9 || g.Records != len(records[g.Policy]) || g.Gain > last+1e-12 {
				rt.Fatalf("%+v: without its findings %s instead of %s, on %d records", g, show(after.Score), show(before.Score), len(records[g.Policy]))
			}
			last = g.Gain
		}
	})
}

func TestWorkedExampleGains(t *testing.T) {
	snap, checks := worked(t)
	got := map[string]string{}
	for _, g := range mustRun(t, snap, nil, checks...).ScoreGains {
		got[g.Policy] = fmt.Sprintf("+%.1f for %d", g.Gain, g.Records)
	}
	want := map[string]string{
		"stale-in-stage": "+5.6 for 10", "no-next-activity": "+2.8 for 10", "close-date-past": "+2.7 for 6", "amount-missing": "+0.4 for 2",
		"lost-reason-missing": "+6.7 for 5", "too-many-stages": "+1.3 for 1", "lost-reason-free-text": "+1.7 for 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestMoneyAtStake: a deal counts once in each sum, waived findings in none, and a closed deal has nothing left at stake.
func TestMoneyAtStake(t *testing.T) {
	var deals []crm.Deal
	for i, path := range [][]crm.StageMove{{move("s0", 40)}, {move("s0", 40)}, {move("s0", 40)}, {move("s0", 40), move("lost", 5)}, {move("s0", 40)}} {
		d := history(fmt.Sprint(i), "a", path...)
		d.Amount, d.Currency = crm.Amount(1+i)*10_0000, []string{"EUR", "EUR", "USD", "EUR", "EUR"}[i]
		deals = append(deals, d)
	}
	deals[4].Amount = 0
	twice := audit.Define(audit.Meta{ID: "twice", Family: audit.FamilyForecast, Rank: 1, Severity: audit.Low, Subject: crm.KindDeal}, scripted{func(p *audit.Pass) {
		for r := range p.Open() {
			p.Found(r, audit.Found{Key: "a"})
			if r.Index == 1 {
				p.Found(r, audit.Found{Key: "b", Value: crm.Money{Amount: 25_0000, Currency: "EUR"}})
			}
		}
	}})
	checks := checksOf(twice,
		dealPolicy("stale", audit.FamilyActivity, 1, listed{find: map[int]audit.Severity{0: audit.High, 2: audit.High}}),
		dealPolicy("silent", audit.FamilyActivity, 2, listed{find: map[int]audit.Severity{0: audit.Low}}),
		dealPolicy("reasonless", audit.FamilyLosses, 1, listed{find: map[int]audit.Severity{3: audit.High}, lost: true}))
	snap := snapshot(t, schema(pipeline("a", 3)), deals...)
	var waivers []audit.Waiver
	for _, f := range mustRun(t, snap, nil, checks...).Findings {
		if f.Subject.ID == "2" {
			waivers = append(waivers, audit.Waiver{Finding: f.ID, Until: now() + 1})
		}
	}
	r := mustRun(t, snap, waivers, checks...)
	eur := func(units crm.Amount) []crm.Money { return []crm.Money{{Amount: units * 1_0000, Currency: "EUR"}} }
	want := map[string][]crm.Money{"twice": eur(10 + 25), "stale": eur(10), "silent": eur(10), "reasonless": eur(40)}
	if diff := cmp.Diff(want, r.ValueByPolicy); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(eur(10+25), r.ValueAtStake); diff != "" {
		t.Error(diff)
	}
	cases := []audit.CaseSum{{Family: "activity", Cases: 1, Value: eur(10)}, {Family: "forecast", Cases: 3, Value: eur(10 + 20)}, {Family: "losses", Cases: 1, Value: []crm.Money{}}}
	for i := range r.Findings { // the lead of deal 1 is one of its two findings, which the id decides
		if f := r.Findings[i]; f.Lead && f.Subject.ID == "1" {
			cases[1].Value = eur(10 + f.Value.Amount/1_0000)
		}
	}
	if diff := cmp.Diff(cases, r.Cases); diff != "" {
		t.Error(diff)
	}
}
