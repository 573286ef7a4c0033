package remedy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// draft is a step that a finding asks for, before the rules chose among them.
type draft struct {
	Step
	finding audit.Finding
	needs   []string // bases
}

// isTask reports whether the draft asks a deal's owner to do something.
func (d *draft) isTask() bool { return d.Edit.Op == crm.OpAddTask }

// drafts turns the fixes of the findings that lead their cases into drafts, worst first.
func (p *planner) drafts() []*draft {
	findings := make([]audit.Finding, 0, len(p.Result.Findings))
	for _, f := range p.Result.Findings {
		if f.Fix != nil && f.Waived == nil && (f.Lead || f.Case == "") {
			findings = append(findings, f)
		}
	}
	slices.SortStableFunc(findings, func(a, b audit.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Value.Amount, a.Value.Amount), cmp.Compare(a.ID, b.ID))
	})
	habits := p.habits()
	var out []*draft
	advised := map[string][]audit.Finding{} // by policy and words
	for _, f := range findings {
		if f.Fix.Kind == audit.FixAdvice && f.Subject.Kind == crm.KindDeal {
			for _, key := range f.Fix.Manual {
				advised[f.Policy+"\x00"+key] = append(advised[f.Policy+"\x00"+key], f)
			}
			continue
		}
		fix := p.fixDrafts(f)
		if habits[f.Policy] && f.Subject.Kind == crm.KindDeal {
			fix = slices.DeleteFunc(fix, (*draft).isTask)
		}
		out = append(out, fix...)
	}
	for _, of := range sortedKeys(advised) {
		_, key, _ := strings.Cut(of, "\x00")
		out = append(out, p.advice(advised[of], key))
	}
	for _, policy := range sortedKeys(habits) {
		if slices.ContainsFunc(findings, func(f audit.Finding) bool { return f.Policy == policy && f.Fix.Kind == audit.FixTask }) {
			out = append(out, p.habit(policy))
		}
	}
	return out
}

// habits are the policies that most deals fail: they call for a talk with the team, not for a task per deal.
func (p *planner) habits() map[string]bool {
	const share, least = 0.8, 20
	out := map[string]bool{}
	for policy, j := range p.Result.Judged {
		if j.Judged >= least && float64(j.Judged-j.Passed) >= share*float64(j.Judged) {
			out[policy] = true
		}
	}
	return out
}

func (p *planner) habit(policy string) *draft {
	j := p.Result.Judged[policy]
	d := &draft{Step: Step{
		Policy: policy, Subject: crm.Ref{Portal: p.plan.Portal, Kind: crm.KindPortal}, State: Manual, Risk: RiskLow, Mode: audit.ModeReport,
		Summary: p.Words.Manual(fmt.Sprintf("%d of %d deals fail %s: that is a habit, to be taken up with the team rather than deal by deal",
			j.Judged-j.Passed, j.Judged, policy)),
	}}
	d.Base = baseID(p.plan.Portal, "", crm.Edit{}, "habit "+policy)
	return d
}

