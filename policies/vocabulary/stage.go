package vocabulary

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Kind is what a stage's name says of the stage.
type Kind string

// The kinds of stages, by name only.
const (
	NotEngaged  Kind = "not-engaged" // the buyer has not shown yet that it wants to buy
	Engaged     Kind = "engaged"     // something happened between buyer and seller
	Proposal    Kind = "proposal"
	Negotiation Kind = "negotiation" // after the proposal, up to the signature
	Status      Kind = "status"      // no step but a state: on hold, no response, nurture
	LossReason  Kind = "loss-reason" // why a deal was lost
	Subjective  Kind = "subjective"  // the seller's opinion: hot, likely
	Won         Kind = "won"
	Lost        Kind = "lost"
)

//go:embed stages.tsv
var stagesTSV string

// phrase is one line's phrase, folded.
type phrase struct {
	kind   Kind
	text   string
	whole  bool // it must be the whole name
	inline bool // it may stand within a word, for scripts without spaces
}

var stagePhrases = sync.OnceValue(func() []phrase {
	var list []phrase
	for _, l := range rows(stagesTSV) {
		list = append(list, phrases(Kind(l[0]), l[2] == "is", l[3])...)
	}
	for _, l := range rows(reasonsTSV) {
		if l[2] == "both" {
			list = append(list, phrases(LossReason, true, l[3])...)
		}
	}
	return list
})

func phrases(kind Kind, whole bool, cell string) []phrase {
	var list []phrase
	for _, p := range strings.Split(cell, "|") {
		list = append(list, phrase{kind: kind, text: Fold(p), whole: whole, inline: spaceless(p)})
	}
	return list
}

// rows splits an embedded table of four columns. A malformed line is a mistake in the program.
func rows(tsv string) [][]string {
	var list [][]string
	for _, line := range strings.Split(tsv, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 4 {
			panic(fmt.Sprintf("vocabulary: line %q has %d columns, want 4", line, len(cells)))
		}
		list = append(list, cells)
	}
	return list
}

type span struct {
	kind     Kind
	from, to int
}

// Stage returns the kinds that a stage's name reads as, each once, in the order of the constants' names; none when the name
// is not known. A name can be of several kinds.
func Stage(name string) []Kind {
	folded := FoldName(name)
	var found []span
	for _, p := range stagePhrases() {
		if s, ok := p.find(folded); ok {
			found = append(found, s)
		}
	}
	var kinds []Kind
	for _, s := range found {
		if !within(s, found) {
			kinds = append(kinds, s.kind)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func (p phrase) find(folded string) (span, bool) {
	switch {
	case p.whole:
		return span{p.kind, 0, len(folded)}, folded == p.text
	case p.inline:
		i := strings.Index(folded, p.text)
		return span{p.kind, i, i + len(p.text)}, i >= 0
	default:
		i := strings.Index(" "+folded+" ", " "+p.text+" ")
		return span{p.kind, i, i + len(p.text)}, i >= 0
	}
}

// within reports whether a longer match of another kind holds s.
func within(s span, all []span) bool {
	for _, o := range all {
		if o.kind != s.kind && o.from <= s.from && s.to <= o.to && o.to-o.from > s.to-s.from {
			return true
		}
	}
	return false
}
