package design

import (
	_ "embed"
	"errors"
	"math"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed pipeline-stagnant.md
var pipelineStagnantDoc string

type pipelineStagnant struct {
	Limit   audit.Share `yaml:"limit" desc:"share of the open deals of which something must have been seen"`
	MinOpen int         `yaml:"min_open" desc:"how many open deals it takes to tell"`
	Window  audit.Days  `yaml:"window" desc:"time looked at, at least"`
	Cycles  float64     `yaml:"cycles" desc:"the time is at least this many median cycles of won deals long"`
}

// PipelineStagnant finds pipelines whose open deals neither move nor are answered.
func PipelineStagnant() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "pipeline-stagnant", Title: "Open deals do not move", Doc: pipelineStagnantDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 30, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedStageEntry, audit.NeedMail, audit.NeedActivity, audit.NeedHistoryN}, Sources: "S4", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		After:   []string{notCaptured},
		Facts:   crm.FactHistory | crm.FactStageEntry | crm.FactBuyer | crm.FactCreated | crm.FactClosed,
		Message: `Of {{count .open_count}} open deals only {{count .alive_count}} moved or heard from the buyer within {{days .window_days}}; at least {{pct .limit_rate}} should`,
	}, pipelineStagnant{Limit: 0.2, MinOpen: 20, Window: audit.Days(30 * 24 * time.Hour), Cycles: 0.5})
}

func (s pipelineStagnant) Validate() error {
	if s.Limit <= 0 || s.Cycles < 0 {
		return errors.New("limit must be more than 0%, and cycles not negative")
	}
	return sized(s.Window, s.MinOpen, "min_open")
}

func (s pipelineStagnant) Check(p *audit.Pass) {
	deaf := p.Flagged(notCaptured, crm.KindPortal, 0)
	for i := range p.Pipelines() {
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: i,
			Weigh: func(st *audit.Stats) audit.Evidence {
				r := st.ActiveOpen(i, s.days(st, i))
				if r.N < s.MinOpen && st.OpenDeals(i) >= s.MinOpen {
					return audit.CannotCompare(audit.NeedMail, "whether its open deals moved, or buyers were heard, is not known")
				}
				still := r.N > 0 && r.Share() < float64(s.Limit)
				if still && deaf {
					return audit.CannotCompare(audit.NeedActivity, "activities do not reach the CRM, so that their absence says nothing")
				}
				return audit.Evidence{N: r.N, Least: s.MinOpen, Effect: still, P: audit.ShareBelow(r, float64(s.Limit))}
			},
			Tell: func(audit.Evidence) audit.Found {
				days := s.days(p.Stats, i)
				r := p.Stats.ActiveOpen(i, days)
				return audit.Found{
					Severity: audit.Medium, Fix: advice(),
					Facts: audit.Facts{"open_count": float64(r.N), "alive_count": float64(r.K), "window_days": days, "limit_rate": float64(s.Limit)},
				}
			},
		})
	}
}

// days is the time looked at, in whole days, so that it does not move with every won deal.
func (s pipelineStagnant) days(st *audit.Stats, pipeline int32) float64 {
	return math.Ceil(max(s.Window.Float(), s.Cycles*st.WonCycles(pipeline).Quantile(0.5)))
}
