package hubspot

import (
	"context"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

const (
	fixedRequests  = 6   // pipelines, properties, owners active and archived, account, count
	requestSeconds = 0.4 // about what a request takes, the way there and back
)

// Estimate foretells a full pull by one count of the deals.
func (c *reader) Estimate(ctx context.Context, facts crm.Fact) (connectors.Estimate, error) {
	n, err := c.Count(ctx, 0)
	if err != nil {
		return connectors.Estimate{}, err
	}
	size := int64(pageSize)
	if facts.Has(crm.FactHistory) {
		size = historyPageSize
	}
	e := connectors.Estimate{OwnRequests: 1, Deals: n, Requests: fixedRequests + max(1, (n+size-1)/size), Assumed: []string{"at most 100 active and 100 former owners"}}
	e.Seconds = float64(e.Requests) * max(requestSeconds, burstPer.Seconds()/(burstMax*burstShare))
	return e, nil
}

var _ connectors.Estimator = (*reader)(nil)
