package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/plumbline/plumbline/internal/remedy"
)

// planFile is what plan --out writes, as far as apply needs it.
type planFile struct {
	ID     string `json:"id"`
	Portal string `json:"portal"`
	Steps  []struct {
		ID      string `json:"id"`
		Version int    `json:"version"`
	} `json:"steps"`
}

// fromPlan reads a saved plan and returns its portal and steps. It refuses a plan for another portal than was named, and
// one of which a step has changed since: what was looked at must be what is done.
func (s *shop) fromPlan(ctx context.Context, file string, names []string) (portals, steps []string, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, usage("--plan: %w", err)
	}
	var plan planFile
	if err := json.Unmarshal(b, &plan); err != nil {
		return nil, nil, usage("--plan %s is not the plan of one portal, as plan NAME --out FILE writes it: %w", file, err)
	}
	if plan.ID == "" || plan.Portal == "" {
		return nil, nil, usage("--plan %s is not the plan of one portal, as plan NAME --out FILE writes it", file)
	}
	if len(names) > 0 && !slices.Equal(names, []string{plan.Portal}) {
		return nil, nil, usage("--plan %s is for portal %s", file, plan.Portal)
	}
	kept, err := s.db.Steps(ctx, remedy.Filter{Portal: plan.Portal})
	if err != nil {
		return nil, nil, err
	}
	version := map[string]int{}
	for _, k := range kept {
		version[k.ID] = k.Version
	}
	steps = []string{}
	for _, p := range plan.Steps {
		switch v, ok := version[p.ID]; {
		case !ok:
			return nil, nil, fmt.Errorf("--plan %s: there is no step %s in the store", file, p.ID)
		case v != p.Version:
			return nil, nil, fmt.Errorf("--plan %s is stale: step %s has changed since it was saved; plan again", file, p.ID)
		}
		steps = append(steps, p.ID)
	}
	return []string{plan.Portal}, steps, nil
}
