package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
)

func newBaseline(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "baseline", Short: "Remember what is wrong now, so that only what is new is counted",
		Example: "  plumbline baseline set q3\n  plumbline audit --new-since q3 --fail-on medium",
	}
	c.AddCommand(newBaselineSet(a), newBaselineShow(a), newBaselineClear(a))
	return c
}

// baselineOf is a command about a baseline of all portals, or of those that --portal names.
func (a *app) baselineOf(c *cobra.Command, do func(ctx context.Context, s *shop, portals []daemon.Portal, name string) error) *cobra.Command {
	portal := ""
	c.Flags().StringVar(&portal, "portal", "", "of this portal alone (default: all)")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		var names []string
		if portal != "" {
			names = []string{portal}
		}
		name := ""
		if len(args) > 0 {
			name = args[0]
		}
		s, err := a.open(cmd.Context())
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		portals, err := s.portals(cmd.Context(), names)
		if err != nil {
			return failed(err)
		}
		return failed(do(cmd.Context(), s, portals, name))
	}
	return c
}

func newBaselineSet(a *app) *cobra.Command {
	return a.baselineOf(&cobra.Command{
		Use: "set NAME", Short: "Name the last audit of each portal as a baseline",
		Long:    "What the last audit found is what had been there. A finding that is resolved and comes back later is new.",
		Example: "  plumbline baseline set q3\n  plumbline baseline set q3 --portal acme", Args: oneArg("a name for the baseline"),
	}, func(ctx context.Context, s *shop, portals []daemon.Portal, name string) error {
		if err := nameOfBaseline(name); err != nil {
			return err
		}
		set := 0
		for _, p := range portals {
			last, err := s.db.FiguresAt(ctx, p.Name, crm.At(s.now()))
			if err != nil {
				return err
			}
			if last == nil {
				a.warn("%s was not audited yet: run plumbline audit", p.Name)
				continue
			}
			if !last.Complete {
				a.warn("the last audit of %s is incomplete: what it could not read will count as new", p.Name)
			}
			if err := s.db.SetBaseline(ctx, store.Baseline{Portal: p.Name, Name: name, At: last.AsOf, Author: a.who()}); err != nil {
				return err
			}
			held, err := s.db.Held(ctx, p.Name, last.AsOf, last.AsOf)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s: baseline %s is the audit of %s, with %s\n", p.Name, name, last.AsOf, text.Plural(len(held), "finding"))
			set++
		}
		if set == 0 {
			return fmt.Errorf("baseline %s was not set", name)
		}
		return nil
	})
}

// nameOfBaseline refuses what audit --new-since would take for something else.
func nameOfBaseline(name string) error {
	_, err := parseTime(name, time.UTC)
	if err == nil || strings.TrimSpace(name) != name || name == "" || strings.ContainsAny(name, "/\\") {
		return usage("%q is no name for a baseline: it must not read as a time or as a path", name)
	}
	return nil
}

func newBaselineShow(a *app) *cobra.Command {
	format := ""
	c := a.baselineOf(&cobra.Command{
		Use: "show [NAME]", Short: "Show baselines, and how much of them is left and is new",
		Example: "  plumbline baseline show\n  plumbline baseline show q3 --format json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return oneArg("a baseline")(c, args)
		},
	}, func(ctx context.Context, s *shop, portals []daemon.Portal, name string) error {
		f, err := report.ParseFormat(format, report.Table, report.JSON)
		if err != nil {
			return usage("%w", err)
		}
		list := []report.Baseline{}
		for _, p := range portals {
			all, err := s.db.Baselines(ctx, p.Name)
			if err != nil {
				return err
			}
			for _, b := range all {
				if name != "" && b.Name != name {
					continue
				}
				view, err := s.baseline(ctx, b)
				if err != nil {
					return err
				}
				list = append(list, view)
			}
		}
		if name != "" && len(list) == 0 {
			return usage("there is no baseline %q; see plumbline baseline show", name)
		}
		return report.Baselines(a.stdout, f, a.style(), list)
	})
	c.Flags().StringVar(&format, "format", "table", "table or json")
	return c
}

// baseline counts what had been there, what of it still is, and what is new.
func (s *shop) baseline(ctx context.Context, b store.Baseline) (report.Baseline, error) {
	out := report.Baseline{Portal: b.Portal, Name: b.Name, At: b.At, Author: b.Author, Made: b.Made}
	then, err := s.db.Held(ctx, b.Portal, b.At, b.At)
	if err != nil {
		return out, err
	}
	still, err := s.db.Held(ctx, b.Portal, b.At, crm.At(s.now()))
	if err != nil {
		return out, err
	}
	open, err := s.db.OpenFindings(ctx, b.Portal)
	if err != nil {
		return out, err
	}
	out.Findings, out.StillOpen, out.New = len(then), len(still), len(open)-len(still)
	return out, nil
}

func newBaselineClear(a *app) *cobra.Command {
	return a.baselineOf(&cobra.Command{
		Use: "clear NAME", Short: "Forget a baseline", Example: "  plumbline baseline clear q3", Args: oneArg("a baseline"),
	}, func(ctx context.Context, s *shop, portals []daemon.Portal, name string) error {
		cleared := 0
		for _, p := range portals {
			was, err := s.db.ClearBaseline(ctx, p.Name, name)
			if err != nil {
				return err
			}
			if was {
				fmt.Fprintf(a.stdout, "%s: baseline %s is forgotten\n", p.Name, name)
				cleared++
			}
		}
		if cleared == 0 {
			return usage("there is no baseline %q; see plumbline baseline show", name)
		}
		return nil
	})
}