// advice is one step for a person about all the deals of which a policy says the same: the worst of them stands for the others.
func (p *planner) advice(findings []audit.Finding, key string) *draft {
	d := p.newDraft(findings[0], crm.Edit{})
	d.Finding, d.Deal, d.Subject = "", "", crm.Ref{Portal: p.plan.Portal, Kind: crm.KindPortal}
	d.State, d.Risk, d.Value = Manual, RiskLow, crm.Money{}
	d.Summary = fmt.Sprintf("%s (%s)", p.Words.Manual(key), counted(len(findings), "deal"))
	d.Base = baseID(p.plan.Portal, "", crm.Edit{}, "advice "+d.Policy+" "+key)
	return d
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// fixDrafts turns one finding's fix into drafts; edits wait for the properties that the same fix creates.
func (p *planner) fixDrafts(f audit.Finding) []*draft {
	edits := slices.Clone(f.Fix.Edits)
	var manual []string
	switch f.Fix.Kind {
	case audit.FixNone:
		return nil
	case audit.FixTask, audit.FixDigest:
		edits = p.taskEdits(f, edits)
	case audit.FixOwner:
		if edits = p.ownerEdits(f, edits); len(edits) == 0 {
			manual = append(manual, "fallback-owner")
		}
	}
	var out []*draft
	var created []string
	for _, e := range edits {
		if e.Target.Portal == "" {
			e.Target.Portal = p.plan.Portal
		}
		d := p.newDraft(f, e)
		d.Base = baseID(p.plan.Portal, f.ID, e, "")
		if e.Op == crm.OpAddProperty {
			created = append(created, d.Base)
		}
		out = append(out, d)
	}
	for _, d := range out {
		if d.Edit.Op != crm.OpAddProperty {
			d.needs = created
		}
	}
	for _, key := range append(manual, f.Fix.Manual...) {
		d := p.newDraft(f, crm.Edit{})
		d.State, d.Summary, d.Risk = Manual, p.Words.Manual(key), RiskLow
		d.Base = baseID(p.plan.Portal, f.ID, crm.Edit{}, key)
		out = append(out, d)
	}
	return out
}

func (p *planner) newDraft(f audit.Finding, e crm.Edit) *draft {
	d := &draft{finding: f, Step: Step{
		Finding: f.ID, Policy: f.Policy, Subject: f.Subject, Severity: f.Severity, Value: f.Value, Edit: e, Mode: f.Fix.Mode,
		State: Proposed, Risk: risk(e),
	}}
	switch {
	case e.Op == crm.OpAddTask:
		d.Deal = e.After[crm.FieldDeal]
	case e.Target.Kind == crm.KindDeal:
		d.Deal = e.Target.ID
	case f.Subject.Kind == crm.KindDeal:
		d.Deal = f.Subject.ID
	}
	if e.Op != "" {
		d.Summary = p.Words.Summary(f, e)
	}
	return d
}

func risk(e crm.Edit) Risk {
	_, moves := e.After[crm.FieldStage]
	switch {
	case moves:
		return RiskHigh
	case e.Op == crm.OpSet:
		return RiskMedium
	default:
		return RiskLow
	}
}

// taskEdits completes a finding's tasks with owner, texts and due time. A deal that nobody active owns gets none: its
// owner is the first thing to fix.
func (p *planner) taskEdits(f audit.Finding, edits []crm.Edit) []crm.Edit {
	if len(edits) == 0 && f.Subject.Kind == crm.KindDeal {
		edits = []crm.Edit{{Op: crm.OpAddTask}}
	}
	var out []crm.Edit
	for _, e := range edits {
		if e.Op == crm.OpAddTask {
			after := maps.Clone(orNone(e.After))
			if after[crm.FieldDeal] == "" && f.Subject.Kind == crm.KindDeal {
				after[crm.FieldDeal] = f.Subject.ID
			}
			after[crm.FieldOwner] = p.activeOwner(or(after[crm.FieldOwner], f.Owner))
			if after[crm.FieldDeal] == "" || after[crm.FieldOwner] == "" {
				continue
			}
			subject, body := p.Words.Task(f)
			after[crm.FieldSubject] = or(after[crm.FieldSubject], subject)
			after[crm.FieldBody] = or(after[crm.FieldBody], body)
			after[crm.FieldDue] = p.due()
			e.Target, e.Before, e.After = crm.Ref{Kind: crm.KindTask}, crm.Fields{}, after
		}
		out = append(out, e)
	}
	return out
}

// activeOwner is the owner where that is an active person, else the fallback, else "".
func (p *planner) activeOwner(id string) string {
	if u, ok := p.users[id]; ok && u.Active && !u.Queue || !p.Schema.UsersKnown {
		return id
	}
	if u, ok := p.users[p.FallbackOwner]; ok && u.Active {
		return p.FallbackOwner
	}
	return ""
}

// ownerEdits gives the deal to the fallback owner where the fix names no other. It returns nothing where there is none.
func (p *planner) ownerEdits(f audit.Finding, edits []crm.Edit) []crm.Edit {
	if len(edits) == 0 && f.Subject.Kind == crm.KindDeal {
		edits = []crm.Edit{{Target: f.Subject, Op: crm.OpSet, Before: crm.Fields{crm.FieldOwner: f.Owner}}}
	}
	var out []crm.Edit
	for _, e := range edits {
		if e.Op == crm.OpSet && e.After[crm.FieldOwner] == "" {
			u, ok := p.users[p.FallbackOwner]
			if !ok || !u.Active {
				continue
			}
			e.After = maps.Clone(orNone(e.After))
			e.After[crm.FieldOwner] = p.FallbackOwner
		}
		out = append(out, e)
	}
	return out
}

// due is nine o'clock on the next working day.
func (p *planner) due() string {
	t := p.Now.In(p.zone)
	day := time.Date(t.Year(), t.Month(), t.Day()+1, 9, 0, 0, 0, p.zone)
	for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		day = day.AddDate(0, 0, 1)
	}
	return day.UTC().Format(time.RFC3339)
}

// keeps reports whether a due time of an earlier plan still lies ahead.
func keeps(due string, now crm.Instant) bool {
	t, err := time.Parse(time.RFC3339, due)
	return err == nil && crm.At(t) > now
}

