package audit

import "github.com/plumbline/plumbline/internal/crm"

// Flagged reports whether an earlier policy of this run says that a record is wrong: how a policy leaves out what another
// covers, or holds a fix back. It asks the policy's verdict, so it is true also where that policy is switched off or its
// finding waived: to silence a policy must not let another one speak. kind and index are those of [Pass.OKAt], or
// [crm.KindDeal] and the row's Index. The asking policy names the other one in its [Meta.After]; a policy that does not run
// flags nothing.
func (p *Pass) Flagged(policy string, kind crm.Kind, index int32) bool {
	return p.Gravest(policy, kind, index) != NoSeverity
}

// Gravest is the worst severity that an earlier policy of this run gave a record, over all its findings on it; [NoSeverity] where
// it found nothing. The same holds of it as of [Pass.Flagged].
func (p *Pass) Gravest(policy string, kind crm.Kind, index int32) Severity {
	return p.run.gravest(p.check.Policy, policy, record{kind, index})
}
