package hubspot

import (
	"regexp"

	"github.com/plumbline/plumbline/internal/crm"
)

// lossRe recognises a property that says why a deal was lost, by its name or its label in the languages of HubSpot's pages.
var lossRe = regexp.MustCompile(`(?i)(lost|loss|losing)[ _-]*(deal[ _-]*)?reason|reason[ _-]*(for|of|why|deal|closed)?[ _-]*(the[ _-]*|was[ _-]*)*(lost|loss)` +
	`|motifs? de (la )?perte|raisons? de (la )?perte|verlustgrund|grund f(ü|ue)r (den )?verlust|motivos? de (la )?p[ée]rdida|raz[óo]n(es)? de (la )?p[ée]rdida` +
	`|motivos? d[ae] perda|motivo (della )?perdita|reden (van )?verlies|kay[ıi]p (nedeni|sebebi)|kaybetme (nedeni|sebebi)|丢单原因|輸單原因|输单原因|失单原因|丟單原因|流失原因|失注理由`)

// lossReason finds where the portal keeps loss reasons: in the property named in the configuration, else in the one that
// Plumbline made, else in a drop-down of deals that says so, else in HubSpot's own free text.
func (c *reader) lossReason(properties map[string]property) crm.LossReason {
	name := c.opts.LossReason
	if _, ok := properties[ownLossReason]; name == "" && ok {
		name = ownLossReason
	}
	if name == "" {
		name = dropDown(properties)
	}
	if name == "" {
		name = propLossText
	}
	p, exists := properties[name]
	out := crm.LossReason{Kind: crm.LossText, Field: name, DetailField: c.opts.LossDetail, Writable: exists && p.writable()}
	if name != propLossText {
		out.TextField = propLossText
	}
	if _, ok := properties[ownLossDetail]; out.DetailField == "" && ok {
		out.DetailField = ownLossDetail
	}
	if p.Type == "enumeration" {
		out.Kind, out.Options = crm.LossOptions, optionsOf(p)
	}
	return out
}

// dropDown finds a visible drop-down of deals whose name or label says that it holds loss reasons.
func dropDown(properties map[string]property) string {
	for _, p := range sorted(properties) {
		if p.Type == "enumeration" && !p.Hidden && !p.External && p.writable() && (lossRe.MatchString(p.Name) || lossRe.MatchString(p.Label)) {
			return p.Name
		}
	}
	return ""
}

func optionsOf(p property) []crm.Option {
	var out []crm.Option
	for _, o := range p.Options {
		out = append(out, crm.Option{Value: o.Value, Label: o.Label, Hidden: o.Hidden})
	}
	return out
}
