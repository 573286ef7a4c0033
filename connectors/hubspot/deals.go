package hubspot

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

// walk is one walk over deals.
type walk struct {
	*reader
	work       crm.Work
	decoder    *decoder
	properties []string
	history    []string // properties of which every value is read
	todo       todo
	lacks      crm.Fact // what turned out to lack a scope
	signed     *string  // property of quotes, once it was looked for
}

// Deals walks over every deal by the list, which carries history with its pages, or over the changed ones by a search,
// which does not: their history is read in batches.
func (c *reader) Deals(ctx context.Context, schema crm.Schema, work crm.Work) iter.Seq2[crm.Page, error] {
	w := &walk{
		reader: c, work: work, properties: wanted(work.Facts, schema.LossReason), history: histories(work.Facts),
		decoder: newDecoder(schema, work.Facts, c.setZone(schema.Zone), c.opts.Now()),
	}
	if work.Since.IsZero() {
		return w.whole(ctx, w.all(ctx))
	}
	return w.whole(ctx, w.changed(ctx))
}

// all walks over the list, in the order of ids.
func (w *walk) all(ctx context.Context) iter.Seq2[crm.Page, error] {
	return rest.Pages(ctx, w.work.From.After, func(ctx context.Context, after string) (crm.Page, string, error) {
		l, err := w.listDeals(ctx, w.properties, w.history, false, after)
		if err != nil {
			return crm.Page{}, "", err
		}
		var page crm.Page
		w.add(&page, l.Results)
		next := l.Paging.Next.After
		page.Next, page.Last = crm.Cursor{After: next}, next == ""
		return page, next, nil
	})
}

// add decodes records into a page. What a merge swallowed is gone.
func (w *walk) add(page *crm.Page, rows []row) {
	for _, r := range rows {
		d, err := w.decoder.deal(r)
		if err != nil {
			page.Failed = append(page.Failed, fmt.Sprintf("%s: %v", r.ID, err))
			continue
		}
		page.Deals = append(page.Deals, d)
		w.note(&d, r)
		for _, id := range d.Merged {
			page.Gone = append(page.Gone, crm.Gone{ID: id, Why: "merged", Into: d.ID})
		}
	}
}

// changes is the state of a walk over the changed deals. Results are ordered by modification time and paged by offset, so a
// deal that is changed during the walk goes to the end and those behind it move up by one, one of them over the edge of a
// page that was read already. That shows, for such a deal comes twice. The walk then begins again and takes each page from
// the last time seen, which costs a little more and cannot lose a deal, but for one place: more deals of one time than a page
// holds must be paged by offset all the same. If anything shifts behind that place, the walk goes on from there once more.
type changes struct {
	since   crm.Instant
	after   string
	total   int64
	seen    map[string]crm.Instant // modification time by id
	shifted bool
	careful bool
	risky   crm.Instant // the first time that was paged by offset in a careful walk
	again   int         // how often the walk went on from there
}

// changed walks over a search by modification time, oldest first. One that was interrupted begins again, for in the
// meantime everything may have shifted; Work.Known spares it from reading again what was kept.
func (w *walk) changed(ctx context.Context) iter.Seq2[crm.Page, error] {
	return func(yield func(crm.Page, error) bool) {
		s := &changes{since: w.work.Since, seen: map[string]crm.Instant{}}
		for {
			page, err := w.next(ctx, s)
			if err != nil {
				yield(crm.Page{}, err)
				return
			}
			if !yield(page, nil) || page.Last {
				return
			}
		}
	}
}

// next reads one page of the search and moves the state on.
func (w *walk) next(ctx context.Context, s *changes) (crm.Page, error) {
	req := modifiedSince(s.since)
	req.Limit, req.After, req.Properties = searchPageSize, s.after, []string{propModified}
	if len(w.history) == 0 {
		req.Properties = w.properties
	}
	l, err := w.searchDeals(ctx, req)
	if err != nil {
		return crm.Page{}, err
	}
	fresh, last := s.take(l)
	var page crm.Page
	if w.work.Known != nil {
		fresh = slices.DeleteFunc(fresh, func(r row) bool { return r.bad == nil && w.work.Known(r.ID, modified(r)) })
	}
	if len(w.history) > 0 {
		err = w.read(ctx, &page, fresh)
	} else {
		w.add(&page, fresh)
	}
	if err != nil {
		return crm.Page{}, err
	}
	if err := s.move(w.work.Since, l.Paging.Next.After, last); err != nil {
		return crm.Page{}, err
	}
	page.Next, page.Last = crm.Cursor{Since: w.work.Since}, s.since.IsZero()
	if page.Last && w.work.Sweep && w.asks(crm.FactQuotes) {
		err = w.requoted(ctx, &page, s.seen)
	}
	return page, err
}

