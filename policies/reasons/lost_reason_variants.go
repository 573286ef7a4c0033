package reasons

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/losses"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed lost-reason-variants.md
var lostReasonVariantsDoc string

type lostReasonVariants struct {
	Texts int `yaml:"texts" desc:"how many different texts for one reason are too many"`
}

// LostReasonVariants finds reasons that are written in several ways, so that no report adds them up.
func LostReasonVariants() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "lost-reason-variants", Title: "One loss reason in several wordings", Doc: lostReasonVariantsDoc,
		Group: audit.Reasons, Family: audit.FamilySetup, Rank: 103, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedLossReason}, Sources: "S1", Fix: audit.FixLossReason, Subject: crm.KindPortal,
		After: []string{freeText}, Facts: crm.FactLossReason | crm.FactLossDetail | crm.FactClosed,
		Message: `{{count .reasons_count}} loss reasons stand in several wordings: {{join .groups}}`,
	}, lostReasonVariants{Texts: 2})
}

// freeText is the policy that covers variants: where reasons live in text, all of them are.
const freeText = "lost-reason-free-text"

func (s lostReasonVariants) Validate() error {
	if s.Texts < 2 {
		return errors.New("texts must be at least 2")
	}
	return nil
}

// How many reasons, and texts of each, a finding names.
const (
	maxGroups = 10
	maxTexts  = 6
)

// variants are the texts that mean one reason, and how often they stand there.
type variants struct {
	name  string
	texts map[string]int
}

func (v variants) deals() int {
	n := 0
	for _, k := range v.texts {
		n += k
	}
	return n
}

// String tells the texts, the commonest first.
func (v variants) String() string {
	var list []string
	for _, text := range commonest(v.texts, maxTexts) {
		list = append(list, fmt.Sprintf("%q (%d)", text, v.texts[text]))
	}
	if more := len(v.texts) - maxTexts; more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return v.name + ": " + strings.Join(list, ", ")
}

func (s lostReasonVariants) Check(p *audit.Pass) {
	if p.Snap.Schema.LossReason.Kind == "" {
		p.UnknownAt(crm.KindPortal, 0, audit.NeedLossReason, "where it keeps loss reasons is not known")
		return
	}
	if p.Flagged(freeText, crm.KindPortal, 0) {
		return
	}
	book := losses.Of(p)
	groups, known := s.groups(p, book)
	switch {
	case !known:
		p.UnknownAt(crm.KindPortal, 0, audit.NeedLossReason, "why its deals were lost is not known")
	case len(groups) == 0:
		p.OKAt(crm.KindPortal, 0)
	default:
		var told []string
		for _, g := range groups[:min(len(groups), maxGroups)] {
			told = append(told, g.String())
		}
		p.FoundAt(crm.KindPortal, 0, audit.Found{
			Severity: audit.Medium, Facts: audit.Facts{"reasons_count": float64(len(groups)), "groups": told}, Fix: s.fix(p, book),
		})
	}
}

// groups are the reasons that stand in too many wordings, those with the most deals first. Texts mean one reason by their
// class, or where they have none, or one that says no reason, by reading nearly the same.
func (s lostReasonVariants) groups(p *audit.Pass, book *losses.Book) (found []variants, known bool) {
	type wording struct{ text, class string }
	counts := map[wording]int{}
	lost, mute := 0, 0
	for r := range p.Lost() {
		l := book.Loss(r)
		lost++
		if !l.Known {
			mute++
		}
		if l.Text != "" && l.Class != vocabulary.Junk && (l.Chosen || p.Snap.Schema.LossReason.Kind != crm.LossOptions) {
			counts[wording{strings.TrimSpace(l.Text), l.Class}]++
		}
	}
	by, alike := map[string]*variants{}, likeness{}
	for _, w := range slices.SortedFunc(maps.Keys(counts), func(a, b wording) int { return cmp.Compare(a.text, b.text) }) {
		key, name := "class "+w.class, vocabulary.Label(w.class)
		if w.class == "" || w.class == vocabulary.Other {
			key, name = "text "+alike.of(vocabulary.Fold(w.text)), "the same text"
		}
		if by[key] == nil {
			by[key] = &variants{name: name, texts: map[string]int{}}
		}
		by[key].texts[w.text] += counts[w]
	}
	for _, key := range slices.Sorted(maps.Keys(by)) {
		if len(by[key].texts) >= s.Texts {
			found = append(found, *by[key])
		}
	}
	slices.SortStableFunc(found, func(a, b variants) int { return cmp.Compare(b.deals(), a.deals()) })
	return found, lost == 0 || mute < lost
}

// likeness finds texts that read nearly the same among those with the same first letters.
type likeness map[string][]string

// of returns the text of the group that a folded text belongs to: an earlier one that is nearly the same, else itself.
func (l likeness) of(folded string) string {
	var letters strings.Builder
	for w := range strings.FieldsSeq(folded) {
		r, _ := utf8.DecodeRuneInString(w)
		letters.WriteRune(r)
	}
	alike := letters.String()
	for _, other := range l[alike] {
		if vocabulary.NearlyEqual(other, folded) {
			return other
		}
	}
	l[alike] = append(l[alike], folded)
	return folded
}

// fix gives every loss whose text differs from its option in nothing but case, accents and punctuation the option's own text:
// nothing that people wrote is lost by it. What else is worded differently is for lost-reason-nonstandard, deal by deal, or for
// people to settle.
func (s lostReasonVariants) fix(p *audit.Pass, book *losses.Book) *audit.Fix {
	at := p.Snap.Schema.LossReason
	f := &audit.Fix{Kind: audit.FixAdvice, Manual: []string{"settle-wordings"}}
	if at.Kind != crm.LossMixed || !at.Writable {
		return f
	}
	for r := range p.Lost() {
		text := p.Snap.Text(r.LossReason)
		for _, o := range at.Options {
			if book.Loss(r).Chosen && text != o.Value && vocabulary.Fold(text) == vocabulary.Fold(o.Label) {
				f.Edits = append(f.Edits, crm.Edit{
					Target: crm.Ref{Portal: p.Snap.Portal, Kind: crm.KindDeal, ID: p.Snap.ID(r.Index)},
					Op:     crm.OpSet, Before: crm.Fields{crm.FieldLossReason: text}, After: crm.Fields{crm.FieldLossReason: o.Value},
				})
				break
			}
		}
	}
	if len(f.Edits) > 0 {
		f.Kind = audit.FixLossReason
	}
	return f
}
