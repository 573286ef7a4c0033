package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// scripted is a policy that does what a test says.
type scripted struct{ do func(p *audit.Pass) }

func (s scripted) Check(p *audit.Pass) { s.do(p) }

// limited finds every open deal that is older than its limit.
type limited struct {
	Limit audit.Days `yaml:"limit"`
}

func (l limited) Check(p *audit.Pass) {
	for r := range p.Open() {
		switch {
		case !r.Known.Has(crm.FactCreated):
			p.Unknown(r, audit.NeedCreated, "its creation date is not known")
		case p.Now.Days(r.Created) > l.Limit.Float():
			p.Found(r, audit.Found{Facts: audit.Facts{"limit_days": l.Limit.Float()}, Since: r.Created.Add(l.Limit.Duration())})
		default:
			p.OK(r)
		}
	}
}

func old(id string) *audit.Policy {
	return audit.Define(audit.Meta{ID: id, Family: audit.FamilyActivity, Rank: 1, Severity: audit.High, Subject: crm.KindDeal},
		limited{Limit: audit.Days(30 * day)})
}

func TestNarrowestScopeWins(t *testing.T) {
	snap := snapshot(t, schema(pipeline("a", 3), pipeline("b", 2)),
		history("1", "a", move("s0", 20)), history("2", "a", move("s1", 20)), history("3", "a", move("s2", 20)), history("4", "b", move("s0", 20)),
		history("5", "b", move("s1", 45)))
	policy := old("old")
	limit := func(days float64) limited { return limited{audit.Days(days * float64(day))} }
	r := mustRun(t, snap, nil,
		audit.Check{Policy: policy, Settings: limit(30)},
		audit.Check{Policy: policy, Settings: limit(10), Pipeline: "Pipeline a", Severity: audit.Low},
		audit.Check{Policy: policy, Settings: limit(25), Pipeline: "a", Stage: "Stage 1"},
		audit.Check{Policy: policy, Settings: limit(1), Pipeline: "nowhere"},
		audit.Check{Policy: policy, Off: true, Pipeline: "a", Stage: "s2"})
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Subject.ID+" "+f.Severity.String())
	}
	if diff := cmp.Diff([]string{"1 low", "5 high"}, got); diff != "" {
		t.Error(diff)
	}
	if want := (audit.Judged{Judged: 4, Passed: 2}); r.Judged["old"] != want {
		t.Errorf("judged %+v, want %+v: the switched-off stage is not listed", r.Judged["old"], want)
	}
}

func TestFindingCarriesNames(t *testing.T) {
	d := history("7/8", "a", move("s1", 40))
	d.Amount = 12_0000
	r := mustRun(t, snapshot(t, schema(pipeline("a", 2)), d), nil, audit.Check{Policy: old("old"), Mode: audit.ModePropose})
	f := r.Findings[0]
	want := audit.Finding{
		ID: audit.FindingID("old", crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: "7/8"}, ""), Policy: "old", Severity: audit.High,
		Subject: crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: "7/8"}, Facts: audit.Facts{"limit_days": 30.0}, Settings: audit.Settings{"limit": {Value: "30d", From: "default"}},
		Value: crm.Money{Amount: 12_0000, Currency: "EUR"}, Since: ago(10), Family: audit.FamilyActivity, Case: f.Case, Lead: true,
		Name: "Deal 7/8", URL: "https://crm.example/deal/7%2F8", Pipeline: "a", Stage: "s1", Owner: "u1",
		PipelineName: "Pipeline a", StageName: "Stage 1", OwnerName: "Ada",
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	if len(f.ID) != 16 || len(f.Case) != 16 {
		t.Errorf("id %q and case %q should be 16 digits", f.ID, f.Case)
	}
}

