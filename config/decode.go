package config

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// place is where in the configuration a value stands.
type place struct {
	path string // portals[0].limits.per_run
	env  string // the variable that overrides it, "" where none can
}

// plainKey is a key that needs no quotes in a path.
var plainKey = regexp.MustCompile(`^[\pL\pN_-]+$`)

func (p place) key(k string) place {
	out := place{path: k}
	if !plainKey.MatchString(k) {
		out.path = strconv.Quote(k)
	}
	if p.path != "" {
		out.path = p.path + "." + out.path
	}
	if p.env != "" {
		out.env = p.env + "_" + strings.ToUpper(strings.ReplaceAll(k, "-", "_"))
	}
	return out
}

// index is the place of a list's item; the environment does not reach into lists.
func (p place) index(i int) place { return place{path: fmt.Sprintf("%s[%d]", p.path, i)} }

// spot is where a value was written: a place in the file, or a variable of the environment.
type spot struct {
	line, column int
	env          string
}

// decoder turns a syntax tree into structs, and gathers every mistake on the way.
type decoder struct {
	file     string
	known    Known
	getenv   func(string) string
	lines    []string
	problems map[Problem]bool
	spots    map[string]spot // by path
	blots    map[int][]blot
	broken   map[string]bool // own policies that could not be read
}

// Types that values are decoded into by their own rules.
var (
	secretType = reflect.TypeFor[Secret]()
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// add notes a problem at a spot.
func (d *decoder) add(at spot, path, format string, args ...any) {
	p := Problem{File: d.file, Line: at.line, Column: at.column, Path: path, Text: fmt.Sprintf(format, args...)}
	if at.env != "" {
		p.File, p.Path = "environment", at.env
	}
	d.problems[p] = true
}

// wrong notes a problem of a path, where that path was written, or else where the nearest one around it was.
func (d *decoder) wrong(path, format string, args ...any) {
	for around := path; ; {
		if at, ok := d.spots[around]; ok {
			d.add(at, path, format, args...)
			return
		}
		cut := strings.LastIndexAny(around, ".[")
		if cut < 0 {
			d.add(spot{}, path, format, args...)
			return
		}
		around = around[:cut]
	}
}

func spotOf(n ast.Node) spot {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return spot{}
	}
	pos := n.GetToken().Position
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle { // its token is the first colon
		return spotOf(m.Values[0].Key)
	}
	return spot{line: pos.Line, column: pos.Column}
}

// sorted returns the problems by their lines, each with its source.
func (d *decoder) sorted() Problems {
	var out Problems
	for p := range d.problems {
		if p.Source == "" { // else it is of another file
			p.Source = d.source(p.Line)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return out
}

// member is one key of a mapping with its value.
type member struct {
	name  string
	key   ast.Node
	value ast.Node // nil for nothing
}

// members returns a mapping's keys in order; ok is false, and a problem noted, where the node is no mapping.
func (d *decoder) members(at place, n ast.Node) (ms []member, ok bool) {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case nil, *ast.NullNode:
		return nil, true
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		d.add(spotOf(n), at.path, "%s", d.unfit(n, "must be a mapping of keys to values"))
		return nil, false
	}
	seen := map[string]bool{}
	for _, v := range values {
		if _, merge := v.Key.(*ast.MergeKeyNode); merge {
			d.add(spotOf(v.Key), at.path, "merge keys (<<) cannot be used here; what all portals share belongs under defaults and policies")
			continue
		}
		name := v.Key.GetToken().Value
		if seen[name] {
			d.add(spotOf(v.Key), at.path, "the key %q is given twice", name)
			continue
		}
		seen[name] = true
		m := member{name: name, key: v.Key, value: v.Value}
		if _, null := v.Value.(*ast.NullNode); null {
			m.value = nil
		}
		d.spots[at.key(name).path] = spotOf(v.Key)
		ms = append(ms, m)
	}
	return ms, true
}

// unfit is what to say of a node of the wrong kind.
func (d *decoder) unfit(n ast.Node, want string) string {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		return "anchors and aliases cannot be used here; what all portals share belongs under defaults and policies"
	case *ast.TagNode:
		return "tags (!) cannot be used here"
	}
	return want
}

