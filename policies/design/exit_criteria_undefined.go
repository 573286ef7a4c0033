package design

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/evidence"
)

//go:embed exit-criteria-undefined.md
var exitCriteriaUndefinedDoc string

type exitCriteriaUndefined struct {
	Share  audit.Share `yaml:"share" desc:"share of the won deals that must have had a kind of evidence for it to be advised"`
	MinWon int         `yaml:"min_won" desc:"how many won deals must have passed a stage to learn from them"`
}

// ExitCriteriaUndefined finds portals where nothing says what a deal must have to be in a stage.
func ExitCriteriaUndefined() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "exit-criteria-undefined", Title: "No exit criteria are written down", Doc: exitCriteriaUndefinedDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 21, Severity: audit.Info,
		Sources: "S3 S1", Fix: audit.FixAdvice, Subject: crm.KindPortal,
		Facts: crm.FactEvidence | crm.FactQuotes | crm.FactHistory | crm.FactClosed,
		Message: `Nothing says what a deal must have to get from stage to stage in {{join .pipelines}}` +
			`{{if index . "learned"}}; what most won deals had when they left a stage: {{join .learned}}{{end}}`,
	}, exitCriteriaUndefined{Share: 0.7, MinWon: 20})
}

func (s exitCriteriaUndefined) Validate() error {
	if s.MinWon < 1 || s.Share <= 0 {
		return errors.New("min_won must be at least 1, share more than 0%")
	}
	return nil
}

func (s exitCriteriaUndefined) Check(p *audit.Pass) {
	var without, learned []string
	for pipeline := range int32(len(p.Snap.Schema.Pipelines)) {
		if !s.defined(p, pipeline) {
			without = append(without, p.Snap.Schema.Pipelines[pipeline].Name)
			learned = append(learned, s.learned(p, pipeline)...)
		}
	}
	if len(without) == 0 {
		p.OKAt(crm.KindPortal, 0)
		return
	}
	facts := audit.Facts{"pipelines": without}
	if len(learned) > 0 {
		facts["learned"] = learned
	}
	p.FoundAt(crm.KindPortal, 0, audit.Found{Severity: audit.Info, Facts: facts, Fix: advice()})
}

// defined reports whether anything is asked of deals from the second open stage of a pipeline on: by a rule of the configuration or
// by fields that the CRM requires. Where there is no second one, nothing needs to be.
func (s exitCriteriaUndefined) defined(p *audit.Pass, pipeline int32) bool {
	open := slices.Collect(openStages(p, pipeline))
	if len(open) < 2 || p.Written("stage-without-evidence", "evidence", pipeline) {
		return true
	}
	return slices.ContainsFunc(open[1:], func(stage int32) bool { return len(p.Snap.Stage(stage).Required) > 0 })
}

// learned says, per open stage of a pipeline, what kinds of evidence most won deals had when they left it, and had a week ago.
func (s exitCriteriaUndefined) learned(p *audit.Pass, pipeline int32) []string {
	var out []string
	now, before := evidence.Lessons(p, 0), evidence.Lessons(p, evidence.Settled)
	for stage := range openStages(p, pipeline) {
		var kinds []string
		for kind, name := range evidence.Names() {
			if now[stage].Usual(kind, s.MinWon, float64(s.Share)) && before[stage].Usual(kind, s.MinWon, float64(s.Share)) {
				kinds = append(kinds, name)
			}
		}
		if len(kinds) > 0 {
			out = append(out, fmt.Sprintf("%s (%s)", p.Snap.Stage(stage).Name, strings.Join(kinds, " and ")))
		}
	}
	return out
}
