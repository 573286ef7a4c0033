package pipedrive

import (
	"net/url"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// fieldLossReason is Pipedrive's own field of loss reasons: a text, chosen from the company's list or typed.
const fieldLossReason = "lost_reason"

// The fields of deals that only come when they are asked for.
const (
	askNext    = "next_activity_id"
	askLast    = "last_activity_id"
	askDone    = "done_activities_count"
	askUndone  = "undone_activities_count"
	askMailIn  = "last_incoming_mail_time"
	askMailOut = "last_outgoing_mail_time"
)

// activityFacts are the facts that activities tell.
const activityFacts = crm.FactTouch | crm.FactBuyer | crm.FactPlanned

// recordFacts are those that a deal's record tells. What is in neither is not known, whoever asks for it.
const recordFacts = crm.FactName | crm.FactCreated | crm.FactClosed | crm.FactOwner | crm.FactAmount | crm.FactCloseDate | crm.FactStageEntry |
	crm.FactHistory | crm.FactLossReason | crm.FactLossDetail | crm.FactCompany | crm.FactOrigin | crm.FactModified | crm.FactUpdated

// dealQuery is what a list of deals is asked for. Pipedrive sends its built-in fields always, those that are counted only
// when asked, and all custom fields unless some are named: the fewest possible are.
func (c *reader) dealQuery(facts crm.Fact, loss crm.LossReason, alive bool) url.Values {
	q := url.Values{}
	var include []string
	if alive && facts.Has(crm.FactPlanned) {
		include = append(include, askNext, askUndone)
	}
	if facts.Has(crm.FactTouch) || facts.Has(crm.FactBuyer) {
		include = append(include, askLast, askDone)
	}
	if facts.Has(crm.FactTouch) {
		include = append(include, askMailOut)
	}
	if facts.Has(crm.FactBuyer) {
		include = append(include, askMailIn)
	}
	if len(include) > 0 {
		q.Set("include_fields", strings.Join(include, ","))
	}
	if custom := c.custom(facts, loss); len(custom) > 0 {
		q.Set("custom_fields", strings.Join(custom, ","))
	}
	return q
}

// custom are the custom fields to ask for: those that facts are read from. Where there are none, any one will do, for naming
// it keeps all others away, which are most of a record's size.
func (c *reader) custom(facts crm.Fact, loss crm.LossReason) []string {
	var out []string
	if facts.Has(crm.FactLossReason) && loss.Field != fieldLossReason && loss.Field != "" {
		out = append(out, loss.Field)
	}
	if facts.Has(crm.FactLossDetail) && loss.DetailField != "" {
		out = append(out, loss.DetailField)
	}
	if len(out) > 0 {
		return out
	}
	for code, f := range c.knownFields() {
		if f.Custom && (len(out) == 0 || code < out[0]) {
			out = []string{code}
		}
	}
	return out
}

// origin reads how a deal was made: an open set of names.
func origin(name string) crm.Origin {
	switch strings.ToLower(name) {
	case "manuallycreated", "mobile", "app":
		return crm.OriginPerson
	case "automation", "workflow", "automations":
		return crm.OriginAutomation
	case "api", "marketplace", "integration":
		return crm.OriginIntegration
	case "import", "importer", "migration":
		return crm.OriginImport
	}
	return crm.OriginUnknown
}

// The kinds of activities that policies tell apart, as Schema.ActivityKinds gives them.
const (
	kindCall    = "call"
	kindMeeting = "meeting"
	kindEmail   = "email"
	kindTask    = "task"
)

// kindOf tells what a type of activity is by Pipedrive's own key, or by the icon of one that the account made.
func kindOf(key, icon string) string {
	switch {
	case slices.Contains([]string{key, icon}, "call") || icon == "smartphone":
		return kindCall
	case slices.Contains([]string{"meeting", "lunch"}, key) || slices.Contains([]string{"meeting", "lunch", "presentation"}, icon):
		return kindMeeting
	case key == "email" || icon == "email":
		return kindEmail
	}
	return kindTask
}

// kinds gives each type of activity its kind.
func kinds(types []activityType) map[string]string {
	out := map[string]string{}
	for _, key := range []string{"call", "meeting", "lunch", "email", "task", "deadline"} {
		out[key] = kindOf(key, "")
	}
	for _, t := range types {
		if t.Key != "" {
			out[t.Key] = kindOf(t.Key, t.Icon)
		}
	}
	return out
}
