package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/policies/own"
)

// logJSON is the --log-format for programs.
const logJSON = "json"

// app is what every command is given: the outside world and the global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time

	configFile string
	logLevel   string
	logFormat  string

	own *own.Set // the account's own policies, once the configuration is loaded; nil: none
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "plumbline",
		Short:         "Keeps CRM sales pipelines straight",
		Long:          "Plumbline pulls deals with their stage history, audits them against documented best practices,\nplans the fixes, applies the approved ones, can undo them, and exports metrics.",
		Example:       "  plumbline demo\n  plumbline audit --csv deals.csv",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			_, err := a.logger()
			return err
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	f := root.PersistentFlags()
	f.StringVar(&a.configFile, "config", "", "configuration `file` (default plumbline.yaml, then /etc/plumbline/plumbline.yaml)")
	f.StringVar(&a.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&a.logFormat, "log-format", "text", "text or json")
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelp())
	root.AddCommand(commands(a)...)
	root.InitDefaultHelpCmd()
	completionExamples(root)
	return root
}

// logger makes the log on stderr.
func (a *app) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, usage("--log-level %q: choose debug, info, warn or error", a.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(a.stderr, opts)), nil
	case logJSON:
		return slog.New(slog.NewJSONHandler(a.stderr, opts)), nil
	default:
		return nil, usage("--log-format %q: choose text or json", a.logFormat)
	}
}

// log is the logger; its flags were checked before any command runs.
func (a *app) log() *slog.Logger {
	l, err := a.logger()
	if err != nil {
		return slog.New(slog.NewTextHandler(a.stderr, nil))
	}
	return l
}

// tell says something to the person at the terminal; where logs are JSON, as a line of the log. It is said at every level.
func (a *app) tell(format string, args ...any) { a.speak(slog.LevelInfo, "", format, args...) }

// warn says what is wrong, though the command goes on.
func (a *app) warn(format string, args ...any) {
	a.speak(slog.LevelWarn, "plumbline: ", format, args...)
}

// teller tells whatever is written to it, a line at a time.
type teller struct{ a *app }

func (t teller) Write(p []byte) (int, error) {
	t.a.tell("%s", strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

func (a *app) speak(level slog.Level, prefix, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if a.logFormat == logJSON {
		slog.New(slog.NewJSONHandler(a.stderr, nil)).Log(context.Background(), level, text)
		return
	}
	fmt.Fprintln(a.stderr, prefix+text)
}

// style says how tables look on stdout.
func (a *app) style() report.Style {
	return report.Style{Color: isTerminal(a.stdout) && a.getenv("NO_COLOR") == "", Rows: 40}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
