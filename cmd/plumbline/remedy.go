package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/report"
)

// who is the name that decisions and runs are written down in.
func (a *app) who() string {
	if u := a.getenv("PLUMBLINE_USER"); u != "" {
		return u
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func newPlan(a *app) *cobra.Command {
	format, out := "", ""
	c := &cobra.Command{
		Use: "plan [NAME…]", Short: "Plan the fixes of the last audit; nothing is written to the CRM",
		Long:    "Audits what was pulled and plans its fixes as steps that wait for approval. The same findings give the same steps.",
		Example: "  plumbline plan acme\n  plumbline plan acme --format json --out plan.json",
	}
	c.Flags().StringVar(&format, "format", "table", "table or json")
	c.Flags().StringVar(&out, "out", "", "write the plan as JSON to this `file` too")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := report.ParseFormat(format, report.Table, report.JSON)
		if err != nil {
			return usage("%w", err)
		}
		s, err := a.open(cmd.Context())
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		portals, err := s.portals(cmd.Context(), args)
		if err != nil {
			return failed(err)
		}
		plans, err := a.makePlans(cmd.Context(), s, portals)
		if err != nil {
			return failed(err)
		}
		return failed(a.showPlans(plans, f, out))
	}
	return c
}

func (a *app) makePlans(ctx context.Context, s *shop, portals []daemon.Portal) ([]*remedy.Plan, error) {
	cycle := s.cycle(false)
	var plans []*remedy.Plan
	for _, p := range portals {
		result, err := cycle.Audit(ctx, p, 0)
		if err != nil {
			return nil, err
		}
		plan, err := cycle.Plan(ctx, p, result, a.who(), false)
		if err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

func (a *app) showPlans(plans []*remedy.Plan, f report.Format, out string) error {
	var v verdict
	for _, p := range plans {
		if !p.Complete {
			v.add(exitIncomplete)
			fmt.Fprintf(a.stderr, "plumbline: the plan of %s rests on incomplete data\n", p.Portal)
		}
	}
	if out != "" {
		file, err := os.OpenFile(out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		err = report.Plans(file, report.JSON, report.Style{}, plans...)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("write %s: %w", out, err)
		}
	}
	if err := report.Plans(a.stdout, f, a.style(), plans...); err != nil {
		return err
	}
	return v.err()
}

// selection reads which steps approve, reject and undo are about.
type selection struct {
	policy, run, portal string
	all                 bool
}

func (sel selection) of(args []string) (remedy.Selection, error) {
	n := 0
	for _, given := range []bool{len(args) > 0, sel.policy != "", sel.run != "", sel.all} {
		if given {
			n++
		}
	}
	if n == 0 {
		return remedy.Selection{}, usage("%w", remedy.ErrNothingSelected)
	}
	if sel.policy != "" && policyByID(sel.policy) == nil {
		return remedy.Selection{}, usage("there is no policy %q; see plumbline policies list", sel.policy)
	}
	return remedy.Selection{Portal: sel.portal, Steps: args, Policy: sel.policy, Run: sel.run, All: sel.all}, nil
}

func newApprove(a *app) *cobra.Command {
	return newDecision(a, "approve", "Approve steps of the plan", remedy.Approve)
}

func newReject(a *app) *cobra.Command {
	return newDecision(a, "reject", "Reject steps of the plan; their findings are muted", remedy.Reject)
}

func newDecision(a *app, verb, short string, decide func(context.Context, remedy.Store, remedy.Selection, string, crm.Instant) ([]remedy.StepResult, error)) *cobra.Command {
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
		f, err := report.ParseFormat(format, report.Table, report.JSON)
		if err != nil {
			return usage("%w", err)
		}
		chosen, err := sel.of(args)
		if err != nil {
			return err
		}
		s, err := a.open(cmd.Context())
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		steps, err := decide(cmd.Context(), s.db, chosen, a.who(), crm.At(a.now()))
		if err != nil {
			return failed(err)
		}
		if err := report.Runs(a.stdout, f, a.style(), &remedy.Result{Portal: sel.portal, Steps: steps}); err != nil {
			return failed(err)
		}
		for _, id := range args {
			for _, r := range steps {
				if r.ID == id && r.Why != "" {
					return &exitError{code: exitFailed}
				}
			}
		}
		return nil
	}
	return c
}

func newApply(a *app) *cobra.Command {
	var most int
	var wait bool
	var planFile, format string
	c := &cobra.Command{
		Use: "apply [NAME…]", Short: "Carry out the approved steps",
		Long: "Each step is written down, compared with the live record, sent, read back and written down again.\n" +
			"Exits 4 when an approved step ended stale or failed.",
		Example: "  plumbline apply acme\n  plumbline apply acme --max 10",
	}
	c.Flags().IntVar(&most, "max", 0, "at most so many steps (0: all)")
	c.Flags().BoolVar(&wait, "wait", false, "wait for a portal that another process works on")
	c.Flags().StringVar(&planFile, "plan", "", "only the steps of the plan in this `file`, as plan --out wrote it")
	c.Flags().StringVar(&format, "format", "table", "table or json")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := report.ParseFormat(format, report.Table, report.JSON)
		if err != nil {
			return usage("%w", err)
		}
		if most < 0 {
			return usage("--max %d: give a number of steps, or 0 for all", most)
		}
		s, err := a.open(cmd.Context())
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		run := daemon.Run{ID: daemon.NewRunID(a.now()), Who: a.who(), Max: most}
		if planFile != "" {
			if args, run.Steps, err = s.fromPlan(cmd.Context(), planFile, args); err != nil {
				return failed(err)
			}
		}
		portals, err := s.portals(cmd.Context(), args)
		if err != nil {
			return failed(err)
		}
		cycle := s.cycle(wait)
		return failed(a.writePortals(portals, f, func(p daemon.Portal) (*remedy.Result, error) { return cycle.Apply(cmd.Context(), p, run) }))
	}
	return c
}

// writePortals runs apply or undo on portals and shows what came of it.
func (a *app) writePortals(portals []daemon.Portal, f report.Format, do func(daemon.Portal) (*remedy.Result, error)) error {
	var results []*remedy.Result
	var errs []error
	var v verdict
	for _, p := range portals {
		r, err := do(p)
		if err != nil {
			errs = append(errs, err)
		}
		if r == nil {
			continue
		}
		results = append(results, r)
		if r.Unfinished() {
			v.add(exitIncomplete)
		}
		for _, step := range r.Steps {
			if step.Unfinished {
				fmt.Fprintf(a.stderr, "plumbline: %s: step %s is %s: %s\n", r.Portal, step.ID, step.State, step.Why)
			}
		}
	}
	if len(results) > 0 {
		if err := report.Runs(a.stdout, f, a.style(), results...); err != nil {
			return err
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return v.err()
}

func newUndo(a *app) *cobra.Command {
	var sel selection
	var wait bool
	format := ""
	c := &cobra.Command{
		Use: "undo STEP…", Short: "Take applied steps back",
		Long:    "Sets the fields that still show our value back to the very text that was read before, and removes what was created.\nFields that somebody changed since are left alone and listed; exits 4 then.",
		Example: "  plumbline undo --run 20261122T060000-ABC123\n  plumbline undo 3fa50d34338035c5\n  plumbline undo --policy close-date-past",
	}
	c.Flags().StringVar(&sel.run, "run", "", "every step that this `run` applied")
	c.Flags().StringVar(&sel.policy, "policy", "", "every applied step of this `policy`")
	c.Flags().StringVar(&sel.portal, "portal", "", "of this portal alone")
	c.Flags().BoolVar(&wait, "wait", false, "wait for a portal that another process works on")
	c.Flags().StringVar(&format, "format", "table", "table or json")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := report.ParseFormat(format, report.Table, report.JSON)
		if err != nil {
			return usage("%w", err)
		}
		chosen, err := sel.of(args)
		if err != nil {
			return err
		}
		s, err := a.open(cmd.Context())
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		portals, err := s.concerned(cmd.Context(), chosen)
		if err != nil {
			return failed(err)
		}
		cycle := s.cycle(wait)
		run := daemon.Run{ID: daemon.NewRunID(a.now()), Who: a.who()}
		return failed(a.writePortals(portals, f, func(p daemon.Portal) (*remedy.Result, error) { return cycle.Undo(cmd.Context(), p, run, chosen) }))
	}
	return c
}

// concerned are the portals that the selected applied steps are of.
func (s *shop) concerned(ctx context.Context, sel remedy.Selection) ([]daemon.Portal, error) {
	steps, err := s.db.Steps(ctx, remedy.Filter{Portal: sel.Portal, IDs: sel.Steps, Policy: sel.Policy, Run: sel.Run})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var names []string
	for _, step := range steps {
		if !seen[step.Portal] {
			seen[step.Portal] = true
			names = append(names, step.Portal)
		}
	}
	if len(names) == 0 {
		return nil, usage("there is no such step, run or policy among what was applied; see plumbline journal")
	}
	return s.portals(ctx, names)
}
