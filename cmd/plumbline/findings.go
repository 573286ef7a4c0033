package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/store"
)

func newFindings(a *app) *cobra.Command {
	var filter store.FindingFilter
	var severity, state, format string
	c := &cobra.Command{
		Use: "findings [NAME…]", Short: "List the kept findings",
		Example: "  plumbline findings acme --severity high\n  plumbline findings --policy stale-in-stage --owner \"Jane Doe\" --format json\n  plumbline findings --state resolved",
	}
	c.Flags().StringVar(&filter.Policy, "policy", "", "of this `policy`")
	c.Flags().StringVar(&severity, "severity", "", "of this `severity`")
	c.Flags().StringVar(&filter.Pipeline, "pipeline", "", "in this pipeline (name or id)")
	c.Flags().StringVar(&filter.Stage, "stage", "", "in this stage (name or id)")
	c.Flags().StringVar(&filter.Owner, "owner", "", "of this owner (name or id)")
	c.Flags().StringVar(&state, "state", "open", "open, resolved or waived")
	c.Flags().StringVar(&format, "format", "table", "table, json or csv")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := report.ParseFormat(format, report.Table, report.JSON, report.CSV)
		if err != nil {
			return usage("%w", err)
		}
		if severity != "" {
			if err := filter.Severity.UnmarshalText([]byte(severity)); err != nil {
				return usage("--severity: %w", err)
			}
		}
		if filter.State = store.FindingState(state); !strings.Contains(" open resolved waived ", " "+state+" ") {
			return usage("--state %q: choose open, resolved or waived", state)
		}
		s, err := a.openAbout(cmd.Context(), filter.Policy)
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		if _, err := s.portals(cmd.Context(), args); err != nil {
			return failed(err)
		}
		filter.Portals = args
		kept, err := s.db.Findings(cmd.Context(), filter)
		if err != nil {
			return failed(err)
		}
		list := make([]report.Kept, len(kept))
		for i, k := range kept {
			list[i] = report.Kept{Finding: k.Finding, State: string(k.State), Opened: k.Opened, Resolved: k.Resolved}
		}
		return failed(report.Findings(a.stdout, f, s.words, a.style(), list))
	}
	return c
}
