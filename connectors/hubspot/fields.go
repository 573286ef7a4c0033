package hubspot

import (
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// The properties of a deal that facts are read from.
const (
	propName       = "dealname"
	propPipeline   = "pipeline"
	propModified   = "hs_lastmodifieddate"
	propMerged     = "hs_merged_object_ids"
	propCreated    = "createdate"
	propClose      = "closedate"
	propOwner      = "hubspot_owner_id"
	propAmount     = "amount"
	propCurrency   = "deal_currency_code"
	propStageEntry = "hs_v2_date_entered_current_stage"
	propTouch      = "notes_last_contacted"
	propReply      = "hs_sales_email_last_replied"
	propMeeting    = "hs_latest_meeting_activity"
	propPlanned    = "notes_next_activity_date"
	propCompany    = "hs_primary_associated_company"
	propSource     = "hs_object_source"
	propLossText   = "closed_lost_reason"
	propType       = "dealtype"
	propChannel    = "hs_analytics_source"
	propContacts   = "num_associated_contacts"
	propTouches    = "num_contacted_notes" // calls, meetings and e-mails, those of the buyer too
	propOverdue    = "hs_number_of_overdue_tasks"
	propLines      = "hs_num_of_associated_line_items"
	propEditor     = "hs_updated_by_user_id"
)

// neverGiven are the facts that no property of a deal gives; fetched are those that a page alone does not give.
const (
	neverGiven = crm.FactUpdated | crm.FactFirstMail | crm.FactRules | crm.FactOutreach
	fetched    = crm.FactQuotes | crm.FactLineItems | crm.FactNextDue
)

// The properties that Plumbline makes for loss reasons.
const (
	ownLossReason = "plumbline_lost_reason"
	ownLossDetail = "plumbline_lost_reason_detail"
)

// wanted are the properties to be read for a set of facts. Those that tell where a deal stands, when it changed and what it
// swallowed are always among them.
func wanted(facts crm.Fact, loss crm.LossReason) []string {
	names := []string{propertyStage, propPipeline, propModified, propMerged}
	for _, f := range []struct {
		fact  crm.Fact
		names []string
	}{
		{crm.FactName, []string{propName}},
		{crm.FactCreated, []string{propCreated}},
		{crm.FactClosed, []string{propClose}},
		{crm.FactCloseDate, []string{propClose}},
		{crm.FactOwner, []string{propOwner}},
		{crm.FactAmount, []string{propAmount, propCurrency}},
		{crm.FactStageEntry, []string{propStageEntry}},
		{crm.FactTouch, []string{propTouch}},
		{crm.FactBuyer, []string{propReply, propMeeting}},
		{crm.FactPlanned, []string{propPlanned}},
		{crm.FactLossReason, []string{loss.Field, loss.TextField}},
		{crm.FactLossDetail, []string{loss.DetailField}},
		{crm.FactCompany, []string{propCompany}},
		{crm.FactOrigin, []string{propSource}},
		{crm.FactType, []string{propType}},
		{crm.FactSource, []string{propChannel}},
		{crm.FactContacts, []string{propContacts}},
		{crm.FactTouches, []string{propTouches}},
		{crm.FactFirstTouch, []string{propTouches, propTouch}},
		{crm.FactFirstMeeting, []string{propMeeting}},
		{crm.FactNextDue, []string{propPlanned, propOverdue}},
		{crm.FactLineItems, []string{propLines}},
		{crm.FactEditor, []string{propEditor}},
		{crm.FactDates, []string{propClose}},
	} {
		if facts.Has(f.fact) {
			names = append(names, f.names...)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "" })
}

// histories are the properties of which every value is read. They come with the deals, in pages of half the size.
func histories(facts crm.Fact) []string {
	var names []string
	for _, h := range []struct {
		facts crm.Fact // any of them
		name  string
	}{
		{crm.FactHistory | crm.FactCloser, propertyStage},
		{crm.FactDates, propClose},
		{crm.FactFirstTouch, propTouch},
		{crm.FactFirstMeeting, propMeeting},
	} {
		if facts&h.facts != 0 {
			names = append(names, h.name)
		}
	}
	return names
}

// channel reads what HubSpot says of the channel that a deal came by. What was not found online came by none that is known.
func channel(source string) string {
	if source == "OFFLINE" {
		return ""
	}
	return source
}

// origin reads what HubSpot says of where a record or a change came from: an open set of names.
func origin(source string) crm.Origin {
	switch source {
	case "CRM_UI", "CRM_UI_BULK_ACTION", "CONTACTS_WEB", "SALES", "CONVERSATIONS", "EXTENSION", "MOBILE_IOS", "MOBILE_ANDROID", "CONTACTS", "DEALS":
		return crm.OriginPerson
	case "AUTOMATION_PLATFORM", "AUTOMATION_JOURNEY", "WORKFLOWS", "TASK", "BOT", "PIPELINE_SETTINGS":
		return crm.OriginAutomation
	case "INTEGRATION", "API", "SALESFORCE", "INTEGRATIONS_SYNC", "DATASYNC":
		return crm.OriginIntegration
	case "IMPORT", "MIGRATION", "BATCH_UPDATE", "CLONE_OBJECTS":
		return crm.OriginImport
	}
	return crm.OriginUnknown
}
