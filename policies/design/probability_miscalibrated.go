package design

import (
	_ "embed"
	"errors"
	"math"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed probability-miscalibrated.md
var probabilityMiscalibratedDoc string

type probabilityMiscalibrated struct {
	MinClosed int         `yaml:"min_closed" desc:"how many deals that visited the stage must have ended"`
	Points    audit.Share `yaml:"points" desc:"how far the configured probability must lie from the observed one"`
	Presumed  audit.Share `yaml:"presumed_lost" desc:"no value is offered while the open deals presumed lost are more than this share of the closed ones"`
}

// ProbabilityMiscalibrated finds stages that are won far more, or far less often than they say.
func ProbabilityMiscalibrated() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "probability-miscalibrated", Title: "A probability that history refutes", Doc: probabilityMiscalibratedDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 19, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedOdds, audit.NeedHistory, audit.NeedHistoryN}, Sources: "S3 S2", Fix: audit.FixOdds, Subject: crm.KindStage,
		Facts: crm.FactHistory | crm.FactCreated | crm.FactClosed,
		Message: `"{{.stage}}" says {{pct .configured_rate}}; of {{count .closed_count}} deals that were in it {{count .won_count}} were won, which makes {{pct .observed_rate}}` +
			`{{if index . "presumed_count"}}. No value is offered while {{count .presumed_count}} open deals of the pipeline must be presumed lost{{end}}`,
	}, probabilityMiscalibrated{MinClosed: 30, Points: 0.1, Presumed: 0.1})
}

func (s probabilityMiscalibrated) Validate() error {
	switch {
	case s.MinClosed < 1:
		return errors.New("min_closed must be at least 1")
	case s.Points <= 0:
		return errors.New("points must be more than 0%")
	}
	return nil
}

// claim is a stage's probability held against how deals ended.
type claim struct {
	rung
	pipeline int32
	chance   float64 // of an outcome at least as far off, if the stage were right, after Holm
	wrong    bool
}

func (s probabilityMiscalibrated) Check(p *audit.Pass) {
	now, before := s.claims(p, p.Stats), s.claims(p, p.Stats.Ago(settled))
	for i := range now {
		now[i].wrong = now[i].wrong && before[i].wrong && (now[i].odds.Rate < *now[i].says) == (before[i].odds.Rate < *now[i].says)
	}
	given := map[int32]bool{} // stages that the fix of an earlier finding sets
	for _, c := range now {
		s.report(p, c, now, given)
	}
}

// claims are the stages in scope, each judged by itself and then together: the more stages are compared the likelier one of them
// looks wrong by chance.
func (s probabilityMiscalibrated) claims(p *audit.Pass, stats *audit.Stats) []claim {
	var all []claim
	var tested []int
	var chances []float64
	for pipeline := range p.Pipelines() {
		for stage := range p.OpenStages(pipeline) {
			c := claim{rung: rung{stage: stage, says: p.Snap.Stage(stage).Probability}, pipeline: pipeline}
			c.odds, c.known = stats.Odds(stage)
			if c.says != nil && c.known && c.odds.Closed >= s.MinClosed {
				won := audit.Rate{K: c.odds.Won, N: c.odds.Closed}
				c.chance = audit.ShareBelow(won, *c.says)
				if c.odds.Rate > *c.says {
					c.chance = audit.ShareAbove(won, *c.says)
				}
				tested, chances = append(tested, len(all)), append(chances, c.chance)
			}
			all = append(all, c)
		}
	}
	for i, chance := range audit.Holm(chances) {
		c := &all[tested[i]]
		c.chance = chance
		off := math.Abs(*c.says-c.odds.Rate) >= float64(s.Points)-1e-9
		outside := *c.says < audit.WilsonLower(c.odds.Won, c.odds.Closed) || *c.says > audit.WilsonUpper(c.odds.Won, c.odds.Closed)
		c.wrong = off && outside && c.chance < significant
	}
	return all
}

// significant is the chance below which an outcome is taken for no accident.
const significant = 0.05

func (s probabilityMiscalibrated) report(p *audit.Pass, c claim, all []claim, given map[int32]bool) {
	rungs := ladder(p, c.pipeline)
	why := saysNothing(p, c.pipeline, rungs)
	known, _ := p.Stats.HistoryKnown(c.pipeline)
	switch {
	case why != "":
		p.UnknownAt(crm.KindStage, c.stage, audit.NeedOdds, why)
	case c.says == nil:
		p.UnknownAt(crm.KindStage, c.stage, audit.NeedOdds, "it has no probability")
	case known == 0:
		p.UnknownAt(crm.KindStage, c.stage, audit.NeedHistory, "the deals' way through the stages is not known")
	case !c.known || c.odds.Closed < s.MinClosed:
		p.UnknownAt(crm.KindStage, c.stage, audit.NeedHistoryN, "too few of the deals that were in it have ended to tell")
	case !c.wrong:
		p.OKAt(crm.KindStage, c.stage)
	default:
		s.found(p, c, rungs, all, given)
	}
}

func (s probabilityMiscalibrated) found(p *audit.Pass, c claim, rungs []rung, all []claim, given map[int32]bool) {
	f := audit.Found{Severity: audit.Medium, Facts: audit.Facts{
		"stage": p.Snap.Stage(c.stage).Name, "configured_rate": *c.says, "observed_rate": c.odds.Rate,
		"closed_count": float64(c.odds.Closed), "won_count": float64(c.odds.Won),
	}, Fix: &audit.Fix{Kind: audit.FixAdvice}}
	if c.odds.Rate > *c.says {
		f.Severity = audit.Low
	}
	if presumed, too := withheld(p, c.pipeline, s.Presumed); too {
		f.Facts["presumed_count"] = float64(presumed)
	} else {
		f.Fix = setOdds(p, together(c, rungs, all, given))
	}
	p.FoundAt(crm.KindStage, c.stage, f)
}

// together are the stage and those other ones that must change with it, or they would fall behind it: found ones bring a change of
// their own, and given ones are set by the fix of an earlier finding.
func together(c claim, rungs []rung, all []claim, given map[int32]bool) []rung {
	own := map[int32]bool{}
	for _, other := range all {
		own[other.stage] = other.wrong
	}
	at := slices.IndexFunc(rungs, func(r rung) bool { return r.stage == c.stage })
	will := make([]float64, len(rungs))
	change := make([]bool, len(rungs))
	for i, r := range rungs {
		change[i] = i == at || given[r.stage] || own[r.stage]
		will[i] = r.target
		if !change[i] && r.says != nil {
			will[i] = *r.says
		}
	}
	for again := true; again; {
		again = false
		for i := range rungs {
			for j := i + 1; j < len(rungs); j++ {
				if will[i] <= will[j] || change[i] && change[j] || !change[i] && !change[j] {
					continue // in order, or out of it for another reason
				}
				change[i], change[j], will[i], will[j], again = true, true, rungs[i].target, rungs[j].target, true
			}
		}
	}
	var out []rung
	for i, r := range rungs {
		if i == at || change[i] && !own[r.stage] && !given[r.stage] {
			given[r.stage] = true
			out = append(out, r)
		}
	}
	return out
}
