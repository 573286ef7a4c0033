package hubspot

import (
	"maps"
	"slices"
	"strings"
)

// serveMerge makes one record of two. The survivor gets an id of its own, to which both old ids lead, unless the portal keeps the primary's.
func (p *portal) serveMerge(c *call) (any, error) {
	var in struct {
		Primary text `json:"primaryObjectId"`
		Other   text `json:"objectIdToMerge"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	primary, other := p.find(c.kind, string(in.Primary), false), p.find(c.kind, string(in.Other), false)
	switch {
	case primary == nil || other == nil:
		return nil, notFound("Object not found. objectId are usually numeric.")
	case primary == other:
		return nil, invalid("Cannot merge a record with itself: %s", primary.id)
	}
	p.changing(primary, c.now)
	p.changing(other, c.now)
	survivor := primary
	if !p.settings.get().keepID {
		survivor = p.start(c.kind, p.newID(), c.now, integration)
		survivor.created, survivor.changedAt = primary.created, c.now
		primary.fill()
		survivor.fields = maps.Clone(primary.fields)
		p.absorb(survivor, primary)
	}
	p.absorb(survivor, other)
	ids := mergedIDs(primary, other)
	survivor.put("hs_merged_object_ids", version{value: strings.Join(ids, ";"), at: c.now, source: "MERGE_OBJECTS"})
	survivor.touch(c.now)
	p.wrote(1)
	return p.view(survivor, selection{}, c), nil
}

// absorb moves into the survivor what it lacks, and every association.
func (p *portal) absorb(survivor, other *record) {
	other.fill()
	for name, versions := range other.fields {
		if survivor.current(name) == "" && len(versions) > 0 {
			survivor.fields[name] = slices.Clone(versions)
		}
	}
	for _, l := range slices.Clone(other.links) {
		part(other, l.to)
		if l.to != survivor {
			join(survivor, l.to)
		}
	}
	other.merged = survivor
}

// mergedIDs are all ids that a merge of two records unites.
func mergedIDs(primary, other *record) []string {
	var ids []string
	for _, r := range []*record{primary, other} {
		if before := r.current("hs_merged_object_ids"); before != "" {
			ids = append(ids, strings.Split(before, ";")...)
		}
		if !slices.Contains(ids, r.id) {
			ids = append(ids, r.id)
		}
	}
	return ids
}
