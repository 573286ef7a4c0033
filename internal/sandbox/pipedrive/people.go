package pipedrive

import (
	"net/http"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// ignoredFault reports whether a fault rule drops writes of a field.
func ignoredFault(r *http.Request, name string) bool { return sandbox.Ignored(r.Context(), name) }

// user is somebody who works with the account.
type user struct {
	id          int64
	name, email string
	active      bool
}

// loadUsers makes the world's owners users, and adds the administrator who connected the app. Queues are users, too: Pipedrive has none.
func (p *portal) loadUsers() {
	for _, o := range p.world.Owners {
		p.users = append(p.users, &user{id: p.ids.users.byText[o.ID], name: strings.TrimSpace(o.First + " " + o.Last), email: o.Email, active: o.Active})
	}
	p.me = &user{id: p.ids.users.next(), name: "Sandbox Admin", email: "admin@sandbox.example.com", active: true}
	p.users = append(p.users, p.me)
}

func (p *portal) user(id int64) *user {
	for _, u := range p.users {
		if u.id == id {
			return u
		}
	}
	return nil
}

// access is a right of a user in one of Pipedrive's apps; one that is not listed means that the user is no administrator there.
type access struct {
	App   string `json:"app"`
	Admin bool   `json:"admin"`
	Set   string `json:"permission_set_id"`
}

// userView is a user as v1 shows it.
type userView struct {
	ID         int64    `json:"id"`
	Name       string   `json:"name"`
	Currency   string   `json:"default_currency"`
	Locale     string   `json:"locale"`
	Lang       int      `json:"lang"`
	Email      string   `json:"email"`
	Phone      *string  `json:"phone"`
	Activated  bool     `json:"activated"`
	LastLogin  string   `json:"last_login"`
	Created    string   `json:"created"`
	Modified   string   `json:"modified"`
	Founder    bool     `json:"has_created_company"`
	Access     []access `json:"access"`
	Active     bool     `json:"active_flag"`
	Zone       string   `json:"timezone_name"`
	ZoneOffset string   `json:"timezone_offset"`
	Role       int      `json:"role_id"`
	Icon       *string  `json:"icon_url"`
	You        bool     `json:"is_you"`
	Deleted    bool     `json:"is_deleted"`
}

func (p *portal) userView(u *user, c *call) userView {
	v := userView{ID: u.id, Name: u.name, Currency: p.world.Currency, Locale: "en_US", Lang: 1, Email: u.email, Activated: true,
		LastLogin: stampV1(born()), Created: stampV1(born()), Modified: stampV1(born()), Founder: u == p.me, Active: u.active, Zone: p.zone.String(),
		ZoneOffset: c.now.In(p.zone).Format("-07:00"), Role: 1, You: u == p.me, Access: []access{{App: "sales", Set: "d4e1b9c0-0000-11ec-8000-000000000001"}}}
	if u == p.me && c.set.admin {
		v.Access = []access{{"sales", true, "d4e1b9c0-0000-11ec-8000-000000000002"}, {"global", true, "d4e1b9c0-0000-11ec-8000-000000000003"},
			{"account_settings", true, "d4e1b9c0-0000-11ec-8000-000000000004"}}
	}
	return v
}

// serveUsers answers GET /v1/users: everybody, in one list.
func (p *portal) serveUsers(c *call) (any, error) {
	out := []userView{}
	for _, u := range p.users {
		out = append(out, p.userView(u, c))
	}
	return one(out), nil
}

func (p *portal) serveUser(c *call) (any, error) {
	u := p.user(c.id())
	if u == nil {
		return nil, c.notFound("User")
	}
	return one(p.userView(u, c)), nil
}

// serveMe answers GET /v1/users/me, which also names the company.
func (p *portal) serveMe(c *call) (any, error) {
	type me struct {
		userView
		Company  int64             `json:"company_id"`
		Name     string            `json:"company_name"`
		Domain   string            `json:"company_domain"`
		Country  string            `json:"company_country"`
		Industry string            `json:"company_industry"`
		Language map[string]string `json:"language"`
	}
	return one(me{p.userView(p.me, c), p.company, "Sandbox", "sandbox", "EE", "Other", map[string]string{"language_code": "en", "country_code": "US"}}), nil
}

// servePermissions answers GET /v1/users/{id}/permissions.
func (p *portal) servePermissions(c *call) (any, error) {
	u := p.user(c.id())
	if u == nil {
		return nil, c.notFound("User")
	}
	admin := u == p.me && c.set.admin
	out := map[string]bool{"can_add_products": admin, "can_bulk_edit_items": admin, "can_change_visibility_of_items": true, "can_create_own_workflow": true,
		"can_delete_activities": true, "can_delete_custom_fields": admin, "can_delete_deals": admin, "can_edit_custom_fields": admin,
		"can_edit_deals_closed_date": admin, "can_edit_products": admin, "can_edit_shared_filters": admin, "can_export_data_from_lists": admin,
		"can_follow_other_users": true, "can_merge_deals": admin, "can_merge_organizations": admin, "can_merge_people": admin,
		"can_modify_labels": admin, "can_see_company_wide_statistics": true, "can_see_deals_list_summary": true,
		"can_see_hidden_items_names": admin, "can_see_other_users": true, "can_see_other_users_statistics": true, "can_see_security_dashboard": admin,
		"can_share_filters": true, "can_share_insights": true, "can_use_api": true, "can_use_email_tracking": true, "can_use_import": admin}
	return one(out), nil
}

// serveCurrencies answers GET /v1/currencies.
func (p *portal) serveCurrencies(*call) (any, error) {
	out := []any{}
	for i, code := range []string{"EUR", "GBP", "JPY", "SGD", "TRY", "USD"} {
		points := 2
		if code == "JPY" {
			points = 0
		}
		out = append(out, map[string]any{"id": i + 1, "code": code, "name": code, "decimal_points": points, "symbol": code, "active_flag": true, "is_custom_flag": false})
	}
	return one(out), nil
}

// person is somebody at an organization.
type person struct {
	id                 int64
	first, last, email string
	org, owner         int64
	added, updated     time.Time
}

func (x *person) key() int64           { return x.id }
func (x *person) addedAt() time.Time   { return x.added }
func (x *person) updatedAt() time.Time { return x.updated }
func (x *person) name() string         { return strings.TrimSpace(x.first + " " + x.last) }

func (x *person) view() map[string]any {
	emails := []any{}
	if x.email != "" {
		emails = append(emails, map[string]any{"value": x.email, "primary": true, "label": "work"})
	}
	return map[string]any{"id": x.id, "name": x.name(), "first_name": textOrNull(x.first), "last_name": textOrNull(x.last), "owner_id": x.owner,
		"org_id": maybeID(x.org), "add_time": stampV2(x.added), "update_time": stampV2(x.updated), "emails": emails, "phones": []any{},
		"is_deleted": false, "visible_to": 3, "label_ids": []int64{}, "picture_id": nil, "custom_fields": map[string]any{}}
}

// org is an organization that deals are made with.
type org struct {
	id             int64
	name           string
	owner          int64
	added, updated time.Time
}

func (x *org) key() int64           { return x.id }
func (x *org) addedAt() time.Time   { return x.added }
func (x *org) updatedAt() time.Time { return x.updated }

func (x *org) view() map[string]any {
	return map[string]any{"id": x.id, "name": x.name, "owner_id": x.owner, "add_time": stampV2(x.added), "update_time": stampV2(x.updated),
		"is_deleted": false, "visible_to": 3, "address": nil, "label_ids": []int64{}, "custom_fields": map[string]any{}}
}

// contacts lists persons or organizations.
func contacts[T item](c *call, all []T, org func(T) int64, view func(T) map[string]any) (any, error) {
	ids, err := c.ids()
	if err != nil {
		return nil, err
	}
	orgID, _, err := c.number("org_id")
	if err != nil {
		return nil, err
	}
	since, err := c.moment("updated_since")
	if err != nil {
		return nil, err
	}
	until, err := c.moment("updated_until")
	if err != nil {
		return nil, err
	}
	l, err := c.listing("id", "update_time", "add_time")
	if err != nil {
		return nil, err
	}
	page, next := pageOf(l, all, func(x T) bool {
		return (ids == nil || ids[x.key()]) && (orgID == 0 || org(x) == orgID) && within(x.updatedAt(), since, until)
	})
	return many(page, next, view), nil
}

func (p *portal) servePersons(c *call) (any, error) {
	return contacts(c, p.persons.order, func(x *person) int64 { return x.org }, (*person).view)
}

func (p *portal) serveOrgs(c *call) (any, error) {
	return contacts(c, p.orgs.order, (*org).key, (*org).view)
}

func (p *portal) servePerson(c *call) (any, error) {
	if x := p.persons.byID[c.id()]; x != nil {
		return one(x.view()), nil
	}
	return nil, c.notFound("Person")
}

func (p *portal) serveOrg(c *call) (any, error) {
	if x := p.orgs.byID[c.id()]; x != nil {
		return one(x.view()), nil
	}
	return nil, c.notFound("Organization")
}
