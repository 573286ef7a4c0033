package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
)

// How a job spends its time. What is left of jobTimeout is for keeping what was read or for settling what is on the wire.
const (
	workTime = 50 * time.Second
	syncTime = 40 * time.Second
	// leaseWait is how long a job waits for a portal that somebody else works on, before it asks again.
	leaseWait = 30 * time.Second
	// settleWait is how long a request that had no answer is given before what became of it is looked up.
	settleWait = 35 * time.Second
	// keepTime is what a backfill leaves of a job's time for what it has read and for the audit that follows.
	keepTime = 15 * time.Second
	// fresh is for how long a cycle that was interrupted goes on where it stood; after that it begins again.
	fresh = 10 * time.Minute
)

// who the daemon is in plans, runs and the journal.
const who = "daemon"

// cycleArgs name the portal whose cycle is to be run. At most one job per portal waits or runs.
type cycleArgs struct {
	Portal string `json:"portal" river:"unique"`
	// Asked is when the cycle was queued: what was done after it was done by this cycle.
	Asked crm.Instant `json:"asked"`
}

// Kind names the job in the queue.
func (cycleArgs) Kind() string { return "cycle" }

// InsertOpts keeps a second cycle of the same portal out while one waits or runs.
func (cycleArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: maxAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
}

type cycleWorker struct {
	river.WorkerDefaults[cycleArgs]
	d *Daemon
}

// NextRetry leaves a CRM or a network some time to come back: one minute after the first failure, five after the second.
// One that is rescued after a crash has waited enough.
func (w *cycleWorker) NextRetry(job *river.Job[cycleArgs]) time.Time {
	now := time.Now()
	switch {
	case job.AttemptedAt != nil && now.Sub(*job.AttemptedAt) > rescueAfter:
		return now
	case job.Attempt > 1:
		return now.Add(5 * time.Minute)
	default:
		return now.Add(time.Minute)
	}
}

// Work runs a portal's cycle, or goes on with it.
func (w *cycleWorker) Work(ctx context.Context, job *river.Job[cycleArgs]) error {
	p, ok := w.d.portals[job.Args.Portal]
	if !ok {
		w.d.Log.Warn("a cycle was queued for a portal that is not configured", "portal", job.Args.Portal)
		return nil
	}
	err := w.d.cycle(ctx, p, job.Args.Asked)
	var later *laterError
	var leased *store.LeasedError
	switch {
	case errors.As(err, &later):
		return river.JobSnooze(later.wait)
	case errors.As(err, &leased):
		return river.JobSnooze(leaseWait)
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return errors.Join(err, ctx.Err()) // the daemon stops: the job goes back as it was
	}
	if w.d.Done != nil {
		w.d.Done(p.Name, err)
	}
	if at := goesOn(err); at > crm.At(w.d.Now()) && p.Cron != "" {
		w.d.Log.Warn("cycle stopped, it goes on by itself", "portal", p.Name, "at", at, "error", err)
		return river.JobCancel(err) // no try before that will get any further
	}
	if errors.Is(err, connectors.ErrUnauthorized) {
		w.d.Log.Error("cycle failed", "error", err)
		return river.JobCancel(err) // no second try will cure it
	}
	return err
}

// laterError tells that a cycle stands at a checkpoint and goes on in another run of its job.
type laterError struct{ wait time.Duration }

func (e *laterError) Error() string { return fmt.Sprintf("the cycle goes on in %s", e.wait) }

// late reports whether so little of a job's time is left that the next part of a cycle is better begun in another run.
func late(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) < workTime/2
}

// cycle brings a portal's cycle as far as one job may: sync, audit, plan, apply. What was done since it was asked for is
// not done again.
func (d *Daemon) cycle(ctx context.Context, p Portal, asked crm.Instant) error {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	since := max(asked, crm.At(d.Now().Add(-fresh)))
	sync, err := d.pull(ctx, p, since)
	d.goOn(ctx, p, max(goesOn(err), retryAt(sync.Completeness.Gaps)))
	if err != nil {
		return err
	}
	result, err := d.judge(ctx, p, sync)
	if err != nil {
		return err
	}
	plan, err := d.plan(ctx, p, result)
	if err != nil {
		return err
	}
	applied, err := d.apply(ctx, p, asked)
	if err != nil {
		d.goOn(ctx, p, goesOn(err))
		return err
	}
	d.summary(sync, result, plan, applied)
	if sync.Error != "" {
		return &brokeOffError{portal: p.Name, why: sync.Error, retryAt: retryAt(sync.Completeness.Gaps)}
	}
	return d.backfill(ctx, p)
}

