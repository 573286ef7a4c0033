package hubspot

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What a search may ask for.
const (
	mostFound    = 200
	searchWall   = 10_000
	mostGroups   = 5
	mostFilters  = 6
	mostInAll    = 18
	longestQuery = 3_000
)

type searchFilter struct {
	Property  string   `json:"propertyName"`
	Operator  string   `json:"operator"`
	Value     text     `json:"value"`
	HighValue text     `json:"highValue"`
	Values    []string `json:"values"`
}

// text is a JSON string or number.
type text string

// UnmarshalJSON takes a string or a number.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
		return nil
	}
	*t = text(strings.TrimSpace(string(b)))
	return nil
}

type searchRequest struct {
	Groups []struct {
		Filters []searchFilter `json:"filters"`
	} `json:"filterGroups"`
	Sorts      []json.RawMessage `json:"sorts"`
	Properties []string          `json:"properties"`
	Query      string            `json:"query"`
	Limit      text              `json:"limit"`
	After      text              `json:"after"`
}

// foundPage is one page of a search.
type foundPage struct {
	Total   int      `json:"total"`
	Results []object `json:"results"`
	Paging  *cursor  `json:"paging,omitempty"`
}

// serveSearch finds records by their properties. It sees changes late where the portal is set so, and never what is archived.
func (p *portal) serveSearch(c *call) (any, error) {
	var in searchRequest
	if len(c.body) > longestQuery {
		return nil, invalid("The request body is too long: at most %d characters", longestQuery)
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	limit, after, err := in.window()
	if err != nil {
		return nil, err
	}
	tests, err := p.tests(c, in)
	if err != nil {
		return nil, err
	}
	hits := p.hits(c, tests, in.Query)
	if err := p.sortHits(c, hits, in.Sorts); err != nil {
		return nil, err
	}
	out := foundPage{Total: len(hits), Results: []object{}}
	for _, r := range hits[min(after, len(hits)):min(after+limit, len(hits))] {
		out.Results = append(out.Results, p.view(r, selection{properties: in.Properties}, c))
	}
	if end := after + limit; end < len(hits) {
		out.Paging = &cursor{Next: cursorNext{After: strconv.Itoa(end)}}
	}
	return out, nil
}

// window is where the page begins and how long it is.
func (in searchRequest) window() (limit, after int, err error) {
	limit = 10
	if in.Limit != "" {
		if limit, err = strconv.Atoi(string(in.Limit)); err != nil || limit < 1 || limit > mostFound {
			return 0, 0, invalid("The limit must be between 1 and %d", mostFound)
		}
	}
	if in.After != "" {
		if after, err = strconv.Atoi(string(in.After)); err != nil || after < 0 {
			return 0, 0, invalid("Invalid after: it must be an integer")
		}
	}
	if after+limit > searchWall {
		return 0, 0, invalid("Paging through more than %d results of a search is not supported", searchWall)
	}
	return limit, after, nil
}

// test decides about one record.
type test func(*record) bool

// tests are the filter groups: a record is found when all tests of any group hold.
func (p *portal) tests(c *call, in searchRequest) ([][]test, error) {
	if len(in.Groups) > mostGroups {
		return nil, invalid("Too many filterGroups: at most %d are allowed", mostGroups)
	}
	var groups [][]test
	total := 0
	for _, g := range in.Groups {
		if total += len(g.Filters); len(g.Filters) > mostFilters || total > mostInAll {
			return nil, invalid("Too many filters: at most %d in a group and %d in all are allowed", mostFilters, mostInAll)
		}
		var group []test
		for _, filter := range g.Filters {
			t, err := p.test(c, filter)
			if err != nil {
				return nil, err
			}
			group = append(group, t)
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// test makes the test of one filter.
func (p *portal) test(c *call, f searchFilter) (test, error) {
	if name, ok := strings.CutPrefix(f.Property, "associations."); ok {
		k := p.kinds.find(name)
		if k == nil {
			return nil, invalid("Unable to infer object type from: %s", name)
		}
		return func(r *record) bool {
			return slices.ContainsFunc(r.linked(k), func(l link) bool {
				return f.Operator == "EQ" && l.to.id == string(f.Value) || f.Operator == "IN" && slices.Contains(f.Values, l.to.id)
			})
		}, nil
	}
	prop := p.properties(c.kind).live(f.Property, c.now)
	if prop == nil {
		if !strings.HasPrefix(f.Property, "hs_v2_") {
			return nil, invalid("There was a problem with the request. Property '%s' does not exist", f.Property)
		}
		prop = &property{Name: f.Property, Type: "datetime"}
	}
	match, err := matcher(prop, f)
	if err != nil {
		return nil, err
	}
	return func(r *record) bool {
		value, _ := p.value(r, f.Property, c.now)
		return match(value)
	}, nil
}

// matcher is a filter's condition on a value. An empty value fails every condition but NOT_HAS_PROPERTY and those that exclude.
func matcher(prop *property, f searchFilter) (func(string) bool, error) {
	compare := func(holds func(int) bool) (func(string) bool, error) {
		if f.Value == "" {
			return nil, invalid("Operator %s needs a value", f.Operator)
		}
		if at, ok := moment(string(f.Value)); ok && prop.Type == "datetime" { // stored times sort as texts
			wanted := stamp(at)
			return func(v string) bool { return v != "" && holds(strings.Compare(v, wanted)) }, nil
		}
		return func(v string) bool { return v != "" && holds(compareValues(prop.Type, v, string(f.Value))) }, nil
	}
	in := func(v string) bool {
		if prop.Type == "string" {
			v = strings.ToLower(v) // and the values are taken as they are: HubSpot wants them in lower case
		}
		return slices.Contains(f.Values, v)
	}
	switch f.Operator {
	case "EQ":
		return compare(func(n int) bool { return n == 0 })
	case "NEQ":
		return func(v string) bool { return compareValues(prop.Type, v, string(f.Value)) != 0 }, nil
	case "LT":
		return compare(func(n int) bool { return n < 0 })
	case "LTE":
		return compare(func(n int) bool { return n <= 0 })
	case "GT":
		return compare(func(n int) bool { return n > 0 })
	case "GTE":
		return compare(func(n int) bool { return n >= 0 })
	case "BETWEEN":
		return func(v string) bool {
			return v != "" && compareValues(prop.Type, v, string(f.Value)) >= 0 && compareValues(prop.Type, v, string(f.HighValue)) <= 0
		}, nil
	case "IN":
		return in, nil
	case "NOT_IN":
		return func(v string) bool { return v != "" && !in(v) }, nil
	case "HAS_PROPERTY":
		return func(v string) bool { return v != "" }, nil
	case "NOT_HAS_PROPERTY":
		return func(v string) bool { return v == "" }, nil
	case "CONTAINS_TOKEN":
		return func(v string) bool { return containsToken(v, string(f.Value)) }, nil
	case "NOT_CONTAINS_TOKEN":
		return func(v string) bool { return !containsToken(v, string(f.Value)) }, nil
	}
	return nil, invalid("Invalid operator: %s", f.Operator)
}

// compareValues orders two values of a property's type. Enumerations are case-sensitive, strings are not.
func compareValues(typ, a, b string) int {
	switch typ {
	case "number":
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if errX == nil && errY == nil {
			return cmp.Compare(x, y)
		}
	case "datetime", "date":
		x, okX := moment(a)
		y, okY := moment(b)
		if okX && okY {
			return x.Compare(y)
		}
	case "string":
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	}
	return strings.Compare(a, b)
}

// moment reads a time as the API takes it: milliseconds since 1970, RFC 3339, or a date.
func moment(s string) (time.Time, bool) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), true
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Millisecond), true
		}
	}
	return time.Time{}, false
}

