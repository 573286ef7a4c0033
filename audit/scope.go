package audit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// scope is the part of a portal that one check judges: the records for which it is the narrowest check of its policy.
type scope struct {
	portal    bool
	pipelines []bool // by pipeline index
	stages    []bool // by flat stage index; a deal belongs to the check of its present stage
	band      Band   // of the deals in those stages only these; none: those that are in no band of except
	except    []Band
}

// has reports whether deal i is judged within the scope.
func (s *scope) has(c *crm.Columns, i int) bool {
	if !s.stages[c.Stage[i]] {
		return false
	}
	if !s.band.IsZero() {
		return s.band.holds(c, i)
	}
	for _, b := range s.except {
		if b.holds(c, i) {
			return false
		}
	}
	return true
}

// group is one policy's checks with their scopes.
type group struct {
	policy *Policy
	checks []Check
	scopes []scope
}

// off reports whether any of the policy's checks is switched off.
func (g *group) off() bool {
	for _, c := range g.checks {
		if c.Off {
			return true
		}
	}
	return false
}

// groups validates the checks, collects them by policy and puts the policies into the order in which they run.
func groups(snap *crm.Snapshot, checks []Check) ([]group, error) {
	var out []group
	var problems []error
	at := map[string]int{}
	for i, c := range checks {
		if err := c.valid(); err != nil {
			problems = append(problems, fmt.Errorf("check %d: %w", i+1, err))
			continue
		}
		if c.Settings == nil {
			c.Settings = c.Policy.defaults
		}
		k, ok := at[c.Policy.ID]
		if !ok {
			k = len(out)
			at[c.Policy.ID] = k
			out = append(out, group{policy: c.Policy})
		}
		g := &out[k]
		if g.policy != c.Policy {
			problems = append(problems, fmt.Errorf("two policies have the id %s", c.Policy.ID))
		}
		for _, d := range g.checks {
			if err := c.clashes(&d); err != nil {
				problems = append(problems, err)
			}
		}
		if c.Fits() {
			g.checks = append(g.checks, c)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	for k := range out {
		if err := out[k].resolve(snap); err != nil {
			return nil, err
		}
	}
	return ordered(out)
}

// sameScope reports whether two checks are for the same pipeline and stage, whatever the amount.
func (c *Check) sameScope(d *Check) bool { return c.Pipeline == d.Pipeline && c.Stage == d.Stage }

// clashes tells what is wrong with two checks of one policy where both could judge one record.
func (c *Check) clashes(d *Check) error {
	switch {
	case !c.sameScope(d):
		return nil
	case c.Band.IsZero() && d.Band.IsZero():
		return fmt.Errorf("two checks of %s have one scope: pipeline %q, stage %q", c.Policy.ID, c.Pipeline, c.Stage)
	case !c.Band.IsZero() && !d.Band.IsZero() && c.Band.overlaps(d.Band):
		return fmt.Errorf("two checks of %s overlap: amounts %s and %s", c.Policy.ID, d.Band, c.Band)
	}
	return nil
}

func (c *Check) valid() error {
	switch {
	case c.Policy == nil:
		return errors.New("it has no policy")
	case c.Policy.ID == "":
		return errors.New("its policy has no id")
	case c.Stage != "" && c.Pipeline == "":
		return fmt.Errorf("%s: stage %q is named without its pipeline", c.Policy.ID, c.Stage)
	case !c.Band.IsZero() && c.Band.Currency == "":
		return fmt.Errorf("%s: amounts %s have no currency", c.Policy.ID, c.Band)
	}
	return nil
}

// Fits reports whether the scope can narrow what the policy judges: there is one portal, whatever pipeline a check names, a
// pipeline is not judged by the settings of one of its stages, and only deals have amounts.
func (c *Check) Fits() bool {
	if !c.Band.IsZero() && c.Policy.Subject != crm.KindDeal {
		return false
	}
	switch c.Policy.Subject {
	case crm.KindPortal, crm.KindProperty, crm.KindOwner:
		return c.Pipeline == ""
	case crm.KindPipeline:
		return c.Stage == ""
	default:
		return true
	}
}

// resolve gives every pipeline and stage to the narrowest check that names it. A check that names nothing this portal has
// judges nothing: one configuration serves many portals.
func (g *group) resolve(snap *crm.Snapshot) error {
	pipes := snap.Schema.Pipelines
	stageOwner := make([]int, 0, snap.NumStages())
	g.scopes = make([]scope, len(g.checks))
	for i := range g.scopes {
		g.scopes[i] = scope{portal: g.checks[i].Pipeline == "", pipelines: make([]bool, len(pipes)), stages: make([]bool, snap.NumStages())}
	}
	for p := range pipes {
		whole := g.narrowest(&pipes[p], nil)
		if whole >= 0 {
			g.scopes[whole].pipelines[p] = true
		}
		for s := range pipes[p].Stages {
			stageOwner = append(stageOwner, g.narrowest(&pipes[p], &pipes[p].Stages[s]))
		}
	}
	for s, i := range stageOwner {
		if i >= 0 {
			g.scopes[i].stages[s] = true
		}
	}
	if g.policy.Subject == crm.KindStage { // a pipeline is walked for the sake of its stages
		for s, i := range stageOwner {
			if i >= 0 {
				g.scopes[i].pipelines[snap.PipelineOf(int32(s))] = true
			}
		}
	}
	return g.divide()
}

// divide gives the deals of each check to its bands of amounts, where it has some.
func (g *group) divide() error {
	for i := range g.checks {
		c := &g.checks[i]
		if c.Band.IsZero() {
			continue
		}
		whole := slices.IndexFunc(g.checks, func(d Check) bool { return d.Band.IsZero() && d.sameScope(c) })
		if whole < 0 {
			return fmt.Errorf("%s: amounts %s stand without a check for the other deals of pipeline %q, stage %q", c.Policy.ID, c.Band, c.Pipeline, c.Stage)
		}
		g.scopes[i] = scope{pipelines: g.scopes[whole].pipelines, stages: g.scopes[whole].stages, band: c.Band}
		g.scopes[whole].except = append(g.scopes[whole].except, c.Band)
	}
	return nil
}

// narrowest returns the check that judges a pipeline (stage nil) or a stage, -1 when there is none. A match by id is narrower
// than one by name.
func (g *group) narrowest(p *crm.Pipeline, s *crm.Stage) int {
	best, rank := -1, 0
	for i, c := range g.checks {
		if !c.Band.IsZero() { // it judges a part of what another one is given
			continue
		}
		r := 1
		if c.Pipeline != "" {
			m := matches(c.Pipeline, p.ID, p.Name)
			if m == 0 {
				continue
			}
			r += m
		}
		if c.Stage != "" {
			if s == nil {
				continue
			}
			m := matches(c.Stage, s.ID, s.Name)
			if m == 0 {
				continue
			}
			r += 3 * m
		}
		if r > rank {
			best, rank = i, r
		}
	}
	return best
}

// matches is 2 for the id, 1 for the name and 0 for neither.
func matches(want, id, name string) int {
	switch want {
	case id:
		return 2
	case name:
		return 1
	}
	return 0
}

// ordered sorts the policies so that each runs after those it asks about; else the given order stays.
func ordered(gs []group) ([]group, error) {
	at := map[string]int{}
	for i := range gs {
		at[gs[i].policy.ID] = i
	}
	out := make([]group, 0, len(gs))
	state := make([]uint8, len(gs)) // 1 on the way, 2 placed
	var place func(i int) error
	place = func(i int) error {
		switch state[i] {
		case 1:
			return fmt.Errorf("policy %s runs after itself", gs[i].policy.ID)
		case 2:
			return nil
		}
		state[i] = 1
		for _, id := range gs[i].policy.After {
			if k, ok := at[id]; ok {
				if err := place(k); err != nil {
					return err
				}
			}
		}
		state[i] = 2
		out = append(out, gs[i])
		return nil
	}
	for i := range gs {
		if err := place(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}
