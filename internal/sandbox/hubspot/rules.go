package hubspot

// ruleView is a rule of a pipeline as the API shows it.
type ruleView struct {
	All    bool     `json:"enabledForAllStages"`
	Stages []string `json:"pipelineStageIds"`
}

// rulesView are a pipeline's rules as the API shows them.
type rulesView struct {
	ID         string `json:"id"`
	Validation struct {
		NoBack   ruleView `json:"noBackwardsMovementRule"`
		NoSkip   ruleView `json:"noSkippingStagesRule"`
		Creation struct {
			Stages []string `json:"pipelineStageIds"`
		} `json:"objectCreationRule"`
	} `json:"governanceValidationRules"`
	Approval []any `json:"approvalStageRules"`
}

// serveRules answers GET of a pipeline's rules, which only the tiers from professional on have.
func (p *portal) serveRules(c *call) (any, error) {
	if p.limits.tier == "free" || p.limits.tier == "starter" {
		return nil, missingScopes([]string{"crm.pipelines.governance.read"})
	}
	l := p.line(c.path("pipeline"))
	if l == nil || c.kind.name != "deals" {
		return nil, noRoute()
	}
	v := rulesView{ID: c.kind.typeID + "-" + l.id, Approval: []any{}}
	v.Validation.NoBack = ruleView{All: l.rules.NoBack, Stages: []string{}}
	v.Validation.NoSkip = ruleView{All: l.rules.NoSkip, Stages: []string{}}
	v.Validation.Creation.Stages = []string{}
	return v, nil
}
