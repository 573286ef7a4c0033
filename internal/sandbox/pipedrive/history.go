package pipedrive

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// log notes a change of a deal. nil is null.
func (p *portal) log(d *deal, at time.Time, field string, from, to any, source string) {
	p.lastChange++
	d.changes = append(d.changes, change{id: p.lastChange, at: at, field: field, old: textOf(from), new: textOf(to), user: cmp.Or(p.actor, d.owner), source: source})
}

func textOf(v any) *string {
	switch x := v.(type) {
	case string:
		return &x
	case *string:
		return x
	case int64:
		s := itoa(x)
		return &s
	case float64:
		s := strconv.FormatFloat(x, 'f', -1, 64)
		return &s
	case bool:
		s := strconv.FormatBool(x)
		return &s
	}
	return nil
}

// moment is a time in the changelog's words, nil for none.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stampV1(t)
}

// move takes a deal to a stage.
func (p *portal) move(d *deal, pipeline, stage int64, at time.Time, source string) {
	if pipeline != d.pipeline {
		p.log(d, at, "pipeline_id", d.pipeline, pipeline, source)
		d.pipeline = pipeline
	}
	if stage != d.stage {
		p.log(d, at, "stage_id", d.stage, stage, source)
		d.stage, d.stageChanged = stage, at
	}
	d.updated = at
}

// setStatus opens, wins or loses a deal. Its times follow.
func (p *portal) setStatus(d *deal, status string, at time.Time, source string) {
	if status == d.status {
		return
	}
	p.log(d, at, "status", d.status, status, source)
	var won, lost, closed time.Time
	switch status {
	case statusWon:
		won, closed = at, at
		if d.firstWon.IsZero() {
			d.firstWon = at
		}
	case statusLost:
		lost, closed = at, at
	}
	keeps := p.set.reopenKeeps && status == statusOpen
	if keeps {
		lost = d.lostAt
	}
	for _, t := range []struct {
		field string
		old   *time.Time
		next  time.Time
	}{{"won_time", &d.wonAt, won}, {"lost_time", &d.lostAt, lost}, {"close_time", &d.closedAt, closed}} {
		if !t.old.Equal(t.next) {
			p.log(d, at, t.field, moment(*t.old), moment(t.next), source)
			*t.old = t.next
		}
	}
	if d.lostReason != nil && !keeps {
		p.log(d, at, "lost_reason", d.lostReason, nil, source)
		d.lostReason = nil
	}
	d.status, d.updated = status, at
}

// changeView is a change as the changelog shows it.
type changeView struct {
	Field  string  `json:"field_key"`
	Old    *string `json:"old_value"`
	New    *string `json:"new_value"`
	Actor  *int64  `json:"actor_user_id"`
	Time   string  `json:"time"`
	Source string  `json:"change_source"`
	Agent  *string `json:"change_source_user_agent"`
	Bulk   bool    `json:"is_bulk_update_flag"`
}

func (ch change) view() changeView {
	return changeView{Field: ch.field, Old: ch.old, New: ch.new, Actor: maybeID(ch.user), Time: stampV1(ch.at), Source: ch.source}
}

// history lists a deal's changes, newest first, as far back as the account keeps them.
func (d *deal) history(set traits) []change {
	var out []change
	for _, ch := range d.changes {
		if !ch.at.Before(set.changelogSince) {
			out = append(out, ch)
		}
	}
	slices.SortStableFunc(out, func(a, b change) int { return a.at.Compare(b.at) })
	slices.Reverse(out)
	return out
}

// serveChangelog answers GET /v1/deals/{id}/changelog, which is paged by a cursor.
func (p *portal) serveChangelog(c *call) (any, error) {
	d := p.deals.byID[c.id()]
	if d == nil {
		return nil, c.notFound("Deal")
	}
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	list, from := d.history(c.set), 0
	if text := c.query.Get("cursor"); text != "" {
		raw, err := base64.StdEncoding.DecodeString(text)
		id, isID := strings.CutPrefix(string(raw), "id:")
		at := slices.IndexFunc(list, func(ch change) bool { return itoa(ch.id) == id })
		switch {
		case err == nil && isID && at >= 0:
			from = at
		case !c.set.anyCursor:
			return nil, c.bad("cursor", "is not valid")
		}
	}
	to := min(from+limit, len(list))
	data := []changeView{}
	for _, ch := range list[from:to] {
		data = append(data, ch.view())
	}
	var next *string
	if to < len(list) {
		text := base64.StdEncoding.EncodeToString([]byte("id:" + itoa(list[to].id)))
		next = &text
	}
	return envelope{Success: true, Data: data, Additional: map[string]any{"next_cursor": next}}, nil
}

// flowItem is one entry of a deal's flow.
type flowItem struct {
	Object    string `json:"object"`
	Timestamp string `json:"timestamp"`
	Data      any    `json:"data"`
}

// serveFlow answers GET /v1/deals/{id}/flow: changes, activities and notes in one feed, newest first.
func (p *portal) serveFlow(c *call) (any, error) {
	d := p.deals.byID[c.id()]
	if d == nil {
		return nil, c.notFound("Deal")
	}
	if c.set.flowNull {
		return one(nil), nil
	}
	items := c.list("items")
	wanted := func(kind string) bool { return len(items) == 0 || slices.Contains(items, kind) }
	var feed []flowItem
	if wanted("change") || wanted("dealChange") {
		for _, ch := range d.history(traits{}) {
			feed = append(feed, flowItem{"dealChange", stampV1(ch.at), map[string]any{
				"id": ch.id, "item_id": d.id, "user_id": maybeID(ch.user), "field_key": ch.field, "old_value": ch.old, "new_value": ch.new,
				"is_bulk_update_flag": nil, "log_time": stampV1(ch.at), "change_source": ch.source, "change_source_user_agent": nil,
				"additional_data": p.formatted(ch)}})
		}
	}
	if wanted("activity") {
		for _, a := range d.activities {
			if !a.deleted {
				feed = append(feed, flowItem{"activity", stampV1(a.added), map[string]any{"id": a.id, "subject": a.subject, "type": a.kind,
					"done": a.done, "due_date": a.dueDate, "due_time": a.dueTime, "deal_id": d.id, "user_id": a.owner}})
			}
		}
	}
	if wanted("note") {
		for _, n := range d.notes {
			feed = append(feed, flowItem{"note", stampV1(n.added), n.view()})
		}
	}
	slices.SortStableFunc(feed, func(a, b flowItem) int { return strings.Compare(b.Timestamp, a.Timestamp) })
	page, pagination, err := pageV1(c, feed)
	if err != nil {
		return nil, err
	}
	return envelope{Success: true, Data: page, Additional: map[string]any{"pagination": pagination}}, nil
}

// formatted gives the names of what a change's values stand for.
func (p *portal) formatted(ch change) any {
	if ch.field != "stage_id" {
		return map[string]any{}
	}
	name := func(v *string) any {
		if v == nil {
			return nil
		}
		if s := p.stage(idOf(v)); s != nil {
			return s.name
		}
		return nil
	}
	return map[string]any{"old_value_formatted": name(ch.old), "new_value_formatted": name(ch.new)}
}

// idOf reads an id that a change holds; 0 for null.
func idOf(v *string) int64 {
	if v == nil {
		return 0
	}
	id, _ := strconv.ParseInt(*v, 10, 64) // was made of one
	return id
}
