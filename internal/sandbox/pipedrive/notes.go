package pipedrive

import "time"

// note is a note of a deal.
type note struct {
	id             int64
	content        string
	deal           *deal
	user           int64
	pinned         bool
	added, updated time.Time
}

func (n *note) key() int64           { return n.id }
func (n *note) addedAt() time.Time   { return n.added }
func (n *note) updatedAt() time.Time { return n.updated }
func (n *note) title() string        { return n.content }

func (n *note) view() map[string]any {
	v := map[string]any{"id": n.id, "active_flag": true, "add_time": stampV1(n.added), "content": n.content, "deal": nil, "deal_id": nil, "lead_id": nil,
		"org_id": nil, "person_id": nil, "project_id": nil, "task_id": nil, "organization": nil, "person": nil, "pinned_to_deal_flag": n.pinned,
		"pinned_to_organization_flag": false, "pinned_to_person_flag": false, "pinned_to_project_flag": false, "update_time": stampV1(n.updated),
		"last_update_user_id": nil, "user_id": n.user}
	if n.deal != nil {
		v["deal_id"], v["deal"] = n.deal.id, map[string]any{"title": n.deal.name}
	}
	return v
}
