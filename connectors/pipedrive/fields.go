package pipedrive

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/plumbline/plumbline/internal/crm"
)

// fieldLossReason is Pipedrive's own field of loss reasons: a text, chosen from the company's list or typed.
const fieldLossReason = "lost_reason"

// fieldChannel is Pipedrive's own field of the channels that deals come by.
const fieldChannel = "channel"

// The fields of deals that only come when they are asked for.
const (
	askNext    = "next_activity_id"
	askLast    = "last_activity_id"
	askDone    = "done_activities_count"
	askUndone  = "undone_activities_count"
	askMailIn  = "last_incoming_mail_time"
	askMailOut = "last_outgoing_mail_time"
	askMails   = "email_messages_count"
	askPeople  = "participants_count"
	askLines   = "products_count"
)

// plannedFacts are the facts that undone activities tell, doneFacts those that the last one done and the mails do, and
// activityFacts all of them.
const (
	plannedFacts  = crm.FactPlanned | crm.FactNextDue
	doneFacts     = crm.FactTouch | crm.FactBuyer | crm.FactTouches | crm.FactFirstTouch | crm.FactFirstMeeting | crm.FactFirstMail
	activityFacts = plannedFacts | doneFacts
)

// recordFacts are those that a deal's record tells. What is in neither is not known, whoever asks for it.
const recordFacts = crm.FactName | crm.FactCreated | crm.FactClosed | crm.FactOwner | crm.FactAmount | crm.FactCloseDate | crm.FactStageEntry |
	crm.FactHistory | crm.FactLossReason | crm.FactLossDetail | crm.FactCompany | crm.FactOrigin | crm.FactModified | crm.FactUpdated |
	crm.FactSource | crm.FactContacts | crm.FactDates

// dealQuery is what a list of deals is asked for. Pipedrive sends its built-in fields always, those that are counted only
// when asked, and all custom fields unless some are named: the fewest possible are.
func (c *reader) dealQuery(facts crm.Fact, loss crm.LossReason, alive bool) url.Values {
	q := url.Values{}
	var include []string
	for _, f := range []struct {
		facts crm.Fact // any of them
		alive bool     // asked of deals that are not archived alone
		names []string
	}{
		{plannedFacts, true, []string{askNext, askUndone}},
		{doneFacts, false, []string{askLast, askDone}},
		{doneFacts &^ (crm.FactBuyer | crm.FactFirstMeeting), false, []string{askMailOut}},
		{doneFacts &^ (crm.FactTouch | crm.FactFirstMeeting), false, []string{askMailIn}},
		{doneFacts &^ (crm.FactTouch | crm.FactBuyer | crm.FactFirstMeeting), false, []string{askMails}},
		{crm.FactContacts, false, []string{askPeople}},
		{crm.FactLineItems, true, []string{askLines}},
	} {
		if facts&f.facts != 0 && (alive || !f.alive) {
			include = append(include, f.names...)
		}
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

// byChannel are the origins that say by which channel a deal came, as letters in lower case: others say by what means it was
// entered.
var byChannel = map[string]bool{
	"webform": true, "webforms": true, "form": true, "forms": true, "webvisitors": true, "websitevisitors": true, "livechat": true, "chat": true,
	"chatbot": true, "messaginginbox": true, "scheduler": true, "prospector": true,
}

// byNone are names of channels that are none, as letters in lower case: the deal was entered, by hand or by a program.
var byNone = map[string]bool{"offline": true, "none": true, "manual": true, "manually": true, "manuallycreated": true, "api": true, "import": true}

// source reads the channel that a deal came by: the one chosen for it, else the one that its origin is. It is not known where the
// origin is none that is known.
func source(channel, origin string, names map[string]string) (name string, known bool) {
	if channel != "" {
		if name = names[channel]; name == "" {
			name = "channel " + channel
		}
		if byNone[letters(name)] {
			name = ""
		}
		return name, true
	}
	if byChannel[letters(origin)] {
		return origin, true
	}
	return "", howMade(origin) != crm.OriginUnknown
}

// letters are those of a name, in lower case.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// howMade reads how a deal was made: an open set of names.
func howMade(name string) crm.Origin {
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
