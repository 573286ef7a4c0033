package pipedrive

import (
	"slices"
	"strings"
	"time"
)

// stageRules are the body of a stage. The order of stages cannot be written.
func stageRules() map[string]rule {
	return map[string]rule{"name": {shape: isText}, "pipeline_id": {shape: isInt}, "deal_probability": {shape: isInt},
		"is_deal_rot_enabled": {shape: isBool}, "days_to_rotten": {shape: isInt}}
}

// servePipelineCreate answers POST /api/v2/pipelines.
func (p *portal) servePipelineCreate(c *call) (any, error) {
	in, err := c.read(map[string]rule{"name": {shape: isText}, "is_deal_probability_enabled": {shape: isBool}})
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.text("name")) == "" {
		return nil, invalid("name", "Required")
	}
	at := c.now.Truncate(time.Second)
	l := &pipeline{id: p.newID(), name: in.text("name"), probabilities: in.truth("is_deal_probability_enabled"), added: at, updated: at}
	for _, other := range p.pipelines {
		l.order = max(l.order, other.order+1)
	}
	p.pipelines = append(p.pipelines, l)
	c.wrote++
	return one(l.view()), nil
}

// servePipelinePatch answers PATCH /api/v2/pipelines/{id}.
func (p *portal) servePipelinePatch(c *call) (any, error) {
	l := p.pipeline(c.id())
	if l == nil {
		return nil, c.notFound("Pipeline")
	}
	in, err := c.read(map[string]rule{"name": {shape: isText}, "is_deal_probability_enabled": {shape: isBool}})
	if err != nil {
		return nil, err
	}
	if in.has("name") && !c.ignored("name") {
		l.name = in.text("name")
	}
	if in.has("is_deal_probability_enabled") && !c.ignored("is_deal_probability_enabled") {
		l.probabilities = in.truth("is_deal_probability_enabled")
	}
	l.updated = c.now.Truncate(time.Second)
	c.wrote++
	return one(l.view()), nil
}

// servePipelineDelete answers DELETE /api/v2/pipelines/{id}; the sandbox refuses it while the pipeline has deals.
func (p *portal) servePipelineDelete(c *call) (any, error) {
	l := p.pipeline(c.id())
	if l == nil {
		return nil, c.notFound("Pipeline")
	}
	if slices.ContainsFunc(p.deals.order, func(d *deal) bool { return d.pipeline == l.id && !d.deleted }) {
		return nil, invalid("id", "Pipeline has deals")
	}
	p.pipelines = slices.DeleteFunc(p.pipelines, func(x *pipeline) bool { return x == l })
	p.stages = slices.DeleteFunc(p.stages, func(s *stage) bool { return s.line == l })
	c.wrote++
	return one(map[string]any{"id": l.id}), nil
}

// serveStageCreate answers POST /api/v2/stages: the stage comes last.
func (p *portal) serveStageCreate(c *call) (any, error) {
	in, err := c.read(stageRules())
	if err != nil {
		return nil, err
	}
	line := p.pipeline(in.int("pipeline_id"))
	switch {
	case strings.TrimSpace(in.text("name")) == "":
		return nil, invalid("name", "Required")
	case line == nil:
		return nil, invalid("pipeline_id", "Pipeline not found")
	}
	at := c.now.Truncate(time.Second)
	s := &stage{id: p.newID(), line: line, order: len(line.stages), probability: 100, added: at, updated: at}
	if err := p.writeStage(c, s, in); err != nil {
		return nil, err
	}
	line.stages, p.stages = append(line.stages, s), append(p.stages, s)
	c.wrote++
	return one(s.view()), nil
}

// serveStagePatch answers PATCH /api/v2/stages/{id}.
func (p *portal) serveStagePatch(c *call) (any, error) {
	s := p.stage(c.id())
	if s == nil {
		return nil, c.notFound("Stage")
	}
	in, err := c.read(stageRules())
	if err != nil {
		return nil, err
	}
	if err := p.writeStage(c, s, in); err != nil {
		return nil, err
	}
	c.wrote++
	return one(s.view()), nil
}

// writeStage fills in what a body says of a stage, after checking it.
func (p *portal) writeStage(c *call, s *stage, in fields) error {
	line := s.line
	if in.has("pipeline_id") {
		if line = p.pipeline(in.int("pipeline_id")); line == nil {
			return invalid("pipeline_id", "Pipeline not found")
		}
	}
	if n := in.int("deal_probability"); n < 0 || n > 100 {
		return invalid("deal_probability", "must be from 0 to 100")
	}
	if in.has("days_to_rotten") && !in.isNull("days_to_rotten") && in.int("days_to_rotten") < 1 {
		return invalid("days_to_rotten", "must be greater than 0")
	}
	if in.has("name") && !c.ignored("name") {
		s.name = in.text("name")
	}
	if in.has("deal_probability") && !c.ignored("deal_probability") {
		s.probability = in.int("deal_probability")
	}
	if in.has("is_deal_rot_enabled") && !c.ignored("is_deal_rot_enabled") {
		s.rots = in.truth("is_deal_rot_enabled")
	}
	if in.has("days_to_rotten") && !c.ignored("days_to_rotten") {
		s.rotDays = nil
		if n := in.int("days_to_rotten"); n > 0 {
			s.rotDays = &n
		}
	}
	if line != s.line {
		s.line.stages = slices.DeleteFunc(s.line.stages, func(x *stage) bool { return x == s })
		s.line, s.order = line, len(line.stages)
		line.stages = append(line.stages, s)
	}
	s.updated = c.now.Truncate(time.Second)
	return nil
}

// serveStageDelete answers DELETE /api/v2/stages/{id}; the sandbox refuses it while the stage has deals.
func (p *portal) serveStageDelete(c *call) (any, error) {
	s := p.stage(c.id())
	if s == nil {
		return nil, c.notFound("Stage")
	}
	if slices.ContainsFunc(p.deals.order, func(d *deal) bool { return d.stage == s.id && !d.deleted }) {
		return nil, invalid("id", "Stage has deals")
	}
	p.stages = slices.DeleteFunc(p.stages, func(x *stage) bool { return x == s })
	s.line.stages = slices.DeleteFunc(s.line.stages, func(x *stage) bool { return x == s })
	for i, rest := range s.line.stages {
		rest.order = i
	}
	c.wrote++
	return one(map[string]any{"id": s.id}), nil
}
