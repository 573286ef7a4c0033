package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed review-overdue.md
var reviewOverdueDoc string

type reviewOverdue struct {
	First   audit.Days `yaml:"first" desc:"how long after the pipeline was made its stages may stay as they were"`
	Deals   int        `yaml:"deals" desc:"how many deals it takes for the first review to be due"`
	Later   audit.Days `yaml:"later" desc:"how long stages may stay as they are while there are high or critical findings about them"`
	Settled audit.Days `yaml:"settled" desc:"a change this soon after the pipeline was made belongs to its making and is no review"`
}

// ReviewOverdue finds pipelines whose stages nobody has looked at again since they were set up, or since they went wrong.
func ReviewOverdue() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "review-overdue", Title: "A review of the stages is overdue", Doc: reviewOverdueDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 23, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedSetup}, Sources: "S5 S2", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		After: grave(),
		Message: `{{if index . "findings"}}The stages were last changed on {{date .changed_at}}, and there are grave findings about them: {{join .findings}}` +
			`{{else}}The stages were never changed since the pipeline was made on {{date .created_at}}; {{count .deals_count}} deals have gone in since{{end}}`,
	}, reviewOverdue{First: 60 * aDay, Deals: 20, Later: 180 * aDay, Settled: 7 * aDay})
}

// grave are the policies about a pipeline or its stages that may find something of high or critical severity.
func grave() []string {
	return []string{"too-many-stages", "starts-too-early", "status-as-stage", "stage-label-contradicts", "closing-stage-missing", "moves-bounce"}
}

func (s reviewOverdue) Validate() error {
	switch {
	case s.First <= 0 || s.Later <= 0:
		return errors.New("first and later must be more than 0d")
	case s.Settled < 0:
		return errors.New("settled must be 0d or more")
	case s.Deals < 1:
		return errors.New("deals must be at least 1")
	}
	return nil
}

func (s reviewOverdue) Check(p *audit.Pass) {
	for pipeline := range p.Pipelines() {
		line := &p.Snap.Schema.Pipelines[pipeline]
		changed := max(line.Changed, line.Created)
		_, deals := p.Stats.HistoryKnown(pipeline)
		untouched := !line.Created.IsZero() && changed <= line.Created.Add(s.Settled.Duration())
		wrong := s.wrong(p, pipeline)
		switch {
		case line.Changed.IsZero():
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedSetup, "when its stages were last changed is not known")
		case untouched && deals >= s.Deals && p.Now > line.Created.Add(s.First.Duration()):
			p.FoundAt(crm.KindPipeline, pipeline, audit.Found{
				Severity: audit.Low, Since: line.Created.Add(s.First.Duration()), Fix: advice(),
				Facts: audit.Facts{"created_at": line.Created.String(), "deals_count": float64(deals)},
			})
		case len(wrong) > 0 && p.Now > changed.Add(s.Later.Duration()):
			p.FoundAt(crm.KindPipeline, pipeline, audit.Found{
				Severity: audit.Low, Since: changed.Add(s.Later.Duration()), Fix: advice(),
				Facts: audit.Facts{"changed_at": changed.String(), "findings": wrong},
			})
		default:
			p.OKAt(crm.KindPipeline, pipeline)
		}
	}
}

// wrong names the policies that found something high or critical about a pipeline or one of its stages.
func (s reviewOverdue) wrong(p *audit.Pass, pipeline int32) []string {
	var out []string
	for _, policy := range grave() {
		worst := p.Gravest(policy, crm.KindPipeline, pipeline)
		for _, stage := range siblings(p, pipeline) {
			worst = max(worst, p.Gravest(policy, crm.KindStage, stage))
		}
		if worst >= audit.High {
			out = append(out, policy)
		}
	}
	return out
}
