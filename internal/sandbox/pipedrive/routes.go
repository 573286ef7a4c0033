package pipedrive

import (
	"net/http"
	"slices"
	"strings"
)

// route is one operation of the API.
type route struct {
	pattern string // of http.ServeMux
	op      string
	cost    int      // tokens
	scopes  []string // one of which a grant must hold
	admin   bool     // the user must be an administrator
	search  bool     // counts against the burst limit of searches
	query   []string // what a query of v2 may hold; v1 does not look
	serve   func(*portal, *call) (any, error)
	open    func(*Face, http.ResponseWriter, *http.Request) // instead of serve: without a token
}

// appScopes are what the app asks for, which is all that a grant can hold.
func appScopes() []string {
	return []string{"base", "deals:full", "activities:full", "contacts:full", "users:read", "recents:read", "search:read", "admin", "deal-fields:full"}
}

// allScopes are what an API token may do: it has no scopes, only its user's rights bind it.
func allScopes() []string { return appScopes() }

// permitted checks the grant, and the user behind it.
func (rt *route) permitted(c *call) *failure {
	if len(rt.scopes) > 0 && !slices.ContainsFunc(rt.scopes, func(s string) bool { return c.grant.Has(s) || c.grant.Has(fuller(s)) }) {
		return wrongScope()
	}
	if rt.admin && !c.set.admin {
		return c.forbidden("Forbidden: only administrators may do this")
	}
	return nil
}

// fuller is the scope that includes a reading one.
func fuller(scope string) string {
	if name, ok := strings.CutSuffix(scope, ":read"); ok {
		return name + ":full"
	}
	return scope
}

// checkQuery refuses what v2 does not know.
func (rt *route) checkQuery(c *call) *failure {
	if !c.v2 {
		return nil
	}
	var wrong []string
	for _, name := range sortedKeys(c.query) {
		if name != "api_token" && !slices.Contains(rt.query, name) {
			wrong = append(wrong, notAllowed(name))
		}
	}
	if len(wrong) > 0 {
		return invalidAll(wrong)
	}
	return nil
}

// routeTable is the whole API.
func routeTable() []route {
	return slices.Concat(authorizationRoutes(), dealRoutes(), setUpRoutes(), activityRoutes(), contactRoutes(), versionOneRoutes())
}

func authorizationRoutes() []route {
	return []route{
		{pattern: "GET /oauth/authorize", op: "oauth.authorize", open: (*Face).serveAuthorize},
		{pattern: "POST /oauth/authorize", op: "oauth.authorize", open: (*Face).serveAuthorize},
		{pattern: "POST /oauth/token", op: "oauth.token", open: (*Face).serveToken},
		{pattern: "POST /oauth/revoke", op: "oauth.revoke", open: (*Face).serveRevoke},
	}
}

func listQuery(more ...string) []string {
	return append([]string{"limit", "cursor", "sort_by", "sort_direction"}, more...)
}

func dealQuery() []string {
	return listQuery("filter_id", "ids", "owner_id", "person_id", "org_id", "pipeline_id", "stage_id", "status", "updated_since", "updated_until",
		"include_fields", "custom_fields", "include_option_labels", "include_labels")
}

func dealRoutes() []route {
	const deals = "/api/v2/deals"
	read, full := []string{"deals:read"}, []string{"deals:full"}
	shown := []string{"include_fields", "custom_fields", "include_option_labels", "include_labels"}
	return []route{
		{pattern: "GET " + deals, op: "deals.list", cost: 10, scopes: read, query: dealQuery(), serve: (*portal).serveDeals},
		{pattern: "GET " + deals + "/archived", op: "deals.archived", cost: 20, scopes: read, query: dealQuery(), serve: (*portal).serveArchived},
		{pattern: "GET " + deals + "/products", op: "deals.products", cost: 10, scopes: []string{"products:read", "deals:read"},
			query: listQuery("deal_ids"), serve: (*portal).serveDealProducts},
		{pattern: "GET " + deals + "/search", op: "deals.search", cost: 20, scopes: []string{"deals:read", "search:read"}, search: true,
			query: []string{"term", "fields", "exact_match", "person_id", "organization_id", "status", "include_fields", "limit", "cursor"}, serve: (*portal).serveDealSearch},
		{pattern: "GET " + deals + "/{id}", op: "deals.get", cost: 1, scopes: read, query: shown, serve: (*portal).serveDeal},
		{pattern: "POST " + deals, op: "deals.create", cost: 5, scopes: full, serve: (*portal).serveDealCreate},
		{pattern: "PATCH " + deals + "/{id}", op: "deals.update", cost: 5, scopes: full, serve: (*portal).serveDealPatch},
		{pattern: "DELETE " + deals + "/{id}", op: "deals.delete", cost: 3, scopes: full, serve: (*portal).serveDealDelete},
	}
}

