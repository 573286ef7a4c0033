package pipedrive

import (
	"context"
	"fmt"
	"math"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// requestSeconds is about what a request takes, the way there and back.
const requestSeconds = 0.4

// openShare is how many of all deals are taken to be open before a portal was ever pulled.
const openShare = 0.15

// Estimate foretells a full pull by one count, of all deals. How many of them are open, which decides how many last
// activities are read, how many are archived and what is planned has no count that costs nothing more, so it is assumed.
func (c *reader) Estimate(ctx context.Context, facts crm.Fact) (connectors.Estimate, error) {
	all, err := c.total(ctx)
	if err != nil {
		return connectors.Estimate{}, err
	}
	e := connectors.Estimate{OwnRequests: 1, OwnTokens: countDeals.tokens, Deals: all}
	if facts&activityFacts != 0 && all > 0 {
		e.OpenDeals = int64(math.Round(openShare * float64(all)))
		e.Assumed = append(e.Assumed, fmt.Sprintf("%.0f of 100 deals are open", 100*openShare))
	}
	add := func(ep endpoint, requests int64) {
		e.Requests += requests
		e.Tokens += requests * ep.tokens
	}
	for _, ep := range []endpoint{getMe, listUsers, listPipelines, listStages, listDealFields, listTypes, countDeals} {
		add(ep, 1)
	}
	add(listDeals, max(1, ceil(all, pageSize)))
	add(listArchived, 1)
	e.Assumed = append(e.Assumed, "at most 500 archived deals")
	if facts&plannedFacts != 0 {
		add(listActivities, max(1, ceil(e.OpenDeals, pageSize)))
		e.Assumed = append(e.Assumed, "one planned activity per open deal")
	}
	if facts&doneFacts != 0 {
		add(listActivities, ceil(e.OpenDeals, batchSize))
	}
	if facts.Has(crm.FactLineItems) {
		e.Assumed = append(e.Assumed, "no open deals with products; else one request for each 100 of them")
	}
	var assumed bool
	if e.TokensPerDay, assumed = c.budget.perDay(); assumed {
		e.Assumed = append(e.Assumed, "30,000 tokens a day for each active user")
	}
	e.DailyShare = c.budget.limit()
	if facts.Has(crm.FactHistory) && all > 0 {
		e.HistoryTokens = all * dealChangelog.tokens
		e.HistoryDays = ceil(e.HistoryTokens, max(1, c.budget.spare()))
		e.Assumed = append(e.Assumed, "every deal has moved or is open: the history of one that was closed where it was made costs nothing")
	}
	e.Seconds = float64(e.Requests) * max(requestSeconds, burstPer.Seconds()/(burstMax*burstShare))
	return e, nil
}

func ceil(n, size int64) int64 { return (n + size - 1) / size }
