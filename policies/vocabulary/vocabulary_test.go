package vocabulary

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"  On-Hold!! ":  "on hold",
		"OnHold":        "on hold",
		"Évaluation":    "evaluation",
		"KAYIP / kayıp": "kayip kayip",
		"İşlemde":       "islemde",
		"ＯＮ　ＨＯＬＤ":       "on hold",
		"🔥 Hot":         "hot",
		"ガ":             "ガ",
		"can't reach":   "cant reach",
		"Größe":         "grosse",
		"提案/見積":         "提案 見積",
		"한글":            "한글",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFoldName(t *testing.T) {
	for in, want := range map[string]string{
		"3. On hold":           "on hold",
		"Stage 2: Proposal":    "proposal",
		"#1 New":               "new",
		"Proposal (40 %)":      "proposal",
		"Proposal 40%":         "proposal",
		"04 - Negotiation 60%": "negotiation",
		"1️⃣ Demo":             "demo",
		"2":                    "2",
		"S1 Prospecting":       "prospecting",
		"Signed":               "signed",
	} {
		if got := FoldName(in); got != want {
			t.Errorf("FoldName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFoldIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if once := Fold(s); Fold(once) != once {
			t.Fatalf("Fold(%q) = %q, again %q", s, once, Fold(once))
		}
	})
}

func TestStage(t *testing.T) {
	for name, want := range map[string][]Kind{
		"2. On Hold":            {Status},
		"Nurture (10%)":         {Status},
		"Deal stalled":          {Status},
		"En attente":            {Status},
		"Auf Eis gelegt":        {Status},
		"Beklemede":             {Status},
		"保留":                    {Status},
		"已搁置":                   {Status},
		"No response":           {LossReason, Status},
		"Too expensive":         {LossReason},
		"Trop cher":             {LossReason},
		"Not interested":        {LossReason},
		"Very interested":       {Subjective},
		"Value proposition":     {Engaged},
		"Proposal sent":         {Proposal},
		"Budget confirmed":      nil,
		"Budget":                nil,
		"Pricing":               nil,
		"Timing agreed":         nil,
		"Technical validation":  nil,
		"Verbal agreement":      {Negotiation},
		"Household survey":      nil,
		"Coldfusion migration":  nil,
		"Waiting for signature": nil,
		"Closed lost":           {Lost},
		"Lost to competitor":    {LossReason},
		"На паузе":              nil,
		"":                      nil,
	} {
		if got := Stage(name); !cmp.Equal(got, want) {
			t.Errorf("Stage(%q) = %v, want %v", name, got, want)
		}
	}
}

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
	kinds := []string{"not-engaged", "engaged", "proposal", "negotiation", "status", "subjective", "won", "lost"}
	for _, l := range rows(stagesTSV) {
		if !slices.Contains(kinds, l[0]) || (l[2] != "is" && l[2] != "has") {
			t.Errorf("stages.tsv: %v", l)
		}
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

func TestReadable(t *testing.T) {
	for s, want := range map[string]bool{"On hold": true, "保留": true, "リード": true, "На паузе": false, "보류": false, "🔥": false, "Demo 데모": true} {
		if Readable(s) != want {
			t.Errorf("Readable(%q) = %v", s, !want)
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

// TestShippedStageNames judges the tables by the stage names that CRMs ship, labelled by a reader.
func TestShippedStageNames(t *testing.T) {
	same := map[string]Kind{"lead-not-engaged": NotEngaged, "qualification": Engaged, "demo": Engaged, "meeting": Engaged, "contract": Negotiation, "on-hold": Status, "converted": Won}
	right, wrong, unknown := 0, 0, 0
	for _, l := range outside(t, "stage_names.tsv") {
		want, ok := same[l[2]]
		if !ok {
			want = Kind(l[2])
		}
		got := Stage(l[0])
		switch {
		case slices.Contains(got, want):
			right++
		case len(got) == 0:
			unknown++
			t.Logf("not known: %q (%s) is %s", l[0], l[1], want)
		default:
			wrong++
			t.Logf("wrong: %q (%s) is %s, read as %v", l[0], l[1], want, got)
		}
		if slices.Contains(got, Status) != (want == Status) || slices.Contains(got, LossReason) {
			t.Errorf("%q (%s) is %s, read as %v", l[0], l[1], want, got)
		}
	}
	t.Logf("%d right, %d wrong, %d not known", right, wrong, unknown)
	if n := right + wrong + unknown; 100*right < 90*n || 100*wrong > 3*n {
		t.Errorf("of %d names %d are right, %d wrong", n, right, wrong)
	}
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
