package remedy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

// TestWhatBelongsIntoTheDigest gives an owner one task for all the small questions, never one per deal.
func TestWhatBelongsIntoTheDigest(t *testing.T) {
	var findings []audit.Finding
	for n := range 3 {
		findings = append(findings, finding("lost-other-without-detail", fmt.Sprint(100+n), audit.Low, audit.FixDigest))
	}
	findings = append(findings, with(finding("lost-other-without-detail", "200", audit.Low, audit.FixDigest), func(f *audit.Finding) { f.Owner = "8" }))
	d := newDesk(findings...)
	p := d.expect(t, "at first", "add-task 100 v1 proposed", "add-task 200 v1 proposed")
	for _, s := range p.Steps {
		body := s.Edit.After[crm.FieldBody]
		if want := map[string]int{"7": 3, "8": 1}[s.Edit.After[crm.FieldOwner]]; s.Policy != "digest" || strings.Count(body, "lost-other-without-detail") != want {
			t.Errorf("%s of %s for %s lists %q, want %d deals", s.Summary, s.Policy, s.Edit.After[crm.FieldOwner], body, want)
		}
	}
	d.approveAll(t)
	d.apply(t)
	d.day(1)
	d.find(findings...)
	d.expect(t, "the next day")

	d = newDesk(findings...)
	d.blind = true
	for _, s := range d.expect(t, "where nothing can be written", "add-task 100 v1 manual", "add-task 200 v1 manual").Steps {
		if s.Why == "" {
			t.Error("nobody says why the digest is a person's")
		}
	}
}

// TestAdviceThatNamesSteps shows what a person is to do, once for all the deals that it is about.
func TestAdviceThatNamesSteps(t *testing.T) {
	byHand := func(f audit.Finding, keys ...string) audit.Finding {
		return with(f, func(f *audit.Finding) { f.Fix.Manual = keys })
	}
	stage := with(finding("unclear-stage-name", "1", audit.Low, audit.FixRename), func(f *audit.Finding) {
		f.Subject = crm.Ref{Portal: "acme", Kind: crm.KindStage, ID: "s1"}
		f.ID, f.Case = audit.FindingID(f.Policy, f.Subject, ""), ""
	})
	d := newDesk(
		finding("stage-skipped", "5", audit.Medium, audit.FixAdvice), // no more than advice
		byHand(finding("lost-reason-nonstandard", "6", audit.Medium, audit.FixAdvice), "choose it"),
		byHand(finding("lost-reason-nonstandard", "7", audit.Medium, audit.FixAdvice), "choose it"),
		byHand(stage, "rename it"),
	)
	summaries := func(p *remedy.Plan) map[string]string {
		out := map[string]string{}
		for _, s := range p.Steps {
			if s.State != remedy.Manual || s.Edit.Op != "" || s.Deal != "" {
				t.Errorf("%s is %s with %v of deal %q", s.Policy, s.State, s.Edit, s.Deal)
			}
			out[s.Policy] = s.Summary
		}
		return out
	}
	first := d.plan(t)
	if got := summaries(first); len(got) != 2 || got["lost-reason-nonstandard"] != "by hand: choose it (2 deals)" || got["unclear-stage-name"] != "by hand: rename it" {
		t.Errorf("the plan says %q", got)
	}
	d.day(1)
	d.find(d.result.Findings[:2]...)
	again := d.plan(t)
	if got := summaries(again); len(got) != 1 || got["lost-reason-nonstandard"] != "by hand: choose it (1 deal)" || again.Steps[0].Version != 1 {
		t.Errorf("the next day it says %q, version %d", got, again.Steps[0].Version)
	}
	d.opts.Daemon = true
	d.find(with(d.result.Findings[1], func(f *audit.Finding) { f.Fix.Mode = audit.ModeReport }))
	if p := d.plan(t); len(p.Steps) != 1 { // the person's step stays, and none is made
		t.Errorf("the daemon makes steps of what is only to be reported: %v", brief(p))
	}
	d = newDesk(byHand(with(stage, func(f *audit.Finding) { f.Fix.Mode = audit.ModeReport }), "rename it"))
	d.opts.Daemon = true
	d.expect(t, "the daemon, where all is only to be reported")
}
