package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/plumbline/plumbline"

// allowed lists, per package, the packages of ours that it may import. A pattern ending in /* stands for every package below.
// A package that is not listed here fails the test: a new one is a decision to be written down.
func allowed() map[string][]string {
	return map[string][]string{
		"cmd/plumbline":              {"*"},
		"config":                     {},
		"connectors":                 {"internal/crm"},
		"connectors/internal/rest":   {"connectors"},
		"connectors/hubspot":         {"connectors", "connectors/internal/rest", "internal/crm"},
		"connectors/pipedrive":       {"connectors", "connectors/internal/rest", "internal/crm"},
		"connectors/csvfile":         {"connectors", "connectors/internal/rest", "internal/crm"},
		"connectors/all":             {"connectors", "connectors/*"},
		"connectors/conformance":     {"connectors", "internal/crm", "internal/sandbox", "internal/sandbox/*"},
		"audit":                      {"internal/crm"},
		"audit/audittest":            {"audit", "internal/crm"},
		"policies":                   {"audit", "policies/*"},
		"policies/design":            {"audit", "internal/crm", "policies/evidence", "policies/losses", "policies/vocabulary"},
		"policies/evidence":          {"audit", "internal/crm"},
		"policies/losses":            {"audit", "internal/crm", "policies/vocabulary"},
		"policies/reasons":           {"audit", "internal/crm", "policies/losses", "policies/vocabulary"},
		"policies/deals":             {"audit", "internal/crm", "policies/evidence", "policies/losses", "policies/vocabulary"},
		"policies/people":            {"audit", "internal/crm"},
		"policies/own":               {"audit", "internal/crm"},
		"policies/vocabulary":        {},
		"internal/acceptance":        {},
		"internal/archtest":          {},
		"internal/crm":               {},
		"internal/snapfile":          {"internal/crm"},
		"internal/sandbox":           {"internal/crm"},
		"internal/sandbox/hubspot":   {"internal/crm", "internal/sandbox"},
		"internal/sandbox/pipedrive": {"internal/crm", "internal/sandbox"},
		"internal/mirror":            {"connectors", "internal/crm"},
		"internal/text":              {"audit", "internal/crm"},
		"internal/remedy":            {"audit", "connectors", "internal/crm"},
		"internal/store":             {"audit", "internal/crm", "internal/remedy", "internal/snapfile"},
		"internal/store/storetest":   {"internal/store"},
		"internal/report":            {"audit", "internal/crm", "internal/remedy", "internal/text"},
		"internal/exporter":          {"audit", "internal/crm", "internal/remedy", "internal/store"},
		"internal/oauth":             {"connectors", "internal/store"},
		"internal/web":               {"audit", "internal/crm", "internal/oauth", "internal/remedy", "internal/report", "internal/store", "internal/text"},
		"internal/daemon":            {"audit", "connectors", "internal/crm", "internal/mirror", "internal/notify", "internal/oauth", "internal/remedy", "internal/store"},
	}
}

// file is one parsed Go file of the repository.
type file struct {
	name    string // slash-separated, from the repository's root
	dir     string
	test    bool
	lines   int
	syntax  *ast.File
	fileset *token.FileSet
}

func sources(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var files []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			if base := d.Name(); base == "testdata" || base == "node_modules" || (strings.HasPrefix(base, ".") && name != ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, file{name: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), lines: fset.File(syntax.Pos()).LineCount(), syntax: syntax, fileset: fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d Go files found: the walk does not see the repository", len(files))
	}
	return files
}

func TestImports(t *testing.T) {
	table := allowed()
	for _, f := range sources(t) {
		if f.test || ast.IsGenerated(f.syntax) {
			continue
		}
		may, ok := table[f.dir]
		if !ok {
			t.Errorf("%s: package %s is not in the import table", f.name, f.dir)
			continue
		}
		for _, spec := range f.syntax.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			ours, ok := strings.CutPrefix(imp, module+"/")
			if ok && !slices.ContainsFunc(may, func(p string) bool { return matches(p, ours) }) {
				t.Errorf("%s: %s may not import %s", f.name, f.dir, ours)
			}
		}
	}
}

func matches(pattern, pkg string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(pkg, prefix)
	}
	return pattern == pkg
}

func TestSizes(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || ast.IsGenerated(f.syntax) {
			continue
		}
		if f.lines > 500 {
			t.Errorf("%s has %d lines; a file reads in a sitting: at most 500", f.name, f.lines)
		}
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			from, to := f.fileset.Position(fn.Pos()).Line, f.fileset.Position(fn.End()).Line
			if n := to - from + 1; n > 80 {
				t.Errorf("%s: %s has %d lines; a function fits on a screen: at most 80", f.name, fn.Name.Name, n)
			}
			if fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: there is an init function", f.name)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range sources(t) {
		if !f.test {
			documented[f.dir] = documented[f.dir] || f.syntax.Doc != nil
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

func TestNoForbiddenPackages(t *testing.T) {
	for _, f := range sources(t) {
		for _, bad := range []string{"pkg", "util", "utils", "common", "types", "models", "services", "helpers"} {
			if slices.Contains(strings.Split(f.dir, "/"), bad) {
				t.Errorf("%s lies in a folder called %s", f.name, bad)
			}
		}
	}
}
