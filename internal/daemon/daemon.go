package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/robfig/cron/v3"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
)

// tick is how often due schedules are looked for.
const tick = time.Second

// Options are what a daemon is made of.
type Options struct {
	Cycle    *Cycle
	Portals  []Portal
	Parallel int // how many portals are worked on at once; 0 is 4
	Now      func() time.Time
	Log      *slog.Logger
	// Done is told after every cycle of a portal; nil: nobody.
	Done func(portal string, err error)
	// Soon makes every portal's first cycle due at once instead of at its next time.
	Soon bool
}

// Daemon runs the portals' cycles. Make one with [New].
type Daemon struct {
	Options
	engine  engine
	portals map[string]Portal

	mu      sync.Mutex
	started bool
}

// New makes a daemon and its job tables.
func New(ctx context.Context, o Options) (*Daemon, error) {
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	d := &Daemon{Options: o, portals: map[string]Portal{}}
	for _, p := range o.Portals {
		d.portals[p.Name] = p
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &cycleWorker{d: d})
	db := o.Cycle.Store
	writer, _ := db.SQL()
	var err error
	if d.engine, err = newEngine(ctx, db.Pool(), writer, workers, o.Parallel, o.Log); err != nil {
		return nil, err
	}
	return d, nil
}

// Run works until ctx ends; then it takes nothing new, lets what is on the wire settle, and returns.
func (d *Daemon) Run(ctx context.Context) error {
	if err := d.schedule(ctx); err != nil {
		return err
	}
	// The engine gets a context of its own: it is stopped, not cut off.
	if err := d.engine.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the job engine: %w", err)
	}
	d.setStarted(true)
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		d.claim(ctx)
		select {
		case <-ctx.Done():
			d.setStarted(false)
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout+15*time.Second)
			defer cancel()
			if err := d.engine.Stop(stop); err != nil {
				return fmt.Errorf("stop the job engine: %w", err)
			}
			return nil
		case <-t.C:
		}
	}
}

// Ready reports whether the job engine runs.
func (d *Daemon) Ready(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.started {
		return errors.New("the job engine does not run")
	}
	return nil
}

func (d *Daemon) setStarted(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.started = on
}

// schedule writes the portals' schedules down. One that is there already keeps its next run, so that a run that was missed
// while nothing ran is caught up once.
func (d *Daemon) schedule(ctx context.Context) error {
	var list []store.Schedule
	for _, p := range d.Portals {
		if p.Cron == "" {
			continue
		}
		s := store.Schedule{Portal: p.Name, Cron: p.Cron, Zone: p.zone().String()}
		next, err := d.next(s)
		if err != nil {
			return err
		}
		if s.Next = next; d.Soon {
			s.Next = crm.At(d.Now())
		}
		list = append(list, s)
	}
	return d.Cycle.Store.SetSchedules(ctx, list)
}

func (p Portal) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

// next is the first time after now that a schedule names, in its own zone.
func (d *Daemon) next(s store.Schedule) (crm.Instant, error) {
	loc, err := time.LoadLocation(s.Zone)
	if err != nil {
		return 0, fmt.Errorf("schedule of %s: time zone %q is not known", s.Portal, s.Zone)
	}
	spec, err := cron.ParseStandard(s.Cron)
	if err != nil {
		return 0, fmt.Errorf("schedule of %s: %w", s.Portal, err)
	}
	at := spec.Next(d.Now().In(loc))
	if at.IsZero() {
		return 0, fmt.Errorf("schedule of %s: %q names no time within five years", s.Portal, s.Cron)
	}
	return crm.At(at), nil
}

// claim makes a job of every schedule that is due. Over all replicas each due run is claimed once.
func (d *Daemon) claim(ctx context.Context) {
	due, err := d.Cycle.Store.ClaimDue(ctx, d.next)
	if err != nil && ctx.Err() == nil {
		d.Log.Error("claim due schedules", "error", err)
	}
	for _, s := range due {
		if err := d.Enqueue(context.WithoutCancel(ctx), s.Portal); err != nil {
			d.Log.Error("queue a cycle", "portal", s.Portal, "error", err)
		}
	}
}

// Enqueue queues a cycle of a portal, unless one waits or runs already.
func (d *Daemon) Enqueue(ctx context.Context, portal string) error {
	if _, err := d.engine.Insert(ctx, cycleArgs{Portal: portal}, nil); err != nil {
		return fmt.Errorf("queue a cycle of %s: %w", portal, err)
	}
	return nil
}

// summary logs what a cycle did.
func (d *Daemon) summary(portal string, sync crm.Sync, findings int, plan *remedy.Plan, applied *remedy.Result) {
	attrs := []any{"portal", portal, "complete", sync.Completeness.Complete(), "deals", sync.Completeness.Read["deals"].Read, "requests", sync.Requests, "findings", findings}
	if plan != nil {
		attrs = append(attrs, "steps", len(plan.Steps))
		if plan.Held != "" {
			attrs = append(attrs, "held", plan.Held)
		}
	}
	if applied != nil {
		attrs = append(attrs, "applied", len(applied.Steps), "run", applied.Run)
	}
	d.Log.Info("cycle", attrs...)
}
