package design

import (
	_ "embed"
	"fmt"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed rules-bypassed.md
var rulesBypassedDoc string

type rulesBypassed struct{}

// RulesBypassed finds pipelines in which deals make moves that the CRM is set to forbid.
func RulesBypassed() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "rules-bypassed", Title: "Pipeline rules are bypassed", Doc: rulesBypassedDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 37, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedRules, audit.NeedHistory}, Sources: "P", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts: crm.FactRules | crm.FactHistory,
		Message: `Since {{date .since_at}}, when the rules were first seen on,` +
			`{{if index . "skips_count"}} {{count .skips_count}} moves left out stages{{end}}` +
			`{{if index . "backs_count"}}{{if index . "skips_count"}} and{{end}} {{count .backs_count}} went back{{end}}` +
			` that the CRM is set to forbid, made by {{join .by}}`,
	}, rulesBypassed{})
}

// breach counts the forbidden moves of a pipeline.
type breach struct {
	skips, backs int
	by           [crm.OriginPlumbline + 1]int
	first        crm.Instant
}

func (s rulesBypassed) Check(p *audit.Pass) {
	breaches := s.count(p)
	for pipeline := range p.Pipelines() {
		rules, can, why := canForbid(p, pipeline)
		b := breaches[pipeline]
		switch {
		case why != "":
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedRules, why)
		case !can || !rules.NoSkip && !rules.NoBack:
			p.OKAt(crm.KindPipeline, pipeline)
		case rules.Since.IsZero():
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedRules, "since when the rules are on is not known")
		case b.skips+b.backs > 0:
			p.FoundAt(crm.KindPipeline, pipeline, audit.Found{Severity: audit.Medium, Facts: b.facts(rules.Since), Since: b.first, Fix: advice()})
		case unseen(p, pipeline, rules.Since):
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedHistory, wayNotKnown)
		default:
			p.OKAt(crm.KindPipeline, pipeline)
		}
	}
}

func (rulesBypassed) count(p *audit.Pass) []breach {
	out := make([]breach, len(p.Snap.Schema.Pipelines))
	var oldest crm.Instant
	for i := range p.Snap.Schema.Pipelines {
		if r := p.Snap.Schema.Pipelines[i].Rules; r != nil && !r.Since.IsZero() && (oldest.IsZero() || r.Since < oldest) {
			oldest = r.Since
		}
	}
	if oldest.IsZero() {
		return out
	}
	for r := range movedSince(p, oldest) {
		visits, ok := p.Visits(r)
		if !ok {
			continue
		}
		for _, m := range strays(p, visits) {
			rules, _, _ := canForbid(p, m.pipeline)
			if rules.Since.IsZero() || m.at <= rules.Since || m.skip && !rules.NoSkip || !m.skip && !rules.NoBack {
				continue
			}
			out[m.pipeline].add(m)
		}
	}
	return out
}

func (b *breach) add(m stray) {
	if m.skip {
		b.skips++
	} else {
		b.backs++
	}
	b.by[m.by]++
	if b.first.IsZero() || m.at < b.first {
		b.first = m.at
	}
}

func (b *breach) facts(since crm.Instant) audit.Facts {
	var by []string
	for origin, n := range b.by {
		if n > 0 {
			by = append(by, fmt.Sprintf("%s (%d)", movers()[origin], n))
		}
	}
	facts := audit.Facts{"since_at": since.String(), "by": by}
	if b.skips > 0 {
		facts["skips_count"] = float64(b.skips)
	}
	if b.backs > 0 {
		facts["backs_count"] = float64(b.backs)
	}
	return facts
}
