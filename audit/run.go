package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

func run(ctx context.Context, in Input) (*Result, error) {
	r, err := prepare(in)
	if err != nil {
		return nil, err
	}
	if err := r.all(ctx, func(*group) {}); err != nil {
		return nil, err
	}
	return r.result(r.groups), nil
}

// prepare readies the runner of an audit.
func prepare(in Input) (*runner, error) {
	if in.Snapshot == nil {
		return nil, errors.New("audit: there is no snapshot")
	}
	if in.Now.IsZero() {
		return nil, errors.New("audit: there is no moment to judge")
	}
	snap := in.Snapshot
	if in.Now < snap.Taken && later(snap, in.Now) {
		snap = AsOf(snap, in.Now)
	}
	groups, err := groups(snap, in.Checks)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	r := newRunner(snap, in.Now)
	r.shared.lossPhrases = in.LossPhrases
	r.groups, r.wasFound, r.waivers = groups, in.Open, in.Waivers
	return r, nil
}

// all runs every policy, calling after with each while what it said of single records is still known, and puts the findings into
// cases.
func (r *runner) all(ctx context.Context, after func(*group)) error {
	for i := range r.groups {
		if err := r.policy(ctx, &r.groups[i]); err != nil {
			return err
		}
		after(&r.groups[i])
	}
	r.waive(r.waivers)
	r.cases()
	return nil
}

// policy runs the checks of one policy.
func (r *runner) policy(ctx context.Context, g *group) error {
	clear(r.deals)
	clear(r.others)
	count := &Judged{}
	r.counts[g.policy.ID] = count
	for i := range g.checks {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		p := &Pass{Snap: r.snap, Now: r.now, Stats: r.stats, check: &g.checks[i], scope: &g.scopes[i], run: r, count: count, family: r.families[g.policy.Family]}
		if err := guarded(func() { p.check.Settings.Check(p) }); err != nil {
			return fmt.Errorf("audit: policy %s: %w", g.policy.ID, err)
		}
	}
	if err := guarded(r.settle); err != nil {
		return fmt.Errorf("audit: policy %s: %w", g.policy.ID, err)
	}
	return nil
}

// guarded runs a check and turns a panic, which is a bug of the policy, into an error that says where it happened.
func guarded(check func()) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		pcs := make([]uintptr, 64)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
		for {
			f, more := frames.Next()
			if !strings.HasPrefix(f.Function, "runtime.") && !strings.Contains(f.Function, "audit.(*Pass)") && !strings.Contains(f.Function, "audit.(*runner)") {
				err = fmt.Errorf("%v (%s:%d)", v, f.Function, f.Line)
				return
			}
			if !more {
				err = fmt.Errorf("%v", v)
				return
			}
		}
	}()
	check()
	return nil
}

// waive marks the findings that somebody accepted until a date that is still to come.
func (r *runner) waive(waivers []Waiver) {
	by := make(map[string]*Waiver, len(waivers))
	for i := range waivers {
		w := &waivers[i]
		if old := by[w.Finding]; w.Until > r.now && (old == nil || old.Until < w.Until) {
			by[w.Finding] = w
		}
	}
	for i := range r.findings {
		if w := by[r.findings[i].ID]; w != nil {
			r.findings[i].Waived = &Waiver{Finding: w.Finding, Reason: w.Reason, Author: w.Author, Until: w.Until}
		}
	}
}

// cases groups the findings on deals by deal and family. The leader is the first in the family's order that is not waived.
// What is no deal's, or of no family, stands for itself.
func (r *runner) cases() {
	type key struct {
		deal   int32
		family Family
	}
	leads := map[key]int{}
	for i := range r.findings {
		f := &r.findings[i]
		if f.off {
			continue
		}
		if f.at.kind != crm.KindDeal || f.Family == "" {
			f.Lead = true
			continue
		}
		f.Case = caseID(f.Subject, f.Family)
		k := key{f.at.index, f.Family}
		if best, ok := leads[k]; !ok || r.leads(i, best) {
			leads[k] = i
		}
	}
	for _, i := range leads {
		r.findings[i].Lead = true
	}
}

// leads reports whether finding i goes before finding j of its case.
func (r *runner) leads(i, j int) bool {
	a, b := &r.findings[i], &r.findings[j]
	if (a.Waived == nil) != (b.Waived == nil) {
		return a.Waived == nil
	}
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.ID, b.ID)) < 0
}

func caseID(subject crm.Ref, family Family) string {
	sum := sha256.Sum256([]byte(subject.Portal + "\x00" + string(family) + "\x00" + subject.ID))
	return hex.EncodeToString(sum[:8])
}

// result puts together what is kept of the run.
func (r *runner) result(groups []group) *Result {
	c := r.snap.Completeness
	out := &Result{
		Portal: r.snap.Portal, CRM: r.snap.CRM, AsOf: r.now, Complete: c.Complete(), Incomplete: c.Gaps, Read: c.Read,
		Judged: map[string]Judged{}, MissingNeeds: r.missingNeeds(), Findings: []Finding{}, Unknown: r.unknown,
		Pipelines: r.stats.numbers(), UnclassifiedLosses: append([]TextCount{}, r.shared.unclassified...), LossClassifier: r.shared.classifier,
	}
	if out.Incomplete == nil {
		out.Incomplete = []crm.Gap{}
	}
	if out.Read == nil {
		out.Read = map[string]crm.Count{}
	}
	if out.Unknown == nil {
		out.Unknown = []Unknown{}
	}
	for i := range groups {
		g := &groups[i]
		if slices.ContainsFunc(g.checks, func(c Check) bool { return !c.Off }) {
			out.Judged[g.policy.ID] = *r.counts[g.policy.ID]
		}
		if g.off() && !g.policy.Off {
			out.PoliciesOff++
		}
	}
	for i := range r.findings {
		if !r.findings[i].off {
			out.Findings = append(out.Findings, r.findings[i].Finding)
		}
	}
	slices.SortFunc(out.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Subject.Kind, b.Subject.Kind), cmp.Compare(a.Subject.ID, b.Subject.ID), cmp.Compare(a.Key, b.Key))
	})
	r.score(out)
	return out
}
