package pipedrive

import (
	"slices"
	"strconv"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// offline is the world's word for a channel that is none.
const offline = "OFFLINE"

// channels are the channels that the world's deals came by, in the order of their names.
func (p *portal) channels() []string {
	var out []string
	for i := range p.world.Deals {
		if c := p.world.Deals[i].Channel; c != "" && c != offline {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// channelOptions are the options of the field of channels, numbered from 1.
func (p *portal) channelOptions() []option {
	out := []option{}
	for i, name := range p.channels() {
		out = append(out, option{ID: i + 1, Label: name})
	}
	return out
}

// sales gives a deal that was loaded the channel that it came by, who moved it and what it sells.
func (l *loader) sales(w *sandbox.Deal, channels []string) {
	d := l.p.deals.byID[l.p.ids.deals.byText[w.ID]]
	if d == nil {
		return
	}
	if at, ok := slices.BinarySearch(channels, w.Channel); ok {
		d.channel = int64(at + 1)
	}
	l.actors(d, w)
	for _, item := range w.LineItems {
		l.next++
		p := product{id: l.next, deal: d, name: item.Name, added: d.added}
		p.sum, _ = strconv.ParseFloat(item.Amount, 64) // none is 0
		d.products = append(d.products, &p)
		l.p.products.add(&p)
	}
}

// actors says who made the moves that the world tells: nobody where it names nobody.
func (l *loader) actors(d *deal, w *sandbox.Deal) {
	by := make(map[int64]int64, len(w.Moves))
	for _, m := range w.Moves {
		by[m.At.Unix()] = l.p.ids.users.byText[m.By]
	}
	for i := range d.changes {
		ch := &d.changes[i]
		switch ch.field {
		case "stage_id", "pipeline_id", "status", "won_time", "lost_time", "close_time":
			if user, ok := by[ch.at.Unix()]; ok {
				ch.user = user
			}
		}
	}
}

// product is one that is attached to a deal.
type product struct {
	id    int64
	deal  *deal
	name  string
	sum   float64
	added time.Time
}

func (x *product) key() int64           { return x.id }
func (x *product) addedAt() time.Time   { return x.added }
func (x *product) updatedAt() time.Time { return x.added }

func (x *product) view() map[string]any {
	return map[string]any{"id": x.id, "deal_id": x.deal.id, "product_id": x.id, "product_variation_id": nil, "name": x.name, "comments": nil,
		"item_price": x.sum, "quantity": 1, "discount": 0, "discount_type": "percentage", "sum": x.sum, "currency": x.deal.currency, "tax": 0,
		"tax_method": "inclusive", "is_enabled": true, "billing_frequency": "one-time", "billing_frequency_cycles": nil, "billing_start_date": nil,
		"add_time": stampV2(x.added), "update_time": stampV2(x.added)}
}

// serveDealProducts answers GET /api/v2/deals/products: what is attached to the named deals.
func (p *portal) serveDealProducts(c *call) (any, error) {
	ids, err := c.idList("deal_ids")
	if err == nil && ids == nil {
		err = c.bad("deal_ids", "is required")
	}
	if err != nil {
		return nil, err
	}
	l, err := c.listing("id", "deal_id", "add_time", "update_time")
	if err != nil {
		return nil, err
	}
	page, next := pageOf(l, p.products.order, func(x *product) bool { return ids[x.deal.id] && !x.deal.deleted && c.set.sees(x.deal.owner) })
	return many(page, next, (*product).view), nil
}
