package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed unused-pipeline.md
var unusedPipelineDoc string

type unusedPipeline struct {
	Limit audit.Days `yaml:"limit" desc:"for how long nothing may have been created or moved in the pipeline"`
}

// UnusedPipeline finds pipelines in which nothing happens while another one lives.
func UnusedPipeline() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "unused-pipeline", Title: "A pipeline that nobody uses", Doc: unusedPipelineDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 31, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedStageEntry, audit.NeedCreated}, Sources: "P", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts: crm.FactCreated | crm.FactStageEntry | crm.FactClosed | crm.FactHistory | crm.FactCloser,
		Message: `Nothing was created or moved in it {{if index . "last_at"}}since {{date .last_at}}{{else}}at all{{end}}; the limit is {{days .limit_days}}` +
			`{{if index . "open_count"}}, and {{count .open_count}} deals are still open there{{end}}`,
	}, unusedPipeline{Limit: 180 * aDay})
}

func (s unusedPipeline) Validate() error {
	if s.Limit <= 0 {
		return errors.New("limit must be more than 0d")
	}
	return nil
}

// life is what a pipeline shows of being used.
type life struct {
	last crm.Instant // when something was created or moved there last
	open int
	mute int // deals that may have been created or moved unseen
}

func (s unusedPipeline) Check(p *audit.Pass) {
	lives := signs(p)
	since := p.Now.Add(-s.Limit.Duration())
	alive := 0
	for i := range lives {
		if lives[i].last > since {
			alive++
		}
	}
	for pipeline := range p.Pipelines() {
		l := lives[pipeline]
		made := p.Snap.Schema.Pipelines[pipeline].Created
		switch {
		case alive == 0, l.last > since, made > since:
			p.OKAt(crm.KindPipeline, pipeline)
		case l.mute > 0:
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedStageEntry, "when its deals were created or moved is not known")
		default:
			facts := audit.Facts{"limit_days": s.Limit.Float()}
			if !l.last.IsZero() {
				facts["last_at"] = l.last.String()
			}
			if l.open > 0 {
				facts["open_count"] = float64(l.open)
			}
			found := audit.Found{Severity: audit.Low, Facts: facts, Fix: advice()}
			if from := max(l.last, made); !from.IsZero() {
				found.Since = from.Add(s.Limit.Duration())
			}
			p.FoundAt(crm.KindPipeline, pipeline, found)
		}
	}
}

// signs tells of each pipeline when something happened there last. Archived deals count: they were used. What we moved does not.
func signs(p *audit.Pass) []life {
	out := make([]life, len(p.Snap.Schema.Pipelines))
	c := p.Snap.Columns()
	for i := range int32(p.Snap.Len()) {
		l, known := &out[p.Snap.PipelineOf(c.Stage[i])], c.Known[i]
		if c.Status[i] == crm.Open && !c.Archived[i] {
			l.open++
		}
		moves := p.Snap.Moves(i)
		for k := len(moves) - 1; k >= 0; k-- {
			if moves[k].Origin != crm.OriginPlumbline && moves[k].Stage != crm.None {
				at := &out[p.Snap.PipelineOf(moves[k].Stage)]
				at.last = max(at.last, moves[k].At)
			}
		}
		entry := known.Has(crm.FactStageEntry) && !c.StageEntry[i].IsZero()
		whole := known.Has(crm.FactHistory) && len(moves) > 0
		switch {
		case whole:
		case entry:
			l.last = max(l.last, c.StageEntry[i])
		default:
			l.mute++
		}
		if known.Has(crm.FactCreated) && !whole {
			l.last = max(l.last, c.Created[i])
		}
		if known.Has(crm.FactClosed) && c.Status[i] != crm.Open && !p.Snap.ClosedByUs(i) {
			l.last = max(l.last, c.Closed[i])
		}
	}
	return out
}
