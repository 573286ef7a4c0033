package reasons

import (
	_ "embed"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/losses"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed lost-reason-options-missing.md
var lostReasonOptionsMissingDoc string

type lostReasonOptionsMissing struct {
	Required []string `yaml:"required" desc:"reasons without which the list is incomplete, by their values"`
	Wanted   []string `yaml:"wanted" desc:"reasons that are missed at low severity"`
	Detail   bool     `yaml:"detail" desc:"whether there must be a place for details beside the list"`
}

// LostReasonOptionsMissing finds lists of loss reasons that lack a reason for which deals are lost everywhere.
func LostReasonOptionsMissing() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "lost-reason-options-missing", Title: "The list of loss reasons has gaps", Doc: lostReasonOptionsMissingDoc,
		Group: audit.Reasons, Family: audit.FamilySetup, Rank: 101, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedLossReason}, Sources: "S1 S2 S4", Fix: audit.FixAdvice, Subject: crm.KindPortal,
		Facts: crm.FactLossReason,
		Message: `{{if index . "missing"}}The list of loss reasons has no option that means: {{join .missing}}{{end}}` +
			`{{if index . "no_detail"}}{{if index . "missing"}}. {{end}}There is no place for details beside the list of loss reasons{{end}}`,
	}, lostReasonOptionsMissing{
		Required: []string{"budget", "competitor", vocabulary.Unresponsive, "status_quo", "decision_maker", vocabulary.Other},
		Wanted:   []string{"timing", "commitment", "product_fit"},
		Detail:   true,
	})
}

// Validate refuses reasons that nobody knows.
func (s lostReasonOptionsMissing) Validate() error { return known(slices.Concat(s.Required, s.Wanted)) }

func (s lostReasonOptionsMissing) Check(p *audit.Pass) {
	at := p.Snap.Schema.LossReason
	switch {
	case at.Kind == "", at.Kind != crm.LossText && len(at.Options) == 0:
		p.UnknownAt(crm.KindPortal, 0, audit.NeedLossReason, "which loss reasons its list has is not known")
		return
	case at.Kind == crm.LossText: // there is no list: lost-reason-free-text says so
		return
	}
	book := losses.Of(p)
	lacks := func(values []string) []string {
		return slices.DeleteFunc(slices.Clone(values), func(v string) bool { _, ok := book.Option(v); return ok })
	}
	required, wanted := lacks(s.Required), lacks(s.Wanted)
	noDetail := s.Detail && at.Kind == crm.LossOptions && at.DetailField == "" && at.TextField == ""
	severity := audit.Low
	switch {
	case len(required) > 0 || noDetail:
		severity = audit.Medium
	case len(wanted) == 0:
		p.OKAt(crm.KindPortal, 0)
		return
	}
	facts := audit.Facts{}
	var manual []string
	if missing := labels(slices.Concat(required, wanted)); len(missing) > 0 {
		facts["missing"] = missing
		manual = append(manual, toAdd(p))
	}
	if noDetail {
		facts["no_detail"] = true
		manual = append(manual, "add-loss-detail")
	}
	p.FoundAt(crm.KindPortal, 0, audit.Found{Severity: severity, Facts: facts, Fix: &audit.Fix{Kind: audit.FixAdvice, Manual: manual}})
}
