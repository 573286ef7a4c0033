package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
)

// Portal is a portal as its cycle sees it.
type Portal struct {
	Name string
	CRM  string
	Cron string         // when its cycle runs; "" never by itself
	Zone *time.Location // of Cron; nil is UTC
	// Connect opens the connection; the meter counts its requests.
	Connect func(ctx context.Context) (connectors.Connector, *mirror.Meter, error)
	Checks  []audit.Check
	Facts   crm.Fact // what the checks need to be read of deals
	// LossPhrases are the portal's own words for loss reasons, by the option's value.
	LossPhrases map[string][]string
	// Plan gives the rules of a plan at a moment; freezes and write windows depend on it.
	Plan func(now time.Time) remedy.Options
	// Imported is true for a portal whose snapshots came from files: there is no CRM to call. It is judged as of the moment
	// that its newest snapshot shows, and every step of its plan is a person's.
	Imported bool
}

// Cycle does the parts of a portal's cycle. The commands use it as the daemon does.
type Cycle struct {
	Store  *store.DB
	Words  remedy.Words
	Now    func() time.Time
	Log    *slog.Logger
	Holder string // who holds the leases: program, host and process
	// Wait makes it wait for a portal that somebody else is working on, instead of failing.
	Wait bool
	// Pause waits for what an earlier run may still have on the wire to become quiet, so that apply and undo settle it
	// themselves; nil leaves it to the next run.
	Pause func(ctx context.Context, d time.Duration) error
}

// ErrNothingPulled tells that a portal was never synced.
var ErrNothingPulled = errors.New("nothing was pulled yet: run plumbline sync")

// ErrImported tells that a portal's snapshots came from files, so that there is no CRM to read or to write.
var ErrImported = errors.New("it was imported from a file, there is no CRM account to call; connect the account under another name")

// Pull is how a sync is done.
type Pull struct {
	Full     bool
	Progress func(read int64, expected *int64)
}

// Sync brings what is kept of a portal up to date.
func (c *Cycle) Sync(ctx context.Context, p Portal, how Pull) (crm.Sync, error) {
	if p.Imported {
		return crm.Sync{}, fmt.Errorf("sync %s: %w", p.Name, ErrImported)
	}
	var out crm.Sync
	err := c.hold(ctx, p.Name, func(ctx context.Context) error {
		conn, meter, err := p.Connect(ctx)
		if err != nil {
			return err
		}
		out, _, err = mirror.Sync(ctx, conn, c.Store, mirror.Options{
			Portal: p.Name, CRM: p.CRM, Facts: p.Facts, Full: how.Full, Now: c.Now, Log: c.Log, Meter: meter, Progress: how.Progress,
		})
		return err
	})
	if err != nil {
		return out, fmt.Errorf("sync %s: %w", p.Name, err)
	}
	return out, nil
}

