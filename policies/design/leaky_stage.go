package design

import (
	"cmp"
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed leaky-stage.md
var leakyStageDoc string

type leakyStage struct {
	Points   audit.Share `yaml:"points" desc:"how far the conversion must have fallen, or lie under that of the pipeline's median stage"`
	MinDeals int         `yaml:"min_deals" desc:"how many deals must have left the stage for good in either time"`
	Window   audit.Days  `yaml:"window" desc:"time looked at, against the 12 months before it"`
	Year     audit.Days  `yaml:"compared_over" desc:"time over which stages are compared with each other"`
}

// LeakyStage finds stages that lose more of their deals than they did, or than the others of their pipeline do.
func LeakyStage() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "leaky-stage", Title: "A stage that loses too many deals", Doc: leakyStageDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 16, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedHistory, audit.NeedHistoryN}, Sources: "S5 S3", Fix: audit.FixAdvice, Subject: crm.KindStage,
		Facts: closings,
		Message: `{{count .on_count}} of the {{count .left_count}} deals that left "{{.stage}}" went on ({{pct .on_rate}}); ` +
			`{{if index . "before_rate"}}in the 12 months before it was {{pct .before_rate}}{{else}}in the pipeline's median stage, "{{.median_stage}}", it is {{pct .median_rate}}{{end}}`,
	}, leakyStage{Points: 0.15, MinDeals: 50, Window: lately, Year: oneYear})
}

func (s leakyStage) Validate() error {
	if s.Points <= 0 || s.Year <= 0 {
		return errors.New("points must be more than 0%, and compared_over more than 0d")
	}
	return sized(s.Window, s.MinDeals, "min_deals")
}

func (s leakyStage) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		all := slices.Collect(openStages(p, pipeline))
		for stage := range p.OpenStages(pipeline) {
			p.Compare(s.fallen(p, pipeline, stage))
			p.Compare(s.lowest(p, pipeline, stage, all))
		}
	}
}

// fallen asks whether fewer deals go on from a stage than in the 12 months before.
func (s leakyStage) fallen(p *audit.Pass, pipeline, stage int32) audit.Comparison {
	rates := func(st *audit.Stats) (now, before audit.Rate) {
		return st.Conversion(stage, audit.Lately(s.Window.Float())), st.Conversion(stage, audit.YearBefore(s.Window.Float()))
	}
	return audit.Comparison{
		Kind: crm.KindStage, Index: stage,
		Weigh: func(st *audit.Stats) audit.Evidence {
			switch {
			case pathless(st, pipeline):
				return wayUnknown()
			case !st.KnowsYearBefore(pipeline, true):
				return tooYoung()
			}
			a, b := rates(st)
			return audit.Evidence{
				N: min(a.N, b.N), Least: s.MinDeals, P: audit.LowerShare(a, b),
				Effect: a.N > 0 && b.Share()-a.Share() >= float64(s.Points)-hair,
			}
		},
		Tell: func(audit.Evidence) audit.Found {
			a, b := rates(p.Stats)
			return audit.Found{Severity: audit.Medium, Fix: advice(), Facts: audit.Facts{
				"stage": p.Snap.Stage(stage).Name, "left_count": float64(a.N), "on_count": float64(a.K), "on_rate": a.Share(), "before_rate": b.Share(),
			}}
		},
	}
}

// lowest asks whether a stage is the one of its pipeline from which the fewest deals go on, and far fewer than usual.
func (s leakyStage) lowest(p *audit.Pass, pipeline, stage int32, all []int32) audit.Comparison {
	return audit.Comparison{
		Kind: crm.KindStage, Index: stage,
		Weigh: func(st *audit.Stats) audit.Evidence {
			if pathless(st, pipeline) {
				return wayUnknown()
			}
			own := st.Conversion(stage, audit.Last(s.Year.Float()))
			middle, rate, lowest := s.middle(st, all)
			return audit.Evidence{
				N: own.N, Least: s.MinDeals, P: audit.LowerShare(own, rate),
				Effect: lowest == stage && middle != stage && rate.Share()-own.Share() >= float64(s.Points)-hair,
			}
		},
		Tell: func(audit.Evidence) audit.Found {
			own := p.Stats.Conversion(stage, audit.Last(s.Year.Float()))
			middle, rate, _ := s.middle(p.Stats, all)
			return audit.Found{Severity: audit.Low, Fix: advice(), Facts: audit.Facts{
				"stage": p.Snap.Stage(stage).Name, "left_count": float64(own.N), "on_count": float64(own.K), "on_rate": own.Share(),
				"median_stage": p.Snap.Stage(middle).Name, "median_rate": rate.Share(),
			}}
		},
	}
}

// middle is the stage with the median conversion of a pipeline's stages with enough deals, its conversion, and the stage with the
// lowest. There is none where fewer than two stages have enough.
func (s leakyStage) middle(st *audit.Stats, all []int32) (stage int32, rate audit.Rate, lowest int32) {
	type entry struct {
		stage int32
		rate  audit.Rate
	}
	var list []entry
	for _, stage := range all {
		if r := st.Conversion(stage, audit.Last(s.Year.Float())); r.N >= s.MinDeals {
			list = append(list, entry{stage, r})
		}
	}
	if len(list) < 2 {
		return crm.None, audit.Rate{}, crm.None
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(a.rate.Share(), b.rate.Share()) })
	at := list[(len(list)-1)/2]
	if len(list) == 2 { // the median of two is the lower one: it is held against the other
		at = list[1]
	}
	return at.stage, at.rate, list[0].stage
}
