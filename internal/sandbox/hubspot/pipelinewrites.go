package hubspot

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a pipeline may have.
const (
	mostStages        = 100
	longestPipelineID = 36
	longestStageID    = 100
)

// stageInput is a stage as requests write it. What is absent stays nil.
type stageInput struct {
	ID       string                     `json:"id"`
	StageID  string                     `json:"stageId"`
	Label    *string                    `json:"label"`
	Order    *int                       `json:"displayOrder"`
	Metadata map[string]json.RawMessage `json:"metadata"`
}

// pipelineInput is a pipeline as requests write it.
type pipelineInput struct {
	ID         string       `json:"id"`
	PipelineID string       `json:"pipelineId"`
	Label      *string      `json:"label"`
	Order      *int         `json:"displayOrder"`
	Stages     []stageInput `json:"stages"`
}

// probability reads a stage's probability; given is false where the request leaves it out. Other metadata is dropped, isClosed too: it is derived.
func (in stageInput) probability() (value float64, given bool, err error) {
	raw, given := in.Metadata["probability"]
	if !given {
		return 0, false, nil
	}
	var t text
	if string(raw) == "null" || json.Unmarshal(raw, &t) != nil {
		return 0, true, invalid("Stage metadata probability must not be null")
	}
	value, err = strconv.ParseFloat(string(t), 64)
	if err != nil || value < 0 || value > 1 {
		return 0, true, invalid("Stage metadata probability must be between 0.0 and 1.0, but was %s", string(t))
	}
	return value, true, nil
}

