package pipedrive

import (
	"slices"
	"testing"

	"github.com/plumbline/plumbline/internal/crm"
)

// What an undo cannot bring back is said of every edit before anybody approves it: each is named once, in order.
func TestWhatCannotBeTakenBack(t *testing.T) {
	days := 14
	calm := crm.Schema{Pipelines: []crm.Pipeline{{ID: "1", Stages: []crm.Stage{{ID: "11"}, {ID: "12"}}}, {ID: "2", Stages: []crm.Stage{{ID: "21"}}}}}
	rotting := calm
	rotting.Pipelines = slices.Clone(calm.Pipelines)
	rotting.Pipelines[1].Stages = []crm.Stage{{ID: "21", RotDays: &days}}
	deal, stage := crm.Ref{Kind: crm.KindDeal, ID: "1"}, crm.Ref{Kind: crm.KindStage, ID: "12"}
	for name, c := range map[string]struct {
		target             crm.Ref
		before, after      crm.Fields
		calmly, whenRotten []string
	}{
		"a move": {
			deal, crm.Fields{crm.FieldStage: "11"}, crm.Fields{crm.FieldStage: "12"},
			[]string{"stage_change_time"}, []string{"stage_change_time", "update_time"},
		},
		"a move to another pipeline": {
			deal, crm.Fields{crm.FieldStage: "11", crm.FieldPipeline: "1"}, crm.Fields{crm.FieldStage: "21", crm.FieldPipeline: "2"},
			[]string{"stage_change_time"}, []string{"stage_change_time", "update_time"},
		},
		"a date where there was none": {
			deal, crm.Fields{crm.FieldCloseDate: ""}, crm.Fields{crm.FieldCloseDate: "2026-12-01"},
			[]string{crm.FieldCloseDate}, []string{crm.FieldCloseDate, "update_time"},
		},
		"another date": {
			deal, crm.Fields{crm.FieldCloseDate: "2026-11-01"}, crm.Fields{crm.FieldCloseDate: "2026-12-01"}, nil, []string{"update_time"},
		},
		"rotting switched on":  {stage, crm.Fields{crm.FieldRotDays: ""}, crm.Fields{crm.FieldRotDays: "14"}, []string{"days_to_rotten"}, []string{"days_to_rotten"}},
		"other days":           {stage, crm.Fields{crm.FieldRotDays: "30"}, crm.Fields{crm.FieldRotDays: "14"}, nil, nil},
		"rotting switched off": {stage, crm.Fields{crm.FieldRotDays: "30"}, crm.Fields{crm.FieldRotDays: ""}, nil, nil},
		"a probability":        {stage, crm.Fields{crm.FieldProbability: "60"}, crm.Fields{crm.FieldProbability: "40"}, nil, nil},
	} {
		e := opened(t)
		for i, s := range []crm.Schema{calm, rotting} {
			j := &judge{editor: e, schema: s}
			v := j.edit(crm.Edit{Op: crm.OpSet, Target: c.target, Before: c.before, After: c.after})
			if want := [][]string{c.calmly, c.whenRotten}[i]; !slices.Equal(v.Irreversible, want) || v.Feasible != "ok" {
				t.Errorf("%s: %+v, want %v", name, v, want)
			}
		}
	}
}

func TestProbabilitiesSwitchedOff(t *testing.T) {
	c := opened(t)
	percent := value{text: "40", sent: true}
	if st := c.stage(stage{Probability: percent}, false, 0); st.Probability != nil {
		t.Errorf("switched off, a stage says %v", *st.Probability)
	}
	if st := c.stage(stage{Probability: percent}, true, 0); st.Probability == nil || *st.Probability != 0.4 {
		t.Errorf("switched on, a stage says %v", st.Probability)
	}
}
