package pipedrive_test

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// The text of a lost deal is set to one of the company's list and taken back. Whether the API takes a text beside the list where
// people may not type one is not known: an undo that is refused is told as such and leaves the deal as it is.
func TestLossReasonOfADeal(t *testing.T) {
	for name, tt := range map[string]struct {
		free    string
		outcome crm.Outcome
		left    string
	}{
		"texts of one's own": {"true", crm.OutcomeApplied, "they were too dear for us"},
		"the list alone":     {"false", crm.OutcomeRejected, "Price or budget"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bulk(3, 1, 0)
			w.LossProperty = &sandbox.LossProperty{Name: "loss_reason", Label: "Loss reason", Options: []sandbox.LossOption{{Value: "price", Label: "Price or budget"}, {Value: "other", Label: "Other"}}}
			lost := &w.Deals[0]
			lost.Stage, lost.LossReason = "19", "they were too dear for us"
			lost.Moves = append(lost.Moves[:2], sandbox.Move{Stage: "19", At: day(-90)})
			a := newAccount(t, w, face.Unlimited, face.With("free_lost_reasons", tt.free))
			c := a.open(t)
			s := schema(t, c)
			e := c.(connectors.Editor)
			ref := crm.Ref{Kind: crm.KindDeal, ID: lost.ID}
			read := func() string {
				live, err := e.Read(t.Context(), s, []crm.Ref{ref}, crm.FieldLossReason)
				if err != nil {
					t.Fatal(err)
				}
				return live[ref][crm.FieldLossReason]
			}
			edit := crm.Edit{Key: "k", Target: ref, Op: crm.OpSet, Before: crm.Fields{crm.FieldLossReason: read()}, After: crm.Fields{crm.FieldLossReason: "Price or budget"}}
			if v, err := e.Feasible(t.Context(), s, []crm.Edit{edit}); err != nil || v[0].Feasible != connectors.FeasibleOK {
				t.Fatalf("verdict %+v, %v", v, err)
			}
			r := e.Apply(t.Context(), s, []crm.Edit{edit})[0]
			if got := read(); r.Outcome != crm.OutcomeApplied || got != "Price or budget" {
				t.Fatalf("receipt %+v, the deal shows %q", r, got)
			}
			undo, err := edit.Inverse(r)
			if err != nil {
				t.Fatal(err)
			}
			a.pass(time.Minute)
			if r = e.Apply(t.Context(), s, []crm.Edit{undo})[0]; r.Outcome != tt.outcome || (r.Why == "") != (tt.outcome == crm.OutcomeApplied) {
				t.Errorf("the undo: receipt %+v, want %s", r, tt.outcome)
			}
			if got := read(); got != tt.left {
				t.Errorf("after the undo the deal shows %q, want %q", got, tt.left)
			}
		})
	}
}