func sameLabel(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// checkStage refuses what no stage may be; self is the stage that is written, nil for a new one.
func (l *pipeline) checkStage(in stageInput, self *stage) error {
	if in.Order != nil && *in.Order < 0 {
		return invalid("displayOrder must not be negative")
	}
	if in.Label == nil {
		return nil
	}
	if strings.TrimSpace(*in.Label) == "" {
		return invalid("A stage's label must not be empty")
	}
	for _, s := range l.stages {
		if s != self && sameLabel(s.label, *in.Label) {
			return invalid("A stage with the label %q already exists in this pipeline", *in.Label).with("subCategory", "PipelineError.STAGE_LABEL_EXISTS")
		}
	}
	return nil
}

// setStage writes what the request gives; the rest stays.
func (s *stage) setStage(in stageInput, now time.Time) error {
	probability, given, err := in.probability()
	if err != nil {
		return err
	}
	if given {
		s.probability = probability
	}
	if in.Label != nil {
		s.label = strings.TrimSpace(*in.Label)
	}
	s.updated = now
	return nil
}

// place gives a stage its slot. A slot that is taken makes the pipeline number all its stages anew.
func (l *pipeline) place(s *stage, order int) {
	s.order = order
	if !slices.ContainsFunc(l.stages, func(o *stage) bool { return o != s && o.order == order }) {
		return
	}
	slices.SortStableFunc(l.stages, func(a, b *stage) int {
		if a.order != b.order {
			return a.order - b.order
		}
		if a == s {
			return -1
		}
		if b == s {
			return 1
		}
		return 0
	})
	for i, o := range l.stages {
		o.order = i
	}
}

// newStage makes a stage from a request; nothing is added to the pipeline yet.
func (p *portal) newStage(l *pipeline, in stageInput, now time.Time) (*stage, error) {
	id := in.StageID
	if id == "" {
		id = in.ID
	}
	if id == "" {
		id = p.newID()
	}
	if len(id) > longestStageID {
		return nil, faultFailure(http.StatusInternalServerError) // as seen
	}
	if _, other := p.stage(id); other != nil {
		return nil, fail(http.StatusConflict, "CONFLICT", "A stage with the id %q already exists", id)
	}
	if _, given, err := in.probability(); err != nil || !given || in.Label == nil {
		if err == nil {
			err = invalid("A stage needs label and metadata.probability")
		}
		return nil, err
	}
	if err := l.checkStage(in, nil); err != nil {
		return nil, err
	}
	s := &stage{id: id, created: now, order: len(l.stages)}
	return s, s.setStage(in, now)
}

// serveStageCreate adds a stage.
func (p *portal) serveStageCreate(c *call) (any, error) {
	l := p.line(c.path("pipeline"))
	if l == nil {
		return nil, noRoute()
	}
	var in stageInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if len(l.stages) >= mostStages {
		return nil, invalid("A pipeline may have at most %d stages", mostStages)
	}
	s, err := p.newStage(l, in, c.now)
	if err != nil {
		return nil, err
	}
	l.stages = append(l.stages, s)
	if in.Order != nil {
		l.place(s, *in.Order)
	}
	p.wrote(1)
	c.status = http.StatusCreated
	return s.view(), nil
}

// serveStageWrite changes a stage. PATCH keeps what the request leaves out, PUT needs all of it.
func (p *portal) serveStageWrite(c *call) (any, error) {
	l := p.line(c.path("pipeline"))
	if l == nil || l.stage(c.path("stage")) == nil {
		return nil, noRoute()
	}
	s := l.stage(c.path("stage"))
	var in stageInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if _, given, err := in.probability(); c.r.Method == http.MethodPut && err == nil && (!given || in.Label == nil || in.Order == nil) {
		return nil, invalid("A stage needs label, displayOrder and metadata.probability")
	}
	if err := l.checkStage(in, s); err != nil {
		return nil, err
	}
	if err := s.setStage(in, c.now); err != nil {
		return nil, err
	}
	if in.Order != nil {
		l.place(s, *in.Order)
	}
	p.wrote(1)
	return echoed(s.view(), in), nil
}

// echoed is the answer to a write: it repeats the request, even where the portal keeps something else.
func echoed(v stageView, in stageInput) stageView {
	for name, raw := range in.Metadata {
		var t text
		if json.Unmarshal(raw, &t) == nil {
			v.Metadata[name] = string(t)
		}
	}
	if in.Order != nil {
		v.DisplayOrder = *in.Order
	}
	return v
}

// inUse finds deals in any of the stages.
func (p *portal) inUse(stages []*stage) error {
	var used, deals []string
	for _, r := range p.table(p.kind("deals")).order {
		id := r.current("dealstage")
		if r.archived || r.merged != nil || !slices.ContainsFunc(stages, func(s *stage) bool { return s.id == id }) {
			continue
		}
		deals = append(deals, r.id)
		if !slices.Contains(used, id) {
			used = append(used, id)
		}
	}
	if len(deals) == 0 {
		return nil
	}
	return invalid("Stages %s are in use by objects %s", strings.Join(used, ", "), strings.Join(deals, ", ")).
		with("subCategory", "PipelineError.STAGE_ID_IN_USE").with("context", map[string][]string{"stageIds": used, "objectIds": deals})
}

// serveStageDelete removes a stage for good. It answers the same where there was none.
func (p *portal) serveStageDelete(c *call) (any, error) {
	l := p.line(c.path("pipeline"))
	if l == nil || l.stage(c.path("stage")) == nil {
		return nil, nil //nolint:nilnil // an answer without a body
	}
	s := l.stage(c.path("stage"))
	if err := p.inUse([]*stage{s}); err != nil {
		return nil, err
	}
	l.stages = slices.DeleteFunc(l.stages, func(o *stage) bool { return o == s })
	l.updated = c.now
	p.wrote(1)
	return nil, nil //nolint:nilnil // an answer without a body
}

// checkLine refuses what no pipeline may be.
func (p *portal) checkLine(in pipelineInput, self *pipeline) error {
	if in.Order != nil && *in.Order < 0 {
		return invalid("displayOrder must not be negative")
	}
	for _, l := range p.lines {
		if in.Label != nil && l != self && sameLabel(l.label, *in.Label) {
			return invalid("A pipeline with the label %q already exists", *in.Label).with("subCategory", "PipelineError.PIPELINE_LABEL_EXISTS")
		}
	}
	return nil
}

// serveLineCreate makes a pipeline with its stages.
func (p *portal) serveLineCreate(c *call) (any, error) {
	var in pipelineInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Label == nil || strings.TrimSpace(*in.Label) == "" || len(in.Stages) == 0 {
		return nil, invalid("A pipeline needs label and stages")
	}
	if err := p.checkLine(in, nil); err != nil {
		return nil, err
	}
	l := &pipeline{id: in.PipelineID, label: strings.TrimSpace(*in.Label), order: len(p.lines), created: c.now, updated: c.now}
	if l.id == "" {
		l.id = p.newID()
	}
	if len(l.id) > longestPipelineID {
		return nil, faultFailure(http.StatusInternalServerError) // as seen
	}
	if p.line(l.id) != nil {
		return nil, fail(http.StatusConflict, "CONFLICT", "A pipeline with the id %q already exists", l.id)
	}
	for _, stageIn := range in.Stages {
		if err := p.addStage(l, stageIn, c.now); err != nil {
			return nil, err
		}
	}
	p.lines = append(p.lines, l)
	if in.Order != nil {
		p.placeLine(l, *in.Order)
	}
	p.wrote(1)
	c.status = http.StatusCreated
	return l.view(), nil
}

func (p *portal) addStage(l *pipeline, in stageInput, now time.Time) error {
	s, err := p.newStage(l, in, now)
	if err != nil {
		return err
	}
	if l.stage(s.id) != nil {
		return fail(http.StatusConflict, "CONFLICT", "A stage with the id %q already exists", s.id)
	}
	l.stages = append(l.stages, s)
	if in.Order != nil {
		l.place(s, *in.Order)
	}
	return nil
}

// placeLine gives a pipeline its slot, as place does for stages.
func (p *portal) placeLine(l *pipeline, order int) {
	l.order = order
	if !slices.ContainsFunc(p.lines, func(o *pipeline) bool { return o != l && o.order == order }) {
		return
	}
	slices.SortStableFunc(p.lines, func(a, b *pipeline) int {
		if a.order == b.order && (a == l || b == l) {
			if a == l {
				return -1
			}
			return 1
		}
		return a.order - b.order
	})
	for i, o := range p.lines {
		o.order = i
	}
}

// serveLineWrite changes a pipeline. PATCH changes label and order; PUT replaces it, and removes every stage that it leaves out.
func (p *portal) serveLineWrite(c *call) (any, error) {
	l := p.line(c.path("pipeline"))
	if l == nil {
		return nil, noRoute()
	}
	var in pipelineInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := p.checkLine(in, l); err != nil {
		return nil, err
	}
	if c.r.Method == http.MethodPut {
		if in.Label == nil || in.Order == nil || len(in.Stages) == 0 {
			return nil, invalid("A pipeline needs label, displayOrder and stages")
		}
		if err := p.replaceStages(l, in.Stages, c.now); err != nil {
			return nil, err
		}
	}
	if in.Label != nil {
		l.label = strings.TrimSpace(*in.Label)
	}
	if in.Order != nil {
		p.placeLine(l, *in.Order)
	}
	l.updated = c.now
	p.wrote(1)
	return l.view(), nil
}

// replaceStages makes the pipeline's stages those of the request, or leaves them all as they are.
func (p *portal) replaceStages(l *pipeline, wanted []stageInput, now time.Time) error {
	before := slices.Clone(l.stages)
	var dropped []*stage
	for _, s := range before {
		if !slices.ContainsFunc(wanted, func(in stageInput) bool { return in.StageID == s.id || in.ID == s.id }) {
			dropped = append(dropped, s)
		}
	}
	if err := p.inUse(dropped); err != nil {
		return err
	}
	next := &pipeline{id: l.id}
	for _, in := range wanted {
		id := in.StageID
		if id == "" {
			id = in.ID
		}
		if old := l.stage(id); old != nil {
			kept := *old
			if err := next.checkStage(in, nil); err != nil {
				return err
			}
			if err := kept.setStage(in, now); err != nil {
				return err
			}
			next.stages = append(next.stages, &kept)
			if in.Order != nil {
				next.place(&kept, *in.Order)
			}
		} else if err := p.addStage(next, in, now); err != nil {
			return err
		}
	}
	l.stages = next.stages
	return nil
}

// serveLineDelete removes a pipeline for good.
func (p *portal) serveLineDelete(c *call) (any, error) {
	l := p.line(c.path("pipeline"))
	if l == nil {
		return nil, noRoute()
	}
	if err := p.inUse(l.stages); err != nil {
		return nil, err
	}
	p.lines = slices.DeleteFunc(p.lines, func(o *pipeline) bool { return o == l })
	p.wrote(1)
	return nil, nil //nolint:nilnil // an answer without a body
}
