package pipedrive

import (
	"slices"
	"time"
)

// pipeline is a process with its open stages.
type pipeline struct {
	id             int64
	name           string
	order          int
	probabilities  bool
	stages         []*stage
	added, updated time.Time
}

// stage is an open stage.
type stage struct {
	id             int64
	name           string
	order          int
	line           *pipeline
	probability    int64
	rots           bool
	rotDays        *int64
	added, updated time.Time
}

func (l *pipeline) view() map[string]any {
	return map[string]any{"id": l.id, "name": l.name, "order_nr": l.order, "is_deleted": false, "is_deal_probability_enabled": l.probabilities,
		"add_time": stampV2(l.added), "update_time": stampV2(l.updated)}
}

func (s *stage) view() map[string]any {
	return map[string]any{"id": s.id, "order_nr": s.order, "name": s.name, "is_deleted": false, "deal_probability": s.probability,
		"pipeline_id": s.line.id, "is_deal_rot_enabled": s.rots, "days_to_rotten": s.rotDays, "add_time": stampV2(s.added), "update_time": stampV2(s.updated)}
}

func (l *pipeline) key() int64           { return l.id }
func (l *pipeline) addedAt() time.Time   { return l.added }
func (l *pipeline) updatedAt() time.Time { return l.updated }
func (s *stage) key() int64              { return s.id }
func (s *stage) addedAt() time.Time      { return s.added }
func (s *stage) updatedAt() time.Time    { return s.updated }

func byID[T item](list []T) []T {
	out := slices.Clone(list)
	slices.SortFunc(out, func(a, b T) int { return int(a.key() - b.key()) })
	return out
}

// servePipelines answers GET /api/v2/pipelines.
func (p *portal) servePipelines(c *call) (any, error) {
	l, err := c.listing("id", "update_time", "add_time")
	if err != nil {
		return nil, err
	}
	page, next := pageOf(l, byID(p.pipelines), func(*pipeline) bool { return true })
	return many(page, next, (*pipeline).view), nil
}

// serveStages answers GET /api/v2/stages, of one pipeline or of all.
func (p *portal) serveStages(c *call) (any, error) {
	line, asked, err := c.number("pipeline_id")
	if err != nil {
		return nil, err
	}
	l, err := c.listing("id", "update_time", "add_time", "order_nr")
	if err != nil {
		return nil, err
	}
	page, next := pageOf(l, byID(p.stages), func(s *stage) bool { return !asked || s.line.id == line })
	return many(page, next, (*stage).view), nil
}

func (p *portal) servePipeline(c *call) (any, error) {
	if l := p.pipeline(c.id()); l != nil {
		return one(l.view()), nil
	}
	return nil, c.notFound("Pipeline")
}

func (p *portal) serveStage(c *call) (any, error) {
	if s := p.stage(c.id()); s != nil {
		return one(s.view()), nil
	}
	return nil, c.notFound("Stage")
}
