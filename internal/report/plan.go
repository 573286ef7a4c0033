package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/text"
)

// Plans writes plans as JSON (one object, or an array of several) or as tables.
func Plans(w io.Writer, f Format, style Style, plans ...*remedy.Plan) error {
	if f == JSON {
		if len(plans) == 1 {
			return WriteJSON(w, plans[0])
		}
		return WriteJSON(w, plans)
	}
	for i, p := range plans {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := planTable(w, style, p); err != nil {
			return err
		}
	}
	return nil
}

func planTable(w io.Writer, style Style, p *remedy.Plan) error {
	fmt.Fprintf(w, "Plan %s for %s: %s\n", p.ID, p.Portal, text.Plural(len(p.Steps), "step"))
	if !p.Complete {
		fmt.Fprintln(w, "It rests on INCOMPLETE data.")
	}
	if p.Held != "" {
		fmt.Fprintln(w, "Nothing was approved by itself: "+p.Held)
	}
	if len(p.Steps) == 0 {
		fmt.Fprintln(w, "There is nothing to do.")
		return nil
	}
	fmt.Fprintln(w)
	if err := stepSummary(w, style, p.Steps); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return stepGrid(w, style, p.Steps)
}

// stepSummary has one row per policy, state and risk.
func stepSummary(w io.Writer, style Style, steps []remedy.Step) error {
	type key struct {
		policy string
		state  remedy.State
		risk   remedy.Risk
	}
	n := map[key]int{}
	var order []key
	for _, s := range steps {
		k := key{s.Policy, s.State, s.Risk}
		if n[k] == 0 {
			order = append(order, k)
		}
		n[k]++
	}
	var rows [][]string
	for _, k := range order {
		rows = append(rows, []string{k.policy, text.Thousands(int64(n[k])), string(k.state), string(k.risk)})
	}
	return Grid(w, style, []string{"POLICY", "STEPS", "STATE", "RISK"}, rows)
}

func stepGrid(w io.Writer, style Style, steps []remedy.Step) error {
	shown := steps
	if style.Rows > 0 && len(shown) > style.Rows {
		shown = shown[:style.Rows]
	}
	const wide = 110
	var rows [][]string
	for _, s := range shown {
		what, n := s.Summary, wide
		if len(s.Irreversible) > 0 { // whatever must be shortened, not this
			lost := " (cannot be undone: " + strings.Join(s.Irreversible, ", ") + ")"
			what = clip(what, max(40, wide-len(lost))) + lost
			n = max(wide, utf8.RuneCountInString(what))
		}
		if s.Why != "" && what != s.Why {
			what += " – " + s.Why
		}
		rows = append(rows, []string{s.ID, string(s.State), s.Policy, clip(what, n)})
	}
	if err := Grid(w, style, []string{"STEP", "STATE", "POLICY", "WHAT"}, rows); err != nil {
		return err
	}
	if n := len(steps) - len(shown); n > 0 {
		fmt.Fprintf(w, "… and %s more (--format json shows all)\n", text.Plural(n, "step"))
	}
	return nil
}

// Runs writes what runs of apply or undo did, or what became of decisions.
func Runs(w io.Writer, f Format, style Style, runs ...*remedy.Result) error {
	if f == JSON {
		if len(runs) == 1 {
			return WriteJSON(w, runs[0])
		}
		return WriteJSON(w, notNil(runs))
	}
	for _, r := range runs {
		if err := runTable(w, style, r); err != nil {
			return err
		}
	}
	return nil
}

func runTable(w io.Writer, style Style, r *remedy.Result) error {
	n := map[remedy.State]int{}
	var rows [][]string
	for _, s := range r.Steps {
		n[s.State]++
		if s.Why != "" && (style.Rows == 0 || len(rows) < style.Rows) {
			rows = append(rows, []string{s.ID, string(s.State), clip(s.Why, 110)})
		}
	}
	parts := []string{}
	for _, state := range []remedy.State{remedy.Applied, remedy.Undone, remedy.Approved, remedy.Rejected, remedy.Applying, remedy.Stale, remedy.Failed,
		remedy.Proposed, remedy.Manual, remedy.Expired, remedy.Superseded} {
		if n[state] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", text.Thousands(int64(n[state])), state))
		}
	}
	switch {
	case len(parts) == 0:
		fmt.Fprintf(w, "%s: nothing to do\n", r.Portal)
	case r.Run != "":
		fmt.Fprintf(w, "%s: %s (run %s)\n", r.Portal, strings.Join(parts, ", "), r.Run)
	default:
		fmt.Fprintf(w, "%s: %s\n", r.Portal, strings.Join(parts, ", "))
	}
	if len(rows) == 0 {
		return nil
	}
	return Grid(w, style, []string{"STEP", "STATE", "WHY"}, rows)
}

// JournalLine writes one entry as a line of JSON.
func JournalLine(w io.Writer, e remedy.Entry) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(e)
}

// JournalRow is an entry as a row of a table; see [JournalTitles].
func JournalRow(e remedy.Entry) []string {
	return []string{fmt.Sprint(e.Seq), e.At.Time().Format("2006-01-02 15:04:05"), e.Run, e.Step, e.Event, clip(values(e.After), 60), e.Who, clip(e.Why, 60)}
}

// JournalTitles are the titles of the rows of [JournalRow].
func JournalTitles() []string {
	return []string{"SEQ", "AT", "RUN", "STEP", "EVENT", "AFTER", "WHO", "WHY"}
}

func values(m map[string]string) string {
	b, err := json.Marshal(m)
	if err != nil || len(m) == 0 {
		return ""
	}
	return string(b)
}