// Estimate tells what a full pull of a portal will cost.
func (c *Cycle) Estimate(ctx context.Context, p Portal) (connectors.Estimate, error) {
	if p.Imported {
		return connectors.Estimate{}, fmt.Errorf("estimate %s: %w", p.Name, ErrImported)
	}
	var out connectors.Estimate
	err := c.hold(ctx, p.Name, func(ctx context.Context) error {
		conn, _, err := p.Connect(ctx)
		if err != nil {
			return err
		}
		e, ok := conn.(connectors.Estimator)
		if !ok {
			return errors.New("this kind of CRM gives no estimate")
		}
		out, err = e.Estimate(ctx, p.Facts)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("estimate %s: %w", p.Name, err)
	}
	return out, nil
}

// Audit judges what is kept of a portal as of a moment, and keeps the result when that moment is now (at is none). For
// another moment it takes the last kept snapshot at or before it, else the oldest, and the waivers that held then.
func (c *Cycle) Audit(ctx context.Context, p Portal, at crm.Instant) (*audit.Result, error) {
	in, err := c.input(ctx, p, at)
	if err != nil {
		return nil, fmt.Errorf("audit %s: %w", p.Name, err)
	}
	result, err := audit.Run(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("audit %s: %w", p.Name, err)
	}
	if at.IsZero() {
		if err := c.Store.SaveResult(ctx, result); err != nil {
			return nil, fmt.Errorf("keep the audit of %s: %w", p.Name, err)
		}
	}
	return result, nil
}

// Explain tells of one deal what [Cycle.Audit] would judge of it; nothing is kept. The deal is named as for [audit.Explain].
func (c *Cycle) Explain(ctx context.Context, p Portal, at crm.Instant, deal string) (*audit.Explanation, error) {
	in, err := c.input(ctx, p, at)
	if err != nil {
		return nil, fmt.Errorf("explain a deal of %s: %w", p.Name, err)
	}
	e, err := audit.Explain(ctx, in, deal)
	if err != nil {
		return nil, fmt.Errorf("explain a deal of %s: %w", p.Name, err)
	}
	return e, nil
}

// input is what an audit of a portal as of a moment runs over; none is now.
func (c *Cycle) input(ctx context.Context, p Portal, at crm.Instant) (in audit.Input, err error) {
	in = audit.Input{Checks: p.Checks, Now: crm.At(c.Now()), LossPhrases: p.LossPhrases}
	if at.IsZero() {
		if in.Open, err = c.Store.OpenFindings(ctx, p.Name); err == nil {
			in.Snapshot, err = c.Store.LoadSnapshot(ctx, p.Name)
		}
	} else {
		in.Now = at
		in.Snapshot, err = c.Store.SnapshotAt(ctx, p.Name, at)
	}
	if err != nil {
		return in, err
	}
	if in.Snapshot == nil {
		return in, ErrNothingPulled
	}
	if p.Imported && at.IsZero() {
		in.Now = in.Snapshot.Taken
	}
	in.Waivers, err = c.waivers(ctx, p.Name, at)
	return in, err
}

// waivers are those that hold at a moment; none is now, even where what is judged was so earlier.
func (c *Cycle) waivers(ctx context.Context, portal string, at crm.Instant) ([]audit.Waiver, error) {
	if at.IsZero() {
		at = crm.At(c.Now())
	}
	all, err := c.Store.Waivers(ctx, portal, at)
	return slices.DeleteFunc(all, func(w audit.Waiver) bool { return w.Until <= at }), err
}

// Plan plans the fixes of a result. who is in whose name; a person's plan always proposes, the daemon's obeys the modes.
func (c *Cycle) Plan(ctx context.Context, p Portal, r *audit.Result, who string, asDaemon bool) (*remedy.Plan, error) {
	snap, err := c.Store.LoadSnapshot(ctx, p.Name)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", p.Name, err)
	}
	if snap == nil {
		return nil, fmt.Errorf("plan %s: %w", p.Name, ErrNothingPulled)
	}
	opts := p.Plan(c.Now())
	opts.Who, opts.Daemon = who, asDaemon
	opts.FallbackOwner = userID(snap.Schema, opts.FallbackOwner)
	var plan *remedy.Plan
	err = c.hold(ctx, p.Name, func(ctx context.Context) error {
		var editor connectors.Editor // without one every step is a person's
		if !p.Imported {
			conn, _, err := p.Connect(ctx)
			if err != nil {
				return err
			}
			editor, _ = conn.(connectors.Editor)
		}
		var err error
		plan, err = remedy.NewPlan(ctx, remedy.Input{
			Result: r, Schema: snap.Schema, Editor: editor, Store: c.Store, Words: c.Words, Now: c.Now(), Contact: contact(snap), Options: opts,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", p.Name, err)
	}
	return plan, nil
}

// contact tells of a deal when the buyer was last heard of; where that is not known, when it was last touched at all.
func contact(snap *crm.Snapshot) func(deal string) (crm.Instant, bool) {
	return func(deal string) (crm.Instant, bool) {
		i, ok := snap.Find(deal)
		if !ok {
			return 0, false
		}
		r := snap.Deal(i)
		if r.Known.Has(crm.FactBuyer) {
			return r.Buyer, true
		}
		return r.Touch, r.Known.Has(crm.FactTouch)
	}
}

// userID is the id of the user who is named by id or by e-mail.
func userID(schema crm.Schema, name string) string {
	for _, u := range schema.Users {
		if name != "" && u.ID != name && strings.EqualFold(u.Email, name) {
			return u.ID
		}
	}
	return name
}

// Run is one run of apply or undo.
type Run struct {
	ID    string
	Who   string
	Max   int      // steps; 0 is no limit
	Steps []string // only these; nil is all that are approved
}

// Apply carries out a portal's approved steps.
func (c *Cycle) Apply(ctx context.Context, p Portal, run Run) (*remedy.Result, error) {
	return c.write(ctx, p, run, "apply", remedy.Apply)
}

// Undo takes applied steps back.
func (c *Cycle) Undo(ctx context.Context, p Portal, run Run, sel remedy.Selection) (*remedy.Result, error) {
	return c.write(ctx, p, run, "undo", func(ctx context.Context, app remedy.Application) (*remedy.Result, error) {
		return remedy.Undo(ctx, app, sel)
	})
}

func (c *Cycle) write(ctx context.Context, p Portal, run Run, what string, do func(context.Context, remedy.Application) (*remedy.Result, error)) (*remedy.Result, error) {
	if p.Imported {
		return nil, fmt.Errorf("%s %s: %w", what, p.Name, ErrImported)
	}
	var out *remedy.Result
	err := c.hold(ctx, p.Name, func(ctx context.Context) error {
		conn, _, err := p.Connect(ctx)
		if err != nil {
			return err
		}
		editor, ok := conn.(connectors.Editor)
		if !ok {
			return errors.New("this connection can only read")
		}
		schema, err := conn.Schema(ctx)
		if err != nil {
			return err
		}
		out, err = do(ctx, remedy.Application{
			Portal: p.Name, Editor: editor, Schema: schema, Store: c.Store, Now: c.Now, Run: run.ID, Who: run.Who, Max: run.Max, Steps: run.Steps, Settle: settleTime, Wait: c.Pause,
		})
		return err
	})
	if err != nil {
		return out, fmt.Errorf("%s %s: %w", what, p.Name, err)
	}
	return out, nil
}

// NewRunID names a run of apply or undo: its time, and letters that make it unique.
func NewRunID(now time.Time) string {
	return crm.At(now).Time().Format("20060102T150405") + "-" + rand.Text()[:6]
}
