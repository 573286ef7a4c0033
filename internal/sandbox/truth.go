package sandbox

import (
	"cmp"
	"slices"
)

// The problems that the generator plants are named by the policies that report them.
const (
	tooManyStages     = "too-many-stages"
	statusAsStage     = "status-as-stage"
	unusedStage       = "unused-stage"
	oftenSkippedStage = "often-skipped-stage"
	lostFreeText      = "lost-reason-free-text"
	lostMissing       = "lost-reason-missing"
	staleInStage      = "stale-in-stage"
	openTooLong       = "open-too-long"
	stageSkipped      = "stage-skipped"
	stageRegressed    = "stage-regressed"
	closeDatePast     = "close-date-past"
	closeDateMissing  = "close-date-missing"
	amountMissing     = "amount-missing"
	ownerMissing      = "owner-missing"
	ownerInactive     = "owner-inactive"
	noNextActivity    = "no-next-activity"

	probabilityUnset         = "probability-unset"
	probabilityNotRising     = "probability-not-rising"
	probabilityMiscalibrated = "probability-miscalibrated"
	noStageTimeLimit         = "no-stage-time-limit"

	startsTooEarly        = "starts-too-early"
	exitCriteriaUndefined = "exit-criteria-undefined"
	reviewOverdue         = "review-overdue"
	unusedPipeline        = "unused-pipeline"
	singleChannelOutreach = "single-channel-outreach"
	activityNotCaptured   = "activity-not-captured"
	manualStageMoves      = "manual-stage-moves"
	movesBounce           = "moves-bounce"
	skippingAllowed       = "skipping-allowed"

	bottleneckStage = "bottleneck-stage"
	leakyStage      = "leaky-stage"
	lowWinRate      = "low-win-rate"
	slowingCycle    = "slowing-cycle"
	cycleUneven     = "cycle-uneven"
	noNewDeals      = "no-new-deals"
	mixedProcesses  = "mixed-processes"
	singleChannel   = "single-channel"
	ownerOverloaded = "owner-overloaded"

	tooFewStages           = "too-few-stages"
	severalClosedStages    = "several-closed-stages"
	subjectiveStageName    = "subjective-stage-name"
	unclearStageName       = "unclear-stage-name"
	sellerSideStageName    = "seller-side-stage-name"
	defaultStagesUntouched = "default-stages-untouched"
	stageLabelContradicts  = "stage-label-contradicts"
	stageAfterWon          = "stage-after-won"
	closingStageMissing    = "closing-stage-missing"

	noBuyerActivity      = "no-buyer-activity"
	nextActivityOverdue  = "next-activity-overdue"
	followUpOverdue      = "follow-up-overdue"
	slowFirstResponse    = "slow-first-response"
	touchedInBulk        = "touched-in-bulk"
	contactMissing       = "contact-missing"
	singleThreaded       = "single-threaded"
	stageWithoutEvidence = "stage-without-evidence"
	behindItsEvidence    = "behind-its-evidence"

	closeDateDefault = "close-date-default"
	closeDateTooSoon = "close-date-too-soon"
	closeDatePushed  = "close-date-pushed"
	amountSuspicious = "amount-suspicious"
	datesImpossible  = "dates-impossible"
	duplicateDeal    = "duplicate-deal"
	reopened         = "reopened"
	createdLate      = "created-late"
	stageRushed      = "stage-rushed"
	wonIncomplete    = "won-incomplete"

	lossOptionsMissing = "lost-reason-options-missing"
	lossOtherOverused  = "lost-reason-other-overused"
	lossVariants       = "lost-reason-variants"
	lossNonstandard    = "lost-reason-nonstandard"
	lossOtherBare      = "lost-other-without-detail"
	gaveUpEarly        = "gave-up-early"
	unresponsiveLosses = "unresponsive-losses"
)

