package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors/csvfile"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/report"
)

// explainFlags are the flags of explain.
type explainFlags struct {
	csv                  csvFlags
	snapshot             string // a file that snapshot export wrote
	portal, asOf, format string
	output               report.Format
}

func newExplain(a *app) *cobra.Command {
	f := &explainFlags{}
	c := &cobra.Command{
		Use: "explain DEAL", Short: "Tell all that is known and judged of one deal",
		Long: "Shows the deal's way through the stages beside their usual times, what was found and passed by which data and settings,\n" +
			"and what could not be judged and why. A deal is named by its id or, where only one has it, by its name.",
		Example: "  plumbline explain 9876543210\n  plumbline explain --portal acme \"Example Ltd. renewal\" --format json\n  plumbline explain --csv deals.csv 1C1I7A6R",
		Args:    oneArg("a deal's id or name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if f.csv.file != "" || f.snapshot != "" {
				return failed(a.explainFile(cmd.Context(), f, args[0]))
			}
			return failed(a.explainPortals(cmd.Context(), f, args[0]))
		},
	}
	f.csv.bind(c, "csv", "explain a deal of a CSV `file` instead of a portal's")
	c.Flags().StringVar(&f.snapshot, "snapshot", "", "explain a deal of a `file` of snapshot export instead of a portal's")
	c.Flags().StringVar(&f.portal, "portal", "", "of this portal (default: of the only one that has such a deal)")
	c.Flags().StringVar(&f.asOf, "as-of", "", "judge as of this `time` (RFC 3339, or a date: the end of that day)")
	c.Flags().StringVar(&f.format, "format", "table", "table or json")
	return c
}

func (f *explainFlags) check() (err error) {
	if f.output, err = report.ParseFormat(f.format, report.Table, report.JSON); err != nil {
		return usage("%w", err)
	}
	if f.asOf != "" {
		if _, err := csvfile.ParseAsOf(f.asOf, time.UTC); err != nil {
			return usage("--as-of: %w", err)
		}
	}
	given := 0
	for _, where := range []string{f.portal, f.csv.file, f.snapshot} {
		given += min(1, len(where))
	}
	if given > 1 {
		return usage("give one of --portal, --csv and --snapshot, not several")
	}
	return f.csv.alone("csv")
}

func (a *app) explainFile(ctx context.Context, f *explainFlags, deal string) error {
	var in audit.Input
	var err error
	if f.snapshot != "" {
		in, err = a.snapshotInput(f.snapshot, f.asOf)
	} else {
		in, err = a.fileInput(ctx, &f.csv, f.asOf)
	}
	if err != nil {
		return err
	}
	e, err := audit.Explain(ctx, in, deal)
	if err != nil {
		return misnamed(err)
	}
	return a.showExplanation(f, e)
}

func (a *app) explainPortals(ctx context.Context, f *explainFlags, deal string) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	var names []string
	if f.portal != "" {
		names = []string{f.portal}
	}
	portals, err := s.portals(ctx, names)
	if err != nil {
		return err
	}
	var found []*audit.Explanation
	var in []string
	var errs []error
	for _, p := range portals {
		e, err := s.explain(ctx, p, f.asOf, deal)
		switch {
		case err == nil:
			found, in = append(found, e), append(in, p.Name)
		case errors.Is(err, audit.ErrNoDeal), errors.Is(err, daemon.ErrNothingPulled):
			errs = append(errs, err)
		default:
			return misnamed(err)
		}
	}
	switch {
	case len(found) > 1:
		return usage("portals %s have such a deal: say which with --portal", strings.Join(in, " and "))
	case len(found) == 0:
		return misnamed(errors.Join(errs...))
	}
	return a.showExplanation(f, found[0])
}

func (s *shop) explain(ctx context.Context, p daemon.Portal, asOf, deal string) (*audit.Explanation, error) {
	var at crm.Instant
	if asOf != "" {
		var err error
		if at, err = csvfile.ParseAsOf(asOf, p.Zone); err != nil {
			return nil, usage("--as-of: %w", err)
		}
	}
	return s.cycle(false).Explain(ctx, p, at, deal)
}

// misnamed makes wrong usage of a deal that there is not, or whose name several have.
func misnamed(err error) error {
	var several *audit.SeveralDeals
	if errors.As(err, &several) {
		return usage("%w; give the id", several)
	}
	if errors.Is(err, audit.ErrNoDeal) {
		return usage("%w", err)
	}
	return err
}

func (a *app) showExplanation(f *explainFlags, e *audit.Explanation) error {
	w, err := a.catalogue().words()
	if err != nil {
		return err
	}
	if err := report.Explain(a.stdout, f.output, w, a.style(), e); err != nil {
		return err
	}
	var v verdict
	if !e.Complete {
		v.add(exitIncomplete)
		a.sayIncomplete(e.Portal, e.Incomplete)
	}
	return v.err()
}
