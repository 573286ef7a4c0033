package pipedrive

import (
	"context"

	"github.com/plumbline/plumbline/internal/crm"
)

// Count asks for the summary of all deals, in one request: the walk does not use it. Archived deals are not in it. Of deals
// changed since a time Pipedrive keeps no count, so those are listed.
func (c *reader) Count(ctx context.Context, since crm.Instant) (int64, error) {
	if since.IsZero() {
		return c.total(ctx)
	}
	n := int64(0)
	q := c.dealQuery(0, crm.LossReason{}, false)
	q.Set("status", living)
	q.Set("updated_since", moment(since))
	for page, err := range pages[deal](ctx, c, "listing changed deals", listDeals, "", q, "") {
		if err != nil {
			return 0, err
		}
		n += int64(len(page.Data))
	}
	return n, nil
}

// Gone asks for the deals that were deleted within the last 30 days, after which Pipedrive forgets them. Deals that were
// merged into others are among them; which ones those are is not told. Archived deals are not gone: the walks read them.
func (c *reader) Gone(ctx context.Context, known []string) ([]crm.Gone, error) {
	if len(known) == 0 {
		return nil, nil
	}
	mine := make(map[string]bool, len(known))
	for _, id := range known {
		mine[id] = true
	}
	var gone []crm.Gone
	q := c.dealQuery(0, crm.LossReason{}, false)
	q.Set("status", "deleted")
	for page, err := range pages[deal](ctx, c, "listing deleted deals", listDeals, "", q, "") {
		if err != nil {
			return nil, err
		}
		for _, r := range page.Data {
			if mine[r.id] {
				gone = append(gone, crm.Gone{ID: r.id, Why: "deleted"})
				delete(mine, r.id)
			}
		}
	}
	return gone, nil
}
