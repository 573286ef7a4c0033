package own_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/config"
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
