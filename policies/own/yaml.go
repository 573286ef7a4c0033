package own

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Problem is one mistake in a file.
type Problem struct {
	File   string
	Line   int // from 1; 0 where the mistake is in no line
	Column int // from 1, in characters
	Path   string
	Text   string
	Source string // the line itself; "" when Line is 0
}

// source is a file that is being read.
type source struct {
	file     string
	lines    []string
	meant    func(word string, candidates []string) string
	problems []Problem
}

// value is a node and how to get there.
type value struct {
	node ast.Node // nil: nothing
	path string
}

// member is one key of a mapping.
type member struct {
	name string
	key  ast.Node
	value
}

func (s *source) add(line, column int, path, format string, args ...any) {
	p := Problem{File: s.file, Line: line, Column: column, Path: path, Text: fmt.Sprintf(format, args...)}
	if line > 0 && line <= len(s.lines) {
		p.Source = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, strings.TrimRight(s.lines[line-1], "\r"))
	}
	s.problems = append(s.problems, p)
}

// wrong notes a problem where a value begins.
func (s *source) wrong(v value, format string, args ...any) {
	line, column := spot(v.node)
	s.add(line, column, v.path, format, args...)
}

// sorted returns the problems in the order of their lines, each once.
func (s *source) sorted() []Problem {
	slices.SortStableFunc(s.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(s.problems)
}

func spot(n ast.Node) (line, column int) {
	if n == nil {
		return 0, 0
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle { // its token is the first colon
		return spot(m.Values[0].Key)
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line, tk.Position.Column
	}
	return 0, 0
}

// tree parses the file.
func (s *source) tree(text []byte) (root ast.Node) {
	defer func() {
		if r := recover(); r != nil { // the parser is known to give up that way on some malformed texts
			s.add(0, 0, "", "it cannot be read as YAML")
			root = nil
		}
	}()
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, column, what := 0, 0, "it cannot be read as YAML"
		var ye yaml.Error
		if errors.As(err, &ye) {
			what = ye.GetMessage()
			if tk := ye.GetToken(); tk != nil && tk.Position != nil {
				line, column = tk.Position.Line, tk.Position.Column
			}
		}
		s.add(line, column, "", "%s", what)
		return nil
	}
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			s.wrong(value{doc.Body, ""}, "there is a second document; a file is one")
		} else if i == 0 {
			root = doc.Body
		}
	}
	if _, comment := root.(*ast.CommentGroupNode); comment {
		return nil
	}
	return root
}

var plainKey = regexp.MustCompile(`^[\pL\pN_-]+$`)

func (v value) key(name string) string {
	if !plainKey.MatchString(name) {
		name = strconv.Quote(name)
	}
	return strings.TrimPrefix(v.path+"."+name, ".")
}

// members returns a mapping's keys in order.
func (s *source) members(v value) []member {
	var nodes []*ast.MappingValueNode
	switch n := v.node.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.MappingNode:
		nodes = n.Values
	case *ast.MappingValueNode:
		nodes = []*ast.MappingValueNode{n}
	default:
		s.wrong(v, "%s", unfit(v.node, "must be a mapping of keys to values"))
		return nil
	}
	seen := map[string]bool{}
	var out []member
	for _, n := range nodes {
		if _, merge := n.Key.(*ast.MergeKeyNode); merge || n.Key.GetToken() == nil {
			s.wrong(value{n.Key, v.path}, "merge keys (<<) cannot be used here")
			continue
		}
		name := n.Key.GetToken().Value
		m := member{name, n.Key, value{n.Value, v.key(name)}}
		if _, null := n.Value.(*ast.NullNode); null {
			m.node = nil
		}
		if seen[name] {
			s.wrong(value{n.Key, m.path}, "the key %q is given twice", name)
			continue
		}
		seen[name] = true
		out = append(out, m)
	}
	return out
}

