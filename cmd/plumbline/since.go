package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors/csvfile"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/store"
)

// ratchet tells which findings of one audit had been there before what --new-since names.
type ratchet struct {
	report.NewSince
	same map[string]bool // of a file: its findings, by [sameAs]
}

// The kinds of what --new-since can name.
const (
	sinceBaseline = "baseline"
	sinceTime     = "time"
	sinceFile     = "file"
)

// sameAs names a finding whatever portal it is of: two files of one pipeline have two names.
func sameAs(policy string, kind crm.Kind, id, key string) string {
	return strings.Join([]string{policy, string(kind), id, key}, "\x00")
}

// parseTime reads a time, or a date: the first instant of that day.
func parseTime(s string, zone *time.Location) (crm.Instant, error) {
	if t, err := time.ParseInLocation(time.DateOnly, strings.TrimSpace(s), zone); err == nil {
		return crm.At(t), nil
	}
	return csvfile.ParseAsOf(s, zone)
}

// newRatchet reads what --new-since names: one of the baselines, a time, or a file of audits, of which the portal's is taken;
// without a portal its only one.
func newRatchet(what string, zone *time.Location, baselines []store.Baseline, portal string) (*ratchet, error) {
	if i := slices.IndexFunc(baselines, func(b store.Baseline) bool { return b.Name == what }); i >= 0 {
		return &ratchet{NewSince: report.NewSince{What: what, Kind: sinceBaseline, At: baselines[i].At}}, nil
	}
	if at, err := parseTime(what, zone); err == nil {
		return &ratchet{NewSince: report.NewSince{What: what, Kind: sinceTime, At: at}}, nil
	}
	text, err := os.ReadFile(what)
	switch {
	case errors.Is(err, os.ErrNotExist):
		is := "a time nor a file"
		if portal != "" {
			is = "a baseline of " + portal + ", a time nor a file"
		}
		return nil, usage("--new-since: %q is neither %s%s", what, is, namesOfBaselines(baselines))
	case err != nil:
		return nil, usage("--new-since: %w", err)
	}
	r, err := readAudits(text, portal)
	if err != nil {
		return nil, usage("--new-since: %s: %w", what, err)
	}
	r.What = what
	return r, nil
}

func namesOfBaselines(list []store.Baseline) string {
	if len(list) == 0 {
		return ""
	}
	names := make([]string, len(list))
	for i, b := range list {
		names[i] = b.Name
	}
	return " (its baselines: " + strings.Join(names, ", ") + ")"
}

// auditFile is what is read of a file that audit --format json made.
type auditFile struct {
	Portal   string           `json:"portal"`
	AsOf     crm.Instant      `json:"as_of"`
	Complete *bool            `json:"complete"`
	New      *report.NewSince `json:"new_since"`
	Findings *[]struct {
		Policy  string  `json:"policy"`
		Subject crm.Ref `json:"subject"`
		Key     string  `json:"key"`
	} `json:"findings"`
}

// readAudits reads such a file: the audit of a portal or, for no portal, the only one.
func readAudits(text []byte, portal string) (*ratchet, error) {
	var all []auditFile
	if err := json.Unmarshal(text, &all); err != nil {
		var one auditFile
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("it is not what audit --format json writes: %w", err)
		}
		all = []auditFile{one}
	}
	if portal != "" {
		all = slices.DeleteFunc(all, func(f auditFile) bool { return f.Portal != portal })
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("it has no audit of portal %s", portal)
	case len(all) > 1:
		return nil, errors.New("it has several audits")
	case all[0].Findings == nil || all[0].AsOf.IsZero() || all[0].Complete == nil:
		return nil, errors.New("it is not what audit --format json writes")
	case all[0].New != nil:
		return nil, errors.New("it holds only what was new when it was made; make one without --new-since")
	}
	r := &ratchet{NewSince: report.NewSince{Kind: sinceFile, At: all[0].AsOf}, same: map[string]bool{}}
	for _, f := range *all[0].Findings {
		r.same[sameAs(f.Policy, f.Subject.Kind, f.Subject.ID, f.Key)] = true
	}
	return r, nil
}

// apply leaves of a result the findings that are new, in a copy. at audits the same data as of a moment; it is asked where nothing
// else tells what had been there then. held tells which findings held from a moment on up to that of the result; nil where nothing
// is kept.
func (r *ratchet) apply(result *audit.Result, held func() (map[string]bool, error), at func(crm.Instant) (*audit.Result, error)) (report.Audited, error) {
	out := report.Audited{Result: result}
	if r.At > result.AsOf {
		return out, usage("--new-since: %s is later than the moment that is judged, %s", r.At, result.AsOf)
	}
	known := func(f *audit.Finding) bool { return r.same[sameAs(f.Policy, f.Subject.Kind, f.Subject.ID, f.Key)] }
	if r.Kind != sinceFile {
		var ids map[string]bool
		var err error
		if held != nil {
			ids, err = held()
		} else {
			var before *audit.Result
			if before, err = at(r.At); err == nil {
				ids = map[string]bool{}
				for i := range before.Findings {
					ids[before.Findings[i].ID] = true
				}
			}
		}
		if err != nil {
			return out, err
		}
		known = func(f *audit.Finding) bool { return ids[f.ID] }
	}
	since, shown := r.NewSince, *result
	shown.Findings = []audit.Finding{}
	for i := range result.Findings {
		if known(&result.Findings[i]) {
			since.Known++
		} else {
			shown.Findings = append(shown.Findings, result.Findings[i])
		}
	}
	out.Result, out.New = &shown, &since
	return out, nil
}

// ratchets reads --new-since for each portal, before anything is audited.
func (s *shop) ratchets(ctx context.Context, what string, portals []daemon.Portal) (map[string]*ratchet, error) {
	out := map[string]*ratchet{}
	if what == "" {
		return out, nil
	}
	for _, p := range portals {
		baselines, err := s.db.Baselines(ctx, p.Name)
		if err != nil {
			return nil, err
		}
		if out[p.Name], err = newRatchet(what, p.Zone, baselines, p.Name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// onlyNew applies a portal's ratchet to its audit. What had been there before the first audit that is kept, an audit of the data of
// then tells.
func (s *shop) onlyNew(ctx context.Context, cycle *daemon.Cycle, p daemon.Portal, r *ratchet, result *audit.Result) (report.Audited, error) {
	first, err := s.db.FirstAudit(ctx, p.Name)
	if err != nil {
		return report.Audited{}, err
	}
	var held func() (map[string]bool, error)
	if !first.IsZero() && r.At >= first {
		held = func() (map[string]bool, error) { return s.db.Held(ctx, p.Name, r.At, result.AsOf) }
	}
	return r.apply(result, held, func(at crm.Instant) (*audit.Result, error) { return cycle.Audit(ctx, p, at) })
}

// before adds what is kept of the time before an audit: earlier scores and the trend of a week.
func (s *shop) before(ctx context.Context, a *report.Audited) (err error) {
	const day = 24 * time.Hour
	if a.Trend, err = s.db.Trend(ctx, a.Portal, a.AsOf.Add(-7*day)); err != nil {
		return err
	}
	seen := a.AsOf
	for _, days := range []time.Duration{7, 30, 90} {
		then, err := s.db.FiguresAt(ctx, a.Portal, a.AsOf.Add(-days*day))
		if err != nil {
			return err
		}
		if then == nil || then.Score == nil || then.AsOf == seen {
			continue
		}
		seen = then.AsOf
		a.Past = append(a.Past, report.PastScore{Days: int(a.AsOf.Days(then.AsOf) + 0.5), At: then.AsOf, Score: *then.Score})
	}
	return nil
}
