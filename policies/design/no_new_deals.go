package design

import (
	_ "embed"
	"errors"
	"math"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed no-new-deals.md
var noNewDealsDoc string

type noNewDeals struct {
	Part    audit.Share `yaml:"part" desc:"part of the usual number below which the number of new deals must not fall"`
	MinMean int         `yaml:"min_mean" desc:"how many new deals the window must usually bring"`
	Window  audit.Days  `yaml:"window" desc:"time looked at; what is usual is the mean of the six such times before it"`
}

// NoNewDeals finds pipelines into which far fewer deals come than did.
func NoNewDeals() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "no-new-deals", Title: "New deals dry up", Doc: noNewDealsDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 29, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedCreated, audit.NeedHistoryN}, Sources: "S4 S5", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts:   crm.FactCreated | crm.FactOrigin | crm.FactHistory,
		Message: `{{count .new_count}} new deals in {{days .window_days}}; usually there are {{count .usual_count}}`,
	}, noNewDeals{Part: 0.5, MinMean: 10, Window: audit.Days(30 * 24 * time.Hour)})
}

func (s noNewDeals) Validate() error {
	if s.Part <= 0 {
		return errors.New("part must be more than 0%")
	}
	return sized(s.Window, s.MinMean, "min_mean")
}

const (
	timesBefore = 6    // windows before the one looked at, which tell what is usual
	surely      = 0.01 // below which p must lie: new deals come in waves, more than chance would make
)

func (s noNewDeals) Check(p *audit.Pass) {
	for i := range p.Pipelines() {
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: i, Level: surely,
			Weigh: func(st *audit.Stats) audit.Evidence {
				n, before := s.count(st, i)
				return audit.Evidence{
					N: before, Least: timesBefore * s.MinMean, Effect: timesBefore*float64(n) < float64(s.Part)*float64(before),
					P: audit.RarerEvents(n, s.Window.Float(), before, timesBefore*s.Window.Float()),
				}
			},
			Tell: func(audit.Evidence) audit.Found {
				n, before := s.count(p.Stats, i)
				return audit.Found{
					Severity: audit.Medium, Fix: advice(),
					Facts: audit.Facts{"new_count": float64(n), "usual_count": math.Round(float64(before) / timesBefore), "window_days": s.Window.Float()},
				}
			},
		})
	}
}

// count tells how many deals came in the window, and how many in the six before it.
func (s noNewDeals) count(st *audit.Stats, pipeline int32) (n, before int) {
	w := s.Window.Float()
	return st.NewDeals(pipeline, audit.Last(w)), st.NewDeals(pipeline, audit.Window{From: (timesBefore + 1) * w, To: w})
}
