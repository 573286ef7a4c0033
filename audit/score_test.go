package audit_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// listed is a policy that finds, or cannot judge, the deals whose numbers it lists, and passes the others.
type listed struct {
	find map[int]audit.Severity
	dark map[int]bool
	lost bool
}

func (l listed) Check(p *audit.Pass) {
	deals := p.Open()
	if l.lost {
		deals = p.Lost()
	}
	for r := range deals {
		var n int
		_, _ = fmt.Sscanf(p.Snap.ID(r.Index), "%d", &n)
		switch s, found := l.find[n]; {
		case l.dark[n]:
			p.Unknown(r, audit.NeedHistory, "its history is not known")
		case found:
			p.Found(r, audit.Found{Severity: s})
		default:
			p.OK(r)
		}
	}
}

// first finds a severity in the first n of deals, beginning at a number.
func first(from, n int, s audit.Severity) map[int]audit.Severity {
	out := map[int]audit.Severity{}
	for i := range n {
		out[from+i] = s
	}
	return out
}

func dealPolicy(id string, family audit.Family, rank int, l listed) *audit.Policy {
	return audit.Define(audit.Meta{ID: id, Family: family, Rank: rank, Severity: audit.High, Subject: crm.KindDeal}, l)
}

func setupPolicy(id string, subject crm.Kind, s audit.Severity) *audit.Policy {
	return audit.Define(audit.Meta{ID: id, Family: audit.FamilySetup, Severity: s, Subject: subject}, scripted{func(p *audit.Pass) {
		p.FoundAt(subject, 0, audit.Found{Severity: s})
	}})
}

// worked is the worked example of the score: 40 open deals, 10 lost, one pipeline.
func worked(t *testing.T) (*crm.Snapshot, []audit.Check) {
	t.Helper()
	var deals []crm.Deal
	for i := range 50 {
		d := history(fmt.Sprintf("%02d", i), "a", move("s0", 40))
		if i >= 40 {
			d = history(fmt.Sprintf("%02d", i), "a", move("s0", 40), move("lost", 10))
		}
		deals = append(deals, d)
	}
	pastDates := first(0, 6, audit.High)
	return snapshot(t, schema(pipeline("a", 9)), deals...), checksOf(
		dealPolicy("stale-in-stage", audit.FamilyActivity, 2, listed{find: first(0, 10, audit.High)}),
		dealPolicy("no-next-activity", audit.FamilyActivity, 5, listed{find: first(10, 10, audit.Medium)}),
		dealPolicy("close-date-past", audit.FamilyForecast, 1, listed{find: pastDates}),
		dealPolicy("amount-missing", audit.FamilyForecast, 6, listed{find: first(6, 2, audit.Medium)}),
		dealPolicy("owner-missing", audit.FamilyRecord, 1, listed{}),
		dealPolicy("lost-reason-missing", audit.FamilyLosses, 1, listed{find: first(40, 5, audit.High), lost: true}),
		setupPolicy("too-many-stages", crm.KindPipeline, audit.Medium),
		setupPolicy("lost-reason-free-text", crm.KindPortal, audit.High),
	)
}

func checksOf(policies ...*audit.Policy) []audit.Check {
	var out []audit.Check
	for _, p := range policies {
		out = append(out, audit.Check{Policy: p})
	}
	return out
}

func near(x *float64, want float64) bool { return x != nil && math.Abs(*x-want) < 0.05 }

func show(x *float64) string {
	if x == nil {
		return "none"
	}
	return fmt.Sprintf("%.2f", *x)
}

