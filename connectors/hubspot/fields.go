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
	} {
		if facts.Has(f.fact) {
			names = append(names, f.names...)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "" })
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
