package audit_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// older is a policy about open deals that were created longer ago than a limit.
type older struct {
	Limit audit.Days `yaml:"limit" desc:"how old a deal may be"`
}

func (s older) Check(p *audit.Pass) {
	for r := range p.Open() {
		switch {
		case !r.Known.Has(crm.FactAmount):
			p.Unknown(r, audit.NeedAmount, "its amount is not known")
		case p.Now.Days(r.Created) > s.Limit.Float():
			p.Found(r, audit.Found{Facts: audit.Facts{"limit_days": s.Limit.Float()}})
		default:
			p.OK(r)
		}
	}
}

// explained is an input of one pipeline whose deals went 10 days through each of two stages, and of checks by age.
func explained(t *testing.T) audit.Input {
	t.Helper()
	var deals []crm.Deal
	for i := range 9 {
		from := 100 - float64(i)
		deals = append(deals, history(fmt.Sprint("w", i), "p", move("s0", from), move("s1", from-10), move("s2", from-20), move("won", from-30)))
	}
	slow := history("slow", "p", move("s0", 40), move("s2", 25))
	slow.Name, slow.Amount = "Slow one", 125_000
	dark := history("dark", "p", move("s1", 3))
	dark.Name, dark.Known = "Twin", crm.AllFacts&^(crm.FactAmount|crm.FactHistory)
	twin := history("twin", "p", move("s0", 3))
	twin.Name = "Twin"
	policy := audit.Define(audit.Meta{ID: "older", Family: audit.FamilyActivity, Rank: 2, Severity: audit.High, Subject: crm.KindDeal, Facts: crm.FactAmount | crm.FactCreated}, older{audit.Days(30 * day)})
	first := audit.Define(audit.Meta{ID: "first", Family: audit.FamilyActivity, Rank: 1, Severity: audit.High, Subject: crm.KindDeal}, older{audit.Days(90 * day)})
	off := audit.Define(audit.Meta{ID: "off", Family: audit.FamilyActivity, Rank: 3, Severity: audit.High, Subject: crm.KindDeal}, older{})
	lost := audit.Define(audit.Meta{ID: "lost", Family: audit.FamilyLosses, Severity: audit.High, Subject: crm.KindDeal}, scripted{func(p *audit.Pass) {
		for r := range p.Lost() {
			p.OK(r)
		}
	}})
	setup := audit.Define(audit.Meta{ID: "setup", Subject: crm.KindPipeline}, scripted{func(p *audit.Pass) { p.OKAt(crm.KindPipeline, 0) }})
	subject := crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: "slow"}
	return audit.Input{Snapshot: snapshot(t, schema(pipeline("p", 3)), append(deals, slow, dark, twin)...), Now: now(),
		Waivers: []audit.Waiver{{Finding: audit.FindingID("older", subject, ""), Reason: "agreed", Until: ago(-1)}},
		Checks: []audit.Check{{Policy: setup}, {Policy: lost}, {Policy: off, Off: true, Why: "not ours"}, {Policy: policy},
			{Policy: policy, Pipeline: "p", Stage: "s2", Settings: older{audit.Days(35 * day)}, Origin: map[string]string{"limit": "stage Stage 2"}}, {Policy: first}}}
}

func TestExplainTellsEveryVerdict(t *testing.T) {
	e, err := audit.Explain(t.Context(), explained(t), "Slow one")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range e.Verdicts {
		got = append(got, fmt.Sprintf("%s %s %q %s from %s %v", v.Policy, v.Outcome, v.Scope, v.Settings["limit"].Value, v.Settings["limit"].From, v.Data))
	}
	want := []string{
		`older found "pipeline p, stage s2" 35d from stage Stage 2 [amount created]`,
		`first passed "" 90d from default []`,
		`lost not judged ""  from  []`,
		`off off "" 0d from default []`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("verdicts (-want +got):\n%s", d)
	}
	f := e.Verdicts[0].Findings
	if len(f) != 1 || f[0].Facts["limit_days"] != 35.0 || f[0].Waived == nil || f[0].Case == "" {
		t.Errorf("finding %+v", f)
	}
	if e.Verdicts[3].Why != "not ours" {
		t.Errorf("off for %q", e.Verdicts[3].Why)
	}
	if e.Deal.ID != "slow" || e.Deal.StageName != "Stage 2" || e.Deal.OwnerName != "Ada" || *e.Deal.AgeDays != 40 || e.Deal.Status != "open" {
		t.Errorf("deal %+v", e.Deal)
	}
}

func TestExplainPutsVisitsBesideUsualTimes(t *testing.T) {
	e, err := audit.Explain(t.Context(), explained(t), "slow")
	if err != nil {
		t.Fatal(err)
	}
	ten := 10.0
	usual := func(n int) *audit.Usual { return &audit.Usual{N: n, MedianDays: &ten, P90Days: &ten} }
	want := []audit.Stay{
		{Stage: "s0", StageName: "Stage 0", Pipeline: "p", PipelineName: "Pipeline p", Entered: ago(40), Left: ago(25), Days: 15, Usual: usual(11), Beyond: "p90"},
		{Stage: "s2", StageName: "Stage 2", Pipeline: "p", PipelineName: "Pipeline p", Entered: ago(25), Days: 25, Usual: usual(10), Beyond: "p90"},
	}
	for i := range want { // of the eleven stays in the first stage one is longer and one goes on
		e.Visits[i].Usual.P90Days = e.Visits[i].Usual.MedianDays
	}
	if d := cmp.Diff(want, e.Visits); d != "" {
		t.Errorf("visits (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"Stage 1"}, e.Skipped); d != "" {
		t.Errorf("skipped (-want +got):\n%s", d)
	}
	if e.Usual.N != 9 || *e.Usual.MedianDays != 30 {
		t.Errorf("usual cycle %+v", e.Usual)
	}
}

func TestExplainSaysWhatIsNotKnown(t *testing.T) {
	in := explained(t)
	e, err := audit.Explain(t.Context(), in, "dark")
	if err != nil {
		t.Fatal(err)
	}
	if v := e.Verdicts[0]; v.Outcome != audit.OutcomeUnknown || v.Need != audit.NeedAmount || v.Why != "its amount is not known" || v.Cure == "" {
		t.Errorf("verdict %+v", v)
	}
	if e.Visits != nil || e.HistoryWhy == "" {
		t.Errorf("a way that is not known: %+v, %q", e.Visits, e.HistoryWhy)
	}
	for _, d := range e.Data {
		if d.Name == "amount" && d.Known || d.Name == "closed" || d.Name == "loss reason" {
			t.Errorf("datum %+v", d)
		}
		if d.Name == "owner" && d.Value != "Ada" {
			t.Errorf("owner %+v", d)
		}
	}
	var several *audit.SeveralDeals
	if _, err := audit.Explain(t.Context(), in, "Twin"); !errors.As(err, &several) || len(several.IDs) != 2 {
		t.Errorf("a name of two deals: %v", err)
	}
	if _, err := audit.Explain(t.Context(), in, ""); !errors.Is(err, audit.ErrNoDeal) {
		t.Errorf("no deal: %v", err)
	}
}