func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '*' })
}

// containsToken finds every word of wanted among the words of value; a star at an end of a word stands for anything.
func containsToken(value, wanted string) bool {
	have := words(value)
	for _, want := range words(wanted) {
		bare := strings.Trim(want, "*")
		if !slices.ContainsFunc(have, func(word string) bool {
			switch open, end := strings.HasPrefix(want, "*"), strings.HasSuffix(want, "*"); {
			case open && end:
				return strings.Contains(word, bare)
			case open:
				return strings.HasSuffix(word, bare)
			case end:
				return strings.HasPrefix(word, bare)
			}
			return word == bare
		}) {
			return false
		}
	}
	return true
}

// hits are the records that pass, as the index has them.
func (p *portal) hits(c *call, groups [][]test, query string) []*record {
	lag := p.settings.get().searchLag
	var hits []*record
	for _, r := range p.table(c.kind).order {
		seen := r.indexed(c.now, lag)
		if seen == nil || seen.archived || seen.merged != nil || !passes(seen, groups) || query != "" && !p.mentions(seen, query, c.now) {
			continue
		}
		hits = append(hits, seen)
	}
	return hits
}

func passes(r *record, groups [][]test) bool {
	return len(groups) == 0 || slices.ContainsFunc(groups, func(group []test) bool {
		return !slices.ContainsFunc(group, func(t test) bool { return !t(r) })
	})
}

// indexed is the record as searches see it: as it was before a change that is younger than the lag, nil when it was not there.
func (r *record) indexed(now time.Time, lag time.Duration) *record {
	if lag > 0 && !r.changedAt.IsZero() && now.Sub(r.changedAt) < lag {
		return r.before
	}
	return r
}

// mentions looks for the beginning of a word in what searches look into.
func (p *portal) mentions(r *record, query string, now time.Time) bool {
	return slices.ContainsFunc(r.kind.searched, func(name string) bool {
		value, _ := p.value(r, name, now)
		return slices.ContainsFunc(words(query), func(word string) bool { return containsToken(value, word+"*") })
	})
}

// sortHits orders what was found: by one property, else by creation.
func (p *portal) sortHits(c *call, hits []*record, sorts []json.RawMessage) error {
	if len(sorts) > 1 {
		return invalid("Only one sort is supported")
	}
	by := struct {
		Property  string `json:"propertyName"`
		Direction string `json:"direction"`
	}{Property: "hs_createdate"}
	typ := "datetime"
	if len(sorts) == 1 {
		if json.Unmarshal(sorts[0], &by.Property) != nil && json.Unmarshal(sorts[0], &by) != nil {
			return invalid("Invalid sort")
		}
		prop := p.properties(c.kind).live(by.Property, c.now)
		if prop == nil {
			return invalid("There was a problem with the request. Property '%s' does not exist", by.Property)
		}
		typ = prop.Type
	}
	values := make(map[*record]string, len(hits))
	for _, r := range hits {
		values[r], _ = p.value(r, by.Property, c.now)
	}
	slices.SortStableFunc(hits, func(a, b *record) int {
		n := orderValues(typ, values[a], values[b])
		if by.Direction == "DESCENDING" {
			n = -n
		}
		return cmp.Or(n, compareIDs(a.id, b.id))
	})
	return nil
}

// orderValues is compareValues for sorting: times that stamp wrote need no reading.
func orderValues(typ, a, b string) int {
	if typ == "datetime" || typ == "date" {
		return strings.Compare(a, b)
	}
	return compareValues(typ, a, b)
}
