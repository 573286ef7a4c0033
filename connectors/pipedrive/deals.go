package pipedrive

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// statuses of the deals that a portal has; those that were deleted are listed for 30 days beside them.
const (
	living  = "open,won,lost"
	changed = living + ",deleted"
)

// walk is one walk over deals.
type walk struct {
	*reader
	work    crm.Work
	schema  crm.Schema
	decoder *decoder
	now     crm.Instant
	facts   crm.Fact // of activityFacts: those that are asked for and can be read

	planned map[string]crm.Instant // by deal: the next activity, where everything planned was read
	due     map[string]crm.Instant // by deal: the earliest activity that is not done, where everything planned was read
	whole   bool                   // both hold everything that is planned
	deeds   map[string]deed        // activities that were read, by id
	lines   map[string]lineSum     // by deal: of its products, where they were read
	touched map[string]crm.Instant // by deal: when an activity of it that was read was last changed
}

// Deals walks over every deal, then over the archived ones; or over the changed ones, which are those that Pipedrive says were
// changed and those that had an activity changed.
func (c *reader) Deals(ctx context.Context, schema crm.Schema, work crm.Work) iter.Seq2[crm.Page, error] {
	c.given(schema)
	w := &walk{
		reader: c, work: work, schema: schema, now: crm.At(c.opts.Now()), facts: work.Facts & activityFacts,
		decoder: &decoder{facts: work.Facts, loss: schema.LossReason, currency: schema.Currency, zone: c.zone(), channels: map[string]string{}},
		planned: map[string]crm.Instant{}, due: map[string]crm.Instant{}, deeds: map[string]deed{},
		lines: map[string]lineSum{}, touched: map[string]crm.Instant{},
	}
	for _, m := range schema.Unknown {
		w.facts &^= m.Fact
	}
	for _, o := range schema.Channels {
		w.decoder.channels[o.Value] = o.Label
	}
	if work.Since.IsZero() {
		return ending(w.all(ctx))
	}
	return ending(w.changes(ctx))
}

// ending marks the last page of a walk, for which it holds each page back until the next one is there.
func ending(all iter.Seq2[crm.Page, error]) iter.Seq2[crm.Page, error] {
	return func(yield func(crm.Page, error) bool) {
		var held *crm.Page
		for page, err := range all {
			if held != nil && !yield(*held, nil) {
				return
			}
			held = &page
			if err != nil {
				yield(crm.Page{}, err)
				return
			}
		}
		if held == nil {
			held = &crm.Page{}
		}
		held.Last, held.Next = true, crm.Cursor{}
		yield(*held, nil)
	}
}

// The parts of a full walk, as its cursor names them.
const (
	partDeals    = "deals:"
	partArchived = "archived:"
)

// all walks over the deals and then over the archived ones, each in the order of ids.
func (w *walk) all(ctx context.Context) iter.Seq2[crm.Page, error] {
	return func(yield func(crm.Page, error) bool) {
		at := w.work.From.After
		if err := w.readPlanned(ctx); err != nil {
			yield(crm.Page{}, err)
			return
		}
		if !strings.HasPrefix(at, partArchived) {
			q := w.dealQuery(w.factsToAsk(), w.schema.LossReason, true)
			q.Set("status", living)
			from := strings.TrimPrefix(at, partDeals)
			if !w.pages(ctx, "listing deals", listDeals, q, partDeals, from, yield) {
				return
			}
			at = ""
		}
		w.archived(ctx, 0, strings.TrimPrefix(at, partArchived), yield)
	}
}

// archived walks over the archived deals that were changed at or after a time.
func (w *walk) archived(ctx context.Context, since crm.Instant, from string, yield func(crm.Page, error) bool) bool {
	q := w.dealQuery(w.work.Facts&^activityFacts, w.schema.LossReason, false)
	if !since.IsZero() {
		q.Set("updated_since", moment(since))
	}
	return w.pages(ctx, "listing archived deals", listArchived, q, partArchived, from, yield)
}

// factsToAsk are the facts of the work without those of activities that cannot be read.
func (w *walk) factsToAsk() crm.Fact { return w.work.Facts&^activityFacts | w.facts }

// readPlanned reads everything that is planned, once.
func (w *walk) readPlanned(ctx context.Context) error {
	if w.whole || w.facts&plannedFacts == 0 {
		return nil
	}
	clear(w.planned)
	clear(w.due)
	for page, err := range pages[activity](ctx, w.reader, "listing planned activities", listActivities, "", url.Values{"done": {"false"}}, "") {
		if err != nil {
			return err
		}
		for _, r := range page.Data {
			if r.bad == nil && !r.it.Deleted {
				w.plan(w.note(r.it))
			}
		}
	}
	w.whole = true
	return nil
}

// errand is something to be read of deals by a hundred ids at a time, over the borders of pages.
type errand struct {
	ids  []string // that wait
	done int      // how many were read before them
	read func(ctx context.Context, ids []string) error
}

// add puts ids behind those that wait, and gives the mark that is reached when they are read.
func (e *errand) add(ids []string) (mark int) {
	e.ids = append(e.ids, ids...)
	return e.done + len(e.ids)
}

