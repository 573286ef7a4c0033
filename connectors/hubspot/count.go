package hubspot

import (
	"context"
	"iter"
	"slices"

	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

// Count asks the search how many deals there are, in one request: the walk over the list does not use it.
func (c *reader) Count(ctx context.Context, since crm.Instant) (int64, error) {
	s := modifiedSince(since)
	s.Limit, s.Properties = 1, []string{propModified}
	l, err := c.searchDeals(ctx, s)
	if err != nil {
		return 0, err
	}
	return *l.Total, nil
}

// Gone finds which known deals the portal no longer lists, by the shorter of two ways: the list of archived deals, or all
// ids. Which one is shorter shows only while the archived ones are listed; at worst twice the shorter way is gone. Deals
// that merges swallowed are told by the walk over those that swallowed them.
func (c *reader) Gone(ctx context.Context, known []string) ([]crm.Gone, error) {
	if len(known) == 0 {
		return nil, nil
	}
	mine := make(map[string]bool, len(known))
	for _, id := range known {
		mine[id] = true
	}
	budget := (len(known) + pageSize - 1) / pageSize
	var gone []crm.Gone
	ended := false
	for l, err := range c.list(ctx, true) {
		if err != nil {
			return nil, err
		}
		for _, r := range l.Results {
			if mine[r.ID] {
				gone = append(gone, crm.Gone{ID: r.ID, Why: "archived"})
			}
		}
		budget--
		if ended = l.Paging.Next.After == ""; budget <= 0 {
			break
		}
	}
	if ended {
		return gone, nil
	}
	return c.goneByID(ctx, known, mine)
}

// goneByID lists every deal and looks at what is missing. A list that was cut short must not take deals away, so those that
// it lacks are asked for by id first.
func (c *reader) goneByID(ctx context.Context, known []string, mine map[string]bool) ([]crm.Gone, error) {
	into := map[string]string{}
	for l, err := range c.list(ctx, false) {
		if err != nil {
			return nil, err
		}
		for _, r := range l.Results {
			delete(mine, r.ID)
			d, err := (&decoder{}).deal(r)
			if err != nil {
				continue
			}
			for _, id := range d.Merged {
				into[id] = r.ID
			}
		}
	}
	left := slices.DeleteFunc(slices.Clone(known), func(id string) bool { return !mine[id] })
	for some := range slices.Chunk(slices.Clone(left), batchSize) {
		rows, err := c.readDeals(ctx, some, []string{propModified}, nil, false)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			left = slices.DeleteFunc(left, func(id string) bool { return id == r.ID })
		}
	}
	gone, err := c.why(ctx, left)
	for i, g := range gone {
		if survivor, ok := into[g.ID]; ok {
			gone[i].Why, gone[i].Into = "merged", survivor
		}
	}
	return gone, err
}

// list walks over the deals, archived or not, with as little of each as will do.
func (c *reader) list(ctx context.Context, archived bool) iter.Seq2[list, error] {
	return rest.Pages(ctx, "", func(ctx context.Context, after string) (list, string, error) {
		l, err := c.listDeals(ctx, []string{propertyStage, propMerged}, nil, archived, after)
		return l, l.Paging.Next.After, err
	})
}
