package vocabulary

import (
	"testing"

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
		"03) Demo – 60 %":      "demo",
		"S2 - Demo":            "demo",
		"IV. Angebot":          "angebot",
		"Phase II – Demo":      "demo",
		"b) Demo":              "demo",
		"Demo [2/5]":           "demo",
		"２．デモ（４０％）":            "デモ",
		"第一阶段：演示":              "演示",
		"二、演示":                 "演示",
		"② Demo":               "demo",
		"2nd meeting":          "2nd meeting",
		"1ª reunião":           "1a reuniao",
		"Demo 2":               "demo 2",
		"360 review":           "360 review",
		"I love it":            "i love it",
		"SQL":                  "sql",
		"Visit":                "visit",
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

func TestReadable(t *testing.T) {
	for s, want := range map[string]bool{"On hold": true, "保留": true, "リード": true, "На паузе": false, "보류": false, "🔥": false, "Demo 데모": true} {
		if Readable(s) != want {
			t.Errorf("Readable(%q) = %v", s, !want)
		}
	}
}

func TestSame(t *testing.T) {
	for _, pair := range [][2]string{{"Proposal", "2. PROPOSAL!"}, {"Évaluation", "EVALUATION (40%)"}, {"Demo 🎉", "ＤＥＭＯ"}, {"On-hold", "On hold"}} {
		if !Same(pair[0], pair[1]) {
			t.Errorf("%q and %q read differently", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"Demo 1", "Demo 2"}, {"1st call", "2nd call"}, {"1ª reunião", "2ª reunião"}, {"か", "が"}, {"Demo", "Demos"}} {
		if Same(pair[0], pair[1]) {
			t.Errorf("%q and %q read the same", pair[0], pair[1])
		}
	}
}

func TestLength(t *testing.T) {
	for s, want := range map[string]int{"QA": 2, "Été": 3, "商谈": -2, "デモ": -2, "보류": -2, "서울 HQ": 4, "🔥🔥🔥": 0, "a - b": 2, "": 0, "S1": 2} {
		n, dense := Length(s)
		if dense {
			n = -n
		}
		if n != want {
			t.Errorf("Length(%q) = %d (below zero: dense), want %d", s, n, want)
		}
	}
}
