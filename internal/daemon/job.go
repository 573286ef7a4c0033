package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
)

// syncTime is how long a job may pull before it checkpoints and asks to be run again; it leaves room within jobTimeout.
const syncTime = 40 * time.Second

// cycleArgs name the portal whose cycle is to be run. At most one job per portal waits or runs.
type cycleArgs struct {
	Portal string `json:"portal"`
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

// Work runs a portal's cycle, or goes on with it.
func (w *cycleWorker) Work(ctx context.Context, job *river.Job[cycleArgs]) error {
	p, ok := w.d.portals[job.Args.Portal]
	if !ok {
		w.d.Log.Warn("a cycle is queued for a portal that is not configured any more", "portal", job.Args.Portal)
		return nil
	}
	err := w.d.cycle(ctx, p)
	var leased *store.LeasedError
	switch {
	case errors.As(err, &leased):
		return river.JobSnooze(30 * time.Second)
	case errors.Is(err, errGoOn):
		return river.JobSnooze(0)
	}
	if w.d.Done != nil {
		w.d.Done(p.Name, err)
	}
	if err != nil {
		w.d.Log.Error("cycle", "portal", p.Name, "error", err)
		if errors.Is(err, connectors.ErrUnauthorized) {
			return nil // no second try will cure it
		}
	}
	return err
}

// errGoOn tells that a pull was interrupted at a checkpoint and goes on in another run of the job.
var errGoOn = errors.New("the pull goes on")

// cycle is the whole of it: sync, audit, plan, apply what was approved.
func (d *Daemon) cycle(ctx context.Context, p Portal) error {
	pulling, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	sync, err := d.Cycle.Sync(pulling, p, Pull{})
	if err != nil {
		if errors.Is(pulling.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			return errGoOn
		}
		return err
	}
	result, err := d.Cycle.Audit(ctx, p, 0)
	if err != nil {
		return err
	}
	plan, applied, err := d.remedy(ctx, p, result.Complete, func() (*remedy.Plan, error) { return d.Cycle.Plan(ctx, p, result, "daemon", true) })
	if err != nil {
		return err
	}
	d.summary(p.Name, sync, len(result.Findings), plan, applied)
	return nil
}

// remedy plans, and applies what is approved. On incomplete data nothing is planned, but what an earlier run left
// unsettled is still settled.
func (d *Daemon) remedy(ctx context.Context, p Portal, complete bool, plan func() (*remedy.Plan, error)) (*remedy.Plan, *remedy.Result, error) {
	var made *remedy.Plan
	if complete {
		var err error
		if made, err = plan(); err != nil {
			return nil, nil, err
		}
	}
	waiting, err := d.Cycle.Store.Steps(ctx, remedy.Filter{Portal: p.Name, States: []remedy.State{remedy.Approved, remedy.Applying}})
	if err != nil {
		return made, nil, fmt.Errorf("read the approved steps of %s: %w", p.Name, err)
	}
	if len(waiting) == 0 {
		return made, nil, nil
	}
	applied, err := d.Cycle.Apply(ctx, p, Run{ID: NewRunID(d.Now()), Who: "daemon"})
	return made, applied, err
}

// NewRunID names a run of apply or undo: its time, and letters that make it unique.
func NewRunID(now time.Time) string {
	return crm.At(now).Time().Format("20060102T150405") + "-" + rand.Text()[:6]
}
