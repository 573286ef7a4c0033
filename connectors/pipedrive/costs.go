package pipedrive

import "net/http"

// endpoint is one kind of request and what it costs: Pipedrive charges a flat price for each, whatever comes back.
type endpoint struct {
	operation, method, path string
	tokens                  int64
	spare                   bool // can wait for another day
}

// The two dialects of the API. What has a successor in the second is asked for there.
const (
	v1 = "/api/v1/"
	v2 = "/api/v2/"
)

// Everything that is ever asked of Pipedrive, with its price in tokens. A path that ends in a slash takes an id, and %s stands
// for one.
var (
	getMe         = endpoint{"users.me", http.MethodGet, v1 + "users/me", 2, false}
	listUsers     = endpoint{"users.list", http.MethodGet, v1 + "users", 20, false}
	listTypes     = endpoint{"activity-types.list", http.MethodGet, v1 + "activityTypes", 20, false}
	countDeals    = endpoint{"deals.summary", http.MethodGet, v1 + "deals/summary", 40, false}
	dealChangelog = endpoint{"deals.changelog", http.MethodGet, v1 + "deals/%s/changelog", 20, true}

	listPipelines  = endpoint{"pipelines.list", http.MethodGet, v2 + "pipelines", 5, false}
	listStages     = endpoint{"stages.list", http.MethodGet, v2 + "stages", 5, false}
	patchStage     = endpoint{"stages.update", http.MethodPatch, v2 + "stages/", 5, false}
	listDealFields = endpoint{"deal-fields.list", http.MethodGet, v2 + "dealFields", 10, false}

	listDeals      = endpoint{"deals.list", http.MethodGet, v2 + "deals", 10, false}
	listArchived   = endpoint{"deals.archived", http.MethodGet, v2 + "deals/archived", 20, false}
	listProducts   = endpoint{"deals.products", http.MethodGet, v2 + "deals/products", 10, false}
	patchDeal      = endpoint{"deals.update", http.MethodPatch, v2 + "deals/", 5, false}
	listActivities = endpoint{"activities.list", http.MethodGet, v2 + "activities", 10, false}
	postActivity   = endpoint{"activities.create", http.MethodPost, v2 + "activities", 5, false}
	dropActivity   = endpoint{"activities.delete", http.MethodDelete, v2 + "activities/", 3, false}
)

// The most that one request gives or takes.
const (
	pageSize  = 500
	batchSize = 100 // ids
	maxCustom = 15  // custom fields that a list of deals can be narrowed to
)
