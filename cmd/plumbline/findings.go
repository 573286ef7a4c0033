package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/store"
)

// findingsFlags are the flags of findings.
type findingsFlags struct {
	store.FindingFilter
	severity, state, format, since string
	trend                          bool
	output                         report.Format
}

// trendDays is how far findings --trend looks back unless --since says otherwise.
const trendDays = audit.Days(30 * 24 * time.Hour)

func newFindings(a *app) *cobra.Command {
	f := &findingsFlags{}
	c := &cobra.Command{
		Use: "findings [NAME…]", Short: "List the kept findings, or what has become of them",
		Long: "Lists the findings that the last audits of the named portals (default: all) left open, or those that are resolved or waived.\n" +
			"--trend counts instead what is new, reopened, still open and resolved since a moment, and how old it is.",
		Example: "  plumbline findings acme --severity high\n  plumbline findings --policy stale-in-stage --owner \"Jane Doe\" --format json\n" +
			"  plumbline findings --state waived\n  plumbline findings acme --trend --since 2026-10-01",
	}
	c.Flags().StringVar(&f.Policy, "policy", "", "of this `policy`")
	c.Flags().StringVar(&f.severity, "severity", "", "of this `severity`")
	c.Flags().StringVar(&f.Pipeline, "pipeline", "", "in this pipeline (name or id)")
	c.Flags().StringVar(&f.Stage, "stage", "", "in this stage (name or id)")
	c.Flags().StringVar(&f.Owner, "owner", "", "of this owner (name or id)")
	c.Flags().StringVar(&f.state, "state", "open", "open, resolved or waived")
	c.Flags().BoolVar(&f.trend, "trend", false, "what is new, reopened, still open and resolved")
	c.Flags().StringVar(&f.since, "since", "", "with --trend: since this `time` (RFC 3339 or a date), or so long ago (default 30d)")
	c.Flags().StringVar(&f.format, "format", "table", "table, json or csv; with --trend table or json")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		s, err := a.openAbout(cmd.Context(), f.Policy)
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		portals, err := s.portals(cmd.Context(), args)
		if err != nil {
			return failed(err)
		}
		if f.trend {
			return failed(a.trends(cmd.Context(), s, f, portals))
		}
		f.Portals = args
		return failed(a.listFindings(cmd.Context(), s, f))
	}
	return c
}

func (f *findingsFlags) check(c *cobra.Command) (err error) {
	allowed := []report.Format{report.Table, report.JSON, report.CSV}
	if f.trend {
		allowed = allowed[:2]
	}
	if f.output, err = report.ParseFormat(f.format, allowed...); err != nil {
		return usage("%w", err)
	}
	if f.severity != "" {
		if err := f.Severity.UnmarshalText([]byte(f.severity)); err != nil {
			return usage("--severity: %w", err)
		}
	}
	if f.State = store.FindingState(f.state); !strings.Contains(" open resolved waived ", " "+f.state+" ") {
		return usage("--state %q: choose open, resolved or waived", f.state)
	}
	if f.since != "" && !f.trend {
		return usage("--since goes with --trend")
	}
	for _, name := range []string{"policy", "severity", "pipeline", "stage", "owner", "state"} {
		if f.trend && c.Flags().Changed(name) {
			return usage("--%s does not go with --trend", name)
		}
	}
	return nil
}

func (a *app) listFindings(ctx context.Context, s *shop, f *findingsFlags) error {
	kept, err := s.db.Findings(ctx, f.FindingFilter)
	if err != nil {
		return err
	}
	if f.State == store.FindingWaived {
		slices.SortStableFunc(kept, func(a, b store.KeptFinding) int { return int(min(1, max(-1, a.Waived.Until-b.Waived.Until))) })
	}
	list := make([]report.Kept, len(kept))
	for i, k := range kept {
		list[i] = report.Kept{Finding: k.Finding, State: string(k.State), Opened: k.Opened, Resolved: k.Resolved}
	}
	if f.State == store.FindingWaived && f.output == report.Table {
		return report.Waived(a.stdout, s.words, a.style(), list, crm.At(a.now()))
	}
	return report.Findings(a.stdout, f.output, s.words, a.style(), list)
}

// trends tells what has become of the findings of portals.
func (a *app) trends(ctx context.Context, s *shop, f *findingsFlags, portals []daemon.Portal) error {
	list := []*audit.Trend{}
	for _, p := range portals {
		since, err := f.from(crm.At(a.now()), p)
		if err != nil {
			return err
		}
		t, err := s.db.Trend(ctx, p.Name, since)
		if err != nil {
			return err
		}
		if t == nil {
			a.warn("%s was audited only once since then, or never: there is nothing to compare", p.Name)
			continue
		}
		list = append(list, t)
	}
	return report.Trends(a.stdout, f.output, s.words, a.style(), list)
}

// from reads --since.
func (f *findingsFlags) from(now crm.Instant, p daemon.Portal) (crm.Instant, error) {
	days := trendDays
	if f.since != "" && days.UnmarshalText([]byte(f.since)) != nil {
		at, err := parseTime(f.since, p.Zone)
		if err != nil {
			return 0, usage("--since: %w", fmt.Errorf("%w, nor a number of days (30d)", err))
		}
		return at, nil
	}
	return now.Add(-days.Duration()), nil
}
