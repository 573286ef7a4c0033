package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"slices"

	"github.com/spf13/cobra"

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
	wait := false
	c := &cobra.Command{
		Use: "plan [NAME…]", Short: "Plan the fixes of the last audit; nothing is written to the CRM",
		Long:    "Audits what was pulled and plans its fixes as steps that wait for approval. The same findings give the same steps.",
		Example: "  plumbline plan acme\n  plumbline plan acme --format json --out plan.json",
	}
	c.Flags().StringVar(&format, "format", "table", "table or json")
	c.Flags().StringVar(&out, "out", "", "write the plan as JSON to this `file` too")
	c.Flags().BoolVar(&wait, "wait", false, "wait for a portal that another process works on")
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
		plans, errs := a.makePlans(cmd.Context(), s.cycle(wait), portals)
		if len(plans) > 0 {
			err = a.showPlans(plans, len(portals) > 1, f, out)
		}
		if len(errs) > 0 {
			return failed(errors.Join(errs...))
		}
		return failed(err)
	}
	return c
}

// makePlans plans portal by portal; one that cannot be planned keeps no other from it.
func (a *app) makePlans(ctx context.Context, cycle *daemon.Cycle, portals []daemon.Portal) (plans []*remedy.Plan, errs []error) {
	for _, p := range portals {
		result, err := cycle.Audit(ctx, p, 0)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		plan, err := cycle.Plan(ctx, p, result, a.who(), false)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		plans = append(plans, plan)
	}
	return plans, errs
}

// showPlans writes the plans, as a list where several portals were asked for.
func (a *app) showPlans(plans []*remedy.Plan, several bool, f report.Format, out string) error {
	write := func(w io.Writer, f report.Format, style report.Style) error {
		if several && f == report.JSON {
			return report.WriteJSON(w, plans)
		}
		return report.Plans(w, f, style, plans...)
	}
	var v verdict
	for _, p := range plans {
		if !p.Complete {
			v.add(exitIncomplete)
			a.warn("the plan of %s rests on incomplete data", p.Portal)
		}
	}
	if out != "" {
		file, err := os.OpenFile(out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		err = write(file, report.JSON, report.Style{})
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("write %s: %w", out, err)
		}
	}
	if err := write(a.stdout, f, a.style()); err != nil {
		return err
	}
	return v.err()
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
		portals, err := s.connected(cmd.Context(), args)
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
				a.warn("%s: step %s is %s: %s", r.Portal, step.ID, step.State, step.Why)
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
		f, s, chosen, err := a.chosen(cmd, sel, format, args)
		if err != nil {
			return err
		}
		defer s.Close()
		if len(chosen) == 0 {
			return usage("nothing was applied by such a run or policy; see plumbline journal")
		}
		portals, err := s.portals(cmd.Context(), slices.Sorted(maps.Keys(chosen)))
		if err != nil {
			return failed(err)
		}
		cycle := s.cycle(wait)
		run := daemon.Run{ID: daemon.NewRunID(a.now()), Who: a.who()}
		return failed(a.writePortals(portals, f, func(p daemon.Portal) (*remedy.Result, error) {
			r, err := cycle.Undo(cmd.Context(), p, run, chosen[p.Name])
			return s.undone(cmd.Context(), r, err)
		}))
	}
	return c
}
