package design

import (
	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

// advice is the fix of whatever only a person can decide.
func advice() *audit.Fix { return &audit.Fix{Kind: audit.FixAdvice} }

// reading tells what a stage's name says.
func reading(p *audit.Pass, stage int32) vocabulary.StageReading {
	return vocabulary.Default().Read(p.Snap.Stage(stage).Name)
}

// unreadable reports that a stage's name is in no language that the vocabulary has.
func unreadable(p *audit.Pass, stage int32) {
	p.UnknownAt(crm.KindStage, stage, audit.NeedLanguage, "its name is in a language that the vocabulary does not have")
}

// siblings returns the flat indexes of all stages of a pipeline, in order, whatever the scope of a check.
func siblings(p *audit.Pass, pipeline int32) []int32 {
	var list []int32
	for i := range p.Snap.Schema.Pipelines[pipeline].Stages {
		list = append(list, p.Snap.StageIndex(pipeline, int32(i)))
	}
	return list
}

// emptyStages is why the absence of a stage cannot be told of a file.
const emptyStages = "stages that no deal is in are not known"
