package hubspot

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
)

// Version is the version of HubSpot's API that every request names. Versions do not change once they are out, and are
// supported for 18 months.
const Version = "2026-09"

// The paths.
const (
	pathObjects       = "/crm/objects/" + Version + "/"
	pathDeals         = pathObjects + "deals"
	pathTasks         = pathObjects + "tasks"
	pathPipelines     = "/crm/pipelines/" + Version + "/deals"
	pathAllProperties = "/crm/properties/" + Version + "/"
	pathProperties    = pathAllProperties + "deals"
	pathRules         = "/crm/pipelines-rules/" + Version + "/0-3/"
	pathOwners        = "/crm/owners/" + Version
	pathAssociations  = "/crm/associations/" + Version + "/"
	pathAccount       = "/account-info/" + Version + "/details"
)

// The sizes of pages and batches that HubSpot allows.
const (
	pageSize        = 100
	historyPageSize = 50 // with the history of a property
	searchPageSize  = 200
	searchWall      = 10_000 // results of one search that can be paged to
	batchSize       = 100
	historyBatch    = 50
	associationSize = 1000
	ownerPageSize   = 100
)

// The property that says where a deal stands.
const propertyStage = "dealstage"

func (c *reader) listDeals(ctx context.Context, properties, history []string, archived bool, after string) (list, error) {
	q := url.Values{"limit": {strconv.Itoa(pageSize)}, "archived": {strconv.FormatBool(archived)}, "properties": {strings.Join(properties, ",")}}
	if len(history) > 0 {
		q.Set("limit", strconv.Itoa(historyPageSize))
		q.Set("propertiesWithHistory", strings.Join(history, ","))
	}
	if after != "" {
		q.Set("after", after)
	}
	var out list
	err := c.do(ctx, "listing deals", rest.Request{Operation: "deals.list", Method: "GET", Path: pathDeals, Query: q}, &out)
	return out, listed(out.Results, err)
}

func (c *reader) searchDeals(ctx context.Context, s searchRequest) (list, error) {
	return c.search(ctx, "deals", s)
}

// search searches records of a kind.
func (c *reader) search(ctx context.Context, kind string, s searchRequest) (list, error) {
	var out list
	err := c.do(ctx, "searching "+kind, rest.Request{
		Operation: kind + ".search", Method: "POST", Path: pathObjects + kind + "/search", Body: s, Lanes: []string{laneBurst, laneSearch},
	}, &out)
	if err = listed(out.Results, err); err == nil && out.Total == nil {
		err = errors.New("searching " + kind + ": the answer does not say how many there are")
	}
	return out, err
}

// readDeals reads deals by id, at most 100, or 50 with history. Those that do not exist are missing in the answer.
func (c *reader) readDeals(ctx context.Context, ids, properties, history []string, archived bool) ([]row, error) {
	in := batchInput{Inputs: inputs(ids), Properties: properties, WithHistory: history}
	q := url.Values{"archived": {strconv.FormatBool(archived)}}
	var out batch
	err := c.do(ctx, "reading deals", rest.Request{
		Operation: "deals.batch-read", Method: "POST", Path: pathDeals + "/batch/read", Query: q, Body: in,
	}, &out)
	return out.Results, found(listed(out.Results, err))
}

// readTasks reads tasks by id, at most 100.
func (c *reader) readTasks(ctx context.Context, ids, properties []string) ([]row, error) {
	return c.readObjects(ctx, "tasks", ids, properties, nil)
}

// readObjects reads records of a kind by id, at most 100, or 50 with history. Those that do not exist are missing.
func (c *reader) readObjects(ctx context.Context, kind string, ids, properties, history []string) ([]row, error) {
	var out batch
	err := c.do(ctx, "reading "+kind, rest.Request{
		Operation: kind + ".batch-read", Method: "POST", Path: pathObjects + kind + "/batch/read",
		Query: url.Values{"archived": {"false"}}, Body: batchInput{Inputs: inputs(ids), Properties: properties, WithHistory: history},
	}, &out)
	return out.Results, found(listed(out.Results, err))
}

