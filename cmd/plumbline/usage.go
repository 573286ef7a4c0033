package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/plumbline/plumbline/config"
)

// noArgs refuses words behind a command that takes none.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misused(c, "%s takes no argument, but was given %q", c.CommandPath(), args[0])
	}
	return nil
}

// oneArg wants exactly one word; what says which.
func oneArg(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return misused(c, "%s needs %s", c.CommandPath(), what)
		case 1:
			return nil
		default:
			return misused(c, "%s takes one argument, but was given %q too", c.CommandPath(), args[1])
		}
	}
}

// misused makes an error of wrong usage that says where the right usage is told.
func misused(c *cobra.Command, format string, args ...any) error {
	return usage("%s", see(fmt.Sprintf(format, args...), c.CommandPath()+" --help"))
}

// see puts behind a message where more is told.
func see(message, where string) string {
	if strings.HasSuffix(message, "?") {
		return message + " See " + where
	}
	return message + "; see " + where
}

// flagError says of a flag what is wrong with it, without the words of the library that parsed it.
func flagError(c *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &value):
		f := value.GetFlag()
		want := "is not of the right kind"
		switch f.Value.Type() {
		case "int", "uint64":
			want = "is not a whole number"
		case "bool":
			want = "is neither true nor false"
		}
		return misused(c, "--%s %q %s", f.Name, value.GetValue(), want)
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return misused(c, "there is no flag --%s%s", unknown.GetSpecifiedName(), meant("--"+unknown.GetSpecifiedName(), names))
	default:
		return misused(c, "%s", err.Error())
	}
}

// meant is the hint about a misspelt word, where there is one; unlike [config.Meant] it never lists what there is.
func meant(word string, candidates []string) string {
	if hint := config.Meant(word, candidates); strings.Contains(hint, "did you mean") {
		return hint
	}
	return ""
}

// stray finds a word behind a group of commands that names none of them; cobra would show the group's help and report
// success.
func stray(root *cobra.Command, args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return nil // a shell asks for completions; cobra adds that command later
	}
	c, rest, _ := root.Find(args) // its error is the one that is found here
	if c.Runnable() {
		return nil
	}
	c.InitDefaultHelpFlag()
	if c.ParseFlags(rest) != nil || c.Flags().NArg() == 0 {
		return nil
	}
	word := c.Flags().Arg(0)
	return misused(c, "there is no command %q%s", strings.TrimPrefix(c.CommandPath()+" "+word, "plumbline "), meant(word, namesOf(c)))
}

func namesOf(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

// newHelp is the command help; unlike cobra's it fails for a command that there is not.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Show how a command is used", Example: "  plumbline help\n  plumbline help portal connect",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			of, _, err := c.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return namesOf(of), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := stray(c.Root(), args); err != nil {
				return err
			}
			of, _, err := c.Root().Find(args)
			if err != nil {
				return usage("%w", err)
			}
			of.InitDefaultHelpFlag()
			return failed(of.Help())
		},
	}
}

// completionExamples shows, under each of cobra's own completion commands, how it is used.
func completionExamples(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	c, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	c.Short = "Print a script that completes commands and flags in a shell"
	c.Example = "  plumbline completion bash > /etc/bash_completion.d/plumbline"
	where := map[string]string{
		"bash":       "  source <(plumbline completion bash)\n  plumbline completion bash > /etc/bash_completion.d/plumbline",
		"zsh":        "  plumbline completion zsh > \"${fpath[1]}/_plumbline\"",
		"fish":       "  plumbline completion fish > ~/.config/fish/completions/plumbline.fish",
		"powershell": "  plumbline completion powershell | Out-String | Invoke-Expression",
	}
	for _, sub := range c.Commands() {
		sub.Example = where[sub.Name()]
		sub.Args = noArgs
	}
}
