package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

// finding is one of a deal, by a policy.
func finding(policy, deal string, facts audit.Facts) audit.Finding {
	subject := crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: deal}
	return audit.Finding{
		ID: audit.FindingID(policy, subject, ""), Policy: policy, Severity: audit.High, Subject: subject, Facts: facts,
		Value: crm.Money{Amount: 12_500_000, Currency: "EUR"}, Family: audit.FamilyActivity, Case: "c" + deal, Lead: true,
		Fix:  &audit.Fix{Kind: audit.FixTask, Edits: []crm.Edit{{Target: crm.Ref{Kind: crm.KindTask}, Op: crm.OpAddTask, Before: crm.Fields{}, After: crm.Fields{"deal": deal}}}, Mode: audit.ModePropose},
		Name: "Deal " + deal, Pipeline: "p", Stage: "s", Owner: "u1", PipelineName: "Sales", StageName: "New", OwnerName: "Ada",
	}
}

// result is an audit as of a moment with findings in their order.
func result(at time.Time, findings ...audit.Finding) *audit.Result {
	score := 71.4
	r := &audit.Result{
		Portal: "acme", CRM: "hubspot", AsOf: crm.At(at), Complete: true, Incomplete: []crm.Gap{}, Read: map[string]crm.Count{"deals": {Read: 4}}, Score: &score, Grade: "C",
		Judged: map[string]audit.Judged{"stale": {Judged: 4}, "late": {Judged: 4}}, Findings: findings, Unknown: []audit.Unknown{},
		Pipelines: []audit.PipelineStats{{ID: "p", Name: "Sales", WinRate90: &score, N: map[string]int{"win_rate_90d": 3}}},
	}
	if findings == nil {
		r.Findings = []audit.Finding{}
	}
	return r
}

func kept(t rapid.TB, db *DB, f FindingFilter) []KeptFinding {
	t.Helper()
	all, err := db.Findings(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestResultReadsBackTheSame(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		ctx := t.Context()
		if r, err := db.LastResult(ctx, "acme"); r != nil || err != nil {
			t.Fatalf("an empty store gave %v, %v", r, err)
		}
		facts := audit.Facts{"limit_days": 14.0, "entered_at": "2026-11-01T00:00:00Z", "from": "policies", "names": []string{"a", "b"}, "weekend": true}
		first := result(clock.Now(), finding("late", "1", facts), finding("stale", "2", nil))
		ok(t, db.SaveResult(ctx, first))
		clock.Advance(time.Hour)
		want := result(clock.Now(), finding("late", "1", facts), finding("stale", "3", facts))
		want.Findings[0].Settings = audit.Settings{"limit": {Value: "14d", From: "policies"}}
		want.Unknown = []audit.Unknown{{Policy: "late", Subject: crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: "9"}, Need: audit.NeedMail, Why: "no mail"}}
		ok(t, db.SaveResult(ctx, want))
		got, err := db.LastResult(ctx, "acme")
		ok(t, err)
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("result (-want +got):\n%s", d)
		}
		if want.Findings[0].Since != crm.At(testStart) || want.Findings[1].Since != want.AsOf {
			t.Errorf("since %s and %s", want.Findings[0].Since, want.Findings[1].Since)
		}
		all, err := db.LastResults(ctx)
		ok(t, err)
		if len(all) != 1 || all[0].AsOf != want.AsOf {
			t.Errorf("%d results", len(all))
		}
		scores, err := db.Scores(ctx, "acme", 0)
		ok(t, err)
		if len(scores) != 2 || *scores[0].Score != 71.4 || scores[1].At != want.AsOf {
			t.Errorf("scores %+v", scores)
		}
	})
}

