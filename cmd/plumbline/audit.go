package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors/csvfile"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/text"
)

// auditFlags are the flags of audit.
type auditFlags struct {
	csv      csvFlags
	asOf     string
	format   string
	failOn   string
	severity audit.Severity
	output   report.Format
	several  bool // portals were asked for: their JSON is an array, however many could be audited
}

// csvFlags say how a CSV file is to be read; sandbox --load-csv has them too.
type csvFlags struct{ file, mapping, history, stages, timezone string }

func (f *csvFlags) bind(c *cobra.Command, fileFlag, what string) {
	c.Flags().StringVar(&f.file, fileFlag, "", what)
	c.Flags().StringVar(&f.mapping, "map", "", "which title feeds which column: `ours=theirs,…`; ours= says that the CRM has no such value")
	c.Flags().StringVar(&f.history, "history", "", "`file` of stage moves (deal,stage,entered)")
	c.Flags().StringVar(&f.stages, "stages", "", `the stages in order with their outcome: "A,B,Won=won,Lost=lost"`)
	c.Flags().StringVar(&f.timezone, "timezone", "", "IANA time zone of dates (default UTC)")
}

// alone refuses flags about a file where there is none.
func (f *csvFlags) alone(fileFlag string) error {
	if f.file == "" && (f.mapping != "" || f.history != "" || f.stages != "" || f.timezone != "") {
		return usage("--map, --history, --stages and --timezone go with --%s", fileFlag)
	}
	return nil
}

func (f *csvFlags) open() (*csvfile.File, error) {
	loc, err := zone(f.timezone)
	if err != nil {
		return nil, err
	}
	file, err := csvfile.Open(csvfile.Options{File: f.file, History: f.history, Map: f.mapping, Stages: f.stages, Zone: loc})
	var bad *csvfile.OptionError
	switch {
	case errors.As(err, &bad):
		return nil, usage("%w", bad)
	case errors.Is(err, os.ErrNotExist):
		return nil, usage("%w", err)
	}
	return file, err
}

func newAudit(a *app) *cobra.Command {
	f := &auditFlags{}
	c := &cobra.Command{
		Use:   "audit [NAME…]",
		Short: "Judge what was pulled, or a file",
		Long:  "Runs the policies over the last pull of the named portals (default: all), or over a CSV file.\nWhat cannot be judged is said, and is neither a finding nor a pass.",
		Example: `  plumbline audit acme --fail-on high
  plumbline audit --csv deals.csv --stages "New,Demo,Won=won,Lost=lost" --format markdown
  plumbline audit --csv deals.csv --map "id=Deal number,amount=Value,lost_reason=" --as-of 2026-09-30`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			if f.csv.file != "" {
				return failed(a.auditFile(cmd.Context(), f))
			}
			return failed(a.auditPortals(cmd.Context(), f, args))
		},
	}
	f.csv.bind(c, "csv", "audit a CSV `file` instead of a portal")
	c.Flags().StringVar(&f.asOf, "as-of", "", "judge as of this `time` (RFC 3339, or a date: the end of that day)")
	c.Flags().StringVar(&f.format, "format", "table", "table, json, csv, markdown or junit")
	c.Flags().StringVar(&f.failOn, "fail-on", "", "exit 3 when there is a finding of this `severity` or above")
	return c
}

func (f *auditFlags) check(args []string) error {
	var err error
	if f.output, err = report.ParseFormat(f.format, report.Table, report.JSON, report.CSV, report.Markdown, report.JUnit); err != nil {
		return usage("%w", err)
	}
	if f.failOn != "" {
		if err := f.severity.UnmarshalText([]byte(f.failOn)); err != nil {
			return usage("--fail-on: %w", err)
		}
	}
	if f.asOf != "" {
		if _, err := csvfile.ParseAsOf(f.asOf, time.UTC); err != nil {
			return usage("--as-of: %w", err)
		}
	}
	if err := f.csv.alone("csv"); err != nil {
		return err
	}
	if f.csv.file != "" && len(args) > 0 {
		return usage("name portals or give --csv, not both")
	}
	return nil
}

// auditFile audits a CSV file, with the configuration's policies where there is one.
func (a *app) auditFile(ctx context.Context, f *auditFlags) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	list, err := a.catalogue().checks(cfg.Checks)
	if err != nil {
		return err
	}
	file, err := f.csv.open()
	if err != nil {
		return err
	}
	for _, n := range file.Notes {
		a.tell("%s", n)
	}
	for _, r := range file.Unreadable {
		a.warn("%s", r)
	}
	now := crm.At(a.now())
	if f.asOf != "" {
		loc, err := zone(f.csv.timezone)
		if err != nil {
			return err
		}
		if now, err = csvfile.ParseAsOf(f.asOf, loc); err != nil {
			return usage("--as-of: %w", err)
		}
	}
	snap, err := mirror.Collect(ctx, file, mirror.Options{Portal: file.Portal, CRM: csvfile.Name, Facts: crm.AllFacts, Now: a.now, Log: a.log()})
	if err != nil {
		return err
	}
	result, err := audit.Run(ctx, audit.Input{Snapshot: snap, Checks: list, Now: now})
	if err != nil {
		return err
	}
	return a.showAudits(f, result)
}

// auditPortals audits what was pulled of portals.
func (a *app) auditPortals(ctx context.Context, f *auditFlags, names []string) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	portals, err := s.portals(ctx, names)
	if err != nil {
		return err
	}
	cycle := s.cycle(false)
	results := []*audit.Result{}
	var errs []error // of portals that could not be audited; the others are shown all the same
	for _, p := range portals {
		var at crm.Instant
		if f.asOf != "" {
			if at, err = csvfile.ParseAsOf(f.asOf, p.Zone); err != nil {
				return usage("--as-of: %w", err)
			}
		}
		r, err := cycle.Audit(ctx, p, at)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		results = append(results, r)
	}
	f.several = len(portals) > 1
	if len(results) > 0 {
		err = a.showAudits(f, results...)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return err
}

// showAudits writes results and says by the exit code what they amount to.
func (a *app) showAudits(f *auditFlags, results ...*audit.Result) error {
	w, err := a.catalogue().words()
	if err != nil {
		return err
	}
	if f.several && f.output == report.JSON {
		err = report.WriteJSON(a.stdout, auditViews(w, results))
	} else {
		err = report.Audits(a.stdout, f.output, w, a.style(), results...)
	}
	if err != nil {
		return err
	}
	var v verdict
	for _, r := range results {
		if !r.Complete {
			v.add(exitIncomplete)
			a.sayIncomplete(r.Portal, r.Incomplete)
		}
		for _, x := range r.Findings {
			if f.severity != audit.NoSeverity && x.Severity >= f.severity && x.Waived == nil {
				v.add(exitFindings)
			}
		}
	}
	return v.err()
}

// auditViews are the published JSON forms of results.
func auditViews(w *text.Words, results []*audit.Result) []any {
	views := make([]any, len(results))
	for i, r := range results {
		views[i] = report.AuditJSON(w, r)
	}
	return views
}

// sayIncomplete tells on stderr what could not be read and why.
func (a *app) sayIncomplete(portal string, gaps []crm.Gap) {
	for _, g := range gaps {
		more := ""
		if !g.RetryAt.IsZero() {
			more = "; it can go on at " + g.RetryAt.String()
		}
		a.warn("%s is incomplete: %s: %s%s", portal, g.Object, g.Why, more)
	}
}
