package text

import (
	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// adviceOn says what a person is to do where nothing can be written: what the policy's advice is, else whose turn it is.
func adviceOn(f audit.Finding) string {
	see := " (see policies explain " + f.Policy + ")"
	if words, ok := adviceWords[f.Policy]; ok {
		return words + see
	}
	if f.Subject.Kind == crm.KindDeal {
		return "Talk it over with the deal's owner" + see
	}
	return "Change the set-up by hand" + see
}

// adviceWords are the catalogue's pieces of advice.
var adviceWords = map[string]string{
	"too-many-stages":             "Merge stages, the least used and the most skipped ones first",
	"too-few-stages":              "Add the steps that most deals go through anyway",
	"starts-too-early":            "Track what comes before as leads (HubSpot: lifecycle stage and lead status, Pipedrive: leads inbox), and begin with the buyer's first step",
	"status-as-stage":             "Remove the stage: a state of a deal is no step of the sale",
	"several-closed-stages":       "Keep one stage for won and one for lost, and put the rest into a property",
	"subjective-stage-name":       "Name the stage after what has happened when a deal enters it",
	"seller-side-stage-name":      "Name the stage after the buyer's milestone that shows progress",
	"default-stages-untouched":    "Make the stages those of your own sale",
	"stage-label-contradicts":     "Name the stage after what the CRM takes it for: every integration that goes by its id is wrong otherwise",
	"stage-after-won":             "Give what comes after the sale a pipeline of its own",
	"closing-stage-missing":       "Add the stage that is missing, won or lost: without it deals cannot end",
	"unused-stage":                "Delete the stage, once no deal is in it",
	"often-skipped-stage":         "Drop the stage, or let the CRM forbid skipping it",
	"bottleneck-stage":            "Find out what deals wait for in this stage, and split it or help there",
	"leaky-stage":                 "Read what the deals had in common that were lost here, and coach the team on it",
	"probability-unset":           "Set a probability per stage, as history shows it",
	"probability-not-rising":      "Let the probabilities rise from stage to stage",
	"probability-miscalibrated":   "Look for the cause first: a bottleneck, or a wrong number",
	"no-stage-time-limit":         "Write down how long a deal may be open, stay in a stage and stay silent",
	"exit-criteria-undefined":     "Write down per stage what a deal must have to leave it, beginning with what most won deals had",
	"mixed-processes":             "Give each kind of deal a pipeline of its own",
	"review-overdue":              "Go through the stages with the team, with the numbers of each at hand",
	"low-win-rate":                "Compare what is lost now with what was won before: reasons, sources, sizes, owners",
	"slowing-cycle":               "Look at the stage whose stays grew most, and at what deals wait for there",
	"cycle-over-target":           "Shorten the longest stage, or set a target that can be met",
	"cycle-uneven":                "Look at the slowest tenth of the won deals: another process, or deals that nobody closed in time",
	"unresponsive-losses":         "Agree on a follow-up cadence: three to five days apart, and more than two of them",
	"no-new-deals":                "Look at the channels: which of them brings less than before",
	"pipeline-stagnant":           "Go through the open deals one by one: move each forward, plan its next step or close it",
	"unused-pipeline":             "Close or move the deals that are left, then delete the pipeline",
	"single-channel":              "Build up a second channel before the first one dries up",
	"single-channel-outreach":     "Reach out in a second way: call those who do not answer mails, and the other way round",
	"activity-not-captured":       "Connect mailbox, calendar and calling to the CRM, person by person",
	"manual-stage-moves":          "Automate the moves that something shows: a proposal sent, a contract signed, an invoice paid",
	"moves-bounce":                "Find the two that fight in the deal's history, and narrow what sets one of them off",
	"rules-bypassed":              "Let what moves these deals keep to the rules, or drop the rules",
	"skipping-allowed":            "Let the CRM forbid it",
	"lost-reason-options-missing": "Add the options that are missing to the list of loss reasons",
	"lost-reason-other-overused":  "Add the option that the details beside \"other\" ask for",
	"lost-reason-variants":        "Settle on one wording per reason",
	"lost-reason-free-text":       "Let people choose the reason from a list",
	"gave-up-early":               "Try again: most buyers answer after more than two follow-ups",
	"slow-first-response":         "Answer who asks within the day: the first to answer wins a third to a half of the sales",
	"stage-skipped":               "Ask the owner whether the steps left out took place, and put them on record",
	"stage-regressed":             "Ask the owner what was taken for granted too early",
	"stage-rushed":                "Ask the owner whether the deal was worked or clicked through",
	"created-late":                "Create deals when the sale begins, not when it is nearly over",
	"touched-in-bulk":             "Do not take the bulk edit for work on the deal: look at what was done before it",
	"duplicate-deal":              "Compare the deals and close or merge one of them by hand: merging cannot be undone",
	"reopened":                    "Ask the owner why the deal was closed before its time",
	"lost-reason-nonstandard":     "Choose the option of the list that the text means",
	"owner-overloaded":            "Hand over deals, or close those that are dead",
	"owner-behind-at-stage":       "Coach the owner at this stage, with deals of colleagues as examples",
}
