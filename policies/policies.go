// Package policies is the catalogue: what can be wrong with a sales pipeline, as documented best practices.
//
// Its one idea: the list is explicit and its order is the catalogue's. Its one rule: an id, once released, never changes its
// meaning.
package policies

import (
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/policies/deals"
	"github.com/plumbline/plumbline/policies/design"
	"github.com/plumbline/plumbline/policies/people"
	"github.com/plumbline/plumbline/policies/reasons"
)

// All returns every policy, in the order of the catalogue. Each call makes new values.
func All() []*audit.Policy { return slices.Concat(ofDesign(), ofReasons(), ofDeals(), ofPeople()) }

func ofDesign() []*audit.Policy {
	return []*audit.Policy{
		design.TooManyStages(),
		design.TooFewStages(),
		design.StartsTooEarly(),
		design.StatusAsStage(),
		design.SeveralClosedStages(),
		design.SubjectiveStageName(),
		design.UnclearStageName(),
		design.SellerSideStageName(),
		design.DefaultStagesUntouched(),
		design.StageLabelContradicts(),
		design.StageAfterWon(),
		design.ClosingStageMissing(),
		design.UnusedStage(),
		design.OftenSkippedStage(),
		design.BottleneckStage(),
		design.LeakyStage(),
		design.ProbabilityUnset(),
		design.ProbabilityNotRising(),
		design.ProbabilityMiscalibrated(),
		design.NoStageTimeLimit(),
		design.ExitCriteriaUndefined(),
		design.MixedProcesses(),
		design.ReviewOverdue(),
		design.LowWinRate(),
		design.SlowingCycle(),
		design.CycleOverTarget(),
		design.CycleUneven(),
		design.UnresponsiveLosses(),
		design.NoNewDeals(),
		design.PipelineStagnant(),
		design.UnusedPipeline(),
		design.SingleChannel(),
		design.SingleChannelOutreach(),
		design.ActivityNotCaptured(),
		design.ManualStageMoves(),
		design.MovesBounce(),
		design.RulesBypassed(),
		design.SkippingAllowed(),
	}
}

func ofReasons() []*audit.Policy {
	return []*audit.Policy{
		reasons.LostReasonFreeText(),
		reasons.LostReasonOptionsMissing(),
		reasons.LostReasonOtherOverused(),
		reasons.LostReasonVariants(),
	}
}

func ofDeals() []*audit.Policy {
	return []*audit.Policy{
		deals.StaleInStage(),
		deals.OpenTooLong(),
		deals.NoBuyerActivity(),
		deals.NoNextActivity(),
		deals.NextActivityOverdue(),
		deals.FollowUpOverdue(),
		deals.GaveUpEarly(),
		deals.SlowFirstResponse(),
		deals.StageSkipped(),
		deals.StageRegressed(),
		deals.StageRushed(),
		deals.CreatedLate(),
		deals.StageWithoutEvidence(),
		deals.BehindItsEvidence(),
		deals.CloseDatePast(),
		deals.CloseDateMissing(),
		deals.CloseDatePushed(),
		deals.CloseDateTooSoon(),
		deals.CloseDateDefault(),
		deals.AmountMissing(),
		deals.AmountSuspicious(),
		deals.OwnerMissing(),
		deals.OwnerInactive(),
		deals.DatesImpossible(),
		deals.ContactMissing(),
		deals.SingleThreaded(),
		deals.TouchedInBulk(),
		deals.LostReasonMissing(),
	}
}

func ofPeople() []*audit.Policy {
	return []*audit.Policy{
		people.OwnerOverloaded(),
		people.OwnerBehindAtStage(),
		deals.LostReasonNonstandard(),
		deals.LostOtherWithoutDetail(),
		deals.DuplicateDeal(),
		deals.Reopened(),
		deals.WonIncomplete(),
	}
}