func TestBugsOfPolicies(t *testing.T) {
	deal := func(p *audit.Pass) crm.Row { return p.Snap.Deal(0) }
	for name, do := range map[string]func(p *audit.Pass){
		"boom":                     func(*audit.Pass) { panic("boom") },
		"reports twice":            func(p *audit.Pass) { p.OK(deal(p)); p.OK(deal(p)) },
		"reports twice on deal 1":  func(p *audit.Pass) { p.OK(deal(p)); p.Found(deal(p), audit.Found{Key: "x"}) },
		"twice on deal":            func(p *audit.Pass) { p.Found(deal(p), audit.Found{}); p.Unknown(deal(p), audit.NeedOwners, "") },
		"twice on deal 1":          func(p *audit.Pass) { p.Found(deal(p), audit.Found{}); p.Found(deal(p), audit.Found{}) },
		"fact n_count is a int":    func(p *audit.Pass) { p.Found(deal(p), audit.Found{Facts: audit.Facts{"n_count": 3}}) },
		"Meta.After does not name": func(p *audit.Pass) { p.Flagged("other", crm.KindDeal, 0) },
	} {
		policy := audit.Define(audit.Meta{ID: "buggy", Subject: crm.KindDeal}, scripted{do})
		snap := snapshot(t, schema(pipeline("a", 2)), history("1", "a", move("s0", 1)))
		_, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: now(), Checks: []audit.Check{{Policy: policy}}})
		if err == nil || !strings.Contains(err.Error(), "policy buggy") || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v should name the policy and say %q", err, name)
		}
	}
}

func TestSecondFindingWithAnotherKey(t *testing.T) {
	policy := audit.Define(audit.Meta{ID: "two", Subject: crm.KindDeal, Severity: audit.Low}, scripted{func(p *audit.Pass) {
		for r := range p.Open() {
			p.Found(r, audit.Found{Key: "a"})
			p.Found(r, audit.Found{Key: "b"})
		}
	}})
	r := mustRun(t, snapshot(t, schema(pipeline("a", 2)), history("1", "a", move("s0", 1))), nil, audit.Check{Policy: policy})
	if len(r.Findings) != 2 || r.Judged["two"] != (audit.Judged{Judged: 1}) {
		t.Errorf("findings %d, judged %+v; want 2 findings on one judged record", len(r.Findings), r.Judged["two"])
	}
}

func TestInvalidChecks(t *testing.T) {
	snap := snapshot(t, schema(pipeline("a", 2)))
	policy := old("old")
	for want, checks := range map[string][]audit.Check{
		"has no policy":     {{}},
		"without its pipel": {{Policy: policy, Stage: "s0"}},
		"one scope":         {{Policy: policy, Pipeline: "a"}, {Policy: policy, Pipeline: "a"}},
		"have the id old":   {{Policy: policy}, {Policy: old("old"), Pipeline: "a"}},
	} {
		_, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: now(), Checks: checks})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func TestPoliciesAboutSetupKeepToTheirScope(t *testing.T) {
	snap := snapshot(t, schema(pipeline("a", 3), pipeline("b", 2)))
	var seen []string
	stages := audit.Define(audit.Meta{ID: "stages", Subject: crm.KindStage, Family: audit.FamilySetup}, scripted{func(p *audit.Pass) {
		for pl := range p.Pipelines() {
			for s := range p.OpenStages(pl) {
				seen = append(seen, p.Snap.Schema.Pipelines[pl].ID+"/"+p.Snap.Stage(s).ID)
				p.OKAt(crm.KindStage, s)
			}
		}
	}})
	account := audit.Define(audit.Meta{ID: "account", Subject: crm.KindPortal, Family: audit.FamilySetup}, scripted{func(p *audit.Pass) {
		p.FoundAt(crm.KindPortal, 0, audit.Found{Severity: audit.High})
	}})
	r := mustRun(t, snap, nil, audit.Check{Policy: stages}, audit.Check{Policy: stages, Pipeline: "a", Stage: "s1"},
		audit.Check{Policy: account}, audit.Check{Policy: account, Pipeline: "a"})
	slices.Sort(seen)
	if diff := cmp.Diff([]string{"a/s0", "a/s1", "a/s2", "b/s0", "b/s1"}, seen); diff != "" {
		t.Error(diff)
	}
	if r.Judged["stages"].Passed != 5 || len(r.Findings) != 1 || r.Findings[0].Subject.ID != "acme" || !r.Findings[0].Lead {
		t.Errorf("judged %+v, findings %+v", r.Judged, r.Findings)
	}
}