// take notes what a page holds, and returns what of it was not seen before and the last modification time.
func (s *changes) take(l list) (fresh []row, last crm.Instant) {
	s.shifted = s.shifted || *l.Total < s.total
	s.total = *l.Total
	for _, r := range l.Results {
		at := modified(r)
		before, known := s.seen[r.ID]
		if known && before == at {
			continue
		}
		s.shifted = s.shifted || known
		s.seen[r.ID] = at
		last = max(last, at)
		fresh = append(fresh, r)
	}
	if n := len(l.Results); n > 0 {
		last = max(last, modified(l.Results[n-1]))
	}
	return fresh, last
}

// mostAgain is how often a walk tries to read many deals of one time while they change.
const mostAgain = 50

// move goes on to the next page: by offset while that is safe, else from the last time seen. At the end, since is none.
func (s *changes) move(start crm.Instant, next string, last crm.Instant) error {
	offset, err := strconv.Atoi(next)
	later := last/1000 > s.since/1000 // HubSpot's times have milliseconds
	switch {
	case next == "" && s.shifted && !s.careful:
		s.careful, s.shifted = true, false
		s.since, s.after, s.total = start, "", 0
	case next == "" && s.shifted && !s.risky.IsZero() && s.again >= mostAgain:
		return errors.New("searching deals: they change faster than they can be read")
	case next == "" && s.shifted && !s.risky.IsZero():
		s.since, s.after, s.total = s.risky, "", 0
		s.shifted, s.risky, s.again = false, 0, s.again+1
	case next == "":
		s.since, s.after = 0, ""
	case later && (s.careful || err == nil && offset+searchPageSize > searchWall):
		s.since, s.after, s.total = last, "", 0
	case err == nil && offset+searchPageSize > searchWall:
		return fmt.Errorf("searching deals: more than %d deals were changed in the millisecond %s: the search cannot page over them", searchWall, last)
	case next == s.after:
		return fmt.Errorf("searching deals: the page at %s names itself as the next one", next)
	default:
		if s.careful && s.risky.IsZero() {
			s.risky = s.since
		}
		s.after = next
	}
	return nil
}

// read reads deals with their history, and tells of those that exist no more.
func (w *walk) read(ctx context.Context, page *crm.Page, rows []row) error {
	var vanished []string
	for some := range slices.Chunk(rows, historyBatch) {
		ids := make(map[string]bool, len(some))
		var ask []string
		for _, r := range some {
			if r.ID == "" {
				page.Failed = append(page.Failed, "a deal: the record has no id")
				continue
			}
			ids[r.ID] = true
			ask = append(ask, r.ID)
		}
		got, err := w.readDeals(ctx, ask, w.properties, w.history, false)
		if err != nil {
			return err
		}
		w.add(page, got)
		for _, r := range got {
			delete(ids, r.ID)
		}
		for _, id := range ask {
			if ids[id] {
				vanished = append(vanished, id)
			}
		}
	}
	gone, err := w.why(ctx, vanished)
	page.Gone = append(page.Gone, gone...)
	return err
}

// why tells what became of deals that the portal no longer lists.
func (c *reader) why(ctx context.Context, ids []string) ([]crm.Gone, error) {
	var gone []crm.Gone
	for some := range slices.Chunk(ids, batchSize) {
		rows, err := c.readDeals(ctx, some, []string{propModified}, nil, true)
		if err != nil {
			return nil, err
		}
		archived := map[string]bool{}
		for _, r := range rows {
			archived[r.ID] = true
		}
		for _, id := range some {
			g := crm.Gone{ID: id, Why: "deleted"}
			if archived[id] {
				g.Why = "archived"
			}
			gone = append(gone, g)
		}
	}
	return gone, nil
}

// modifiedSince is the search for deals changed at or after a time; none finds every deal.
func modifiedSince(since crm.Instant) searchRequest {
	s := searchRequest{FilterGroups: []filterGroup{}, Properties: []string{}}
	if !since.IsZero() {
		s.FilterGroups = []filterGroup{{[]filter{{propModified, "GTE", strconv.FormatInt(since.Time().UnixMilli(), 10)}}}}
		s.Sorts = []sort{{propModified, "ASCENDING"}}
	}
	return s
}
