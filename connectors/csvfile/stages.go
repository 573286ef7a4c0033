package csvfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// The pipeline of files that have no column for it.
const (
	soleID   = "default"
	soleName = "Deals"
)

// outcomes are the words for a deal's status, folded, as the CRMs' exports translate them.
var outcomes = map[string]crm.Status{
	"open": crm.Open, "aberto": crm.Open, "aberta": crm.Open, "ouvert": crm.Open, "ouverte": crm.Open, "en cours": crm.Open, "abierto": crm.Open, "abierta": crm.Open,
	"offen": crm.Open, "aperto": crm.Open, "otwarta": crm.Open, "açık": crm.Open, "进行中": crm.Open, "開放": crm.Open, "打开": crm.Open,
	"won": crm.Won, "ganho": crm.Won, "ganha": crm.Won, "gagné": crm.Won, "gagnée": crm.Won, "ganado": crm.Won, "ganada": crm.Won, "gewonnen": crm.Won, "vinto": crm.Won,
	"wygrana": crm.Won, "kazanıldı": crm.Won, "kazanılan": crm.Won, "赢单": crm.Won, "已赢单": crm.Won, "成交": crm.Won, "贏單": crm.Won,
	"lost": crm.Lost, "perdido": crm.Lost, "perdida": crm.Lost, "perdu": crm.Lost, "perdue": crm.Lost, "verloren": crm.Lost, "perso": crm.Lost, "przegrana": crm.Lost,
	"kaybedildi": crm.Lost, "kaybedilen": crm.Lost, "输单": crm.Lost, "已输单": crm.Lost, "丢单": crm.Lost, "輸單": crm.Lost,
}

// deletedWords mark deals that the CRM no longer has but still exports.
var deletedWords = []string{"deleted", "excluído", "supprimé", "supprimée", "eliminado", "gelöscht"}

// closingName tells what a stage's name says about its deals when it says nothing else: "Won", "Closed lost".
func closingName(name string) (crm.Status, bool) {
	f := strings.TrimSpace(strings.NewReplacer("closed", "", "(", "", ")", "", "-", " ").Replace(fold(name)))
	k, ok := outcomes[fold(f)]
	return k, ok && k != crm.Open
}

// listed is one stage of --stages.
type listed struct {
	name string
	kind crm.Status
}

// parseStages reads --stages.
func parseStages(s string) (stages []listed, problems []string) {
	items, err := list(s)
	if err != nil {
		return nil, []string{fmt.Sprintf("--stages: %v", err)}
	}
	seen := map[string]bool{}
	for _, it := range items {
		st := listed{name: it}
		if i := strings.LastIndexByte(it, '='); i >= 0 {
			st.name = strings.TrimSpace(it[:i])
			switch word := strings.TrimSpace(it[i+1:]); word {
			case "won":
				st.kind = crm.Won
			case "lost":
				st.kind = crm.Lost
			case "open":
			default:
				problems = append(problems, fmt.Sprintf("--stages: the outcome of %q is %q; it can be open, won or lost", st.name, word))
			}
		}
		if seen[fold(st.name)] || st.name == "" {
			problems = append(problems, fmt.Sprintf("--stages: %q is empty or given twice", it))
		}
		seen[fold(st.name)] = true
		stages = append(stages, st)
	}
	return stages, problems
}

// setup gathers pipelines and stages while rows are read, and orders and closes them at the end.
type setup struct {
	listed    []listed
	pipelines []*pipeline
	byName    map[string]*pipeline
	hasStatus bool
}

// pipeline is a pipeline as it shows itself.
type pipeline struct {
	name   string
	stages []*stage
	byName map[string]*stage
}

// stage is a stage as it shows itself.
type stage struct {
	name     string
	deals    int
	statuses [3]int
	probs    map[string]int // texts of the probability column
	before   map[*stage]int // in how many histories this stage was first entered before another
	rank     int
}

func (s *setup) pipeline(name string) *pipeline {
	if p := s.byName[fold(name)]; p != nil {
		return p
	}
	p := &pipeline{name: name, byName: map[string]*stage{}}
	if s.byName == nil {
		s.byName = map[string]*pipeline{}
	}
	s.byName[fold(name)] = p
	s.pipelines = append(s.pipelines, p)
	return p
}

// stage finds a stage by its name, whatever its case, or makes it. --stages' spelling wins.
func (s *setup) stage(p *pipeline, name string) *stage {
	if st := p.byName[fold(name)]; st != nil {
		return st
	}
	st := &stage{name: name, probs: map[string]int{}, before: map[*stage]int{}}
	for _, l := range s.listed {
		if fold(l.name) == fold(name) {
			st.name = l.name
		}
	}
	p.byName[fold(name)] = st
	p.stages = append(p.stages, st)
	return st
}

