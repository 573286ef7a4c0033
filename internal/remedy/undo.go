package remedy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// Undo takes the selected steps back, in the reverse of the order in which they were applied. Only fields that still show
// our value are set back, to the very text that was read before the write; the others are left alone and listed. Records
// that were created are removed. It settles what an earlier run left unsettled first, is bound by no limit, and mutes
// the findings.
func Undo(ctx context.Context, app Application, sel Selection) (*Result, error) {
	app.Max = 0
	r, err := newRun(app)
	if err != nil {
		return nil, err
	}
	if err := r.recover(ctx); err != nil {
		return r.result(), fmt.Errorf("settle an earlier run: %w", err)
	}
	sel.Portal = app.Portal
	ids, err := r.planUndo(ctx, sel)
	if err != nil {
		return r.result(), fmt.Errorf("undo: %w", err)
	}
	r.Steps = ids
	if err := r.applyAndWait(ctx); err != nil {
		return r.result(), fmt.Errorf("undo: %w", err)
	}
	return r.result(), nil
}

// planUndo makes and records the steps that take the selected ones back, and returns their ids. Steps that cannot be
// taken back go into the result.
func (r *run) planUndo(ctx context.Context, sel Selection) ([]string, error) {
	f, err := sel.filter()
	if err != nil {
		return nil, err
	}
	steps, err := r.Store.Steps(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read the steps to undo: %w", err)
	}
	onlyUndid := !slices.ContainsFunc(steps, func(s Step) bool { return s.Undoes == "" })
	steps = slices.DeleteFunc(steps, func(s Step) bool { return s.State != Applied && s.State != Failed && s.State != Stale })
	undoing, err := r.undoing(ctx, steps)
	if err != nil {
		return nil, err
	}
	dependents, err := r.dependents(ctx)
	if err != nil {
		return nil, err
	}
	u := undoPlan{run: r, selected: map[string]*Step{}, undoing: undoing, dependents: dependents, taken: map[string]*Step{}, ids: []string{}}
	u.named = len(sel.Steps) > 0 || onlyUndid
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(b.Outcome.Sent, a.Outcome.Sent) }) // last write first
	for i := range steps {
		u.selected[steps[i].ID] = &steps[i]
	}
	for i := range steps {
		u.take(steps[i].ID)
	}
	for _, id := range sel.Steps {
		if u.selected[id] == nil {
			r.say(&Step{ID: id, Why: "it was not applied, there is nothing to undo"}, true)
		}
	}
	return u.ids, recordAll(ctx, r.Store, u.changes)
}

// undoing returns the steps that undo the given ones already, by the step undone.
func (r *run) undoing(ctx context.Context, steps []Step) (map[string][]Step, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	var ids []string
	for i := range steps {
		ids = append(ids, steps[i].ID)
	}
	found, err := r.Store.Steps(ctx, Filter{Portal: r.Portal, Undoes: ids})
	if err != nil {
		return nil, fmt.Errorf("read earlier undos: %w", err)
	}
	out := map[string][]Step{}
	for _, s := range found {
		out[s.Undoes] = append(out[s.Undoes], s)
	}
	return out, nil
}

// dependents returns the steps that rest on others and are in force, by the step they rest on.
func (r *run) dependents(ctx context.Context) (map[string][]string, error) {
	steps, err := r.Store.Steps(ctx, Filter{Portal: r.Portal, States: []State{Applied, Applying}})
	if err != nil {
		return nil, fmt.Errorf("read the applied steps: %w", err)
	}
	out := map[string][]string{}
	for i := range steps {
		if steps[i].Undoes != "" {
			continue
		}
		for _, need := range steps[i].Needs {
			out[need] = append(out[need], steps[i].ID)
		}
	}
	return out, nil
}

// undoPlan collects the undo steps of one call.
type undoPlan struct {
	*run
	named      bool
	selected   map[string]*Step
	undoing    map[string][]Step
	dependents map[string][]string
	taken      map[string]*Step // the undo by the step that it undoes; nil: it cannot be undone
	changes    []Change
	ids        []string // never nil: no step at all must not be taken for no limit
}

// take makes the undo of a selected step, or takes up the one that an earlier call made. What rests on the step is taken
// back first; where that cannot be, the step stays. It returns nil when there is no undo.
func (u *undoPlan) take(id string) *Step {
	if undo, ok := u.taken[id]; ok {
		return undo
	}
	u.taken[id] = nil
	s := u.selected[id]
	if s == nil || s.Undoes != "" && !u.named {
		return nil // an undo is undone only when it is named, or a run that did nothing but undo
	}
	edit, err := inverse(u.run, s)
	var needs []string
	for _, d := range u.dependents[id] {
		first := u.take(d)
		if first == nil && err == nil {
			err = fmt.Errorf("step %s rests on it: undo that one first", d)
		}
		if first != nil {
			needs = append(needs, first.ID)
		}
	}
	if err != nil {
		if s.State == Applied || u.named {
			u.say(&Step{ID: s.ID, State: s.State, Why: err.Error()}, s.State == Applied && !s.Outcome.Sent.IsZero())
		}
		return nil
	}
	undo := u.again(u.undoing[id], edit, needs)
	if undo == nil {
		undo = u.fresh(s, edit, needs)
		u.changes = append(u.changes, Change{undo, undo.entry(string(Approved), u.Who, u.now())})
	}
	u.taken[id] = undo
	u.ids = append(u.ids, undo.ID)
	return undo
}

