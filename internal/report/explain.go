package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/text"
)

// explanationView is the published form of an explanation: with titles and sentences.
type explanationView struct {
	*audit.Explanation
	Visits   []audit.Stay  `json:"visits"`
	Verdicts []verdictView `json:"verdicts"`
}

type verdictView struct {
	audit.Verdict
	Title    string        `json:"title"`
	Findings []findingView `json:"findings"`
}

// Explain writes an explanation as one JSON object or as text.
func Explain(w io.Writer, f Format, words *text.Words, style Style, e *audit.Explanation) error {
	if f != JSON {
		return explainText(w, words, style, e)
	}
	v := explanationView{Explanation: e, Visits: notNil(e.Visits), Verdicts: []verdictView{}}
	for _, x := range e.Verdicts {
		one := verdictView{Verdict: x, Title: words.Title(x.Policy), Findings: []findingView{}}
		for _, f := range x.Findings {
			one.Findings = append(one.Findings, newFindingView(words, f))
		}
		v.Verdicts = append(v.Verdicts, one)
	}
	return WriteJSON(w, v)
}

func explainText(w io.Writer, words *text.Words, style Style, e *audit.Explanation) error {
	dealHeading(w, e)
	if err := timeline(w, style, e); err != nil {
		return err
	}
	by := map[audit.Outcome][]audit.Verdict{}
	for _, v := range e.Verdicts {
		by[v.Outcome] = append(by[v.Outcome], v)
	}
	foundText(w, words, by[audit.OutcomeFound])
	if list := by[audit.OutcomeUnknown]; len(list) > 0 {
		fmt.Fprintln(w, "\nCould not be judged:")
		for _, v := range list {
			fmt.Fprintf(w, "  %s (%s): %s; needs %s. %s\n", words.Title(v.Policy), v.Policy, printable(v.Why), v.Need, sentenceEnd(v.Cure))
		}
	}
	if list := by[audit.OutcomePassed]; len(list) > 0 {
		fmt.Fprintln(w, "\nPassed:")
		var rows [][]string
		for _, v := range list {
			rows = append(rows, []string{v.Policy, thresholds(v), strings.Join(v.Data, ", ")})
		}
		if err := Grid(w, style, []string{"POLICY", "JUDGED BY", "DATA"}, rows); err != nil {
			return err
		}
	}
	if list := by[audit.OutcomeOff]; len(list) > 0 {
		fmt.Fprintln(w, "\nSwitched off:")
		for _, v := range list {
			fmt.Fprintf(w, "  %s%s\n", v.Policy, because(v.Why))
		}
	}
	if list := by[audit.OutcomeApart]; len(list) > 0 {
		ids := make([]string, len(list))
		for i, v := range list {
			ids[i] = v.Policy
		}
		fmt.Fprintf(w, "\nNot among the deals that these look at: %s\n", strings.Join(ids, ", "))
	}
	return dataText(w, style, e.Data)
}

func dealHeading(w io.Writer, e *audit.Explanation) {
	d := e.Deal
	fmt.Fprintf(w, "%s (%s) in %s, as of %s\n", printable(d.Name), d.ID, e.Portal, when(e.AsOf))
	state := d.Status
	if d.Archived {
		state += ", archived"
	}
	line := fmt.Sprintf("%s in %s of %s", state, printable(d.StageName), printable(d.PipelineName))
	if d.OwnerName != "" {
		line += ", owner " + printable(d.OwnerName)
	}
	if d.AgeDays != nil {
		line += ", " + days(*d.AgeDays) + " old"
	}
	if e.Usual.MedianDays != nil {
		line += fmt.Sprintf("; deals are won here in %s in the median, nine of ten in %s (n = %s)", days(*e.Usual.MedianDays), days(*e.Usual.P90Days), text.Thousands(int64(e.Usual.N)))
	}
	fmt.Fprintln(w, line)
	if d.URL != "" {
		fmt.Fprintln(w, d.URL)
	}
	if !e.Complete {
		fmt.Fprintln(w, "INCOMPLETE: this rests on a part of the portal.")
	}
}

