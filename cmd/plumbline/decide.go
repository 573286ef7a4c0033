package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/report"
)

// selection reads which steps approve, reject and undo are about.
type selection struct {
	policy, run, portal string
	all                 bool
}

func (sel selection) of(c *cobra.Command, args []string) (remedy.Selection, error) {
	n := 0
	for _, given := range []bool{len(args) > 0, sel.policy != "", sel.run != "", sel.all} {
		if given {
			n++
		}
	}
	ways := "steps, --policy or --all"
	if c.Flags().Lookup("run") != nil {
		ways = "steps, --run or --policy"
	}
	switch {
	case n == 0:
		return remedy.Selection{}, misused(c, "say which steps: give %s", ways)
	case n > 1:
		return remedy.Selection{}, misused(c, "give one of %s, not several", ways)
	}
	return remedy.Selection{Portal: sel.portal, Steps: args, Policy: sel.policy, Run: sel.run, All: sel.all}, nil
}

// split divides a selection into those of the portals that its steps are of. A named step or portal that there is not is
// wrong usage, and nothing is done then.
func (s *shop) split(ctx context.Context, sel remedy.Selection) (map[string]remedy.Selection, error) {
	if sel.Portal != "" {
		if _, err := s.portals(ctx, []string{sel.Portal}); err != nil {
			return nil, err
		}
	}
	steps, err := s.db.Steps(ctx, remedy.Filter{Portal: sel.Portal, IDs: sel.Steps, Policy: sel.Policy, Run: sel.Run})
	if err != nil {
		return nil, err
	}
	for _, id := range sel.Steps {
		if !slices.ContainsFunc(steps, func(s remedy.Step) bool { return s.ID == id }) {
			return nil, usage("there is no step %q; see plumbline plan and plumbline journal", id)
		}
	}
	out := map[string]remedy.Selection{}
	for i := range steps {
		part, ok := out[steps[i].Portal]
		if !ok {
			part = sel
			part.Portal, part.Steps = steps[i].Portal, nil
		}
		if len(sel.Steps) > 0 {
			part.Steps = append(part.Steps, steps[i].ID)
		}
		out[part.Portal] = part
	}
	return out, nil
}

// chosen opens the store and divides what was selected by portal. The caller closes the shop; on an error there is none.
func (a *app) chosen(c *cobra.Command, sel selection, format string, args []string) (report.Format, *shop, map[string]remedy.Selection, error) {
	f, err := report.ParseFormat(format, report.Table, report.JSON)
	if err != nil {
		return "", nil, nil, usage("%w", err)
	}
	all, err := sel.of(c, args)
	if err != nil {
		return "", nil, nil, err
	}
	s, err := a.openAbout(c.Context(), sel.policy)
	if err != nil {
		return "", nil, nil, failed(err)
	}
	byPortal, err := s.split(c.Context(), all)
	if err != nil {
		return "", nil, nil, failed(errors.Join(err, s.Close()))
	}
	return f, s, byPortal, nil
}

func newApprove(a *app) *cobra.Command {
	return newDecision(a, "approve", remedy.Approved, "Approve steps of the plan", remedy.Approve)
}

func newReject(a *app) *cobra.Command {
	return newDecision(a, "reject", remedy.Rejected, "Reject steps of the plan; their findings are muted", remedy.Reject)
}

func newDecision(a *app, verb string, to remedy.State, short string, decide func(context.Context, remedy.Store, remedy.Selection, string, crm.Instant) ([]remedy.StepResult, error)) *cobra.Command {
	var sel selection
	format := ""
	c := &cobra.Command{
		Use: verb + " STEP…", Short: short,
		Example: fmt.Sprintf("  plumbline %s 3fa50d34338035c5\n  plumbline %s --policy close-date-past\n  plumbline %s --all --portal acme", verb, verb, verb),
	}
	c.Flags().StringVar(&sel.policy, "policy", "", "every waiting step of this `policy`")
	c.Flags().BoolVar(&sel.all, "all", false, "every waiting step")
	c.Flags().StringVar(&sel.portal, "portal", "", "of this portal alone")
	c.Flags().StringVar(&format, "format", "table", "table or json")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		f, s, chosen, err := a.chosen(cmd, sel, format, args)
		if err != nil {
			return err
		}
		defer s.Close()
		var results []*remedy.Result
		for _, portal := range slices.Sorted(maps.Keys(chosen)) {
			steps, err := decide(cmd.Context(), s.db, chosen[portal], a.who(), crm.At(a.now()))
			if err != nil {
				return failed(err)
			}
			results = append(results, &remedy.Result{Portal: portal, Steps: steps})
		}
		return failed(a.showDecisions(f, to, len(args) > 0, results))
	}
	return c
}

// showDecisions says what became of each portal's steps. A step that was named and cannot be decided on so is a failure;
// one that is so already is not.
func (a *app) showDecisions(f report.Format, to remedy.State, named bool, results []*remedy.Result) error {
	if f == report.Table && !slices.ContainsFunc(results, func(r *remedy.Result) bool { return len(r.Steps) > 0 }) {
		fmt.Fprintln(a.stdout, "No step waits for a decision.")
		return nil
	}
	if err := report.Runs(a.stdout, f, a.style(), results...); err != nil {
		return err
	}
	var v verdict
	for _, r := range results {
		for _, step := range r.Steps {
			if named && step.State != to {
				a.warn("%s: step %s is not %s: %s", r.Portal, step.ID, to, step.Why)
				v.add(exitFailed)
			}
		}
	}
	return v.err()
}

// undone makes the result of an undo speak of the steps that were taken back, which is what was asked for, instead of
// those that took them back.
func (s *shop) undone(ctx context.Context, r *remedy.Result, err error) (*remedy.Result, error) {
	if r == nil || len(r.Steps) == 0 {
		return r, err
	}
	var ids []string
	for _, step := range r.Steps {
		ids = append(ids, step.ID)
	}
	steps, e := s.db.Steps(ctx, remedy.Filter{Portal: r.Portal, IDs: ids})
	if e != nil {
		return r, errors.Join(err, e)
	}
	for _, step := range steps {
		i := slices.IndexFunc(r.Steps, func(x remedy.StepResult) bool { return x.ID == step.ID })
		if step.Undoes == "" {
			continue
		}
		r.Steps[i].ID = step.Undoes
		if r.Steps[i].State == remedy.Applied {
			r.Steps[i].State = remedy.Undone
		}
	}
	return r, err
}
