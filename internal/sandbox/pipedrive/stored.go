package pipedrive

import "strconv"

// Record returns what is stored: a deal, activity, note, person, organization, stage, pipeline or user by its id, a deal field by its code.
// Kinds are named in the plural, as in the API's paths. Deleted and archived records are found, too.
func (f *Face) Record(kind, id string) (any, bool) {
	p := f.current()
	set := f.settings.get()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set = set
	if kind == "dealFields" {
		if fd := p.field(id); fd != nil {
			return fd.view(set, []string{"required_fields"}), true
		}
		return nil, false
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, false
	}
	switch kind {
	case "deals":
		if d := p.deals.byID[n]; d != nil {
			return p.stored(d), true
		}
	case "activities":
		if a := p.activities.byID[n]; a != nil {
			return a.view(set, true), true
		}
	case "notes":
		if x := p.notes.byID[n]; x != nil {
			return x.view(), true
		}
	case "persons":
		if x := p.persons.byID[n]; x != nil {
			return x.view(), true
		}
	case "organizations":
		if x := p.orgs.byID[n]; x != nil {
			return x.view(), true
		}
	case "stages":
		if s := p.stage(n); s != nil {
			return s.view(), true
		}
	case "pipelines":
		if l := p.pipeline(n); l != nil {
			return l.view(), true
		}
	case "users":
		if u := p.user(n); u != nil {
			return map[string]any{"id": u.id, "name": u.name, "email": u.email, "active_flag": u.active}, true
		}
	}
	return nil, false
}

// storedDeal is a deal with what no single answer of the API shows.
type storedDeal struct {
	dealView
	Changes    []changeView `json:"changes"` // oldest first
	ActivityID []int64      `json:"activities"`
	NoteID     []int64      `json:"notes"`
	MergedInto int64        `json:"merged_into,omitempty"`
}

func (p *portal) stored(d *deal) storedDeal {
	s := storedDeal{dealView: p.show(d, dealSelection{include: includable()}), Changes: []changeView{}, ActivityID: []int64{}, NoteID: []int64{}, MergedInto: d.mergedInto}
	for _, ch := range d.changes {
		s.Changes = append(s.Changes, ch.view())
	}
	for _, a := range d.activities {
		if !a.deleted {
			s.ActivityID = append(s.ActivityID, a.id)
		}
	}
	for _, n := range d.notes {
		s.NoteID = append(s.NoteID, n.id)
	}
	return s
}
