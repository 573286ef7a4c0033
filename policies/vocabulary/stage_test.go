package vocabulary

import (
	"bufio"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
		"Budget confirmed":      {Engaged},
		"Budget":                nil,
		"Pricing":               nil,
		"Timing agreed":         nil,
		"Technical validation":  {Engaged},
		"Verbal agreement":      {Negotiation},
		"Household survey":      nil,
		"Coldfusion migration":  nil,
		"Waiting for signature": {Negotiation},
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

// The goals for names never seen: of those that are answered at least so many are right, and so many are answered.
const (
	wantRight    = 0.90
	wantAnswered = 0.70
)

// rate counts how labelled names are read. The names are not printed: half of each list is held out, and whoever writes
// words for what a test prints has no held-out list any more.
type rate struct{ right, wrong, unknown int }

func (r *rate) count(name, label string) {
	got := Stage(name)
	switch {
	case label == "-" && len(got) == 0, label != "-" && slices.Contains(got, Kind(label)):
		r.right++
	case len(got) == 0:
		r.unknown++
	default:
		r.wrong++
	}
}

func (r *rate) judge(t *testing.T, list string) {
	t.Helper()
	answered := float64(r.right + r.wrong)
	right, share := float64(r.right)/answered, answered/(answered+float64(r.unknown))
	t.Logf("%s: %d right, %d wrong, %d not known: %.1f %% right, %.1f %% answered", list, r.right, r.wrong, r.unknown, 100*right, 100*share)
	if answered == 0 || right < wantRight || share < wantAnswered {
		t.Errorf("%s: want at least %.0f %% right and %.0f %% answered", list, 100*wantRight, 100*wantAnswered)
	}
}

// heldOutName halves a list by name, so that a name that stands in it twice is on one side.
func heldOutName(name string) bool {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32()%2 == 1
}

// TestShippedStageNames judges the tables by the stage names that CRMs ship, labelled by a reader: the words were written with one
// half in view; only the other half is judged.
func TestShippedStageNames(t *testing.T) {
	same := map[string]Kind{"lead-not-engaged": NotEngaged, "qualification": Engaged, "demo": Engaged, "meeting": Engaged, "contract": Negotiation, "on-hold": Status, "converted": Won}
	var held rate
	for _, l := range outside(t, "stage_names.tsv") {
		label := l[2]
		if kind, ok := same[label]; ok {
			label = string(kind)
		}
		if heldOutName(l[0]) {
			held.count(l[0], label)
		}
		if got := Stage(l[0]); slices.Contains(got, Status) != (label == string(Status)) || slices.Contains(got, LossReason) || slices.Contains(got, Subjective) {
			t.Errorf("a shipped name that is %s reads as %v", label, got)
		}
	}
	held.judge(t, "shipped names, held-out half")
}

// TestStageNames judges the tables by names of teams' own, listed in testdata before the words were.
func TestStageNames(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "names.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	byLanguage := map[string]*rate{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		l := strings.Split(s.Text(), "\t")
		if byLanguage[l[1]] == nil {
			byLanguage[l[1]] = &rate{}
		}
		byLanguage[l[1]].count(l[0], l[2])
	}
	for _, language := range Languages() {
		if byLanguage[language] == nil {
			t.Errorf("no names in %s", language)
			continue
		}
		byLanguage[language].judge(t, language)
	}
}

func TestClosing(t *testing.T) {
	for name, want := range map[string]Kind{
		"Closed won": Won, "WON 🎉": Won, "5. Gewonnen": Won, "Cerrado ganado": Won, "Gagné (100 %)": Won, "赢单": Won, "受注": Won,
		"Closed lost": Lost, "Perdu - trop cher": Lost, "失注": Lost, "Kaybedildi": Lost,
		"Contract signed": "", "Rejected": "", "Proposal": "", "Closed": "", "Won / Lost": "", "Customer success": "", "Verbally won": "",
		"Test erfolgreich": "", "Lost and found": "",
	} {
		if got := Default().Read(name).Closing; got != want {
			t.Errorf("Read(%q).Closing = %q, want %q", name, got, want)
		}
	}
}