func TestWorkedExample(t *testing.T) {
	snap, checks := worked(t)
	r := mustRun(t, snap, nil, checks...)
	if !near(r.Score, 78.9) || r.Grade != "C" {
		t.Errorf("score %s %s, want 78.9 C", show(r.Score), r.Grade)
	}
	for i, want := range []audit.ScorePart{
		{Family: "activity", Points: 25, Lost: 7.5, Judged: 40}, {Family: "forecast", Points: 20, Lost: 2.8, Judged: 40}, {Family: "record", Points: 15, Judged: 40},
		{Family: "losses", Points: 15, Lost: 6, Judged: 10}, {Family: "setup", Points: 15, Lost: 2.7, Judged: 2},
	} {
		got := r.ScoreParts[i]
		sum := 0.0
		for _, lost := range got.Policies {
			sum += lost
		}
		if got.Family != want.Family || got.Points != want.Points || got.Judged != want.Judged || math.Abs(got.Lost-want.Lost) > 1e-9 || math.Abs(sum-got.Lost) > 1e-9 {
			t.Errorf("part %+v, want %+v with every lost point attributed", got, want)
		}
	}
	var waivers []audit.Waiver
	for _, f := range r.Findings {
		if f.Policy == "lost-reason-missing" {
			waivers = append(waivers, audit.Waiver{Finding: f.ID, Reason: "old", Author: "Ada", Until: now() + 1})
		}
	}
	if r := mustRun(t, snap, waivers, checks...); !near(r.Score, 85.6) || r.Grade != "B" {
		t.Errorf("with the losses waived: %s, want 85.6", show(r.Score))
	}
	clean := append(checks, checksOf(dealPolicy("stage-skipped", audit.FamilyPath, 1, listed{}))...)
	if r := mustRun(t, snap, nil, clean...); !near(r.Score, 81.0) {
		t.Errorf("with a clean path: %s, want 81.0", show(r.Score))
	}
}

func TestSwitchedOffPoliciesAreCountedAndWorth(t *testing.T) {
	snap, checks := worked(t)
	on := mustRun(t, snap, nil, checks...)
	checks[5].Off = true
	off := mustRun(t, snap, nil, checks...)
	if off.PoliciesOff != 1 || math.Abs(*off.Score-*on.Score-off.PointsOff) > 1e-9 || off.PointsOff < 6 {
		t.Errorf("%d policies off, worth %.2f; want 1 worth %.2f", off.PoliciesOff, off.PointsOff, *off.Score-*on.Score)
	}
}

func TestNoScore(t *testing.T) {
	snap, checks := worked(t)
	if r := mustRun(t, snap, nil, checks[:2]...); r.Score != nil || r.Grade != "" || len(r.ScoreParts) != 1 {
		t.Errorf("score %s of 25 points only; want none", show(r.Score))
	}
	var few []crm.Deal
	for i := range 9 {
		few = append(few, history(fmt.Sprint(i), "a", move("s0", 40)))
	}
	if r := mustRun(t, snapshot(t, schema(pipeline("a", 3)), few...), nil, checks...); r.Score != nil {
		t.Errorf("score %s of 9 open deals; want none", show(r.Score))
	}
	b := crm.NewBuilder("acme", "csv", snap.Schema)
	for i := range int32(snap.Len()) {
		if err := b.Add(snap.Export(i)); err != nil {
			t.Fatal(err)
		}
	}
	gap := crm.Gap{Object: "deals", Why: "the portal stopped answering"}
	r := mustRun(t, b.Build(now(), crm.AllFacts, crm.Completeness{Gaps: []crm.Gap{gap}}), nil, checks...)
	if r.Score != nil || r.Complete || len(r.Incomplete) != 1 {
		t.Errorf("score %s after an incomplete pull; want none", show(r.Score))
	}
}

func TestValueAtRiskCountsADealOnce(t *testing.T) {
	var deals []crm.Deal
	for i, amount := range []crm.Amount{100_0000, 10_0000, 1_0000, 5_0000} {
		d := history(fmt.Sprint(i), "a", move("s1", 40)) // the second of three stages: 0.5
		d.Amount = amount
		if i == 3 {
			d.Currency = "USD"
		}
		deals = append(deals, d)
	}
	r := mustRun(t, snapshot(t, schema(pipeline("a", 3)), deals...), nil, checksOf(
		dealPolicy("one", audit.FamilyActivity, 1, listed{find: map[int]audit.Severity{0: audit.High, 1: audit.Medium, 3: audit.Critical}}),
		dealPolicy("two", audit.FamilyForecast, 1, listed{find: map[int]audit.Severity{0: audit.Critical}}))...)
	want := []crm.Money{{Amount: 100_0000, Currency: "EUR"}, {Amount: 5_0000, Currency: "USD"}}
	if !slices.Equal(r.ValueAtRisk, want) {
		t.Errorf("at risk %v, want %v", r.ValueAtRisk, want)
	}
	half := []crm.Money{{Amount: 50_0000, Currency: "EUR"}, {Amount: 2_5000, Currency: "USD"}}
	if !slices.Equal(r.ValueAtRiskExp, half) {
		t.Errorf("weighted %v, want %v", r.ValueAtRiskExp, half)
	}
}

