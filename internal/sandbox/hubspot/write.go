package hubspot

import (
	"net/http"
	"slices"
	"time"
)

// integration is the source of what is written through the API, and the id of the app that writes.
const (
	integration = "INTEGRATION"
	appID       = "1001"
)

// changing is called before a record changes, so that searches that lag still see how it was.
func (p *portal) changing(r *record, now time.Time) {
	lag := p.settings.get().searchLag
	if lag <= 0 {
		return
	}
	if r.changedAt.IsZero() || now.Sub(r.changedAt) >= lag {
		r.fill()
		r.before = r.copyOf()
	}
	r.changedAt = now
}

// write puts prepared changes into a record.
func (p *portal) write(c *call, r *record, ch *changes) {
	p.changing(r, c.now)
	_, was := p.stage(r.current("dealstage"))
	for _, change := range ch.list {
		r.put(change.name, version{value: change.value, at: c.now, source: integration, sourceID: appID})
	}
	if r.kind.name == "deals" {
		p.closeDate(c, r, was, ch)
	}
	if r.kind.activity {
		r.judge()
		p.touchLinked(r, c.now)
	}
	r.touch(c.now)
}

// closeDate is set when a deal moves from an open stage to a closed one, unless the write itself says it.
func (p *portal) closeDate(c *call, r *record, was *stage, ch *changes) {
	_, is := p.stage(r.current("dealstage"))
	if is == nil || !is.closed() || was == nil || was.closed() || !p.settings.get().autoClose {
		return
	}
	if _, said := ch.get("closedate"); !said {
		r.put("closedate", version{value: stamp(c.now), at: c.now, source: "CALCULATED"})
	}
}

// touchLinked moves the time of change of the deals that an activity belongs to.
func (p *portal) touchLinked(r *record, now time.Time) {
	for _, l := range r.links {
		if !l.to.kind.activity {
			p.changing(l.to, now)
			l.to.touch(now)
		}
	}
}

// shown is what an answer to a write shows of the record: what is shown anyway, and what was written.
func (p *portal) shown(c *call, r *record, ch *changes, trace string) object {
	want := selection{properties: slices.Clone(r.kind.shown)}
	for _, change := range ch.list {
		want.properties = append(want.properties, change.name)
	}
	o := p.view(r, want, c)
	o.TraceID = trace
	if c.dated {
		o.Warnings = ch.warnings
	}
	return o
}

// servePatch changes one record.
func (p *portal) servePatch(c *call) (any, error) {
	var in batchInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	r, err := p.found(c)
	if err != nil {
		return nil, err
	}
	ch := p.prepare(c, c.kind, r, in.Properties)
	if len(ch.bad) > 0 {
		return nil, invalidProperties(ch.bad)
	}
	p.write(c, r, ch)
	p.wrote(1)
	return p.shown(c, r, ch, in.TraceID), nil
}