// learnOrder notes in which order a deal's history first entered stages.
func learnOrder(visited []*stage) {
	var first []*stage
	for _, st := range visited {
		if slices.Contains(first, st) {
			continue
		}
		for _, earlier := range first {
			earlier.before[st]++
		}
		first = append(first, st)
	}
}

// build makes the schema's pipelines and says in notes what was guessed.
func (s *setup) build() (out []crm.Pipeline, notes []string) {
	if len(s.pipelines) == 0 {
		s.pipeline(soleName)
	}
	for i, p := range s.pipelines {
		if len(s.pipelines) == 1 {
			for _, l := range s.listed { // stages that no deal is in are part of the only pipeline
				s.stage(p, l.name)
			}
		}
		kinds, guessed := s.kinds(p)
		if len(guessed) > 0 {
			notes = append(notes, fmt.Sprintf("the outcome of %s was read from the name alone; --stages settles it", quoteAll(guessed)))
		}
		if note := s.sort(p, kinds); note != "" {
			notes = append(notes, note)
		}
		cp := crm.Pipeline{ID: p.name, Name: p.name, Order: i}
		if p.name == soleName {
			cp.ID = soleID
		}
		for j, st := range p.stages {
			cp.Stages = append(cp.Stages, crm.Stage{ID: st.name, Name: st.name, Order: j, Kind: kinds[st], Probability: st.probability()})
		}
		out = append(out, cp)
	}
	return out, notes
}

// kinds tells which stages are closed: by --stages, else by what the file says of their deals, else by a plain name.
func (s *setup) kinds(p *pipeline) (kinds map[*stage]crm.Status, guessed []string) {
	kinds = map[*stage]crm.Status{}
	for _, st := range p.stages {
		if k, ok := s.listedKind(st.name); ok {
			kinds[st] = k
			continue
		}
		if prob := st.probability(); prob != nil {
			switch *prob {
			case 0:
				kinds[st] = crm.Lost
			case 1:
				kinds[st] = crm.Won
			}
			continue
		}
		k, ok := closingName(st.name)
		if !ok {
			continue
		}
		if s.hasStatus {
			if st.statuses[k] == st.deals {
				kinds[st] = k
			}
			continue
		}
		kinds[st] = k
		guessed = append(guessed, st.name)
	}
	return kinds, guessed
}

func (s *setup) listedKind(name string) (crm.Status, bool) {
	for _, l := range s.listed {
		if l.name == name {
			return l.kind, true
		}
	}
	return crm.Open, false
}

// sort orders a pipeline's stages: as --stages does, those that it leaves out behind its open ones; without it by which
// stage deals entered first, else by first appearance; closed ones last.
func (s *setup) sort(p *pipeline, kinds map[*stage]crm.Status) (note string) {
	if len(s.listed) > 0 {
		return s.sortListed(p, kinds)
	}
	histories := false
	for i, st := range p.stages {
		st.rank = i
		histories = histories || len(st.before) > 0
	}
	beats := map[*stage]int{}
	for _, a := range p.stages {
		for b, n := range a.before {
			if n > b.before[a] {
				beats[a]++
			}
		}
	}
	slices.SortStableFunc(p.stages, func(a, b *stage) int {
		return cmp.Or(cmp.Compare(kinds[a], kinds[b]), cmp.Compare(beats[b], beats[a]), cmp.Compare(a.rank, b.rank))
	})
	from := "the order in which they first appear"
	if histories {
		from = "the order in which deals entered them"
	}
	return fmt.Sprintf("the stages of pipeline %q are in %s; --stages settles it", p.name, from)
}

// sortListed orders stages as --stages does. Open stages that it leaves out stand behind its last open one, closed ones at
// the end.
func (s *setup) sortListed(p *pipeline, kinds map[*stage]crm.Status) (note string) {
	lastOpen := 0
	for i, l := range s.listed {
		if l.kind == crm.Open {
			lastOpen = i
		}
	}
	var extra []string
	for _, st := range p.stages {
		at := slices.IndexFunc(s.listed, func(l listed) bool { return l.name == st.name })
		switch {
		case at >= 0:
			st.rank = 2 * at
		case kinds[st] == crm.Open:
			st.rank = 2*lastOpen + 1
		default:
			st.rank = 2 * len(s.listed)
		}
		if at < 0 {
			extra = append(extra, st.name)
		}
	}
	slices.SortStableFunc(p.stages, func(a, b *stage) int { return cmp.Compare(a.rank, b.rank) })
	if len(extra) == 0 {
		return ""
	}
	return fmt.Sprintf("--stages does not name %s of pipeline %q; open ones stand behind its open stages", quoteAll(extra), p.name)
}

// probability is the one that all deals of the stage show; nil where they show none, or several.
func (st *stage) probability() *float64 {
	if len(st.probs) != 1 {
		return nil
	}
	for text, n := range st.probs {
		if v, ok := parseProbability(text); ok && n == st.deals {
			return &v
		}
	}
	return nil
}
