package hubspot_test

import (
	"strings"
	"testing"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// A stage's probability is set, stored, and taken back to the very text that was read.
func TestStageProbability(t *testing.T) {
	p := newPortal(t, nil)
	line := p.schema.Pipelines[1]
	ref := crm.Ref{Portal: "p", Kind: crm.KindStage, ID: line.Stages[1].ID}
	before, err := p.Read(t.Context(), p.schema, []crm.Ref{ref}, crm.FieldProbability, crm.FieldName)
	if err != nil || before[ref][crm.FieldProbability] == "" || before[ref][crm.FieldName] != line.Stages[1].Name {
		t.Fatalf("before: %v, %v", before, err)
	}
	edit := crm.Edit{Key: "k", Target: ref, Op: crm.OpSet, Before: before[ref], After: crm.Fields{crm.FieldProbability: "0.85"}}
	if v, err := p.Feasible(t.Context(), p.schema, []crm.Edit{edit}); err != nil || v[0].Feasible != connectors.FeasibleOK || len(v[0].Irreversible) > 0 {
		t.Errorf("verdict %+v, %v", v, err)
	}
	r := p.Apply(t.Context(), p.schema, []crm.Edit{edit})[0]
	if r.Outcome != crm.OutcomeApplied {
		t.Fatalf("receipt %+v", r)
	}
	after, err := p.conn.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, st := range after.Pipelines[1].Stages {
		was := line.Stages[i]
		if st.ID == ref.ID {
			*was.Probability = 0.85
		}
		if st.Name != was.Name || st.Kind != was.Kind || *st.Probability != *was.Probability {
			t.Errorf("stage %s is %v, want %v", st.Name, *st.Probability, *was.Probability)
		}
	}
	undo := crm.Edit{Key: "k.undo", Target: ref, Op: crm.OpSet, After: crm.Fields{crm.FieldProbability: before[ref][crm.FieldProbability]}}
	if r = p.Apply(t.Context(), p.schema, []crm.Edit{undo})[0]; r.Outcome != crm.OutcomeApplied {
		t.Fatalf("undo %+v", r)
	}
	if now, err := p.Read(t.Context(), p.schema, []crm.Ref{ref}, crm.FieldProbability); err != nil || now[ref][crm.FieldProbability] != before[ref][crm.FieldProbability] {
		t.Errorf("after the undo: %v, %v", now, err)
	}
}

// No write closes an open stage or opens a closed one, and nothing else of a stage is written.
func TestStagesThatAreNotWritten(t *testing.T) {
	p := newPortal(t, nil)
	stages := p.schema.Pipelines[0].Stages
	open, won := stages[0].ID, stages[len(stages)-2].ID
	for name, c := range map[string]struct {
		stage string
		after crm.Fields
		want  connectors.Feasibility
		words string
	}{
		"to nothing":     {open, crm.Fields{crm.FieldProbability: "0"}, connectors.FeasibleImpossible, "close"},
		"to certainty":   {open, crm.Fields{crm.FieldProbability: "1.0"}, connectors.FeasibleImpossible, "close"},
		"no number":      {open, crm.Fields{crm.FieldProbability: "NaN"}, connectors.FeasibleImpossible, "no probability"},
		"a closed stage": {won, crm.Fields{crm.FieldProbability: "0.5"}, connectors.FeasibleImpossible, "closed stage"},
		"no such stage":  {"none", crm.Fields{crm.FieldProbability: "0.5"}, connectors.FeasibleImpossible, "no stage"},
		"rotting":        {open, crm.Fields{crm.FieldRotDays: "14"}, connectors.FeasibleManual, "Settings"},
		"the name":       {open, crm.Fields{crm.FieldName: "x"}, connectors.FeasibleManual, "Settings"},
		"a name as well": {open, crm.Fields{crm.FieldName: "x", crm.FieldProbability: "0.5"}, connectors.FeasibleManual, "Settings"},
	} {
		e := crm.Edit{Key: "k", Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindStage, ID: c.stage}, After: c.after}
		v, err := p.Feasible(t.Context(), p.schema, []crm.Edit{e})
		if err != nil || v[0].Feasible != c.want || !strings.Contains(v[0].Words, c.words) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		if name == "rotting" || name == "the name" || name == "a name as well" || name == "no such stage" {
			if r := p.Apply(t.Context(), p.schema, []crm.Edit{e})[0]; r.Outcome != crm.OutcomeRejected {
				t.Errorf("%s: it was sent: %+v", name, r)
			}
		}
	}
	p.reopen(t, func(o *connectors.Options) { o.Scopes = []string{"crm.objects.deals.read", "crm.objects.deals.write"} })
	e := crm.Edit{Key: "k", Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindStage, ID: open}, After: crm.Fields{crm.FieldProbability: "0.5"}}
	if v, err := p.Feasible(t.Context(), p.schema, []crm.Edit{e}); err != nil || v[0].Feasible != connectors.FeasibleManual || !strings.Contains(v[0].Words, "crm.schemas.deals.write") {
		t.Errorf("without the scope: %+v, %v", v, err)
	}
}