func TestFlaggedRunsInOrderAndIgnoresOffAndWaived(t *testing.T) {
	snap := snapshot(t, schema(pipeline("a", 3)), history("1", "a", move("s0", 1)))
	first := audit.Define(audit.Meta{ID: "first", Subject: crm.KindStage}, scripted{func(p *audit.Pass) {
		p.FoundAt(crm.KindStage, 1, audit.Found{Severity: audit.Medium})
		p.FoundAt(crm.KindStage, 1, audit.Found{Key: "worse", Severity: audit.High})
		p.FoundAt(crm.KindStage, 1, audit.Found{Key: "better", Severity: audit.Low})
	}})
	var flagged []bool
	var gravest []audit.Severity
	second := audit.Define(audit.Meta{ID: "second", Subject: crm.KindDeal, After: []string{"first"}}, scripted{func(p *audit.Pass) {
		for s := range int32(3) {
			flagged = append(flagged, p.Flagged("first", crm.KindStage, s))
			gravest = append(gravest, p.Gravest("first", crm.KindStage, s))
		}
	}})
	r := mustRun(t, snap, nil, audit.Check{Policy: second}, audit.Check{Policy: first, Off: true})
	if !slices.Equal(flagged, []bool{false, true, false}) {
		t.Errorf("flagged %v, want only the middle stage", flagged)
	}
	if !slices.Equal(gravest, []audit.Severity{audit.NoSeverity, audit.High, audit.NoSeverity}) {
		t.Errorf("the gravest are %v, want high for the middle stage alone", gravest)
	}
	if len(r.Findings) != 0 || r.PoliciesOff != 1 {
		t.Errorf("findings %v and %d policies off; want none and 1", r.Findings, r.PoliciesOff)
	}
	if _, ok := r.Judged["first"]; ok {
		t.Error("a switched-off policy is listed as judged")
	}
}

func TestWaiversAndCases(t *testing.T) {
	snap := snapshot(t, schema(pipeline("a", 2)), history("1", "a", move("s0", 40)))
	minor := audit.Define(audit.Meta{ID: "minor", Subject: crm.KindDeal, Family: audit.FamilyActivity, Rank: 5, Severity: audit.Low},
		limited{audit.Days(day)})
	checks := []audit.Check{{Policy: minor}, {Policy: old("major")}}
	leads := func(waivers ...audit.Waiver) (lead string, waived int) {
		for _, f := range mustRun(t, snap, waivers, checks...).Findings {
			if f.Lead {
				lead += f.Policy
			}
			if f.Waived != nil {
				waived++
			}
		}
		return lead, waived
	}
	id := audit.FindingID("major", crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: "1"}, "")
	for name, c := range map[string]struct {
		waivers []audit.Waiver
		lead    string
		waived  int
	}{
		"none":         {nil, "major", 0},
		"valid":        {[]audit.Waiver{{Finding: id, Until: now() + 1}}, "minor", 1},
		"expired":      {[]audit.Waiver{{Finding: id, Until: now()}}, "major", 0},
		"without date": {[]audit.Waiver{{Finding: id}}, "major", 0},
	} {
		if lead, waived := leads(c.waivers...); lead != c.lead || waived != c.waived {
			t.Errorf("%s: lead %s, %d waived; want %s, %d", name, lead, waived, c.lead, c.waived)
		}
	}
}

func TestMissingNeedsSayWhyOnce(t *testing.T) {
	blank := crm.Deal{ID: "1", Pipeline: "a", Stage: "s0"}
	s := schema(pipeline("a", 2))
	r := mustRun(t, snapshot(t, s, blank), nil, audit.Check{Policy: old("one")}, audit.Check{Policy: old("two")})
	want := []audit.MissingNeed{{Need: audit.NeedCreated, Policies: []string{"one", "two"}, Records: 1, Why: "its creation date is not known", Cure: "fill in the creation date"}}
	if diff := cmp.Diff(want, r.MissingNeeds); diff != "" {
		t.Error(diff)
	}
	s.Unknown = []crm.MissingFact{
		{Fact: crm.FactOwner, Why: "something else", Cure: "something else"},
		{Fact: crm.FactCreated, Why: "the file has no column for it", Cure: "--map created=…"},
	}
	r = mustRun(t, snapshot(t, s, blank), nil, audit.Check{Policy: old("one")})
	if m := r.MissingNeeds[0]; m.Why != "the file has no column for it" || m.Cure != "--map created=…" {
		t.Errorf("why %q, cure %q; want the portal's own words", m.Why, m.Cure)
	}
}

func TestEmptyPortal(t *testing.T) {
	r := mustRun(t, snapshot(t, crm.Schema{}), nil, audit.Check{Policy: old("old")}, audit.Check{Policy: setupPolicy("account", crm.KindPortal, audit.High)})
	if r.Score != nil || len(r.Pipelines) != 0 || len(r.Findings) != 1 || !r.Complete {
		t.Errorf("score %s, %d pipelines, %d findings", show(r.Score), len(r.Pipelines), len(r.Findings))
	}
}

