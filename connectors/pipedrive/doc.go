// Package pipedrive reads and edits a Pipedrive account.
//
// Its one idea: what counts is tokens, not requests, so lists are read in pages of 500 and nothing is read deal by deal unless
// somebody asks for it. Its one rule: Pipedrive's names stay in here; what goes out are the nouns of crm.
package pipedrive
