package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/internal/exporter"
	"github.com/plumbline/plumbline/policies"
	"github.com/plumbline/plumbline/policies/own"
)

// generated heads every generated document.
const generated = "<!-- Written by `make generate`. Do not edit: a test compares this file with the program. -->\n\n"

func newGenDocs(a *app) *cobra.Command {
	var man bool
	c := &cobra.Command{
		Use: "gen-docs DIR", Short: "Write the generated documents, or man pages", Hidden: true, Args: cobra.ExactArgs(1),
		Example: "  plumbline gen-docs docs\n  plumbline gen-docs --man /usr/local/share/man/man1",
		RunE: func(cmd *cobra.Command, args []string) error {
			if man {
				return failed(genMan(a, cmd.Root(), args[0]))
			}
			return failed(genDocs(cmd.Root(), args[0]))
		},
	}
	c.Flags().BoolVar(&man, "man", false, "write man pages instead")
	return c
}

// genMan writes one man page per command.
func genMan(a *app, root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	now := a.now()
	root.DisableAutoGenTag = true
	return doc.GenManTree(root, &doc.GenManHeader{Title: "PLUMBLINE", Section: "1", Source: "Plumbline", Manual: "Plumbline", Date: &now}, dir)
}

// genDocs writes the documents that list what the program has.
func genDocs(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, write := range map[string]func() (string, error){
		"policies.md":      func() (string, error) { return docPolicies(policies.All()), nil },
		"metrics.md":       docMetrics,
		"configuration.md": func() (string, error) { return docConfiguration(built(known())) },
		"own-policies.md":  func() (string, error) { return own.Document(), nil },
		"commands.md":      func() (string, error) { return docCommands(root), nil },
	} {
		text, err := write()
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(generated+text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// table makes a Markdown table.
func table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + strings.ReplaceAll(c, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
	}
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, r := range rows {
		line(r)
	}
	return b.String()
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

const policiesIntro = `# Policies

A policy is one thing that can be wrong with a portal. A check is a policy with settings, severity and scope, as the
[configuration](configuration.md) gives them. ` + "`plumbline policies explain ID`" + ` shows one of the documents below.

A record that lacks what a policy needs is *not judged*: that is neither a finding nor a pass, and the report names the
missing need once. Severities are the highest that a policy reports by default. Sources:

- **S1** seven best practices for HubSpot deal stages
- **S2** how to build and run a sales pipeline
- **S3** HubSpot pipelines and deal stages, best practices for sales managers
- **S4** why a sales pipeline stagnates and how to unblock it
- **S5** sales funnel stages, definition, process and metrics
- **P** common practice among pipeline auditors

`

func docPolicies(list []*audit.Policy) string {
	var b strings.Builder
	b.WriteString(policiesIntro)
	var rows [][]string
	for _, p := range list {
		rows = append(rows, []string{
			"[" + p.ID + "](#" + p.ID + ")", p.Title, string(p.Group), p.Severity.String(), string(p.Family), cmp.Or(string(p.Fix), "none"), p.Sources,
		})
	}
	b.WriteString(table([]string{"policy", "finds", "group", "severity", "family of the score", "fix", "sources"}, rows))
	for _, p := range list {
		onePolicy(&b, p)
	}
	return b.String()
}

func onePolicy(b *strings.Builder, p *audit.Policy) {
	needs := make([]string, len(p.Needs))
	for i, n := range p.Needs {
		needs[i] = string(n)
	}
	state := "on"
	if p.Off {
		state = "off"
	}
	_, body, _ := strings.Cut(strings.TrimSpace(p.Doc), "\n") // the title stands in the heading's place
	fmt.Fprintf(b, "\n## %s\n\n**%s**\n\n", p.ID, p.Title)
	b.WriteString(table([]string{"judges each", "severity", "needs", "fix", "by default"}, [][]string{{
		string(p.Subject), p.Severity.String(), cmp.Or(strings.Join(needs, ", "), "nothing beyond the records"), cmp.Or(string(p.Fix), "none"), state,
	}}))
	b.WriteString("\n" + strings.ReplaceAll(strings.TrimSpace(body), "## ", "### ") + "\n")
}

const metricsIntro = `# Metrics

` + "`plumbline serve` and `plumbline demo`" + ` show these at ` + "`/metrics`" + `, on server.listen or, where it is set, on metrics.listen alone.
The gauges are read from the store at every scrape. A value that is not defined is absent, never 0. A deal is never a
label. The Go and process metrics of the Prometheus client stand beside them.

`

func docMetrics() (string, error) {
	list, err := exporter.Catalogue()
	if err != nil {
		return "", err
	}
	var rows [][]string
	for _, m := range list {
		rows = append(rows, []string{code(m.Name), m.Type, strings.Join(m.Labels, ", "), m.Help})
	}
	return metricsIntro + table([]string{"metric", "type", "labels", "meaning"}, rows), nil
}

const configurationIntro = `# Configuration

One YAML file: the one that ` + "`--config`" + ` names, else ` + "`plumbline.yaml`, else `/etc/plumbline/plumbline.yaml`" + `. Without a file
the defaults hold. ` + "`plumbline config check`" + ` lists every problem with its line; ` + "`plumbline config schema`" + ` prints a JSON
Schema for editors; ` + "`plumbline config example`" + ` prints the sample below.

- A flag wins over the environment, the environment over the file, the file over the default.
- ` + "`PLUMBLINE_A_B`" + ` sets the single value a.b, for example ` + "`PLUMBLINE_STORE_URL`" + `. Lists are set in the file only.
- ` + "`${NAME}`" + ` takes a value from the environment; it is a problem when NAME is not set. ` + "`${NAME:-otherwise}`" + ` gives a value for that case.
- A secret may be read from a file: the same key with ` + "`_file`" + ` behind it.
- Durations are written 30d, 12h, 90m or 2w; shares 5%. Relative paths start from the file's folder.

## Keys

`

// built leaves out what concerns CRMs that this version has no connector for.
func built(k config.Known) config.Known {
	k.Connectors = maps.Clone(k.Connectors)
	maps.DeleteFunc(k.Connectors, func(name string, _ config.Connector) bool { return !slices.Contains(k.CRMs, name) })
	return k
}

func docConfiguration(k config.Known) (string, error) {
	var rows [][]string
	for _, key := range config.Keys(k) {
		rows = append(rows, []string{code(key.Path), code(key.Default), key.Text})
	}
	levels, err := policyKeys(k)
	if err != nil {
		return "", err
	}
	return configurationIntro + table([]string{"key", "default", "meaning"}, rows) + policyKeysIntro +
		table([]string{"key", "meaning"}, levels) + "\n## Sample\n\n```yaml\n" + strings.TrimSpace(string(config.Example())) + "\n```\n", nil
}

const policyKeysIntro = `
## Policies

` + "`policies`" + ` holds a section per policy id, at the top level for all portals and within a portal for that one alone. A
section under ` + "`pipelines`" + ` or, within it, ` + "`stages`" + ` starts from the settings around it; the narrowest that fits a record
wins. ` + "`amounts`" + ` at any of these levels holds sections for deals by amount (` + "`\">= 50000 EUR\"`, `\"< 1000 EUR\"`, `\"1000 - 50000 EUR\"`" + `), which go
on top of those of pipelines and stages; a deal without an amount, or in another currency, is in none. [policies.md](policies.md) lists the
ids and their settings, [own-policies.md](own-policies.md) says how to add your own; ` + "`plumbline policies explain ID`" + ` shows what is in force where.

`

// policyKeys lists what can be said of every policy, from the schema.
func policyKeys(k config.Known) ([][]string, error) {
	text, err := config.Schema(k)
	if err != nil {
		return nil, err
	}
	type object struct {
		Description string                     `json:"description"`
		Properties  map[string]json.RawMessage `json:"properties"`
	}
	at := object{}
	if err := json.Unmarshal(text, &at); err != nil {
		return nil, err
	}
	for _, name := range []string{"policies", policies.All()[0].ID} {
		next := object{}
		if err := json.Unmarshal(at.Properties[name], &next); err != nil {
			return nil, fmt.Errorf("the schema of %s: %w", name, err)
		}
		at = next
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(at.Properties)) {
		key := object{}
		if err := json.Unmarshal(at.Properties[name], &key); err != nil {
			return nil, fmt.Errorf("the schema of %s: %w", name, err)
		}
		rows = append(rows, []string{code(name), key.Description})
	}
	return rows, nil
}

const commandsIntro = `# Commands

Data goes to stdout, progress and logs to stderr. Exit codes: 0 done and complete; 1 failed; 2 wrong usage or
configuration; 3 findings at or above ` + "`--fail-on`" + `; 4 finished but incomplete: some data could not be read, or some approved
step did not apply. Where several hold, the first of 2, 1, 4, 3.

Every command takes these:

`

func docCommands(root *cobra.Command) string {
	root.InitDefaultCompletionCmd()
	var b strings.Builder
	b.WriteString(commandsIntro + flagTable(root.PersistentFlags()) + "\n")
	var each func(c *cobra.Command, visit func(*cobra.Command))
	each = func(c *cobra.Command, visit func(*cobra.Command)) {
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" {
				visit(sub)
				each(sub, visit)
			}
		}
	}
	var rows [][]string
	each(root, func(c *cobra.Command) {
		if c.Runnable() {
			rows = append(rows, []string{"[" + code(c.CommandPath()) + "](#" + strings.ReplaceAll(c.CommandPath(), " ", "-") + ")", c.Short})
		}
	})
	b.WriteString(table([]string{"command", "does"}, rows))
	each(root, func(c *cobra.Command) {
		if c.Runnable() {
			oneCommand(&b, c)
		}
	})
	return b.String()
}

func oneCommand(b *strings.Builder, c *cobra.Command) {
	text := cmp.Or(strings.TrimSpace(c.Long), c.Short)
	if c.Parent().Name() == "completion" {
		text = c.Short + ". Its --help says where to put it." // cobra's long text is a page with headings of its own
	}
	fmt.Fprintf(b, "\n## %s\n\n%s\n", c.CommandPath(), text)
	fmt.Fprintf(b, "\n```\n%s\n```\n", c.UseLine())
	if rows := flagTable(c.NonInheritedFlags()); rows != "" {
		b.WriteString("\n" + rows)
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\nExample:\n\n```\n%s\n```\n", c.Example)
	}
}

// flagTable lists flags with their defaults; "" where there are none.
func flagTable(flags *pflag.FlagSet) string {
	var rows [][]string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if value != "" {
			name += " " + value
		}
		fallback := f.DefValue
		if fallback == "false" || fallback == "[]" || fallback == "0" {
			fallback = ""
		}
		rows = append(rows, []string{code(name), code(fallback), text})
	})
	if len(rows) == 0 {
		return ""
	}
	return table([]string{"flag", "default", "meaning"}, rows)
}
