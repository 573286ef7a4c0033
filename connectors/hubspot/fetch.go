package hubspot

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// heldDeals is how many deals are held back until what a page does not give is read for all of them at once: as many as one
// request for associations takes.
const heldDeals = associationSize

// heldFor is how long pages are held back at most: at the pace that the rate limit allows, about as long as heldDeals take. A
// slow walk that is stopped has lost but the page under way.
const heldFor = 2 * time.Second

// todo are the ids of the deals held back that quotes, line items or tasks are to be read of.
type todo struct {
	quotes, lines, tasks []string
}

func (t *todo) none() bool { return len(t.quotes)+len(t.lines)+len(t.tasks) == 0 }

// note notes what is to be read of a deal beside its properties: quotes of those that are open or won, line items and overdue
// tasks of the open ones that have any.
func (w *walk) note(d *crm.Deal, r row) {
	kind, ok := w.decoder.kinds[d.Stage]
	if !ok || kind == crm.Lost {
		return
	}
	if w.asks(crm.FactQuotes) {
		w.todo.quotes = append(w.todo.quotes, d.ID)
	}
	if kind != crm.Open {
		return
	}
	f := &fields{texts: r.Properties, known: crm.AllFacts}
	if w.asks(crm.FactLineItems) && f.number(crm.FactLineItems, propLines) > 0 {
		w.todo.lines = append(w.todo.lines, d.ID)
	}
	if w.asks(crm.FactNextDue) && f.number(crm.FactNextDue, propOverdue) > 0 {
		w.todo.tasks = append(w.todo.tasks, d.ID)
	}
}

func (w *walk) asks(f crm.Fact) bool { return w.work.Facts.Has(f) && !w.lacks.Has(f) }

// whole holds pages back until what they lack was read, for many deals at once. Pages that lack nothing are passed on as they
// come, so that a walk which is stopped has lost none of them.
func (w *walk) whole(ctx context.Context, pages iter.Seq2[crm.Page, error]) iter.Seq2[crm.Page, error] {
	for fact, scope := range map[crm.Fact]string{crm.FactQuotes: scopeQuotes, crm.FactLineItems: scopeLineItems, crm.FactNextDue: scopeTasks} {
		if !w.may(scope) {
			w.lacks |= fact
		}
	}
	if w.work.Facts&fetched&^w.lacks == 0 {
		return pages
	}
	return func(yield func(crm.Page, error) bool) {
		var held []crm.Page
		deals, began := 0, w.opts.Now()
		flush := func() bool {
			if err := w.fetch(ctx, held); err != nil {
				yield(crm.Page{}, err)
				return false
			}
			for _, page := range held {
				if !yield(page, nil) {
					return false
				}
			}
			held, deals, began = nil, 0, w.opts.Now()
			return true
		}
		for page, err := range pages {
			if err != nil {
				if ctx.Err() != nil || flush() {
					yield(crm.Page{}, err)
				}
				return
			}
			held, deals = append(held, page), deals+len(page.Deals)
			if (w.todo.none() || page.Last || deals >= heldDeals || w.opts.Now().Sub(began) >= heldFor) && !flush() {
				return
			}
		}
	}
}

// fetch reads for the deals of some pages what the pages lack. A missing scope leaves it unknown, here and for the rest of
// the walk.
func (w *walk) fetch(ctx context.Context, pages []crm.Page) error {
	deals := map[string]*crm.Deal{}
	for _, page := range pages {
		for i := range page.Deals {
			deals[page.Deals[i].ID] = &page.Deals[i]
		}
	}
	for _, part := range []struct {
		fact crm.Fact
		ids  []string
		read func(context.Context, map[string]*crm.Deal, []string) error
	}{
		{crm.FactQuotes, w.todo.quotes, w.readQuotes},
		{crm.FactLineItems, w.todo.lines, w.readLines},
		{crm.FactNextDue, w.todo.tasks, w.readOverdue},
	} {
		if len(part.ids) == 0 {
			continue
		}
		switch err := part.read(ctx, deals, part.ids); {
		case missing(err):
			w.lacks |= part.fact
		case err != nil:
			return err
		}
	}
	w.todo = todo{}
	return nil
}

// objects reads the records of a kind that deals are associated with, by deal.
func (w *walk) objects(ctx context.Context, kind string, deals, properties []string) (map[string][]row, error) {
	of, err := w.associated(ctx, "deals", kind, deals)
	if err != nil {
		return nil, err
	}
	return w.records(ctx, kind, of, deals, properties, nil)
}

// records reads the records of a kind that are known to belong to deals, by deal.
func (w *walk) records(ctx context.Context, kind string, of map[string][]string, deals, properties, history []string) (map[string][]row, error) {
	var ids []string
	for _, deal := range deals { // in their order, so that the same portal is read the same way
		ids = append(ids, of[deal]...)
	}
	slices.Sort(ids) // a record may belong to several deals
	size := batchSize
	if len(history) > 0 {
		size = historyBatch
	}
	byID := map[string]row{}
	for some := range slices.Chunk(slices.Compact(ids), size) {
		rows, err := w.readObjects(ctx, kind, some, properties, history)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			byID[r.ID] = r
		}
	}
	out := map[string][]row{}
	for deal, ids := range of {
		for _, id := range ids {
			if r, ok := byID[id]; ok {
				out[deal] = append(out[deal], r)
			}
		}
	}
	return out, nil
}

// The properties of line items.
const (
	lineAmount   = "amount" // the sum of the line, with its discount, without taxes
	lineCurrency = "hs_line_item_currency_code"
)

// readLines sums up the line items. A sum of several currencies, or with a line that cannot be read, is not known.
func (w *walk) readLines(ctx context.Context, deals map[string]*crm.Deal, ids []string) error {
	lines, err := w.objects(ctx, "line_items", ids, []string{lineAmount, lineCurrency})
	if err != nil {
		return err
	}
	for _, id := range ids {
		d, sum, known := deals[id], crm.Amount(0), len(lines[id]) > 0
		for _, r := range lines[id] {
			text, _ := r.Properties.get(lineAmount)
			currency, _ := r.Properties.get(lineCurrency)
			amount, err := crm.ParseAmount(text)
			known = known && r.bad == nil && err == nil && (currency == "" || strings.EqualFold(currency, d.Currency))
			sum += amount
		}
		if known {
			d.LineTotal, d.Known = sum, d.Known|crm.FactLineItems
		}
	}
	return nil
}

// readOverdue finds the earliest task that is not done of deals that have overdue ones. Ours are none.
func (w *walk) readOverdue(ctx context.Context, deals map[string]*crm.Deal, ids []string) error {
	tasks, err := w.objects(ctx, "tasks", ids, []string{taskDue, taskStatus, taskBody})
	if err != nil {
		return err
	}
	for _, id := range ids {
		d := deals[id]
		d.Known |= crm.FactNextDue
		for _, r := range tasks[id] {
			due, err := w.due(r)
			if err != nil || r.bad != nil {
				d.Known &^= crm.FactNextDue
			}
			if !due.IsZero() && (d.NextDue.IsZero() || due < d.NextDue) {
				d.NextDue = due
			}
		}
	}
	return nil
}

// due is when a task is due; none when it is done or ours.
func (w *walk) due(r row) (crm.Instant, error) {
	body, _ := r.Properties.get(taskBody)
	status, _ := r.Properties.get(taskStatus)
	if _, key := cutKey(body); key != "" || status == "COMPLETED" {
		return 0, nil
	}
	text, _ := r.Properties.get(taskDue)
	return instant(text, w.zone())
}
