package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

func ptr[T any](v T) *T { return &v }

// shown writes results in a format.
func shown(t *testing.T, f Format, list ...Audited) string {
	t.Helper()
	var b bytes.Buffer
	if err := AuditsBeside(&b, f, english(t), Style{}, list...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func mustSay(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
}

// waivedUntil is a waived finding like the result's, of another deal.
func waivedUntil(r *audit.Result, in time.Duration) audit.Finding {
	f := r.Findings[0]
	f.ID, f.Name, f.Lead, f.Case = "11ee", "Waived one", true, "c2"
	f.Subject.ID = "8"
	f.Waived = &audit.Waiver{Finding: f.ID, Reason: "agreed", Author: "ada", Until: r.AsOf.Add(in)}
	return f
}

func TestTablesTellWhatIsBesideAResult(t *testing.T) {
	r := result()
	r.Findings = append(r.Findings, waivedUntil(r, 3*24*time.Hour))
	r.ScoreParts = []audit.ScorePart{{Family: audit.FamilyActivity, Points: 25, Lost: 7.5, Judged: 40}, {Family: audit.FamilyForecast, Points: 20, Lost: 1, Judged: 40}}
	r.ScoreGains = []audit.ScoreGain{{Policy: "stale-in-stage", Records: 37, Gain: 4.1}}
	r.Cases = []audit.CaseSum{{Family: audit.FamilyActivity, Cases: 20, Value: []crm.Money{{Amount: 90_000, Currency: "EUR"}}}}
	r.ValueByPolicy = map[string][]crm.Money{"stale-in-stage": {{Amount: 77_0000, Currency: "EUR"}}}
	r.PoliciesOff, r.PointsOff = 1, 2
	a := Audited{Result: r, Past: []PastScore{{Days: 7, At: r.AsOf, Score: 70.1}}, Trend: &audit.Trend{Since: r.AsOf.Add(-7 * 24 * time.Hour), TrendCounts: audit.TrendCounts{New: 3, Waived: 1},
		Score: &audit.ScoreChange{At: r.AsOf.Add(-7 * 24 * time.Hour), Before: 68, Now: 70, Families: []audit.Family{audit.FamilyActivity}}}}
	for _, f := range []Format{Table, Markdown} {
		mustSay(t, strings.ReplaceAll(shown(t, f, a), `\`, ""), "Score before: 70.1 7 days ago; since 8 Jan 2027 +2.0 over what both could judge (activity)", "1 policy off, worth 2.0 points",
			"Since 8 Jan 2027: 3 new, 0 resolved, 0 still open, 1 waived", "Cases: activity 20 (9 EUR)", "+4.1 if these 37 deals are moved forward or closed (stale-in-stage)",
			"1 finding waived, 1 of them for at most 14 days more:", "stale-in-stage of Waived one (11ee) is waived until 18 Jan 2027: agreed")
	}
	mustSay(t, shown(t, Table, a), "stale-in-stage  1      2       1        77 EUR")
	r.Findings[1].Waived.Until = r.AsOf.Add(15 * 24 * time.Hour)
	if text := shown(t, Table, a); strings.Contains(text, "14 days") || !strings.Contains(text, "1 finding waived\n") {
		t.Errorf("a waiver that has 15 days left:\n%s", text)
	}
}

func TestWhatIsNewAloneIsShown(t *testing.T) {
	r := result()
	other := r.Findings[0]
	other.Policy, other.Lead, other.Severity, other.Value = "follower", false, audit.Low, crm.Money{Amount: 5_0000, Currency: "EUR"}
	r.Findings = []audit.Finding{other} // what leads its case was there before
	a := Audited{Result: r, New: &NewSince{What: "q3", Kind: "baseline", At: r.AsOf.Add(-24 * time.Hour), Known: 41}}
	mustSay(t, shown(t, Table, a), "New since baseline q3 (14 Jan 2027 08:00 UTC): 1 finding; 41 findings that had been there are not shown. The score counts them all.", "low       follower  00ff", "5 EUR")
	var doc map[string]any
	if err := json.Unmarshal([]byte(shown(t, JSON, a)), &doc); err != nil {
		t.Fatal(err)
	}
	if since := doc["new_since"].(map[string]any); since["kind"] != "baseline" || since["known"] != 41.0 {
		t.Errorf("new_since is %v", since)
	}
	r.Findings = []audit.Finding{}
	if text := shown(t, Table, a); !strings.Contains(text, ": 0 findings;") || strings.Contains(text, "No findings.") {
		t.Errorf("nothing new:\n%s", text)
	}
}

func TestWaivedIsReasonAuthorAndUntil(t *testing.T) {
	r := result()
	r.Findings = []audit.Finding{waivedUntil(r, time.Hour)}
	var doc struct {
		Findings []struct {
			Waived map[string]string `json:"waived"`
		} `json:"findings"`
	}
	if err := json.Unmarshal([]byte(shown(t, JSON, Audited{Result: r})), &doc); err != nil {
		t.Fatal(err)
	}
	if w := doc.Findings[0].Waived; len(w) != 3 || w["reason"] != "agreed" || w["author"] != "ada" || w["until"] != "2027-01-15T09:00:00Z" {
		t.Errorf("waived is %v", w)
	}
}

func TestExplanationIsTold(t *testing.T) {
	at := result().AsOf
	found := result().Findings[0]
	e := &audit.Explanation{
		Portal: "acme", AsOf: at, Complete: true, Deal: audit.DealFacts{ID: "7", Name: "Big\x1b one", Status: "open", Pipeline: "p", PipelineName: "Sales", StageName: "Demo", AgeDays: ptr(40.0)},
		Usual:   audit.Usual{N: 9, MedianDays: ptr(30.0), P90Days: ptr(60.0)},
		Visits:  []audit.Stay{{StageName: "New", Pipeline: "p", Entered: at.Add(-40 * 24 * time.Hour), Left: at.Add(-20 * 24 * time.Hour), Days: 20, Usual: &audit.Usual{N: 11, MedianDays: ptr(10.0), P90Days: ptr(15.0)}, Beyond: "p90"}, {StageName: "Demo", Pipeline: "p", Entered: at, Days: 0.5}},
		Skipped: []string{"Meeting"}, Needed: &audit.StillNeeded{MedianDays: 12, Won: 8},
		Data: []audit.Datum{{Name: "owner", Known: true}, {Name: "amount", Why: "the file has none"}},
		Verdicts: []audit.Verdict{
			{Policy: "stale-in-stage", Outcome: audit.OutcomeFound, Settings: audit.Settings{"limit": {Value: "30d", From: "portal acme"}}, Data: []string{"stage history"}, Findings: []audit.Finding{found}},
			{Policy: "blind", Outcome: audit.OutcomeUnknown, Need: audit.NeedMail, Why: "no mail is read", Cure: "connect a mailbox"},
			{Policy: "fine", Outcome: audit.OutcomePassed, Scope: "pipeline p"}, {Policy: "off", Outcome: audit.OutcomeOff, Why: "not ours"}, {Policy: "apart", Outcome: audit.OutcomeApart},
		},
	}
	var b bytes.Buffer
	if err := Explain(&b, Table, english(t), Style{}, e); err != nil {
		t.Fatal(err)
	}
	mustSay(t, b.String(), "Big  one (7) in acme, as of 15 Jan 2027 08:00 UTC", "deals are won here in 30 days in the median, nine of ten in 60 days (n = 9)",
		"20 days   10 days  15 days  11  longer than nine of ten  ############|###########", "Skipped: Meeting", "still needed 12 days in the median (n = 8)",
		"high Too long in a stage (stale-in-stage, finding 00ff): limit 30 days", "facts: limit_days 30", "judged by: limit 30d (portal acme)",
		"blind (blind): no mail is read; needs mail. Connect a mailbox.", "fine    the check for pipeline p", "  off: not ours", "look at: apart", "owner  none", "Not known: amount: the file has none")
	b.Reset()
	if err := Explain(&b, JSON, english(t), Style{}, e); err != nil {
		t.Fatal(err)
	}
	mustSay(t, b.String(), `"message": "limit 30 days"`, `"outcome": "found"`, `"still_needed": {`, `"title": "Too long in a stage"`)
}

func TestTrendsAreTold(t *testing.T) {
	two := 2.0
	list := []*audit.Trend{{Portal: "acme", TrendCounts: audit.TrendCounts{New: 1, Resolved: 2}, ResolveTime: audit.Spread{N: 2, MedianDays: &two, P90Days: &two, MaxDays: &two},
		Policies: []audit.PolicyTrend{{Policy: "stale-in-stage", TrendCounts: audit.TrendCounts{New: 1, Resolved: 2}}}}}
	var b bytes.Buffer
	if err := Trends(&b, Table, english(t), Style{}, list); err != nil {
		t.Fatal(err)
	}
	mustSay(t, b.String(), "stale-in-stage  1    0         0           2", "all             1    0         0           2", "time to resolve   2         2 days", "resolved after 2 days in the median")
	if strings.Contains(b.String(), "age of the open ones") {
		t.Error("an age of nothing is told")
	}
}
