package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// unreadable is the object of the gap for deals that came and could not be read.
const unreadable = "unreadable deals"

// andMore stands between the first deal that could not be read and how many others there are.
const andMore = ", and "

// skew is how far the CRM's clock may be from ours.
const skew = 10 * time.Minute

// missing compares what was read by a full walk with the count taken at its beginning. Deals that were deleted during the walk
// explain a difference, which a second count shows; deals created during it must not hide one.
func (r *run) missing(ctx context.Context) []crm.Gap {
	expected := r.expected()
	if expected == nil {
		return nil
	}
	// By the CRM's clock the walk began no earlier than this; ours, if it is about right, saves a needless second count.
	began := max(r.newest.Add(-crm.At(r.opts.Now()).Sub(r.sync.Started)), r.sync.Started.Add(-skew))
	created := int64(0)
	for _, id := range r.ids {
		if d, _ := r.rows.Get(id); d.Created >= began {
			created++
		}
	}
	read := int64(len(r.ids)+len(r.failed)) - r.archived()
	if read-created >= *expected {
		return nil
	}
	now, err := r.conn.(connectors.Counter).Count(ctx, 0)
	if err != nil {
		return []crm.Gap{gapOf("deals", fmt.Errorf("count the deals again: %w", err))}
	}
	if read >= now {
		return nil
	}
	return []crm.Gap{{Object: "deals", Why: fmt.Sprintf("%d deals were read, and the CRM counts %d", read, now)}}
}

// archived is how many of the deals that were read are archived: a count of the portal's deals does not hold them.
func (r *run) archived() int64 {
	n := int64(0)
	for _, id := range r.ids {
		if d, _ := r.rows.Get(id); d.Archived {
			n++
		}
	}
	return n
}

// sweep asks which known deals the portal no longer lists.
func (r *run) sweep(ctx context.Context) []crm.Gap {
	if !r.sweeps {
		return nil
	}
	known := map[string]bool{}
	for i := range int32(r.base.Len()) {
		known[r.base.ID(i)] = true
	}
	for _, id := range r.ids {
		known[id] = true
	}
	gone, err := r.conn.(connectors.Sweeper).Gone(ctx, slices.Sorted(maps.Keys(known)))
	if err != nil {
		return []crm.Gap{gapOf("deleted deals", err)}
	}
	for _, g := range gone {
		r.gone[g.ID] = true
	}
	r.sync.SweptAt = crm.At(r.opts.Now())
	return nil
}

// end keeps a sync that reached its end.
func (r *run) end(ctx context.Context, gaps []crm.Gap) (*crm.Snapshot, error) {
	now := crm.At(r.opts.Now())
	lost := len(gaps) > 0
	r.count(gaps)
	r.sync.Ended, r.sync.Cursor = now, crm.Cursor{}
	if r.sync.Full {
		r.sync.FullAt, r.sync.SweptAt = now, now
		// Whatever was changed since the walk began was perhaps read before. How long ago that is our clock tells; the
		// moment itself comes from the CRM's.
		r.sync.Watermark = 0
		if !r.newest.IsZero() {
			r.sync.Watermark = r.newest.Add(-now.Sub(r.sync.Started))
		}
	} else {
		r.sync.Watermark = r.newest
	}
	if r.last != nil {
		r.sync.Watermark = max(r.sync.Watermark, r.last.Watermark)
	}
	snap, err := r.merge(now, r.sync.Full && !lost && !r.nameless)
	if err != nil {
		return nil, err
	}
	if err := r.store.SaveSync(ctx, r.sync, snap); err != nil {
		return nil, fmt.Errorf("keep the snapshot: %w", err)
	}
	return snap, nil
}

