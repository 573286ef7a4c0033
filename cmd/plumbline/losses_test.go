package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

// TestEveryLossReasonTakesOwnWords holds the configuration's reasons to the vocabulary's, which it may not import.
func TestEveryLossReasonTakesOwnWords(t *testing.T) {
	word := []string{"x y"}
	l := config.LossReasons{
		Budget: word, Competitor: word, ProductFit: word, Timing: word, StatusQuo: word, DecisionMaker: word, Commitment: word, Unresponsive: word,
		NotInterested: word, ClosedByPolicy: word, Other: word,
	}
	var want []string
	for _, o := range vocabulary.Options() {
		want = append(want, o.Value)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(l.Phrases()))); diff != "" {
		t.Errorf("reasons (-vocabulary +configuration):\n%s", diff)
	}
	if len(config.LossReasons{}.Phrases()) > 0 {
		t.Error("reasons without phrases are given")
	}
}
