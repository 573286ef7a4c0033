package reasons

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/losses"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed lost-reason-other-overused.md
var lostReasonOtherOverusedDoc string

type lostReasonOtherOverused struct {
	Limit     audit.Share `yaml:"limit" desc:"share of the losses that may be for another reason"`
	MinLosses int         `yaml:"min_losses" desc:"how many losses it takes to tell"`
	Window    audit.Days  `yaml:"window" desc:"time looked at"`
}

// LostReasonOtherOverused finds portals where too many deals are lost for "other" reasons: an option is missing.
func LostReasonOtherOverused() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "lost-reason-other-overused", Title: "Too many losses for \"other\" reasons", Doc: lostReasonOtherOverusedDoc,
		Group: audit.Reasons, Family: audit.FamilySetup, Rank: 102, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedLossReason, audit.NeedClosed, audit.NeedHistoryN}, Sources: "S1", Fix: audit.FixAdvice, Subject: crm.KindPortal,
		Facts: crm.FactLossReason | crm.FactLossDetail | crm.FactClosed,
		Message: `{{count .other_count}} of {{count .losses_count}} deals ({{pct .other_rate}}) were lost for "other" reasons` +
			`{{if index . "details"}}; their details mean: {{join .details}}{{end}}`,
	}, lostReasonOtherOverused{Limit: 0.2, MinLosses: 20, Window: audit.Days(180 * 24 * time.Hour)})
}

func (s lostReasonOtherOverused) Validate() error {
	switch {
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	case s.MinLosses < 1:
		return errors.New("min_losses must be at least 1")
	}
	return nil
}

// others are the losses of a window, and what the details of those for other reasons mean.
type others struct {
	rate    audit.Rate
	mute    int // losses of which the reason is not known
	details map[string]int
}

func (s lostReasonOtherOverused) Check(p *audit.Pass) {
	if p.Snap.Schema.LossReason.Kind == "" {
		p.UnknownAt(crm.KindPortal, 0, audit.NeedLossReason, "where it keeps loss reasons is not known")
		return
	}
	book := losses.Of(p)
	p.Compare(audit.Comparison{
		Kind: crm.KindPortal,
		Weigh: func(st *audit.Stats) audit.Evidence {
			o := s.count(book, st)
			if o.rate.N < s.MinLosses && o.rate.N+o.mute >= s.MinLosses {
				return audit.CannotCompare(audit.NeedLossReason, "why its deals were lost is not known")
			}
			return audit.Evidence{N: o.rate.N, Least: s.MinLosses, Effect: o.rate.Share() > float64(s.Limit), P: audit.ShareAbove(o.rate, float64(s.Limit))}
		},
		Tell: func(audit.Evidence) audit.Found { return s.tell(p, book) },
	})
}

func (s lostReasonOtherOverused) count(book *losses.Book, st *audit.Stats) others {
	o := others{details: map[string]int{}}
	for r := range losses.Within(st, s.Window) {
		l := book.Loss(r)
		if !l.Known {
			o.mute++
			continue
		}
		o.rate.N++
		if l.Class != vocabulary.Other {
			continue
		}
		o.rate.K++
		if vocabulary.Blank(l.Detail) {
			continue
		}
		if read := book.Read(l.Detail); read.Class != "" && read.Class != vocabulary.Junk && read.Class != vocabulary.Other {
			o.details[read.Class]++
		}
	}
	return o
}

func (s lostReasonOtherOverused) tell(p *audit.Pass, book *losses.Book) audit.Found {
	o := s.count(book, p.Stats)
	facts := audit.Facts{"losses_count": float64(o.rate.N), "other_count": float64(o.rate.K), "other_rate": o.rate.Share()}
	classes := make([]string, 0, len(o.details))
	for c := range o.details {
		classes = append(classes, c)
	}
	slices.SortFunc(classes, func(a, b string) int { return cmp.Or(o.details[b]-o.details[a], cmp.Compare(a, b)) })
	manual := []string{"read-other-losses"}
	if len(classes) > 0 {
		var list []string
		for _, c := range classes {
			list = append(list, fmt.Sprintf("%s (%d)", vocabulary.Label(c), o.details[c]))
		}
		facts["details"] = list
		manual = []string{advise(book, classes[0], o.details[classes[0]])}
	}
	return audit.Found{Severity: audit.Medium, Facts: facts, Fix: &audit.Fix{Kind: audit.FixAdvice, Manual: manual}}
}

// advise says which option the details ask for: one to add, or one that is there and is not chosen.
func advise(book *losses.Book, class string, n int) string {
	if o, ok := book.Option(class); ok {
		return fmt.Sprintf("Choose %q in place of \"other\": the details of %d losses mean it", o.Label, n)
	}
	return fmt.Sprintf("Add the option %q: the details of %d losses for \"other\" reasons mean it", vocabulary.Label(class), n)
}
