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
		b := &Book{snap: p.Snap, classifier: c, options: map[string]string{}, labels: map[string]string{}, readings: map[string]vocabulary.Reading{}}
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

// Loss says why a deal was lost.
func (b *Book) Loss(r crm.Row) Loss {
	at := b.snap.Schema.LossReason
	out := Loss{Known: r.Known.Has(crm.FactLossReason), DetailKnown: at.DetailField == "" || r.Known.Has(crm.FactLossDetail), Detail: b.snap.Text(r.LossDetail)}
	if !out.Known {
		return out
	}
	reason := b.snap.Text(r.LossReason)
	if class, listed := b.options[vocabulary.Fold(reason)]; !vocabulary.Blank(reason) && (listed || at.Kind == crm.LossOptions) {
		if !listed { // the portal has the option no more, or its list was not read
			class = b.ClassOf(crm.Option{Value: reason, Label: reason})
		}
		out.Chosen, out.Text, out.Class, out.Confidence = true, reason, class, 1
		if label := b.labels[reason]; label != "" {
			out.Text = label
		}
		if beside := b.snap.Text(r.LossText); vocabulary.Blank(out.Detail) && at.TextField != "" && vocabulary.Fold(beside) != vocabulary.Fold(reason) {
			out.Detail = beside
		}
		return out
	}
	if out.Text = reason; vocabulary.Blank(reason) {
		out.Text = b.snap.Text(r.LossText)
	}
	if vocabulary.Blank(out.Text) {
		out.Text = ""
		return out
	}
	read := b.Read(out.Text)
	out.Class, out.Confidence = read.Class, read.Confidence
	return out
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
