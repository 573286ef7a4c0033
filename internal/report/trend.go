package report

import (
	"fmt"
	"io"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

// Trends writes trends as a JSON array or as a table by policy for each portal.
func Trends(w io.Writer, f Format, words *text.Words, style Style, list []*audit.Trend) error {
	if f == JSON {
		return WriteJSON(w, notNil(list))
	}
	for i, t := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", printable(t.Portal), TrendLine(t))
		if c := t.Score; c != nil {
			fmt.Fprintf(w, "Score %.1f, before %.1f, over the families that both audits could judge: %s\n", c.Now, c.Before, join(c.Families))
		}
		if len(t.Policies) == 0 {
			continue
		}
		fmt.Fprintln(w)
		var rows [][]string
		for _, p := range append(t.Policies, audit.PolicyTrend{TrendCounts: t.TrendCounts}) {
			name, title := p.Policy, words.Title(p.Policy)
			if name == "" {
				name, title = "all", ""
			}
			row := []string{name}
			for _, n := range []int{p.New, p.Reopened, p.StillOpen, p.Resolved, p.Passing, p.Waived} {
				row = append(row, text.Thousands(int64(n)))
			}
			rows = append(rows, append(row, title))
		}
		if err := Grid(w, style, []string{"POLICY", "NEW", "REOPENED", "STILL OPEN", "RESOLVED", "CAME AND WENT", "WAIVED", "WHAT"}, rows); err != nil {
			return err
		}
		if err := spreads(w, style, t); err != nil {
			return err
		}
	}
	return nil
}

// spreads tells ages and times to resolve.
func spreads(w io.Writer, style Style, t *audit.Trend) error {
	var rows [][]string
	for _, s := range []struct {
		what string
		of   audit.Spread
	}{{"age of the open ones", t.Age}, {"time to resolve", t.ResolveTime}} {
		if s.of.N > 0 {
			rows = append(rows, []string{s.what, text.Thousands(int64(s.of.N)), days(*s.of.MedianDays), days(*s.of.P90Days), days(*s.of.MaxDays)})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return Grid(w, style, []string{"SINCE FIRST SEEN", "FINDINGS", "MEDIAN", "P90", "LONGEST"}, rows)
}

// Waived writes the waived findings of several portals as a table, the first waiver to end first; now tells which end soon.
func Waived(w io.Writer, words *text.Words, style Style, list []Kept, now crm.Instant) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "No findings.")
		return err
	}
	var rows [][]string
	for _, k := range list {
		if k.Waived == nil {
			continue
		}
		until := day(k.Waived.Until)
		if k.Waived.Until <= now.Add(soon) {
			until += " (soon)"
		}
		rows = append(rows, []string{until, k.Severity.String(), k.Policy, k.ID, clip(text.Record(k.Finding), 28), k.Waived.Author, k.Waived.Reason, words.Sentence(k.Finding)})
	}
	return Grid(w, style, []string{"UNTIL", "SEVERITY", "POLICY", "FINDING", "RECORD", "BY", "REASON", "WHY"}, rows)
}
