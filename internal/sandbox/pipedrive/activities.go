package pipedrive

import (
	"slices"
	"strings"
	"time"
)

// activity is a task, call, meeting or the like, done or planned.
type activity struct {
	id             int64
	subject, kind  string
	owner, creator int64
	deal           *deal
	person, org    int64
	dueDate        string // "", or a date
	dueTime        string // "", or HH:MM in UTC
	duration       string
	done, busy     bool
	deleted        bool
	doneAt         time.Time
	note           string
	description    string
	priority       int64
	added, updated time.Time
	extra          fields // of the body, kept as they were sent
}

func (a *activity) key() int64           { return a.id }
func (a *activity) addedAt() time.Time   { return a.added }
func (a *activity) updatedAt() time.Time { return a.updated }

// due orders activities by when they are due.
func (a *activity) due() string { return a.dueDate + " " + a.dueTime }

// activityView is an activity as v2 shows it.
type activityView struct {
	ID           int64   `json:"id"`
	Subject      string  `json:"subject"`
	Type         string  `json:"type"`
	Owner        int64   `json:"owner_id"`
	Creator      int64   `json:"creator_user_id"`
	Deleted      bool    `json:"is_deleted"`
	Added        string  `json:"add_time"`
	Updated      string  `json:"update_time"`
	Deal         *int64  `json:"deal_id"`
	Lead         *string `json:"lead_id"`
	Person       *int64  `json:"person_id"`
	Org          *int64  `json:"org_id"`
	Project      *int64  `json:"project_id"`
	DueDate      *string `json:"due_date"`
	DueTime      *string `json:"due_time"`
	Duration     *string `json:"duration"`
	Busy         bool    `json:"busy"`
	Done         bool    `json:"done"`
	DoneAt       *string `json:"marked_as_done_time"`
	Location     any     `json:"location"`
	Participants any     `json:"participants"`
	Description  *string `json:"public_description"`
	Priority     *int64  `json:"priority"`
	Note         *string `json:"note"`
	Attendees    opt     `json:"attendees,omitzero"`
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (a *activity) view(set traits, attendees bool) activityView {
	v := activityView{ID: a.id, Subject: a.subject, Type: a.kind, Owner: a.owner, Creator: a.creator, Deleted: a.deleted, Added: stampV2(a.added),
		Updated: stampV2(a.updated), Person: maybeID(a.person), Org: maybeID(a.org), DueDate: textOrNull(a.dueDate),
		DueTime: textOrNull(a.dueTime), Duration: textOrNull(a.duration), Busy: a.busy, Done: a.done, DoneAt: maybe(a.doneAt),
		Description: textOrNull(a.description), Priority: maybeID(a.priority), Note: textOrNull(a.note), Participants: []any{}}
	if a.deal != nil {
		v.Deal = maybeID(a.deal.id)
	}
	if set.longDueTime && a.dueTime != "" {
		v.DueTime = textOrNull(a.dueTime + ":00")
	}
	if a.person != 0 {
		v.Participants = []any{map[string]any{"person_id": a.person, "primary": true}}
	}
	if list, ok := a.extra["participants"]; ok {
		v.Participants = list
	}
	if place, ok := a.extra["location"]; ok {
		v.Location = place
	}
	if attendees {
		v.Attendees = opt{true, []any{}}
		if list, ok := a.extra["attendees"]; ok {
			v.Attendees.value = list
		}
	}
	return v
}

// serveActivities answers GET /api/v2/activities.
func (p *portal) serveActivities(c *call) (any, error) {
	keep, err := c.activityFilter()
	if err != nil {
		return nil, err
	}
	l, err := c.listing("id", "update_time", "add_time", "due_date")
	if err != nil {
		return nil, err
	}
	attendees := slices.Contains(c.list("include_fields"), "attendees")
	page, next := pageOf(l, p.activities.order, keep)
	return many(page, next, func(a *activity) activityView { return a.view(c.set, attendees) }), nil
}

// activityFilter reads what a list of activities is narrowed to.
func (c *call) activityFilter() (func(*activity) bool, error) {
	ids, err := c.ids()
	if err != nil {
		return nil, err
	}
	var owner, dealID, person, org int64
	for name, into := range map[string]*int64{"owner_id": &owner, "deal_id": &dealID, "person_id": &person, "org_id": &org} {
		if *into, _, err = c.number(name); err != nil {
			return nil, err
		}
	}
	if _, ok, _ := c.number("filter_id"); ok {
		return nil, c.notFound("Filter")
	}
	done, asked, err := c.truth("done")
	if err != nil {
		return nil, err
	}
	since, err := c.moment("updated_since")
	if err != nil {
		return nil, err
	}
	until, err := c.moment("updated_until")
	if err != nil {
		return nil, err
	}
	return func(a *activity) bool {
		switch {
		case a.deleted, ids != nil && !ids[a.id], owner != 0 && a.owner != owner, person != 0 && a.person != person, org != 0 && a.org != org,
			asked && a.done != done, c.query.Get("lead_id") != "", !c.set.sees(a.owner):
			return false
		case dealID != 0 && (a.deal == nil || a.deal.id != dealID):
			return false
		}
		return within(a.updated, since, until)
	}, nil
}

func (p *portal) serveActivity(c *call) (any, error) {
	a := p.activities.byID[c.id()]
	if a == nil || a.deleted {
		return nil, c.notFound("Activity")
	}
	return one(a.view(c.set, slices.Contains(c.list("include_fields"), "attendees"))), nil
}

// longestNote is how many bytes an activity's note may have.
const longestNote = 100_000

func activityRules() map[string]rule {
	return map[string]rule{"subject": {shape: isText}, "type": {shape: isText}, "owner_id": {shape: isInt}, "deal_id": {isInt, true}, "lead_id": {isText, true},
		"person_id": {isInt, true}, "org_id": {isInt, true}, "project_id": {isInt, true}, "due_date": {isDate, true}, "due_time": {isClock, true},
		"duration": {isClock, true}, "busy": {shape: isBool}, "done": {shape: isBool}, "location": {isObject, true}, "participants": {isAny, true}, "attendees": {isAny, true},
		"public_description": {isText, true}, "priority": {isInt, true}, "note": {isText, true}, "outcome": {isInt, true}}
}

// serveActivityCreate answers POST /api/v2/activities.
func (p *portal) serveActivityCreate(c *call) (any, error) {
	in, err := c.read(activityRules())
	if err != nil {
		return nil, err
	}
	a := &activity{kind: "call", owner: p.me.id, creator: p.me.id, added: c.now.Truncate(time.Second), extra: fields{}}
	if err := p.writeActivity(c, a, in); err != nil {
		return nil, err
	}
	a.id = p.newID()
	if a.subject == "" {
		a.subject = typeName(a.kind)
	}
	p.activities.add(a)
	if a.deal != nil {
		a.deal.activities = append(a.deal.activities, a)
	}
	c.wrote++
	return one(a.view(c.set, false)), nil
}

// serveActivityPatch answers PATCH /api/v2/activities/{id}.
func (p *portal) serveActivityPatch(c *call) (any, error) {
	a := p.activities.byID[c.id()]
	if a == nil || a.deleted {
		return nil, c.notFound("Activity")
	}
	in, err := c.read(activityRules())
	if err != nil {
		return nil, err
	}
	changed := *a
	before := a.deal
	changed.extra = fields{}
	for k, v := range a.extra {
		changed.extra[k] = v
	}
	if err := p.writeActivity(c, &changed, in); err != nil {
		return nil, err
	}
	*a = changed
	if a.deal != before {
		if before != nil {
			before.activities = slices.DeleteFunc(before.activities, func(x *activity) bool { return x == a })
		}
		if a.deal != nil {
			a.deal.activities = append(a.deal.activities, a)
		}
	}
	c.wrote++
	return one(a.view(c.set, false)), nil
}

// writeActivity fills in what a body says and checks what it names.
func (p *portal) writeActivity(c *call, a *activity, in fields) error {
	if in.has("type") && !slices.ContainsFunc(activityTypes(), func(t activityType) bool { return t.key == in.text("type") }) {
		return invalid("type", "Activity type not found")
	}
	if in.has("owner_id") && p.user(in.int("owner_id")) == nil {
		return invalid("owner_id", "User not found or not accessible.")
	}
	if len(in.text("note")) > longestNote {
		return invalid("note", "must not be longer than 100 kB")
	}
	if err := p.linkActivity(a, in); err != nil {
		return err
	}
	for name, into := range map[string]*string{"subject": &a.subject, "type": &a.kind, "due_date": &a.dueDate, "public_description": &a.description} {
		if in.has(name) && !c.ignored(name) {
			*into = in.text(name)
		}
	}
	for name, into := range map[string]*string{"due_time": &a.dueTime, "duration": &a.duration} {
		if in.has(name) && !c.ignored(name) {
			*into, _ = clockText(in.text(name))
		}
	}
	if in.has("note") && !c.ignored("note") {
		a.note = sanitised(in.text("note"))
	}
	if in.has("owner_id") && !c.ignored("owner_id") {
		a.owner = in.int("owner_id")
	}
	if in.has("priority") {
		a.priority = in.int("priority")
	}
	if in.has("busy") {
		a.busy = in.truth("busy")
	}
	a.updated = c.now.Truncate(time.Second)
	if in.has("done") && !c.ignored("done") && in.truth("done") != a.done {
		a.done, a.doneAt = in.truth("done"), time.Time{}
		if a.done {
			a.doneAt = a.updated
		}
	}
	for _, name := range []string{"participants", "attendees", "location"} {
		if in.has(name) {
			a.extra[name] = in[name]
		}
	}
	if a.deal != nil {
		a.deal.touched = later(a.deal.touched, a.updated)
	}
	return nil
}

// linkActivity connects an activity with the records that a body names.
func (p *portal) linkActivity(a *activity, in fields) error {
	if in.has("person_id") && !in.isNull("person_id") {
		return invalid("person_id", "is read-only, use participants")
	}
	if in.has("deal_id") {
		d := p.deals.byID[in.int("deal_id")]
		if !in.isNull("deal_id") && (d == nil || d.deleted) {
			return invalid("deal_id", "Deal not found or not accessible.")
		}
		a.deal = d
		if d != nil {
			a.person, a.org = d.person, d.org
		}
	}
	if in.has("org_id") {
		if !in.isNull("org_id") && p.orgs.byID[in.int("org_id")] == nil {
			return invalid("org_id", "Organization not found or not accessible.")
		}
		a.org = in.int("org_id")
	}
	return nil
}

// serveActivityDelete answers DELETE /api/v2/activities/{id}.
func (p *portal) serveActivityDelete(c *call) (any, error) {
	a := p.activities.byID[c.id()]
	if a == nil || a.deleted {
		return nil, c.notFound("Activity")
	}
	a.deleted, a.updated = true, c.now.Truncate(time.Second)
	if a.deal != nil {
		a.deal.touched = later(a.deal.touched, a.updated)
	}
	c.wrote++
	return one(map[string]any{"id": a.id}), nil
}

// activityType is a type that activities of the account can have.
type activityType struct{ key, name string }

func activityTypes() []activityType {
	return []activityType{{"call", "Call"}, {"meeting", "Meeting"}, {"task", "Task"}, {"deadline", "Deadline"}, {"email", "Email"}, {"lunch", "Lunch"}}
}

func typeName(key string) string {
	for _, t := range activityTypes() {
		if t.key == key {
			return t.name
		}
	}
	return key
}

// serveActivityTypes answers GET /v1/activityTypes.
func (p *portal) serveActivityTypes(*call) (any, error) {
	out := []any{}
	for i, t := range activityTypes() {
		out = append(out, map[string]any{"id": i + 1, "name": t.name, "icon_key": t.key, "color": nil, "order_nr": i + 1, "key_string": t.key,
			"active_flag": true, "is_custom_flag": false, "add_time": stampV1(born()), "update_time": stampV1(born())})
	}
	return one(out), nil
}

// ignored reports whether a fault drops this request's write of a field.
func (c *call) ignored(name string) bool { return ignoredFault(c.r, strings.ToLower(name)) }
