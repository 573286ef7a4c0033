package pipedrive

import (
	"cmp"
	"context"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// once is the billing of what is paid once, and exclusive the way in which taxes come on top of a sum. What is paid again and
// again, or is taxed beyond its sum, has none that could be compared with a deal's value.
const once, exclusive = "one-time", "exclusive"

// lineSum is what a deal's products come to.
type lineSum struct {
	sum      crm.Amount
	currency string
	bad      bool // there is no such sum
}

// add adds one product.
func (l *lineSum) add(p product) {
	if p.Enabled.sent && !p.Enabled.truth() {
		return
	}
	sum, ok := p.total()
	l.bad = l.bad || !ok || l.currency != "" && l.currency != p.Currency.text
	l.sum, l.currency = l.sum+sum, p.Currency.text
}

// cent is how far a sum may be from its price, its quantity and its discount: it is rounded.
const cent = 0.0101

// total is what a product comes to. Whether Pipedrive's sum is that of the one line is not quite said, so it must agree with the
// line's price.
func (p product) total() (sum crm.Amount, ok bool) {
	sum, err := crm.ParseAmount(p.Sum.text)
	number := func(v value) float64 {
		f, errF := strconv.ParseFloat(cmp.Or(v.text, "0"), 64)
		if errF != nil {
			err = errF
		}
		return f
	}
	price, off := number(p.Price)*number(p.Quantity), number(p.Discount)
	if p.DiscountType.text == "percentage" {
		off *= price / 100
	}
	tax := number(p.Tax)
	return sum, err == nil && math.Abs(price-off-sum.Float()) < cent && (p.Billing.text == "" || p.Billing.text == once) && (tax == 0 || p.Taxed.text != exclusive)
}

// withProducts are the open deals among records that have products to be read.
func (w *walk) withProducts(rows []row[deal]) []string {
	if !w.work.Facts.Has(crm.FactLineItems) || w.noProducts.Load() {
		return nil
	}
	var ids []string
	for _, r := range rows {
		if n, ok := r.it.Products.number(); ok && n > 0 && r.it.Status == "open" && !r.it.Archived && r.id != "" {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// readLines reads the products of deals, at most 100. Where that is not allowed, their sums stay unknown.
func (w *walk) readLines(ctx context.Context, ids []string) error {
	if w.noProducts.Load() {
		return nil
	}
	sums := map[string]lineSum{}
	q := url.Values{"deal_ids": {strings.Join(ids, ",")}}
	for page, err := range pages[product](ctx, w.reader, "reading the products of deals", listProducts, "", q, "") {
		if missing(err) {
			w.noProducts.Store(true)
			return nil
		}
		if err != nil {
			return err
		}
		for _, r := range page.Data {
			l := sums[r.it.Deal.text]
			if l.add(r.it); r.bad != nil {
				l.bad = true
			}
			sums[r.it.Deal.text] = l
		}
	}
	if _, lost := sums[""]; lost { // of which deal a product is cannot be read
		return nil
	}
	for _, id := range ids {
		if l, ok := sums[id]; ok {
			w.lines[id] = l
		}
	}
	return nil
}

// products adds the sum of a deal's products, of one that has none without having asked.
func (w *walk) products(d *crm.Deal, in deal) {
	if !w.work.Facts.Has(crm.FactLineItems) {
		return
	}
	l, read := w.lines[d.ID]
	switch n, ok := in.Products.number(); {
	case ok && n == 0:
		d.Known |= crm.FactLineItems
	case ok && read && !l.bad && (l.currency == "" || strings.EqualFold(l.currency, d.Currency)):
		d.LineTotal, d.Known = l.sum, d.Known|crm.FactLineItems
	}
}
