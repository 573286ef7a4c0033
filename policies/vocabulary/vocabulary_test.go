package vocabulary

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		"Too expensive!":            "budget",
		"No budget":                 "budget",
		"Lack of budget":            "budget",
		"Budget":                    "budget",
		"zu teuer":                  "budget",
		"Pas de réponse":            "unresponsive",
		"SE FUE CON LA COMPETENCIA": "competitor",
		"CEVAP VERMİYOR":            "unresponsive",
		"太贵了。":                      "budget",
		"Wrong timing":              "timing",
		"Closed by policy":          "closed_by_policy",
		"product_fit":               "product_fit",
	} {
		if got, ok := Reason(text); got != want || !ok {
			t.Errorf("Reason(%q) = %q, %v, want %q", text, got, ok, want)
		}
	}
	if got, ok := Reason("they loved it but the CFO wanted blue"); ok {
		t.Errorf("an unknown phrase read as %q", got)
	}
}

func TestTables(t *testing.T) {
	want := []string{"de", "en", "es", "fr", "it", "ja", "nl", "pt", "tr", "zh-Hans", "zh-Hant"}
	if diff := cmp.Diff(want, Languages()); diff != "" {
		t.Errorf("languages (-want +got):\n%s", diff)
	}
	meaning := map[string]string{}
	for _, l := range rows(reasonsTSV) {
		if !slices.ContainsFunc(Options(), func(o Option) bool { return o.Value == l[0] }) || (l[2] != "reason" && l[2] != "both") {
			t.Errorf("reasons.tsv: %v", l)
		}
		for _, p := range strings.Split(l[3], "|") {
			f := Fold(p)
			if f == "" {
				t.Errorf("reasons.tsv: an empty phrase in %v", l)
			}
			if was := meaning[f]; was != "" && was != l[0] {
				t.Errorf("reasons.tsv: %q means %s and %s", p, was, l[0])
			}
			meaning[f] = l[0]
		}
	}
}

// outside returns the lines of a file of the outside data, cut at tabs, without its title line.
func outside(t *testing.T, name string) [][]string {
	t.Helper()
	dir := os.Getenv("PLUMBLINE_TESTDATA")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PLUMBLINE_TESTDATA is not set")
		}
		t.Skip("PLUMBLINE_TESTDATA is not set: the outside data is missing")
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines [][]string
	for s := bufio.NewScanner(f); s.Scan(); {
		lines = append(lines, strings.Split(s.Text(), "\t"))
	}
	return lines[1:]
}

// TestLabelledReasons judges the phrase list by phrases as reps type them. It need not know many, but must not be wrong.
func TestLabelledReasons(t *testing.T) {
	known, wrong, n := 0, 0, 0
	for _, l := range outside(t, "lost_reasons_labelled.tsv") {
		n++
		got, ok := Reason(l[0])
		if !ok {
			continue
		}
		known++
		if got != l[2] && (len(l) < 4 || got != l[3]) {
			wrong++
			t.Logf("%q (%s) is %s, read as %s", l[0], l[1], l[2], got)
		}
	}
	t.Logf("%d phrases, %d known, %d wrong", n, known, wrong)
	if 50*wrong > known || 10*known < 3*n {
		t.Errorf("of %d phrases %d are known, %d of them wrong", n, known, wrong)
	}
}
