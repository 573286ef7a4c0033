package pipedrive

import (
	"context"
	"iter"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// sweepBack is how far a sweep looks back for deals that were archived: other changes have moved Since on since the last one.
const sweepBack = 48 * time.Hour

// changes walks over what was changed at or after a time. An idle poll costs two requests: one for activities, one for deals.
// One that was interrupted begins again; Work.Known spares it from reading again what was kept.
//
// The walk is in the order of ids, so a deal that changes on the way is neither lost nor shifts another; the next one finds it.
func (w *walk) changes(ctx context.Context) iter.Seq2[crm.Page, error] {
	return func(yield func(crm.Page, error) bool) {
		fail := func(err error) { yield(crm.Page{}, err) }
		if err := w.readChangedDeeds(ctx); err != nil {
			fail(err)
			return
		}
		q := w.dealQuery(w.factsToAsk(), w.schema.LossReason, true)
		q.Set("status", changed)
		q.Set("updated_since", moment(w.work.Since))
		done := map[string]bool{}
		for page, err := range pages[deal](ctx, w.reader, "listing changed deals", listDeals, "", q, "") {
			if err != nil {
				fail(err)
				return
			}
			if !w.give(ctx, page.Data, done, yield) {
				return
			}
		}
		if !w.rest(ctx, done, yield) || !w.work.Sweep {
			return
		}
		w.sweep(ctx, done, yield)
	}
}

// readChangedDeeds reads the activities that were changed.
func (w *walk) readChangedDeeds(ctx context.Context) error {
	if w.facts == 0 {
		return nil
	}
	q := url.Values{"updated_since": {moment(w.work.Since)}}
	for page, err := range pages[activity](ctx, w.reader, "listing changed activities", listActivities, "", q, "") {
		if err != nil {
			return err
		}
		for _, r := range page.Data {
			if r.bad != nil {
				continue
			}
			d := w.note(r.it)
			if !r.it.Deleted {
				w.deeds[d.id] = d
			}
		}
	}
	return nil
}

// give gives on those of the records that are not known yet.
func (w *walk) give(ctx context.Context, rows []row[deal], done map[string]bool, yield func(crm.Page, error) bool) bool {
	var fresh []row[deal]
	for _, r := range rows {
		if r.bad == nil && w.work.Known != nil && r.it.Status != "deleted" && w.work.Known(r.id, w.modified(r)) {
			done[r.id] = true
			continue
		}
		fresh = append(fresh, r)
	}
	return w.giveAll(ctx, fresh, done, yield)
}

// giveAll gives on records with what activities tell of them.
func (w *walk) giveAll(ctx context.Context, rows []row[deal], done map[string]bool, yield func(crm.Page, error) bool) bool {
	if err := w.resolve(ctx, rows); err != nil {
		yield(crm.Page{}, err)
		return false
	}
	page := crm.Page{Next: crm.Cursor{Since: w.work.Since}}
	for _, r := range rows {
		done[r.id] = true
		w.add(&page, r)
	}
	return yield(page, nil)
}

// modified is when a deal or an activity of it was changed.
func (w *walk) modified(r row[deal]) crm.Instant {
	at, _ := instant(r.it.Updated.text, w.zone())
	return max(at, w.touched[r.id])
}

// resolve reads the products and the next and last activities of open deals. The next one of all tells what is planned, unless it is
// overdue or our own: then everything that is planned is read.
func (w *walk) resolve(ctx context.Context, rows []row[deal]) error {
	ids := w.wanted(rows)
	for _, r := range rows {
		next := r.it.NextActivity.text
		if _, ok := w.deeds[next]; next != "" && !ok && !w.whole && r.it.Status == "open" && w.facts&plannedFacts != 0 {
			ids = append(ids, next)
		}
	}
	slices.Sort(ids)
	for some := range slices.Chunk(slices.Compact(ids), batchSize) {
		if err := w.readDeeds(ctx, some); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(w.withProducts(rows), batchSize) {
		if err := w.readLines(ctx, some); err != nil {
			return err
		}
	}
	for _, r := range rows {
		next := r.it.NextActivity.text
		if w.whole || next == "" || r.it.Status != "open" || w.facts&plannedFacts == 0 {
			continue
		}
		d, ok := w.deeds[next]
		if !ok || d.done || d.ours || d.due <= w.now {
			return w.readPlanned(ctx)
		}
		w.planned[r.id], w.due[r.id] = d.due, d.due
	}
	return nil
}

// rest gives on the deals that had an activity changed and were not changed themselves.
func (w *walk) rest(ctx context.Context, done map[string]bool, yield func(crm.Page, error) bool) bool {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(w.touched)) {
		at := w.touched[id]
		if !done[id] && at >= w.work.Since && (w.work.Known == nil || !w.work.Known(id, at)) {
			ids = append(ids, id)
		}
	}
	for some := range slices.Chunk(ids, batchSize) {
		rows, err := w.readDeals(ctx, some, w.dealQuery(w.factsToAsk(), w.schema.LossReason, true))
		if err != nil {
			yield(crm.Page{}, err)
			return false
		}
		if !w.give(ctx, rows, done, yield) {
			return false
		}
	}
	return true
}

// sweep reads again what no time of change shows: deals that were archived, and every open deal, for the next activity of one
// may have passed by, and one may have become visible.
func (w *walk) sweep(ctx context.Context, done map[string]bool, yield func(crm.Page, error) bool) {
	if !w.archived(ctx, w.work.Since.Add(-sweepBack), "", yield) {
		return
	}
	if err := w.readPlanned(ctx); err != nil {
		yield(crm.Page{}, err)
		return
	}
	q := w.dealQuery(w.factsToAsk(), w.schema.LossReason, true)
	q.Set("status", "open")
	w.pages(ctx, "listing open deals", listDeals, q, "", "", func(page crm.Page, err error) bool {
		page.Deals = slices.DeleteFunc(page.Deals, func(d crm.Deal) bool { return done[d.ID] })
		page.Next = crm.Cursor{Since: w.work.Since}
		return yield(page, err)
	})
}
