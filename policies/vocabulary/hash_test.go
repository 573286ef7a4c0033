package vocabulary

import (
	"testing"

	"pgregory.net/rapid"
)

func TestHashCaseIsThatOfTheFold(t *testing.T) {
	same := func(t interface{ Errorf(string, ...any) }, s string) {
		got, ok := HashCase(s)
		if want, wantOK := hashOf(FoldCase(s)); got != want || ok != wantOK {
			t.Errorf("%q: %x %v, want %x %v of %q", s, got, ok, want, wantOK, FoldCase(s))
		}
	}
	for _, s := range []string{"", " ", "'", "Acme - annual plan Q3 2026", "acmeRenewal", "don't", "don'tX", " -Acme--GmbH ", "A'B c", "a'B", "Énergie SA", "🔥", "３", "İzmir"} {
		same(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		same(t, rapid.StringOfN(rapid.RuneFrom([]rune("aAbBzZ09 -'._é\n")), 0, 12, -1).Draw(t, "text"))
		same(t, rapid.String().Draw(t, "any text"))
	})
	for a, b := range map[string]string{"Acme GmbH - Annual Plan": "ACME GMBH: annual plan!", "Énergie SA": "ENERGIE SA", "İzmir": "izmir"} {
		left, _ := HashCase(a)
		if right, _ := HashCase(b); left != right {
			t.Errorf("%q and %q have different hashes", a, b)
		}
	}
	a, _ := HashCase("Acme - Annual Plan")
	if b, _ := HashCase("Acme - Annual Plan 2"); a == b {
		t.Error("different names have one hash")
	}
}

func TestHashCaseAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { HashCase("Beacon Logistics - hardware bundle Q3 2026") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHashCase(b *testing.B) {
	for range b.N {
		HashCase("Beacon Logistics - hardware bundle Q3 2026")
	}
}
