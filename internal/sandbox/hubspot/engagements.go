package hubspot

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// engagement is an activity in the oldest API, which the vendor's MCP server still uses.
type engagement struct {
	Engagement struct {
		ID        json.Number `json:"id,omitempty"`
		PortalID  int64       `json:"portalId,omitempty"`
		Active    bool        `json:"active"`
		CreatedAt int64       `json:"createdAt,omitempty"`
		Updated   int64       `json:"lastUpdated,omitempty"`
		Type      string      `json:"type"`
		Timestamp int64       `json:"timestamp,omitempty"`
		OwnerID   json.Number `json:"ownerId,omitempty"`
	} `json:"engagement"`
	Associations map[string][]json.Number `json:"associations"`
	Attachments  []any                    `json:"attachments"`
	Metadata     map[string]any           `json:"metadata"`
}

// metadataNames maps an engagement's metadata to properties, by kind.
func metadataNames(k *kind) map[string]string {
	switch k.name {
	case "tasks":
		return map[string]string{"subject": "hs_task_subject", "body": "hs_task_body", "status": "hs_task_status",
			"priority": "hs_task_priority", "taskType": "hs_task_type", "forObjectType": "hs_task_for_object_type"}
	case "notes":
		return map[string]string{"body": "hs_note_body"}
	case "calls":
		return map[string]string{"title": "hs_call_title", "body": "hs_call_body", "status": "hs_call_status"}
	case "meetings":
		return map[string]string{"title": "hs_meeting_title", "body": "hs_meeting_body"}
	}
	return map[string]string{"subject": "hs_email_subject", "text": "hs_email_text"}
}

// endNames are the kinds that an engagement's associations name.
var endNames = map[string]string{"contactIds": "contacts", "companyIds": "companies", "dealIds": "deals"}

// engagementKind is the kind of an engagement's type.
func (p *portal) engagementKind(typ string) *kind {
	k := p.kinds.find(activityKinds[strings.ToLower(typ)])
	if k == nil || !k.activity {
		return nil
	}
	return k
}

// engagementProperties are the properties that an engagement gives.
func engagementProperties(k *kind, in engagement) map[string]any {
	props := map[string]any{}
	names := metadataNames(k)
	for name, value := range in.Metadata {
		if property := names[name]; property != "" {
			props[property] = value
		}
	}
	if in.Engagement.Timestamp > 0 {
		props["hs_timestamp"] = strconv.FormatInt(in.Engagement.Timestamp, 10)
	}
	if in.Engagement.OwnerID != "" {
		props["hubspot_owner_id"] = in.Engagement.OwnerID.String()
	}
	return props
}

func (p *portal) serveEngagementCreate(c *call) (any, error) {
	var in engagement
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	k := p.engagementKind(in.Engagement.Type)
	if k == nil {
		return nil, invalid("Unknown engagement type %q", in.Engagement.Type)
	}
	props := engagementProperties(k, in)
	if props["hs_timestamp"] == nil {
		props["hs_timestamp"] = stamp(c.now)
	}
	ch := p.prepare(c, k, nil, props)
	if len(ch.bad) > 0 {
		return nil, invalidProperties(ch.bad)
	}
	var links []resolvedLink
	for _, name := range slices.Sorted(maps.Keys(endNames)) {
		for _, id := range in.Associations[name] {
			to := p.find(p.kind(endNames[name]), id.String(), false)
			if to == nil {
				return nil, invalid("The object %s of type %s does not exist", id, endNames[name])
			}
			links = append(links, resolvedLink{to: to})
		}
	}
	r := p.create(c, k, ch, links)
	p.wrote(1)
	return p.engagement(r), nil
}

// anyActivity finds an activity of any kind: the oldest API has one set of ids for all.
func (p *portal) anyActivity(id string) (*record, error) {
	for _, k := range p.kinds {
		if r := p.table(k).byID[id]; k.activity && r != nil && !r.archived {
			return r, nil
		}
	}
	return nil, notFound("No engagement found with id %s.", id)
}

func (p *portal) serveEngagement(c *call) (any, error) {
	r, err := p.anyActivity(c.path("id"))
	if err != nil {
		return nil, err
	}
	return p.engagement(r), nil
}

func (p *portal) serveEngagementPatch(c *call) (any, error) {
	r, err := p.anyActivity(c.path("id"))
	if err != nil {
		return nil, err
	}
	var in engagement
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	ch := p.prepare(c, r.kind, r, engagementProperties(r.kind, in))
	if len(ch.bad) > 0 {
		return nil, invalidProperties(ch.bad)
	}
	p.write(c, r, ch)
	p.wrote(1)
	return p.engagement(r), nil
}

func (p *portal) serveEngagementDelete(c *call) (any, error) {
	r, err := p.anyActivity(c.path("id"))
	if err != nil {
		return nil, err
	}
	p.archive(r, c.now)
	return nil, nil //nolint:nilnil // an answer without a body
}

// engagement shows an activity as the oldest API does.
func (p *portal) engagement(r *record) engagement {
	r.fill()
	out := engagement{Associations: map[string][]json.Number{"ownerIds": {}}, Attachments: []any{}, Metadata: map[string]any{}}
	e := &out.Engagement
	e.ID, e.PortalID, e.Active = json.Number(r.id), p.account(), true
	e.CreatedAt, e.Updated, e.Timestamp = r.created.UnixMilli(), r.modified.UnixMilli(), r.act.at.UnixMilli()
	e.Type = strings.ToUpper(strings.TrimSuffix(r.kind.name, "s"))
	e.OwnerID = json.Number(r.current("hubspot_owner_id"))
	for name, kind := range endNames {
		ids := []json.Number{}
		for _, l := range r.linked(p.kind(kind)) {
			ids = append(ids, json.Number(l.to.id))
		}
		out.Associations[name] = ids
	}
	for name, property := range metadataNames(r.kind) {
		if value := r.current(property); value != "" {
			out.Metadata[name] = value
		}
	}
	return out
}

// serveSchemas lists custom objects, of which the account has none.
func (p *portal) serveSchemas(*call) (any, error) { return results([]any{}), nil }
