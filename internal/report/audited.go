package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

// Audited is a result with what is known beside it of the time before. The zero values of all but the result are fine.
type Audited struct {
	*audit.Result
	New   *NewSince    // nil: all findings are shown
	Trend *audit.Trend // nil: nothing to compare with
	Past  []PastScore  // earlier scores, the latest first
}

// NewSince says that only findings are listed that are new since something. The score and the numbers are of the whole portal.
type NewSince struct {
	What  string      `json:"what"` // as it was asked for
	Kind  string      `json:"kind"` // baseline, time or file
	At    crm.Instant `json:"at"`   // the moment that it stands for
	Known int         `json:"known"`
}

// PastScore is the score that a portal had some days before.
type PastScore struct {
	Days  int
	At    crm.Instant
	Score float64
}

// soon is how long before its end a waiver is named.
const soon = 14 * 24 * time.Hour

// Ending lists the waived findings of a result whose waiver ends within 14 days, the first to end first.
func Ending(r *audit.Result) []audit.Finding {
	var out []audit.Finding
	for _, f := range r.Findings {
		if f.Waived != nil && f.Waived.Until <= r.AsOf.Add(soon) {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b audit.Finding) int { return cmp.Compare(a.Waived.Until, b.Waived.Until) })
	return out
}

// EndingLine names a finding and when its waiver ends.
func EndingLine(f audit.Finding) string {
	return fmt.Sprintf("%s of %s (%s) is waived until %s: %s", f.Policy, text.Record(f), f.ID, day(f.Waived.Until), f.Waived.Reason)
}

// mostGains is how many ways to a higher score a table shows; Markdown and JSON have them all.
const mostGains = 5

// beside are the lines about what is beside a result: what it was before, what has changed, what is waived, its cases.
func (a Audited) beside() []string {
	lines := []string{a.HistoryLine(), TrendLine(a.Trend), a.NewLine(), casesLine(a.Result), waivedLine(a.Result)}
	for _, f := range Ending(a.Result) {
		lines = append(lines, "  "+EndingLine(f))
	}
	return slices.DeleteFunc(lines, func(l string) bool { return l == "" })
}

