// Package mirror copies a portal: it walks over the deals of a connector and keeps, in a store, what the portal looks like.
//
// Its one idea: a sync is a full walk or a walk over what changed, and both end in a whole snapshot. Its one rule: what
// could not be read is said in the snapshot's completeness, and nothing that is known is dropped for it.
package mirror

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// Store keeps what a mirror needs between two syncs of a portal.
type Store interface {
	// LoadSnapshot returns the snapshot kept last, nil where there is none.
	LoadSnapshot(ctx context.Context, portal string) (*crm.Snapshot, error)
	// LastEnded returns the last sync that reached its end, nil where there is none.
	LastEnded(ctx context.Context, portal string) (*crm.Sync, error)
	// OpenSync returns the sync that was interrupted last and was not taken up since, with the parts that it had read; nil
	// where there is none.
	OpenSync(ctx context.Context, portal string) (*crm.Sync, []*crm.Snapshot, error)
	// SavePart keeps a part of a sync that goes on, and the place that it has come to.
	SavePart(ctx context.Context, sync crm.Sync, part *crm.Snapshot) error
	// SaveSync keeps a sync and, unless it is nil, the snapshot that it led to. The parts of a sync that has ended, and of
	// older ones, are dropped.
	SaveSync(ctx context.Context, sync crm.Sync, snapshot *crm.Snapshot) error
	// OwnTasks returns the due times of the living tasks that we created, by deal.
	OwnTasks(ctx context.Context, portal string) (map[string][]crm.Instant, error)
	// Reshaped reports whether we created or removed a property of the portal after a moment.
	Reshaped(ctx context.Context, portal string, since crm.Instant) (bool, error)
}

// Options say what a sync is to do.
type Options struct {
	Portal string // our name of it
	CRM    string // name of the connector's type
	// Facts are the facts that the enabled checks need; none means all.
	Facts crm.Fact
	// Full asks for a full walk although one over the changes would do.
	Full bool
	// FullEvery is the longest time between two full walks, by default a week, or a day for a CRM that cannot tell what it
	// no longer lists. SweepEvery is the longest time between two looks at that, by default a day.
	FullEvery, SweepEvery time.Duration
	Now                   func() time.Time // nil: the system's clock
	Log                   *slog.Logger     // nil: says nothing
	// Meter counts the connector's requests, where the caller made it listen to them.
	Meter *Meter
	// Progress, if any, is told after every page how many deals were read so far and how many there are, nil if not known.
	Progress func(read int64, expected *int64)
}

// Meter counts a connector's requests and tokens: give its Observe to [connectors.Options].
type Meter struct{ requests, tokens atomic.Int64 }

// Observe counts one request.
func (m *Meter) Observe(c connectors.Call) {
	m.requests.Add(1)
	m.tokens.Add(c.Tokens)
}

// Requests is the number of requests so far.
func (m *Meter) Requests() int64 { return m.requests.Load() }

// Tokens is the number of tokens so far.
func (m *Meter) Tokens() int64 { return m.tokens.Load() }

const (
	// overlap is how far a walk over the changes reaches back before the newest change seen: what a CRM's search is late
	// with is found by the next walk.
	overlap = 5 * time.Minute
	// resumable is how long an interrupted full walk can be taken up again.
	resumable = 24 * time.Hour
	// firstPart is how many deals are kept as the first part of a walk that goes on; later parts are an eighth of what
	// came before, so that there are few of them.
	firstPart = 1000
	largest   = 65_536 // deals in a part
)

// Collect reads a portal whole, without a store. When the walk breaks off after its first page, it returns what was read,
// with the gap in the snapshot's completeness; an error means that there is nothing to look at.
func Collect(ctx context.Context, conn connectors.Connector, opts Options) (*crm.Snapshot, error) {
	opts.Full = true
	_, snap, err := Sync(ctx, conn, nothing{}, opts)
	return snap, err
}

// Sync brings what is kept of a portal up to date and returns the record of it and the snapshot. Where some of the portal
// could not be read the error is nil and Completeness has gaps: nothing that was known is missing from the snapshot, and a
// full walk that was interrupted goes on at its cursor the next time. An error means that nothing could be read, that ctx
// ended (what was read is kept) or that the store failed; the snapshot is then nil.
func Sync(ctx context.Context, conn connectors.Connector, store Store, opts Options) (crm.Sync, *crm.Snapshot, error) {
	r, err := prepare(ctx, conn, store, opts)
	if err != nil {
		return crm.Sync{}, nil, err
	}
	snap, err := r.run(ctx)
	if err != nil {
		return r.sync, nil, err
	}
	return r.sync, snap, nil
}

