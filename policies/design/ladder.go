package design

import (
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// rung is an open stage with the probability that it says and the one that history shows.
type rung struct {
	stage  int32
	says   *float64
	odds   audit.Odds
	known  bool    // whether history shows anything
	target float64 // what the stage is to say by history: never less than an earlier one, as the CRM stores it
}

// prior is the weight of the pipeline's own win rate in the odds of each stage, in deals.
const prior = 10

// ladder are a pipeline's open stages in order, and what the odds of each are worth together: those of a stage that fall below the
// stage before are pooled with it.
func ladder(p *audit.Pass, pipeline int32) []rung {
	var rungs []rung
	var rates, weights []float64
	for stage := range openStages(p, pipeline) {
		r := rung{stage: stage, says: p.Snap.Stage(stage).Probability}
		r.odds, r.known = p.Stats.Odds(stage)
		rungs, rates, weights = append(rungs, r), append(rates, r.odds.Rate), append(weights, float64(r.odds.Closed)+prior)
	}
	for i, rate := range audit.NonDecreasing(rates, weights) {
		rungs[i].target = p.Snap.Schema.HoldProbability(rate)
	}
	return rungs
}

// openStages yields the flat indexes of all open stages of a pipeline, in order, within the check's scope or not.
func openStages(p *audit.Pass, pipeline int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for stage := range int32(p.Snap.NumStages()) {
			if p.Snap.PipelineOf(stage) == pipeline && p.Snap.Stage(stage).Kind == crm.Open && !yield(stage) {
				return
			}
		}
	}
}

// saysNothing tells why the stages of a pipeline say no probability that could be right or wrong; "" where they do, or should.
func saysNothing(p *audit.Pass, pipeline int32, rungs []rung) string {
	none := !slices.ContainsFunc(rungs, func(r rung) bool { return r.says != nil })
	switch {
	case p.Snap.Schema.Pipelines[pipeline].ProbabilitiesOff:
		return "probabilities are switched off in this pipeline"
	case none && p.Snap.Schema.ProbabilityUnit == 0:
		return "which probabilities the stages have is not known"
	}
	return ""
}

// withheld reports whether too many open deals are presumed lost for history to say what stages are worth. How many is told, too.
func withheld(p *audit.Pass, pipeline int32, most audit.Share) (presumed int, yes bool) {
	presumed, closed := p.Stats.PresumedLostOf(pipeline)
	return presumed, float64(presumed) > float64(most)*float64(closed)
}

// setOdds is the fix that sets the given stages' probabilities to what history shows; advice where the CRM takes none from a
// program or the stages say just that already.
func setOdds(p *audit.Pass, rungs []rung) *audit.Fix {
	var edits []crm.Edit
	for _, r := range rungs {
		text, ok := p.Snap.Schema.ProbabilityText(r.target)
		if was, _ := says(p, r); !ok || was == text {
			continue
		}
		edits = append(edits, setStage(p, r.stage, crm.FieldProbability, text))
	}
	if len(edits) == 0 {
		return &audit.Fix{Kind: audit.FixAdvice}
	}
	return &audit.Fix{Kind: audit.FixOdds, Edits: edits}
}

// says is the probability of a stage as an edit would write it.
func says(p *audit.Pass, r rung) (text string, ok bool) {
	if r.says == nil {
		return "", false
	}
	return p.Snap.Schema.ProbabilityText(*r.says)
}

// setStage is the edit of one field of a stage. Before holds the name alone: a stage that was renamed since is another step of the
// sale. What the field said is read from the live stage when a plan is made, so that an undo brings back that very text.
func setStage(p *audit.Pass, stage int32, field, value string) crm.Edit {
	st := p.Snap.Stage(stage)
	return crm.Edit{
		Target: crm.Ref{Portal: p.Snap.Portal, Kind: crm.KindStage, ID: st.ID}, Op: crm.OpSet,
		Before: crm.Fields{crm.FieldName: st.Name}, After: crm.Fields{field: value},
	}
}

// wholly offers the fix by history for all of a pipeline's stages where history shows every one of them by at least n deals, few
// enough open deals are presumed lost, and the outcome is right by the given measure; else advice.
func wholly(p *audit.Pass, pipeline int32, rungs []rung, n int, most audit.Share, right func(targets []float64) bool) *audit.Fix {
	var targets []float64
	for _, r := range rungs {
		if !r.known || r.odds.Closed < n {
			return &audit.Fix{Kind: audit.FixAdvice}
		}
		targets = append(targets, r.target)
	}
	if _, too := withheld(p, pipeline, most); too || !right(targets) {
		return &audit.Fix{Kind: audit.FixAdvice}
	}
	return setOdds(p, rungs)
}
