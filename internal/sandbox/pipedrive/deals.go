package pipedrive

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dealFilter is what a list of deals is narrowed to.
type dealFilter struct {
	ids           map[int64]bool
	statuses      []string
	owner, person int64
	org, pipeline int64
	stage         int64
	since, until  time.Time
	archived      bool
	set           traits
}

// dealFilter reads the query of a list of deals.
func (c *call) dealFilter() (dealFilter, error) {
	f := dealFilter{set: c.set}
	var err error
	if f.ids, err = c.ids(); err != nil {
		return f, err
	}
	for _, status := range c.list("status") {
		if !slices.Contains([]string{statusOpen, statusWon, statusLost, statusDeleted}, status) {
			return f, c.bad("status", "must be open, won, lost or deleted")
		}
		f.statuses = append(f.statuses, status)
	}
	for name, into := range map[string]*int64{"owner_id": &f.owner, "person_id": &f.person, "org_id": &f.org, "pipeline_id": &f.pipeline, "stage_id": &f.stage} {
		if *into, _, err = c.number(name); err != nil {
			return f, err
		}
	}
	if _, ok, _ := c.number("filter_id"); ok {
		return f, c.notFound("Filter")
	}
	if f.since, err = c.moment("updated_since"); err != nil {
		return f, err
	}
	f.until, err = c.moment("updated_until")
	return f, err
}

// keep reports whether a deal is in the list.
func (f dealFilter) keep(d *deal) bool {
	switch {
	case d.archived != f.archived && !d.deleted, f.archived && d.deleted, !f.set.sees(d.owner):
		return false
	case f.ids != nil && !f.ids[d.id]:
		return false
	case len(f.statuses) == 0 && d.deleted:
		return false
	case f.owner != 0 && d.owner != f.owner, f.person != 0 && d.person != f.person, f.org != 0 && d.org != f.org,
		f.pipeline != 0 && d.pipeline != f.pipeline, f.stage != 0 && d.stage != f.stage:
		return false
	}
	if len(f.statuses) > 0 {
		status := d.status
		if d.deleted {
			status = statusDeleted
		}
		if !slices.Contains(f.statuses, status) {
			return false
		}
	}
	return within(d.updatedAt(), f.since, f.until)
}

// within reports whether a time is at or after since and before until; zero is no bound.
func within(t, since, until time.Time) bool {
	return (since.IsZero() || !t.Before(since)) && (until.IsZero() || t.Before(until))
}

// mostCustom is how many custom fields a request may name.
const mostCustom = 15

// dealSelection is what a request wants to see of deals.
type dealSelection struct{ include, custom []string }

func (c *call) dealSelection() (dealSelection, error) {
	sel := dealSelection{include: c.list("include_fields"), custom: c.list("custom_fields")}
	for _, name := range sel.include {
		if !slices.Contains(includable(), name) {
			return sel, c.bad("include_fields", "'"+name+"' is not one of "+strings.Join(includable(), ", "))
		}
	}
	if len(sel.custom) > mostCustom {
		return sel, c.bad("custom_fields", "must hold at most 15 keys")
	}
	return sel, nil
}

func (p *portal) show(d *deal, sel dealSelection) dealView {
	v := p.view(d, sel.custom)
	p.include(&v, d, sel.include)
	return v
}

// serveDeals answers GET /api/v2/deals, which leaves out archived deals.
func (p *portal) serveDeals(c *call) (any, error) { return p.listDeals(c, false) }

// serveArchived answers GET /api/v2/deals/archived.
func (p *portal) serveArchived(c *call) (any, error) { return p.listDeals(c, true) }

func (p *portal) listDeals(c *call, archived bool) (any, error) {
	filter, err := c.dealFilter()
	if err != nil {
		return nil, err
	}
	filter.archived = archived
	sel, err := c.dealSelection()
	if err != nil {
		return nil, err
	}
	l, err := c.listing("id", "update_time", "add_time")
	if err != nil {
		return nil, err
	}
	page, next := pageOf(l, p.deals.order, filter.keep)
	return many(page, next, func(d *deal) dealView { return p.show(d, sel) }), nil
}

