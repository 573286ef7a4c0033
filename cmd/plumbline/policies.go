package main

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/policies"
)

func newPolicies(a *app) *cobra.Command {
	c := &cobra.Command{Use: "policies", Short: "The catalogue of what can be wrong", Example: "  plumbline policies list\n  plumbline policies explain stale-in-stage"}
	format := ""
	list := &cobra.Command{
		Use: "list", Short: "List the policies", Example: "  plumbline policies list", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := report.ParseFormat(format, report.Table, report.JSON)
			if err != nil {
				return usage("%w", err)
			}
			return failed(listPolicies(a.stdout, a.style(), f))
		},
	}
	list.Flags().StringVar(&format, "format", "table", "table or json")
	explain := &cobra.Command{
		Use: "explain POLICY", Short: "Explain a policy: what it looks for, why, how, and its settings", Example: "  plumbline policies explain stale-in-stage",
		Args: oneArg("a policy's name"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return policyIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			p := policyByID(args[0])
			if p == nil {
				return noPolicy(args[0])
			}
			return failed(explainPolicy(a.stdout, p))
		},
	}
	c.AddCommand(list, explain)
	return c
}

func policyIDs() []string {
	var ids []string
	for _, p := range policies.All() {
		ids = append(ids, p.ID)
	}
	return ids
}

func policyByID(id string) *audit.Policy {
	for _, p := range policies.All() {
		if p.ID == id {
			return p
		}
	}
	return nil
}

func noPolicy(id string) error {
	return usage("%s", see(fmt.Sprintf("there is no policy %q%s", id, meant(id, policyIDs())), "plumbline policies list"))
}

type policyView struct {
	ID       string         `json:"id"`
	Title    string         `json:"title"`
	Group    audit.Group    `json:"group"`
	Family   audit.Family   `json:"family"`
	Severity audit.Severity `json:"severity"`
	Fix      audit.FixKind  `json:"fix"`
	Needs    []audit.Need   `json:"needs"`
	Sources  string         `json:"sources"`
	Off      bool           `json:"off_by_default"`
	Settings []settingView  `json:"settings"`
}

type settingView struct {
	Name    string `json:"name"`
	Default string `json:"default"`
	Text    string `json:"text"`
}

func listPolicies(w io.Writer, style report.Style, f report.Format) error {
	if f == report.JSON {
		views := []policyView{}
		for _, p := range policies.All() {
			views = append(views, policyView{p.ID, p.Title, p.Group, p.Family, p.Severity, p.Fix, p.Needs, p.Sources, p.Off, settingsOf(p)})
		}
		return report.WriteJSON(w, views)
	}
	var rows [][]string
	for _, p := range policies.All() {
		fix := string(p.Fix)
		if fix == "" {
			fix = "-"
		}
		rows = append(rows, []string{p.ID, string(p.Group), p.Severity.String(), fix, p.Sources, p.Title})
	}
	return report.Grid(w, style, []string{"POLICY", "GROUP", "SEVERITY", "FIX", "SOURCE", "WRONG WHEN"}, rows)
}

func explainPolicy(w io.Writer, p *audit.Policy) error {
	fmt.Fprintln(w, strings.TrimSpace(p.Doc))
	fmt.Fprintf(w, "\nSeverity %s · group %s", p.Severity, p.Group)
	if p.Family != "" {
		fmt.Fprintf(w, " · family %s", p.Family)
	}
	if len(p.Needs) > 0 {
		needs := make([]string, len(p.Needs))
		for i, n := range p.Needs {
			needs[i] = string(n)
		}
		fmt.Fprintf(w, " · needs %s", strings.Join(needs, ", "))
	}
	fmt.Fprintf(w, " · sources %s\n", p.Sources)
	for _, s := range settingsOf(p) {
		fmt.Fprintf(w, "  %s (default %s): %s\n", s.Name, s.Default, s.Text)
	}
	return nil
}

// settingsOf reads a policy's settings off its struct: yaml names, default values and desc texts.
func settingsOf(p *audit.Policy) []settingView {
	list := []settingView{}
	v := reflect.ValueOf(p.Defaults())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		list = append(list, settingView{Name: name, Default: settingText(v.Field(i).Interface()), Text: f.Tag.Get("desc")})
	}
	return list
}

func settingText(v any) string {
	if m, ok := v.(encoding.TextMarshaler); ok {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	if s := fmt.Sprint(v); s != "" {
		return s
	}
	return `""`
}