func TestFindingsAreIntervals(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		save := func(change func(r *audit.Result), findings ...audit.Finding) crm.Instant {
			clock.Advance(time.Hour)
			r := result(clock.Now(), findings...)
			if change != nil {
				change(r)
			}
			ok(t, db.SaveResult(t.Context(), r))
			return r.AsOf
		}
		f := finding("stale", "1", nil)
		opened := save(nil, f)
		for name, change := range map[string]func(r *audit.Result){
			"an incomplete run": func(r *audit.Result) { r.Complete = false },
			"an unknown fact": func(r *audit.Result) {
				r.Unknown = []audit.Unknown{{Policy: "stale", Subject: f.Subject}}
			},
		} {
			save(change)
			if got := kept(t, db, FindingFilter{}); len(got) != 1 || got[0].State != FindingOpen {
				t.Fatalf("%s resolved a finding", name)
			}
			if r, err := db.LastResult(t.Context(), "acme"); err != nil || len(r.Findings) != 0 {
				t.Errorf("%s: the result has got findings that it did not have", name)
			}
			if open, err := db.OpenFindings(t.Context(), "acme"); err != nil || !open[f.ID] || len(open) != 1 {
				t.Errorf("%s: open are %v, %v", name, open, err)
			}
		}
		resolved := save(nil)
		want := KeptFinding{Finding: f, State: FindingResolved, Opened: opened, Resolved: resolved}
		want.Since = opened
		if open, err := db.OpenFindings(t.Context(), "acme"); err != nil || len(open) != 0 {
			t.Errorf("open are %v, %v", open, err)
		}
		if d := cmp.Diff([]KeptFinding{want}, kept(t, db, FindingFilter{State: FindingResolved})); d != "" {
			t.Errorf("resolved (-want +got):\n%s", d)
		}
		again := save(nil, f)
		got := kept(t, db, FindingFilter{})
		if len(got) != 1 || got[0].Opened != again || got[0].Since != again || len(kept(t, db, FindingFilter{State: FindingResolved})) != 1 {
			t.Errorf("reopened %+v", got)
		}
		given := f
		given.Since = crm.At(testStart.Add(-48 * time.Hour))
		save(nil, given)
		if got := kept(t, db, FindingFilter{}); got[0].Since != given.Since || got[0].Opened != again {
			t.Errorf("where the policy tells since when, it is %s", got[0].Since)
		}
		save(func(r *audit.Result) { delete(r.Judged, "stale") })
		if got := kept(t, db, FindingFilter{}); len(got) != 0 {
			t.Error("a policy was switched off, and its finding stays")
		}
	})
}

// TestFindingsAreWrittenOnlyWhenTheyChange counts the rows written, which SQLite tells.
func TestFindingsAreWrittenOnlyWhenTheyChange(t *testing.T) {
	db := openTest(t, storetest.SQLiteURL(t), &testClock{now: testStart})
	changes := func() int64 {
		n, err := scanAll(t.Context(), db.writer, scanInt, `SELECT total_changes()`)
		ok(t, err)
		return n[0]
	}
	all := make([]audit.Finding, 100)
	for i := range all {
		all[i] = finding("stale", fmt.Sprint(1000+i), audit.Facts{"limit_days": 14.0, "entered_at": "2026-11-01T00:00:00Z"})
	}
	at := testStart
	save := func() int64 {
		at = at.Add(time.Hour)
		before := changes()
		ok(t, db.SaveResult(t.Context(), result(at, append([]audit.Finding(nil), all...)...)))
		return changes() - before - 2 // the result itself, and the one before
	}
	save()
	if n := save(); n != 0 {
		t.Errorf("%d writes although nothing changed", n)
	}
	all[3].Severity = audit.Critical
	all[4].Facts = audit.Facts{"limit_days": 15.0, "entered_at": "2026-11-01T00:00:00Z"}
	all[5].Value.Amount++
	all[6].StageName = "Renamed"
	all[7].Settings = audit.Settings{"limit": {Value: "14d", From: "portal acme"}}
	if n := save(); n != 5 {
		t.Errorf("%d writes for five changes", n)
	}
	all[7].Settings = audit.Settings{"limit": {Value: "14d", From: "policies"}}
	if n := save(); n != 1 {
		t.Errorf("%d writes where one setting comes from elsewhere now", n)
	}
	got := kept(t, db, FindingFilter{})
	if got[0].Severity != audit.Critical || len(got) != 100 || got[0].Opened != crm.At(testStart.Add(time.Hour)) {
		t.Errorf("first %+v", got[0])
	}
}

