package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func testRoot() *cobra.Command {
	return newRoot(&app{
		stdin: strings.NewReader(""), stdout: new(strings.Builder), stderr: new(strings.Builder),
		getenv: func(string) string { return "" }, now: func() time.Time { return time.Unix(0, 0).UTC() },
	})
}

// TestGeneratedDocuments fails when a generated document of docs is not what the program says now.
func TestGeneratedDocuments(t *testing.T) {
	dir := t.TempDir()
	if err := genDocs(testRoot(), dir); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 5 {
		t.Errorf("%d documents were written, want 5", len(files))
	}
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "..", "docs", f.Name()))
		if err != nil {
			t.Errorf("%v; run make generate", err)
			continue
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
			t.Errorf("docs/%s is stale; run make generate (- the program, + the file):\n%s", f.Name(), diff)
		}
	}
}

func TestGenDocsIsHidden(t *testing.T) {
	root := testRoot()
	c, _, err := root.Find([]string{"gen-docs"})
	if err != nil || !c.Hidden {
		t.Fatalf("gen-docs is not there, or not hidden: %v", err)
	}
	if strings.Contains(docCommands(root), "gen-docs") {
		t.Error("docs/commands.md lists the hidden gen-docs")
	}
}

func TestManPages(t *testing.T) {
	dir := t.TempDir()
	a := &app{now: func() time.Time { return time.Unix(0, 0).UTC() }}
	if err := genMan(a, newRoot(a), dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "plumbline-audit.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`.TH "PLUMBLINE" "1" "Jan 1970"`, "--fail-on", "plumbline audit --csv"} {
		if !strings.Contains(strings.ReplaceAll(string(page), `\-`, "-"), part) {
			t.Errorf("the man page of audit lacks %q", part)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "plumbline-gen-docs.1")); err == nil {
		t.Error("the hidden gen-docs has a man page")
	}
}

// TestEveryCommandHasAnExample holds what users learn commands from.
func TestEveryCommandHasAnExample(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no short text", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(testRoot())
}
