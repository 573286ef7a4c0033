package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/text"
)

// auditsMarkdown writes a section per portal: score, incomplete parts, findings by policy and what could not be judged.
func auditsMarkdown(w io.Writer, words *text.Words, results []Audited) error {
	var b strings.Builder
	for _, a := range results {
		portalMarkdown(&b, words, a)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func portalMarkdown(b *strings.Builder, words *text.Words, a Audited) {
	r := a.Result
	fmt.Fprintf(b, "# %s (%s)\n\n", escape(r.Portal), r.CRM)
	fmt.Fprintf(b, "As of %s. %s read. Value at risk: %s.\n\n", r.AsOf.Time().Format("2 January 2006 15:04 MST"), text.Plural(int(r.Read["deals"].Read), "deal"), worth(r))
	if !r.Complete {
		b.WriteString("**Incomplete: this is not the whole portal, and no clean bill.**\n\n")
		for _, g := range r.Incomplete {
			fmt.Fprintf(b, "- %s: %s%s\n", g.Object, escape(g.Why), retryAt(g.RetryAt))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "**%s**\n\n", scoreLine(r))
	for _, line := range a.beside() {
		fmt.Fprintf(b, "%s\n\n", escape(strings.TrimSpace(line)))
	}
	familyMarkdown(b, r)
	if lines := GainLines(words, r, 0); len(lines) > 0 {
		b.WriteString("## What would raise the score\n\n")
		for _, line := range lines {
			fmt.Fprintf(b, "- %s\n", escape(line))
		}
		b.WriteString("\nEach by itself. Where other findings hold the same deals down they do not add up.\n\n")
	}
	for _, id := range policies(r) {
		policyMarkdown(b, words, r, id)
	}
	if len(r.MissingNeeds) > 0 {
		b.WriteString("## What could not be judged\n\n")
		for _, m := range r.MissingNeeds {
			fmt.Fprintf(b, "- Without %s: %s for %s (%s). %s\n", m.Need, strings.Join(m.Policies, ", "), text.Plural(m.Records, "record"), escape(m.Why), escape(sentenceEnd(m.Cure)))
		}
		b.WriteByte('\n')
	}
	if len(r.UnclassifiedLosses) > 0 {
		fmt.Fprintf(b, "Loss reasons that nobody can classify: %s. Name them in the portal's `loss_reasons`.\n\n", escape(unclassified(r)))
	}
}

// familyMarkdown is a table of the score's families with their cases.
func familyMarkdown(b *strings.Builder, r *audit.Result) {
	if len(r.ScoreParts) == 0 {
		return
	}
	b.WriteString("| family | points lost | of | judged | cases | money in them |\n|---|---|---|---|---|---|\n")
	for _, p := range r.ScoreParts {
		cases, value := "-", "-"
		for _, c := range r.Cases {
			if c.Family == p.Family {
				cases, value = text.Thousands(int64(c.Cases)), text.Sum(c.Value)
			}
		}
		fmt.Fprintf(b, "| %s | %.1f | %.0f | %s | %s | %s |\n", p.Family, p.Lost, p.Points, text.Thousands(int64(p.Judged)), cases, value)
	}
	b.WriteByte('\n')
}

func policyMarkdown(b *strings.Builder, words *text.Words, r *audit.Result, id string) {
	var found []audit.Finding
	for _, f := range r.Findings {
		if f.Policy == id {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		return
	}
	slices.SortStableFunc(found, func(x, y audit.Finding) int { return int(y.Severity) - int(x.Severity) })
	fmt.Fprintf(b, "## %s (%s)\n\n%s of %s judged.\n\n", escape(words.Title(id)), id, text.Thousands(int64(len(found))), text.Thousands(int64(r.Judged[id].Judged)))
	b.WriteString("| severity | record | stage | owner | value | why |\n|---|---|---|---|---|---|\n")
	for _, f := range found {
		name := escape(text.Record(f))
		if f.URL != "" {
			name = "[" + name + "](" + f.URL + ")"
		}
		severity := f.Severity.String()
		if f.Waived != nil {
			severity += " (waived)"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", severity, name, escape(f.StageName), escape(f.OwnerName), text.Money(f.Value), escape(words.Sentence(f)))
	}
	b.WriteByte('\n')
}

// escape keeps texts of the CRM from being read as Markdown or HTML.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "[", `\[`, "`", "\\`").Replace(printable(s))
}