// interrupted keeps what was read by a walk that broke off. A full walk stays open to be taken up again.
func (r *run) interrupted(ctx context.Context, why error) (*crm.Snapshot, error) {
	if r.pages == 0 {
		return nil, r.give(ctx, why)
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	if err := r.savePart(keep); err != nil {
		return nil, errors.Join(why, err)
	}
	r.sync.Error = why.Error()
	now := crm.At(r.opts.Now())
	if !r.sync.Full {
		r.sync.Ended, r.sync.Watermark = now, r.last.Watermark
	}
	r.count([]crm.Gap{gapOf("deals", why)})
	snap, err := r.merge(now, false)
	if err != nil {
		return nil, errors.Join(why, err)
	}
	if err := r.store.SaveSync(keep, r.sync, snap); err != nil {
		return nil, errors.Join(why, fmt.Errorf("keep the snapshot: %w", err))
	}
	if ctx.Err() != nil {
		return nil, why
	}
	return snap, nil
}

// give records a sync that could read nothing, and returns the reason. One that was to be taken up stays as it was.
func (r *run) give(ctx context.Context, why error) error {
	r.count([]crm.Gap{gapOf("deals", why)})
	if r.takeUp != nil {
		requests, tokens := r.sync.Requests, r.sync.Tokens
		r.sync = *r.takeUp
		r.sync.Requests, r.sync.Tokens = requests, tokens
		kept := slices.DeleteFunc(slices.Clone(r.sync.Completeness.Gaps), func(g crm.Gap) bool { return g.Object == "deals" })
		r.sync.Completeness.Gaps = append(kept, gapOf("deals", why))
	} else {
		r.sync.Ended = crm.At(r.opts.Now())
	}
	r.sync.Error = why.Error()
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	if err := r.store.SaveSync(keep, r.sync, nil); err != nil {
		return errors.Join(why, fmt.Errorf("keep the record of the sync: %w", err))
	}
	return why
}

// count writes down what was expected, read and failed.
func (r *run) count(gaps []crm.Gap) {
	if n := len(r.failed); n > 0 {
		why := r.failed[0]
		if n > 1 {
			why = fmt.Sprintf("%s%s%d more", why, andMore, n-1)
		}
		gaps = append(gaps, crm.Gap{Object: unreadable, Why: why})
	}
	read := map[string]crm.Count{
		"deals":     {Expected: r.expected(), Read: int64(len(r.ids)) - r.archived(), Failed: int64(len(r.failed))},
		"pipelines": {Read: int64(len(r.schema.Pipelines))},
	}
	if n := r.archived(); n > 0 {
		read["archived deals"] = crm.Count{Read: n}
	}
	if r.schema.UsersKnown {
		read["owners"] = crm.Count{Read: int64(len(r.schema.Users))}
	}
	r.sync.Completeness = crm.Completeness{Read: read, Gaps: gaps}
	r.sync.Requests += r.opts.Meter.Requests() - r.requests
	r.sync.Tokens += r.opts.Meter.Tokens() - r.tokens
	r.requests, r.tokens = r.opts.Meter.Requests(), r.opts.Meter.Tokens()
}

// merge makes the snapshot of what was read and what was known. Where everything listed was read, what was not read is
// gone, except what came and could not be understood.
func (r *run) merge(now crm.Instant, everything bool) (*crm.Snapshot, error) {
	c := r.sync.Completeness
	if r.idle() {
		meta := crm.Snapshot{Portal: r.base.Portal, CRM: r.base.CRM, Taken: now, Schema: r.base.Schema, Asked: r.base.Asked, Completeness: r.whole(c, r.base.Len())}
		return crm.Assemble(meta, *r.base.Columns()), nil
	}
	if r.base != nil {
		stuck := r.failedIDs()
		for i := range int32(r.base.Len()) {
			id := r.base.ID(i)
			if r.rows.Has(id) || r.gone[id] || everything && !stuck(id) {
				continue
			}
			if err := r.rows.Add(r.base.Export(i)); err != nil {
				c.Gaps = append(c.Gaps, crm.Gap{Object: "deals", Why: err.Error()})
			}
		}
	}
	r.swallow()
	for id := range r.gone {
		r.rows.Remove(id)
	}
	r.sync.Completeness = c
	return r.rows.Build(now, r.sync.Facts, r.whole(c, r.rows.Len())), nil
}

// swallow takes out the deals that were merged into others that are there.
func (r *run) swallow() {
	for _, id := range r.ids {
		d, ok := r.rows.Get(id)
		if !ok {
			continue
		}
		for _, old := range d.Merged {
			if old != id {
				r.rows.Remove(old)
			}
		}
	}
}

// idle reports whether a walk over the changes found none.
func (r *run) idle() bool {
	if r.sync.Full || len(r.ids) > 0 || len(r.gone) > 0 {
		return false
	}
	sorted := crm.NewBuilder(r.opts.Portal, r.opts.CRM, r.schema).Build(0, 0, crm.Completeness{}).Schema
	return reflect.DeepEqual(sorted, r.base.Schema)
}

// whole is the completeness of a snapshot, which speaks of all deals, where a sync's speaks of those that it read.
func (r *run) whole(c crm.Completeness, deals int) crm.Completeness {
	if r.sync.Full {
		return c
	}
	c.Read = maps.Clone(c.Read)
	c.Read["deals"] = crm.Count{Read: int64(deals), Failed: c.Read["deals"].Failed}
	return c
}

// failedIDs tells of which deals it is known that they came and could not be read: their failure begins with the id.
func (r *run) failedIDs() func(id string) bool {
	failed := map[string]bool{}
	for _, f := range r.failed {
		id, _, _ := strings.Cut(strings.TrimPrefix(f, "deal "), ":")
		failed[id] = true
	}
	return func(id string) bool { return failed[id] }
}
