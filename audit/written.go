package audit

import (
	"slices"
)

// Written reports whether somebody set a setting of a policy for any stage of a pipeline: it is not what the policy comes with.
// Of a policy that is switched off there nothing is.
func (p *Pass) Written(policy, setting string, pipeline int32) bool {
	l := p.run.layout
	for i := range p.run.groups {
		g := &p.run.groups[i]
		if g.policy.ID != policy {
			continue
		}
		usual := (&Check{Settings: g.policy.defaults}).Effective()[setting]
		for k := range g.checks {
			stages := g.scopes[k].stages[l.first[pipeline]:l.first[pipeline+1]]
			if g.checks[k].Off || !slices.Contains(stages, true) {
				continue
			}
			if is := g.checks[k].Effective()[setting]; is.Value != usual.Value || is.From != usual.From {
				return true
			}
		}
	}
	return false
}
