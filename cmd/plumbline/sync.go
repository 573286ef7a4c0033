package main

import (
	"context"
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/text"
)

// oauthTimeout is how long a token endpoint may take.
const oauthTimeout = 30 * time.Second

func newSync(a *app) *cobra.Command {
	var full, wait, estimate, skip bool
	format := ""
	c := &cobra.Command{
		Use: "sync [NAME…]", Short: "Pull what changed, or everything",
		Long: "Pulls the named portals (default: all). The first pull reads everything; later ones what changed since.\n" +
			"Exits 4 when some portal is incomplete, 1 when none could be read. Where the CRM tells stage history deal by deal\n" +
			"(Pipedrive), it then reads what is not known yet for up to two minutes, or with --wait for as long as the day's\nbudget lasts; what is left goes on with the next sync, and is not incompleteness.",
		Example: "  plumbline sync\n  plumbline sync acme --full\n  plumbline sync acme --estimate",
	}
	c.Flags().BoolVar(&full, "full", false, "read every deal again")
	c.Flags().BoolVar(&estimate, "estimate", false, "pull nothing: tell what a full pull costs in requests, tokens and seconds")
	c.Flags().BoolVar(&wait, "wait", false, "wait for a portal that another process works on, and for all stage history that the day's budget allows")
	c.Flags().BoolVar(&skip, "skip-history", false, "do not read stage history deal by deal")
	c.Flags().StringVar(&format, "format", "table", "table or json")
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
		if estimate {
			return failed(a.estimatePortals(cmd.Context(), s, args, f, wait))
		}
		return failed(a.syncPortals(cmd.Context(), s, args, syncFlags{output: f, full: full, wait: wait, skipHistory: skip}))
	}
	return c
}

// syncFlags are the flags of sync.
type syncFlags struct {
	output                  report.Format
	full, wait, skipHistory bool
}

// syncView is the published form of a sync.
type syncView struct {
	Portal     string               `json:"portal"`
	Complete   bool                 `json:"complete"`
	Read       map[string]crm.Count `json:"read"`
	Requests   int64                `json:"requests"`
	Tokens     int64                `json:"tokens"`
	Seconds    float64              `json:"seconds"`
	Incomplete []crm.Gap            `json:"incomplete"`
	// History is there where stage history is read deal by deal; the figures above are without it.
	History *historyView `json:"history,omitempty"`
}

func (a *app) syncPortals(ctx context.Context, s *shop, names []string, f syncFlags) error {
	portals, err := s.connected(ctx, names)
	if err != nil {
		return err
	}
	cycle := s.cycle(f.wait)
	views := []syncView{}
	broken := 0
	var v verdict
	for _, p := range portals {
		began := time.Now()
		done, err := cycle.Sync(ctx, p, daemon.Pull{Full: f.full, Progress: a.progress(p.Name)})
		view := syncView{Portal: p.Name, Complete: err == nil && done.Completeness.Complete(), Read: done.Completeness.Read, Requests: done.Requests, Tokens: done.Tokens, Seconds: time.Since(began).Seconds(), Incomplete: done.Completeness.Gaps}
		if view.Read == nil {
			view.Read = map[string]crm.Count{}
		}
		if err != nil {
			if len(view.Incomplete) == 0 { // else it is told there already
				view.Incomplete = []crm.Gap{{Object: "portal", Why: err.Error()}}
			}
			broken++
		}
		if view.Incomplete == nil {
			view.Incomplete = []crm.Gap{}
		}
		if !view.Complete {
			v.add(exitIncomplete)
			a.sayIncomplete(p.Name, view.Incomplete)
		} else if !f.skipHistory {
			if view.History, err = a.backfill(ctx, cycle, p, f.wait); err != nil {
				return err
			}
		}
		views = append(views, view)
	}
	if err := a.showSyncs(views, f.output); err != nil {
		return err
	}
	if broken == len(views) && nothingRead(views) {
		return &exitError{code: exitFailed}
	}
	return v.err()
}

// nothingRead reports whether not one record could be read.
func nothingRead(views []syncView) bool {
	for _, v := range views {
		for _, n := range v.Read {
			if n.Read > 0 {
				return false
			}
		}
	}
	return true
}

func (a *app) showSyncs(views []syncView, f report.Format) error {
	if f == report.JSON {
		if len(views) == 1 {
			return report.WriteJSON(a.stdout, views[0])
		}
		return report.WriteJSON(a.stdout, views)
	}
	counted, told := false, false // tokens, and how much stage history is known: only where there is such a thing
	for _, v := range views {
		counted, told = counted || v.Tokens > 0, told || v.History != nil
	}
	titles := []string{"PORTAL", "STATE", "DEALS READ", "REQUESTS"}
	if counted {
		titles = append(titles, "TOKENS")
	}
	titles = append(titles, "TIME")
	if told {
		titles = append(titles, "STAGE HISTORY")
	}
	var rows [][]string
	for _, v := range views {
		state := "complete"
		if !v.Complete {
			state = "INCOMPLETE"
		}
		row := []string{v.Portal, state, text.Thousands(v.Read["deals"].Read), text.Thousands(v.Requests)}
		if counted {
			row = append(row, text.Thousands(v.Tokens))
		}
		row = append(row, fmt.Sprintf("%.1f s", v.Seconds))
		if told {
			row = append(row, v.History.words())
		}
		rows = append(rows, row)
	}
	return report.Grid(a.stdout, a.style(), titles, rows)
}

// progress shows how far a pull has come, on a terminal alone.
func (a *app) progress(portal string) func(int64, *int64) {
	if !isTerminal(a.stderr) || a.logFormat == logJSON {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(read int64, expected *int64) {
		total := int64(-1)
		if expected != nil {
			total = *expected
		}
		if bar == nil {
			bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription(portal), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
		}
		_ = bar.Set64(read) // a bar that cannot be drawn stops nothing
	}
}
