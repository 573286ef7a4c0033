package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/internal/report"
)

func newPolicies(a *app) *cobra.Command {
	c := &cobra.Command{Use: "policies", Short: "The catalogue of what can be wrong, and your own policies", Example: "  plumbline policies list\n  plumbline policies explain stale-in-stage"}
	format := ""
	list := &cobra.Command{
		Use: "list", Short: "List the policies", Example: "  plumbline policies list", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := report.ParseFormat(format, report.Table, report.JSON)
			if err != nil {
				return usage("%w", err)
			}
			if _, err := a.loadConfig(); err != nil {
				return err
			}
			return failed(listPolicies(a.stdout, a.style(), f, a.catalogue()))
		},
	}
	list.Flags().StringVar(&format, "format", "table", "table or json")
	c.AddCommand(list, newPoliciesExplain(a), newPoliciesTest(a))
	return c
}

func newPoliciesExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "explain POLICY", Short: "Explain a policy: what it looks for, why, how, and its settings where they are in force",
		Example: "  plumbline policies explain stale-in-stage", Args: oneArg("a policy's name"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			_, _ = a.loadConfig() // without one there are no own policies to complete
			return a.catalogue().ids(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			if err := a.catalogue().has(args[0]); err != nil {
				return err
			}
			p := a.catalogue().find(args[0])
			explainPolicy(a.stdout, p)
			return failed(explainSettings(a.stdout, a.style(), p, cfg))
		},
	}
}

// has says that there is no such policy; "" asks for none.
func (c catalogue) has(id string) error {
	if id == "" || c.find(id) != nil {
		return nil
	}
	return usage("%s", see(fmt.Sprintf("there is no policy %q%s", id, meant(id, c.ids())), "plumbline policies list"))
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

func listPolicies(w io.Writer, style report.Style, f report.Format, list catalogue) error {
	if f == report.JSON {
		views := []policyView{}
		for _, p := range list {
			views = append(views, policyView{p.ID, p.Title, p.Group, p.Family, p.Severity, p.Fix, p.Needs, p.Sources, p.Off, settingsOf(p)})
		}
		return report.WriteJSON(w, views)
	}
	var rows [][]string
	for _, p := range list {
		fix := string(p.Fix)
		if fix == "" {
			fix = "-"
		}
		rows = append(rows, []string{p.ID, string(p.Group), p.Severity.String(), fix, p.Sources, p.Title})
	}
	return report.Grid(w, style, []string{"POLICY", "GROUP", "SEVERITY", "FIX", "SOURCE", "WRONG WHEN"}, rows)
}

func explainPolicy(w io.Writer, p *audit.Policy) {
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
}

// explainSettings shows what is in force in each portal and scope, and where it comes from, where anything is configured.
func explainSettings(w io.Writer, style report.Style, p *audit.Policy, cfg *config.Config) error {
	type place struct {
		portal string
		checks config.Checks
	}
	var places []place
	for _, portal := range cfg.Portals {
		places = append(places, place{portal.Name, portal.Checks})
	}
	places = append(places, place{"(any other)", cfg.Checks})
	var rows [][]string
	configured := false
	for _, at := range places {
		list, err := catalogue{p}.checks(at.checks)
		if err != nil {
			return err
		}
		for i := range list {
			c := &list[i]
			if !c.Fits() {
				continue
			}
			configured = configured || len(c.Origin) > 0
			for _, s := range inForce(p, c) {
				rows = append(rows, append([]string{at.portal, scopeOf(c)}, s...))
			}
		}
	}
	if !configured {
		fmt.Fprintln(w, "\nNothing else is configured: the defaults are in force everywhere.")
		return nil
	}
	fmt.Fprintln(w, "\nIn force:")
	return report.Grid(w, style, []string{"PORTAL", "SCOPE", "SETTING", "VALUE", "FROM"}, rows)
}

// inForce lists a check's settings as setting, value and origin.
func inForce(p *audit.Policy, c *audit.Check) [][]string {
	var rows [][]string
	general := map[string]string{"severity": c.Severity.String(), "fix": string(c.Mode), "grace": c.Grace.String(), "enabled": "yes"}
	if c.Off {
		general["enabled"] = strings.TrimSuffix("no: "+c.Why, ": ")
	}
	for _, name := range []string{"enabled", "severity", "fix", "grace"} {
		if from := c.Origin[name]; from != "" {
			rows = append(rows, []string{name, general[name], from})
		}
	}
	effective := c.Effective()
	for _, s := range settingsOf(p) {
		rows = append(rows, []string{s.Name, effective[s.Name].Value, effective[s.Name].From})
	}
	if len(rows) == 0 {
		rows = append(rows, []string{"enabled", general["enabled"], audit.FromDefault})
	}
	return rows
}

// scopeOf names the scope of a check.
func scopeOf(c *audit.Check) string {
	var parts []string
	if c.Pipeline != "" {
		parts = append(parts, "pipeline "+c.Pipeline)
	}
	if c.Stage != "" {
		parts = append(parts, "stage "+c.Stage)
	}
	if !c.Band.IsZero() {
		parts = append(parts, "amounts "+c.Band.String())
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}

// settingsOf reads a policy's settings off its struct: yaml names, default values and desc texts.
func settingsOf(p *audit.Policy) []settingView {
	list := []settingView{}
	v := reflect.ValueOf(p.NewSettings()).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		list = append(list, settingView{Name: name, Default: audit.SettingText(v.Field(i).Interface()), Text: f.Tag.Get("desc")})
	}
	return list
}
