package audittest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// say writes down a policy's part of a result, one line per word: its counts, its findings, its unknowns.
func say(policy *audit.Policy, r *audit.Result, amounts map[string]crm.Money) string {
	var b strings.Builder
	if j, ok := r.Judged[policy.ID]; ok {
		fmt.Fprintf(&b, "judged %d passed %d unknown %d\n", j.Judged, j.Passed, j.Unknown)
	} else {
		b.WriteString("off\n")
	}
	for _, f := range r.Findings {
		if f.Policy == policy.ID {
			sayFinding(&b, f, amounts)
		}
	}
	for _, u := range r.Unknown {
		if u.Policy == policy.ID {
			fmt.Fprintf(&b, "unknown %s %s needs %s: %s\n", u.Subject.Kind, u.Subject.ID, u.Need, u.Why)
		}
	}
	return b.String()
}

func sayFinding(b *strings.Builder, f audit.Finding, amounts map[string]crm.Money) {
	fmt.Fprintf(b, "%s %s %s", f.Severity, f.Subject.Kind, f.Subject.ID)
	if f.Key != "" {
		fmt.Fprintf(b, " key=%s", quote(f.Key))
	}
	if !f.Since.IsZero() {
		fmt.Fprintf(b, " since=%s", f.Since)
	}
	if f.Value != amounts[f.Subject.ID] || f.Subject.Kind != crm.KindDeal && !f.Value.IsZero() {
		fmt.Fprintf(b, " value=%s%s", f.Value.Amount, f.Value.Currency)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Facts)) {
		fmt.Fprintf(b, " %s=%s", name, fact(f.Facts[name]))
	}
	b.WriteByte('\n')
	if f.Fix == nil {
		return
	}
	fmt.Fprintf(b, "  fix %s, %s\n", f.Fix.Kind, f.Fix.Mode)
	for _, e := range f.Fix.Edits {
		fmt.Fprintf(b, "    %s %s %s: %s -> %s\n", e.Op, e.Target.Kind, e.Target.ID, fields(e.Before), fields(e.After))
	}
	for _, m := range f.Fix.Manual {
		fmt.Fprintf(b, "    by hand: %s\n", m)
	}
}

func fields(f crm.Fields) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		out = append(out, name+"="+quote(f[name]))
	}
	return "{" + strings.Join(out, " ") + "}"
}

func fact(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = quote(s)
		}
		return "[" + strings.Join(quoted, " ") + "]"
	case string:
		return quote(v)
	default:
		return fmt.Sprint(v)
	}
}

// quote quotes a text that would not read as one word.
func quote(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\n\"=[]{}") {
		return strconv.Quote(s)
	}
	return s
}

// fitMessage fails when the policy's sentence does not parse, or names a fact that the finding lacks.
func fitMessage(t testing.TB, policy *audit.Policy, f audit.Finding) {
	t.Helper()
	anything := func(...any) string { return "" }
	funcs := template.FuncMap{}
	for _, name := range []string{"date", "days", "pct", "money", "count", "join"} {
		funcs[name] = anything
	}
	m, err := template.New(policy.ID).Funcs(funcs).Option("missingkey=error").Parse(policy.Message)
	if err == nil {
		err = m.Execute(io.Discard, map[string]any(f.Facts))
	}
	if err != nil {
		t.Errorf("%s: the message does not fit the finding on %s: %v", policy.ID, f.Subject.ID, err)
	}
}
