package text

import (
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

func TestStages(t *testing.T) {
	w := words(t, "x")
	f := audit.Finding{Policy: "p", Name: "Sales", Subject: crm.Ref{Kind: crm.KindPipeline, ID: "1"}}
	set := func(after crm.Fields) crm.Edit {
		return crm.Edit{Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindStage, ID: "12"}, Before: crm.Fields{crm.FieldName: "Demo"}, After: after}
	}
	for _, c := range []struct {
		edit crm.Edit
		want string
	}{
		{set(crm.Fields{crm.FieldProbability: "0.4"}), `Set the probability of the stage "Demo" to 40 %`},
		{set(crm.Fields{crm.FieldProbability: "0.29"}), `Set the probability of the stage "Demo" to 29 %`},
		{set(crm.Fields{crm.FieldProbability: "0.3333"}), `Set the probability of the stage "Demo" to 33.33 %`},
		{set(crm.Fields{crm.FieldProbability: "1"}), `Set the probability of the stage "Demo" to 1 %`},
		{set(crm.Fields{crm.FieldProbability: "40"}), `Set the probability of the stage "Demo" to 40 %`},
		{set(crm.Fields{crm.FieldRotDays: "14"}), `Let deals rot in the stage "Demo" after 14 days without activity`},
		{set(crm.Fields{crm.FieldRotDays: ""}), `Stop deals from rotting in the stage "Demo"`},
		{set(crm.Fields{"colour": "red"}), `Set colour to "red" of the stage "Demo"`},
		{crm.Edit{Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindStage, ID: "12"}, After: crm.Fields{crm.FieldProbability: "40"}}, `Set the probability of the stage "12" to 40 %`},
	} {
		if got := w.Summary(f, c.edit); got != c.want {
			t.Errorf("%v: %q, want %q", c.edit.After, got, c.want)
		}
	}
	for kind, want := range map[audit.FixKind]string{
		audit.FixRotting: "Mark deals as rotting in 2 stages", audit.FixOdds: "Set the probability of 2 stages to what history shows",
		audit.FixLossList: "Type the missing reasons into the CRM's own list of them, by hand",
	} {
		f.Fix = &audit.Fix{Kind: kind, Edits: []crm.Edit{set(nil), set(nil)}}
		if got := w.Fix(f); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}
