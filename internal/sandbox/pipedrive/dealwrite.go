package pipedrive

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// byAPI is how the changelog names changes that came through the API.
const byAPI = "api"

// dealRules are the body of a new deal; those that can also be changed are more.
func dealRules() map[string]rule {
	return map[string]rule{"title": {shape: isText}, "owner_id": {shape: isInt}, "person_id": {shape: isInt}, "org_id": {shape: isInt}, "pipeline_id": {shape: isInt},
		"stage_id": {shape: isInt}, "value": {shape: isNumber}, "currency": {shape: isText}, "is_deleted": {shape: isBool}, "is_archived": {shape: isBool},
		"archive_time": {shape: isTime}, "status": {shape: isText}, "probability": {isInt, true}, "lost_reason": {isText, true},
		"visible_to": {shape: isInt}, "close_time": {isTime, true}, "won_time": {shape: isTime}, "lost_time": {shape: isTime},
		"expected_close_date": {shape: isDate}, "label_ids": {shape: isInts}, "custom_fields": {shape: isObject}}
}

// serveDealPatch answers PATCH /api/v2/deals/{id} with the whole deal.
func (p *portal) serveDealPatch(c *call) (any, error) {
	d := p.deals.byID[c.id()]
	if d == nil {
		return nil, c.notFound("Deal")
	}
	in, err := c.read(dealRules())
	if err != nil {
		return nil, err
	}
	if err := p.editable(c, d, in); err != nil {
		return nil, err
	}
	next := d.draft()
	if err := p.writeDeal(c, next, in); err != nil {
		return nil, err
	}
	p.settle(c, d, next)
	return one(p.view(d, nil)), nil
}

// draft is a copy of a deal to be changed, which replaces it once all is found to be right.
func (d *deal) draft() *deal {
	next := *d
	next.changes = slices.Clip(d.changes)
	next.custom = maps.Clone(d.custom)
	return &next
}

// settle puts a draft in the deal's place.
func (p *portal) settle(c *call, d, next *deal) {
	if len(next.changes) > len(d.changes) || c.set.noopBumps {
		next.updated = c.now.Truncate(time.Second)
	}
	*d = *next
	c.wrote++
}

// editable refuses changes of deals that are deleted or archived, but for those that bring them back.
func (p *portal) editable(c *call, d *deal, in fields) error {
	back := func(name string) bool { return len(in) == 1 && in.has(name) && !in.truth(name) }
	switch {
	case d.deleted && (!c.set.restore || !back("is_deleted")):
		return invalid("id", "Deal is deleted")
	case !d.deleted && in.truth("is_deleted"):
		return invalid("is_deleted", "use DELETE to delete a deal")
	case d.archived && !d.deleted && !back("is_archived"):
		return invalid("id", "Deal is archived and cannot be changed")
	}
	return nil
}

// dealWrite is a change of a deal under way.
type dealWrite struct {
	p  *portal
	c  *call
	d  *deal
	in fields
	at time.Time
}

