package reasons

import (
	"cmp"
	_ "embed"
	"errors"
	"slices"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed lost-reason-free-text.md
var lostReasonFreeTextDoc string

type lostReasonFreeText struct {
	Filled       audit.Share `yaml:"filled" desc:"share of the losses whose drop-down must be filled"`
	MinLosses    int         `yaml:"min_losses" desc:"how many losses it takes to tell"`
	Window       audit.Days  `yaml:"window" desc:"time looked at"`
	OutsideCount int         `yaml:"outside_count" desc:"where texts beside the list are possible: how many losses with such a text make a finding"`
	OutsideShare audit.Share `yaml:"outside_share" desc:"and what share of the losses they must be"`
}

// LostReasonFreeText finds portals that keep loss reasons as text, where nobody can count them.
func LostReasonFreeText() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "lost-reason-free-text", Title: "Loss reasons are free text", Doc: lostReasonFreeTextDoc,
		Group: audit.Reasons, Family: audit.FamilySetup, Rank: 100, Severity: audit.High,
		Needs:   []audit.Need{audit.NeedLossReason, audit.NeedClosed, audit.NeedHistoryN},
		Sources: "S1", Fix: audit.FixLossFields, Subject: crm.KindPortal,
		Facts: crm.FactLossReason | crm.FactLossDetail | crm.FactClosed,
		Message: `{{if index . "texts"}}{{count .outside_count}} of {{count .losses_count}} losses carry a text outside the list of reasons: {{join .texts}}` +
			`{{else if index . "field"}}The drop-down "{{.field}}" is filled for {{count .filled_count}} of {{count .losses_count}} losses only` +
			`{{else}}The reasons why {{count .losses_count}} deals were lost are free text: there is no drop-down for them{{end}}`,
	}, lostReasonFreeText{Filled: 0.5, MinLosses: 10, Window: audit.Days(180 * 24 * time.Hour), OutsideCount: 3, OutsideShare: 0.05})
}

func (s lostReasonFreeText) Validate() error {
	switch {
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	case s.MinLosses < 1:
		return errors.New("min_losses must be at least 1")
	}
	return nil
}

// tally counts the losses of the window.
type tally struct {
	losses, filled int
	undated, mute  int            // losses whose closing time, or whose reason, is not known
	outside        map[string]int // texts that are no option, and how often
}

func (t tally) outsiders() int {
	n := 0
	for _, k := range t.outside {
		n += k
	}
	return n
}

func (s lostReasonFreeText) Check(p *audit.Pass) {
	kind := p.Snap.Schema.LossReason.Kind
	t := s.count(p)
	outside := t.outsiders()
	switch {
	case kind == "", t.losses < s.MinLosses && t.losses+t.mute >= s.MinLosses:
		p.UnknownAt(crm.KindPortal, 0, audit.NeedLossReason, "where it keeps loss reasons is not known")
	case t.losses < s.MinLosses && t.losses+t.undated >= s.MinLosses:
		p.UnknownAt(crm.KindPortal, 0, audit.NeedClosed, "when its deals were lost is not known")
	case t.losses < s.MinLosses:
		p.UnknownAt(crm.KindPortal, 0, audit.NeedHistoryN, "too few deals were lost lately to tell")
	case kind == crm.LossMixed && outside >= s.OutsideCount && float64(outside) >= float64(s.OutsideShare)*float64(t.losses):
		p.FoundAt(crm.KindPortal, 0, audit.Found{
			Severity: audit.High,
			Facts:    audit.Facts{"losses_count": float64(t.losses), "outside_count": float64(outside), "texts": commonest(t.outside, 10)},
			Fix:      listToType(p),
		})
	case kind != crm.LossMixed && float64(t.filled) < float64(s.Filled)*float64(t.losses):
		facts := audit.Facts{"losses_count": float64(t.losses), "filled_count": float64(t.filled)}
		if kind == crm.LossOptions {
			facts["field"] = p.Snap.Schema.LossReason.Field
		}
		p.FoundAt(crm.KindPortal, 0, audit.Found{Severity: audit.High, Facts: facts, Fix: dropDown(p)})
	default:
		p.OKAt(crm.KindPortal, 0)
	}
}

func (s lostReasonFreeText) count(p *audit.Pass) tally {
	t := tally{outside: map[string]int{}}
	options := listed(p.Snap.Schema.LossReason.Options)
	from := p.Now.Add(-s.Window.Duration())
	for r := range p.Lost() {
		reason := p.Snap.Text(r.LossReason)
		switch {
		case !r.Known.Has(crm.FactClosed) || r.Closed.IsZero():
			t.undated++
			continue
		case r.Closed < from:
			continue
		case !r.Known.Has(crm.FactLossReason):
			t.mute++
			continue
		}
		t.losses++
		if vocabulary.Blank(reason) {
			continue
		}
		if p.Snap.Schema.LossReason.Kind == crm.LossOptions {
			t.filled++
		}
		if p.Snap.Schema.LossReason.Kind == crm.LossMixed && !options[vocabulary.Fold(reason)] {
			t.outside[reason]++
		}
	}
	return t
}

// listed is the set of what a reason reads like that was chosen from the list.
func listed(options []crm.Option) map[string]bool {
	set := map[string]bool{}
	for _, o := range options {
		set[vocabulary.Fold(o.Value)], set[vocabulary.Fold(o.Label)] = true, true
	}
	return set
}

// commonest returns the most frequent texts, at most n.
func commonest(texts map[string]int, n int) []string {
	list := make([]string, 0, len(texts))
	for t := range texts {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(texts[b]-texts[a], cmp.Compare(a, b))
	})
	return list[:min(n, len(list))]
}
