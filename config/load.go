package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile is the largest configuration that is read.
const maxFile = 1 << 20

// Find returns the configuration file to read: the one that was asked for, else the first default place that has one; ""
// where there is none.
func Find(asked string) string {
	if asked != "" {
		return asked
	}
	for _, path := range []string{"plumbline.yaml", "/etc/plumbline/plumbline.yaml"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// Load reads a file; with path "" there is none, and defaults and environment alone count. Everything that is wrong with
// the configuration comes back at once as [Problems]; any other error means that the file could not be read.
func Load(path string, known Known, getenv func(string) string) (*Config, error) {
	if path == "" {
		return Parse("", nil, known, getenv)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read the configuration: %s has more than %d bytes", path, maxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(path, b, known, getenv)
}

// Parse is [Load] on a content that is at hand. path is for messages, and relative paths start from its folder.
func Parse(path string, b []byte, known Known, getenv func(string) string) (*Config, error) {
	d := &decoder{
		file: path, known: known, getenv: getenv, lines: strings.Split(string(b), "\n"),
		problems: map[Problem]bool{}, spots: map[string]spot{}, blots: map[int][]blot{},
	}
	if path == "" {
		d.file = "configuration"
	}
	c := Default(known)
	c.File = path
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("find the configuration's folder: %w", err)
	}
	c.Dir = dir
	root := d.tree(b)
	if len(d.problems) > 0 {
		return nil, d.sorted()
	}
	d.root(c, root)
	d.validate(c)
	if len(d.problems) > 0 {
		return nil, d.sorted()
	}
	return c, nil
}

// tree parses YAML. Its mistakes are the only ones that hide others.
func (d *decoder) tree(b []byte) (root ast.Node) {
	defer func() {
		if r := recover(); r != nil { // the parser is known to give up that way on some malformed texts
			d.add(spot{}, "", "it cannot be read as YAML")
		}
	}()
	file, err := parser.ParseBytes(b, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, text := spot{}, "it cannot be read as YAML"
		var ye yaml.Error
		if errors.As(err, &ye) {
			text = ye.GetMessage()
			if tk := ye.GetToken(); tk != nil && tk.Position != nil {
				at = spot{line: tk.Position.Line, column: tk.Position.Column}
			}
		}
		if at.line > 0 && at.line <= len(d.lines) {
			if colon := strings.IndexByte(d.lines[at.line-1], ':'); colon >= 0 { // what stands behind it may be a secret
				d.blots[at.line] = append(d.blots[at.line], blot{column: len([]rune(d.lines[at.line-1][:colon])) + 2})
			}
		}
		d.add(at, "", "%s", text)
		return nil
	}
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			d.add(spotOf(doc.Body), "", "there is a second document; a configuration is one")
		} else if i == 0 {
			root = doc.Body
		}
	}
	if _, comment := root.(*ast.CommentGroupNode); comment {
		return nil
	}
	return root
}

// root decodes the whole tree: what is for all portals first, then the portals on top of it.
func (d *decoder) root(c *Config, root ast.Node) {
	top := place{env: "PLUMBLINE"}
	kept := d.structure(top, root, reflect.ValueOf(c).Elem(), "portals", "policies")
	d.ownPolicies(c)
	policies := layer{at: top.key("policies"), node: kept["policies"], from: "policies"}
	c.Checks = d.checks(policies)
	at := place{path: "portals"}
	items, _ := d.items(at, kept["portals"])
	for i, item := range items {
		p := Portal{Schedule: c.Defaults.Schedule, Timezone: c.Defaults.Timezone, Limits: c.Limits, Budget: Budget{Share: 0.2}}
		own := d.structure(at.index(i), item, reflect.ValueOf(&p).Elem(), "policies")
		p.TokenFile = c.abs(p.TokenFile)
		p.Checks = d.checks(policies, layer{at: at.index(i).key("policies"), node: own["policies"], from: "portal " + p.Name})
		c.Portals = append(c.Portals, p)
	}
	c.Store.URL.file = c.abs(c.Store.URL.file)
	for name, conn := range c.Connectors {
		conn.ClientSecret.file = c.abs(conn.ClientSecret.file)
		c.Connectors[name] = conn
	}
}
