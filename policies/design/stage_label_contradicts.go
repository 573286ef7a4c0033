package design

import (
	_ "embed"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed stage-label-contradicts.md
var stageLabelContradictsDoc string

type stageLabelContradicts struct{}

// StageLabelContradicts finds stages whose names say another thing than the CRM's flags or ids.
func StageLabelContradicts() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "stage-label-contradicts", Title: "A stage that is not what its name says", Doc: stageLabelContradictsDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 10, Severity: audit.Critical,
		Sources: "P", Fix: audit.FixAdvice, Subject: crm.KindStage,
		Message: `{{if index . "shipped"}}The CRM ships this stage as "{{.shipped}}", here it is named "{{.stage}}"` +
			`{{else}}"{{.stage}}" reads as {{if eq .reads "step"}}an open step{{else}}{{.reads}}{{end}}, but the stage counts as {{.counts}}{{end}}`,
	}, stageLabelContradicts{})
}

func (stageLabelContradicts) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		for stage := range p.Stages(pipeline) {
			at, r := p.Snap.Stage(stage), reading(p, stage)
			if found, wrong := contradiction(at, r); wrong {
				found.Fix = advice()
				p.FoundAt(crm.KindStage, stage, found)
			} else if !r.Readable {
				unreadable(p, stage)
			} else {
				p.OKAt(crm.KindStage, stage)
			}
		}
	}
}

// contradiction tells how a stage's name contradicts its flag, else its id.
func contradiction(at *crm.Stage, r vocabulary.StageReading) (audit.Found, bool) {
	says := saysClosed(r)
	facts := audit.Facts{"stage": at.Name, "counts": at.Kind.String()}
	switch {
	case at.Kind == crm.Won && says == vocabulary.Lost, at.Kind == crm.Lost && says == vocabulary.Won:
		facts["reads"] = string(says)
		return audit.Found{Severity: audit.Critical, Facts: facts}, true
	case at.Kind == crm.Open && (r.Closing != "" || says == vocabulary.Lost):
		facts["reads"] = string(says)
		return audit.Found{Severity: audit.High, Facts: facts}, true
	case at.Kind != crm.Open && r.Step:
		facts["reads"] = "step"
		return audit.Found{Severity: audit.High, Facts: facts}, true
	case at.Shipped != "" && relabelled(at.Shipped, r):
		return audit.Found{Severity: audit.Info, Facts: audit.Facts{"stage": at.Name, "shipped": at.Shipped}}, true
	}
	return audit.Found{}, false
}

// saysClosed returns Won or Lost where a name reads as that and, reasons of a loss aside, as nothing else.
func saysClosed(r vocabulary.StageReading) vocabulary.Kind {
	if r.Closing != "" {
		return r.Closing
	}
	var says vocabulary.Kind
	for _, k := range r.Kinds {
		switch {
		case k == vocabulary.LossReason && r.Is(vocabulary.Lost):
		case (k == vocabulary.Won || k == vocabulary.Lost) && says == "":
			says = k
		default:
			return ""
		}
	}
	return says
}

// relabelled reports whether a name surely means something else than the one under which the CRM ships the stage.
func relabelled(shipped string, r vocabulary.StageReading) bool {
	was := vocabulary.Default().Read(shipped)
	return len(was.Kinds) > 0 && len(r.Kinds) > 0 && !slices.ContainsFunc(was.Kinds, r.Is)
}
