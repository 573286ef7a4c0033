package pipedrive

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// call is one request that passed authentication and limits.
type call struct {
	r      *http.Request
	query  url.Values
	body   []byte
	grant  sandbox.Grant
	token  string
	now    time.Time
	base   string // URL of the face
	status int    // of a good answer; 200 unless the handler sets it
	v2     bool
	set    traits
	wrote  int // records that the request changed
}

// The times of both versions; both are UTC and resolve a second.
const (
	layoutV1 = "2006-01-02 15:04:05"
	layoutV2 = "2006-01-02T15:04:05Z"
)

func stampV1(t time.Time) string { return t.UTC().Format(layoutV1) }
func stampV2(t time.Time) string { return t.UTC().Format(layoutV2) }

// maybe is a time of v2 that may be absent.
func maybe(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := stampV2(t)
	return &s
}

// maybeID is an id, null for none.
func maybeID(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// parseTime reads a time as v2 takes it in queries and bodies: RFC 3339, or v1's layout in UTC.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, layoutV1} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Second), true
		}
	}
	return time.Time{}, false
}

// id is the record's id in the path; 0 where that is no id, which no record has.
func (c *call) id() int64 {
	n, _ := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	return n
}

// number reads a whole number from the query; ok is false where it is absent.
func (c *call) number(name string) (n int64, ok bool, err error) {
	text := c.query.Get(name)
	if text == "" {
		return 0, false, nil
	}
	n, e := strconv.ParseInt(text, 10, 64)
	if e != nil {
		return 0, false, c.bad(name, "must be a number")
	}
	return n, true, nil
}

// truth reads true or false from the query.
func (c *call) truth(name string) (yes, ok bool, err error) {
	switch c.query.Get(name) {
	case "":
		return false, false, nil
	case "true", "1":
		return true, true, nil
	case "false", "0":
		return false, true, nil
	}
	return false, false, c.bad(name, "must be a boolean")
}

// moment reads a time from the query.
func (c *call) moment(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, c.bad(name, "must be a time in RFC 3339")
	}
	return t, nil
}

// list is a query parameter of values between commas.
func (c *call) list(name string) []string {
	var out []string
	for _, value := range c.query[name] {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// The ids that one request may name, and the longest page.
const (
	mostIDs  = 100
	mostPage = 500
)

// ids reads the ids parameter; nil where it is absent.
func (c *call) ids() (map[int64]bool, error) { return c.idList("ids") }

// idList reads a list of ids from a query; nil where it is not there.
func (c *call) idList(name string) (map[int64]bool, error) {
	list := c.list(name)
	if list == nil {
		return nil, nil
	}
	if len(list) > mostIDs {
		return nil, c.bad(name, "must hold at most 100 ids")
	}
	out := make(map[int64]bool, len(list))
	for _, text := range list {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, c.bad(name, "must hold numbers")
		}
		out[n] = true
	}
	return out, nil
}

// limit reads the page's length.
func (c *call) limit() (int, error) {
	n, ok, err := c.number("limit")
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return 100, nil
	case n > mostPage && c.set.clampLimit:
		return mostPage, nil
	case n < 1 || n > mostPage:
		return 0, c.bad("limit", "must be a number from 1 to 500")
	}
	return int(n), nil
}

// keyed is a record with an id.
type keyed interface{ key() int64 }

// item is a record that v2 lists.
type item interface {
	keyed
	addedAt() time.Time
	updatedAt() time.Time
}

// keyset is what a cursor means: the place of the last record in a list's order.
type keyset struct {
	Field     string `json:"field"`
	Value     any    `json:"fieldValue"`
	Direction string `json:"sortDirection"`
	ID        int64  `json:"id"`
}

// listing is the part of a list's query that all lists have.
type listing struct {
	sort, direction string
	limit           int
	after           *keyset
}

