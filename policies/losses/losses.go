// Package losses says why the deals of a portal were lost, as far as what people chose and typed tells.
//
// Its one idea: an option says what its label says, a text what the classifier makes of it, and both are read once per audit.
// Its one rule: what is not sure enough to be an answer stays unsaid.
package losses

import (
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

// Book holds what the losses of one snapshot say.
type Book struct {
	snap       *crm.Snapshot
	classifier *vocabulary.Classifier
	options    map[string]string // what an option reads like, folded → its class
	labels     map[string]string // an option's value → its label
	readings   map[string]vocabulary.Reading
	sayings    map[crm.TextID]said
	unlisted   map[crm.TextID]string
	empty      map[string]bool // details that say nothing
}

// Loss is why one deal was lost.
type Loss struct {
	// Known is false where the deal's loss reason was not read.
	Known bool
	// Chosen tells that the reason is an option of the list, if in other letters.
	Chosen bool
	// Text is what tells the reason: an option's label, or the text as it stands in the CRM; "" where nothing is said.
	Text string
	// Class is the option's value that it means, [vocabulary.Junk] where it says nothing; "" where it cannot be told.
	Class string
	// Confidence is how likely Class is right, 0 to 1; 1 for an option.
	Confidence float64
	// Detail is what is said beside the reason; "" where nothing is.
	Detail string
	// DetailKnown is false where the portal has a place for details that was not read.
	DetailKnown bool
}

// bookKey is what the book of an audit is found by.
type bookKey struct{}

// Of returns the audit's book, made when first asked for.
func Of(p *audit.Pass) *Book {
	return p.Once(bookKey{}, func() any {
		// Phrases that cannot be used were refused when the configuration was read.
		c, _ := vocabulary.NewClassifier(p.LossPhrases())
		b := &Book{snap: p.Snap, classifier: c, options: map[string]string{}, labels: map[string]string{}, readings: map[string]vocabulary.Reading{},
			sayings: map[crm.TextID]said{}, unlisted: map[crm.TextID]string{}, empty: map[string]bool{}}
		for _, o := range p.Snap.Schema.LossReason.Options {
			class := b.ClassOf(o)
			b.options[vocabulary.Fold(o.Value)], b.options[vocabulary.Fold(o.Label)], b.labels[o.Value] = class, class, o.Label
		}
		p.Unclassified(c.Version(), b.unclassified(p.Now))
		return b
	}).(*Book)
}

// ClassOf is the class that an option means: by its label, else by its value; "" where neither is known.
func (b *Book) ClassOf(o crm.Option) string {
	for _, text := range []string{o.Label, o.Value} {
		if value, ok := vocabulary.Reason(text); ok {
			return value
		}
		if vocabulary.BareOther(text) {
			return vocabulary.Other
		}
		if r := b.classifier.Read(text); r.Class != "" && r.Class != vocabulary.Junk {
			return r.Class
		}
	}
	return ""
}

// Option returns the first option of the portal's list that means a class and can still be chosen.
func (b *Book) Option(class string) (crm.Option, bool) {
	for _, o := range b.snap.Schema.LossReason.Options {
		if !o.Hidden && b.options[vocabulary.Fold(o.Label)] == class {
			return o, true
		}
	}
	return crm.Option{}, false
}

// Read classifies a text, each once per audit.
func (b *Book) Read(text string) vocabulary.Reading {
	r, ok := b.readings[text]
	if !ok {
		r = b.classifier.Read(text)
		b.readings[text] = r
	}
	return r
}

// said is what one text of the snapshot says as a loss reason.
type said struct {
	Loss
	blank bool
	fold  string
}

// says reads a text once per audit, whether it is an option or was typed.
func (b *Book) says(text crm.TextID) said {
	if s, ok := b.sayings[text]; ok {
		return s
	}
	reason := b.snap.Text(text)
	s := said{blank: vocabulary.Blank(reason), fold: vocabulary.Fold(reason)}
	if class, listed := b.options[s.fold]; listed && !s.blank {
		s.Loss = Loss{Known: true, Chosen: true, Text: reason, Class: class, Confidence: 1}
		if label := b.labels[reason]; label != "" {
			s.Text = label
		}
	} else if !s.blank {
		read := b.Read(reason)
		s.Loss = Loss{Known: true, Text: reason, Class: read.Class, Confidence: read.Confidence}
	}
	b.sayings[text] = s
	return s
}

// Loss says why a deal was lost.
func (b *Book) Loss(r crm.Row) Loss {
	at := b.snap.Schema.LossReason
	if !r.Known.Has(crm.FactLossReason) {
		return Loss{Detail: b.snap.Text(r.LossDetail), DetailKnown: at.DetailField == "" || r.Known.Has(crm.FactLossDetail)}
	}
	reason := b.says(r.LossReason)
	out := reason.Loss
	switch {
	case reason.blank:
		out = b.says(r.LossText).Loss
		out.Chosen = false
	case at.Kind == crm.LossOptions && !out.Chosen: // the portal has the option no more, or its list was not read
		out.Chosen, out.Confidence, out.Class = true, 1, b.gone(r.LossReason)
	}
	out.Known, out.Detail, out.DetailKnown = true, b.snap.Text(r.LossDetail), at.DetailField == "" || r.Known.Has(crm.FactLossDetail)
	if out.Chosen && at.TextField != "" && vocabulary.Blank(out.Detail) {
		if beside := b.says(r.LossText); beside.fold != reason.fold {
			out.Detail = b.snap.Text(r.LossText)
		}
	}
	return out
}

// gone is the class of an option that is not on the list.
func (b *Book) gone(option crm.TextID) string {
	class, ok := b.unlisted[option]
	if !ok {
		text := b.snap.Text(option)
		class = b.ClassOf(crm.Option{Value: text, Label: text})
		b.unlisted[option] = class
	}
	return class
}

// SaysNothing reports whether a detail cannot serve as one; see [vocabulary.SaysNothing].
func (b *Book) SaysNothing(detail string) bool {
	nothing, ok := b.empty[detail]
	if !ok {
		nothing = vocabulary.SaysNothing(detail)
		b.empty[detail] = nothing
	}
	return nothing
}

// unclassified counts the texts of the last 365 days' losses that the classifier cannot tell.
func (b *Book) unclassified(now crm.Instant) []audit.TextCount {
	counts := map[string]int{}
	c := b.snap.Columns()
	for i := range c.ID {
		lately := !c.Known[i].Has(crm.FactClosed) || c.Closed[i].IsZero() || c.Closed[i] > now.Add(-365*24*time.Hour)
		if c.Status[i] != crm.Lost || c.Archived[i] || !lately {
			continue
		}
		if l := b.Loss(b.snap.Deal(int32(i))); l.Class == "" && l.Text != "" {
			counts[l.Text]++
		}
	}
	list := make([]audit.TextCount, 0, len(counts))
	for text, n := range counts {
		list = append(list, audit.TextCount{Text: text, Deals: n})
	}
	return list
}