// run reads what fills a request, or all.
func (e *errand) run(ctx context.Context, all bool) error {
	for len(e.ids) >= batchSize || all && len(e.ids) > 0 {
		n := min(batchSize, len(e.ids))
		if err := e.read(ctx, e.ids[:n]); err != nil {
			return err
		}
		e.ids, e.done = e.ids[n:], e.done+n
	}
	return nil
}

// fetched is a page that waits until what it lacks was read.
type fetched struct {
	rows         []row[deal]
	next         crm.Cursor
	deeds, lines int // marks of the errands for it
}

// mostHeld is how many pages may wait. Where open deals are so rare that they fill no request within as many pages, one that is
// not full is sent.
const mostHeld = 40

// pages walks over one list. The last activities of open deals, and their products, are read by a hundred at a time, over the
// borders of pages; a page is given on when those of its deals are there, so that a walk taken up at its cursor misses none.
func (w *walk) pages(ctx context.Context, doing string, e endpoint, q url.Values, part, from string, yield func(crm.Page, error) bool) bool {
	var held []fetched
	deeds, lines := errand{read: w.readDeeds}, errand{read: w.readLines}
	give := func(all bool) bool {
		for _, e := range []*errand{&deeds, &lines} {
			if err := e.run(ctx, all); err != nil {
				return yield(crm.Page{}, err) && false
			}
		}
		for len(held) > 0 && held[0].deeds <= deeds.done && held[0].lines <= lines.done {
			if !yield(w.page(held[0]), nil) {
				return false
			}
			held = held[1:]
		}
		return true
	}
	for page, err := range pages[deal](ctx, w.reader, doing, e, "", q, from) {
		if err != nil {
			if give(true) {
				yield(crm.Page{}, err)
			}
			return false
		}
		held = append(held, fetched{
			rows: page.Data, next: crm.Cursor{After: part + page.Additional.Next},
			deeds: deeds.add(w.wanted(page.Data)), lines: lines.add(w.withProducts(page.Data)),
		})
		if page.Additional.Next == "" && part == partDeals {
			held[len(held)-1].next = crm.Cursor{After: partArchived}
		}
		if !give(len(held) >= mostHeld) {
			return false
		}
	}
	return give(true)
}

// wanted are the last activities of the open deals among records, unless they were read already.
func (w *walk) wanted(rows []row[deal]) []string {
	if w.facts&doneFacts == 0 {
		return nil
	}
	var ids []string
	for _, r := range rows {
		last := r.it.LastActivity.text
		if _, ok := w.deeds[last]; last != "" && !ok && r.it.Status == "open" && !r.it.Archived && r.it.DoneCount.text != "0" {
			ids = append(ids, last)
		}
	}
	return ids
}

// readDeeds reads activities by id, at most 100.
func (w *walk) readDeeds(ctx context.Context, ids []string) error {
	rows, err := w.readActivities(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.bad == nil && !r.it.Deleted {
			d := w.note(r.it)
			w.deeds[d.id] = d
		}
	}
	return nil
}

// note reads an activity and when it was changed. That counts as a change of its deal, for Pipedrive does not always say so.
func (w *walk) note(a activity) deed {
	d := w.deedOf(a)
	if d.deal != "" {
		w.touched[d.deal] = max(w.touched[d.deal], d.updated)
	}
	return d
}

// page decodes records.
func (w *walk) page(f fetched) crm.Page {
	page := crm.Page{Next: f.next}
	for _, r := range f.rows {
		w.add(&page, r)
	}
	return page
}

// add decodes a record into a page. A deleted deal is gone.
func (w *walk) add(page *crm.Page, r row[deal]) {
	if r.bad == nil && r.id != "" && (r.it.Deleted || r.it.Status == "deleted") {
		page.Gone = append(page.Gone, crm.Gone{ID: r.id, Why: "deleted"})
		return
	}
	d, err := w.decoder.deal(r)
	if err != nil {
		page.Failed = append(page.Failed, fmt.Sprintf("%s: %v", r.id, err))
		return
	}
	w.activities(&d, r.it)
	w.products(&d, r.it)
	page.Deals = append(page.Deals, d)
}

// activities adds what activities and mails tell of a deal.
func (w *walk) activities(d *crm.Deal, in deal) {
	if d.Known.Has(crm.FactModified) {
		d.Modified = max(d.Modified, w.touched[d.ID])
	}
	none := w.whole || in.UndoneCount.text == "0" || in.NextActivity.sent && in.NextActivity.text == ""
	for _, f := range []struct {
		fact crm.Fact
		from map[string]crm.Instant
		into *crm.Instant
	}{{crm.FactPlanned, w.planned, &d.Planned}, {crm.FactNextDue, w.due, &d.NextDue}} {
		if at, ok := f.from[d.ID]; w.facts.Has(f.fact) && (ok || none) {
			*f.into, d.Known = at, d.Known|f.fact
		}
	}
	was := w.done(in)
	was.tell(d, w.facts)
}
