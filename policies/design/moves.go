package design

import (
	"iter"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// wholeHistory is the share of a pipeline's deals whose way must be known for the absence of a move to be believed.
const wholeHistory = 0.9

// aDay is the unit in which policies count time.
const aDay = audit.Days(24 * time.Hour)

// movedSince yields the deals with a known way that made a move after a moment; archived deals are left out.
func movedSince(p *audit.Pass, after crm.Instant) iter.Seq[crm.Row] {
	c := p.Snap.Columns()
	return func(yield func(crm.Row) bool) {
		for i := range int32(p.Snap.Len()) {
			if c.Archived[i] || !c.Known[i].Has(crm.FactHistory) {
				continue
			}
			if moves := p.Snap.Moves(i); len(moves) < 2 || moves[len(moves)-1].At <= after {
				continue
			}
			if !yield(p.Snap.Deal(i)) {
				return
			}
		}
	}
}

// unseen reports whether moves within a pipeline since a moment could be missing from what is known.
func unseen(p *audit.Pass, pipeline int32, since crm.Instant) bool {
	known, deals := p.Stats.HistoryKnown(pipeline)
	return float64(known) < wholeHistory*float64(deals) || p.Snap.Schema.HistoryFrom > since
}

// wayNotKnown is why moves that nobody saw cannot be counted.
const wayNotKnown = "too few deals have a known way through the stages"

// stray is a move within a pipeline that its rules could have forbidden: it left out a stage, or went back.
type stray struct {
	pipeline int32
	skip     bool // else back
	at       crm.Instant
	by       crm.Origin
}

// strays are the moves of a deal that left out an open stage in which it had never been, or went back from one open stage to another.
// Losing a deal leaves out nothing; what we moved is none.
func strays(p *audit.Pass, visits []audit.Visit) []stray {
	var out []stray
	for i := 1; i < len(visits); i++ {
		from, to := visits[i-1].Stage, visits[i].Stage
		if from == crm.None || to == crm.None || visits[i].Origin == crm.OriginPlumbline || p.Snap.PipelineOf(from) != p.Snap.PipelineOf(to) {
			continue
		}
		a, b := p.Snap.Stage(from), p.Snap.Stage(to)
		s := stray{pipeline: p.Snap.PipelineOf(to), at: visits[i].Entered, by: visits[i].Origin}
		switch {
		case b.Kind == crm.Open && a.Kind == crm.Open && to < from:
			out = append(out, s)
		case b.Kind != crm.Lost && to > from && leftOut(p, visits[:i], from, to):
			s.skip = true
			out = append(out, s)
		}
	}
	return out
}

// leftOut reports whether an open stage between two was never visited before. What is ordered after won is no step on the way.
func leftOut(p *audit.Pass, before []audit.Visit, from, to int32) bool {
	for stage := from + 1; stage < to; stage++ {
		switch p.Snap.Stage(stage).Kind {
		case crm.Won:
			return false
		case crm.Lost:
			continue
		}
		been := false
		for _, v := range before {
			been = been || v.Stage == stage
		}
		if !been {
			return true
		}
	}
	return false
}

// movers names who makes moves.
func movers() []string {
	return []string{crm.OriginUnknown: "somebody", crm.OriginPerson: "people", crm.OriginAutomation: "automation",
		crm.OriginIntegration: "integrations", crm.OriginImport: "imports", crm.OriginPlumbline: "Plumbline"}
}

// canForbid tells whether the CRM can forbid moves in a pipeline, and what it forbids now; why is "" where that is known.
func canForbid(p *audit.Pass, pipeline int32) (rules crm.Rules, can bool, why string) {
	if r := p.Snap.Schema.Pipelines[pipeline].Rules; r != nil {
		return *r, true, ""
	}
	for _, m := range p.Snap.Schema.Unknown {
		if m.Fact&crm.FactRules != 0 {
			return rules, false, m.Why
		}
	}
	if p.Snap.Schema.RulesAvailable {
		return rules, false, "the rules of this pipeline could not be read"
	}
	return rules, false, ""
}
