package hubspot

import (
	"strconv"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// loadSale makes the quotes and line items of a deal, whose ids go on from the last one given, and returns the last one.
func (p *portal) loadSale(deal *record, d *sandbox.Deal, id int64) int64 {
	for i := range d.LineItems {
		id++
		l := &d.LineItems[i]
		join(deal, p.start(p.kind("line_items"), strconv.FormatInt(id, 10), deal.created, "CRM_UI",
			"name", l.Name, "amount", l.Amount, "hs_line_item_currency_code", d.Currency))
	}
	for i := range d.Quotes {
		id++
		p.loadQuote(deal, &d.Quotes[i], strconv.FormatInt(id, 10))
	}
	return id
}

func (p *portal) loadQuote(deal *record, q *sandbox.Quote, id string) {
	created := q.Created.Truncate(time.Millisecond)
	r := p.start(p.kind("quotes"), id, created, "CRM_UI", "hs_title", q.Title, "hs_status", "DRAFT")
	put := func(name, value string, at time.Time) {
		if !at.IsZero() && value != "" {
			at = at.Truncate(time.Millisecond)
			r.put(name, version{value: value, at: at, source: "CRM_UI"})
			r.touch(at)
		}
	}
	if !q.Expires.IsZero() {
		y, m, day := q.Expires.In(p.zone()).Date()
		put("hs_expiration_date", stamp(time.Date(y, m, day, 0, 0, 0, 0, time.UTC)), created)
	}
	put("hs_status", "APPROVAL_NOT_NEEDED", q.Published)
	put("hs_clickwrap_accepted_by", "buyer@example.com", q.Signed)
	put("hs_payment_status", "PENDING", q.Published)
	put("hs_payment_status", "PAID", q.Paid)
	put("hs_payment_date", stampOrEmpty(q.Paid), q.Paid)
	join(deal, r)
}