// Plantable lists the policies of which the generator can plant problems. How it reads each of them, with the distance that
// healthy ("base") and planted facts keep from the threshold:
//
//	too-many-stages        subject pipeline, not the first. Open stages > 7. Base 3 to 5 (<= 5.6); planted 9, or 13 (past the
//	                       hard limit of 10).
//	status-as-stage        subject stage. An open stage's name is a state ("On hold"). The deals pass through it like through any
//	                       other, or, together with often-skipped-stage, most go around it.
//	unused-stage           subject stage. Within max(90 d, 2 x median cycle of won deals) at least 20 deals went from before the
//	                       stage to after it or to won, and none entered it. Planted: nobody ever entered it and at least 24
//	                       deals passed it within 90 d, counted today and seven days ago.
//	often-skipped-stage    subject stage. Of the deals, imports left out, that entered before the stage and reached a later open
//	                       stage or won within 180 d, the Wilson lower bound of those that never visited it is > 25 %, n >= 20.
//	                       Base: <= 20 % (rates of a few percent); planted: 70 %, n >= 24, today and seven days ago, and some do
//	                       enter it, so that it is not unused. A stage is never planted as both.
//	lost-reason-free-text  subject portal (World.Account). Base: the account has a LossProperty, filled for every loss of the last
//	                       450 d but the planted lost-reason-missing. Planted: there is no LossProperty, reasons are text, and
//	                       at least 12 deals were lost within 180 d.
//	lost-reason-missing    subject deal. Lost within 365 d without option and without text. Planted: within 285 d; losses older
//	                       than 450 d may lack a reason.
//	stale-in-stage         subject deal. Open, the present stay longer than the stage's limit: p90 of the stays of at least 10
//	                       minutes, ended within 365 d, by deals that are won now (n >= 30), held within 7 to 180 d; else 30 d.
//	                       Base: <= 0.78 limits, planted >= 1.25. Where n is between 22 and 40 both limits are kept clear of.
//	open-too-long          subject deal. Open, age over twice the pipeline's average cycle of deals won within 365 d (n >= 20,
//	                       those created closed left out), at least 30 d; else 180 d. Base <= 0.78, planted >= 1.25 limits.
//	                       Where n is between 14 and 27 both limits are kept clear of. A deal planted as open-too-long in its
//	                       first stage is stale-in-stage too; elsewhere half of them are.
//	stage-skipped          subject deal. Open, or closed within 30 d, and an open stage between its entry stage and the furthest
//	                       reached (won: all; lost: as far as it came) was never visited, unless every stage it skipped is
//	                       reported by unused-stage or often-skipped-stage. Planted closed deals closed within 23 d; base deals
//	                       that skipped closed at least 37 d ago.
//	stage-regressed        subject deal. Open, with a move back between open stages. No open base deal, and none closed within
//	                       37 d, moved back or was reopened.
//	close-date-past        subject deal. Open, expected close before today in the account's zone. Base: from 3 d ahead on.
//	                       Planted: 3 to 11 d past, or 18 to 60.
//	close-date-missing     subject deal. Open, in the second open stage or later, no expected close.
//	amount-missing         subject deal. Open, in the second open stage or later, amount absent or zero.
//	owner-missing          subject deal. Open, no owner. A queue is an owner.
//	owner-inactive         subject deal. Open, the owner is deactivated. In the base such owners have closed deals only.
//	no-next-activity       subject deal. Open, no task, call or meeting planned ahead, and both creation and the last touch more
//	                       than 3 working days ago. Base: something planned ahead, or a touch or the creation within 1.3 days.
//	                       Planted: nothing planned, no touch and no activity of the buyer within 8 days, created at least 8.5
//	                       days ago; a note or a done task in between is no touch.
//	probability-unset      subject pipeline, never the first. All open stages have one probability.
//	probability-not-rising subject pipeline, never the first. A later open stage has a lower probability than an earlier one, both
//	                       borne out by history.
//	probability-miscalibrated subject stage. Of the deals closed within 365 d that visited it and the open ones presumed lost (older
//	                       than twice the average and p99 of won cycles), n >= 30, the share won, drawn to the pipeline's own by ten
//	                       deals, is 10 points or more from its probability, outside the 95 % interval, today and seven days ago.
//	                       Base: n <= 24, or within 8 points, or as likely as one in ten; planted: n >= 36, 12 points, and less likely
//	                       than one in a hundred for all stages together. Where probability-unset is planted it may come with it.
//	no-stage-time-limit    subject portal (World.Account). In every account, healthy ones too: no stage rots, and that no limit is
//	                       configured is no matter of the account's.
//
//	bottleneck-stage       subject stage. The median of the stays that began within 365 d (Kaplan and Meier), n >= 30, is more than twice the
//	                       median of the other open stages' medians. Planted: a stage three times as long as the longest other one.
//	leaky-stage            subject stage. Of the deals that left it for good 15 points fewer went on, within 90 d against the 365 d before, or
//	                       within 365 d against the median stage, n >= 50. Planted: half of a pipeline's losses come from it.
//	low-win-rate           subject pipeline. Win rate of 90 d below 60 % of that of the 365 d before, n >= 30. Planted: most of its wins of
//	                       104 d are losses from its last stage, which is leaky-stage then, too.
//	slowing-cycle          subject pipeline. Median cycle of 90 d above 1.25 times that of the 365 d before, n >= 20. Planted: twice as long.
//	cycle-uneven           subject pipeline. p90 of the cycles of 365 d above four medians, n >= 50. Planted: a quarter takes 6.5 times as long.
//	no-new-deals           subject pipeline. Created within 30 d fewer than half of the mean of the six months before, which is >= 10.
//	                       Planted: next to none in 46 d.
//	mixed-processes        subject pipeline. Median cycles of 365 d of two types of deals that differ by twice, n >= 20 each. Planted: 2.8 times.
//	                       Not on Pipedrive, whose deals have no type.
//	single-channel         subject portal (World.Account). More than 80 % of the deals created within 365 d that have a channel, n >= 30 and half
//	                       of all, came by one. Base: a third.
//	owner-overloaded       subject owner. More than 50 open deals, and more than twice the median of the active owners who have any.
//
// What rests on a trend, today and a week ago, is 15 to 20 % beyond its limit and 3.5 standard deviations from chance where it is planted;
// elsewhere n or the effect is as far below it, or the deviation less than 1.2: such an account is drawn anew.
//
//	too-few-stages         subject pipeline. Fewer than 2 open stages; base at least 3. This and those that follow are planted in
//	                       pipelines without deals, behind the others.
//	several-closed-stages  subject pipeline. Two won stages, neither named by a reason. Base one won and one lost stage.
//	subjective-stage-name  subject stage. An open stage named by an opinion and nothing else.
//	unclear-stage-name     subject stage. It reads as another one of its pipeline but for numbering, case, accents and punctuation, or
//	                       has 2 letters or fewer, or more than 50. Base 5 to 24 letters, two to eight in Chinese.
//	default-stages-untouched  subject pipeline. The open stages that HubSpot ships in English; not on other CRMs.
//	stage-label-contradicts   subject stage. An open stage named won or lost.
//	stage-after-won        subject stage. An open stage ordered after won. Not on a CRM where won is no stage.
//	closing-stage-missing  subject pipeline. No stage with a probability of 0. Not on a CRM where lost is no stage.
//	seller-side-stage-name subject stage, only where it is asked for by name: the policy is off by default. An open stage named by
//	                       what the seller is to do.
//
//	lost-reason-options-missing  subject portal (World.Account). The list lacks one of budget, competitor, no decision, decision maker,
//	                       timing, commitment and product fit, and no loss is for that reason. Base: it has them all, and "other". Not
//	                       judged where there is no LossProperty.
//	lost-reason-other-overused  subject portal. Of the deals lost within 180 d, n >= 20, more than 20 % are for "other" reasons, and no
//	                       accident does that. Planted: n >= 24, at least 45 %, today and seven days ago. Base: at most 10 %.
//	lost-reason-variants   subject portal. Two options of the list mean one reason and both were chosen within 365 d. Base: one option
//	                       per reason, and nothing typed beside it within 450 d. Not judged where lost-reason-free-text is found.
//	lost-reason-nonstandard  subject deal. Lost within 285 d, the option is empty and the text beside it means one. One or two per
//	                       account, of a reason that no other loss within 450 d has. Not judged where lost-reason-free-text is found.
//	lost-other-without-detail  subject deal. Lost within 285 d for "other", and nothing else is said.
//	gave-up-early          subject deal. Lost within 365 d as unresponsive, by option or text, after fewer than 4 touches. Base at least
//	                       5, all of them outbound; planted at most 3.
//	unresponsive-losses    subject pipeline. Of the deals lost within 180 d with a reason, n >= 20, more than 30 % are unresponsive or not
//	                       interested, and no accident does that. Planted: n >= 24 and at least 60 %, today and seven days ago. Base:
//	                       one in ten.
//
//	no-buyer-activity      subject deal. Open, nothing planned, created and last heard of (an inbound mail, a meeting held) more than 21 d
//	                       ago. Base: heard of or created within 14 d. Planted: 26.5 d and more; half of them were written to within
//	                       1.3 d, the others have no-next-activity too.
//	next-activity-overdue  subject deal. Open, the earliest task, call or meeting not done is more than 3 d past, or more than 90 d ahead.
//	                       Base: 4 to 12 d ahead or none. Planted: a task 4 to 20 d past, or 112 to 200 d ahead. Such deals are not
//	                       judged by no-next-activity.
//	follow-up-overdue      subject deal. Open, nothing planned, the last touch unanswered and more than 5 working days old, and not past
//	                       no-buyer-activity. Planted: a mail 11 to 15 d ago; it has no-next-activity too. Base: answered, or within 1.3 d.
//	slow-first-response    subject deal. Open, by an inbound channel, no touch within 8 working hours. Base: none, or a mail within two
//	                       hours. Planted: nothing within 5 d.
//	touched-in-bulk        subject deal. Open, the last edit one of 20 within a minute by one person, and for 30 d nothing else.
//	                       Planted: one of 27 or more, most of them of closed deals, and for 37 d nothing but a plan. Not on Pipedrive,
//	                       which does not say who edited a deal.
//	contact-missing        subject deal. Open, neither contact nor company.
//	single-threaded        subject deal. Open, past the middle of a pipeline of which the deals won within 365 d, n >= 20, have two
//	                       contacts in the median, with one. Planted: all of 24 or more have two. Base: two of three won deals have one.
//	stage-without-evidence subject deal. Open, past the first stage without a meeting held, where 70 % of the deals won within 365 d,
//	                       n >= 20, had one by then. Planted: all of 24 or more had one, today and seven days ago. Base: one in three had
//	                       a meeting or a mail of the team, and none a quote.
//	behind-its-evidence    subject deal. Open, a published and valid quote before the first stage whose name says proposal, or a signed or
//	                       paid one. Base: quotes from that stage on, and expired ones. Not on Pipedrive, which has no quotes.
//
//	close-date-default     subject deal. Open, the close date is the last day of the month of its creation, as it was from the beginning, and
//	                       still to come. Planted: 3 d ahead and more; it may be close-date-too-soon as well. Not on Pipedrive, which enters
//	                       no date.
//	close-date-too-soon    subject deal. Open, the close date is over before the entry into the stage plus p10 of the days that deals won
//	                       within 365 d (n >= 20) needed from there. Base: 1.25 of that time and more, or n <= 16; planted: 0.75 at most, n >= 24.
//	close-date-pushed      subject deal. Open, the close date moved on by a person by 7 d and more, or past a month end, more than 3 times.
//	                       Base: twice at most, or by programs; planted: 5 or 6 times, by 9 d and more.
//	amount-suspicious      subject deal. Open, an amount <= 1; or, where 30 deals were won in the currency within 365 d, a run of digits that
//	                       none of them has, or further from their median than 4 scaled median distances, in logarithms. Base: 0.8 of that
//	                       at most; planted: 1.3 and more, n >= 36.
//	dates-impossible       subject deal. Closed before the day of its creation, or still to come, by the close date of a closed deal. Planted in
//	                       deals closed 450 d ago and more, 2 d off and more. Not on Pipedrive, where a closed deal has no such date.
//	duplicate-deal         subject deal, each of them. Two open deals of one company whose names read the same, created within 90 d of each
//	                       other. Base: open deals have companies of their own; planted: within 70 d.
//	reopened               subject deal. Open, it was lost in between. Not on Pipedrive, which does not tell earlier closings.
//	created-late           subject deal. Open, created by a person in the second open stage or later.
//	stage-rushed           subject deal. Open, three stages entered within 10 minutes. Planted: within 6 to 9; base: a stay lasts 20 and more.
//	won-incomplete         subject deal. Won within 365 d without an amount. Planted: within 285 d.
//
//	starts-too-early       subject pipeline. Its first open stage is one before any exchange with the buyer, in a pipeline of its own
//	                       without deals; base never. Or of the deals lost from the first stage within 365 d, n >= 20, surely more than
//	                       40 % saw no activity of the buyer. Base about 20 %; planted: all of n >= 26, today and seven days ago, and not
//	                       where activity is not captured.
//	exit-criteria-undefined   subject portal (World.Account). In every account, as no-stage-time-limit.
//	review-overdue         subject pipeline. At least 20 deals, made 60 d ago or earlier, and no stage changed later than 7 d after; or
//	                       unchanged for 180 d with something high or critical planted in it. Base: changed 20 to 140 d ago; planted: never,
//	                       with n >= 24, or 225 d ago and earlier.
//	unused-pipeline        subject pipeline. Nothing was created or moved in it for 180 d, nor was it made since. Pipelines without deals are
//	                       made 20 to 130 d ago in the base, and 220 d ago or earlier where it is planted.
//	single-channel-outreach   subject portal (World.Account). Of the calls, meetings and e-mails of the team within 90 d, n >= 100, more than 90 %
//	                       are of one kind. Base: all kinds; planted: 95 % calls, n >= 125. Not together with stage-without-evidence.
//	activity-not-captured  subject portal (World.Account): of the deals won within 180 d, n >= 20, surely fewer than 60 % carry an activity. Base:
//	                       nearly all; planted: one in six, n >= 26, today and seven days ago. Policies that believe in silence find
//	                       nothing then. Or subject owner: at least 10 open deals and no activity on any deal for 60 d; planted: 13 and 75 d.
//	manual-stage-moves     subject pipeline. Of the moves within 90 d, n >= 50, surely fewer than 10 % were made by programs. Base about 20 %;
//	                       planted none, n >= 64, today and seven days ago.
//	moves-bounce           subject pipeline. A deal went to another stage and back within an hour by a program, twice within 30 d. Planted: 2 to 24 d
//	                       ago, with 20 minutes between moves.
//	skipping-allowed       subject pipeline. A deal left out a stage or went back within 180 d and the rule against it is off. Base: all rules
//	                       are on; planted: within 150 d. Only on a CRM that has such rules.
//
// rules-bypassed is never planted: a rule counts from when it was first seen on, which takes a second look at the account.
//
// The ids of all subjects are digits, so that every CRM can use them as they are and one list is true of all faces.
//
// Archived deals are never reported, whatever is wrong with them. A few old closed deals began in another pipeline: that skips
// nothing, and their stay there counts as one in that pipeline's stage.
func Plantable() []string {
	return slices.Concat(plantedByChance(), []string{probabilityUnset, probabilityNotRising, probabilityMiscalibrated, noStageTimeLimit}, plantedInBoards(), plantedInLosses(), plantedInActivity(), plantedInDates(), plantedInUpkeep(), []string{exitCriteriaUndefined}, plantedInTrends())
}

// plantedByChance are those that a seed draws first; the order decides which.
func plantedByChance() []string {
	return []string{
		tooManyStages, statusAsStage, unusedStage, oftenSkippedStage, lostFreeText, lostMissing, staleInStage, openTooLong,
		stageSkipped, stageRegressed, closeDatePast, closeDateMissing, amountMissing, ownerMissing, ownerInactive, noNextActivity,
	}
}

// plant adds a problem to the truth.
func (w *World) plant(policy, kind, id string) {
	w.Truth = append(w.Truth, Planted{Policy: policy, Subject: Subject{Kind: kind, ID: id}})
}

// sortTruth orders the truth by policy, kind and id.
func (w *World) sortTruth() {
	slices.SortFunc(w.Truth, func(a, b Planted) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Subject.Kind, b.Subject.Kind), cmp.Compare(a.Subject.ID, b.Subject.ID))
	})
}
