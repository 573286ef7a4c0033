package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// lack counts the records that one policy could not judge for one need, with the reason it gives most often.
type lack struct {
	records int
	whys    map[string]int
}

func (r *runner) lacks(policy string, need Need, why string) {
	of := r.missing[need]
	if of == nil {
		of = map[string]*lack{}
		r.missing[need] = of
	}
	l := of[policy]
	if l == nil {
		l = &lack{whys: map[string]int{}}
		of[policy] = l
	}
	l.records++
	l.whys[why]++
}

// missingNeeds names each missing need once, the one that costs most first.
func (r *runner) missingNeeds() []MissingNeed {
	out := []MissingNeed{}
	for need, of := range r.missing {
		m := MissingNeed{Need: need, Policies: slices.Sorted(maps.Keys(of))}
		whys := map[string]int{}
		for _, l := range of {
			m.Records = max(m.Records, l.records)
			for why, n := range l.whys {
				whys[why] += n
			}
		}
		m.Why, m.Cure = r.explain(need, whys)
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b MissingNeed) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Need, b.Need))
	})
	return out
}

// explain says why a need is missing and what would give it: in the words of the portal's set-up where it knows, else in those
// of the policies.
func (r *runner) explain(need Need, whys map[string]int) (why, cure string) {
	facts, cure := need.facts()
	var reasons, cures []string
	for _, m := range r.snap.Schema.Unknown {
		if m.Fact&facts == 0 {
			continue
		}
		if !slices.Contains(reasons, m.Why) {
			reasons = append(reasons, m.Why)
		}
		if !slices.Contains(cures, m.Cure) {
			cures = append(cures, m.Cure)
		}
	}
	if len(reasons) == 0 && need == NeedHistory {
		if why, cure, ok := r.historyByDeal(); ok {
			return why, cure
		}
	}
	if len(reasons) > 0 {
		return strings.Join(reasons, "; "), strings.Join(cures, "; ")
	}
	best := 0
	for w, n := range whys {
		if n > best || n == best && w < why {
			why, best = w, n
		}
	}
	return why, cure
}

// historyByDeal says how far stage history is known, where it is read deal by deal and not at its end.
func (r *runner) historyByDeal() (why, cure string, ok bool) {
	known, deals := 0, r.snap.Len()
	for _, f := range r.snap.Columns().Known {
		if f.Has(crm.FactHistory) {
			known++
		}
	}
	if !r.snap.Schema.HistoryByDeal || known == deals {
		return "", "", false
	}
	return fmt.Sprintf("history known for %s of %s deals: these policies cannot judge the rest", grouped(known), grouped(deals)),
		"it is read deal by deal within the day's budget, the most useful first, as far as the CRM tells it: plumbline sync and serve go on with it", true
}

// grouped writes a count with its thousands set apart.
func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return grouped(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

// facts are those of deals that a need rests on, and what gives them where the portal does not say otherwise.
func (n Need) facts() (crm.Fact, string) {
	switch n {
	case NeedHistory:
		return crm.FactHistory, "pull the deals with their stage history, or give a history file"
	case NeedDates:
		return crm.FactDates, "pull the deals with the history of their dates"
	case NeedActivity:
		return crm.FactTouch | crm.FactPlanned, "log e-mails, calls and meetings in the CRM, and let this program read them"
	case NeedMail:
		return crm.FactBuyer, "connect the mailboxes to the CRM, and let this program read the mails"
	case NeedOwners:
		return crm.FactOwner, "audit the connected portal with the scope that lists its owners; a file does not say who is still there"
	case NeedCreated:
		return crm.FactCreated, "fill in the creation date"
	case NeedStageEntry:
		return crm.FactStageEntry | crm.FactHistory, "give the stage history, or the date of entry into the present stage"
	case NeedCloseDate:
		return crm.FactCloseDate, "give the expected close date"
	case NeedAmount:
		return crm.FactAmount, "give the amount"
	case NeedLossReason:
		return crm.FactLossReason, "give the loss reason"
	case NeedClosed:
		return crm.FactClosed, "give the closing date"
	case NeedContacts:
		return crm.FactContacts, "let this program read the contacts"
	case NeedQuotes:
		return crm.FactQuotes, "let this program read the quotes"
	case NeedType:
		return crm.FactType, "let this program read the deals' types"
	case NeedChannel:
		return crm.FactSource, "record by which channel a deal came"
	case NeedTouches:
		return crm.FactTouches | crm.FactFirstTouch, "log e-mails, calls and meetings in the CRM, and let this program read them"
	case NeedEvidence:
		return crm.FactEvidence, "log e-mails and meetings in the CRM, and let this program read them"
	case NeedPlanned:
		return crm.FactNextDue, "let this program read the planned activities"
	case NeedLineItems:
		return crm.FactLineItems, "let this program read the line items"
	case NeedEditor:
		return crm.FactEditor | crm.FactModified, "audit the connected portal: a file does not say who changed a deal"
	case NeedCloser:
		return crm.FactCloser, "audit the connected portal: a file does not say who closed a deal"
	case NeedRules:
		return crm.FactRules, "let this program read the pipelines' rules, where the portal's plan has them"
	case NeedOutreach:
		return crm.FactOutreach, "let this program read calls, meetings and e-mails"
	case NeedRequired:
		return 0, "let this program read it, where the portal's plan has it"
	case NeedOdds:
		return 0, "switch on the probabilities of stages in the CRM, where it has them"
	case NeedSetup:
		return 0, "audit the connected portal: a file shows its deals, not its set-up; --stages lists the stages of a file"
	case NeedTarget:
		return 0, "set the target of cycle-over-target in the configuration"
	case NeedName:
		return crm.FactName, "give the name"
	case NeedOrigin:
		return crm.FactOrigin, "audit the connected portal: a file does not say how a deal was made"
	case NeedCompany:
		return crm.FactCompany, "let this program read the companies"
	case NeedReopenings:
		return 0, "nothing gives it where won and lost are a status: the CRM keeps the last closing alone"
	case NeedExpression:
		return 0, "mend the expression of the own policy"
	case NeedLanguage:
		return 0, "name it in one of the languages that the vocabulary covers"
	default:
		return 0, "time gives it: the more deals go through, the more can be said"
	}
}