// writeDeal fills in what a body says, after checking it.
func (p *portal) writeDeal(c *call, d *deal, in fields) error {
	w := &dealWrite{p, c, d, in, c.now.Truncate(time.Second)}
	for _, step := range []func() error{w.flags, w.plain, w.links, w.place, w.status, w.closing, w.reason, w.custom, w.required} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// wants reports whether the body says something of a field that no fault drops.
func (w *dealWrite) wants(name string) bool { return w.in.has(name) && !w.c.ignored(name) }

// note logs a change when there is one.
func (w *dealWrite) note(field string, from, to any) {
	a, b := textOf(from), textOf(to)
	if (a == nil) != (b == nil) || a != nil && *a != *b {
		w.p.log(w.d, w.at, field, a, b, byAPI)
	}
}

// flags archives, brings back from the archive or from the deleted deals.
func (w *dealWrite) flags() error {
	d := w.d
	if w.in.has("is_deleted") && d.deleted {
		d.deleted, d.deletedAt = false, time.Time{}
		w.p.log(d, w.at, "status", statusDeleted, d.status, byAPI)
	}
	if !w.wants("is_archived") {
		if w.in.has("archive_time") {
			return invalid("archive_time", "is only allowed together with is_archived")
		}
		return nil
	}
	yes := w.in.truth("is_archived")
	w.note("is_archived", d.archived, yes)
	d.archived, d.archivedAt = yes, time.Time{}
	if yes {
		d.archivedAt = w.at
		if w.in.has("archive_time") {
			d.archivedAt = w.in.time("archive_time")
		}
	}
	return nil
}

// plain fills in the fields that stand for themselves.
func (w *dealWrite) plain() error {
	d, in := w.d, w.in
	if w.wants("title") {
		if strings.TrimSpace(in.text("title")) == "" {
			return invalid("title", "must not be empty")
		}
		w.note("title", d.name, in.text("title"))
		d.name = in.text("title")
	}
	if w.wants("value") {
		w.note("value", d.value, in.number("value"))
		d.value = in.number("value")
	}
	if w.wants("currency") {
		if len(in.text("currency")) != 3 {
			return invalid("currency", "Currency not found")
		}
		w.note("currency", d.currency, in.text("currency"))
		d.currency = in.text("currency")
	}
	if w.wants("probability") {
		var next *int64
		if !in.isNull("probability") {
			n := in.int("probability")
			if n < 0 || n > 100 {
				return invalid("probability", "must be from 0 to 100")
			}
			next = &n
		}
		w.note("probability", number64(d.probability), number64(next))
		d.probability = next
	}
	if w.wants("expected_close_date") {
		w.note("expected_close_date", textOrNull(d.expected), textOrNull(in.text("expected_close_date")))
		d.expected = in.text("expected_close_date")
	}
	if w.wants("visible_to") {
		if n := in.int("visible_to"); !slices.Contains([]int64{1, 3, 5, 7}, n) {
			return invalid("visible_to", "must be 1, 3, 5 or 7")
		}
		w.note("visible_to", d.visibleTo, in.int("visible_to"))
		d.visibleTo = in.int("visible_to")
	}
	if w.wants("label_ids") {
		d.labels = in.ints("label_ids")
		w.p.log(d, w.at, "label", nil, nil, byAPI)
	}
	return nil
}

// number64 is a number or nothing, for the changelog.
func number64(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// links connects the deal with its owner, person and organization.
func (w *dealWrite) links() error {
	d, in, p := w.d, w.in, w.p
	if w.wants("owner_id") {
		u := p.user(in.int("owner_id"))
		if u == nil || !u.active {
			return invalid("owner_id", "User not found or not accessible.")
		}
		w.note("user_id", d.owner, u.id)
		d.owner = u.id
	}
	if w.wants("person_id") {
		if !in.isNull("person_id") && p.persons.byID[in.int("person_id")] == nil {
			return invalid("person_id", "Person not found or not accessible.")
		}
		w.note("person_id", number64(maybeID(d.person)), number64(maybeID(in.int("person_id"))))
		d.person = in.int("person_id")
	}
	if w.wants("org_id") {
		if !in.isNull("org_id") && p.orgs.byID[in.int("org_id")] == nil {
			return invalid("org_id", "Organization not found or not accessible.")
		}
		w.note("org_id", number64(maybeID(d.org)), number64(maybeID(in.int("org_id"))))
		d.org = in.int("org_id")
	}
	return nil
}

// place moves the deal. A pipeline alone means its first stage; a stage alone means its pipeline.
func (w *dealWrite) place() error {
	line, stage := w.wants("pipeline_id"), w.wants("stage_id")
	if !line && !stage {
		return nil
	}
	var to *pipeline
	if line {
		if to = w.p.pipeline(w.in.int("pipeline_id")); to == nil || len(to.stages) == 0 {
			return invalid("pipeline_id", "Pipeline not found")
		}
	}
	if !stage {
		if !w.c.set.pipelineAlone {
			return invalid("stage_id", "is required together with pipeline_id")
		}
		if to.id != w.d.pipeline {
			w.p.move(w.d, to.id, to.stages[0].id, w.at, byAPI)
		}
		return nil
	}
	s := w.p.stage(w.in.int("stage_id"))
	if s == nil {
		return invalid("stage_id", "Stage not found")
	}
	if to != nil && s.line != to {
		return invalid("stage_id", "Stage does not belong to the pipeline")
	}
	if s.id != w.d.stage {
		w.p.move(w.d, s.line.id, s.id, w.at, byAPI)
	}
	return nil
}

func (w *dealWrite) status() error {
	if !w.wants("status") {
		return nil
	}
	next := w.in.text("status")
	if next != statusOpen && next != statusWon && next != statusLost {
		return invalid("status", "must be open, won or lost")
	}
	w.p.setStatus(w.d, next, w.at, byAPI)
	return nil
}

// closing sets the times of a closed deal where the body gives them.
func (w *dealWrite) closing() error {
	d := w.d
	for _, t := range []struct {
		name   string
		fits   bool
		own    *time.Time
		status string
	}{
		{"close_time", d.status != statusOpen, nil, ""}, {"won_time", d.status == statusWon, &d.wonAt, statusWon}, {"lost_time", d.status == statusLost, &d.lostAt, statusLost},
	} {
		if !w.wants(t.name) || w.in.isNull(t.name) {
			continue
		}
		if !t.fits {
			return invalid(t.name, "is only allowed for deals that are "+cmp.Or(t.status, "won or lost"))
		}
		at := w.in.time(t.name)
		if at.After(w.at) {
			return invalid(t.name, "must not be in the future")
		}
		own := t.own
		if own == nil {
			own = &d.lostAt
			if d.status == statusWon {
				own = &d.wonAt
			}
		}
		w.note("close_time", moment(d.closedAt), moment(at))
		w.note(map[bool]string{true: "won_time", false: "lost_time"}[d.status == statusWon], moment(*own), moment(at))
		*own, d.closedAt = at, at
	}
	return nil
}

// reason sets why the deal was lost.
func (w *dealWrite) reason() error {
	if !w.wants("lost_reason") {
		return nil
	}
	var next *string
	if !w.in.isNull("lost_reason") {
		text := w.in.text("lost_reason")
		next = &text
	}
	if next != nil && w.d.status != statusLost {
		return invalid("lost_reason", "is only allowed for deals that are lost")
	}
	if next != nil && !w.c.set.freeReasons && !slices.ContainsFunc(w.p.field("lost_reason").options, func(o option) bool { return o.Label == *next }) {
		return invalid("lost_reason", "is not one of the predefined lost reasons")
	}
	w.note("lost_reason", w.d.lostReason, next)
	w.d.lostReason = next
	return nil
}

// custom sets custom fields.
func (w *dealWrite) custom() error {
	values, _ := w.in["custom_fields"].(map[string]any)
	for _, key := range sortedKeys(values) {
		f := w.p.field(key)
		if f == nil || !f.custom {
			return fieldFailure(key, "Field not found")
		}
		if why := f.refuses(values[key]); why != "" {
			return fieldFailure(key, why)
		}
		if w.c.ignored(key) {
			continue
		}
		if w.d.custom == nil {
			w.d.custom = map[string]any{}
		}
		from, _ := json.Marshal(w.d.custom[key]) // values of JSON
		to, _ := json.Marshal(values[key])
		w.note(key, string(from), string(to))
		w.d.custom[key] = values[key]
	}
	return nil
}

// required refuses a deal that lacks a field which its stage or status demands, where the account's rules bind the API.
func (w *dealWrite) required() error {
	if !w.c.set.requiredBinds {
		return nil
	}
	raw, _ := json.Marshal(w.p.view(w.d, nil)) // plain values always encode
	var shown map[string]any
	_ = json.Unmarshal(raw, &shown) // was encoded above
	for _, f := range w.p.fields {
		if !f.demanded(w.d) {
			continue
		}
		value := shown[f.code]
		if f.custom {
			value = w.d.custom[f.code]
		}
		if value == nil || value == "" || value == 0.0 {
			return failV2(400, "ERR_REQUIRED_FIELDS", "Required field is missing: "+f.code)
		}
	}
	return nil
}

// serveDealCreate answers POST /api/v2/deals. What was long ago cannot be made: add_time and stage_change_time are not taken.
func (p *portal) serveDealCreate(c *call) (any, error) {
	rules := dealRules()
	delete(rules, "is_deleted")
	in, err := c.read(rules)
	if err != nil {
		return nil, err
	}
	if !in.has("title") {
		return nil, invalid("title", "Required")
	}
	line := p.pipelines[0]
	d := &deal{home: p, creator: p.me.id, owner: p.me.id, currency: p.world.Currency, pipeline: line.id, stage: line.stages[0].id, status: statusOpen,
		added: c.now.Truncate(time.Second), updated: c.now.Truncate(time.Second), visibleTo: 3, origin: "API"}
	if err := p.writeDeal(c, d, in); err != nil {
		return nil, err
	}
	d.id, d.stageChanged, d.changes = p.newID(), time.Time{}, nil
	p.log(d, d.added, "add_time", nil, stampV1(d.added), byAPI)
	p.deals.add(d)
	c.wrote++
	return one(p.view(d, nil)), nil
}

// serveDealDelete answers DELETE /api/v2/deals/{id}: the deal can be listed as deleted for thirty days.
func (p *portal) serveDealDelete(c *call) (any, error) {
	d := p.deals.byID[c.id()]
	if d == nil || d.deleted {
		return nil, c.notFound("Deal")
	}
	p.remove(d, c.now)
	c.wrote++
	return one(map[string]any{"id": d.id}), nil
}

func (p *portal) remove(d *deal, now time.Time) {
	d.deleted, d.deletedAt = true, now.Truncate(time.Second)
	p.log(d, d.deletedAt, "status", d.status, statusDeleted, byAPI)
}

// serveMerge answers PUT /v1/deals/{id}/merge: the other deal survives with the activities, notes and mails of both.
func (p *portal) serveMerge(c *call) (any, error) {
	var in struct {
		With int64 `json:"merge_with_id"`
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, failV1(400, "Bad request")
	}
	gone, stays := p.deals.byID[c.id()], p.deals.byID[in.With]
	if gone == nil || stays == nil || gone.deleted || stays.deleted {
		return nil, c.notFound("Deal")
	}
	if gone == stays {
		return nil, failV1(400, "A deal cannot be merged with itself")
	}
	for _, a := range gone.activities {
		a.deal = stays
	}
	for _, n := range gone.notes {
		n.deal = stays
	}
	stays.activities = append(stays.activities, gone.activities...)
	stays.notes = append(stays.notes, gone.notes...)
	stays.mails = append(stays.mails, gone.mails...)
	stays.touched = later(stays.touched, gone.touched)
	gone.activities, gone.notes, gone.mails = nil, nil, nil
	p.remove(gone, c.now)
	gone.mergedInto = stays.id
	stays.updated = c.now.Truncate(time.Second)
	p.log(stays, stays.updated, "merged_from_id", nil, gone.id, byAPI)
	c.wrote += 2
	v := p.viewV1(stays)
	v["merge_what_id"] = gone.id
	return one(v), nil
}