func setUpRoutes() []route {
	const pipelines, stages, fields = "/api/v2/pipelines", "/api/v2/stages", "/api/v2/dealFields"
	read, admin, fieldScopes := []string{"deals:read", "admin"}, []string{"admin"}, []string{"deals:full", "deal-fields:full"}
	return []route{
		{pattern: "GET " + pipelines, op: "pipelines.list", cost: 5, scopes: read, query: listQuery(), serve: (*portal).servePipelines},
		{pattern: "GET " + pipelines + "/{id}", op: "pipelines.get", cost: 1, scopes: read, serve: (*portal).servePipeline},
		{pattern: "POST " + pipelines, op: "pipelines.create", cost: 5, scopes: admin, admin: true, serve: (*portal).servePipelineCreate},
		{pattern: "DELETE " + pipelines + "/{id}", op: "pipelines.delete", cost: 3, scopes: admin, admin: true, serve: (*portal).servePipelineDelete},
		{pattern: "PATCH " + pipelines + "/{id}", op: "pipelines.update", cost: 5, scopes: admin, admin: true, serve: (*portal).servePipelinePatch},
		{pattern: "GET " + stages, op: "stages.list", cost: 5, scopes: read, query: listQuery("pipeline_id"), serve: (*portal).serveStages},
		{pattern: "GET " + stages + "/{id}", op: "stages.get", cost: 1, scopes: read, serve: (*portal).serveStage},
		{pattern: "POST " + stages, op: "stages.create", cost: 5, scopes: admin, admin: true, serve: (*portal).serveStageCreate},
		{pattern: "DELETE " + stages + "/{id}", op: "stages.delete", cost: 3, scopes: admin, admin: true, serve: (*portal).serveStageDelete},
		{pattern: "PATCH " + stages + "/{id}", op: "stages.update", cost: 5, scopes: admin, admin: true, serve: (*portal).serveStagePatch},
		{pattern: "GET " + fields, op: "dealFields.list", cost: 10, scopes: []string{"deals:read", "deal-fields:full", "admin"}, query: []string{"limit", "cursor", "include_fields"}, serve: (*portal).serveFields},
		{pattern: "GET " + fields + "/{code}", op: "dealFields.get", cost: 1, scopes: []string{"deals:read", "deal-fields:full", "admin"}, query: []string{"include_fields"}, serve: (*portal).serveField},
		{pattern: "POST " + fields, op: "dealFields.create", cost: 5, scopes: fieldScopes, admin: true, serve: (*portal).serveFieldCreate},
		{pattern: "PATCH " + fields + "/{code}", op: "dealFields.update", cost: 5, scopes: fieldScopes, admin: true, serve: (*portal).serveFieldPatch},
		{pattern: "DELETE " + fields + "/{code}", op: "dealFields.delete", cost: 3, scopes: fieldScopes, admin: true, serve: (*portal).serveFieldDelete},
		{pattern: "POST " + fields + "/{code}/options", op: "dealFields.options_create", cost: 5, scopes: fieldScopes, admin: true, serve: (*portal).serveOptionsCreate},
		{pattern: "PATCH " + fields + "/{code}/options", op: "dealFields.options_update", cost: 5, scopes: fieldScopes, admin: true, serve: (*portal).serveOptionsPatch},
		{pattern: "DELETE " + fields + "/{code}/options", op: "dealFields.options_delete", cost: 3, scopes: fieldScopes, admin: true, serve: (*portal).serveOptionsDelete},
	}
}

func activityRoutes() []route {
	const activities = "/api/v2/activities"
	read, full := []string{"activities:read"}, []string{"activities:full"}
	return []route{
		{pattern: "GET " + activities, op: "activities.list", cost: 10, scopes: read, query: listQuery("filter_id", "ids", "owner_id", "deal_id", "lead_id", "person_id",
			"org_id", "done", "updated_since", "updated_until", "include_fields"), serve: (*portal).serveActivities},
		{pattern: "GET " + activities + "/{id}", op: "activities.get", cost: 1, scopes: read, query: []string{"include_fields"}, serve: (*portal).serveActivity},
		{pattern: "POST " + activities, op: "activities.create", cost: 5, scopes: full, serve: (*portal).serveActivityCreate},
		{pattern: "PATCH " + activities + "/{id}", op: "activities.update", cost: 5, scopes: full, serve: (*portal).serveActivityPatch},
		{pattern: "DELETE " + activities + "/{id}", op: "activities.delete", cost: 3, scopes: full, serve: (*portal).serveActivityDelete},
	}
}

