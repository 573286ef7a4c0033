package hubspot

import (
	"net/http"
	"slices"
)

// need is what a grant must hold for a route.
type need int

const (
	needNothing need = iota
	needAnyObject
	needObjectRead
	needObjectWrite
	needSchemaRead
	needSchemaWrite
	needOwners
	needPairWrite
	needActivityRead
	needActivityWrite
	needRules
)

// route is one operation of the API.
type route struct {
	pattern string // of http.ServeMux; {version} is any, {type} the kind of object
	op      string
	needs   need
	serve   func(*portal, *call) (any, error)
	open    func(*Face, http.ResponseWriter, *http.Request) // instead of serve: without a bearer token
}

// allScopes are what a static token may do.
var allScopes = []string{
	"oauth", "crm.objects.deals.read", "crm.objects.deals.write", "crm.schemas.deals.read", "crm.schemas.deals.write",
	"crm.objects.owners.read", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read",
	"crm.schemas.contacts.write", "crm.objects.companies.read", "crm.objects.companies.write", "crm.schemas.companies.read",
	"crm.schemas.companies.write", "sales-email-read",
	"crm.objects.quotes.read", "crm.objects.line_items.read", "crm.pipelines.governance.read",
}

// allowed checks a grant against what a route needs.
func allowed(n need, c *call) *failure {
	var any, all []string
	schema := func(verb string) string {
		if c.kind.activity {
			return "crm.schemas.contacts." + verb
		}
		return "crm.schemas." + c.kind.name + "." + verb
	}
	switch n {
	case needAnyObject:
		any = []string{"crm.objects.deals.read", "crm.objects.contacts.read", "crm.objects.companies.read"}
	case needObjectRead:
		all = c.kind.read
	case needObjectWrite:
		all = c.kind.write
	case needSchemaRead:
		any = []string{schema("read"), c.kind.read[0]}
	case needSchemaWrite:
		all = []string{schema("write")}
	case needPairWrite:
		any = []string{"crm.objects.deals.write", "crm.objects.contacts.write", "crm.objects.companies.write"}
	case needActivityRead:
		all = []string{"crm.objects.contacts.read"}
	case needActivityWrite:
		all = []string{"crm.objects.contacts.write"}
	case needRules:
		all = []string{"crm.pipelines.governance.read"}
	case needOwners:
		all = []string{"crm.objects.owners.read"}
	}
	for _, scope := range all {
		if !c.grant.Has(scope) {
			return missingScopes(all)
		}
	}
	if len(any) > 0 && !slices.ContainsFunc(any, c.grant.Has) {
		return missingScopes(any)
	}
	return nil
}

// routeTable is the whole API, in the canonical form of its paths.
func routeTable() []route {
	return slices.Concat(authorizationRoutes(), objectRoutes(), associationRoutes(), schemaRoutes(), otherRoutes())
}

func authorizationRoutes() []route {
	open := func(pattern, op string, serve func(*Face, http.ResponseWriter, *http.Request)) route {
		return route{pattern: pattern, op: op, open: serve}
	}
	return []route{
		open("GET /oauth/authorize", "oauth.authorize", (*Face).serveAuthorize),
		open("POST /oauth/authorize", "oauth.authorize", (*Face).serveAuthorize),
		open("GET /oauth/{account}/authorize", "oauth.authorize", (*Face).serveAuthorize),
		open("POST /oauth/{version}/token", "oauth.token", (*Face).serveToken),
		open("POST /oauth/{version}/token/introspect", "oauth.introspect", (*Face).serveIntrospect),
		open("POST /oauth/{version}/token/revoke", "oauth.revoke", (*Face).serveRevoke),
		open("GET /oauth/{version}/access-tokens/{token}", "oauth.introspect", (*Face).serveAccessToken),
		open("GET /oauth/{version}/refresh-tokens/{token}", "oauth.introspect", (*Face).serveRefreshToken),
		open("DELETE /oauth/{version}/refresh-tokens/{token}", "oauth.revoke", (*Face).serveRefreshTokenDelete),
		open("POST /oauth/{version}/private-apps/get/access-token-info", "oauth.introspect", (*Face).servePrivateToken),
		open("DELETE /appinstalls/{version}/external-install", "oauth.uninstall", (*Face).serveUninstall),
	}
}

