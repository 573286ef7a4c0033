package pipedrive

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// webhook is a subscription to events. The sandbox keeps them; it sends nothing.
type webhook struct {
	id                   int64
	name, address        string
	action, object       string
	user                 int64
	authUser, authSecret string
	added                time.Time
}

func (h *webhook) key() int64 { return h.id }

func (p *portal) hookView(h *webhook) map[string]any {
	return map[string]any{"id": h.id, "company_id": p.company, "owner_id": p.me.id, "user_id": h.user, "event_action": h.action, "event_object": h.object,
		"subscription_url": h.address, "version": "2.0", "is_active": 1, "add_time": stampV2(h.added), "remove_time": nil, "type": "general",
		"http_auth_user": textOrNull(h.authUser), "http_auth_password": textOrNull(h.authSecret), "remove_reason": nil, "last_delivery_time": nil,
		"last_http_status": nil, "admin_id": p.me.id, "name": h.name}
}

// hookFailure is an error of the webhooks' own API.
func hookFailure(status int, errors map[string]string) *failure {
	message := "webhook refused"
	for _, key := range sortedKeys(errors) {
		message = errors[key]
	}
	return &failure{status: status, message: message, body: map[string]any{"status": "error", "success": false, "errors": errors}}
}

// mostHooks is how many webhooks a user may have.
const mostHooks = 40

// serveHooks answers GET /v1/webhooks.
func (p *portal) serveHooks(*call) (any, error) {
	data := []map[string]any{}
	for _, h := range p.hooks.order {
		data = append(data, p.hookView(h))
	}
	return map[string]any{"status": "ok", "success": true, "data": data}, nil
}

// serveHookCreate answers POST /v1/webhooks.
func (p *portal) serveHookCreate(c *call) (any, error) {
	var in struct {
		URL      string `json:"subscription_url"`
		Action   string `json:"event_action"`
		Object   string `json:"event_object"`
		Name     string `json:"name"`
		User     int64  `json:"user_id"`
		AuthUser string `json:"http_auth_user"`
		Password string `json:"http_auth_password"`
		Version  string `json:"version"`
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, hookFailure(http.StatusBadRequest, map[string]string{"body": "must be JSON"})
	}
	objects := []string{"activity", "deal", "lead", "note", "organization", "person", "pipeline", "product", "stage", "user", "*"}
	wrong := map[string]string{}
	if u, err := url.Parse(in.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		wrong["subscription_url"] = "must be a valid URL"
	}
	if !slices.Contains([]string{"create", "change", "delete", "*"}, in.Action) {
		wrong["event_action"] = "must be one of create, change, delete, *"
	}
	if !slices.Contains(objects, in.Object) {
		wrong["event_object"] = "must be one of " + strings.Join(objects, ", ")
	}
	if strings.TrimSpace(in.Name) == "" {
		wrong["name"] = "is required"
	}
	if in.Version != "" && in.Version != "2.0" {
		wrong["version"] = "must be 2.0"
	}
	switch {
	case len(wrong) > 0:
		return nil, hookFailure(http.StatusBadRequest, wrong)
	case len(p.hooks.order) >= mostHooks:
		return nil, hookFailure(http.StatusUnprocessableEntity, map[string]string{"webhooks": "limit of 40 webhooks reached"})
	case in.User == 0:
		in.User = p.me.id
	}
	h := &webhook{id: p.newID(), name: in.Name, address: in.URL, action: in.Action, object: in.Object, user: in.User, authUser: in.AuthUser,
		authSecret: in.Password, added: c.now.Truncate(time.Second)}
	p.hooks.add(h)
	c.wrote++
	c.status = http.StatusCreated
	return map[string]any{"status": "ok", "success": true, "data": p.hookView(h)}, nil
}

// serveHookDelete answers DELETE /v1/webhooks/{id}.
func (p *portal) serveHookDelete(c *call) (any, error) {
	h := p.hooks.byID[c.id()]
	if h == nil {
		return nil, hookFailure(http.StatusNotFound, map[string]string{"id": "not found"})
	}
	p.hooks.remove(func(x *webhook) bool { return x == h })
	c.wrote++
	return map[string]any{"status": "ok", "success": true}, nil
}
