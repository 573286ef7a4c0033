package remedy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// Selection names steps: by id, by policy, by the run that applied them, or all. At least one of them must be given.
type Selection struct {
	Portal string // "" is every portal
	Steps  []string
	Policy string
	Run    string
	All    bool
	// Versions are the versions that were seen, by step. A step named here is decided on only while it still has that version.
	Versions map[string]int
}

// ErrNothingSelected tells that a selection names no step at all.
var ErrNothingSelected = errors.New("name steps, a policy, a run or all")

func (s Selection) filter() (Filter, error) {
	if len(s.Steps) == 0 && s.Policy == "" && s.Run == "" && !s.All {
		return Filter{}, ErrNothingSelected
	}
	return Filter{Portal: s.Portal, IDs: s.Steps, Policy: s.Policy, Run: s.Run}, nil
}

// Approve approves the selected steps in who's name. Of steps named by id each gets an answer, also where it cannot be
// approved; of the others only those that wait for a decision. A failed step is approved for another try. Approving an
// approved step adds the name to it.
func Approve(ctx context.Context, store Store, sel Selection, who string, now crm.Instant) ([]StepResult, error) {
	return decide(ctx, store, sel, Decision{Who: who, At: now, Verdict: Approved})
}

// Reject rejects the selected steps in who's name: one rejection is enough, and it mutes the finding. What was applied
// cannot be rejected, only undone.
func Reject(ctx context.Context, store Store, sel Selection, who string, now crm.Instant) ([]StepResult, error) {
	return decide(ctx, store, sel, Decision{Who: who, At: now, Verdict: Rejected})
}

func decide(ctx context.Context, store Store, sel Selection, d Decision) ([]StepResult, error) {
	f, err := sel.filter()
	if err != nil {
		return nil, err
	}
	if len(sel.Steps) == 0 {
		f.States = []State{Proposed}
		if d.Verdict == Rejected {
			f.States = []State{Proposed, Manual}
		}
	}
	steps, err := store.Steps(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read the steps to decide on: %w", err)
	}
	results := make([]StepResult, 0, len(steps))
	var changes []Change
	for i := range steps {
		s := &steps[i]
		why := verdict(s, d, sel.Versions)
		if why == "" {
			changes = append(changes, Change{s, s.entry(string(d.Verdict), d.Who, d.At)})
		}
		results = append(results, StepResult{ID: s.ID, State: s.State, Why: why})
	}
	for _, id := range sel.Steps {
		if !slices.ContainsFunc(steps, func(s Step) bool { return s.ID == id }) {
			results = append(results, StepResult{ID: id, Why: "there is no such step"})
		}
	}
	if err := recordAll(ctx, store, changes); err != nil {
		return nil, fmt.Errorf("write the decisions down: %w", err)
	}
	return results, nil
}

// verdict puts the decision on the step; it returns why it cannot be, or "".
func verdict(s *Step, d Decision, seen map[string]int) string {
	if v, ok := seen[s.ID]; ok && v != s.Version {
		return fmt.Sprintf("it changed since version %d was seen", v)
	}
	d.Version = s.Version
	if !s.Ended.IsZero() {
		return fmt.Sprintf("it is %s, and over: its finding is gone, or another step took its place", s.State)
	}
	if d.Verdict == Approved && s.State == Approved {
		if slices.ContainsFunc(s.Decisions, func(e Decision) bool { return e.Who == d.Who && e.Version == s.Version }) {
			return "it is approved already"
		}
	} else if d.Verdict == Approved && s.State == Manual {
		return "only a person can do it: " + s.Summary
	} else if s.State == Applying || s.move(d.Verdict, "", d.At) != nil {
		return fmt.Sprintf("it is %s", s.State)
	}
	s.Decisions = append(s.Decisions, d)
	return ""
}

// maxRows bounds a transaction, so that it never keeps other writers waiting for long.
const maxRows = 2000

// recordAll records changes that need not all be in one transaction.
func recordAll(ctx context.Context, store Store, changes []Change) error {
	for part := range slices.Chunk(changes, maxRows) {
		if err := store.Record(ctx, part); err != nil {
			return err
		}
	}
	return nil
}
