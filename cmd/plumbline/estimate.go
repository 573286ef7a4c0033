package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/text"
)

// estimateView is the published form of an estimate.
type estimateView struct {
	Portal       string  `json:"portal"`
	Deals        int64   `json:"deals"`
	OpenDeals    int64   `json:"open_deals"`
	Requests     int64   `json:"requests"`
	Tokens       int64   `json:"tokens"`
	Seconds      float64 `json:"seconds"`
	OwnRequests  int64   `json:"own_requests"` // of the estimate itself
	OwnTokens    int64   `json:"own_tokens"`
	TokensPerDay int64   `json:"tokens_per_day"` // 0 where the CRM counts none
	DailyShare   int64   `json:"daily_share"`    // the part of them that may be used
	// All stage history beside the pull, at most, and over how many days it is read; 0 where it comes with the pull.
	HistoryTokens int64    `json:"history_tokens"`
	HistoryDays   int64    `json:"history_days"`
	Assumed       []string `json:"assumed"`
}

// estimatePortals tells what a full pull of each portal will cost, and what it cost to find that out.
func (a *app) estimatePortals(ctx context.Context, s *shop, names []string, f report.Format, wait bool) error {
	portals, err := s.connected(ctx, names)
	if err != nil {
		return err
	}
	cycle := s.cycle(wait)
	views := []estimateView{}
	var errs []error
	for _, p := range portals {
		e, err := cycle.Estimate(ctx, p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		views = append(views, estimateView{p.Name, e.Deals, e.OpenDeals, e.Requests, e.Tokens, e.Seconds, e.OwnRequests, e.OwnTokens, e.TokensPerDay, e.DailyShare, e.HistoryTokens, e.HistoryDays, append([]string{}, e.Assumed...)})
	}
	return errors.Join(append(errs, a.showEstimates(views, len(portals) > 1, f))...)
}

func (a *app) showEstimates(views []estimateView, several bool, f report.Format) error {
	if f == report.JSON && len(views) == 1 && !several {
		return report.WriteJSON(a.stdout, views[0])
	}
	if f == report.JSON {
		return report.WriteJSON(a.stdout, views)
	}
	var rows [][]string
	for _, v := range views {
		own := text.Plural(int(v.OwnRequests), "request")
		if v.OwnTokens > 0 {
			own += ", " + text.Plural(int(v.OwnTokens), "token")
		}
		rows = append(rows, []string{v.Portal, text.Thousands(v.Deals), text.Thousands(v.Requests), text.Thousands(v.Tokens), fmt.Sprintf("%.0f s", v.Seconds), own})
	}
	if err := report.Grid(a.stdout, a.style(), []string{"PORTAL", "DEALS", "REQUESTS", "TOKENS", "TIME", "THIS ESTIMATE COST"}, rows); err != nil {
		return err
	}
	for _, v := range views {
		if v.TokensPerDay > 0 {
			fmt.Fprintf(a.stdout, "%s: %s of %s tokens a day may be used\n", v.Portal, text.Thousands(v.DailyShare), text.Thousands(v.TokensPerDay))
		}
		if v.HistoryTokens > 0 {
			fmt.Fprintf(a.stdout, "%s: all stage history costs at most %s tokens more, read over %s\n", v.Portal, text.Thousands(v.HistoryTokens), text.Plural(int(v.HistoryDays), "day"))
		}
		for _, assumed := range v.Assumed {
			fmt.Fprintf(a.stdout, "%s: assumed: %s\n", v.Portal, assumed)
		}
	}
	return nil
}
