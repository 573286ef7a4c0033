package hubspot

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// The properties of quotes. When a quote was signed is told by none that is documented: it is looked for among them.
const (
	quoteStatus   = "hs_status"
	quoteExpires  = "hs_expiration_date"
	quotePayment  = "hs_payment_status"
	quotePaid     = "hs_payment_date"
	quoteAccepted = "hs_clickwrap_accepted_by"
)

// readQuotes finds the furthest valid quote of deals.
func (w *walk) readQuotes(ctx context.Context, deals map[string]*crm.Deal, ids []string) error {
	of, err := w.associated(ctx, "deals", "quotes", ids)
	if err != nil {
		return err
	}
	signed := ""
	if len(of) > 0 {
		if signed, err = w.signedProperty(ctx); err != nil {
			return err
		}
	}
	properties := []string{quoteStatus, quoteExpires, quotePayment, quotePaid, quoteAccepted}
	if signed != "" {
		properties = append(properties, signed)
	}
	quotes, err := w.records(ctx, "quotes", of, ids, properties, []string{quoteStatus, quotePayment, quoteAccepted})
	if err != nil {
		return err
	}
	for _, id := range ids {
		d := deals[id]
		d.Known |= crm.FactQuotes
		for _, r := range quotes[id] {
			if r.bad != nil {
				d.Known &^= crm.FactQuotes
				continue
			}
			if q := w.quote(r, signed); further(q, d.Quote) {
				d.Quote = q
			}
		}
	}
	return nil
}

// requoteDays is how far back quotes are looked for that changed while their deals did not: further than two full walks are apart.
const requoteDays = 8

// requoted reads the deals again of which a quote has changed lately, without those seen already: that a quote was signed
// does not show in its deal's modification time.
func (w *walk) requoted(ctx context.Context, page *crm.Page, seen map[string]crm.Instant) error {
	quotes, err := w.changedQuotes(ctx)
	if err == nil && len(quotes) > 0 {
		var deals map[string][]string
		if deals, err = w.associated(ctx, "quotes", "deals", quotes); err == nil {
			var rows []row
			for _, quote := range quotes {
				for _, id := range deals[quote] {
					if _, twice := seen[id]; !twice {
						seen[id] = 0
						rows = append(rows, row{object: object{ID: id}})
					}
				}
			}
			err = w.read(ctx, page, rows)
		}
	}
	if missing(err) {
		w.lacks |= crm.FactQuotes
		return nil
	}
	return err
}

// changedQuotes are the ids of the quotes that changed lately, at most as many as a search can page to.
func (w *walk) changedQuotes(ctx context.Context) ([]string, error) {
	req := modifiedSince(crm.At(w.opts.Now().AddDate(0, 0, -requoteDays)))
	req.Limit, req.Properties = searchPageSize, []string{propModified}
	var ids []string
	for len(ids) < searchWall {
		l, err := w.search(ctx, "quotes", req)
		if err != nil {
			return nil, err
		}
		for _, r := range l.Results {
			ids = append(ids, r.ID)
		}
		if l.Paging.Next.After == "" || l.Paging.Next.After == req.After {
			break
		}
		req.After = l.Paging.Next.After
	}
	return ids, nil
}

// signedProperty is the property of quotes that tells when one was signed, "" when the portal's quotes have none. It is looked
// for once in a walk.
func (w *walk) signedProperty(ctx context.Context) (string, error) {
	if w.signed != nil {
		return *w.signed, nil
	}
	all, err := w.listProperties(ctx, "quotes")
	if err != nil {
		return "", err
	}
	slices.SortFunc(all, func(a, b property) int { return cmp.Compare(a.Name, b.Name) })
	name := ""
	for _, p := range all {
		if name == "" && !p.Archived && (p.Type == "datetime" || p.Type == "date") && strings.HasPrefix(p.Name, "hs_") &&
			(strings.Contains(p.Name, "signed") || strings.Contains(p.Name, "signature")) {
			name = p.Name
		}
	}
	w.signed = &name
	return name, nil
}

// quote reads how far a quote has come; one that is not published has not come anywhere.
func (w *walk) quote(r row, signed string) crm.Quote {
	var q crm.Quote
	published := func(status string) bool { return status == "APPROVED" || status == "APPROVAL_NOT_NEEDED" }
	if status, _ := r.Properties.get(quoteStatus); !published(status) {
		return q
	}
	at := func(name string) crm.Instant {
		text, _ := r.Properties.get(name)
		i, _ := instant(text, w.zone())
		return i
	}
	q.Published = since(r.History[quoteStatus], published)
	if q.Published.IsZero() {
		q.Published, _ = instant(r.CreatedAt, w.zone())
	}
	if text, _ := r.Properties.get(quoteExpires); text != "" {
		q.Expires = w.dayAfter(text)
	}
	if q.Signed = at(signed); q.Signed.IsZero() {
		q.Signed = since(r.History[quoteAccepted], func(by string) bool { return by != "" })
	}
	if payment, _ := r.Properties.get(quotePayment); payment == "PAID" {
		if q.Paid = at(quotePaid); q.Paid.IsZero() {
			q.Paid = since(r.History[quotePayment], func(status string) bool { return status == "PAID" })
		}
	}
	return q
}

// since is when a property came to hold a value that fits, of a history that is given newest first; none where the newest
// does not.
func since(history []entry, fits func(string) bool) (at crm.Instant) {
	for _, e := range history {
		if !fits(e.Value) {
			break
		}
		at, _ = instant(e.Timestamp, time.UTC)
	}
	return at
}

// dayAfter is the end of a day in the account's zone. HubSpot writes a day as such or as its beginning in UTC.
func (w *walk) dayAfter(text string) crm.Instant {
	i, err := instant(text, time.UTC)
	if err != nil || i.IsZero() {
		return 0
	}
	y, m, d := i.Time().Date()
	return crm.At(time.Date(y, m, d+1, 0, 0, 0, 0, w.zone()))
}

// further reports whether a quote has come further than another: paid, signed, published; of two as far, the one that is
// valid longer, then the later one.
func further(q, than crm.Quote) bool {
	stage := func(q crm.Quote) int {
		switch {
		case !q.Paid.IsZero():
			return 3
		case !q.Signed.IsZero():
			return 2
		case !q.Published.IsZero():
			return 1
		}
		return 0
	}
	end := func(q crm.Quote) crm.Instant {
		if q.Expires.IsZero() {
			return crm.At(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
		}
		return q.Expires
	}
	return cmp.Or(cmp.Compare(stage(q), stage(than)), cmp.Compare(end(q), end(than)), cmp.Compare(q.Published, than.Published)) > 0
}
