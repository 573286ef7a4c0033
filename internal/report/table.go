package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

// Style says how tables look.
type Style struct {
	Color bool
	Rows  int // at most so many rows of findings; 0 is all of them
	// Narrow drops the borders, for output that is not a terminal.
	Narrow bool
}

// Grid writes a table with titles.
func Grid(w io.Writer, style Style, titles []string, rows [][]string) error {
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
	}
	border := lipgloss.NormalBorder()
	t := table.New().Headers(titles...).Rows(rows...).Border(border).BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderColumn(false).StyleFunc(func(row, _ int) lipgloss.Style {
		s := lipgloss.NewStyle().PaddingRight(2)
		if row == table.HeaderRow && style.Color {
			s = s.Bold(true)
		}
		return s
	})
	var b strings.Builder
	for line := range strings.Lines(t.String()) {
		b.WriteString(strings.TrimRight(strings.TrimSuffix(line, "\n"), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printable keeps texts of the CRM to their cell: no line ends, and nothing that a terminal would take for a command.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\u2028' || r == '\u2029' || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

func auditTable(w io.Writer, words *text.Words, style Style, a Audited) error {
	r := a.Result
	heading(w, r)
	for _, line := range slices.Concat(a.beside(), GainLines(words, r, mostGains)) {
		fmt.Fprintln(w, printable(line))
	}
	switch {
	case len(live(r)) > 0:
		fmt.Fprintln(w)
		if err := policyGrid(w, words, style, a); err != nil {
			return err
		}
		fmt.Fprintln(w)
		if err := caseGrid(w, words, style, r); err != nil {
			return err
		}
	case a.New == nil && r.Complete:
		fmt.Fprintln(w, "No findings.")
	}
	for _, m := range r.MissingNeeds {
		fmt.Fprintf(w, "Cannot judge without %s: %s for %s (%s). %s\n", m.Need, strings.Join(m.Policies, ", "), text.Plural(m.Records, "record"), m.Why, sentenceEnd(m.Cure))
	}
	if len(r.UnclassifiedLosses) > 0 {
		fmt.Fprintf(w, "Loss reasons that nobody can classify: %s. Name them in the portal's loss_reasons.\n", unclassified(r))
	}
	return nil
}

// How many unclassified texts people are shown, and how many characters of each; JSON holds them all.
const (
	toldTexts   = 5
	longestTold = 60
)

// unclassified lists the commonest texts of loss reasons that the classifier cannot tell, with how many deals carry each.
func unclassified(r *audit.Result) string {
	var list []string
	for _, t := range r.UnclassifiedLosses[:min(toldTexts, len(r.UnclassifiedLosses))] {
		said := []rune(t.Text)
		if len(said) > longestTold {
			said = append(said[:longestTold-1], '…')
		}
		list = append(list, fmt.Sprintf("%q (%s)", string(said), text.Plural(t.Deals, "deal")))
	}
	if more := len(r.UnclassifiedLosses) - toldTexts; more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return strings.Join(list, ", ")
}

func sentenceEnd(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func heading(w io.Writer, r *audit.Result) {
	fmt.Fprintf(w, "%s (%s) as of %s\n", r.Portal, r.CRM, r.AsOf.Time().Format("2 Jan 2006 15:04 MST"))
	read := r.Read["deals"]
	line := text.Plural(int(read.Read), "deal") + " read"
	if read.Expected != nil {
		line = fmt.Sprintf("%s of %s deals read", text.Thousands(read.Read), text.Thousands(*read.Expected))
	}
	if read.Failed > 0 {
		line += fmt.Sprintf(", %s failed", text.Thousands(read.Failed))
	}
	open := 0
	for _, p := range r.Pipelines {
		open += p.OpenDeals
	}
	fmt.Fprintf(w, "%s, %s open; value at risk %s\n", line, text.Thousands(int64(open)), worth(r))
	if !r.Complete {
		fmt.Fprintln(w, "INCOMPLETE: this is not the whole portal, and no clean bill.")
		for _, g := range r.Incomplete {
			fmt.Fprintf(w, "  %s: %s%s\n", g.Object, g.Why, retryAt(g.RetryAt))
		}
	}
	fmt.Fprintln(w, scoreLine(r))
}

func retryAt(at crm.Instant) string {
	if at.IsZero() {
		return ""
	}
	return "; can go on at " + at.String()
}

func scoreLine(r *audit.Result) string {
	if r.Score == nil {
		return "Score: none (" + whyNoScore(r) + ")"
	}
	var parts []string
	for _, p := range r.ScoreParts {
		if p.Lost >= 0.05 {
			parts = append(parts, fmt.Sprintf("%s -%.1f of %.0f", p.Family, p.Lost, p.Points))
		}
	}
	line := fmt.Sprintf("Score %.1f (%s)", *r.Score, r.Grade)
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	if off := OffLine(r); off != "" {
		line += "; " + off
	}
	return line
}

func whyNoScore(r *audit.Result) string {
	if !r.Complete {
		return "the data is incomplete"
	}
	return "too little could be judged"
}

// policyGrid has one row per policy with findings: how many, on how many records judged, and the money in those records.
func policyGrid(w io.Writer, words *text.Words, style Style, a Audited) error {
	type line struct {
		id       string
		n        int
		severity audit.Severity
	}
	byID := map[string]*line{}
	for _, f := range live(a.Result) {
		l := byID[f.Policy]
		if l == nil {
			l = &line{id: f.Policy}
			byID[f.Policy] = l
		}
		l.n++
		l.severity = max(l.severity, f.Severity)
	}
	var lines []*line
	for _, l := range byID {
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b *line) int {
		return cmp.Or(-cmp.Compare(a.severity, b.severity), -cmp.Compare(a.n, b.n), cmp.Compare(a.id, b.id))
	})
	value := a.valueByPolicy()
	var rows [][]string
	for _, l := range lines {
		j := a.Judged[l.id]
		rows = append(rows, []string{l.severity.String(), l.id, text.Thousands(int64(l.n)), text.Thousands(int64(j.Judged)), text.Thousands(int64(j.Unknown)), text.Sum(value[l.id]), words.Title(l.id)})
	}
	return Grid(w, style, []string{"SEVERITY", "POLICY", "FOUND", "JUDGED", "UNKNOWN", "VALUE", "WHAT"}, rows)
}

// caseGrid has one row per case: what leads it, worst and dearest first.
func caseGrid(w io.Writer, words *text.Words, style Style, r *audit.Result) error {
	leads := leading(live(r))
	slices.SortStableFunc(leads, func(a, b audit.Finding) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), -cmp.Compare(a.Value.Amount, b.Value.Amount), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Subject.ID, b.Subject.ID))
	})
	shown := leads
	if style.Rows > 0 && len(shown) > style.Rows {
		shown = shown[:style.Rows]
	}
	var rows [][]string
	for _, f := range shown {
		rows = append(rows, []string{f.Severity.String(), f.Policy, f.ID, clip(text.Record(f), 28), clip(f.StageName, 18), clip(f.OwnerName, 18), text.Money(f.Value), words.Sentence(f)})
	}
	if err := Grid(w, style, []string{"SEVERITY", "POLICY", "FINDING", "RECORD", "STAGE", "OWNER", "VALUE", "WHY"}, rows); err != nil {
		return err
	}
	if n := len(leads) - len(shown); n > 0 {
		fmt.Fprintf(w, "… and %s more (--format json or csv shows all)\n", text.Plural(n, "case"))
	}
	return nil
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
