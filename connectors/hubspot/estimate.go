package hubspot

import (
	"context"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

const (
	fixedRequests  = 6   // pipelines, properties, owners active and archived, account, count
	outreachKinds  = 3   // calls, meetings, e-mails
	requestSeconds = 0.4 // about what a request takes, the way there and back
)

// Estimate foretells a full pull by one count of the deals.
func (c *reader) Estimate(ctx context.Context, facts crm.Fact) (connectors.Estimate, error) {
	n, err := c.Count(ctx, 0)
	if err != nil {
		return connectors.Estimate{}, err
	}
	size := int64(pageSize)
	if len(histories(facts)) > 0 {
		size = historyPageSize
	}
	e := connectors.Estimate{OwnRequests: 1, Deals: n, Requests: fixedRequests + max(1, (n+size-1)/size), Assumed: []string{"at most 100 active and 100 former owners"}}
	if facts.Has(crm.FactQuotes) {
		e.Requests += (n + heldDeals - 1) / heldDeals
		e.Assumed = append(e.Assumed, "no quotes; else one request for each 50")
	}
	if facts.Has(crm.FactLineItems) {
		e.Assumed = append(e.Assumed, "no open deals with line items; else one request for each 100 line items")
	}
	if facts.Has(crm.FactNextDue) {
		e.Assumed = append(e.Assumed, "no open deals with overdue tasks; else one request for each 100 of their tasks")
	}
	if facts.Has(crm.FactRules) {
		e.Requests++
		e.Assumed = append(e.Assumed, "one pipeline; else one request for each")
	}
	if facts.Has(crm.FactOutreach) {
		e.Requests += outreachKinds
	}
	e.Seconds = float64(e.Requests) * max(requestSeconds, burstPer.Seconds()/(burstMax*burstShare))
	return e, nil
}

var _ connectors.Estimator = (*reader)(nil)
