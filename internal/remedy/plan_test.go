package remedy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

// desk is a portal with what plans are made from.
type desk struct {
	*memory
	*portal
	clk     *clock
	result  *audit.Result
	opts    remedy.Options
	users   []crm.User
	blind   bool // the connection can only read
	contact func(deal string) (crm.Instant, bool)
}

func newDesk(findings ...audit.Finding) *desk {
	d := &desk{memory: newMemory(), portal: newPortal(), clk: &clock{testNow}, opts: remedy.Options{Who: "ann"}}
	d.users = []crm.User{{ID: "7", Active: true}, {ID: "8", Active: true}, {ID: "9"}, {ID: "q", Active: true, Queue: true}}
	d.find(findings...)
	return d
}

// find makes a complete audit of the present moment.
func (d *desk) find(findings ...audit.Finding) {
	d.result = &audit.Result{Portal: "acme", AsOf: crm.At(d.clk.now()), Complete: true, Findings: findings, Pipelines: []audit.PipelineStats{{OpenDeals: 100}}}
}

func (d *desk) plan(t *testing.T) *remedy.Plan {
	t.Helper()
	in := remedy.Input{
		Result: d.result, Schema: crm.Schema{Zone: "Europe/Paris", Users: d.users, UsersKnown: true}, Editor: d.portal, Store: d.memory,
		Words: words{}, Now: d.clk.now(), Contact: d.contact, Options: d.opts,
	}
	if d.blind {
		in.Editor = nil
	}
	p, err := remedy.NewPlan(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// day lets time pass.
func (d *desk) day(n int) { d.clk.advance(time.Duration(n) * 24 * time.Hour) }

func (d *desk) apply(t *testing.T) *remedy.Result {
	t.Helper()
	d.clk.advance(time.Minute)
	return applied(t, app(d.memory, d.portal, d.clk, "run "+d.clk.now().Format(time.RFC3339)))
}

func (d *desk) approveAll(t *testing.T) {
	t.Helper()
	if _, err := remedy.Approve(t.Context(), d.memory, remedy.Selection{All: true}, "ann", crm.At(d.clk.now())); err != nil {
		t.Fatal(err)
	}
}

// brief puts a plan into one word per step: what it does to which deal, and its state.
func brief(p *remedy.Plan) []string {
	out := []string{}
	for _, s := range p.Steps {
		what := string(s.Edit.Op)
		if s.Edit.Op == crm.OpSet {
			what = strings.Join(slices.Sorted(maps.Keys(s.Edit.After)), "+")
		}
		out = append(out, fmt.Sprintf("%s %s v%d %s", what, s.Deal, s.Version, s.State))
	}
	return out
}

func (d *desk) expect(t *testing.T, when string, want ...string) *remedy.Plan {
	t.Helper()
	p := d.plan(t)
	if want == nil {
		want = []string{}
	}
	got := brief(p)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", when, diff)
	}
	return p
}

func finding(policy, id string, severity audit.Severity, fix audit.FixKind, edits ...crm.Edit) audit.Finding {
	return audit.Finding{
		ID: audit.FindingID(policy, deal(id), ""), Policy: policy, Severity: severity, Subject: deal(id), Owner: "7", Lead: true, Case: id + policy,
		Value: crm.Money{Amount: 10_000_000, Currency: "EUR"}, Fix: &audit.Fix{Kind: fix, Edits: edits, Mode: audit.ModePropose},
	}
}

func stale(id string) audit.Finding {
	return finding("stale-in-stage", id, audit.High, audit.FixTask)
}

func past(id, to string) audit.Finding {
	return finding("close-date-past", id, audit.Medium, audit.FixCloseDate, setEdit(id, crm.Fields{crm.FieldCloseDate: "2026-10-01"}, crm.Fields{crm.FieldCloseDate: to}))
}

func ownerless(id string) audit.Finding {
	f := finding("owner-missing", id, audit.High, audit.FixOwner, setEdit(id, crm.Fields{crm.FieldOwner: ""}, crm.Fields{}))
	f.Owner = ""
	return f
}

func with(f audit.Finding, change func(*audit.Finding)) audit.Finding {
	fix := *f.Fix
	f.Fix = &fix
	change(&f)
	return f
}

func TestPlanOfEachFix(t *testing.T) {
	d := newDesk(stale("1"), past("2", "2026-12-01"), ownerless("3"))
	d.opts.FallbackOwner = "8"
	p := d.expect(t, "first", "owner 3 v1 proposed", "add-task 1 v1 proposed", "close_date 2 v1 proposed")
	for _, s := range p.Steps {
		switch s.Policy {
		case "stale-in-stage": // planned on a Friday: due on Monday at nine in Paris
			want := crm.Fields{crm.FieldDeal: "1", crm.FieldOwner: "7", crm.FieldSubject: "stale-in-stage 1", crm.FieldBody: "please look", crm.FieldDue: "2026-11-23T08:00:00Z"}
			if diff := cmp.Diff(want, s.Edit.After); diff != "" || s.Risk != remedy.RiskLow {
				t.Errorf("risk %s: %s", s.Risk, diff)
			}
		case "owner-missing":
			if s.Edit.After[crm.FieldOwner] != "8" || s.Risk != remedy.RiskMedium {
				t.Errorf("%+v", s)
			}
		}
		if s.Edit.Key != s.ID || s.Edit.Target.Portal != "acme" || s.Plan != p.ID {
			t.Errorf("%+v", s)
		}
	}
	d.day(1)
	again := d.expect(t, "again", "owner 3 v1 proposed", "add-task 1 v1 proposed", "close_date 2 v1 proposed")
	for i := range p.Steps {
		if p.Steps[i].ID != again.Steps[i].ID || again.Steps[i].Plan != p.ID || again.Steps[i].Rev != 1 {
			t.Errorf("step %s of plan %s became %s of plan %s", p.Steps[i].ID, p.Steps[i].Plan, again.Steps[i].ID, again.Steps[i].Plan)
		}
	}
	if len(d.entries) != 0 || len(d.plans) != 2 || !d.plans[0].Complete {
		t.Errorf("%d rows in the journal, plans %v", len(d.entries), d.plans)
	}
}

func TestPlanWithoutSomebodyToGiveTo(t *testing.T) {
	none := with(stale("1"), func(f *audit.Finding) { f.Owner = "9" })
	queue := with(stale("2"), func(f *audit.Finding) { f.Owner = "q" })
	d := newDesk(none, queue, ownerless("3"))
	p := d.expect(t, "no fallback owner", " 3 v1 manual")
	if p.Steps[0].Summary != "by hand: fallback-owner" {
		t.Errorf("summary %q", p.Steps[0].Summary)
	}
	d.opts.FallbackOwner = "8"
	d.expect(t, "a fallback owner", "add-task 1 v1 proposed", "owner 3 v1 proposed", "add-task 2 v1 proposed")
}

func TestPlanChangesWithTheEdit(t *testing.T) {
	d := newDesk(past("2", "2026-12-01"))
	first := d.expect(t, "first", "close_date 2 v1 proposed")
	d.approveAll(t)
	d.day(3)
	d.find(past("2", "2026-12-04"))
	d.expect(t, "a date that moved with the days", "close_date 2 v1 approved")
	d.find(past("2", "2026-12-15"))
	second := d.expect(t, "another date after the approval", "close_date 2 v2 proposed")
	if first.Steps[0].ID != second.Steps[0].ID || second.Steps[0].Plan != second.ID || !d.journalled(first.Steps[0].ID, remedy.EventRevised) {
		t.Errorf("%+v", second.Steps[0])
	}
	if r := d.apply(t); len(r.Steps) != 0 {
		t.Errorf("an edit that nobody approved was applied: %s", line(r))
	}
}

func TestPlanExpires(t *testing.T) {
	d := newDesk(stale("1"), past("2", "2026-12-01"), past("3", "2026-12-01"))
	d.plan(t)
	d.day(1)
	d.find()
	d.result.Complete = false
	if p := d.expect(t, "incomplete", "add-task 1 v1 proposed", "close_date 2 v1 proposed", "close_date 3 v1 proposed"); p.Complete {
		t.Error("the plan calls itself complete")
	}
	d.find()
	d.result.Unknown = []audit.Unknown{{Policy: "close-date-past", Subject: deal("2")}}
	d.expect(t, "one cannot be judged", "close_date 2 v1 proposed")
	if got := slices.Collect(maps.Values(states(t, d.memory))); !slices.Contains(got, remedy.Expired) {
		t.Errorf("states %v", got)
	}
	d.day(1)
	d.find(past("3", "2026-12-01"))
	p := d.expect(t, "it came back", "close_date 3 v1 proposed")
	if len(states(t, d.memory)) != 4 {
		t.Errorf("a problem that came back is no new step: %v", p.Steps[0].ID)
	}
}

func TestPlanTakesBackAnApprovedTask(t *testing.T) {
	d := newDesk(stale("1"), past("2", "2026-12-01"))
	d.plan(t)
	d.approveAll(t)
	d.day(1)
	d.find()
	d.expect(t, "both are gone", "close_date 2 v1 approved") // its pre-read guards it; nothing guards a task
}

func TestRejectedAndUndoneAreMuted(t *testing.T) {
	d := newDesk(stale("1"), past("2", "2026-12-01"))
	p := d.plan(t)
	if _, err := remedy.Reject(t.Context(), d.memory, remedy.Selection{Steps: []string{p.Steps[0].ID}}, "ann", crm.At(d.clk.now())); err != nil {
		t.Fatal(err)
	}
	d.records[deal("2")] = crm.Fields{crm.FieldCloseDate: "2026-10-01T00:00:00.000Z"}
	d.approveAll(t)
	r := d.apply(t)
	d.clk.advance(time.Minute)
	undone(t, app(d.memory, d.portal, d.clk, "u"), remedy.Selection{Run: r.Run})
	d.expect(t, "an older audit")
	d.day(1)
	another := with(past("2", "2026-12-03"), func(f *audit.Finding) { f.Fix.Kind, f.Fix.Edits = audit.FixTask, nil })
	d.find(stale("1"), another)
	d.expect(t, "still there, even with another fix")
	d.day(1)
	d.find()
	d.expect(t, "gone")
	d.day(1)
	d.find(stale("1"), past("2", "2026-12-01"))
	d.expect(t, "come back", "add-task 1 v1 proposed", "close_date 2 v1 proposed")
}

func TestAppliedIsNotProposedAgain(t *testing.T) {
	d := newDesk(stale("1"), past("2", "2026-12-01"))
	d.records[deal("2")] = crm.Fields{crm.FieldCloseDate: "2026-10-01T00:00:00.000Z"}
	d.plan(t)
	d.approveAll(t)
	d.apply(t)
	d.expect(t, "an older audit")
	d.day(1)
	d.find(stale("1"))
	d.expect(t, "the task is there")
	d.day(1)
	d.find(stale("1"), past("2", "2026-12-09"))
	d.expect(t, "past again", "close_date 2 v1 proposed")
}

func TestStaleIsProposedAgainFromANewerAudit(t *testing.T) {
	d := newDesk(past("2", "2026-12-01"))
	d.records[deal("2")] = crm.Fields{crm.FieldCloseDate: "2026-10-15T00:00:00.000Z"}
	d.plan(t)
	d.approveAll(t)
	d.apply(t)
	d.expect(t, "the same audit")
	d.day(1)
	d.find(with(past("2", "2026-12-01"), func(f *audit.Finding) {
		f.Fix.Edits = []crm.Edit{setEdit("2", crm.Fields{crm.FieldCloseDate: "2026-10-15"}, crm.Fields{crm.FieldCloseDate: "2026-12-01"})}
	}))
	d.expect(t, "a newer audit", "close_date 2 v1 proposed")
	d.approveAll(t)
	d.treat = func(crm.Edit) treatment { return reject }
	d.apply(t)
	d.day(1)
	d.result.AsOf = crm.At(d.clk.now())
	d.expect(t, "failed, and nothing new", "close_date 2 v1 failed")
	d.find(with(past("2", "2026-12-05"), func(*audit.Finding) {}))
	d.expect(t, "failed, and another edit", "close_date 2 v1 proposed")
}

func TestOneMoveAtATime(t *testing.T) {
	leaving := with(past("1", "2026-12-01"), func(f *audit.Finding) {
		f.Policy, f.ID, f.Case, f.Severity = "close", audit.FindingID("close", deal("1"), ""), "c", audit.Critical
		f.Fix.Edits = []crm.Edit{setEdit("1", crm.Fields{crm.FieldStage: "a"}, crm.Fields{crm.FieldStage: "lost"})}
	})
	d := newDesk(stale("1"), past("1", "2026-12-01"), leaving)
	d.records[deal("1")] = crm.Fields{crm.FieldStage: "a", crm.FieldCloseDate: "2026-10-01T00:00:00.000Z"}
	p := d.expect(t, "the worst moves first", "stage 1 v1 proposed")
	if p.Steps[0].Risk != remedy.RiskHigh {
		t.Errorf("risk %s", p.Steps[0].Risk)
	}
	d.approveAll(t)
	d.expect(t, "approved", "stage 1 v1 approved")
	if _, err := remedy.Reject(t.Context(), d.memory, remedy.Selection{Steps: []string{p.Steps[0].ID}}, "ann", crm.At(d.clk.now())); err != nil {
		t.Fatal(err)
	}
	d.expect(t, "rejected", "close_date 1 v1 proposed")
	d.approveAll(t)
	d.apply(t)
	d.expect(t, "done: what waited has its turn", "add-task 1 v1 proposed")
}

func TestAWaitingTaskGivesWayToAMove(t *testing.T) {
	d := newDesk(stale("1"))
	d.expect(t, "a task", "add-task 1 v1 proposed")
	d.find(stale("1"), past("1", "2026-12-01"))
	d.expect(t, "a move", "close_date 1 v1 proposed")
}

func TestTasksAreFewAndTheRestIsOne(t *testing.T) {
	var findings []audit.Finding
	for n := range 14 {
		f := stale(fmt.Sprint(100 + n))
		f.Value.Amount = crm.Amount(1_000_000 - n)
		findings = append(findings, f, with(f, func(f *audit.Finding) { // a second family of the same deal
			f.Policy, f.Severity, f.Case = "amount-missing", audit.Medium, "x"+f.Subject.ID
			f.ID = audit.FindingID(f.Policy, f.Subject, "")
		}))
	}
	findings = append(findings, with(stale("200"), func(f *audit.Finding) { f.Owner = "8" }))
	d := newDesk(findings...)
	p := d.plan(t)
	tasks, digest := map[string]int{}, remedy.Step{}
	for _, s := range p.Steps {
		if s.Policy == "digest" {
			digest = s
			continue
		}
		tasks[s.Edit.After[crm.FieldOwner]]++
		if s.Deal > "109" && s.Deal < "200" || s.Policy != "stale-in-stage" {
			t.Errorf("a task for deal %s by %s", s.Deal, s.Policy)
		}
	}
	if diff := cmp.Diff(map[string]int{"7": 10, "8": 1}, tasks); diff != "" {
		t.Error(diff)
	}
	if want := "- stale-in-stage 110\n- stale-in-stage 111\n- stale-in-stage 112\n- stale-in-stage 113"; digest.Edit.After[crm.FieldBody] != want || digest.Deal != "110" {
		t.Errorf("the digest is %v", digest.Edit.After)
	}
	if again := d.plan(t); len(again.Steps) != len(p.Steps) {
		t.Errorf("planned again: %v", brief(again))
	}
	d.approveAll(t)
	d.apply(t)
	d.day(1)
	d.find(findings...)
	d.expect(t, "the next day")
	d.day(7)
	d.find(findings...)
	if p := d.plan(t); len(p.Steps) != 4 {
		t.Errorf("the next week: %v, want the four that had to wait", brief(p))
	}
}

func TestOwnersGetAtMostFifty(t *testing.T) {
	var findings []audit.Finding
	for n := range 60 {
		id := fmt.Sprint(n)
		findings = append(findings, ownerless(id))
	}
	d := newDesk(findings...)
	d.opts.FallbackOwner = "8"
	for n := range 60 {
		d.records[deal(fmt.Sprint(n))] = crm.Fields{}
	}
	if p := d.plan(t); len(p.Steps) != 50 {
		t.Errorf("%d steps, want 50", len(p.Steps))
	}
	if p := d.plan(t); len(p.Steps) != 50 {
		t.Errorf("planned again: %d steps, want 50", len(p.Steps))
	}
	d.approveAll(t)
	d.apply(t)
	if p := d.plan(t); len(p.Steps) != 10 {
		t.Errorf("after the first run: %d steps, want the other 10", len(p.Steps))
	}
}

func TestAHabitIsNotATaskPerDeal(t *testing.T) {
	var findings []audit.Finding
	for n := range 5 {
		findings = append(findings, stale(fmt.Sprint(n)))
	}
	d := newDesk(append(findings, past("9", "2026-12-01"))...)
	d.result.Judged = map[string]audit.Judged{"stale-in-stage": {Judged: 20, Passed: 4}, "close-date-past": {Judged: 20, Passed: 1}}
	p := d.expect(t, "a habit", "close_date 9 v1 proposed", "  v1 manual")
	if want := "by hand: 16 of 20 deals fail stale-in-stage: that is a habit, to be taken up with the team rather than deal by deal"; p.Steps[1].Summary != want {
		t.Errorf("summary %q", p.Steps[1].Summary)
	}
	d.result.Judged = map[string]audit.Judged{"stale-in-stage": {Judged: 19, Passed: 3}}
	if p := d.plan(t); len(p.Steps) != 6 {
		t.Errorf("too few for a habit: %v", brief(p))
	}
}

func TestOnlyTheLeadOfACaseIsFixed(t *testing.T) {
	second := with(stale("1"), func(f *audit.Finding) { f.Lead = false })
	waived := with(stale("2"), func(f *audit.Finding) { f.Waived = &audit.Waiver{} })
	advice := with(stale("3"), func(f *audit.Finding) { f.Fix.Kind = audit.FixAdvice })
	nothing := with(stale("4"), func(f *audit.Finding) {})
	nothing.Fix = nil
	newDesk(second, waived, advice, nothing).expect(t, "none of them")
}

// dropDown is a finding on the portal whose fix makes two properties and fills them.
func dropDown(deals ...string) audit.Finding {
	reason := crm.PropertyField("plumbline_lost_reason")
	f := audit.Finding{ID: "loss", Policy: "lost-reason-free-text", Severity: audit.High, Subject: crm.Ref{Portal: "acme", Kind: crm.KindPortal}, Lead: true}
	f.Fix = &audit.Fix{Kind: audit.FixLossFields, Mode: audit.ModePropose, Manual: []string{"require-loss-reason"}, Edits: []crm.Edit{
		{Target: crm.Ref{Kind: crm.KindProperty}, Op: crm.OpAddProperty, After: crm.Fields{crm.FieldName: "plumbline_lost_reason"}},
	}}
	for _, id := range deals {
		f.Fix.Edits = append(f.Fix.Edits, setEdit(id, crm.Fields{}, crm.Fields{reason: "budget"}))
	}
	return f
}

func TestFillsWaitForTheirProperty(t *testing.T) {
	d := newDesk(dropDown("1", "2"))
	d.records[deal("1")], d.records[deal("2")] = crm.Fields{}, crm.Fields{crm.PropertyField("plumbline_lost_reason"): "set by hand"}
	p := d.plan(t)
	made := p.Steps[0]
	if made.Edit.Op != crm.OpAddProperty && p.Steps[1].Edit.Op == crm.OpAddProperty {
		made = p.Steps[1]
	}
	for _, s := range p.Steps {
		if s.Edit.Op == crm.OpSet && !slices.Equal(s.Needs, []string{made.ID}) {
			t.Errorf("step %s needs %v, want %s", s.ID, s.Needs, made.ID)
		}
	}
	d.approveAll(t)
	r := d.apply(t)
	got := map[remedy.State]int{}
	for _, s := range r.Steps {
		got[s.State]++
	}
	if diff := cmp.Diff(map[remedy.State]int{remedy.Applied: 2, remedy.Stale: 1}, got); diff != "" {
		t.Errorf("%s\n%s", diff, line(r))
	}
	undone(t, app(d.memory, d.portal, d.clk, "u"), remedy.Selection{Run: r.Run})
	d.day(1)
	d.find(dropDown("1", "2", "3"))
	for _, s := range d.plan(t).Steps {
		if s.Edit.Op != "" {
			t.Errorf("after the undo there is still a step %s %v", s.State, s.Edit)
		}
	}
}

func TestWhatCannotBeDoneIsManual(t *testing.T) {
	d := newDesk(dropDown("1"), stale("2"), past("3", "2026-12-01"))
	d.verdict = func(e crm.Edit) connectors.Verdict {
		switch e.Op {
		case crm.OpAddProperty:
			return connectors.Verdict{Key: e.Key, Feasible: connectors.FeasibleManual, Words: "a scope is missing"}
		case crm.OpSet:
			return connectors.Verdict{Key: e.Key, Feasible: connectors.FeasibleOK, Irreversible: []string{crm.FieldCloseDate}}
		default:
			return connectors.Verdict{Key: e.Key, Feasible: connectors.FeasibleImpossible, Words: "no"}
		}
	}
	for _, s := range d.plan(t).Steps {
		got := fmt.Sprint(s.State, " ", s.Why, " ", s.Risk)
		want := map[crm.Op]string{
			crm.OpAddProperty: "manual a scope is missing low", crm.OpAddTask: "manual no low", "": "manual  low",
			crm.OpSet: map[string]string{"1": "manual it rests on a step that only a person can do high", "3": "proposed  high"}[s.Deal],
		}[s.Edit.Op]
		if got != want {
			t.Errorf("%s of deal %q: %q, want %q", s.Edit.Op, s.Deal, got, want)
		}
	}
	d.blind = true
	for _, s := range d.plan(t).Steps {
		if s.State != remedy.Manual {
			t.Errorf("a connection that can only read proposes %v", s.Edit)
		}
	}
	d.blind, d.verdict = false, nil
	if p := d.plan(t); p.Steps[0].State != remedy.Proposed {
		t.Errorf("once it can be done: %v", brief(p))
	}
}

func TestPlanReadsWhatThePolicyDoesNotKnow(t *testing.T) {
	f := func(id string) audit.Finding {
		return with(past(id, "2026-12-01"), func(f *audit.Finding) { f.Fix.Edits[0].Before = nil })
	}
	d := newDesk(f("1"), f("2"))
	d.records[deal("1")] = crm.Fields{crm.FieldCloseDate: "2026-10-01T08:00:00.000Z"}
	p := d.expect(t, "one of the deals is gone", "close_date 1 v1 proposed")
	if got := p.Steps[0].Edit.Before[crm.FieldCloseDate]; got != "2026-10-01T08:00:00.000Z" || d.reads != 1 {
		t.Errorf("before %q after %d reads", got, d.reads)
	}
}
