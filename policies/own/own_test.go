package own_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/internal/text"
	"github.com/plumbline/plumbline/policies/own"
)

var update = flag.Bool("update", false, "write the golden files anew")

func load(t testing.TB, file string) *own.Set {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return own.Load([]own.File{{Path: filepath.Base(file), Text: b}}, own.Options{Taken: []string{"stale-in-stage"}, Meant: config.Meant})
}

func show(problems []own.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&b, config.Problem{File: p.File, Line: p.Line, Column: p.Column, Path: p.Path, Text: p.Text, Source: p.Source})
	}
	return b.String()
}

func TestGoodFile(t *testing.T) {
	set := load(t, "testdata/good.yaml")
	if len(set.Problems) > 0 {
		t.Fatalf("problems:\n%s", show(set.Problems))
	}
	out, err := set.Test(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 15 {
		t.Errorf("%d deals were tested, want 15", len(out))
	}
	for _, o := range out {
		if o.Failed {
			t.Errorf("%s:%d: %s/%s: want %s, got %s (%s)", o.File, o.Line, o.Policy, o.Name, o.Want, o.Got, o.Why)
		}
	}
	p := set.Policies[0]
	want := "In \"{{or .stage \"?\"}}\" since {{date .entered_at}}, {{money .deal_money}}, without a quote"
	if diff := cmp.Diff(want, p.Message); diff != "" {
		t.Error(diff)
	}
}

// TestMistakes: each file of testdata/wrong is full of mistakes of a kind; all of them are found, where they are.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got := show(load(t, file).Problems)
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" || got == "" {
				t.Errorf("%s", diff)
			}
		})
	}
}

// TestDocumentedSample: the sample of the page is sound and passes its own tests.
func TestDocumentedSample(t *testing.T) {
	blocks := strings.Split(own.Document(), "```yaml\n")
	sample, _, _ := strings.Cut(blocks[2], "```")
	set := own.Load([]own.File{{Path: "ours.yaml", Text: []byte(sample)}}, own.Options{})
	if len(set.Problems) > 0 {
		t.Fatalf("problems:\n%s", show(set.Problems))
	}
	out, err := set.Test(t.Context())
	if err != nil || len(out) != 3 {
		t.Fatalf("%v %+v", err, out)
	}
	for _, o := range out {
		if o.Failed {
			t.Errorf("line %d: want %s, got %s (%s)", o.Line, o.Want, o.Got, o.Why)
		}
	}
}

// TestMessagesAreTemplates: the messages, made of facts, are what the catalogue's are: templates with the functions of text.
func TestMessagesAreTemplates(t *testing.T) {
	set := load(t, "testdata/good.yaml")
	words, err := text.English(set.Policies)
	if err != nil {
		t.Fatal(err)
	}
	f := audit.Finding{Policy: "own-big-deal-without-quote", Facts: audit.Facts{"stage": "{{.x}}", "entered_at": "2026-11-01T00:00:00Z", "deal_money": "5.00 EUR"}}
	if got := words.Sentence(f); got != `In "{{.x}}" since 1 Nov 2026, 5.00 EUR, without a quote` {
		t.Error(got)
	}
	f.Facts = nil
	if got := words.Sentence(f); got != `In "?" since ?, ?, without a quote` {
		t.Error(got)
	}
}
