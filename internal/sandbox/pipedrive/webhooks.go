package pipedrive

import "time"

// webhook is a subscription to events.
type webhook struct {
	id    int64
	added time.Time
}

func (h *webhook) key() int64           { return h.id }
func (h *webhook) addedAt() time.Time   { return h.added }
func (h *webhook) updatedAt() time.Time { return h.added }
func (h *webhook) title() string        { return "" }
