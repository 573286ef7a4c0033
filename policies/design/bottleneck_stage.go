package design

import (
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed bottleneck-stage.md
var bottleneckStageDoc string

type bottleneckStage struct {
	Factor   float64     `yaml:"factor" desc:"how many times the usual median stay of the other stages the median stay may be"`
	MinStays int         `yaml:"min_stays" desc:"how many stays it takes to tell"`
	Piled    audit.Share `yaml:"piled" desc:"share of the open deals in the stage above which it is graded medium"`
	Growth   float64     `yaml:"growth" desc:"how many times that of the year before the median stay must be to be graded medium"`
	Window   audit.Days  `yaml:"window" desc:"stays that began in this time are looked at, against those of as long before"`
}

// BottleneckStage finds stages in which deals stay far longer than in the others of their pipeline.
func BottleneckStage() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "bottleneck-stage", Title: "A stage where deals pile up", Doc: bottleneckStageDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 15, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedHistory, audit.NeedHistoryN}, Sources: "S3 S5", Fix: audit.FixAdvice, Subject: crm.KindStage,
		Facts: crm.FactHistory | crm.FactCreated | crm.FactClosed,
		Message: `Half of the stays in "{{.stage}}" last longer than {{days .stay_days}}, in the other stages usually {{days .others_days}}; ` +
			`{{pct .open_rate}} of the open deals are in it`,
	}, bottleneckStage{Factor: 2, MinStays: 30, Piled: 0.5, Growth: 1.25, Window: oneYear})
}

func (s bottleneckStage) Validate() error {
	if s.Factor < 1 || s.Growth < 1 {
		return errors.New("factor and growth must be at least 1")
	}
	return sized(s.Window, s.MinStays, "min_stays")
}

func (s bottleneckStage) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		all := slices.Collect(openStages(p, pipeline))
		for stage := range p.OpenStages(pipeline) {
			p.Compare(audit.Comparison{
				Kind: crm.KindStage, Index: stage,
				Weigh: func(st *audit.Stats) audit.Evidence { return s.weigh(st, pipeline, stage, all) },
				Tell:  func(audit.Evidence) audit.Found { return s.found(p, stage, all) },
			})
		}
	}
}

func (s bottleneckStage) weigh(st *audit.Stats, pipeline, stage int32, all []int32) audit.Evidence {
	if pathless(st, pipeline) {
		return wayUnknown()
	}
	w := audit.Last(s.Window.Float())
	stay, others := s.medians(st, stage, all, w)
	return audit.Evidence{
		N: st.Stays(stage, w).N(), Least: s.MinStays, Effect: others > 0 && stay > s.Factor*others, P: st.LongerThanOthers(stage, w),
	}
}

// medians are the median stay in a stage, and the median of those of the other stages; 0 where there is none.
func (s bottleneckStage) medians(st *audit.Stats, stage int32, all []int32, w audit.Window) (stay, others float64) {
	var rest []float64
	for _, other := range all {
		if days, ok := medianStay(st.Stays(other, w)); ok && other != stage {
			rest = append(rest, days)
		}
	}
	stay, _ = medianStay(st.Stays(stage, w))
	return stay, audit.SampleOf(rest...).Quantile(0.5)
}

// medianStay is the median of stays. Where fewer than half of them have been seen to end it is longer than what this gives: the
// time after which as many as could be seen had ended.
func medianStay(stays audit.Stays) (days float64, ok bool) {
	for part := 10; part > 0 && !ok; part-- {
		days, ok = stays.Quantile(float64(part) / 20)
	}
	return days, ok
}

// found grades the stage: where most deals pile up in it, or it became slower, today and a week ago, it is not only slow by nature.
func (s bottleneckStage) found(p *audit.Pass, stage int32, all []int32) audit.Found {
	stay, others := s.medians(p.Stats, stage, all, audit.Last(s.Window.Float()))
	out := audit.Found{
		Severity: audit.Low, Fix: advice(),
		Facts: audit.Facts{
			"stage": p.Snap.Stage(stage).Name, "stay_days": stay, "others_days": others, "open_rate": p.Stats.OpenShare(stage).Share(),
		},
	}
	if s.worse(p.Stats, stage) && s.worse(p.Stats.Ago(settled), stage) {
		out.Severity = audit.Medium
	}
	return out
}

func (s bottleneckStage) worse(st *audit.Stats, stage int32) bool {
	if st.OpenShare(stage).Share() > float64(s.Piled) {
		return true
	}
	days := s.Window.Float()
	before := st.Stays(stage, audit.Window{From: 2 * days, To: days})
	then, ok := medianStay(before)
	now, _ := medianStay(st.Stays(stage, audit.Last(days)))
	return ok && before.N() >= s.MinStays && now >= s.Growth*then
}
