package hubspot

import (
	"context"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// Count asks the search how many deals there are, in one request: the walk over the list does not use it.
func (c *reader) Count(ctx context.Context, since crm.Instant) (int64, error) {
	s := modifiedSince(since)
	s.Limit, s.Properties = 1, []string{propModified}
	l, err := c.searchDeals(ctx, s)
	return l.Total, err
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
	err := c.list(ctx, true, func(l list) bool {
		for _, r := range l.Results {
			if mine[r.ID] {
				gone = append(gone, crm.Gone{ID: r.ID, Why: "archived"})
			}
		}
		budget--
		ended = l.Paging.Next.After == ""
		return budget > 0
	})
	if err != nil || ended {
		return gone, err
	}
	return c.goneByID(ctx, known, mine)
}

// goneByID lists every deal and looks at what is missing.
func (c *reader) goneByID(ctx context.Context, known []string, mine map[string]bool) ([]crm.Gone, error) {
	into := map[string]string{}
	err := c.list(ctx, false, func(l list) bool {
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
		return true
	})
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(known), func(id string) bool { return !mine[id] })
	gone, err := c.why(ctx, left)
	for i, g := range gone {
		if survivor, ok := into[g.ID]; ok {
			gone[i].Why, gone[i].Into = "merged", survivor
		}
	}
	return gone, err
}

// list walks over the deals, archived or not, with as little of each as will do, until look returns false.
func (c *reader) list(ctx context.Context, archived bool, look func(list) bool) error {
	for after := ""; ; {
		l, err := c.listDeals(ctx, []string{propertyStage, propMerged}, false, archived, after)
		if err != nil {
			return err
		}
		next := l.Paging.Next.After
		if !look(l) || next == "" || next == after {
			return nil
		}
		after = next
	}
}