// pull syncs, unless this cycle did. A pull that takes longer than a job may goes on at its checkpoint.
func (d *Daemon) pull(ctx context.Context, p Portal, since crm.Instant) (crm.Sync, error) {
	db := d.Cycle.Store
	done, err := db.LastEnded(ctx, p.Name)
	if err != nil {
		return crm.Sync{}, err
	}
	if done != nil && done.Ended >= since {
		return *done, nil
	}
	before, err := db.LastSync(ctx, p.Name)
	if err != nil {
		return crm.Sync{}, err
	}
	pulling, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	sync, err := d.Cycle.Sync(pulling, p, Pull{})
	switch {
	case err != nil && errors.Is(pulling.Err(), context.DeadlineExceeded) && advanced(before, sync),
		err == nil && sync.Error == "" && late(ctx):
		return sync, &laterError{}
	}
	return sync, err
}

// advanced reports whether an interrupted sync brings the next one nearer to its end than it was before.
func advanced(before *crm.Sync, now crm.Sync) bool {
	if !now.Full {
		return now.Completeness.Read["deals"].Read > 0 // which the next one need not read again
	}
	if before == nil || before.ID != now.ID {
		return now.Cursor != crm.Cursor{}
	}
	return now.Cursor != before.Cursor
}

// judge audits what was pulled, unless this cycle did.
func (d *Daemon) judge(ctx context.Context, p Portal, sync crm.Sync) (*audit.Result, error) {
	db := d.Cycle.Store
	if !sync.Ended.IsZero() {
		kept, err := db.Scores(ctx, p.Name, sync.Ended)
		if err != nil {
			return nil, err
		}
		if len(kept) > 0 {
			return db.LastResult(ctx, p.Name)
		}
	}
	result, err := d.Cycle.Audit(ctx, p, 0)
	if err == nil && result.Complete && late(ctx) {
		return nil, &laterError{}
	}
	return result, err
}

// plan plans, unless this cycle did. On incomplete data nothing is planned.
func (d *Daemon) plan(ctx context.Context, p Portal, r *audit.Result) (*remedy.Plan, error) {
	if !r.Complete {
		return nil, nil
	}
	last, ok, err := d.Cycle.Store.LastPlan(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	if ok && last.Who == who && last.MadeAt >= r.AsOf {
		return &last, nil
	}
	plan, err := d.Cycle.Plan(ctx, p, r, who, true)
	if err == nil && late(ctx) {
		return nil, &laterError{}
	}
	return plan, err
}

// apply carries out what is approved, and settles what an earlier run left open. What nobody approved but the
// configuration waits while the portal's rules hold it.
func (d *Daemon) apply(ctx context.Context, p Portal, asked crm.Instant) (*remedy.Result, error) {
	waiting, err := d.Cycle.Store.Steps(ctx, remedy.Filter{Portal: p.Name, States: []remedy.State{remedy.Approved, remedy.Applying}})
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	run := Run{ID: NewRunID(d.Now()), Who: who}
	if p.Plan(d.Now()).Hold != "" {
		run.Steps = []string{}
		for i := range waiting {
			if s := &waiting[i]; s.State == remedy.Approved && !s.Unasked() {
				run.Steps = append(run.Steps, s.ID)
			}
		}
	}
	result, err := d.Cycle.Apply(ctx, p, run)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && ended(result) > 0:
		return nil, &laterError{}
	case err == nil && unsettled(result) && d.Now().Before(asked.Time().Add(fresh)):
		return nil, &laterError{settleWait}
	}
	return result, err
}

// ended counts the steps that a run brought to their end.
func ended(r *remedy.Result) (n int) {
	for _, s := range r.Steps {
		if s.State != remedy.Approved && s.State != remedy.Applying {
			n++
		}
	}
	return n
}

// unsettled reports whether it is not known what became of a step that a run sent.
func unsettled(r *remedy.Result) bool {
	return slices.ContainsFunc(r.Steps, func(s remedy.StepResult) bool { return s.State == remedy.Applying })
}

// summary logs what a cycle came to.
func (d *Daemon) summary(sync crm.Sync, r *audit.Result, plan *remedy.Plan, applied *remedy.Result) {
	attrs := []any{"portal", r.Portal, "complete", r.Complete, "deals", r.Read["deals"].Read, "requests", sync.Requests, "findings", len(r.Findings)}
	if plan != nil && plan.Held != "" {
		attrs = append(attrs, "held", plan.Held)
	}
	if applied != nil {
		attrs = append(attrs, "ended", ended(applied), "run", applied.Run)
	}
	d.Log.Info("cycle", attrs...)
}
