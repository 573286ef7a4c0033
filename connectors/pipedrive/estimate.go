package pipedrive

import (
	"context"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// requestSeconds is about what a request takes, the way there and back.
const requestSeconds = 0.4

// Estimate foretells a full pull by two counts: of all deals, and of the open ones, whose last activities are read one by one.
// Archived deals and planned activities have no count, so they are assumed.
func (c *reader) Estimate(ctx context.Context, facts crm.Fact) (connectors.Estimate, error) {
	all, err := c.total(ctx, "")
	if err != nil {
		return connectors.Estimate{}, err
	}
	e := connectors.Estimate{OwnRequests: 1, OwnTokens: countDeals.tokens, Deals: all}
	if facts&(crm.FactTouch|crm.FactBuyer|crm.FactPlanned) != 0 && all > 0 {
		if e.OpenDeals, err = c.total(ctx, "open"); err != nil {
			return e, err
		}
		e.OwnRequests, e.OwnTokens = 2, 2*countDeals.tokens
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
	if facts.Has(crm.FactPlanned) {
		add(listActivities, max(1, ceil(e.OpenDeals, pageSize)))
		e.Assumed = append(e.Assumed, "one planned activity per open deal")
	}
	if facts&(crm.FactTouch|crm.FactBuyer) != 0 {
		add(listActivities, ceil(e.OpenDeals, batchSize))
	}
	var assumed bool
	if e.TokensPerDay, assumed = c.budget.perDay(); assumed {
		e.Assumed = append(e.Assumed, "30,000 tokens a day for each active user")
	}
	e.DailyShare = c.budget.limit()
	e.Seconds = float64(e.Requests) * max(requestSeconds, burstPer.Seconds()/(burstMax*burstShare))
	return e, nil
}

func ceil(n, size int64) int64 { return (n + size - 1) / size }