// prepare looks at what is kept and decides what kind of walk is needed.
func prepare(ctx context.Context, conn connectors.Connector, store Store, opts Options) (*run, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Facts == 0 {
		opts.Facts = crm.AllFacts
	}
	if opts.Meter == nil {
		opts.Meter = new(Meter)
	}
	_, sweeps := conn.(connectors.Sweeper)
	if opts.FullEvery == 0 {
		opts.FullEvery = 24 * time.Hour
		if sweeps {
			opts.FullEvery = 7 * 24 * time.Hour
		}
	}
	if opts.SweepEvery == 0 {
		opts.SweepEvery = 24 * time.Hour
	}
	r := &run{opts: opts, conn: conn, store: store, gone: map[string]bool{}, requests: opts.Meter.Requests(), tokens: opts.Meter.Tokens()}
	var err error
	if r.base, err = store.LoadSnapshot(ctx, opts.Portal); err != nil {
		return nil, err
	}
	if r.last, err = store.LastEnded(ctx, opts.Portal); err != nil {
		return nil, err
	}
	if r.own, err = store.OwnTasks(ctx, opts.Portal); err != nil {
		return nil, err
	}
	if r.last != nil {
		if r.reshaped, err = store.Reshaped(ctx, opts.Portal, r.last.FullAt); err != nil {
			return nil, err
		}
	}
	now := crm.At(opts.Now())
	if r.takeUp, r.parts, err = store.OpenSync(ctx, opts.Portal); err != nil {
		return nil, err
	}
	full := r.needsFull(now)
	if o := r.takeUp; o != nil && o.Full && full && o.Facts.Has(opts.Facts) && now.Sub(o.Started) < resumable {
		stale, err := store.Reshaped(ctx, opts.Portal, o.Started)
		if err != nil {
			return nil, err
		}
		if !stale {
			r.sync = *o
			r.sync.Error = ""
			return r, nil
		}
	}
	r.takeUp, r.parts = nil, nil
	r.sync = crm.Sync{ID: newID(opts.Now()), Portal: opts.Portal, Full: full, Started: now, Facts: opts.Facts}
	if !full {
		r.sync.Since = r.last.Watermark.Add(-overlap)
		r.sync.Facts |= r.base.Asked // those that are kept already stay known of what is read again
		r.sync.FullAt, r.sync.SweptAt = r.last.FullAt, r.last.SweptAt
		r.sweeps = sweeps && now.Sub(r.last.SweptAt) >= opts.SweepEvery
	}
	return r, nil
}

// needsFull tells whether a walk over the changes would not do.
func (r *run) needsFull(now crm.Instant) bool {
	return r.opts.Full || r.base == nil || r.last == nil || r.last.Watermark.IsZero() || !r.last.Completeness.Complete() ||
		!r.base.Asked.Has(r.opts.Facts) || r.reshaped || now.Sub(r.last.FullAt) >= r.opts.FullEvery
}

// newID makes an id for a sync; later ones sort later.
func newID(now time.Time) string {
	return fmt.Sprintf("%011x%s", now.UnixMilli(), strings.ToLower(rand.Text()[:13]))
}

// gapOf describes an error as a gap.
func gapOf(object string, err error) crm.Gap {
	g := crm.Gap{Object: object, Why: err.Error()}
	var limit *connectors.LimitError
	if errors.As(err, &limit) {
		g.RetryAt = crm.At(limit.RetryAt)
	}
	return g
}

// nothing is a store that keeps nothing.
type nothing struct{}

func (nothing) LoadSnapshot(context.Context, string) (*crm.Snapshot, error) { return nil, nil }
func (nothing) LastEnded(context.Context, string) (*crm.Sync, error)        { return nil, nil }
func (nothing) OpenSync(context.Context, string) (*crm.Sync, []*crm.Snapshot, error) {
	return nil, nil, nil
}
func (nothing) SavePart(context.Context, crm.Sync, *crm.Snapshot) error     { return nil }
func (nothing) SaveSync(context.Context, crm.Sync, *crm.Snapshot) error     { return nil }
func (nothing) Reshaped(context.Context, string, crm.Instant) (bool, error) { return false, nil }
func (nothing) OwnTasks(context.Context, string) (map[string][]crm.Instant, error) {
	return nil, nil
}