// unknown notes a key that does not exist. Its value is not shown: it may be a secret under a misspelt key.
func (d *decoder) unknown(at place, m member, names []string) {
	d.blot(m.value)
	what := "unknown key"
	if at.path != "" {
		what = "unknown key in " + at.path
	}
	d.add(spotOf(m.key), at.key(m.name).path, "%s%s", what, Meant(m.name, names))
}

// blot keeps a value out of every problem's source.
func (d *decoder) blot(n ast.Node) {
	if n == nil {
		return
	}
	at := spotOf(n)
	tk := n.GetToken()
	length := 0
	if _, scalar := n.(ast.ScalarNode); scalar && !strings.Contains(tk.Origin, "\n") {
		length = len([]rune(tk.Value))
		if tk.Type == token.DoubleQuoteType || tk.Type == token.SingleQuoteType {
			length = 0 // escapes make it longer than its value
		}
	}
	d.blots[at.line] = append(d.blots[at.line], blot{at.column, length})
}

// structure decodes a mapping into a struct. The keys named by aside are not decoded; their nodes are returned.
func (d *decoder) structure(at place, n ast.Node, v reflect.Value, aside ...string) map[string]ast.Node {
	ms, _ := d.members(at, n)
	byName := map[string]member{}
	for _, m := range ms {
		byName[m.name] = m
	}
	names := slices.Clone(aside)
	t := v.Type()
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		if name == "" || name == "-" || slices.Contains(aside, name) {
			continue
		}
		names = append(names, name)
		if t.Field(i).Type == secretType {
			names = append(names, name+"_file")
			d.secret(at, byName[name], byName[name+"_file"], name, v.Field(i))
			continue
		}
		d.value(at.key(name), byName[name].value, v.Field(i))
	}
	kept := map[string]ast.Node{}
	for _, m := range ms {
		if !slices.Contains(names, m.name) {
			d.unknown(at, m, names)
		} else if slices.Contains(aside, m.name) {
			kept[m.name] = m.value
		}
	}
	return kept
}

// value decodes a node, nil for none, into v, which keeps what it has where neither the node nor the environment says
// anything else.
func (d *decoder) value(at place, n ast.Node, v reflect.Value) {
	if _, null := n.(*ast.NullNode); null {
		n = nil
	}
	if v.Kind() == reflect.Pointer {
		if n == nil && (at.env == "" || d.getenv(at.env) == "") {
			return
		}
		fresh := reflect.New(v.Type().Elem())
		d.value(at, n, fresh.Elem())
		v.Set(fresh)
		return
	}
	if !v.Addr().Type().Implements(textType) {
		switch v.Kind() {
		case reflect.Struct:
			d.structure(at, n, v)
			return
		case reflect.Map:
			d.mapping(at, n, v)
			return
		case reflect.Slice:
			d.list(at, n, v)
			return
		}
	}
	text, from, ok := d.scalar(at, n)
	if !ok {
		return
	}
	if err := set(v, text); err != nil {
		d.add(from, at.path, "%v", err)
	}
}

// mapping decodes a map from names. Names that the environment could give must be in v already.
func (d *decoder) mapping(at place, n ast.Node, v reflect.Value) {
	ms, ok := d.members(at, n)
	if !ok {
		return
	}
	nodes := map[string]ast.Node{}
	for _, m := range ms {
		nodes[m.name] = m.value
	}
	for it := v.MapRange(); it.Next(); {
		if _, there := nodes[it.Key().String()]; !there {
			nodes[it.Key().String()] = nil
		}
	}
	out := reflect.MakeMap(v.Type())
	for name, node := range nodes {
		item := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(reflect.ValueOf(name)); old.IsValid() {
			item.Set(old)
		}
		d.value(at.key(name), node, item)
		out.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), item)
	}
	if len(nodes) > 0 {
		v.Set(out)
	}
}

