package vocabulary

import (
	"testing"

	"pgregory.net/rapid"
)

func TestFoldHashIsThatOfTheFold(t *testing.T) {
	same := func(t interface{ Errorf(string, ...any) }, s string) {
		got, ok := FoldHash(s)
		if want, wantOK := foldedHash(Fold(s)); got != want || ok != wantOK {
			t.Errorf("%q: %x %v, want %x %v of %q", s, got, ok, want, wantOK, Fold(s))
		}
	}
	for _, s := range []string{"", " ", "'", "Acme - annual plan Q3 2026", "acmeRenewal", "don't", "don'tX", " -Acme--GmbH ", "A'B c", "a'B", "Énergie SA", "🔥", "３"} {
		same(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		same(t, rapid.StringOfN(rapid.RuneFrom([]rune("aAbBzZ09 -'._é\n")), 0, 12, -1).Draw(t, "text"))
		same(t, rapid.String().Draw(t, "any text"))
	})
	a, _ := FoldHash("Acme - Annual Plan")
	if b, _ := FoldHash("ACME: annual plan!"); a != b {
		t.Error("names that read the same have different hashes")
	}
	if b, _ := FoldHash("Acme - Annual Plan 2"); a == b {
		t.Error("different names have one hash")
	}
}

func TestFoldHashAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { FoldHash("Beacon Logistics - hardware bundle Q3 2026") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFoldHash(b *testing.B) {
	for range b.N {
		FoldHash("Beacon Logistics - hardware bundle Q3 2026")
	}
}
