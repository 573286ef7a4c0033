package text

import (
	"testing"

	"github.com/plumbline/plumbline/audit"
)

func TestMoves(t *testing.T) {
	w, err := English(nil)
	if err != nil {
		t.Fatal(err)
	}
	to := audit.Finding{Facts: audit.Facts{"to_stage": "Proposal sent"}, Fix: &audit.Fix{Kind: audit.FixMove, Manual: []string{"move-to-stage:Proposal sent"}}}
	if got, want := w.Fix(to), `Move the deal to the stage "Proposal sent"`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := w.Manual(to.Fix.Manual[0]), `Move the deal to the stage "Proposal sent", where its quote says it is`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	won := audit.Finding{Facts: audit.Facts{"won": true}, Fix: &audit.Fix{Kind: audit.FixMove, Manual: []string{"close-as-won"}}}
	if got, want := w.Fix(won), "Have its owner close the deal as won"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, key := w.Manual("close-as-won"), "close-as-won"; got == key {
		t.Error("the key is shown as it is")
	}
}