func objectRoutes() []route {
	const objects = "/crm/objects/{version}/{type}"
	return []route{
		{pattern: "GET " + objects, op: "{type}.list", needs: needObjectRead, serve: (*portal).serveList},
		{pattern: "POST " + objects + "/search", op: "{type}.search", needs: needObjectRead, serve: (*portal).serveSearch},
		{pattern: "POST " + objects + "/batch/read", op: "{type}.batch_read", needs: needObjectRead, serve: (*portal).serveBatchRead},
		{pattern: "GET " + objects + "/{id}", op: "{type}.get", needs: needObjectRead, serve: (*portal).serveGet},
		{pattern: "POST " + objects, op: "{type}.create", needs: needObjectWrite, serve: (*portal).serveCreate},
		{pattern: "PATCH " + objects + "/{id}", op: "{type}.update", needs: needObjectWrite, serve: (*portal).servePatch},
		{pattern: "DELETE " + objects + "/{id}", op: "{type}.archive", needs: needObjectWrite, serve: (*portal).serveDelete},
		{pattern: "POST " + objects + "/merge", op: "{type}.merge", needs: needObjectWrite, serve: (*portal).serveMerge},
		{pattern: "POST " + objects + "/batch/create", op: "{type}.batch_create", needs: needObjectWrite, serve: (*portal).serveBatchCreate},
		{pattern: "POST " + objects + "/batch/update", op: "{type}.batch_update", needs: needObjectWrite, serve: (*portal).serveBatchUpdate},
		{pattern: "POST " + objects + "/batch/archive", op: "{type}.batch_archive", needs: needObjectWrite, serve: (*portal).serveBatchArchive},
	}
}

func associationRoutes() []route {
	const one, pair, batch = "/crm/objects/{version}/{type}/{id}/associations", "/{to}/{other}", "/crm/associations/{version}/{from}/{to}"
	return []route{
		{pattern: "GET " + one + "/{to}", op: "{type}.associations", needs: needObjectRead, serve: (*portal).serveLinks},
		{pattern: "PUT " + one + "/default" + pair, op: "associations.create", needs: needObjectWrite, serve: (*portal).serveLinkDefault},
		{pattern: "PUT " + one + pair, op: "associations.create", needs: needObjectWrite, serve: (*portal).serveLinkPut},
		{pattern: "PUT " + one + pair + "/{linktype}", op: "associations.create", needs: needObjectWrite, serve: (*portal).serveLinkPut},
		{pattern: "DELETE " + one + pair + "/{linktype}", op: "associations.archive", needs: needObjectWrite, serve: (*portal).serveLinkDelete},
		{pattern: "DELETE " + one + pair, op: "associations.archive", needs: needObjectWrite, serve: (*portal).serveLinkDelete},
		{pattern: "POST " + batch + "/batch/read", op: "associations.batch_read", needs: needAnyObject, serve: (*portal).serveLinkBatchRead},
		{pattern: "POST " + batch + "/batch/create", op: "associations.batch_create", needs: needPairWrite, serve: (*portal).serveLinkBatchCreate},
		{pattern: "POST " + batch + "/batch/associate/default", op: "associations.batch_create", needs: needPairWrite, serve: (*portal).serveLinkBatchCreate},
		{pattern: "POST " + batch + "/batch/archive", op: "associations.batch_archive", needs: needPairWrite, serve: (*portal).serveLinkBatchArchive},
		{pattern: "GET " + batch + "/labels", op: "associations.labels", needs: needAnyObject, serve: (*portal).serveLabels},
		{pattern: "GET " + batch + "/types", op: "associations.labels", needs: needAnyObject, serve: (*portal).serveLabels},
	}
}

