package pipedrive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

// emptyTries is how often a list is asked for that is answered without one: Pipedrive is seen to do that now and then.
const emptyTries = 3

var errEmpty = errors.New("the answer holds no data")

// fetch reads one page of a list.
func fetch[T any](ctx context.Context, c *reader, doing string, e endpoint, id string, q url.Values) (list[T], error) {
	for try := 1; ; try++ {
		var out list[T]
		err := c.do(ctx, doing, c.request(e, id, q), &out)
		switch {
		case err != nil:
			return out, err
		case out.Data != nil:
			return out, nil
		case out.Success && e == dealChangelog: // v1 gives null for a list without entries
			return out, nil
		case try == emptyTries:
			return out, fmt.Errorf("%s: %w: %w", doing, connectors.ErrUnavailable, errEmpty)
		}
	}
}

// pages walks over a list from a cursor on.
func pages[T any](ctx context.Context, c *reader, doing string, e endpoint, id string, q url.Values, from string) iter.Seq2[list[T], error] {
	return rest.Pages(ctx, from, func(ctx context.Context, after string) (list[T], string, error) {
		q.Set("limit", strconv.Itoa(pageSize))
		q.Del("cursor")
		if after != "" {
			q.Set("cursor", after)
		}
		page, err := fetch[T](ctx, c, doing, e, id, q)
		return page, page.Additional.Next, err
	})
}

// whole reads a list to its end. A record that cannot be read is an error: it is a part of the set-up.
func whole[T any](ctx context.Context, c *reader, doing string, e endpoint, q url.Values) ([]T, error) {
	var out []T
	for page, err := range pages[T](ctx, c, doing, e, "", q, "") {
		if err != nil {
			return nil, err
		}
		for _, r := range page.Data {
			if r.bad != nil {
				return nil, fmt.Errorf("%s: record %s cannot be decoded", doing, r.id)
			}
			out = append(out, r.it)
		}
	}
	return out, nil
}

// unpaged reads a list of v1 that comes as a whole.
func unpaged[T any](ctx context.Context, c *reader, doing string, e endpoint) ([]T, error) {
	page, err := fetch[T](ctx, c, doing, e, "", nil)
	if err != nil {
		return nil, err
	}
	var out []T
	for _, r := range page.Data {
		if r.bad != nil {
			return nil, fmt.Errorf("%s: record %s cannot be decoded", doing, r.id)
		}
		out = append(out, r.it)
	}
	return out, nil
}

// readMe reads whose connection it is, and keeps that.
func (c *reader) readMe(ctx context.Context) (user, error) {
	var out single[user]
	err := c.do(ctx, "reading the account", c.request(getMe, "", nil), &out)
	if err == nil && out.Data == nil {
		err = fmt.Errorf("reading the account: %w: %w", connectors.ErrUnavailable, errEmpty)
	}
	if err != nil {
		return user{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.me = out.Data
	return *out.Data, nil
}

// readFields reads the fields of deals, and keeps them by their codes.
func (c *reader) readFields(ctx context.Context) (map[string]dealField, error) {
	all, err := whole[dealField](ctx, c, "reading the fields of deals", listDealFields, url.Values{"include_fields": {"required_fields"}})
	if err != nil {
		return nil, err
	}
	fields := make(map[string]dealField, len(all))
	for _, f := range all {
		fields[f.Code] = f
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fields = fields
	return fields, nil
}

// knownFields are the fields of deals as last read, nil where they were not.
func (c *reader) knownFields() map[string]dealField {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fields
}

// total counts the deals that are not archived.
func (c *reader) total(ctx context.Context) (int64, error) {
	var out single[summary]
	err := c.do(ctx, "counting deals", c.request(countDeals, "", url.Values{}), &out)
	if err == nil && (out.Data == nil || out.Data.Total == nil) {
		err = fmt.Errorf("counting deals: %w: %w", connectors.ErrUnavailable, errEmpty)
	}
	if err != nil {
		return 0, err
	}
	return *out.Data.Total, nil
}

// readActivities reads activities by id, at most 100. Those that do not exist are missing in the answer.
func (c *reader) readActivities(ctx context.Context, ids []string) ([]row[activity], error) {
	l, err := fetch[activity](ctx, c, "reading activities", listActivities, "", url.Values{"ids": {strings.Join(ids, ",")}, "limit": {strconv.Itoa(pageSize)}})
	return l.Data, err
}

// readDeals reads deals by id, at most 100, with the same query as a list of them.
func (c *reader) readDeals(ctx context.Context, ids []string, q url.Values) ([]row[deal], error) {
	q.Set("ids", strings.Join(ids, ","))
	q.Set("limit", strconv.Itoa(pageSize))
	l, err := fetch[deal](ctx, c, "reading deals", listDeals, "", q)
	return l.Data, err
}

// moment is a time as a query takes it.
func moment(i crm.Instant) string { return i.Time().Format("2006-01-02T15:04:05Z") }
