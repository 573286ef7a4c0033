package deals

import (
	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// notCaptured is the policy that says whether the team's activities reach the CRM: of the portal, or of single owners.
const notCaptured = "activity-not-captured"

// silence is why a policy does not take the absence of activities for a fact.
const silence = "its owner's activities do not reach the CRM, so that their absence says nothing"

// uncaptured reports whether activities of the portal, or of the deal's owner, do not reach the CRM. That none is there is no
// fact then. The asking policy names notCaptured in its Meta.After.
func uncaptured(p *audit.Pass, r crm.Row) bool {
	return p.Flagged(notCaptured, crm.KindPortal, 0) || r.Owner != crm.None && p.Flagged(notCaptured, crm.KindOwner, r.Owner)
}

// advice is the fix of whatever is to be talked over.
func advice() *audit.Fix { return &audit.Fix{Kind: audit.FixAdvice} }

// has reports whether a moment is known of the deal and there is one.
func has(r crm.Row, fact crm.Fact, at crm.Instant) bool { return r.Known.Has(fact) && !at.IsZero() }