// casesLine counts the cases, one per deal and family, with the money in their open deals.
func casesLine(r *audit.Result) string {
	var parts []string
	for _, c := range r.Cases {
		part := fmt.Sprintf("%s %s", c.Family, text.Thousands(int64(c.Cases)))
		if len(c.Value) > 0 {
			part += " (" + text.Sum(c.Value) + ")"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return "Cases: " + strings.Join(parts, ", ")
}

// waivedLine counts the waived findings and those whose waiver ends soon.
func waivedLine(r *audit.Result) string {
	n := len(r.Findings) - len(live(r))
	if n == 0 {
		return ""
	}
	line := text.Plural(n, "finding") + " waived"
	if ending := len(Ending(r)); ending > 0 {
		line += fmt.Sprintf(", %s of them for at most 14 days more:", text.Thousands(int64(ending)))
	}
	return line
}

// worth is the money at risk, and where it is more, that at stake.
func worth(r *audit.Result) string {
	line := text.Sum(r.ValueAtRisk)
	if all := text.Sum(r.ValueAtStake); all != "-" && all != line {
		line += ", at stake " + all
	}
	return line
}

// live are the findings that nobody has accepted.
func live(r *audit.Result) []audit.Finding {
	var out []audit.Finding
	for _, f := range r.Findings {
		if f.Waived == nil {
			out = append(out, f)
		}
	}
	return out
}

// leading picks the finding that stands for each case: the one that leads it or, where that is not among them, the gravest.
func leading(list []audit.Finding) []audit.Finding {
	at, out := map[string]int{}, []audit.Finding{}
	for _, f := range list {
		i, ok := at[f.Case]
		switch {
		case f.Case == "" || !ok:
			at[f.Case] = len(out)
			out = append(out, f)
		case f.Lead || !out[i].Lead && f.Severity > out[i].Severity:
			out[i] = f
		}
	}
	return out
}

// valueByPolicy is the money in the records of each policy's findings; of those that are shown, where not all are.
func (a Audited) valueByPolicy() map[string][]crm.Money {
	if a.New == nil {
		return a.ValueByPolicy
	}
	type place struct {
		policy string
		at     crm.Ref
	}
	worth := map[place]crm.Money{}
	for _, f := range live(a.Result) {
		if k := (place{f.Policy, f.Subject}); f.Value.Amount > worth[k].Amount {
			worth[k] = f.Value
		}
	}
	sums := map[string]map[string]crm.Amount{}
	for k, m := range worth {
		if sums[k.policy] == nil {
			sums[k.policy] = map[string]crm.Amount{}
		}
		sums[k.policy][m.Currency] += m.Amount
	}
	out := map[string][]crm.Money{}
	for policy, byCurrency := range sums {
		for _, c := range slices.Sorted(maps.Keys(byCurrency)) {
			out[policy] = append(out[policy], crm.Money{Amount: byCurrency[c], Currency: c})
		}
	}
	return out
}

// NewLine says what is shown of the findings and what is not; "" where all are.
func (a Audited) NewLine() string {
	if a.New == nil {
		return ""
	}
	what := "since " + when(a.New.At)
	switch a.New.Kind {
	case "baseline":
		what = fmt.Sprintf("since baseline %s (%s)", a.New.What, when(a.New.At))
	case "file":
		what = fmt.Sprintf("since the audit in %s (%s)", a.New.What, when(a.New.At))
	}
	hidden := "none had been there"
	if a.New.Known > 0 {
		hidden = text.Plural(a.New.Known, "finding") + " that had been there " + pick(a.New.Known, "is", "are") + " not shown"
	}
	return fmt.Sprintf("New %s: %s; %s. The score counts them all.", what, text.Plural(len(a.Findings), "finding"), hidden)
}

// TrendLine says in one sentence what a trend says; "" without one.
func TrendLine(t *audit.Trend) string {
	if t == nil {
		return ""
	}
	parts := []string{fmt.Sprintf("%s new", text.Thousands(int64(t.New))), fmt.Sprintf("%s resolved", text.Thousands(int64(t.Resolved))), fmt.Sprintf("%s still open", text.Thousands(int64(t.StillOpen)))}
	for _, p := range []struct {
		n    int
		word string
	}{{t.Reopened, "reopened"}, {t.Passing, "came and went"}, {t.Waived, "waived"}} {
		if p.n > 0 {
			parts = append(parts, text.Thousands(int64(p.n))+" "+p.word)
		}
	}
	line := fmt.Sprintf("Since %s: %s", day(t.Since), strings.Join(parts, ", "))
	if t.Age.N > 0 {
		line += fmt.Sprintf("; open for %s in the median, %s at most", days(*t.Age.MedianDays), days(*t.Age.MaxDays))
	}
	if t.ResolveTime.N > 0 {
		line += fmt.Sprintf("; resolved after %s in the median", days(*t.ResolveTime.MedianDays))
	}
	return line
}

// HistoryLine tells the scores of some time ago; "" where none is kept.
func (a Audited) HistoryLine() string {
	var parts []string
	for _, p := range a.Past {
		parts = append(parts, fmt.Sprintf("%.1f %s ago", p.Score, days(float64(p.Days))))
	}
	if len(parts) == 0 {
		return ""
	}
	line := "Score before: " + strings.Join(parts, ", ")
	if a.Trend != nil && a.Trend.Score != nil {
		c := a.Trend.Score
		line += fmt.Sprintf("; since %s %+.1f", day(c.At), c.Now-c.Before)
		if len(c.Families) < len(a.ScoreParts) {
			line += fmt.Sprintf(" over what both could judge (%s)", join(c.Families))
		}
	}
	return line
}

func join[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = string(x)
	}
	return strings.Join(out, ", ")
}

// GainLines say what would raise the score, the most first, at most so many (0: all).
func GainLines(words *text.Words, r *audit.Result, most int) []string {
	var lines []string
	for _, g := range r.ScoreGains {
		if g.Gain < 0.05 || most > 0 && len(lines) == most {
			break
		}
		lines = append(lines, fmt.Sprintf("+%.1f if %s (%s)", g.Gain, words.Gain(g.Policy, g.Records, setUp(r, g.Policy)), g.Policy))
	}
	return lines
}

// setUp reports whether a policy is of the set-up's family.
func setUp(r *audit.Result, policy string) bool {
	for _, p := range r.ScoreParts {
		if p.Family == audit.FamilySetup {
			_, ok := p.Policies[policy]
			return ok
		}
	}
	return false
}

// OffLine says how many policies are off and what they would cost; "" where none is.
func OffLine(r *audit.Result) string {
	if r.PoliciesOff == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s off, worth %.1f points", r.PoliciesOff, pick(r.PoliciesOff, "policy", "policies"), r.PointsOff)
}

// Unclassified names the commonest loss reasons that nothing could be made of; "" where there are none.
func Unclassified(r *audit.Result) string {
	if len(r.UnclassifiedLosses) == 0 {
		return ""
	}
	return unclassified(r)
}

func pick(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

func day(at crm.Instant) string { return at.Time().Format("2 Jan 2006") }

func when(at crm.Instant) string { return at.Time().Format("2 Jan 2006 15:04 MST") }

// days writes a duration in days: below 10 with a tenth, where there is one.
func days(d float64) string {
	if d >= 0.05 && d < 9.95 && d != float64(int(d)) {
		return fmt.Sprintf("%.1f days", d)
	}
	return text.Plural(int(d+0.5), "day")
}
