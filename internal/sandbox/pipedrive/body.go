package pipedrive

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"time"
)

// shape is the type of a body's field.
type shape int

const (
	isText shape = iota
	isInt
	isNumber
	isBool
	isDate
	isClock
	isTime
	isInts
	isObject
	isAny
)

// rule is what a body's field may hold.
type rule struct {
	shape    shape
	nullable bool
}

// read reads a JSON object whose keys and types are all known, as v2 wants it. Everything that is wrong is told at once.
func (c *call) read(rules map[string]rule) (fields, error) {
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.UseNumber()
	var in map[string]any
	if err := dec.Decode(&in); err != nil || in == nil {
		return nil, c.bad("body", "must be a JSON object")
	}
	var wrong []string
	for _, name := range sortedKeys(in) {
		rule, known := rules[name]
		if !known {
			wrong = append(wrong, notAllowed(name))
			continue
		}
		if in[name] == nil {
			if !rule.nullable && !slices.Contains(c.set.nullable, name) {
				wrong = append(wrong, name+": Expected "+rule.shape.String()+", received null")
			}
			continue
		}
		if why := rule.shape.refuses(in[name]); why != "" {
			wrong = append(wrong, name+": "+why)
		}
	}
	if len(wrong) > 0 {
		return nil, invalidAll(wrong)
	}
	return in, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// String names the type as an error does.
func (s shape) String() string {
	return [...]string{"string", "integer", "number", "boolean", "date", "time", "date-time", "array", "object", "any"}[s]
}

// refuses says why a value is not of the type; "" when it is.
func (s shape) refuses(v any) string {
	ok := true
	switch s {
	case isText:
		_, ok = v.(string)
	case isInt:
		n, number := v.(json.Number)
		_, err := n.Int64()
		ok = number && err == nil
	case isNumber:
		_, ok = v.(json.Number)
	case isBool:
		_, ok = v.(bool)
	case isDate:
		text, _ := v.(string)
		_, err := time.Parse(time.DateOnly, text)
		ok = err == nil
	case isClock:
		text, _ := v.(string)
		_, ok = clockText(text)
	case isTime:
		text, _ := v.(string)
		_, ok = parseTime(text)
	case isInts:
		list, array := v.([]any)
		ok = array && !slices.ContainsFunc(list, func(e any) bool { return isInt.refuses(e) != "" })
	case isObject:
		_, ok = v.(map[string]any)
	}
	if ok {
		return ""
	}
	return "Expected " + s.String() + ", received " + kindOf(v)
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case json.Number:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	}
	return "object"
}

// clockText reads HH:MM or HH:MM:SS and gives HH:MM.
func clockText(text string) (string, bool) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Format("15:04"), true
		}
	}
	return "", text == ""
}

// fields is a body whose types have been checked.
type fields map[string]any

func (f fields) has(name string) bool { _, ok := f[name]; return ok }

func (f fields) isNull(name string) bool { v, ok := f[name]; return ok && v == nil }

func (f fields) text(name string) string { s, _ := f[name].(string); return s }

func (f fields) int(name string) int64 {
	n, _ := f[name].(json.Number)
	i, _ := n.Int64() // was checked, or absent
	return i
}

func (f fields) number(name string) float64 {
	n, _ := f[name].(json.Number)
	x, _ := n.Float64() // was checked, or absent
	return x
}

func (f fields) truth(name string) bool { b, _ := f[name].(bool); return b }

func (f fields) time(name string) time.Time {
	t, _ := parseTime(f.text(name))
	return t
}

func (f fields) ints(name string) []int64 {
	list, _ := f[name].([]any)
	out := make([]int64, 0, len(list))
	for _, v := range list {
		n, _ := v.(json.Number)
		i, _ := n.Int64() // was checked
		out = append(out, i)
	}
	return out
}

var script = regexp.MustCompile(`(?is)<script.*?(</script>|$)`)

// sanitised takes the scripts out of HTML, as Pipedrive does with what people read.
func sanitised(html string) string { return script.ReplaceAllString(html, "") }
