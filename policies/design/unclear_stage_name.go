package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed unclear-stage-name.md
var unclearStageNameDoc string

type unclearStageName struct {
	MinLetters    int `yaml:"min_letters" desc:"a name of fewer letters and digits says next to nothing"`
	MinCharacters int `yaml:"min_characters" desc:"the same for names in Han, kana or Hangul, where a character says more"`
	MaxLetters    int `yaml:"max_letters" desc:"a name of more letters and digits, or characters, is too long"`
}

// UnclearStageName finds stages whose names do not tell them apart, say next to nothing, or are too long to be read at a glance.
func UnclearStageName() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "unclear-stage-name", Title: "A stage name that is not clear", Doc: unclearStageNameDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 7, Severity: audit.Low,
		Sources: "S1 S5", Fix: audit.FixRename, Subject: crm.KindStage,
		Message: `{{if eq .why "same"}}"{{.stage}}" reads the same as "{{.other}}"{{else if eq .why "short"}}"{{.stage}}" is too short a name to tell what has happened{{else}}"{{.stage}}" is too long a name to be read at a glance{{end}}`,
	}, unclearStageName{MinLetters: 3, MinCharacters: 2, MaxLetters: 40})
}

func (s unclearStageName) Validate() error {
	switch {
	case s.MinLetters < 0, s.MinCharacters < 0:
		return errors.New("min_letters and min_characters must not be below 0")
	case s.MaxLetters < max(s.MinLetters, s.MinCharacters, 1):
		return errors.New("max_letters is below the least")
	}
	return nil
}

func (s unclearStageName) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		for stage := range p.Stages(pipeline) {
			if facts := s.judge(p, pipeline, stage); facts != nil {
				p.FoundAt(crm.KindStage, stage, audit.Found{Severity: audit.Low, Facts: facts, Fix: rename(p, stage)})
			} else {
				p.OKAt(crm.KindStage, stage)
			}
		}
	}
}

// rename asks a person for another name.
func rename(p *audit.Pass, stage int32) *audit.Fix {
	return &audit.Fix{Kind: audit.FixRename, Manual: []string{"rename-stage:" + p.Snap.Stage(stage).Name}}
}

// judge says what is wrong with a stage's name; nil: nothing. Of two stages that read the same the later one is wrong.
func (s unclearStageName) judge(p *audit.Pass, pipeline, stage int32) audit.Facts {
	name := p.Snap.Stage(stage).Name
	facts := audit.Facts{"stage": name}
	for _, other := range siblings(p, pipeline) {
		if other == stage {
			break
		}
		if before := p.Snap.Stage(other).Name; vocabulary.Same(name, before) {
			facts["why"], facts["other"] = "same", before
			return facts
		}
	}
	letters, dense := vocabulary.Length(vocabulary.Unnumbered(name))
	least := s.MinLetters
	if dense {
		least = s.MinCharacters
	}
	switch {
	case letters < least:
		facts["why"], facts["limit_count"] = "short", float64(least)
	case letters > s.MaxLetters:
		facts["why"], facts["limit_count"] = "long", float64(s.MaxLetters)
	default:
		return nil
	}
	return facts
}
