package text

import (
	"fmt"
	"strings"
)

// deeds are what puts the records of a policy right, said of several deals.
func deeds() map[string]string {
	return map[string]string{
		"open-too-long":             "are moved forward or closed",
		"stale-in-stage":            "are moved forward or closed",
		"no-buyer-activity":         "get an answer from the buyer, or are closed",
		"next-activity-overdue":     "have their overdue activity done",
		"no-next-activity":          "get a next activity",
		"follow-up-overdue":         "get a follow-up",
		"close-date-past":           "get a close date that is still to come",
		"close-date-missing":        "get a close date",
		"close-date-pushed":         "get a close date that holds",
		"close-date-too-soon":       "get a realistic close date",
		"close-date-default":        "get a close date that somebody chose",
		"amount-missing":            "get an amount",
		"amount-suspicious":         "get a real amount",
		"owner-missing":             "get an owner",
		"owner-inactive":            "get an active owner",
		"contact-missing":           "get a contact",
		"single-threaded":           "get another contact",
		"dates-impossible":          "get possible dates",
		"duplicate-deal":            "are merged with their twins",
		"won-incomplete":            "are completed",
		"stage-without-evidence":    "get the evidence of their stage",
		"behind-its-evidence":       "are moved to the stage that they have come to",
		"lost-reason-missing":       "get a loss reason",
		"lost-reason-nonstandard":   "get a loss reason of the list",
		"lost-other-without-detail": "get a detail beside the reason",
	}
}

// Gain says on what condition a score would rise by what a policy's findings cost: "these 37 deals get a close date". setUp tells
// that the records are of the set-up and no deals.
func (w *Words) Gain(policy string, records int, setUp bool) string {
	deed, ok := deeds()[policy]
	switch {
	case setUp:
		return fmt.Sprintf("the set-up is put right in %s: %s", plural(records, "place"), w.Title(policy))
	case !ok:
		return fmt.Sprintf("%s put right: %s", these(records, "are"), w.Title(policy))
	}
	verb, rest, _ := strings.Cut(deed, " ")
	if records == 1 {
		rest = strings.NewReplacer("their twins", "its twin", "their ", "its ", "they have", "it has", "or are ", "or is ").Replace(rest)
	}
	return these(records, verb) + " " + rest
}

// these are so many deals and their verb.
func these(n int, verb string) string {
	if n != 1 {
		return fmt.Sprintf("these %s %s", plural(n, "deal"), verb)
	}
	switch verb {
	case "are":
		verb = "is"
	case "have":
		verb = "has"
	default:
		verb += "s"
	}
	return "this deal " + verb
}