func TestFindingFilters(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		low, waived, other := finding("stale", "2", nil), finding("late", "3", nil), finding("stale", "4", nil)
		low.Severity, low.Owner, low.OwnerName = audit.Low, "u2", "Brian"
		waived.Waived = &audit.Waiver{Finding: waived.ID, Reason: "agreed", Until: crm.At(testStart.Add(time.Hour))}
		waived.Stage, waived.StageName = "s2", "Offer"
		other.Pipeline, other.PipelineName = "p2", "Renewals"
		ok(t, db.SaveResult(t.Context(), result(testStart, waived, finding("stale", "1", nil), low, other)))
		elsewhere := finding("stale", "5", nil)
		elsewhere.Subject.Portal = "beta"
		elsewhere.ID = audit.FindingID("stale", elsewhere.Subject, "")
		r := result(testStart, elsewhere)
		r.Portal = "beta"
		ok(t, db.SaveResult(t.Context(), r))
		for name, c := range map[string]struct {
			filter FindingFilter
			want   string
		}{
			"all":      {FindingFilter{}, "acme/1 acme/2 acme/3 acme/4 beta/5"},
			"portal":   {FindingFilter{Portals: []string{"beta", "gamma"}}, "beta/5"},
			"policy":   {FindingFilter{Policy: "late"}, "acme/3"},
			"severity": {FindingFilter{Severity: audit.Low}, "acme/2"},
			"open":     {FindingFilter{State: FindingOpen}, "acme/1 acme/2 acme/4 beta/5"},
			"waived":   {FindingFilter{State: FindingWaived}, "acme/3"},
			"resolved": {FindingFilter{State: FindingResolved}, ""},
			"pipeline": {FindingFilter{Pipeline: "renewals"}, "acme/4"},
			"stage":    {FindingFilter{Stage: "S2", Portals: []string{"acme"}}, "acme/3"},
			"owner":    {FindingFilter{Owner: "brian", Policy: "stale"}, "acme/2"},
		} {
			var got []string
			for _, f := range kept(t, db, c.filter) {
				got = append(got, f.Subject.Portal+"/"+f.Subject.ID)
			}
			slices.Sort(got)
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("%s: %q, want %q", name, text, c.want)
			}
		}
		if all := kept(t, db, FindingFilter{}); all[3].Severity != audit.Low || all[4].Subject.Portal != "beta" {
			t.Error("not by portal and the gravest first")
		}
		if _, err := db.Findings(t.Context(), FindingFilter{State: "closed"}); err == nil {
			t.Error("a state that there is not was taken")
		}
	})
}

// TestFindingsFollowTheModel compares the kept findings with a plain model over random runs.
func TestFindingsFollowTheModel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		clock := &testClock{now: testStart}
		db := openTest(t, url, clock)
		rapid.Check(t, func(rt *rapid.T) {
			for _, table := range []string{"findings", "results"} {
				if _, err := db.writer.ExecContext(context.Background(), "DELETE FROM "+table); err != nil {
					rt.Fatal(err)
				}
			}
			open, closed := map[string]crm.Instant{}, 0
			for range rapid.IntRange(1, 5).Draw(rt, "runs") {
				clock.Advance(time.Hour)
				r := result(clock.Now())
				r.Complete = rapid.IntRange(0, 3).Draw(rt, "complete") > 0
				for _, deal := range []string{"1", "2", "3"} {
					f := finding("stale", deal, audit.Facts{"limit_days": float64(rapid.IntRange(1, 2).Draw(rt, "limit"))})
					_, was := open[f.ID]
					switch rapid.IntRange(0, 2).Draw(rt, "deal "+deal) {
					case 0:
						r.Findings = append(r.Findings, f)
						if !was {
							open[f.ID] = r.AsOf
						}
					case 1:
						r.Unknown = append(r.Unknown, audit.Unknown{Policy: "stale", Subject: f.Subject})
					default:
						if was && r.Complete {
							delete(open, f.ID)
							closed++
						}
					}
				}
				if err := db.SaveResult(context.Background(), r); err != nil {
					rt.Fatal(err)
				}
				last, err := db.LastResult(context.Background(), "acme")
				if err != nil {
					rt.Fatal(err)
				}
				if d := cmp.Diff(r, last, cmpopts.EquateEmpty()); d != "" {
					rt.Fatalf("result (-want +got):\n%s", d)
				}
			}
			got := map[string]crm.Instant{}
			for _, f := range kept(rt, db, FindingFilter{}) {
				got[f.ID] = f.Since
			}
			if d := cmp.Diff(open, got); d != "" {
				rt.Fatalf("open (-want +got):\n%s", d)
			}
			if n := len(kept(rt, db, FindingFilter{State: FindingResolved})); n != closed {
				rt.Fatalf("%d resolved, want %d", n, closed)
			}
		})
	})
}