// sameEdit reports whether two edits do the same. A task's due time alone is no difference: it moves with the day.
func sameEdit(a, b crm.Edit) bool {
	if a.Op != b.Op || a.Target != b.Target || !maps.Equal(a.Before, b.Before) {
		return false
	}
	x, y := a.After, b.After
	if a.Op == crm.OpAddTask {
		x, y = maps.Clone(x), maps.Clone(y)
		delete(x, crm.FieldDue)
		delete(y, crm.FieldDue)
	}
	return maps.Equal(x, y)
}

// drifted reports whether a draft differs from an approved step in nothing but a close date that moved along with the days
// since, and over weekends. An approval that held for one day only would never be carried out: it holds while its date lies ahead.
func (p *planner) drifted(s *Step, d *draft) bool {
	const weekend = 2
	was, is := s.Edit.After[crm.FieldCloseDate], d.Edit.After[crm.FieldCloseDate]
	alike := d.Edit
	alike.After = maps.Clone(orNone(alike.After))
	alike.After[crm.FieldCloseDate] = was
	a, errA := time.Parse(time.DateOnly, was)
	b, errB := time.Parse(time.DateOnly, is)
	if errA != nil || errB != nil || !sameEdit(s.Edit, alike) {
		return false
	}
	passed := math.Ceil(p.now.Days(s.Updated))
	return a.After(p.Now) && b.Sub(a).Abs().Hours()/24 <= passed+weekend
}

// setBefore fills in the values that the fix does not say.
func (d *draft) setBefore(now crm.Fields) {
	before := maps.Clone(orNone(d.Edit.Before))
	for _, f := range d.fields() {
		if _, given := before[f]; !given {
			before[f] = now[f]
		}
	}
	d.Edit.Before = before
}

// readBefore reads the present values where a fix does not say what it rests on. Deals that are gone need no fix.
func (p *planner) readBefore(ctx context.Context, drafts []*draft) ([]*draft, error) {
	lacking := map[string][]*draft{} // by the names of the fields
	for _, d := range drafts {
		if d.Edit.Op != crm.OpSet || p.Editor == nil || len(only(d.Edit.Before, d.Edit.After)) == len(d.Edit.After) {
			continue
		}
		if len(d.needs) > 0 {
			d.setBefore(nil) // what is still to be created is empty
			continue
		}
		key := fmt.Sprint(d.fields())
		lacking[key] = append(lacking[key], d)
	}
	gone := map[*draft]bool{}
	for _, key := range sortedKeys(lacking) {
		for part := range slices.Chunk(lacking[key], batchSize) {
			refs := make([]crm.Ref, len(part))
			for i, d := range part {
				refs[i] = d.Edit.Target
			}
			live, err := p.Editor.Read(ctx, p.Schema, refs, part[0].fields()...)
			if err != nil {
				return nil, fmt.Errorf("read what the fixes would change: %w", err)
			}
			for _, d := range part {
				now, ok := live[d.Edit.Target]
				gone[d] = !ok
				d.setBefore(now)
			}
		}
	}
	return slices.DeleteFunc(drafts, func(d *draft) bool { return gone[d] }), nil
}

// askFeasible asks the connector what can be done through its API; the rest becomes manual, and so does what rests on it.
func (p *planner) askFeasible(ctx context.Context, drafts []*draft) error {
	var ask []*draft
	var edits []crm.Edit
	for _, d := range drafts {
		switch {
		case d.State == Manual:
		case p.Editor == nil:
			d.State, d.Why = Manual, "the connection to this portal can only read"
		default:
			e := d.Edit
			e.Key = d.Base
			ask, edits = append(ask, d), append(edits, e)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	verdicts, err := p.Editor.Feasible(ctx, p.Schema, edits)
	if err != nil {
		return fmt.Errorf("ask what the CRM can do: %w", err)
	}
	manual := map[string]bool{}
	for i, d := range ask {
		v := connectors.Verdict{Feasible: connectors.FeasibleImpossible, Words: "the connector does not say how"}
		if i < len(verdicts) {
			v = verdicts[i]
		}
		d.Irreversible = v.Irreversible
		if len(v.Irreversible) > 0 {
			d.Risk = RiskHigh
		}
		if v.Feasible != connectors.FeasibleOK {
			d.State, d.Why = Manual, v.Words
			manual[d.Base] = true
		}
	}
	for _, d := range ask {
		if d.State != Manual && slices.ContainsFunc(d.needs, func(base string) bool { return manual[base] }) {
			d.State, d.Why = Manual, "it rests on a step that only a person can do"
		}
	}
	return nil
}
