package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/internal/report"
)

func newJournal(a *app) *cobra.Command {
	format := ""
	c := &cobra.Command{
		Use: "journal [NAME…]", Short: "Show every write: who, what, when, why, before and after",
		Example: "  plumbline journal acme\n  plumbline journal --format json\n  plumbline journal verify",
	}
	c.Flags().StringVar(&format, "format", "table", "table or json (one line per entry)")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := report.ParseFormat(format, report.Table, report.JSON)
		if err != nil {
			return usage("%w", err)
		}
		s, err := a.open(cmd.Context())
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		if _, err := s.portals(cmd.Context(), args); len(args) > 0 && err != nil {
			return failed(err)
		}
		if len(args) == 0 {
			args = []string{""}
		}
		var rows [][]string
		for _, portal := range args {
			for e, err := range s.db.Journal(cmd.Context(), portal) {
				if err != nil {
					return failed(err)
				}
				if f == report.JSON {
					if err := report.JournalLine(a.stdout, e); err != nil {
						return failed(err)
					}
					continue
				}
				rows = append(rows, report.JournalRow(e))
			}
		}
		if f == report.JSON {
			return nil
		}
		if len(rows) == 0 {
			fmt.Fprintln(a.stdout, "Nothing was written yet.")
			return nil
		}
		return failed(report.Grid(a.stdout, a.style(), report.JournalTitles(), rows))
	}
	c.AddCommand(&cobra.Command{
		Use: "verify", Short: "Prove that no entry was altered, removed or moved", Example: "  plumbline journal verify", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return failed(err)
			}
			defer s.Close()
			damage, err := s.db.VerifyJournal(cmd.Context())
			if err != nil {
				return failed(err)
			}
			for _, d := range damage {
				a.warn("journal entry %d: %s", d.Seq, d.Why)
			}
			if len(damage) > 0 {
				return &exitError{code: exitFailed}
			}
			fmt.Fprintln(a.stdout, "the journal is whole")
			return nil
		},
	})
	return c
}
