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
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/text"
)

// auditFlags are the flags of audit.
type auditFlags struct {
	csv      csvFlags
	snapshot string // a file that snapshot export wrote
	asOf     string
	format   string
	failOn   string
	newSince string
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
		Long:  "Runs the policies over the last pull of the named portals (default: all), over a CSV file, or over a\nfile of snapshot export, as of the moment that it shows. What cannot be judged is said, and is neither a finding nor a pass.",
		Example: `  plumbline audit acme --fail-on high
  plumbline audit --csv deals.csv --stages "New,Demo,Won=won,Lost=lost" --format markdown
  plumbline audit acme --new-since q3 --fail-on medium
  plumbline audit --csv deals.csv --map "id=Deal number,amount=Value,lost_reason=" --as-of 2026-09-30
  plumbline audit --snapshot acme.zip`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			if f.csv.file != "" || f.snapshot != "" {
				return failed(a.auditFile(cmd.Context(), f))
			}
			return failed(a.auditPortals(cmd.Context(), f, args))
		},
	}
	f.csv.bind(c, "csv", "audit a CSV `file` instead of a portal")
	c.Flags().StringVar(&f.snapshot, "snapshot", "", "audit a `file` of snapshot export instead of a portal")
	c.Flags().StringVar(&f.asOf, "as-of", "", "judge as of this `time` (RFC 3339, or a date: the end of that day)")
	c.Flags().StringVar(&f.format, "format", "table", "table, json, csv, markdown or junit")
	c.Flags().StringVar(&f.failOn, "fail-on", "", "exit 3 when there is a finding of this `severity` or above")
	c.Flags().StringVar(&f.newSince, "new-since", "", "show and count only what is new since a `baseline`, a time, or an audit in a JSON file")
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
	if f.snapshot != "" && (len(args) > 0 || f.csv.file != "") {
		return usage("name portals, or give --csv, or --snapshot: one of them")
	}
	return nil
}

// auditFile audits a CSV file or a snapshot's, with the configuration's policies where there is one.
func (a *app) auditFile(ctx context.Context, f *auditFlags) error {
	read := func() (audit.Input, error) { return a.fileInput(ctx, &f.csv, f.asOf) }
	if f.snapshot != "" {
		read = func() (audit.Input, error) { return a.snapshotInput(f.snapshot, f.asOf) }
	}
	in, err := read()
	if err != nil {
		return err
	}
	var since *ratchet
	if f.newSince != "" {
		if since, err = newRatchet(f.newSince, in.Snapshot.Zone(), nil, ""); err != nil {
			return err
		}
	}
	result, err := audit.Run(ctx, in)
	if err != nil {
		return err
	}
	shown := report.Audited{Result: result}
	if since != nil {
		shown, err = since.apply(result, nil, func(at crm.Instant) (*audit.Result, error) {
			then := in
			then.Now = at
			return audit.Run(ctx, then)
		})
		if err != nil {
			return err
		}
	}
	return a.showAudits(f, shown)
}

// fileInput reads a CSV file for an audit as of a moment; "" is now. What could not be read of it is told.
func (a *app) fileInput(ctx context.Context, f *csvFlags, asOf string) (in audit.Input, err error) {
	cfg, err := a.loadConfig()
	if err != nil {
		return in, err
	}
	if in.Checks, err = a.catalogue().checks(cfg.Checks); err != nil {
		return in, err
	}
	file, err := f.open()
	if err != nil {
		return in, err
	}
	for _, n := range file.Notes {
		a.tell("%s", n)
	}
	for _, r := range file.Unreadable {
		a.warn("%s", r)
	}
	in.Now = crm.At(a.now())
	if asOf != "" {
		loc, err := zone(f.timezone)
		if err != nil {
			return in, err
		}
		if in.Now, err = csvfile.ParseAsOf(asOf, loc); err != nil {
			return in, usage("--as-of: %w", err)
		}
	}
	in.Snapshot, err = mirror.Collect(ctx, file, mirror.Options{Portal: file.Portal, CRM: csvfile.Name, Facts: crm.AllFacts, Now: a.now, Log: a.log()})
	return in, err
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
	ratchets, err := s.ratchets(ctx, f.newSince, portals)
	if err != nil {
		return err
	}
	list := []report.Audited{}
	var errs []error // of portals that could not be audited; the others are shown all the same
	for _, p := range portals {
		shown, err := s.audit(ctx, p, f.asOf, ratchets[p.Name])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, shown)
	}
	f.several = len(portals) > 1
	if len(list) > 0 {
		err = a.showAudits(f, list...)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return err
}

// audit audits one portal, and looks at what was before where the audit is of now.
func (s *shop) audit(ctx context.Context, p daemon.Portal, asOf string, since *ratchet) (out report.Audited, err error) {
	var at crm.Instant
	if asOf != "" {
		if at, err = csvfile.ParseAsOf(asOf, p.Zone); err != nil {
			return out, usage("--as-of: %w", err)
		}
	}
	cycle := s.cycle(false)
	result, err := cycle.Audit(ctx, p, at)
	if err != nil {
		return out, err
	}
	out.Result = result
	if since != nil {
		if out, err = s.onlyNew(ctx, cycle, p, since, result); err != nil {
			return out, err
		}
	}
	if at.IsZero() {
		err = s.before(ctx, &out)
	}
	return out, err
}

// showAudits writes results and says by the exit code what they amount to.
func (a *app) showAudits(f *auditFlags, results ...report.Audited) error {
	w, err := a.catalogue().words()
	if err != nil {
		return err
	}
	if f.several && f.output == report.JSON {
		err = report.AuditArray(a.stdout, w, results...)
	} else {
		err = report.AuditsBeside(a.stdout, f.output, w, a.style(), results...)
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
