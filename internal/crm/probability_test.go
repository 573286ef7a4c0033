package crm

import (
	"testing"

	"pgregory.net/rapid"
)

func TestProbabilitiesAsTheCRMStoresThem(t *testing.T) {
	tenths := Schema{ProbabilityStep: 0.1, ProbabilityMin: 0.1, ProbabilityMax: 0.9, ProbabilityUnit: 1}
	percents := Schema{ProbabilityStep: 0.01, ProbabilityMin: 0.01, ProbabilityMax: 0.99, ProbabilityUnit: 100}
	for _, c := range []struct {
		schema Schema
		p      float64
		want   string
	}{
		{tenths, 0.34, "0.3"}, {tenths, 0.35, "0.4"}, {tenths, 0.01, "0.1"}, {tenths, 0.99, "0.9"}, {tenths, 0, "0.1"}, {tenths, 1, "0.9"},
		{percents, 0.345, "35"}, {percents, 0.29, "29"}, {percents, 0.001, "1"}, {percents, 1, "99"},
		{Schema{ProbabilityUnit: 1}, 0.3337, "0.3337"},
	} {
		if got, ok := c.schema.ProbabilityText(c.schema.HoldProbability(c.p)); got != c.want || !ok {
			t.Errorf("%v in steps of %v: %q, want %q", c.p, c.schema.ProbabilityStep, got, c.want)
		}
	}
	if text, ok := (&Schema{}).ProbabilityText(0.5); ok {
		t.Errorf("a CRM that takes no probabilities is sent %q", text)
	}
}

func TestHeldProbabilitiesKeepTheirOrder(t *testing.T) {
	s := Schema{ProbabilityStep: 0.1, ProbabilityMin: 0.1, ProbabilityMax: 0.9}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b")
		if a > b {
			a, b = b, a
		}
		x, y := s.HoldProbability(a), s.HoldProbability(b)
		if x > y || x <= 0 || y >= 1 || s.HoldProbability(x) != x {
			t.Fatalf("%v, %v are held as %v, %v", a, b, x, y)
		}
	})
}
