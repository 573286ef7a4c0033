package sandbox_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// TestOneTruthOfAllFaces: the list of what was planted holds every problem once, though one CRM cannot have all of them, nor
// all ids.
func TestOneTruthOfAllFaces(t *testing.T) {
	for seed := range uint64(20) {
		w := sandbox.Generate(sandbox.GenOptions{Deals: 120, Seed: seed})
		w.Truth = append(w.Truth, sandbox.Planted{Policy: "x", Subject: sandbox.Subject{Kind: "pipeline", ID: "default"}})
		s, err := sandbox.New(sandbox.Options{Clock: w.Now}, hubspot.New(w), pipedrive.New(w))
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range [][]sandbox.Planted{s.Truth(), s.Truth("hubspot")} {
			if diff := cmp.Diff(w.Truth, list); diff != "" {
				t.Errorf("seed %d (-planted +told):\n%s", seed, diff)
			}
		}
		impossible := []string{"owner-missing", "several-closed-stages", "stage-after-won", "closing-stage-missing", "default-stages-untouched", "touched-in-bulk", "behind-its-evidence",
			"close-date-default", "dates-impossible", "reopened", "mixed-processes"}
		possible := slices.DeleteFunc(slices.Clone(w.Truth), func(p sandbox.Planted) bool { return slices.Contains(impossible, p.Policy) })
		for i := range possible {
			if possible[i].Subject.ID == "default" {
				possible[i].Subject.ID = "1"
			}
		}
		if diff := cmp.Diff(possible, s.Truth("pipedrive")); diff != "" {
			t.Errorf("seed %d, Pipedrive (-planted +told):\n%s", seed, diff)
		}
	}
}