// batchInputs reads the inputs of a batch.
func (c *call) batchInputs() ([]batchInput, error) {
	var in struct {
		Inputs []batchInput `json:"inputs"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if len(in.Inputs) > mostBatched {
		return nil, tooMany(mostBatched)
	}
	return in.Inputs, nil
}

// serveBatchUpdate changes many records. An invalid value or an id that comes twice fails the whole batch, a record that does not exist only itself.
func (p *portal) serveBatchUpdate(c *call) (any, error) {
	inputs, err := c.batchInputs()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, in := range inputs {
		if in.IDProperty == "hs_object_id" {
			return nil, invalid("Unable to perform update/upsert by non-unique %s property hs_object_id", c.kind.typeID)
		}
		if slices.Contains(ids, in.ID) {
			return nil, invalid("Duplicate IDs found in batch input: [%s]. IDs must be unique", in.ID).
				with("context", map[string][]string{"ids": {in.ID}})
		}
		ids = append(ids, in.ID)
	}
	records := make([]*record, len(inputs))
	prepared := make([]*changes, len(inputs))
	var bad []badValue
	var missing []string
	for i, in := range inputs {
		r := p.table(c.kind).byID[in.ID]
		if in.IDProperty != "" {
			r = p.findBy(c.kind, in.IDProperty, in.ID)
		}
		if r == nil || r.archived || r.merged != nil {
			missing, r = append(missing, in.ID), nil
		}
		records[i] = r
		if r == nil { // its values are judged all the same
			r = &record{kind: c.kind}
		}
		prepared[i] = p.prepare(c, c.kind, r, in.Properties)
		bad = append(bad, prepared[i].bad...)
	}
	if len(bad) > 0 {
		return nil, invalidProperties(bad)
	}
	list := []object{}
	for i, r := range records {
		if r != nil {
			p.write(c, r, prepared[i])
			list = append(list, p.shown(c, r, prepared[i], inputs[i].TraceID))
		}
	}
	p.wrote(len(list))
	return c.batched(list, notRead(c.kind, missing)), nil
}

// create makes a record.
func (p *portal) create(c *call, k *kind, ch *changes, links []resolvedLink) *record {
	r := p.start(k, p.newID(), c.now, integration,
		"hs_object_source", integration, "hs_object_source_id", appID, "hs_object_source_label", integration)
	r.changedAt = c.now
	for _, change := range ch.list {
		if change.value != "" {
			r.put(change.name, version{value: change.value, at: c.now, source: integration, sourceID: appID})
		}
	}
	for _, l := range links {
		p.associate(r, l, c.now)
	}
	if k.activity {
		r.judge()
		p.touchLinked(r, c.now)
	}
	return r
}

// checkNew prepares a record that is to be made.
func (p *portal) checkNew(c *call, in batchInput) (*changes, []resolvedLink, *failure) {
	ch := p.prepare(c, c.kind, nil, in.Properties)
	if len(ch.bad) > 0 {
		return nil, nil, invalidProperties(ch.bad)
	}
	for _, change := range ch.list {
		prop := p.properties(c.kind).byName[change.name]
		if !prop.HasUniqueValue || change.value == "" {
			continue
		}
		if other := p.findBy(c.kind, change.name, change.value); other != nil {
			return nil, nil, fail(http.StatusConflict, "CONFLICT", "%s already exists. Existing ID: %s", capital(c.kind.singular), other.id)
		}
	}
	links, fl := p.resolveLinks(c.kind, in.Associations)
	return ch, links, fl
}

// serveCreate makes one record.
func (p *portal) serveCreate(c *call) (any, error) {
	var in batchInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	ch, links, fl := p.checkNew(c, in)
	if fl != nil {
		return nil, fl
	}
	r := p.create(c, c.kind, ch, links)
	p.wrote(1)
	c.status = http.StatusCreated
	return p.shown(c, r, ch, in.TraceID), nil
}

// serveBatchCreate makes many records: all or none, unless each input has a trace id of its own by which it can be told that it failed.
func (p *portal) serveBatchCreate(c *call) (any, error) {
	inputs, err := c.batchInputs()
	if err != nil {
		return nil, err
	}
	traced := allTraced(inputs)
	var errs []batchError
	type ready struct {
		ch    *changes
		links []resolvedLink
		trace string
	}
	var all []ready
	for _, in := range inputs {
		ch, links, fl := p.checkNew(c, in)
		if fl != nil && !traced {
			return nil, fl
		}
		if fl != nil {
			category, _ := fl.body["category"].(string)
			errs = append(errs, batchError{Status: "error", Category: category, Message: fl.message,
				Context: map[string][]string{"objectWriteTraceId": {in.TraceID}}})
			continue
		}
		all = append(all, ready{ch, links, in.TraceID})
	}
	list := []object{}
	for _, n := range all {
		list = append(list, p.shown(c, p.create(c, c.kind, n.ch, n.links), n.ch, n.trace))
	}
	p.wrote(len(list))
	c.status = http.StatusCreated
	return c.batched(list, errs), nil
}

func allTraced(inputs []batchInput) bool {
	seen := map[string]bool{}
	for _, in := range inputs {
		if in.TraceID == "" || seen[in.TraceID] {
			return false
		}
		seen[in.TraceID] = true
	}
	return true
}

// archive puts a record into the recycle bin.
func (p *portal) archive(r *record, now time.Time) {
	p.changing(r, now)
	r.archived, r.archivedAt = true, now
	r.touch(now)
	if r.kind.activity {
		p.touchLinked(r, now)
	}
	for _, l := range r.links {
		l.to.roll.valid = false
	}
	p.wrote(1)
}

// serveDelete archives one record.
func (p *portal) serveDelete(c *call) (any, error) {
	r, err := p.found(c)
	if err != nil {
		return nil, err
	}
	p.archive(r, c.now)
	return nil, nil //nolint:nilnil // an answer without a body
}

// serveBatchArchive archives many records; those that do not exist are passed over.
func (p *portal) serveBatchArchive(c *call) (any, error) {
	inputs, err := c.batchInputs()
	if err != nil {
		return nil, err
	}
	for _, in := range inputs {
		if r := p.table(c.kind).byID[in.ID]; r != nil && !r.archived && r.merged == nil {
			p.archive(r, c.now)
		}
	}
	return nil, nil //nolint:nilnil // an answer without a body
}