// serveDeal answers GET /api/v2/deals/{id}; deleted deals are found until they are purged.
func (p *portal) serveDeal(c *call) (any, error) {
	d := p.deals.byID[c.id()]
	if d == nil || !c.set.sees(d.owner) {
		return nil, c.notFound("Deal")
	}
	sel, err := c.dealSelection()
	if err != nil {
		return nil, err
	}
	return one(p.show(d, sel)), nil
}

// serveDealSearch answers GET /api/v2/deals/search by title.
func (p *portal) serveDealSearch(c *call) (any, error) {
	term := strings.ToLower(c.query.Get("term"))
	if len([]rune(term)) < 2 {
		return nil, c.bad("term", "must have at least 2 characters")
	}
	l, err := c.listing("id")
	if err != nil {
		return nil, err
	}
	if l.limit > 100 {
		return nil, c.bad("limit", "must be a number from 1 to 100")
	}
	page, next := pageOf(l, p.deals.order, func(d *deal) bool { return !d.deleted && strings.Contains(strings.ToLower(d.name), term) })
	items := []any{}
	for _, d := range page {
		items = append(items, map[string]any{"result_score": 1, "item": map[string]any{"id": d.id, "type": "deal", "title": d.name, "value": d.value,
			"currency": d.currency, "status": d.status, "visible_to": d.visibleTo, "is_archived": d.archived, "owner": map[string]any{"id": d.owner}}})
	}
	return envelope{Success: true, Data: map[string]any{"items": items}, Additional: map[string]any{"next_cursor": next}}, nil
}

// total is a sum of one currency in a summary.
type total struct {
	Value     float64 `json:"value"`
	Count     int     `json:"count"`
	Converted float64 `json:"value_converted"`
	Formatted string  `json:"value_formatted"`
}

// serveSummary answers GET /v1/deals/summary: counts and sums of the deals that are neither archived nor deleted.
func (p *portal) serveSummary(c *call) (any, error) { return p.summary(c, false) }

// serveArchivedSummary answers GET /v1/deals/summary/archived.
func (p *portal) serveArchivedSummary(c *call) (any, error) { return p.summary(c, true) }

func (p *portal) summary(c *call, archived bool) (any, error) {
	f, err := c.dealFilter()
	if err != nil {
		return nil, err
	}
	if f.owner, _, err = c.number("user_id"); err != nil {
		return nil, err
	}
	f.archived = archived
	values, weighted, count := map[string]*total{}, map[string]*total{}, 0
	sum, weightedSum := 0.0, 0.0
	for _, d := range p.deals.order {
		if !f.keep(d) {
			continue
		}
		if values[d.currency] == nil {
			values[d.currency], weighted[d.currency] = &total{}, &total{}
		}
		share := p.chance(d)
		count++
		sum += d.value
		weightedSum += d.value * share
		for _, t := range []struct {
			t *total
			v float64
		}{{values[d.currency], d.value}, {weighted[d.currency], d.value * share}} {
			t.t.Value += t.v
			t.t.Converted += t.v
			t.t.Count++
		}
	}
	for _, list := range []map[string]*total{values, weighted} {
		for _, t := range list {
			t.Value, t.Converted = cents(t.Value), cents(t.Converted)
			t.Formatted = strconv.FormatFloat(t.Value, 'f', 2, 64)
		}
	}
	return one(map[string]any{"values_total": values, "weighted_values_total": weighted, "total_count": count,
		"total_currency_converted_value": cents(sum), "total_weighted_currency_converted_value": cents(weightedSum)}), nil
}

// cents rounds a sum to what money can be.
func cents(x float64) float64 { return math.Round(x*100) / 100 }

// chance is the share of a deal's value that the forecast counts.
func (p *portal) chance(d *deal) float64 {
	switch {
	case d.status == statusWon:
		return 1
	case d.status == statusLost:
		return 0
	case d.probability != nil:
		return float64(*d.probability) / 100
	}
	if s := p.stage(d.stage); s != nil && s.line.probabilities {
		return float64(s.probability) / 100
	}
	return 1
}
