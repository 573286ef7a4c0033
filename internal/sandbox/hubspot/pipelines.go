package hubspot

import (
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// pipeline is a pipeline of deals.
type pipeline struct {
	id, label        string
	order            int
	created, updated time.Time
	stages           []*stage
	rules            sandbox.Rules
}

// stage is a stage. Whether it is closed follows from its probability: HubSpot keeps no flag of its own.
type stage struct {
	id, label        string
	order            int
	probability      float64
	created, updated time.Time
}

func (s *stage) closed() bool { return s.probability == 0 || s.probability == 1 }

// stageView is a stage as the API shows it.
type stageView struct {
	ID               string            `json:"id"`
	Label            string            `json:"label"`
	DisplayOrder     int               `json:"displayOrder"`
	Metadata         map[string]string `json:"metadata"`
	WritePermissions string            `json:"writePermissions"`
	Archived         bool              `json:"archived"`
	CreatedAt        string            `json:"createdAt"`
	UpdatedAt        string            `json:"updatedAt"`
}

// pipelineView is a pipeline as the API shows it.
type pipelineView struct {
	ID           string      `json:"id"`
	Label        string      `json:"label"`
	DisplayOrder int         `json:"displayOrder"`
	Stages       []stageView `json:"stages"`
	Archived     bool        `json:"archived"`
	CreatedAt    string      `json:"createdAt"`
	UpdatedAt    string      `json:"updatedAt"`
}

func (s *stage) view() stageView {
	closed := "false"
	if s.closed() {
		closed = "true"
	}
	return stageView{ID: s.id, Label: s.label, DisplayOrder: s.order, WritePermissions: "CRM_PERMISSIONS_ENFORCEMENT",
		Metadata:  map[string]string{"isClosed": closed, "probability": decimal(s.probability)},
		CreatedAt: stampOfOrigin(s.created), UpdatedAt: stampOfOrigin(s.updated)}
}

// view lists the stages by id, not by order: HubSpot promises no order either.
func (l *pipeline) view() pipelineView {
	v := pipelineView{ID: l.id, Label: l.label, DisplayOrder: l.order, Stages: []stageView{},
		CreatedAt: stampOfOrigin(l.created), UpdatedAt: stampOfOrigin(l.updated)}
	for _, s := range l.stages {
		v.Stages = append(v.Stages, s.view())
	}
	slices.SortFunc(v.Stages, func(a, b stageView) int { return strings.Compare(a.ID, b.ID) })
	return v
}

// stampOfOrigin is stamp, but writes what has no date as HubSpot does for its default pipeline: 1970, without milliseconds.
func stampOfOrigin(t time.Time) string {
	if t.IsZero() || t.Unix() == 0 {
		return "1970-01-01T00:00:00Z"
	}
	return stamp(t)
}

func (p *portal) loadPipelines() {
	for i, l := range p.world.Pipelines {
		line := &pipeline{id: l.ID, label: l.Label, order: i, created: l.Created, updated: l.Created}
		for j, s := range l.Stages {
			line.stages = append(line.stages, &stage{id: s.ID, label: s.Label, order: j, probability: s.Probability,
				created: l.Created, updated: l.Created})
		}
		if len(line.stages) > 0 {
			line.stages[0].updated = later(l.Created, l.Changed)
		}
		if l.Rules != nil {
			line.rules = *l.Rules
		}
		p.lines = append(p.lines, line)
	}
}

// line is a pipeline by id; nil when there is none.
func (p *portal) line(id string) *pipeline {
	for _, l := range p.lines {
		if l.id == id {
			return l
		}
	}
	return nil
}

func (l *pipeline) stage(id string) *stage {
	for _, s := range l.stages {
		if s.id == id {
			return s
		}
	}
	return nil
}

// stage finds a stage in any pipeline: stage ids are unique among an object type's.
func (p *portal) stage(id string) (*pipeline, *stage) {
	for _, l := range p.lines {
		if s := l.stage(id); s != nil {
			return l, s
		}
	}
	return nil, nil
}

// servePipelines answers GET .../pipelines/deals: everything in one page.
func (p *portal) servePipelines(c *call) (any, error) {
	if c.kind.name != "deals" {
		return results([]pipelineView{}), nil
	}
	views := make([]pipelineView, len(p.lines))
	for i, l := range p.lines {
		views[i] = l.view()
	}
	slices.SortFunc(views, func(a, b pipelineView) int { return strings.Compare(a.ID, b.ID) })
	return results(views), nil
}

func (p *portal) servePipeline(c *call) (any, error) {
	l := p.line(c.path("pipeline"))
	if l == nil {
		return nil, noRoute()
	}
	return l.view(), nil
}

func (p *portal) serveStages(c *call) (any, error) {
	l := p.line(c.path("pipeline"))
	if l == nil {
		return nil, noRoute()
	}
	return results(l.view().Stages), nil
}

func (p *portal) serveStage(c *call) (any, error) {
	l := p.line(c.path("pipeline"))
	if l == nil || l.stage(c.path("stage")) == nil {
		return nil, noRoute()
	}
	return l.stage(c.path("stage")).view(), nil
}