func TestStepOpinionSeller(t *testing.T) {
	for name, want := range map[string][3]bool{ // step, opinion, seller
		"Proposal sent":       {true, false, false},
		"Send proposal":       {true, false, true},
		"Angebot senden":      {true, false, true},
		"Contract":            {false, false, false},
		"Contract signed":     {false, false, false},
		"Implementation":      {false, false, false},
		"Follow up":           {true, false, true},
		"Follow-up call":      {true, false, true},
		"Demo: follow up":     {true, false, true},
		"Hot":                 {false, true, false},
		"Hot lead":            {false, true, false},
		"Very interested":     {false, true, false},
		"Hot - proposal sent": {false, false, false},
		"Not interested":      {false, false, false},
		"Won":                 {false, false, false},
		"Demo scheduled":      {true, false, false},
		"発注書を送付する":            {false, false, true},
	} {
		r := Default().Read(name)
		if got := [3]bool{r.Step, r.Opinion(), r.Seller}; got != want {
			t.Errorf("%q: step, opinion, seller = %v, want %v (%v)", name, got, want, r.Kinds)
		}
	}
}

func TestWithWords(t *testing.T) {
	own, err := Default().WithWords(map[string][]string{
		"engaged": {"Küchenplanung", "Parked car"}, "won": {"On the books"}, "none": {"hot tub demo"}, "status": {"薛定谔"}, "proposal": {"devis ~ chantier"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]Kind{
		"2. Kuchenplanung (40 %)":        {Engaged},
		"Parked car inspection":          {Engaged},
		"Parked":                         {Status},
		"On the books":                   {Won},
		"Hot tub demo":                   nil,
		"客户薛定谔中":                         {Status},
		"Devis signé sur place chantier": {Proposal},
	} {
		if got := own.Read(name).Kinds; !cmp.Equal(got, want) {
			t.Errorf("%q reads as %v, want %v", name, got, want)
		}
	}
	if own.Read("On the books").Closing != Won {
		t.Error("a portal's own word for won does not say won")
	}
	if got := Stage("Parked car inspection"); !slices.Contains(got, Status) {
		t.Errorf("words of one portal changed the tables: %v", got)
	}
	for _, bad := range []map[string][]string{{"wno": {"x"}}, {"won": {"..."}}, {"won": {"*"}}, {"won": {"~ x"}}} {
		if _, err := Default().WithWords(bad); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

// TestStageTables holds the tables to themselves: every phrase is folded, and none is of two kinds within one language but those
// that say so.
func TestStageTables(t *testing.T) {
	x := readStages()
	if n := len(x.list); n < 5000 {
		t.Errorf("only %d phrases", n)
	}
	for _, lang := range stageLanguages() {
		text, err := stageFiles.ReadFile("stages/" + lang + ".tsv")
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]string{}
		for _, line := range strings.Split(string(text), "\n") {
			cells := strings.Split(line, "\t")
			if len(cells) != 3 || strings.Contains(cells[0], " ") {
				continue
			}
			for _, p := range strings.Split(cells[2], "|") {
				if p != strings.TrimSpace(p) || p == "" {
					t.Errorf("%s: phrase %q", lang, p)
				}
				kind := strings.TrimSuffix(cells[0], "!")
				if was := seen[p]; was != "" && was != kind && cells[1] != "hint" && !states(was, kind) {
					t.Errorf("%s: %q is %s and %s", lang, p, was, kind)
				}
				seen[p] = kind
			}
		}
	}
}

// states reports whether two kinds go together: no response is a state and a reason.
func states(a, b string) bool {
	return (a == string(Status) || a == string(Lost)) && b == string(LossReason)
}

func FuzzStage(f *testing.F) {
	for _, s := range []string{"1. Proposal (60 %)", "S2 - Démo", "第一阶段：报价", "①リード", "IV. Won", "%9", "1️⃣", "3ª reunião", "a) b) c)", "OnHold", "ガ", "\xff", "1 1 1", "ǅ", "ẞ", "½", "İ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if once := Fold(s); Fold(once) != once {
			t.Errorf("Fold(%q) = %q, again %q", s, once, Fold(once))
		}
		if once := FoldName(s); FoldName(once) != once {
			t.Errorf("FoldName(%q) = %q, again %q", s, once, FoldName(once))
		}
		if !Same(s, "  "+strings.ToUpper(s)+" ") && strings.ToLower(strings.ToUpper(s)) == s && !strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) {
			t.Errorf("%q is not the same in capitals", s)
		}
		if n, _ := Length(s); n < 0 || n > len(s) {
			t.Errorf("Length(%q) = %d", s, n)
		}
		r := Default().Read(s)
		if !slices.IsSorted(r.Kinds) || r.Step && r.Closing != "" {
			t.Errorf("Read(%q) = %+v", s, r)
		}
	})
}

func BenchmarkStageRead(b *testing.B) {
	Default()
	names := []string{"3. Proposal sent (60 %)", "Vertragsverhandlung", "商务谈判", "Something else entirely"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		Default().Read(names[i%len(names)])
	}
}

func BenchmarkStageTables(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		readStages()
	}
}
