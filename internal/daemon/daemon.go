package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/store"
)

const (
	// tick is how often due schedules are looked for.
	tick = time.Second
	// claimTime is how long that may take. It is not cut short by the end of the daemon: a run that is claimed and not
	// queued would be lost.
	claimTime = 10 * time.Second
)

// Options are what a daemon is made of.
type Options struct {
	Cycle    *Cycle
	Portals  []Portal
	Parallel int // how many portals are worked on at once; 0 is 4
	Now      func() time.Time
	Log      *slog.Logger
	// Done is told after every cycle of a portal, and after every try that failed; nil: nobody.
	Done func(portal string, err error)
}

// Daemon runs the portals' cycles. Make one with [New].
type Daemon struct {
	Options
	engine   engine
	portals  map[string]Portal
	unqueued map[string]bool // portals whose run was claimed and could not be queued yet
	running  atomic.Bool
}

// New makes a daemon and its job tables.
func New(ctx context.Context, o Options) (*Daemon, error) {
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	d := &Daemon{Options: o, portals: map[string]Portal{}, unqueued: map[string]bool{}}
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
	d.running.Store(true)
	t := time.NewTicker(tick)
	defer t.Stop()
	for ctx.Err() == nil {
		d.claim(ctx)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	d.running.Store(false)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime+15*time.Second)
	defer cancel()
	if err := d.engine.StopAndCancel(stop); err != nil {
		return fmt.Errorf("stop the job engine: %w", err)
	}
	return nil
}

// Ready reports whether the job engine runs.
func (d *Daemon) Ready(context.Context) error {
	if !d.running.Load() {
		return errors.New("the job engine does not run")
	}
	return nil
}

// schedule writes the portals' schedules down. One that is there already keeps its next run, so that a run that was missed
// while nothing ran is caught up once. A portal that was never pulled is due at once.
func (d *Daemon) schedule(ctx context.Context) error {
	var list []store.Schedule
	for _, p := range d.Portals {
		if p.Cron == "" {
			continue
		}
		s := store.Schedule{Portal: p.Name, Cron: p.Cron, Zone: time.UTC.String()}
		if p.Zone != nil {
			s.Zone = p.Zone.String()
		}
		last, err := d.Cycle.Store.LastSync(ctx, p.Name)
		if err != nil {
			return err
		}
		if s.Next, err = d.next(s); err != nil {
			return fmt.Errorf("schedule of %s: %w", p.Name, err)
		}
		if last == nil {
			s.Next = crm.At(d.Now())
		}
		list = append(list, s)
	}
	return d.Cycle.Store.SetSchedules(ctx, list)
}

func (d *Daemon) next(s store.Schedule) (crm.Instant, error) { return next(s, d.Now()) }

// claim makes a job of every schedule that is due. Over all replicas each due run is claimed once.
func (d *Daemon) claim(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	due, err := d.Cycle.Store.ClaimDue(ctx, d.next)
	if err != nil {
		d.Log.Error("claim due schedules", "error", err)
	}
	for _, s := range due {
		d.unqueued[s.Portal] = true
	}
	for portal := range d.unqueued {
		if err := d.Enqueue(ctx, portal); err != nil {
			d.Log.Error("queue a due cycle", "error", err)
			continue
		}
		delete(d.unqueued, portal)
	}
}

// Enqueue queues a cycle of a portal, unless one waits or runs already.
func (d *Daemon) Enqueue(ctx context.Context, portal string) error {
	if _, err := d.engine.Insert(ctx, cycleArgs{Portal: portal, Asked: crm.At(d.Now())}, nil); err != nil {
		return fmt.Errorf("queue a cycle of %s: %w", portal, err)
	}
	return nil
}
