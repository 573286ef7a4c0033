package hubspot

import (
	"net/http"
	"slices"
	"time"
)

// What one request may ask for.
const (
	mostListed      = 100
	mostWithHistory = 50
	mostBatched     = 100
)

// historyEntry is one value that a property had.
type historyEntry struct {
	Value      string `json:"value"`
	Timestamp  string `json:"timestamp"`
	SourceType string `json:"sourceType"`
	SourceID   string `json:"sourceId,omitempty"`
	UserID     int64  `json:"updatedByUserId,omitempty"`
}

// inlineLink is an association in an object's own answer.
type inlineLink struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// object is a record as the API shows it.
type object struct {
	ID           string                    `json:"id"`
	Properties   map[string]*string        `json:"properties"`
	History      map[string][]historyEntry `json:"propertiesWithHistory,omitempty"`
	Associations map[string]page           `json:"associations,omitempty"`
	CreatedAt    string                    `json:"createdAt"`
	UpdatedAt    string                    `json:"updatedAt"`
	Archived     bool                      `json:"archived"`
	ArchivedAt   string                    `json:"archivedAt,omitempty"`
	URL          string                    `json:"url,omitempty"`
	TraceID      string                    `json:"objectWriteTraceId,omitempty"`
	Warnings     []warning                 `json:"warnings,omitempty"`
}

// selection is what a request wants to see of records.
type selection struct {
	properties, history []string
	associations        []*kind
}

// alwaysShown are the properties that every answer holds.
func (k *kind) alwaysShown() []string {
	created := "createdate"
	if k.activity || k.name == "quotes" || k.name == "line_items" {
		created = "hs_createdate"
	}
	return []string{created, k.modified, "hs_object_id"}
}

// view is a record as a request wants to see it: a property that does not exist is left out, one without a value is null.
func (p *portal) view(r *record, want selection, c *call) object {
	r.fill()
	o := object{ID: r.id, Properties: map[string]*string{}, CreatedAt: stamp(r.created), UpdatedAt: stamp(r.modifiedAt(c.now)),
		Archived: r.archived, URL: "https://" + uiDomain + "/contacts/" + p.world.Account + "/record/" + r.kind.typeID + "/" + r.id}
	if r.archived {
		o.ArchivedAt = stamp(r.archivedAt)
	}
	names := want.properties
	if len(names) == 0 {
		names = r.kind.shown
	}
	for _, list := range [][]string{names, want.history, r.kind.alwaysShown()} {
		for _, name := range list {
			if value, known := p.value(r, name, c.now); known {
				o.Properties[name] = nil
				if value != "" {
					o.Properties[name] = &value
				}
			}
		}
	}
	if len(want.history) > 0 {
		o.History = map[string][]historyEntry{}
		for _, name := range want.history {
			if entries, known := p.history(r, name, c.now); known {
				o.History[name] = entries
			}
		}
	}
	for _, k := range want.associations {
		if list := p.inline(r, k, c); list.Results != nil {
			if o.Associations == nil {
				o.Associations = map[string]page{}
			}
			o.Associations[k.name] = list
		}
	}
	return o
}

// history lists what a property was, newest first. What is calculated has its present value alone, but for roll-ups
// of times, which were what they are told to have been.
func (p *portal) history(r *record, name string, now time.Time) ([]historyEntry, bool) {
	value, known := p.value(r, name, now)
	if !known {
		return nil, false
	}
	entries := []historyEntry{}
	for _, v := range slices.Backward(r.fields[name]) {
		entries = append(entries, historyEntry{Value: v.value, Timestamp: stamp(v.at), SourceType: v.source, SourceID: v.sourceID, UserID: v.user})
	}
	if rolled := r.rolledHistory(name, now); rolled != nil {
		return rolled, true
	}
	if len(entries) == 0 && value != "" {
		entries = append(entries, historyEntry{Value: value, Timestamp: stamp(r.modifiedAt(now)), SourceType: "CALCULATED"})
	}
	return entries, true
}

// inline lists a record's associations with a kind: the first page of them, with the way to the next.
func (p *portal) inline(r *record, k *kind, c *call) page {
	most := p.settings.get().inline
	var list []inlineLink
	for i, l := range r.linked(k) {
		if i == most {
			last := list[len(list)-1].ID
			link := c.base + "/crm/v4/objects/" + r.kind.name + "/" + r.id + "/associations/" + k.name + "?after=" + last
			return pageOf(list, &cursor{Next: cursorNext{After: last, Link: link}})
		}
		for _, t := range p.typesOf(r, l) {
			list = append(list, inlineLink{ID: l.to.id, Type: t.name})
		}
	}
	if list == nil {
		return page{}
	}
	return results(list)
}

