package pipedrive

import (
	"regexp"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// customRe recognises the code of a custom field.
var customRe = regexp.MustCompile(`^[0-9a-f]{40}$`)

// lossReason finds where the account keeps loss reasons: in the custom field named in the configuration, else in Pipedrive's
// own text, which the company may have made a list for. A field of texts has nothing that could be chosen for a deal. The deal holds the label's text, not the option's id, so label and
// value are one.
func (c *reader) lossReason(fields map[string]dealField) crm.LossReason {
	own := fields[fieldLossReason]
	out := crm.LossReason{Kind: crm.LossText, Field: fieldLossReason, DetailField: c.opts.LossDetail, Writable: true, ByHand: true}
	if f, ok := c.named(fields, c.opts.LossReason); ok && f.Code != fieldLossReason {
		out = crm.LossReason{Kind: crm.LossText, Field: f.Code, DetailField: c.opts.LossDetail, TextField: fieldLossReason}
		if f.Type == "enum" {
			out.Kind, out.Options, out.Writable = crm.LossOptions, optionsOf(f, false), true
		}
	} else if len(own.Options) > 0 {
		out.Kind, out.Options = crm.LossMixed, optionsOf(own, true)
	}
	if f, ok := c.named(fields, c.opts.LossDetail); ok {
		out.DetailField = f.Code
	}
	return out
}

// named finds a field by its code, or by the name that people see.
func (c *reader) named(fields map[string]dealField, name string) (dealField, bool) {
	if f, ok := fields[name]; ok || name == "" {
		return f, ok
	}
	var found []dealField
	for _, f := range fields {
		if f.Custom && f.Name == name {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		return dealField{}, false
	}
	return found[0], true
}

func optionsOf(f dealField, byLabel bool) []crm.Option {
	var out []crm.Option
	for _, o := range f.Options {
		v := o.ID.text
		if byLabel {
			v = o.Label.text
		}
		if v != "" && !slices.ContainsFunc(out, func(other crm.Option) bool { return other.Value == v }) {
			out = append(out, crm.Option{Value: v, Label: o.Label.text})
		}
	}
	return out
}

// writable reports whether we know how to write a custom field.
func writable(f dealField) bool {
	return slices.Contains([]string{"varchar", "text", "varchar_auto", "enum", "double", "int", "date"}, f.Type)
}