// again returns the undo step of an earlier call that did not come to its end yet, with all that there is to set back;
// nil where there is none.
func (u *undoPlan) again(earlier []Step, edit crm.Edit, needs []string) *Step {
	for i := range earlier {
		e := &earlier[i]
		if e.State == Applying {
			return e
		}
		if e.State != Approved && (e.State != Failed || e.move(Approved, "", u.now()) != nil) {
			continue
		}
		e.Edit.Before, e.Edit.After, e.Needs, e.Outcome.Conflicts = edit.Before, edit.After, needs, nil
		u.changes = append(u.changes, Change{e, e.entry(string(Approved), u.Who, u.now())})
		return e
	}
	return nil
}

// fresh makes an undo step. It is approved from the start.
func (u *undoPlan) fresh(s *Step, edit crm.Edit, needs []string) *Step {
	at := u.now()
	n := &Step{
		ID: shortHash(s.Portal, "undo", s.ID, strconv.Itoa(len(u.undoing[s.ID]))), Version: 1, Portal: s.Portal, Plan: s.Plan,
		Finding: s.Finding, Policy: s.Policy, Subject: s.Subject, Severity: s.Severity, Value: s.Value, Deal: s.Deal,
		Edit: edit, Needs: needs, Summary: s.Summary, Risk: s.Risk, Mode: s.Mode, State: Approved, Undoes: s.ID, Made: at, Updated: at,
		Decisions: []Decision{{Who: u.Who, At: at, Verdict: Approved, Version: 1}},
	}
	n.Base, n.Edit.Key, n.Outcome.Run = n.ID, n.ID, u.Run
	return n
}

// inverse is the edit that takes back what a step wrote: the fields that the CRM then showed with our value, back to the
// text that was read right before.
func inverse(r *run, s *Step) (crm.Edit, error) {
	if s.Outcome.Sent.IsZero() {
		return crm.Edit{}, fmt.Errorf("nothing was written, there is nothing to undo")
	}
	e := s.Edit
	if e.Op != crm.OpSet {
		if s.State != Applied {
			return crm.Edit{}, fmt.Errorf("it was not applied, there is nothing to undo")
		}
		return e.Inverse(s.Outcome.Receipt)
	}
	e.Before, e.After = crm.Fields{}, crm.Fields{}
	for f, wrote := range s.Edit.After {
		was, read := s.Outcome.Before[f]
		shows, back := s.Outcome.After[f]
		if read && back && was != shows && r.same(f, wrote, shows) && !slices.Contains(s.Irreversible, f) {
			e.Before[f], e.After[f] = was, shows
		}
	}
	if len(e.After) == 0 {
		return crm.Edit{}, fmt.Errorf("no field shows what it wrote, there is nothing to undo")
	}
	return e.Inverse(s.Outcome.Receipt)
}

// narrow takes the fields that no longer show our value out of an undo. It returns Approved when something is left to be
// set back.
func (r *run) narrow(s *Step, live crm.Fields) (State, string) {
	var conflicts []string
	for f, was := range s.Edit.After {
		if got, ok := live[f]; !ok || (got != was && !r.same(f, got, s.Edit.Before[f])) {
			conflicts = append(conflicts, f)
		}
	}
	s.Outcome.Conflicts = slices.Compact(slices.Sorted(slices.Values(append(conflicts, s.Outcome.Conflicts...)))) // with those of an earlier try
	s.Outcome.Before = only(live, s.Edit.After)
	if len(conflicts) == len(s.Edit.After) {
		return Stale, conflictWords(s)
	}
	s.Edit.Before, s.Edit.After = maps.Clone(s.Edit.Before), maps.Clone(s.Edit.After)
	for _, f := range conflicts {
		delete(s.Edit.Before, f)
		delete(s.Edit.After, f)
		delete(s.Outcome.Before, f)
	}
	s.Outcome.After = only(live, s.Edit.After)
	for f, was := range s.Edit.After {
		if live[f] != was {
			s.Outcome.After = nil
			return Approved, ""
		}
	}
	return Applied, or(conflictWords(s), "the record showed it already")
}

// conflictWords names the fields that an undo left alone.
func conflictWords(s *Step) string {
	if len(s.Outcome.Conflicts) == 0 {
		return ""
	}
	return "changed since, left alone: " + strings.Join(s.Outcome.Conflicts, ", ")
}
