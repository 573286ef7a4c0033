package crm

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseAmount(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Amount
		text string
	}{
		{"1250", 12_500_000, "1250.00"},
		{" 1250.5 ", 12_505_000, "1250.50"},
		{"-3.1234", -31_234, "-3.1234"},
		{"0.00005", 1, "0.0001"},
		{"-0.00005", -1, "-0.0001"},
		{".5", 5_000, "0.50"},
		{"7.", 70_000, "7.00"},
		{"+2", 20_000, "2.00"},
		{"1e3", 10_000_000, "1000.00"},
		{"900000000000000", 9_000_000_000_000_000_000, "900000000000000.00"},
	} {
		got, err := ParseAmount(c.in)
		if err != nil || got != c.want || got.String() != c.text {
			t.Errorf("%q: %d (%s), %v; want %d (%s)", c.in, got, got, err, c.want, c.text)
		}
	}
	for _, bad := range []string{"", ".", "-", "abc", "1,5", "1.2.3", "12x", "1.x", "--1", "+-1", "900000000000001", "1e20", "NaN", "Infinity", "0x10", "1_000"} {
		if got, err := ParseAmount(bad); err == nil {
			t.Errorf("%q was read as %s", bad, got)
		}
	}
}

func TestAmountReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64Range(-9e18+1, 9e18-1).Draw(t, "amount"))
		got, err := ParseAmount(a.String())
		if err != nil || got != a {
			t.Fatalf("%d is written %s and read %d, %v", a, a, got, err)
		}
		m := Money{a, "EUR"}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var back Money
		if err := json.Unmarshal(b, &back); err != nil || back != m {
			t.Fatalf("%s is read %+v, %v", b, back, err)
		}
	})
}

func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"1250.5", "-0.0001", "1e3", "", "..", "9e99"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAmount(s)
		if err != nil {
			return
		}
		v, err := strconv.ParseFloat(a.String(), 64)
		if err != nil {
			t.Fatalf("%q gave %s, which is no number", s, a)
		}
		if math.Abs(v-a.Float()) > 1e-4*math.Max(1, math.Abs(v)*1e-9) {
			t.Fatalf("%q: %s and %v differ", s, a, a.Float())
		}
	})
}

func TestInstantJSON(t *testing.T) {
	at := At(time.Date(2026, 11, 22, 5, 0, 0, 123_456_000, time.FixedZone("x", 3600)))
	b, err := json.Marshal(at)
	if err != nil || string(b) != `"2026-11-22T04:00:00.123456Z"` {
		t.Errorf("%s, %v", b, err)
	}
	for _, none := range []string{"null", `""`} {
		back := at
		if err := json.Unmarshal([]byte(none), &back); err != nil || !back.IsZero() {
			t.Errorf("%s: %v, %v", none, back, err)
		}
	}
	var bad Instant
	if json.Unmarshal([]byte(`"yesterday"`), &bad) == nil {
		t.Error(`"yesterday" was read as a time`)
	}
	if At(time.Time{}) != 0 || !Instant(0).Time().IsZero() || Instant(0).String() != "" {
		t.Error("none does not stay none")
	}
	if d := at.Add(36 * time.Hour).Days(at); d != 1.5 {
		t.Errorf("36 hours are %v days", d)
	}
}

func TestInverse(t *testing.T) {
	set := Edit{Key: "k", Target: Ref{Portal: "p", Kind: KindDeal, ID: "7"}, Op: OpSet, Before: Fields{FieldOwner: ""}, After: Fields{FieldOwner: "9"}}
	back, err := set.Inverse(Receipt{ID: "7"})
	if err != nil || back.After[FieldOwner] != "" || back.Before[FieldOwner] != "9" || back.Key == set.Key || back.Target != set.Target {
		t.Errorf("inverse of a set: %+v, %v", back, err)
	}
	again, err := back.Inverse(Receipt{})
	if err != nil || again.After[FieldOwner] != "9" {
		t.Errorf("undo of an undo: %+v, %v", again, err)
	}
	task := Edit{Key: "k", Target: Ref{Portal: "p", Kind: KindTask}, Op: OpAddTask, After: Fields{FieldDeal: "7"}}
	gone, err := task.Inverse(Receipt{ID: "55"})
	if err != nil || gone.Op != OpRemove || gone.Target.ID != "55" {
		t.Errorf("inverse of a task: %+v, %v", gone, err)
	}
	if _, err := task.Inverse(Receipt{}); err == nil {
		t.Error("a task without a known id was inverted")
	}
	if _, err := gone.Inverse(Receipt{ID: "55"}); err == nil {
		t.Error("a removal was inverted")
	}
}
