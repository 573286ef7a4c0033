package reasons

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/losses"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

// The properties that Plumbline creates. Connectors read a portal's loss reasons from them once they exist.
const (
	reasonProperty = "plumbline_lost_reason"
	detailProperty = "plumbline_lost_reason_detail"
)

// dropDown is the fix for reasons that live in text: a drop-down with the recommended options, a property for the details, and
// both filled for every lost deal whose text can be told. The CRM's own field is left as it is. Where people already have a
// drop-down of their own, or the portal cannot be written to, it is advice.
func dropDown(p *audit.Pass) *audit.Fix {
	at := p.Snap.Schema.LossReason
	switch {
	case at.Kind == crm.LossOptions && at.Field != reasonProperty:
		manual := []string{"require-own-loss-reason"}
		if at.TextField != "" {
			manual = append(manual, "hide-old-loss-reason")
		}
		return &audit.Fix{Kind: audit.FixAdvice, Manual: manual}
	case !at.Writable:
		return &audit.Fix{Kind: audit.FixAdvice, Manual: []string{"choose-loss-reason", toAdd(p)}}
	case at.ByHand && at.Kind == crm.LossText:
		return listToType(p)
	}
	manual := []string{"require-loss-reason", "hide-old-loss-reason"}
	var edits []crm.Edit
	if at.Kind != crm.LossOptions {
		edits = append(edits, property(p, reasonProperty, "Lost reason", "enumeration", options()))
	}
	if at.DetailField != detailProperty {
		edits = append(edits, property(p, detailProperty, "Lost reason detail", "string", ""))
	}
	for r := range p.Lost() {
		if e, ok := fill(p, r); ok {
			edits = append(edits, e)
		}
	}
	return &audit.Fix{Kind: audit.FixLossFields, Edits: edits, Manual: manual}
}

// property is the edit that creates a property of deals.
func property(p *audit.Pass, name, label, kind, options string) crm.Edit {
	after := crm.Fields{crm.FieldName: name, crm.FieldLabel: label, crm.FieldType: kind}
	if options != "" {
		after[crm.FieldOptions] = options
	}
	return crm.Edit{
		Target: crm.Ref{Portal: p.Snap.Portal, Kind: crm.KindProperty},
		Op:     crm.OpAddProperty, Before: crm.Fields{}, After: after,
	}
}

// options are the recommended loss reasons as FieldOptions wants them.
func options() string {
	var list []crm.Option
	for _, o := range vocabulary.Options() {
		list = append(list, crm.Option{Value: o.Value, Label: o.Label})
	}
	b, err := json.Marshal(list)
	if err != nil { // strings always marshal
		panic(err)
	}
	return string(b)
}

// listToType is the fix where the CRM has a list of reasons that no program can write, and takes other texts beside it: one step by
// hand for every reason to add, so that the plan is the list to type, and one to close the list.
func listToType(p *audit.Pass) *audit.Fix {
	var manual []string
	for _, label := range missing(p) {
		manual = append(manual, fmt.Sprintf("Company settings > Lost reasons: add %q", label))
	}
	return &audit.Fix{Kind: audit.FixLossList, Manual: append(manual, "Company settings > Lost reasons: switch free-form reasons off")}
}

// toAdd is the list to type in one line; "" when none is missing.
func toAdd(p *audit.Pass) string {
	labels := missing(p)
	if len(labels) == 0 {
		return ""
	}
	return "Recommended reasons to add to the list: " + strings.Join(labels, "; ")
}

// missing are the recommended reasons that none of the portal's options means, by their labels.
func missing(p *audit.Pass) []string {
	book := losses.Of(p)
	var labels []string
	for _, o := range vocabulary.Options() {
		if _, ok := book.Option(o.Value); !ok {
			labels = append(labels, o.Label)
		}
	}
	return labels
}

// fill is the edit that files one lost deal's text under the option that it means; ok is false where there is no text, where
// the classifier is not sure enough of it, or where an option was chosen already.
func fill(p *audit.Pass, r crm.Row) (crm.Edit, bool) {
	if !r.Known.Has(crm.FactLossReason) {
		return crm.Edit{}, false
	}
	text := p.Snap.Text(r.LossText)
	reason := p.Snap.Text(r.LossReason)
	if p.Snap.Schema.LossReason.Kind == crm.LossOptions {
		if !vocabulary.Blank(reason) {
			return crm.Edit{}, false
		}
	} else if vocabulary.Blank(text) {
		text = reason
	}
	if vocabulary.Blank(text) {
		return crm.Edit{}, false
	}
	option := losses.Of(p).Read(text).Class
	if option == "" || option == vocabulary.Junk {
		return crm.Edit{}, false
	}
	e := crm.Edit{
		Target: crm.Ref{Portal: p.Snap.Portal, Kind: crm.KindDeal, ID: p.Snap.ID(r.Index)},
		Op:     crm.OpSet,
		Before: crm.Fields{crm.PropertyField(reasonProperty): ""},
		After:  crm.Fields{crm.PropertyField(reasonProperty): option},
	}
	if vocabulary.Blank(p.Snap.Text(r.LossDetail)) {
		e.Before[crm.PropertyField(detailProperty)] = ""
		e.After[crm.PropertyField(detailProperty)] = text
	}
	return e, true
}
