package deals

import (
	"cmp"
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed duplicate-deal.md
var duplicateDealDoc string

type duplicateDeal struct {
	Window audit.Days `yaml:"window" desc:"deals created further apart than this are no duplicates"`
}

// DuplicateDeal finds open deals that are there twice.
func DuplicateDeal() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "duplicate-deal", Title: "There twice", Doc: duplicateDealDoc,
		Group: audit.Deals, Family: audit.FamilyRecord, Rank: 5, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedName, audit.NeedCompany, audit.NeedCreated, audit.NeedContacts}, Sources: "S2 P", Fix: audit.FixAdvice, Subject: crm.KindDeal,
		Facts:   crm.FactName | crm.FactCompany | crm.FactCreated | crm.FactContacts,
		Message: `{{count .others_count}} more open {{if eq .others_count 1.0}}deal{{else}}deals{{end}} of the same company with the same name: {{join .others}}`,
	}, duplicateDeal{Window: 90 * aDay})
}

func (s duplicateDeal) Validate() error {
	if s.Window <= 0 {
		return errors.New("window must be more than 0d")
	}
	return nil
}

func (s duplicateDeal) Check(p *audit.Pass) {
	same := allNamesakes(p)
	for r := range p.Open() {
		switch {
		case !r.Known.Has(crm.FactName):
			p.Unknown(r, audit.NeedName, "its name is not known")
		case !r.Known.Has(crm.FactCompany):
			p.Unknown(r, audit.NeedCompany, "its company is not known")
		default:
			if group, ok := same[r.Index]; ok {
				s.judge(p, r, group)
			} else {
				p.OK(r)
			}
		}
	}
}

// judge looks at a deal that has namesakes, itself among them in the order of creation.
func (s duplicateDeal) judge(p *audit.Pass, r crm.Row, group []namesake) {
	if !r.Known.Has(crm.FactCreated) || r.Created.IsZero() {
		p.Unknown(r, audit.NeedCreated, "when it was created is not known, and others of its name are open")
		return
	}
	group = s.near(group, r.Index)
	switch {
	case len(group) < 2:
		p.OK(r)
	case r.Company == 0:
		p.Unknown(r, audit.NeedContacts, "whether the other open deals of its name are with the same contact is not known")
	default:
		s.found(p, r, group)
	}
}

// maxOthers is how many duplicates a finding names.
const maxOthers = 10

func (s duplicateDeal) found(p *audit.Pass, r crm.Row, group []namesake) {
	since := group[1].created // the second one made the first a duplicate
	since = max(since, r.Created)
	var others []string
	for _, o := range group {
		if o.index != r.Index && len(others) < maxOthers {
			others = append(others, p.Snap.ID(o.index))
		}
	}
	p.Found(r, audit.Found{
		Severity: audit.Medium, Since: since, Fix: advice(),
		Facts: audit.Facts{"others": others, "others_count": float64(len(group) - 1)},
	})
}

// near is the part of a group in which a deal is, where it parts wherever two that follow one another are too far apart.
func (s duplicateDeal) near(group []namesake, deal int32) []namesake {
	from, at := 0, -1
	for i, g := range group {
		if i > 0 && g.created.Sub(group[i-1].created) > s.Window.Duration() {
			if at >= 0 {
				return group[from:i]
			}
			from = i
		}
		if g.index == deal {
			at = i
		}
	}
	return group[from:]
}

// namesake is an open deal whose name and company are known.
type namesake struct {
	name    uint64 // of the folded name
	company crm.TextID
	index   int32
	created crm.Instant // none: not known
}

// namesakesKey asks for the namesakes, which all checks of an audit share.
type namesakesKey struct{}

// allNamesakes are the groups of open deals of one company, or of none, whose names read the same, by deal; in each, those whose
// creation is known come in its order. Deals that are alone are in none.
func allNamesakes(p *audit.Pass) map[int32][]namesake {
	return p.Once(namesakesKey{}, func() any {
		var all []namesake
		c := p.Snap.Columns()
		for i := range c.ID {
			if c.Status[i] != crm.Open || c.Archived[i] || !c.Known[i].Has(crm.FactName|crm.FactCompany) || nobody(p.Snap, int32(i)) {
				continue
			}
			if hash, ok := vocabulary.HashCase(p.Snap.Text(c.Name[i])); ok {
				all = append(all, namesake{hash, c.Company[i], int32(i), known(p.Snap.Deal(int32(i)), crm.FactCreated, c.Created[i])})
			}
		}
		slices.SortFunc(all, func(a, b namesake) int {
			return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.company, b.company), cmp.Compare(a.created, b.created), cmp.Compare(a.index, b.index))
		})
		out := map[int32][]namesake{}
		for from := 0; from < len(all); {
			to := from + 1
			for to < len(all) && all[to].name == all[from].name && all[to].company == all[from].company {
				to++
			}
			if to-from > 1 {
				groupUp(p.Snap, all[from:to], out)
			}
			from = to
		}
		return out
	}).(map[int32][]namesake)
}

// nobody reports whether a deal is known to be with no company and no contact: it is nobody's duplicate.
func nobody(snap *crm.Snapshot, i int32) bool {
	c := snap.Columns()
	return c.Company[i] == 0 && c.Known[i].Has(crm.FactContacts) && snap.Contacts(i) == 0
}

// groupUp adds the groups among deals whose names have one hash: those whose names really read the same.
func groupUp(snap *crm.Snapshot, list []namesake, out map[int32][]namesake) {
	groups := map[string][]namesake{}
	for _, n := range list {
		folded := vocabulary.FoldCase(snap.Text(snap.Columns().Name[n.index]))
		groups[folded] = append(groups[folded], n)
	}
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		dated := slices.DeleteFunc(slices.Clone(group), func(n namesake) bool { return n.created.IsZero() })
		for _, n := range group {
			out[n.index] = dated
		}
	}
}
