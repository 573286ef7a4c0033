package pipedrive

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// note is a note of a deal, a person or an organization.
type note struct {
	id             int64
	content        string
	deal           *deal
	person, org    int64
	user           int64
	pinned         bool
	added, updated time.Time
}

func (n *note) key() int64 { return n.id }

func (n *note) view() map[string]any {
	v := map[string]any{"id": n.id, "active_flag": true, "add_time": stampV1(n.added), "content": n.content, "deal": nil, "deal_id": nil, "lead_id": nil,
		"org_id": maybeID(n.org), "person_id": maybeID(n.person), "project_id": nil, "task_id": nil, "organization": nil, "person": nil,
		"pinned_to_deal_flag": n.pinned, "pinned_to_organization_flag": false, "pinned_to_person_flag": false, "pinned_to_project_flag": false,
		"update_time": stampV1(n.updated), "last_update_user_id": nil, "user_id": n.user}
	if n.deal != nil {
		v["deal_id"], v["deal"] = n.deal.id, map[string]any{"title": n.deal.name}
	}
	return v
}

// serveNotes answers GET /v1/notes, newest first unless another order is asked for.
func (p *portal) serveNotes(c *call) (any, error) {
	dealID, byDeal, err := c.number("deal_id")
	if err != nil {
		return nil, err
	}
	userID, byUser, err := c.number("user_id")
	if err != nil {
		return nil, err
	}
	since, err := c.moment("updated_since")
	if err != nil {
		return nil, err
	}
	found := []*note{}
	for _, n := range slices.Backward(p.notes.order) {
		if byDeal && (n.deal == nil || n.deal.id != dealID) || byUser && n.user != userID || !within(n.updated, since, time.Time{}) {
			continue
		}
		found = append(found, n)
	}
	switch c.query.Get("sort") {
	case "id ASC", "id":
		slices.Reverse(found)
	case "add_time ASC", "add_time":
		slices.SortStableFunc(found, func(a, b *note) int { return a.added.Compare(b.added) })
	case "update_time ASC", "update_time":
		slices.SortStableFunc(found, func(a, b *note) int { return a.updated.Compare(b.updated) })
	}
	page, pagination, err := pageV1(c, found)
	if err != nil {
		return nil, err
	}
	data := make([]map[string]any, len(page))
	for i, n := range page {
		data[i] = n.view()
	}
	return envelope{Success: true, Data: data, Additional: map[string]any{"pagination": pagination}}, nil
}

func (p *portal) serveNote(c *call) (any, error) {
	if n := p.notes.byID[c.id()]; n != nil {
		return one(n.view()), nil
	}
	return nil, c.notFound("Note")
}

// noteInput is the body of a note. v1 does not mind keys that it does not know.
type noteInput struct {
	Content *string `json:"content"`
	Deal    *int64  `json:"deal_id"`
	Person  *int64  `json:"person_id"`
	Org     *int64  `json:"org_id"`
	User    *int64  `json:"user_id"`
	Added   *string `json:"add_time"`
	Pinned  any     `json:"pinned_to_deal_flag"`
}

// serveNoteCreate answers POST /v1/notes.
func (p *portal) serveNoteCreate(c *call) (any, error) {
	n := &note{user: p.me.id, added: c.now.Truncate(time.Second)}
	var in noteInput
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, failV1(http.StatusBadRequest, "Bad request")
	}
	if in.Deal == nil && in.Person == nil && in.Org == nil {
		return nil, failV1(http.StatusBadRequest, "The note must be associated with a deal, person, organization, lead or project")
	}
	if in.Content == nil {
		return nil, failV1(http.StatusBadRequest, "Note content is required")
	}
	if err := p.writeNote(c, n, in); err != nil {
		return nil, err
	}
	n.id = p.newID()
	p.notes.add(n)
	if n.deal != nil {
		n.deal.notes = append(n.deal.notes, n)
	}
	c.wrote++
	return one(n.view()), nil
}

// writeNote fills in what a body says, after checking it.
func (p *portal) writeNote(c *call, n *note, in noteInput) error {
	to := n.deal
	if in.Deal != nil {
		if to = p.deals.byID[*in.Deal]; to == nil || to.deleted {
			return failV1(http.StatusBadRequest, "Deal not found")
		}
	}
	if in.User != nil {
		if p.user(*in.User) == nil || !c.set.admin {
			return failV1(http.StatusForbidden, "Only administrators may set user_id")
		}
		n.user = *in.User
	}
	if in.Added != nil {
		at, ok := parseTime(*in.Added)
		if !ok {
			return failV1(http.StatusBadRequest, "add_time must be a time")
		}
		n.added = at
	}
	if in.Person != nil {
		n.person = *in.Person
	}
	if in.Org != nil {
		n.org = *in.Org
	}
	if in.Content != nil && !c.ignored("content") {
		if strings.TrimSpace(*in.Content) == "" {
			return failV1(http.StatusBadRequest, "Note content is required")
		}
		n.content = sanitised(*in.Content)
	}
	switch in.Pinned {
	case 1.0, true, "1":
		n.pinned = true
	case 0.0, false, "0":
		n.pinned = false
	}
	n.deal, n.updated = to, c.now.Truncate(time.Second)
	if to != nil {
		to.touched = later(to.touched, n.updated)
	}
	return nil
}

// serveNotePut answers PUT /v1/notes/{id}.
func (p *portal) serveNotePut(c *call) (any, error) {
	n := p.notes.byID[c.id()]
	if n == nil {
		return nil, c.notFound("Note")
	}
	var in noteInput
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, failV1(http.StatusBadRequest, "Bad request")
	}
	changed, before := *n, n.deal
	if err := p.writeNote(c, &changed, in); err != nil {
		return nil, err
	}
	*n = changed
	if n.deal != before {
		if before != nil {
			before.notes = slices.DeleteFunc(before.notes, func(x *note) bool { return x == n })
		}
		n.deal.notes = append(n.deal.notes, n)
	}
	c.wrote++
	return one(n.view()), nil
}

// serveNoteDelete answers DELETE /v1/notes/{id}.
func (p *portal) serveNoteDelete(c *call) (any, error) {
	n := p.notes.byID[c.id()]
	if n == nil {
		return nil, c.notFound("Note")
	}
	p.notes.remove(func(x *note) bool { return x == n })
	if n.deal != nil {
		n.deal.notes = slices.DeleteFunc(n.deal.notes, func(x *note) bool { return x == n })
		n.deal.touched = later(n.deal.touched, c.now.Truncate(time.Second))
	}
	c.wrote++
	return one(true), nil
}