// listing reads sort_by, sort_direction, limit and cursor.
func (c *call) listing(sorts ...string) (listing, error) {
	l := listing{sort: cmp.Or(c.query.Get("sort_by"), "id"), direction: cmp.Or(c.query.Get("sort_direction"), "asc")}
	var err error
	if l.limit, err = c.limit(); err != nil {
		return l, err
	}
	if !slices.Contains(sorts, l.sort) {
		return l, c.bad("sort_by", "must be one of "+strings.Join(sorts, ", "))
	}
	if l.direction != "asc" && l.direction != "desc" {
		return l, c.bad("sort_direction", "must be asc or desc")
	}
	text := c.query.Get("cursor")
	if text == "" {
		return l, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	var k keyset
	if err != nil || json.Unmarshal(raw, &k) != nil || k.Field != l.sort || k.Direction != l.direction {
		if c.set.anyCursor {
			return l, nil
		}
		return l, c.bad("cursor", "is not valid")
	}
	l.after = &k
	return l, nil
}

// rank is where a list's order puts a record: a time or a text, then the id.
type rank struct {
	at   int64
	text string
	id   int64
}

func (a rank) compare(b rank) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.text, b.text), cmp.Compare(a.id, b.id))
}

func (l listing) rank(it item) rank {
	r := rank{id: it.key()}
	switch l.sort {
	case "update_time":
		r.at = it.updatedAt().Unix()
	case "add_time":
		r.at = it.addedAt().Unix()
	case "due_date":
		r.text = it.(*activity).dueDate // the only kind that is sorted by it
	case "order_nr":
		r.at = int64(it.(*stage).order) // so is this
	}
	return r
}

// value is a rank in a cursor's words.
func (l listing) value(r rank) any {
	switch l.sort {
	case "update_time", "add_time":
		return stampV2(time.Unix(r.at, 0))
	case "due_date":
		return r.text
	case "order_nr":
		return r.at
	}
	return r.id
}

// begin is the rank that a cursor names.
func (k *keyset) begin() rank {
	r := rank{id: k.ID}
	switch value := k.Value.(type) {
	case string:
		if at, ok := parseTime(value); ok {
			r.at = at.Unix()
		} else {
			r.text = value
		}
	case float64:
		if k.Field != "id" {
			r.at = int64(value)
		}
	}
	return r
}

// pageOf takes a page out of the records that a list keeps, in the list's order. all must be in the order of ids.
func pageOf[T item](l listing, all []T, keep func(T) bool) (page []T, next *string) {
	type placed struct {
		rank
		it T
	}
	var kept []placed
	for _, it := range all {
		if keep(it) {
			kept = append(kept, placed{l.rank(it), it})
		}
	}
	sign := 1
	if l.direction == "desc" {
		sign = -1
	}
	if l.sort != "id" || sign < 0 {
		slices.SortFunc(kept, func(a, b placed) int { return sign * a.compare(b.rank) })
	}
	from := 0
	if l.after != nil {
		begin := l.after.begin()
		from = sort.Search(len(kept), func(i int) bool { return sign*kept[i].compare(begin) > 0 })
	}
	to := min(from+l.limit, len(kept))
	for _, k := range kept[from:to] {
		page = append(page, k.it)
	}
	if to < len(kept) {
		last := kept[to-1].rank
		raw, _ := json.Marshal(keyset{Field: l.sort, Value: l.value(last), Direction: l.direction, ID: last.id}) // plain values always encode
		text := base64.StdEncoding.EncodeToString(raw)
		next = &text
	}
	return page, next
}

// envelope is an answer with one record, or with a list that is not paged.
type envelope struct {
	Success    bool `json:"success"`
	Data       any  `json:"data"`
	Additional any  `json:"additional_data"`
}

func one(v any) envelope { return envelope{Success: true, Data: v} }

// many is a page of v2.
func many[T item, V any](page []T, next *string, view func(T) V) envelope {
	data := make([]V, len(page))
	for i, it := range page {
		data[i] = view(it)
	}
	return envelope{Success: true, Data: data, Additional: map[string]any{"next_cursor": next}}
}

// pageV1 cuts a list by start and limit, as v1 pages.
func pageV1[T any](c *call, all []T) (page []T, pagination map[string]any, err error) {
	start, _, err := c.number("start")
	if err != nil {
		return nil, nil, err
	}
	limit, err := c.limit()
	if err != nil {
		return nil, nil, err
	}
	from := min(max(0, int(start)), len(all))
	to := min(from+limit, len(all))
	pagination = map[string]any{"start": start, "limit": limit, "more_items_in_collection": to < len(all)}
	if to < len(all) {
		pagination["next_start"] = to
	}
	return all[from:to], pagination, nil
}
