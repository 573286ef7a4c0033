package hubspot

import (
	"cmp"
	"strconv"
	"sync"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// portal is the state of one account. Whoever uses it holds mu.
type portal struct {
	mu       sync.Mutex
	world    *sandbox.World
	kinds    kindTable
	types    []linkType
	tables   map[*kind]*table
	lines    []*pipeline
	props    map[*kind]*propertySet
	owners   []*owner
	settings *settings
	limits   *limits
	lastID   int64
	wrote    func(records int)
}

// kind is an object type by its plural name, which must be in the table.
func (p *portal) kind(name string) *kind { return p.kinds.find(name) }

func (p *portal) table(k *kind) *table { return p.tables[k] }

func (p *portal) properties(k *kind) *propertySet { return p.props[k] }

// newID is greater than every id of the portal, in all kinds.
func (p *portal) newID() string {
	p.lastID++
	return strconv.FormatInt(p.lastID, 10)
}

// The first ids that the face gives out itself: above those of most worlds, still of the length of HubSpot's own.
const (
	firstActivityID = 20_000_000_000
	firstNewID      = 100_000_000_000
)

// newPortal fills a portal from a world, which it does not change.
func newPortal(world *sandbox.World, set *settings, tier string, now time.Time, wrote func(int)) *portal {
	p := &portal{world: world, kinds: newKinds(), types: newLinkTypes(), tables: map[*kind]*table{}, settings: set,
		lastID: firstNewID, wrote: wrote}
	p.limits = newLimits(tier, p.zone())
	for _, k := range p.kinds {
		p.tables[k] = &table{byID: map[string]*record{}}
	}
	p.loadPipelines()
	p.loadOwners()
	p.props = loadProperties(p.kinds, propertiesBorn)
	p.addWorldProperties()
	p.loadCompanies()
	p.loadContacts()
	p.loadDeals(now)
	return p
}

// addWorldProperties makes the properties that only this world has.
func (p *portal) addWorldProperties() {
	set := p.props[p.kind("deals")]
	if lp := p.world.LossProperty; lp != nil {
		prop := newProperty(lp.Name, lp.Label, "enumeration", "select", propertiesBorn)
		for i, o := range lp.Options {
			prop.Options = append(prop.Options, option{Label: o.Label, Value: o.Value, DisplayOrder: i})
		}
		set.add(prop)
	}
	for i := range p.world.Deals {
		if p.world.Deals[i].External != "" {
			set.add(newProperty(externalID, "External ID", "string", "text", propertiesBorn))
			return
		}
	}
}

// externalID is the property that holds a deal's id in the file it was loaded from.
const externalID = "external_id"

// start makes a record with its first values; empty values leave no trace.
func (p *portal) start(k *kind, id string, at time.Time, source string, values ...string) *record {
	r := &record{kind: k, id: id, created: at, modified: at, fields: make(map[string][]version, len(values)/2)}
	for i := 0; i < len(values); i += 2 {
		if values[i+1] != "" {
			r.fields[values[i]] = []version{{value: values[i+1], at: at, source: source}}
		}
	}
	t := p.tables[k]
	t.byID[id] = r
	if n := len(t.order); n > 0 && compareIDs(t.order[n-1].id, id) > 0 {
		delete(t.byID, id)
		t.add(r)
	} else {
		t.order = append(t.order, r)
	}
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && n > p.lastID {
		p.lastID = n
	}
	return r
}

func (p *portal) loadCompanies() {
	for _, c := range p.world.Companies {
		p.start(p.kind("companies"), c.ID, propertiesBorn, "CRM_UI", "name", c.Name, "hs_object_source", "CRM_UI")
	}
}

func (p *portal) loadContacts() {
	companies := p.table(p.kind("companies"))
	for _, c := range p.world.Contacts {
		r := p.start(p.kind("contacts"), c.ID, propertiesBorn, "CRM_UI",
			"email", c.Email, "firstname", c.First, "lastname", c.Last, "hs_object_source", "CRM_UI")
		if company := companies.byID[c.Company]; company != nil {
			join(r, company)
		}
	}
}

func (p *portal) loadDeals(now time.Time) {
	deals, companies, contacts := p.kind("deals"), p.table(p.kind("companies")), p.table(p.kind("contacts"))
	next := int64(firstActivityID)
	for i := range p.world.Deals {
		d := &p.world.Deals[i]
		r := p.loadDeal(deals, d)
		if company := companies.byID[d.Company]; company != nil {
			join(r, company)
		}
		for _, id := range d.Contacts {
			if contact := contacts.byID[id]; contact != nil {
				join(r, contact)
			}
		}
		next = p.loadSale(r, d, next)
		for j := range d.Activities {
			next++
			p.loadActivity(r, &d.Activities[j], strconv.FormatInt(next, 10), now)
		}
		if d.Archived {
			r.archived, r.archivedAt = true, r.modified
		}
	}
}

func (p *portal) loadDeal(deals *kind, d *sandbox.Deal) *record {
	created := d.Created.Truncate(time.Millisecond)
	source := cmp.Or(d.Source, "CRM_UI")
	r := p.start(deals, d.ID, created, source,
		"dealname", d.Name, "pipeline", d.Pipeline, "hubspot_owner_id", d.Owner, "amount", d.Amount,
		"deal_currency_code", d.Currency, "hs_object_source", source, "hs_object_source_label", source, externalID, d.External,
		"dealtype", d.Type, "hs_analytics_source", d.Channel)
	if user := p.userOf(d.Editor); user != 0 {
		at := later(created, d.Edited.Truncate(time.Millisecond))
		r.fields["hs_updated_by_user_id"] = []version{{value: itoa(user), at: at, source: source}}
	}
	moves := d.Moves
	if len(moves) == 0 {
		moves = []sandbox.Move{{Stage: d.Stage, At: later(d.Created, d.StageEntered), Source: source}}
	}
	for _, m := range moves {
		at := m.At.Truncate(time.Millisecond)
		r.put("dealstage", version{value: m.Stage, at: at, source: cmp.Or(m.Source, "CRM_UI"), user: p.userOf(m.By)})
		r.touch(at)
	}
	// What is known of a deal's end was written with its last move.
	last := version{at: r.modified, source: "CRM_UI"}
	if !d.CloseDate.IsZero() && len(d.Dates) == 0 {
		last.value = stamp(d.CloseDate)
		r.put("closedate", last)
	}
	for _, c := range d.Dates {
		at := c.At.Truncate(time.Millisecond)
		r.put("closedate", version{value: stampOrEmpty(c.To), at: at, source: cmp.Or(c.Source, "CRM_UI"), user: p.userOf(c.By)})
		r.touch(at)
	}
	r.touch(d.Edited.Truncate(time.Millisecond))
	last.value = d.LossReason
	r.put("closed_lost_reason", last)
	if p.world.LossProperty != nil {
		last.value = d.LossOption
		r.put(p.world.LossProperty.Name, last)
	}
	return r
}

// activityKinds are the object types of a world's activities.
var activityKinds = map[string]string{"task": "tasks", "call": "calls", "meeting": "meetings", "email": "emails", "note": "notes"}

// loadActivity makes an activity of a deal. Its fields are made when somebody looks at them.
func (p *portal) loadActivity(deal *record, a *sandbox.Activity, id string, now time.Time) {
	k := p.kind(activityKinds[a.Kind])
	at := a.At.Truncate(time.Millisecond)
	made := at
	if made.After(now) { // planned before now, and no earlier than its deal
		made = deal.modified
	}
	r := p.start(k, id, made, "CRM_UI")
	r.fields, r.pending = nil, a
	r.act = activity{at: at, inbound: a.Inbound, done: a.Done}
	join(deal, r)
}

// fill makes the fields of an activity that was only rolled up so far.
func (r *record) fill() {
	a := r.pending
	if a == nil {
		return
	}
	r.pending = nil
	r.fields = map[string][]version{}
	set := func(pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] != "" {
				r.fields[pairs[i]] = []version{{value: pairs[i+1], at: r.created, source: "CRM_UI"}}
			}
		}
	}
	set("hs_timestamp", stamp(a.At), "hubspot_owner_id", a.Owner, "hs_object_source", "CRM_UI")
	pick := func(which bool, yes, no string) string {
		if which {
			return yes
		}
		return no
	}
	switch r.kind.name {
	case "tasks":
		set("hs_task_subject", a.Subject, "hs_task_type", "TODO", "hs_task_status", pick(a.Done, "COMPLETED", "NOT_STARTED"))
	case "calls":
		set("hs_call_title", a.Subject, "hs_call_direction", pick(a.Inbound, "INBOUND", "OUTBOUND"),
			"hs_call_status", pick(a.Done, "COMPLETED", "QUEUED"))
	case "meetings":
		set("hs_meeting_title", a.Subject, "hs_meeting_start_time", stamp(a.At), "hs_meeting_end_time", stamp(a.At.Add(time.Hour)),
			"hs_meeting_outcome", pick(a.Done, "COMPLETED", "SCHEDULED"))
	case "emails":
		set("hs_email_subject", a.Subject, "hs_email_direction", pick(a.Inbound, "INCOMING_EMAIL", "EMAIL"),
			"hs_email_status", pick(a.Done, "SENT", "SCHEDULED"))
	case "notes":
		set("hs_note_body", a.Subject)
	}
}

// judge reads from an activity's fields what roll-ups need.
func (r *record) judge() {
	r.act.at = unstamp(r.current("hs_timestamp"))
	switch r.kind.name {
	case "tasks":
		r.act.done = r.current("hs_task_status") == "COMPLETED"
	case "calls":
		r.act.inbound = r.current("hs_call_direction") == "INBOUND"
		r.act.done = cmp.Or(r.current("hs_call_status"), "COMPLETED") == "COMPLETED"
	case "meetings":
		r.act.done = cmp.Or(r.current("hs_meeting_outcome"), "COMPLETED") == "COMPLETED"
	case "emails":
		r.act.inbound = r.current("hs_email_direction") == "INCOMING_EMAIL"
		r.act.done = cmp.Or(r.current("hs_email_status"), "SENT") == "SENT"
	case "notes":
		r.act.done = true
	}
	for _, l := range r.links {
		l.to.roll.valid = false
	}
}
