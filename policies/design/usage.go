package design

import (
	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// settled is how much earlier a statistic must have said the same before it speaks, in days.
const settled = 7

// noHistory reports whether a pipeline has deals but no stage history of any of them.
func noHistory(p *audit.Pass, pipeline int32) bool {
	known, deals := p.Stats.HistoryKnown(pipeline)
	return deals > 0 && known == 0
}

// first reports whether a stage is the first open one of its pipeline: nothing comes before it, so it cannot be passed.
func first(p *audit.Pass, stage int32) bool {
	at := p.Snap.Stage(stage)
	for _, s := range p.Snap.Schema.Pipelines[p.Snap.PipelineOf(stage)].Stages {
		if s.Kind == crm.Open && s.Order < at.Order {
			return false
		}
	}
	return true
}
