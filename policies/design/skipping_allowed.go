package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed skipping-allowed.md
var skippingAllowedDoc string

type skippingAllowed struct {
	Window  audit.Days `yaml:"window" desc:"time looked at"`
	MinDeal int        `yaml:"min_deals" desc:"how many deals must have left out a stage, or gone back, for the rule to be proposed"`
}

// SkippingAllowed finds pipelines in which the CRM could forbid leaving out stages or going back, does not, and deals do it.
func SkippingAllowed() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "skipping-allowed", Title: "Skipping or going back is not forbidden", Doc: skippingAllowedDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 38, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedRules, audit.NeedHistory}, Sources: "S1", Fix: audit.FixRule, Subject: crm.KindPipeline,
		Facts: crm.FactRules | crm.FactHistory,
		Message: `The CRM can forbid it and does not: within {{days .window_days}}` +
			`{{if index . "skips_count"}} {{count .skips_count}} deals left out stages{{end}}` +
			`{{if index . "backs_count"}}{{if index . "skips_count"}} and{{end}} {{count .backs_count}} deals went back{{end}}`,
	}, skippingAllowed{Window: 180 * aDay, MinDeal: 1})
}

func (s skippingAllowed) Validate() error {
	switch {
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	case s.MinDeal < 1:
		return errors.New("min_deals must be at least 1")
	}
	return nil
}

// astray counts the deals of a pipeline that left out a stage, and those that went back.
type astray struct{ skips, backs int }

func (s skippingAllowed) Check(p *audit.Pass) {
	since := p.Now.Add(-s.Window.Duration())
	var counts []astray
	for pipeline := range p.Pipelines() {
		rules, can, why := canForbid(p, pipeline)
		switch {
		case why != "":
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedRules, why)
			continue
		case !can || rules.NoSkip && rules.NoBack:
			p.OKAt(crm.KindPipeline, pipeline)
			continue
		}
		if counts == nil {
			counts = s.count(p, since)
		}
		s.judge(p, pipeline, rules, counts[pipeline], since)
	}
}

func (s skippingAllowed) judge(p *audit.Pass, pipeline int32, rules crm.Rules, n astray, since crm.Instant) {
	facts, fix := audit.Facts{"window_days": s.Window.Float()}, &audit.Fix{Kind: audit.FixRule}
	name := p.Snap.Schema.Pipelines[pipeline].Name
	if !rules.NoSkip && n.skips >= s.MinDeal {
		facts["skips_count"] = float64(n.skips)
		fix.Manual = append(fix.Manual, "forbid-skipping:"+name)
	}
	if !rules.NoBack && n.backs >= s.MinDeal {
		facts["backs_count"] = float64(n.backs)
		fix.Manual = append(fix.Manual, "forbid-going-back:"+name)
	}
	switch {
	case len(fix.Manual) > 0:
		p.FoundAt(crm.KindPipeline, pipeline, audit.Found{Severity: audit.Info, Facts: facts, Fix: fix})
	case unseen(p, pipeline, since):
		p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedHistory, wayNotKnown)
	default:
		p.OKAt(crm.KindPipeline, pipeline)
	}
}

func (skippingAllowed) count(p *audit.Pass, since crm.Instant) []astray {
	out := make([]astray, len(p.Snap.Schema.Pipelines))
	for r := range movedSince(p, since) {
		visits, ok := p.Visits(r)
		if !ok {
			continue
		}
		skips, backs := map[int32]bool{}, map[int32]bool{} // each deal once per pipeline
		for _, m := range strays(p, visits) {
			switch {
			case m.at <= since:
			case m.skip && !skips[m.pipeline]:
				skips[m.pipeline] = true
				out[m.pipeline].skips++
			case !m.skip && !backs[m.pipeline]:
				backs[m.pipeline] = true
				out[m.pipeline].backs++
			}
		}
	}
	return out
}