// typesOf are the association types that a link has, the primary one first.
func (p *portal) typesOf(from *record, l link) []linkType {
	var out []linkType
	for _, t := range p.types {
		if t.from == from.kind.name && t.to == l.to.kind.name && (!t.primary || l.primary) {
			out = append(out, t)
		}
	}
	return out
}

// selected reads what a GET wants to see.
func (p *portal) selected(c *call) (selection, error) {
	want := selection{properties: c.list("properties"), history: c.list("propertiesWithHistory")}
	for _, name := range c.list("associations") {
		k := p.kinds.find(name)
		if k == nil {
			return want, invalid("Unable to infer object type from: %s", name)
		}
		if !slices.Contains(want.associations, k) {
			want.associations = append(want.associations, k)
		}
	}
	return want, nil
}

// serveList answers GET of all records, a page at a time by ascending id.
func (p *portal) serveList(c *call) (any, error) {
	want, err := p.selected(c)
	if err != nil {
		return nil, err
	}
	limit, err := c.limit(10, mostListed)
	if err != nil {
		return nil, err
	}
	if len(want.history) > 0 && limit > mostWithHistory {
		return nil, invalid("The maximum number of inputs supported in a request for property histories is %d. Please reduce the limit and try again", mostWithHistory)
	}
	t, archived := p.table(c.kind), c.flag("archived")
	found := []object{}
	for _, r := range t.order[t.after(c.query.Get("after")):] {
		if r.archived != archived || r.merged != nil {
			continue
		}
		if len(found) == limit {
			return pageOf(found, c.next(found[limit-1].ID)), nil
		}
		found = append(found, p.view(r, want, c))
	}
	return pageOf(found, nil), nil
}

// find reads a record by its id; the id of one that was merged away leads to the survivor.
func (p *portal) find(k *kind, id string, archived bool) *record {
	r := p.table(k).byID[id]
	for r != nil && r.merged != nil {
		r = r.merged
	}
	if r == nil || r.archived != archived {
		return nil
	}
	return r
}

// found is find by the path's id and the idProperty of the query.
func (p *portal) found(c *call) (*record, error) {
	id := c.path("id")
	r := p.find(c.kind, id, c.flag("archived"))
	if name := c.query.Get("idProperty"); name != "" && name != "hs_object_id" {
		prop := p.properties(c.kind).live(name, c.now)
		if prop == nil || !prop.HasUniqueValue {
			return nil, invalid("Property %s is not a unique property", name)
		}
		r = p.findBy(c.kind, name, id)
	}
	if r == nil {
		return nil, notFound("Object not found. objectId are usually numeric.")
	}
	return r, nil
}

func (p *portal) findBy(k *kind, name, value string) *record {
	for _, r := range p.table(k).order {
		if !r.archived && r.merged == nil && r.current(name) == value {
			return r
		}
	}
	return nil
}

// serveGet reads one record.
func (p *portal) serveGet(c *call) (any, error) {
	want, err := p.selected(c)
	if err != nil {
		return nil, err
	}
	r, err := p.found(c)
	if err != nil {
		return nil, err
	}
	return p.view(r, want, c), nil
}

// batchInput is one input of a batch.
type batchInput struct {
	ID           string         `json:"id"`
	IDProperty   string         `json:"idProperty"`
	TraceID      string         `json:"objectWriteTraceId"`
	Properties   map[string]any `json:"properties"`
	Associations []newLink      `json:"associations"`
}

// serveBatchRead reads records by their ids. Those that are not there are errors beside the others.
func (p *portal) serveBatchRead(c *call) (any, error) {
	var in struct {
		Inputs     []batchInput `json:"inputs"`
		Properties []string     `json:"properties"`
		History    []string     `json:"propertiesWithHistory"`
		IDProperty string       `json:"idProperty"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if len(in.History) > 0 && len(in.Inputs) > mostWithHistory {
		return nil, invalid("The maximum number of inputs supported in a batch request for property histories is %d. Please reduce the number of items and try again", mostWithHistory)
	}
	if len(in.Inputs) > mostBatched {
		return nil, tooMany(mostBatched)
	}
	list, missing := []object{}, []string(nil)
	seen := map[string]bool{}
	for _, input := range in.Inputs {
		if seen[input.ID] {
			continue
		}
		seen[input.ID] = true
		r := p.table(c.kind).byID[input.ID]
		if in.IDProperty != "" && in.IDProperty != "hs_object_id" {
			r = p.findBy(c.kind, in.IDProperty, input.ID)
		}
		if r == nil || r.merged != nil || r.archived != c.flag("archived") {
			missing = append(missing, input.ID)
			continue
		}
		list = append(list, p.view(r, selection{properties: in.Properties, history: in.History}, c))
	}
	return c.batched(list, notRead(c.kind, missing)), nil
}

func tooMany(most int) *failure {
	return fail(http.StatusBadRequest, "VALIDATION_ERROR", "The maximum number of inputs supported in a batch request is %d. Please reduce the number of items and try again", most)
}