func (d *decoder) items(at place, n ast.Node) (items []ast.Node, ok bool) {
	switch s := n.(type) {
	case nil, *ast.NullNode:
		return nil, false
	case *ast.SequenceNode:
		for i, item := range s.Values {
			d.spots[at.index(i).path] = spotOf(item)
		}
		return s.Values, true
	default:
		d.add(spotOf(n), at.path, "%s", d.unfit(n, "must be a list"))
		return nil, false
	}
}

func (d *decoder) list(at place, n ast.Node, v reflect.Value) {
	items, ok := d.items(at, n)
	if !ok {
		return
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		d.value(at.index(i), item, out.Index(i))
	}
	v.Set(out)
}

// secret decodes a secret's two keys. The environment wins over the file, and of each a value and a file exclude each other.
func (d *decoder) secret(at place, value, file member, name string, v reflect.Value) {
	d.blot(value.value)
	got := v.Addr().Interface().(*Secret)
	for _, layer := range []bool{false, true} { // the file's, then the environment's
		read := func(p place, n ast.Node) string {
			if layer {
				n = nil
			} else {
				p.env = ""
			}
			text, _, _ := d.scalar(p, n)
			return text
		}
		text, path := read(at.key(name), value.value), read(at.key(name+"_file"), file.value)
		switch {
		case text != "" && path != "":
			d.wrong(at.key(name+"_file").path, "give %s or %s_file, not both", name, name)
		case path != "":
			*got = Secret{file: path}
		case text != "" || !layer && value.value != nil:
			*got = Secret{value: text}
		}
	}
}

// scalar returns the text of a single value, of the environment where that has one, and where it was written. ok is false
// where there is none, or a problem was noted.
func (d *decoder) scalar(at place, n ast.Node) (text string, from spot, ok bool) {
	if at.env != "" {
		if text = d.getenv(at.env); text != "" {
			from = spot{env: at.env}
			d.spots[at.path] = from
			return text, from, true
		}
	}
	from = spotOf(n)
	switch s := n.(type) {
	case nil, *ast.NullNode:
		return "", from, false
	case *ast.StringNode:
		text = s.Value
	case *ast.LiteralNode:
		text = s.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		d.spots[at.path] = from
		return n.GetToken().Value, from, true
	default:
		d.add(from, at.path, "%s", d.unfit(n, "must be a single value"))
		return "", from, false
	}
	d.spots[at.path] = from
	text, err := expand(text, d.getenv)
	if err != nil {
		d.add(from, at.path, "%v", err)
		return "", from, false
	}
	return text, from, true
}

// variable is ${NAME} or ${NAME:-otherwise}; $${ stands for ${.
var variable = regexp.MustCompile(`\$?\$\{([^}]*)\}?`)

var variableName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?$`)

// expand puts the environment's values into a text. It works on a value that is parsed already, so nothing in the
// environment can change the file's structure.
func expand(s string, getenv func(string) string) (string, error) {
	var first error
	out := variable.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "$$") {
			return m[1:]
		}
		inner, closed := strings.CutSuffix(m[2:], "}")
		p := variableName.FindStringSubmatch(inner)
		if !closed || p == nil {
			first = cmp.Or(first, fmt.Errorf("a variable is written ${NAME} or ${NAME:-otherwise}; $${ stands for ${ itself"))
			return ""
		}
		if v := getenv(p[1]); v != "" || p[2] != "" {
			return cmp.Or(v, p[3])
		}
		first = cmp.Or(first, fmt.Errorf("the environment variable %s is not set; ${%s:-otherwise} gives a value for that case", p[1], p[1]))
		return ""
	})
	return out, first
}

// set puts a text into a single value.
func set(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != f || f-f != 0 {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("it cannot be set in a file")
	}
	return nil
}