func schemaRoutes() []route {
	const pipelines, properties = "/crm/pipelines/{version}/{type}", "/crm/properties/{version}/{type}"
	return []route{
		{pattern: "GET " + pipelines, op: "pipelines.list", needs: needSchemaRead, serve: (*portal).servePipelines},
		{pattern: "GET " + pipelines + "/{pipeline}", op: "pipelines.get", needs: needSchemaRead, serve: (*portal).servePipeline},
		{pattern: "GET " + pipelines + "/{pipeline}/stages", op: "stages.list", needs: needSchemaRead, serve: (*portal).serveStages},
		{pattern: "GET " + pipelines + "/{pipeline}/stages/{stage}", op: "stages.get", needs: needSchemaRead, serve: (*portal).serveStage},
		{pattern: "POST " + pipelines, op: "pipelines.create", needs: needSchemaWrite, serve: (*portal).serveLineCreate},
		{pattern: "PATCH " + pipelines + "/{pipeline}", op: "pipelines.update", needs: needSchemaWrite, serve: (*portal).serveLineWrite},
		{pattern: "PUT " + pipelines + "/{pipeline}", op: "pipelines.replace", needs: needSchemaWrite, serve: (*portal).serveLineWrite},
		{pattern: "DELETE " + pipelines + "/{pipeline}", op: "pipelines.delete", needs: needSchemaWrite, serve: (*portal).serveLineDelete},
		{pattern: "POST " + pipelines + "/{pipeline}/stages", op: "stages.create", needs: needSchemaWrite, serve: (*portal).serveStageCreate},
		{pattern: "PATCH " + pipelines + "/{pipeline}/stages/{stage}", op: "stages.update", needs: needSchemaWrite, serve: (*portal).serveStageWrite},
		{pattern: "PUT " + pipelines + "/{pipeline}/stages/{stage}", op: "stages.replace", needs: needSchemaWrite, serve: (*portal).serveStageWrite},
		{pattern: "DELETE " + pipelines + "/{pipeline}/stages/{stage}", op: "stages.delete", needs: needSchemaWrite, serve: (*portal).serveStageDelete},
		{pattern: "GET " + properties, op: "properties.list", needs: needSchemaRead, serve: (*portal).serveProperties},
		{pattern: "GET " + properties + "/{name}", op: "properties.get", needs: needSchemaRead, serve: (*portal).serveProperty},
		{pattern: "POST " + properties, op: "properties.create", needs: needSchemaWrite, serve: (*portal).servePropertyCreate},
		{pattern: "PATCH " + properties + "/{name}", op: "properties.update", needs: needSchemaWrite, serve: (*portal).servePropertyPatch},
		{pattern: "DELETE " + properties + "/{name}", op: "properties.archive", needs: needSchemaWrite, serve: (*portal).servePropertyDelete},
		{pattern: "POST " + properties + "/batch/create", op: "properties.batch_create", needs: needSchemaWrite, serve: (*portal).servePropertyBatchCreate},
		{pattern: "POST " + properties + "/batch/read", op: "properties.batch_read", needs: needSchemaRead, serve: (*portal).servePropertyBatchRead},
		{pattern: "POST " + properties + "/batch/archive", op: "properties.batch_archive", needs: needSchemaWrite, serve: (*portal).servePropertyBatchArchive},
		{pattern: "GET " + properties + "/groups", op: "property_groups.list", needs: needSchemaRead, serve: (*portal).serveGroups},
		{pattern: "GET " + properties + "/groups/{name}", op: "property_groups.get", needs: needSchemaRead, serve: (*portal).serveGroup},
		{pattern: "POST " + properties + "/groups", op: "property_groups.create", needs: needSchemaWrite, serve: (*portal).serveGroupCreate},
		{pattern: "PATCH " + properties + "/groups/{name}", op: "property_groups.update", needs: needSchemaWrite, serve: (*portal).serveGroupPatch},
		{pattern: "DELETE " + properties + "/groups/{name}", op: "property_groups.archive", needs: needSchemaWrite, serve: (*portal).serveGroupDelete},
	}
}

func otherRoutes() []route {
	const engagements = "/engagements/v1/engagements"
	return []route{
		{pattern: "GET /crm/owners/{version}", op: "owners.list", needs: needOwners, serve: (*portal).serveOwners},
		{pattern: "GET /crm/owners/{version}/{$}", op: "owners.list", needs: needOwners, serve: (*portal).serveOwners},
		{pattern: "GET /crm/owners/{version}/{id}", op: "owners.get", needs: needOwners, serve: (*portal).serveOwner},
		{pattern: "GET /account-info/{version}/details", op: "account.details", serve: (*portal).serveAccount},
		{pattern: "GET /crm/pipelines-rules/{version}/{type}/{pipeline}", op: "rules.get", needs: needRules, serve: (*portal).serveRules},
		{pattern: "POST " + engagements, op: "engagements.create", needs: needActivityWrite, serve: (*portal).serveEngagementCreate},
		{pattern: "GET " + engagements + "/{id}", op: "engagements.get", needs: needActivityRead, serve: (*portal).serveEngagement},
		{pattern: "PATCH " + engagements + "/{id}", op: "engagements.update", needs: needActivityWrite, serve: (*portal).serveEngagementPatch},
		{pattern: "DELETE " + engagements + "/{id}", op: "engagements.archive", needs: needActivityWrite, serve: (*portal).serveEngagementDelete},
		{pattern: "GET /crm-object-schemas/{version}/schemas", op: "schemas.list", serve: (*portal).serveSchemas},
	}
}
