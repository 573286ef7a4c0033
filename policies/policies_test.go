package policies

import (
	"encoding"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

func TestCatalogue(t *testing.T) {
	ids, ranks := map[string]bool{}, map[string]string{}
	for _, p := range All() {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(p.ID) || ids[p.ID] {
			t.Errorf("id %q is not lower case words joined by hyphens, or is there twice", p.ID)
		}
		ids[p.ID] = true
		rank := fmt.Sprint(p.Family, p.Rank)
		if (p.Family == "") != (p.Group == audit.People) || p.Rank == 0 || ranks[rank] != "" {
			t.Errorf("%s has no place of its own in its family: %s, beside %q", p.ID, rank, ranks[rank])
		}
		ranks[rank] = p.ID
		if p.Title == "" || strings.HasSuffix(p.Title, ".") || len(p.Title) > 40 {
			t.Errorf("%s: title %q", p.ID, p.Title)
		}
		if p.Severity == audit.NoSeverity || p.Subject == "" || p.Fix == "" {
			t.Errorf("%s lacks severity, subject or fix", p.ID)
		}
		if p.Facts == 0 && p.Subject == crm.KindDeal {
			t.Errorf("%s judges deals by no fact", p.ID)
		}
		for _, s := range strings.Fields(p.Sources) {
			if !slices.Contains([]string{"S1", "S2", "S3", "S4", "S5", "P"}, s) {
				t.Errorf("%s: source %q", p.ID, s)
			}
		}
		if cases, err := filepath.Glob(filepath.Join(string(p.Group), "testdata", p.ID+"*.txtar")); err != nil || len(cases) == 0 {
			t.Errorf("%s has no cases (%v)", p.ID, err)
		}
	}
	for _, p := range All() {
		for _, id := range p.After {
			if !ids[id] {
				t.Errorf("%s runs after %s, which does not exist", p.ID, id)
			}
		}
	}
}

func TestMessagesParse(t *testing.T) {
	if _, err := text.English(All()); err != nil {
		t.Fatal(err)
	}
}

func TestDocuments(t *testing.T) {
	for _, p := range All() {
		if !strings.HasPrefix(p.Doc, "# "+p.Title+"\n") {
			t.Errorf("%s: the document is not titled %q", p.ID, p.Title)
		}
		at := 0
		for _, h := range []string{
			"What it looks for", "Why it matters", "How it is computed", "Settings",
			"What a false positive looks like", "Fixing it by hand", "How Plumbline fixes it",
		} {
			i := strings.Index(p.Doc, "\n## "+h+"\n\n")
			if i < at {
				t.Errorf("%s: the section %q is missing or out of order", p.ID, h)
			}
			at = i
		}
		for _, vendor := range []string{"**HubSpot.** ", "**Pipedrive.** "} {
			if !strings.Contains(p.Doc, vendor) {
				t.Errorf("%s: the document does not say how to fix it in %s", p.ID, vendor)
			}
		}
		for _, s := range strings.Fields(p.Sources) {
			if s != "P" && !strings.Contains(p.Doc, s+", ") {
				t.Errorf("%s: the document does not name its source %s", p.ID, s)
			}
		}
	}
}

// TestSettings holds every setting to a name, a description, and a line of the document with its default.
func TestSettings(t *testing.T) {
	for _, p := range All() {
		v := reflect.ValueOf(p.NewSettings()).Elem()
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name := f.Tag.Get("yaml")
			if name == "" || f.Tag.Get("desc") == "" {
				t.Errorf("%s: setting %s has no name or no description", p.ID, f.Name)
			}
			if row := fmt.Sprintf("| `%s` | %s |", name, written(t, v.Field(i).Interface())); !strings.Contains(p.Doc, row) {
				t.Errorf("%s: the document lacks the line %q", p.ID, row)
			}
		}
	}
}

func written(t *testing.T, v any) string {
	m, ok := v.(encoding.TextMarshaler)
	if !ok {
		return fmt.Sprint(v)
	}
	b, err := m.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