// count asks a search how many records of a kind there are that fit all filters.
func (c *reader) count(ctx context.Context, kind string, filters ...filter) (int64, error) {
	l, err := c.search(ctx, kind, searchRequest{FilterGroups: []filterGroup{{filters}}, Properties: []string{"hs_timestamp"}, Limit: 1})
	if err != nil {
		return 0, err
	}
	return *l.Total, nil
}

// getRules reads the rules of a pipeline of deals.
func (c *reader) getRules(ctx context.Context, pipeline string) (rules, error) {
	var out rules
	err := c.do(ctx, "reading a pipeline's rules", rest.Request{Operation: "rules.get", Method: "GET", Path: pathRules + url.PathEscape(pipeline)}, &out)
	return out, err
}

// listed makes an error of an answer without a list: it is no empty list, and must not make everything look gone.
func listed[T any](results []T, err error) error {
	if err == nil && results == nil {
		return errors.New("the answer has no results, not even an empty list of them")
	}
	return err
}

// found turns the 404 of a batch of which nothing exists into an empty answer.
func found(err error) error {
	if errors.Is(err, connectors.ErrNotFound) {
		return nil
	}
	return err
}

func inputs(ids []string) []input {
	in := make([]input, len(ids))
	for i, id := range ids {
		in[i].ID = id
	}
	return in
}

func (c *reader) listPipelines(ctx context.Context) ([]pipeline, error) {
	var out pipelineList
	err := c.do(ctx, "reading pipelines", rest.Request{Operation: "pipelines.list", Method: "GET", Path: pathPipelines}, &out)
	return out.Results, listed(out.Results, err)
}

func (c *reader) listProperties(ctx context.Context, kind string) ([]property, error) {
	var out propertyList
	err := c.do(ctx, "reading properties", rest.Request{Operation: "properties.list", Method: "GET", Path: pathAllProperties + kind}, &out)
	return out.Results, listed(out.Results, err)
}

// getProperty reads one property; archived ones exist only where archived is set.
func (c *reader) getProperty(ctx context.Context, name string, archived bool) (property, error) {
	var out property
	err := c.do(ctx, "reading a property", rest.Request{
		Operation: "properties.get", Method: "GET", Path: pathProperties + "/" + url.PathEscape(name),
		Query: url.Values{"archived": {strconv.FormatBool(archived)}},
	}, &out)
	return out, err
}

func (c *reader) listOwners(ctx context.Context, archived bool, after string) (ownerList, error) {
	q := url.Values{"limit": {strconv.Itoa(ownerPageSize)}, "archived": {strconv.FormatBool(archived)}}
	if after != "" {
		q.Set("after", after)
	}
	var out ownerList
	err := c.do(ctx, "reading owners", rest.Request{Operation: "owners.list", Method: "GET", Path: pathOwners, Query: q}, &out)
	return out, listed(out.Results, err)
}

func (c *reader) getAccount(ctx context.Context) (account, error) {
	var out account
	err := c.do(ctx, "reading the account", rest.Request{Operation: "account.details", Method: "GET", Path: pathAccount}, &out)
	return out, err
}

// associated returns the ids of the records of one type that those of another are associated with.
func (c *reader) associated(ctx context.Context, from, to string, ids []string) (map[string][]string, error) {
	out := map[string][]string{}
	var open []associationFrom
	asked := map[associationFrom]bool{}
	for _, id := range ids {
		open = append(open, associationFrom{ID: id})
	}
	for len(open) > 0 {
		n := min(len(open), associationSize)
		var l associationList
		err := c.do(ctx, "reading the "+to+" of "+from, rest.Request{
			Operation: "associations.batch-read", Method: "POST", Path: pathAssociations + from + "/" + to + "/batch/read", Body: associationInput{open[:n]},
		}, &l)
		if err = found(listed(l.Results, err)); err != nil {
			return nil, err
		}
		open = open[n:]
		for _, r := range l.Results {
			for _, o := range r.To {
				out[r.From.ID] = append(out[r.From.ID], strings.Trim(string(o.ID), `"`))
			}
			if after := r.Paging.Next.After; after != "" {
				next := associationFrom{ID: r.From.ID, After: after}
				if asked[next] {
					return nil, fmt.Errorf("reading the %s of %s: the page %q was there before: it would never end", to, from, after)
				}
				asked[next] = true
				open = append(open, next)
			}
		}
	}
	return out, nil
}
