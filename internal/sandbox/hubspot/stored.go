package hubspot

// storedRecord is a record exactly as it is kept: nothing calculated, every property as text.
type storedRecord struct {
	ID           string                    `json:"id"`
	Properties   map[string]string         `json:"properties"`
	History      map[string][]historyEntry `json:"history"`
	Associations map[string][]string       `json:"associations,omitempty"`
	CreatedAt    string                    `json:"createdAt"`
	UpdatedAt    string                    `json:"updatedAt"`
	Archived     bool                      `json:"archived"`
	MergedInto   string                    `json:"mergedInto,omitempty"`
}

// Record returns what is stored: of deals, tasks and the other objects a record by its id, of properties (of deals) one by its name, of
// pipelines and owners one by its id. Archived records are found too.
func (f *Face) Record(kind, id string) (any, bool) {
	p := f.current()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch kind {
	case "properties":
		if prop := p.properties(p.kind("deals")).byName[id]; prop != nil {
			return prop.copyOf(), true
		}
		return nil, false
	case "pipelines":
		if l := p.line(id); l != nil {
			return l.view(), true
		}
		return nil, false
	case "owners":
		if o := p.owner(id); o != nil {
			return o.view(), true
		}
		return nil, false
	}
	k := p.kinds.find(kind)
	if k == nil {
		return nil, false
	}
	r := p.table(k).byID[id]
	if r == nil {
		return nil, false
	}
	return r.stored(), true
}

func (r *record) stored() storedRecord {
	r.fill()
	s := storedRecord{ID: r.id, Properties: map[string]string{}, History: map[string][]historyEntry{},
		Associations: map[string][]string{}, CreatedAt: stamp(r.created), UpdatedAt: stamp(r.modified), Archived: r.archived}
	for name, versions := range r.fields {
		if value := r.current(name); value != "" {
			s.Properties[name] = value
		}
		for _, v := range versions {
			s.History[name] = append(s.History[name], historyEntry{Value: v.value, Timestamp: stamp(v.at), SourceType: v.source, SourceID: v.sourceID})
		}
	}
	for _, l := range r.links {
		s.Associations[l.to.kind.name] = append(s.Associations[l.to.kind.name], l.to.id)
	}
	if r.merged != nil {
		s.MergedInto = r.merged.id
	}
	return s
}
