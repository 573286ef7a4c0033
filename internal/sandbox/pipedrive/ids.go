package pipedrive

import (
	"strconv"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// numbering gives each of a world's ids a number: its own where it is one, else a small one that no other has.
type numbering struct {
	byText map[string]int64
	used   map[int64]bool
	last   int64
}

func number(texts []string) *numbering {
	n := &numbering{byText: make(map[string]int64, len(texts)), used: make(map[int64]bool, len(texts))}
	for _, t := range texts {
		if id, err := strconv.ParseInt(t, 10, 64); err == nil && id > 0 && !n.used[id] && strconv.FormatInt(id, 10) == t {
			n.byText[t], n.used[id] = id, true
		}
	}
	for _, t := range texts {
		if _, done := n.byText[t]; !done && t != "" {
			n.byText[t] = n.next()
		}
	}
	return n
}

// next is a number that is not in use.
func (n *numbering) next() int64 {
	for n.last++; n.used[n.last]; n.last++ {
	}
	n.used[n.last] = true
	return n.last
}

// idMap holds the numbers of a world's records.
type idMap struct {
	pipelines, stages, users, orgs, persons, deals *numbering
}

func newIDMap(w *sandbox.World) idMap {
	var pipelines, stages, users, orgs, persons, deals []string
	for _, p := range w.Pipelines {
		pipelines = append(pipelines, p.ID)
		for _, s := range p.Stages {
			if open(s) {
				stages = append(stages, s.ID)
			}
		}
	}
	for _, o := range w.Owners {
		users = append(users, o.ID)
	}
	for _, o := range w.Companies {
		orgs = append(orgs, o.ID)
	}
	for _, p := range w.Contacts {
		persons = append(persons, p.ID)
	}
	for i := range w.Deals {
		deals = append(deals, w.Deals[i].ID)
	}
	return idMap{number(pipelines), number(stages), number(users), number(orgs), number(persons), number(deals)}
}

// subject is the number of a planted problem's record as text; what is no such record keeps its id.
func (m idMap) subject(s sandbox.Subject) string {
	kinds := map[string]*numbering{"deal": m.deals, "stage": m.stages, "pipeline": m.pipelines, "owner": m.users}
	if n := kinds[s.Kind]; n != nil {
		if id := n.byText[s.ID]; id != 0 {
			return itoa(id)
		}
	}
	return s.ID
}