func TestStagesOfOneIDAreToldApart(t *testing.T) {
	a, b := pipeline("a", 2), pipeline("b", 1)
	a.Stages[1].ID = "own"
	policy := audit.Define(audit.Meta{ID: "every", Subject: crm.KindStage, Severity: audit.Low}, scripted{func(p *audit.Pass) {
		for pl := range p.Pipelines() {
			for s := range p.OpenStages(pl) {
				p.FoundAt(crm.KindStage, s, audit.Found{})
			}
		}
	}})
	var got []string
	for _, f := range mustRun(t, snapshot(t, schema(a, b)), nil, audit.Check{Policy: policy}).Findings {
		got = append(got, f.Subject.ID+" in "+f.PipelineName+", "+f.Stage)
	}
	if diff := cmp.Diff([]string{"a/s0 in Pipeline a, s0", "b/s0 in Pipeline b, s0", "own in Pipeline a, own"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := audit.Run(ctx, audit.Input{Snapshot: snapshot(t, schema(pipeline("a", 1))), Now: now(), Checks: []audit.Check{{Policy: old("old")}}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestPoliciesCannotWaitForEachOther(t *testing.T) {
	mutual := func(id, after string) *audit.Policy {
		return audit.Define(audit.Meta{ID: id, After: []string{after}}, scripted{func(*audit.Pass) {}})
	}
	_, err := audit.Run(t.Context(), audit.Input{Snapshot: snapshot(t, schema(pipeline("a", 1))), Now: now(),
		Checks: []audit.Check{{Policy: mutual("hen", "egg")}, {Policy: mutual("egg", "hen")}}})
	if err == nil || !strings.Contains(err.Error(), "hen") {
		t.Errorf("error %v should name a policy of the circle", err)
	}
}

func TestMomentsCarryTheAccountsOffset(t *testing.T) {
	s := schema(pipeline("a", 2))
	s.Zone = "Europe/Paris"
	at := crm.At(time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)) // the first instant of 3 March in Paris
	policy := audit.Define(audit.Meta{ID: "dated", Subject: crm.KindDeal, Severity: audit.Low}, scripted{func(p *audit.Pass) {
		for r := range p.Open() {
			p.Found(r, audit.Found{Facts: audit.Facts{"entered_at": at.String(), "close_on": "2026-03-03", "stage": "look_at"}})
		}
	}})
	r := mustRun(t, snapshot(t, s, history("1", "a", move("s0", 1))), nil, audit.Check{Policy: policy})
	want := audit.Facts{"entered_at": "2026-03-03T00:00:00+01:00", "close_on": "2026-03-03", "stage": "look_at"}
	if diff := cmp.Diff(want, r.Findings[0].Facts); diff != "" {
		t.Error(diff)
	}
}

// Where history is read deal by deal, it is said how far that has come.
func TestHistoryOnItsWayIsSaid(t *testing.T) {
	dark := audit.Define(audit.Meta{ID: "dark", Title: "Dark", Family: audit.FamilyActivity, Subject: crm.KindDeal, Facts: crm.FactHistory, Severity: audit.High},
		scripted{func(p *audit.Pass) {
			for r := range p.Open() {
				if _, ok := p.Visits(r); ok {
					p.OK(r)
				} else {
					p.Unknown(r, audit.NeedHistory, "its history is not known")
				}
			}
		}})
	s := schema(pipeline("a", 2))
	var deals []crm.Deal
	for i := range 1240 {
		deals = append(deals, history(fmt.Sprint("known", i), "a", crm.StageMove{Stage: "s0", At: now() - 5}))
	}
	deals = append(deals, crm.Deal{ID: "1", Pipeline: "a", Stage: "s0"})
	why := func() string {
		m := mustRun(t, snapshot(t, s, deals...), nil, audit.Check{Policy: dark}).MissingNeeds
		if len(m) != 1 || m[0].Cure == "" || m[0].Records != 1 {
			t.Fatalf("missing needs %+v", m)
		}
		return m[0].Why
	}
	if got := why(); got != "its history is not known" {
		t.Errorf("history that comes with the pull: %s", got)
	}
	s.HistoryByDeal = true
	if got := why(); got != "history known for 1,240 of 1,241 deals: these policies cannot judge the rest" {
		t.Errorf("history that is read deal by deal: %s", got)
	}
}