func contactRoutes() []route {
	const persons, orgs = "/api/v2/persons", "/api/v2/organizations"
	read := []string{"contacts:read"}
	query := listQuery("filter_id", "ids", "owner_id", "org_id", "deal_id", "updated_since", "updated_until", "include_fields", "custom_fields", "include_option_labels", "include_labels")
	shown := []string{"include_fields", "custom_fields", "include_option_labels", "include_labels"}
	return []route{
		{pattern: "GET " + persons, op: "persons.list", cost: 10, scopes: read, query: query, serve: (*portal).servePersons},
		{pattern: "GET " + persons + "/{id}", op: "persons.get", cost: 1, scopes: read, query: shown, serve: (*portal).servePerson},
		{pattern: "GET " + orgs, op: "organizations.list", cost: 10, scopes: read, query: query, serve: (*portal).serveOrgs},
		{pattern: "GET " + orgs + "/{id}", op: "organizations.get", cost: 1, scopes: read, query: shown, serve: (*portal).serveOrg},
	}
}

func versionOneRoutes() []route {
	const deals, notes, hooks = "/api/v1/deals", "/api/v1/notes", "/api/v1/webhooks"
	full, admin := []string{"deals:full"}, []string{"admin"}
	read, recents, users := []string{"deals:read"}, []string{"recents:read"}, []string{"users:read", "admin"}
	return []route{
		{pattern: "GET " + deals + "/{id}", op: "deals.get_v1", cost: 2, scopes: read, serve: (*portal).serveDealV1},
		{pattern: "PUT " + deals + "/{id}/merge", op: "deals.merge", cost: 40, scopes: full, serve: (*portal).serveMerge},
		{pattern: "GET " + deals + "/{id}/changelog", op: "deals.changelog", cost: 20, scopes: recents, serve: (*portal).serveChangelog},
		{pattern: "GET " + deals + "/{id}/flow", op: "deals.flow", cost: 40, scopes: recents, serve: (*portal).serveFlow},
		{pattern: "GET " + deals + "/summary", op: "deals.summary", cost: 40, scopes: read, serve: (*portal).serveSummary},
		{pattern: "GET " + deals + "/summary/archived", op: "deals.summary_archived", cost: 80, scopes: read, serve: (*portal).serveArchivedSummary},
		{pattern: "GET " + notes, op: "notes.list", cost: 20, scopes: read, serve: (*portal).serveNotes},
		{pattern: "GET " + notes + "/{id}", op: "notes.get", cost: 2, scopes: read, serve: (*portal).serveNote},
		{pattern: "POST " + notes, op: "notes.create", cost: 10, scopes: full, serve: (*portal).serveNoteCreate},
		{pattern: "PUT " + notes + "/{id}", op: "notes.update", cost: 10, scopes: full, serve: (*portal).serveNotePut},
		{pattern: "DELETE " + notes + "/{id}", op: "notes.delete", cost: 6, scopes: full, serve: (*portal).serveNoteDelete},
		{pattern: "GET " + hooks, op: "webhooks.list", cost: 10, scopes: admin, admin: true, serve: (*portal).serveHooks},
		{pattern: "POST " + hooks, op: "webhooks.create", cost: 10, scopes: admin, admin: true, serve: (*portal).serveHookCreate},
		{pattern: "DELETE " + hooks + "/{id}", op: "webhooks.delete", cost: 6, scopes: admin, admin: true, serve: (*portal).serveHookDelete},
		{pattern: "GET /api/v1/users", op: "users.list", cost: 20, scopes: users, serve: (*portal).serveUsers},
		{pattern: "GET /api/v1/users/me", op: "users.me", cost: 2, serve: (*portal).serveMe},
		{pattern: "GET /api/v1/users/{id}", op: "users.get", cost: 2, scopes: users, serve: (*portal).serveUser},
		{pattern: "GET /api/v1/users/{id}/permissions", op: "users.permissions", cost: 10, scopes: users, serve: (*portal).servePermissions},
		{pattern: "GET /api/v1/currencies", op: "currencies.list", cost: 20, serve: (*portal).serveCurrencies},
		{pattern: "GET /api/v1/activityTypes", op: "activityTypes.list", cost: 20, scopes: []string{"activities:read", "admin"}, serve: (*portal).serveActivityTypes},
	}
}
