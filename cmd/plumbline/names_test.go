package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/internal/exporter"
)

// handwritten are the documents that people write, by name from the repository's root, with their texts.
func handwritten(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	docs := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "connectors/*/README.md", "charts/plumbline/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(text), generated) {
				docs[f] = string(text)
			}
		}
	}
	if len(docs) < 10 {
		t.Fatalf("only %d documents found", len(docs))
	}
	return docs
}

// TestDocumentsNameWhatExists holds the documents to commands, flags, configuration keys, metrics and paths that are there.
func TestDocumentsNameWhatExists(t *testing.T) {
	metrics := map[string]bool{}
	catalogue, err := exporter.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range catalogue {
		metrics[m.Name] = true
	}
	keys := map[string]bool{}
	for _, k := range config.Keys(known()) {
		keys[k.Path] = true
	}
	root := testRoot()
	root.InitDefaultCompletionCmd()
	for file, text := range handwritten(t) {
		for _, line := range commandLines(text) {
			if why := wrongCommand(root, line); why != "" {
				t.Errorf("%s: %q: %s", file, line, why)
			}
		}
		for _, m := range regexp.MustCompile(`plumbline_[a-z0-9_]+`).FindAllString(text, -1) {
			if !metrics[m] && !strings.HasPrefix(m, "plumbline_lost_reason") {
				t.Errorf("%s: there is no metric %s", file, m)
			}
		}
		for _, k := range regexp.MustCompile("`((?:store|server|metrics|connectors|defaults|limits|portals)[.\\[][a-z_.\\[\\]]+)`").FindAllStringSubmatch(text, -1) {
			if !keys[k[1]] {
				t.Errorf("%s: there is no key %s", file, k[1])
			}
		}
		for _, p := range regexp.MustCompile("`((?:internal|connectors|cmd|docs|audit|policies|charts|config)/[A-Za-z0-9_./-]+)`").FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(p[1]))); err != nil {
				t.Errorf("%s: there is no %s", file, p[1])
			}
		}
	}
}

// command finds a call of the program: in a code span, or at the start of a line of a code block.
var command = regexp.MustCompile("(?m)(?:`|^ *(?:\\$ )?)plumbline( [^`\n#|]+)")

func commandLines(text string) []string {
	var lines []string
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		for _, m := range command.FindAllStringSubmatch(line, -1) {
			if fenced || strings.Contains(line, "`plumbline") {
				lines = append(lines, strings.TrimSpace(m[1]))
			}
		}
	}
	return lines
}

// wrongCommand says what of a command line does not exist; "" when all of it does.
func wrongCommand(root *cobra.Command, line string) string {
	words := strings.Fields(line)
	c, rest, err := root.Find(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, "-") }))
	if err != nil || c == root || !c.Runnable() && len(rest) > 0 {
		return "there is no such command"
	}
	for _, w := range words {
		name, _, _ := strings.Cut(strings.TrimPrefix(w, "--"), "=")
		if strings.HasPrefix(w, "--") && c.Flags().Lookup(name) == nil && c.InheritedFlags().Lookup(name) == nil {
			return c.CommandPath() + " has no flag --" + name
		}
	}
	return ""
}

// TestLinks holds relative links between documents to files and headings that are there.
func TestLinks(t *testing.T) {
	for file, text := range handwritten(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), filepath.FromSlash(path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s leads nowhere", file, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(headings(t, target), anchor) {
				t.Errorf("%s: there is no heading for %s", file, m[1])
			}
		}
	}
}

// headings are a document's anchors, as GitHub makes them.
func headings(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(text), -1) {
		plain := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(plain, " ", "-"))
	}
	return out
}

// TestArchitectureNamesEveryPackage holds the tree and the import table of the architecture to the packages that are there.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]bool{}
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".git")) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go") {
			rel, err := filepath.Rel(root, filepath.Dir(p))
			packages[filepath.ToSlash(rel)] = true
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range slices.Sorted(maps.Keys(packages)) {
		if !strings.Contains(string(text), "`"+p+"`") {
			t.Errorf("docs/architecture.md does not name package %s", p)
		}
	}
}
