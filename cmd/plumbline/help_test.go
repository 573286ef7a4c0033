package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestHelp holds every command to its help: a short text and an example that names real commands and flags.
func TestHelp(t *testing.T) {
	root := testRoot()
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s has no short text or no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " > ")
			line, _, _ = strings.Cut(line, " | ")
			line = strings.TrimSuffix(strings.TrimPrefix(line, "source <("), ")")
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "plumbline" {
				t.Errorf("%s: example %q does not show the command", c.CommandPath(), line)
				continue
			}
			of, rest, err := root.Find(words[1:])
			if err != nil || stray(root, words[1:]) != nil {
				t.Errorf("%s: example %q names no command", c.CommandPath(), line)
				continue
			}
			for _, w := range rest {
				name, flag := strings.CutPrefix(w, "--")
				name, _, _ = strings.Cut(name, "=")
				if flag && of.Flags().Lookup(name) == nil && of.InheritedFlags().Lookup(name) == nil {
					t.Errorf("%s: example %q has an unknown flag --%s", c.CommandPath(), line, name)
				}
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// TestCommandsThatThereAre holds the list of commands to what is built.
func TestCommandsThatThereAre(t *testing.T) {
	var got []string
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Runnable() && !c.Hidden {
			got = append(got, strings.TrimPrefix(c.CommandPath(), "plumbline "))
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(testRoot())
	slices.Sort(got)
	want := []string{
		"apply", "approve", "audit", "baseline clear", "baseline set", "baseline show", "completion bash", "completion fish", "completion powershell", "completion zsh", "config check", "config example", "config schema", "demo", "explain", "findings",
		"help", "journal", "journal verify", "plan", "policies explain", "policies list", "policies test", "portal add", "portal check", "portal connect", "portal list", "reject", "sandbox", "serve", "snapshot export", "snapshot import", "sync",
		"undo", "version", "waive",
	}
	if !slices.Equal(got, want) {
		t.Errorf("commands:\n got %q\nwant %q", got, want)
	}
}

// TestVerdict holds the order of exit codes.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		codes []int
		want  int
	}{
		{nil, 0}, {[]int{0}, 0}, {[]int{3}, 3}, {[]int{3, 4}, 4}, {[]int{4, 1, 3}, 1}, {[]int{3, 4, 1, 2}, 2},
	} {
		var v verdict
		for _, code := range c.codes {
			v.add(code)
		}
		got := 0
		var e *exitError
		if errors.As(v.err(), &e) {
			got = e.code
		}
		if got != c.want {
			t.Errorf("%v ends with %d, want %d", c.codes, got, c.want)
		}
	}
}