// fields returns a mapping's values by key, and notes every key that is not among the allowed ones.
func (s *source) fields(v value, allowed ...string) map[string]value {
	out := map[string]value{}
	for _, m := range s.members(v) {
		if !slices.Contains(allowed, m.name) {
			s.wrong(value{m.key, m.path}, "unknown key%s", s.meant(m.name, allowed))
			continue
		}
		out[m.name] = m.value
	}
	return out
}

func (s *source) items(v value) []value {
	switch n := v.node.(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		out := make([]value, len(n.Values))
		for i, item := range n.Values {
			out[i] = value{item, fmt.Sprintf("%s[%d]", v.path, i)}
		}
		return out
	default:
		s.wrong(v, "%s", unfit(v.node, "must be a list"))
		return nil
	}
}

// scalar returns the text of a single value; ok is false where there is none or a problem was noted.
func (s *source) scalar(v value) (text string, ok bool) {
	switch n := v.node.(type) {
	case nil, *ast.NullNode:
		return "", false
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.node.GetToken().Value, true
	default:
		s.wrong(v, "%s", unfit(v.node, "must be a single value"))
		return "", false
	}
}

// list returns the texts of a list of single values.
func (s *source) list(v value) []string {
	out := []string{}
	for _, item := range s.items(v) {
		if text, ok := s.scalar(item); ok {
			out = append(out, text)
		}
	}
	return out
}

func unfit(n ast.Node, want string) string {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		return "anchors and aliases cannot be used here"
	case *ast.TagNode:
		return "tags (!) cannot be used here"
	}
	return want
}

// within notes a problem at a character of a single value: in blocks, folded and quoted texts too.
func (s *source) within(v value, at int, format string, args ...any) {
	line, column := s.locate(v, at)
	s.add(line, column, v.path, format, args...)
}

// locate finds the place in the file of a character of a single value. What YAML does to a text is undone by walking along
// both: white space stands for any white space, and every other character for itself or for an escape.
func (s *source) locate(v value, at int) (line, column int) {
	text, _ := s.scalar(v)
	line, column = spot(v.node)
	w := walker{lines: s.lines, line: line, column: column}
	switch n := v.node.(type) {
	case *ast.LiteralNode:
		w.line, w.column = n.Start.Position.Line+1, 1
	case *ast.StringNode:
		if tt := n.GetToken().Type; tt == token.DoubleQuoteType || tt == token.SingleQuoteType {
			w.quote = '\''
			if tt == token.DoubleQuoteType {
				w.quote = '"'
			}
			w.column++
		}
	}
	for i, r := range []rune(text) {
		l, c, ok := w.next(r)
		if !ok {
			return line, column
		}
		if i == at {
			return l, c
		}
	}
	return w.line, w.column
}

// walker goes along the lines of a file.
type walker struct {
	lines        []string
	line, column int // from 1, of the character that comes next
	quote        rune
}

// peek returns the character that comes next; the end of a line is one, 0 the end of the file.
func (w *walker) peek() rune {
	if w.line < 1 || w.line > len(w.lines) {
		return 0
	}
	runes := []rune(w.lines[w.line-1])
	if w.column > len(runes) {
		return '\n'
	}
	return runes[w.column-1]
}

func (w *walker) step() {
	if w.peek() == '\n' {
		w.line, w.column = w.line+1, 1
		return
	}
	w.column++
}

// next goes past the character that stands for r, and returns its place.
func (w *walker) next(r rune) (line, column int, ok bool) {
	if unicode.IsSpace(r) {
		line, column = w.line, w.column
		if c := w.peek(); unicode.IsSpace(c) {
			w.step()
		} else if c == '\\' && w.quote == '"' {
			w.step()
			w.step()
		}
		return line, column, true
	}
	for unicode.IsSpace(w.peek()) {
		w.step()
	}
	line, column = w.line, w.column
	switch c := w.peek(); {
	case c == 0:
		return 0, 0, false
	case c == '\\' && w.quote == '"':
		w.step()
		digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[w.peek()]
		for range digits + 1 {
			w.step()
		}
	case c == '\'' && w.quote == '\'':
		w.step()
		w.step()
	case c == r:
		w.step()
	default:
		return 0, 0, false
	}
	return line, column, true
}