// portalDraw is a random portal with deal policies of every family and some of the set-up.
type portalDraw struct {
	snap     *crm.Snapshot
	policies []listed
	setup    []audit.Severity
}

func drawPortal(t *rapid.T, tb testing.TB) portalDraw {
	n := rapid.IntRange(10, 40).Draw(t, "deals")
	var deals []crm.Deal
	for i := range n {
		d := history(fmt.Sprintf("%02d", i), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "pipeline"), move("s0", 40))
		if i >= 10 && rapid.Bool().Draw(t, "lost") {
			d = history(d.ID, d.Pipeline, move("s0", 40), move("lost", 5))
		}
		deals = append(deals, d)
	}
	out := portalDraw{snap: snapshot(tb, schema(pipeline("a", 3), pipeline("b", 2)), deals...)}
	severity := rapid.SampledFrom([]audit.Severity{audit.Info, audit.Low, audit.Medium, audit.High, audit.Critical})
	for range 6 {
		out.policies = append(out.policies, listed{
			find: rapid.MapOfN(rapid.IntRange(0, n-1), severity, 0, 12).Draw(t, "found"),
			dark: rapid.MapOfN(rapid.IntRange(0, n-1), rapid.Just(true), 0, 12).Draw(t, "unknown"),
		})
	}
	out.setup = rapid.SliceOfN(severity, 0, 5).Draw(t, "setup")
	return out
}

func (d portalDraw) checks() []audit.Check {
	families := []audit.Family{audit.FamilyActivity, audit.FamilyForecast, audit.FamilyRecord, audit.FamilyPath, audit.FamilyLosses, audit.FamilyActivity}
	var out []audit.Check
	for i, l := range d.policies {
		l.lost = families[i] == audit.FamilyLosses
		out = append(out, audit.Check{Policy: dealPolicy(fmt.Sprint("deal-", i), families[i], i+1, l)})
	}
	for i, s := range d.setup {
		kind := []crm.Kind{crm.KindPipeline, crm.KindPortal, crm.KindStage}[i%3]
		out = append(out, audit.Check{Policy: setupPolicy(fmt.Sprint("setup-", i), kind, s)})
	}
	return out
}

// TestScorePromises holds the score to what practices.md promises of it.
func TestScorePromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := drawPortal(rt, t)
		checks := d.checks()
		before := mustRun(t, d.snap, nil, checks...)
		notHigher := func(what string, checks []audit.Check) {
			after := mustRun(t, d.snap, nil, checks...)
			if before.Score != nil && after.Score != nil && *after.Score > *before.Score+1e-9 {
				rt.Fatalf("%s raised the score from %s to %s", what, show(before.Score), show(after.Score))
			}
		}
		i, deal := rapid.IntRange(0, 5).Draw(rt, "policy"), rapid.IntRange(0, d.snap.Len()-1).Draw(rt, "deal")
		if _, found := d.policies[i].find[deal]; !found && !d.policies[i].dark[deal] {
			d.policies[i].find[deal] = audit.Low
			notHigher("one more finding", d.checks())
			delete(d.policies[i].find, deal)
			d.policies[i].dark[deal] = true
			notHigher("a pass turned into an unknown", d.checks())
			delete(d.policies[i].dark, deal)
		}
		d.setup = append(d.setup, audit.Low)
		if len(d.setup) > 1 {
			notHigher("one more finding of the set-up", d.checks())
		}

		var waivers []audit.Waiver
		for _, f := range before.Findings {
			if rapid.Bool().Draw(rt, "waive") {
				waivers = append(waivers, audit.Waiver{Finding: f.ID, Until: now() + 1})
			}
		}
		for k := range checks {
			checks[k].Off = rapid.IntRange(0, 3).Draw(rt, "off") == 0
		}
		after := mustRun(t, d.snap, waivers, checks...)
		if (before.Score == nil) != (after.Score == nil) || before.Score != nil && *after.Score < *before.Score-1e-9 {
			rt.Fatalf("waiving %d and switching off lowered the score from %s to %s", len(waivers), show(before.Score), show(after.Score))
		}
		if after.Score != nil && (*after.Score < 0 || *after.Score > 100) {
			rt.Fatalf("score %s", show(after.Score))
		}
	})
}
