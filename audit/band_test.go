package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

func worth(d crm.Deal, amount int64, currency string) crm.Deal {
	d.Amount, d.Currency = crm.Amount(amount*10_000), currency
	return d
}

func eur(from, to int64) audit.Band {
	return audit.Band{From: crm.Amount(from * 10_000), To: crm.Amount(to * 10_000), Currency: "EUR"}
}

// TestAmountBands: a band takes its deals out of the check of the same pipeline and stage, and no other.
func TestAmountBands(t *testing.T) {
	unread := worth(history("unread", "a", move("s0", 20)), 90, "EUR")
	unread.Known &^= crm.FactAmount
	snap := snapshot(t, schema(pipeline("a", 3), pipeline("b", 2)),
		worth(history("below", "a", move("s0", 20)), 49, "EUR"),
		worth(history("least", "a", move("s0", 20)), 50, "EUR"),
		worth(history("top", "a", move("s0", 20)), 100, "EUR"),
		worth(history("dollar", "a", move("s0", 20)), 70, "USD"),
		worth(history("none", "a", move("s0", 20)), 0, "EUR"),
		unread,
		worth(history("staged", "a", move("s1", 20)), 70, "EUR"),
		worth(history("other", "b", move("s0", 20)), 70, "EUR"))
	policy := old("old")
	limit := func(days float64) limited { return limited{audit.Days(days * float64(day))} }
	r := mustRun(t, snap, nil,
		audit.Check{Policy: policy, Settings: limit(30)},
		audit.Check{Policy: policy, Settings: limit(10), Pipeline: "a", Band: eur(50, 100), Severity: audit.Low, Origin: map[string]string{"limit": "policies, amounts"}},
		audit.Check{Policy: policy, Settings: limit(10), Pipeline: "a", Band: eur(100, 0), Severity: audit.Critical},
		audit.Check{Policy: policy, Settings: limit(30), Pipeline: "a"},
		audit.Check{Policy: policy, Settings: limit(30), Pipeline: "a", Stage: "s1"})
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Subject.ID+" "+f.Severity.String()+" "+f.Settings["limit"].Value+" "+f.Settings["limit"].From)
	}
	if diff := cmp.Diff([]string{"least low 10d policies, amounts", "top critical 10d default"}, got); diff != "" {
		t.Error(diff)
	}
	if want := (audit.Judged{Judged: 8, Passed: 6}); r.Judged["old"] != want {
		t.Errorf("judged %+v, want %+v: every deal exactly once", r.Judged["old"], want)
	}
}

func TestBandsThatCannotBe(t *testing.T) {
	snap := snapshot(t, schema(pipeline("a", 2)))
	policy := old("old")
	for want, checks := range map[string][]audit.Check{
		"overlap: amounts >= 60.00 EUR and 50.00 - 70.00 EUR": {{Policy: policy}, {Policy: policy, Band: eur(60, 0)}, {Policy: policy, Band: eur(50, 70)}},
		"without a check for the other deals":                 {{Policy: policy}, {Policy: policy, Pipeline: "a", Band: eur(60, 0)}},
		"have no currency":                                    {{Policy: policy}, {Policy: policy, Band: audit.Band{To: 60_0000}}},
	} {
		_, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: now(), Checks: checks})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

// TestBandsDivide: whatever the bands, each deal is judged once, by the band that holds its amount.
func TestBandsDivide(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bounds := rapid.SliceOfNDistinct(rapid.Int64Range(1, 60), 1, 5, rapid.ID).Draw(rt, "bounds")
		slices.Sort(bounds)
		var deals []crm.Deal
		for i, amount := range rapid.SliceOfN(rapid.Int64Range(0, 70), 1, 20).Draw(rt, "amounts") {
			deals = append(deals, worth(history(string(rune('a'+i)), "a", move("s0", 20)), amount, "EUR"))
		}
		policy := old("old")
		checks := []audit.Check{{Policy: policy, Settings: limited{0}, Severity: audit.Info}}
		for i, from := range bounds {
			to := int64(0)
			if i+1 < len(bounds) {
				to = bounds[i+1]
			}
			checks = append(checks, audit.Check{Policy: policy, Settings: limited{0}, Severity: audit.High, Band: eur(from, to)})
		}
		r := mustRun(t, snapshot(t, schema(pipeline("a", 2)), deals...), nil, checks...)
		if len(r.Findings) != len(deals) {
			rt.Fatalf("%d findings of %d deals", len(r.Findings), len(deals))
		}
		for _, f := range r.Findings {
			if in := f.Value.Amount >= crm.Amount(bounds[0]*10_000); in != (f.Severity == audit.High) {
				rt.Errorf("a deal of %s is judged as %s with bands from %d", f.Value.Amount, f.Severity, bounds[0])
			}
		}
	})
}