// timeline is the deal's way with a bar per visit, as long as the visit beside the longest one, and | at the stage's median.
func timeline(w io.Writer, style Style, e *audit.Explanation) error {
	fmt.Fprintln(w)
	if e.HistoryWhy != "" {
		fmt.Fprintf(w, "Its way through the stages is not known: %s\n", printable(e.HistoryWhy))
		return nil
	}
	longest := 1.0
	for _, v := range e.Visits {
		longest = max(longest, v.Days)
		if v.Usual != nil && v.Usual.MedianDays != nil {
			longest = max(longest, *v.Usual.MedianDays)
		}
	}
	var rows [][]string
	for _, v := range e.Visits {
		name := v.StageName
		if v.Pipeline != "" && v.Pipeline != e.Deal.Pipeline {
			name += " (" + v.PipelineName + ")"
		}
		left := "now"
		if !v.Left.IsZero() {
			left = day(v.Left)
		}
		median, p90, n := "-", "-", ""
		if v.Usual != nil {
			median, p90, n = optional(v.Usual.MedianDays), optional(v.Usual.P90Days), text.Thousands(int64(v.Usual.N))
		}
		rows = append(rows, []string{clip(name, 28), day(v.Entered), left, days(v.Days), median, p90, n, beyond(v), bar(v, longest)})
	}
	if err := Grid(w, style, []string{"STAGE", "ENTERED", "LEFT", "STAYED", "MEDIAN", "P90", "N", "", ""}, rows); err != nil {
		return err
	}
	if len(e.Skipped) > 0 {
		fmt.Fprintf(w, "Skipped: %s\n", printable(strings.Join(e.Skipped, ", ")))
	}
	if e.Needed != nil {
		fmt.Fprintf(w, "Deals that were won from here and this age still needed %s in the median (n = %s)\n", days(e.Needed.MedianDays), text.Thousands(int64(e.Needed.Won)))
	}
	return nil
}

func optional(d *float64) string {
	if d == nil {
		return "-"
	}
	return days(*d)
}

func beyond(v audit.Stay) string {
	switch v.Beyond {
	case "p90":
		return "longer than nine of ten"
	case "median":
		return "longer than half"
	}
	return ""
}

// barWidth is how many characters the longest stay takes.
const barWidth = 24

func bar(v audit.Stay, longest float64) string {
	cells := []rune(strings.Repeat("#", min(barWidth, int(v.Days/longest*barWidth+0.5))))
	if v.Usual == nil || v.Usual.MedianDays == nil {
		return string(cells)
	}
	at := min(barWidth-1, int(*v.Usual.MedianDays/longest*barWidth))
	for len(cells) <= at {
		cells = append(cells, '.')
	}
	cells[at] = '|'
	return string(cells)
}

func foundText(w io.Writer, words *text.Words, list []audit.Verdict) {
	if len(list) == 0 {
		fmt.Fprintln(w, "\nNothing is found.")
		return
	}
	fmt.Fprintln(w, "\nFound:")
	for _, v := range list {
		for _, f := range v.Findings {
			fmt.Fprintf(w, "  %s %s (%s, finding %s): %s\n", f.Severity, words.Title(v.Policy), v.Policy, f.ID, printable(words.Sentence(f)))
			if facts := factsText(f.Facts); facts != "" {
				fmt.Fprintf(w, "    facts: %s\n", printable(facts))
			}
			fmt.Fprintf(w, "    judged by: %s\n", printable(thresholds(v)))
			if len(v.Data) > 0 {
				fmt.Fprintf(w, "    data: %s\n", strings.Join(v.Data, ", "))
			}
			if f.Waived != nil {
				fmt.Fprintf(w, "    waived by %s until %s: %s\n", printable(f.Waived.Author), day(f.Waived.Until), printable(f.Waived.Reason))
			}
			if fix := words.Fix(f); fix != "" {
				fmt.Fprintf(w, "    fix: %s\n", printable(fix))
			}
		}
	}
}

// thresholds are the settings in force with where each comes from.
func thresholds(v audit.Verdict) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v.Settings)) {
		s := v.Settings[name]
		parts = append(parts, fmt.Sprintf("%s %s (%s)", name, s.Value, s.From))
	}
	if v.Scope != "" {
		parts = append(parts, "the check for "+v.Scope)
	}
	if len(parts) == 0 {
		return "no setting"
	}
	return strings.Join(parts, ", ")
}

func factsText(facts audit.Facts) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		value := facts[name]
		if list, ok := value.([]string); ok {
			value = strings.Join(list, ", ")
		}
		parts = append(parts, fmt.Sprintf("%s %v", name, value))
	}
	return strings.Join(parts, "; ")
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + printable(why)
}

// dataText lists what is known of the deal, and then what is not and why.
func dataText(w io.Writer, style Style, data []audit.Datum) error {
	var rows [][]string
	unknown := map[string][]string{}
	for _, d := range data {
		switch {
		case !d.Known:
			unknown[d.Why] = append(unknown[d.Why], d.Name)
		case d.Value == "":
			rows = append(rows, []string{d.Name, "none"})
		default:
			value := d.Value
			if at, err := time.Parse(time.RFC3339, value); err == nil {
				value = at.UTC().Format("2 Jan 2006 15:04 MST")
			}
			rows = append(rows, []string{d.Name, value})
		}
	}
	fmt.Fprintln(w)
	if err := Grid(w, style, []string{"DATA", "VALUE"}, rows); err != nil {
		return err
	}
	for _, why := range slices.Sorted(maps.Keys(unknown)) {
		fmt.Fprintf(w, "Not known: %s%s\n", strings.Join(unknown[why], ", "), because(why))
	}
	return nil
}
