package design

import (
	_ "embed"
	"errors"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/losses"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed unresponsive-losses.md
var unresponsiveLossesDoc string

type unresponsiveLosses struct {
	Limit     audit.Share `yaml:"limit" desc:"share of the losses that may be unresponsive or not interested"`
	MinLosses int         `yaml:"min_losses" desc:"how many losses with a reason it takes to tell"`
	Window    audit.Days  `yaml:"window" desc:"time looked at"`
}

// UnresponsiveLosses finds pipelines that lose too many deals because buyers stop answering.
func UnresponsiveLosses() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "unresponsive-losses", Title: "Too many losses fall silent", Doc: unresponsiveLossesDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 28, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedLossReason, audit.NeedClosed, audit.NeedHistoryN}, Sources: "S5 S4", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts:   crm.FactLossReason | crm.FactLossDetail | crm.FactClosed | crm.FactCloser | crm.FactHistory,
		Message: `{{count .silent_count}} of {{count .losses_count}} losses with a reason ({{pct .silent_rate}}) were unresponsive or not interested; the limit is {{pct .limit_rate}}`,
	}, unresponsiveLosses{Limit: 0.3, MinLosses: 20, Window: audit.Days(180 * 24 * time.Hour)})
}

func (s unresponsiveLosses) Validate() error {
	switch {
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	case s.MinLosses < 1:
		return errors.New("min_losses must be at least 1")
	}
	return nil
}

// silence is how many of a pipeline's losses fell silent.
type silence struct {
	rate audit.Rate
	mute int // losses of which the reason is not known
}

func (s unresponsiveLosses) Check(p *audit.Pass) {
	book := losses.Of(p)
	counted := map[crm.Instant]map[int32]*silence{}
	at := func(st *audit.Stats, pipeline int32) silence {
		all, ok := counted[st.Now()]
		if !ok {
			all = s.count(book, st)
			counted[st.Now()] = all
		}
		if n := all[pipeline]; n != nil {
			return *n
		}
		return silence{}
	}
	for i := range p.Pipelines() {
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: i,
			Weigh: func(st *audit.Stats) audit.Evidence { return s.weigh(at(st, i)) },
			Tell: func(audit.Evidence) audit.Found {
				n := at(p.Stats, i).rate
				return audit.Found{
					Severity: audit.Medium, Fix: &audit.Fix{Kind: audit.FixAdvice},
					Facts: audit.Facts{"losses_count": float64(n.N), "silent_count": float64(n.K), "silent_rate": n.Share(), "limit_rate": float64(s.Limit)},
				}
			},
		})
	}
}

func (s unresponsiveLosses) weigh(n silence) audit.Evidence {
	if n.rate.N < s.MinLosses && n.rate.N+n.mute >= s.MinLosses {
		return audit.CannotCompare(audit.NeedLossReason, "why its deals were lost is not known")
	}
	return audit.Evidence{N: n.rate.N, Least: s.MinLosses, Effect: n.rate.Share() > float64(s.Limit), P: audit.ShareAbove(n.rate, float64(s.Limit))}
}

// count tells of every pipeline how many of its losses of the window fell silent. Mass closings, what a policy closed, and
// texts that nobody can tell say nothing about buyers.
func (s unresponsiveLosses) count(book *losses.Book, st *audit.Stats) map[int32]*silence {
	all := map[int32]*silence{}
	for r := range losses.Within(st, s.Window) {
		if st.MassClosed(r.Index) {
			continue
		}
		n := all[r.Pipeline]
		if n == nil {
			n = &silence{}
			all[r.Pipeline] = n
		}
		switch l := book.Loss(r); {
		case !l.Known:
			n.mute++
		case l.Class == vocabulary.Unresponsive, l.Class == vocabulary.NotInterested:
			n.rate.K++
			n.rate.N++
		case l.Class != "" && l.Class != vocabulary.Junk && l.Class != vocabulary.ClosedByPolicy:
			n.rate.N++
		}
	}
	return all
}
