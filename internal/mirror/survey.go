package mirror

import (
	"context"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// survey reads what of the set-up costs requests of its own, where a check asks for it, and dates the rules: those that are as
// they were keep the moment at which they were first seen.
func (r *run) survey(ctx context.Context, s crm.Schema) (crm.Schema, error) {
	surveyor, ok := r.conn.(connectors.Surveyor)
	if !ok || r.sync.Facts&(crm.FactRules|crm.FactOutreach) == 0 {
		return s, nil
	}
	s, err := surveyor.Survey(ctx, s, r.sync.Facts)
	if err != nil {
		return s, err
	}
	was := map[string]*crm.Rules{}
	if r.base != nil && r.base.Schema.Account == s.Account {
		for _, p := range r.base.Schema.Pipelines {
			was[p.ID] = p.Rules
		}
	}
	for _, p := range s.Pipelines {
		if p.Rules == nil {
			continue
		}
		p.Rules.Since = crm.At(r.opts.Now())
		if old := was[p.ID]; old != nil && old.NoSkip == p.Rules.NoSkip && old.NoBack == p.Rules.NoBack && !old.Since.IsZero() {
			p.Rules.Since = old.Since
		}
	}
	return s, nil
}
