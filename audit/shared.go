package audit

import (
	"cmp"
	"slices"
)

// shared is what several policies of one audit need, and what they leave beside their findings.
type shared struct {
	made         map[any]any
	lossPhrases  map[string][]string
	classifier   string
	unclassified []TextCount
}

// Once gives what several policies of an audit work out of its snapshot, made by the first that asks. The key is a value of a
// type of the asker's own, so that nobody else asks by it.
func (p *Pass) Once(key any, make func() any) any {
	s := &p.run.shared
	if v, ok := s.made[key]; ok {
		return v
	}
	if s.made == nil {
		s.made = map[any]any{}
	}
	v := make()
	s.made[key] = v
	return v
}

// LossPhrases are the portal's own words for loss reasons, by the option's value.
func (p *Pass) LossPhrases() map[string][]string { return p.run.shared.lossPhrases }

// TextCount is a text and on how many deals it stands.
type TextCount struct {
	Text  string `json:"text"`
	Deals int    `json:"deals"`
}

// maxUnclassified is how many unclassified texts a result names.
const maxUnclassified = 20

// Unclassified tells which classifier read the loss reasons, and of which texts it could make nothing, for [Result]. The last
// to tell is right.
func (p *Pass) Unclassified(classifier string, texts []TextCount) {
	list := slices.Clone(texts)
	slices.SortFunc(list, func(a, b TextCount) int { return cmp.Or(b.Deals-a.Deals, cmp.Compare(a.Text, b.Text)) })
	p.run.shared.classifier, p.run.shared.unclassified = classifier, list[:min(len(list), maxUnclassified)]
}
