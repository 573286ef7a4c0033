// Package hubspot reads and edits a HubSpot portal.
//
// Its one idea: a page of the deal list carries properties and stage history together, so a portal of N deals is read in
// ceil(N/50) requests and six more. Its one rule: HubSpot's names stay in here; what goes out are the nouns of crm.
package hubspot
