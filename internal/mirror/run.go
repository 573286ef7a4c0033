package mirror

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// run is one sync on its way.
type run struct {
	opts  Options
	conn  connectors.Connector
	store Store
	base  *crm.Snapshot // what was kept before; nil
	last  *crm.Sync     // the last one that reached its end; nil
	own   map[string][]crm.Instant
	// reshaped tells that the kept deals were read before we created or removed a property.
	reshaped bool

	takeUp *crm.Sync // the interrupted sync that this one goes on with; nil
	parts  []*crm.Snapshot
	sweeps bool // looks for deals that are no longer listed after a walk over the changes

	sync    crm.Sync
	schema  crm.Schema
	reread  int          // times that the set-up was read again for a stage or an owner that it lacked
	rows    *crm.Builder // deals read by this sync
	ids     []string     // of rows
	pending []string     // of rows that no part holds yet
	saved   int          // deals in parts
	gone    map[string]bool
	failed  []string
	// nameless tells that of some deals that failed before the walk was taken up it is not known which they are.
	nameless bool
	newest   crm.Instant // newest modification time read
	pages    int

	requests, tokens int64 // on the meter at the start
}

// run makes the walk and what goes before and after it.
func (r *run) run(ctx context.Context) (*crm.Snapshot, error) {
	if err := r.setUp(ctx); err != nil {
		return nil, r.give(ctx, fmt.Errorf("read the set-up: %w", err))
	}
	r.begin(ctx)
	walked := r.walk(ctx)
	if walked != nil && r.takeUp != nil && r.pages == 0 && !passing(walked) {
		r.opts.Log.WarnContext(ctx, "an interrupted sync cannot go on where it stood, it begins again", "portal", r.opts.Portal, "error", walked)
		r.restart()
		walked = r.walk(ctx)
	}
	if walked != nil {
		return r.interrupted(ctx, walked)
	}
	gaps := r.missing(ctx)
	gaps = append(gaps, r.sweep(ctx)...)
	if err := ctx.Err(); err != nil {
		return r.interrupted(ctx, err)
	}
	if err := r.knowOwners(ctx); err != nil {
		return r.interrupted(ctx, err)
	}
	return r.end(ctx, gaps)
}

// passing reports whether an error may go away by itself, so that the same request may be asked again later.
func passing(err error) bool {
	var limit *connectors.LimitError
	return errors.Is(err, connectors.ErrUnavailable) || errors.Is(err, connectors.ErrUnauthorized) || errors.As(err, &limit) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// setUp reads the portal's set-up: all of it for a full walk or a sweep, else only what changes often.
func (r *run) setUp(ctx context.Context) (err error) {
	refresher, ok := r.conn.(connectors.Refresher)
	if ok && !r.sync.Full && !r.sweeps {
		r.schema, err = refresher.Refresh(ctx, r.base.Schema)
	} else {
		r.schema, err = r.readSchema(ctx)
	}
	if err == nil && !r.sync.Full && r.resettled() {
		r.sync = crm.Sync{ID: r.sync.ID, Portal: r.opts.Portal, Full: true, Started: r.sync.Started, Facts: r.sync.Facts}
		r.sweeps = false
	}
	return err
}

// resettled reports whether the set-up now says otherwise where a fact is read from, so that deals which were kept show
// another property's values than those read now.
func (r *run) resettled() bool {
	was, is := r.base.Schema, r.schema
	return was.Currency != is.Currency || was.LossReason.Field != is.LossReason.Field ||
		was.LossReason.TextField != is.LossReason.TextField || was.LossReason.DetailField != is.LossReason.DetailField
}

// readSchema reads the whole set-up. The moment since which every move is known stays the one that it was at first.
func (r *run) readSchema(ctx context.Context) (crm.Schema, error) {
	s, err := r.conn.Schema(ctx)
	if err == nil {
		s, err = r.survey(ctx, s)
	}
	_, s.HistoryByDeal = r.conn.(connectors.Historian)
	if err == nil && r.base != nil && r.base.Schema.Account == s.Account && r.base.Schema.HistoryFrom < s.HistoryFrom {
		s.HistoryFrom = r.base.Schema.HistoryFrom
	}
	return s, err
}

// begin takes up the parts of an interrupted walk.
func (r *run) begin(ctx context.Context) {
	r.rows = crm.NewBuilder(r.opts.Portal, r.opts.CRM, r.schema)
	if r.takeUp == nil {
		return
	}
	for _, part := range r.parts {
		for i := range int32(part.Len()) {
			r.add(ctx, part.Export(i))
		}
	}
	r.pending, r.saved = nil, r.rows.Len()
	r.newest = max(r.newest, r.sync.Watermark)
	for _, g := range r.sync.Completeness.Gaps {
		why, _, _ := strings.Cut(g.Why, andMore)
		for g.Object == unreadable && int64(len(r.failed)) < r.sync.Completeness.Read["deals"].Failed {
			r.failed = append(r.failed, why)
			r.nameless = len(r.failed) > 1
		}
	}
}

// prove takes the count that the walk is compared with at its end, once the first page is there: a portal that never had a
// deal need not be asked.
func (r *run) prove(ctx context.Context, page crm.Page) error {
	counter, ok := r.conn.(connectors.Counter)
	if !ok || !r.sync.Full || r.expected() != nil {
		return nil
	}
	if page.Last && len(r.ids)+len(r.failed) == 0 && (r.base == nil || r.base.Len() == 0) {
		return nil
	}
	n, err := counter.Count(ctx, 0)
	if err != nil {
		return fmt.Errorf("count the deals: %w", err)
	}
	r.sync.Completeness.Read = map[string]crm.Count{"deals": {Expected: &n}}
	return nil
}

// restart forgets what an interrupted walk had come to.
func (r *run) restart() {
	id := r.sync.ID
	r.sync = crm.Sync{ID: id, Portal: r.opts.Portal, Full: true, Started: crm.At(r.opts.Now()), Facts: r.opts.Facts,
		Completeness: crm.Completeness{Read: map[string]crm.Count{"deals": {Expected: r.expected()}}}}
	r.takeUp, r.ids, r.pending, r.saved, r.failed, r.nameless, r.newest = nil, nil, nil, 0, nil, false, 0
	r.rows = crm.NewBuilder(r.opts.Portal, r.opts.CRM, r.schema)
}

// walk reads page after page until the last one.
func (r *run) walk(ctx context.Context) error {
	work := crm.Work{Since: r.sync.Since, From: r.sync.Cursor, Facts: r.sync.Facts, Sweep: r.sweeps}
	if !r.sync.Full {
		work.Known = r.known
	}
	for page, err := range r.conn.Deals(ctx, r.schema, work) {
		if err != nil {
			return err
		}
		r.pages++
		for _, d := range page.Deals {
			r.add(ctx, d)
		}
		for _, g := range page.Gone {
			if g.ID != g.Into { // a merge may keep the id of one of the two
				r.gone[g.ID] = true
			}
		}
		r.failed = append(r.failed, page.Failed...)
		r.sync.Cursor = page.Next
		if err := r.prove(ctx, page); err != nil {
			return err
		}
		if r.opts.Progress != nil {
			r.opts.Progress(int64(len(r.ids)), r.expected())
		}
		if page.Last {
			return ctx.Err()
		}
		if len(r.pending) >= min(max(firstPart, r.saved/8), largest) {
			if err := r.savePart(ctx); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.New("the walk over the deals ended before its last page")
}

// known tells the connector which deals need not be read again.
func (r *run) known(id string, modified crm.Instant) bool {
	i, ok := r.base.Find(id)
	return ok && !modified.IsZero() && r.base.Columns().Modified[i] == modified
}

// expected is the count taken at the beginning of the walk, nil where there is none.
func (r *run) expected() *int64 { return r.sync.Completeness.Read["deals"].Expected }

const mostRereads = 3

// add takes in a deal. For one in a stage that was made since the set-up was read, the set-up is read again.
func (r *run) add(ctx context.Context, d crm.Deal) {
	r.newest = max(r.newest, d.Modified)
	r.settle(&d)
	fresh := !r.rows.Has(d.ID)
	err := r.rows.Add(d)
	if err != nil && r.reread < mostRereads {
		if schema, schemaErr := r.readSchema(ctx); schemaErr == nil {
			r.reread++
			r.rebuild(schema)
			err = r.rows.Add(d)
		}
	}
	if err != nil {
		r.failed = append(r.failed, err.Error())
		return
	}
	delete(r.gone, d.ID)
	if fresh {
		r.ids = append(r.ids, d.ID)
		r.pending = append(r.pending, d.ID)
	}
}

// rebuild moves the deals read so far over to a schema that was read again.
func (r *run) rebuild(schema crm.Schema) {
	old, ids := r.rows, r.ids
	r.schema, r.ids = schema, nil
	r.rows = crm.NewBuilder(r.opts.Portal, r.opts.CRM, schema)
	for _, id := range ids {
		d, ok := old.Get(id)
		if !ok {
			continue
		}
		if err := r.rows.Add(d); err != nil {
			r.failed = append(r.failed, err.Error())
			continue
		}
		r.ids = append(r.ids, id)
	}
}

// knowOwners reads the set-up again when a deal has an owner that is in no list: one who came since the lists were read is
// not gone. Owners who were in none before either are.
func (r *run) knowOwners(ctx context.Context) error {
	if !r.schema.UsersKnown {
		return nil
	}
	users := map[string]bool{}
	for _, u := range r.schema.Users {
		users[u.ID] = true
	}
	if r.base != nil {
		for _, u := range r.base.Schema.Users {
			users[u.ID] = true
		}
	}
	for _, id := range r.ids {
		if d, _ := r.rows.Get(id); d.Owner == "" || users[d.Owner] {
			continue
		}
		schema, err := r.readSchema(ctx)
		if err != nil {
			return fmt.Errorf("read the owners: %w", err)
		}
		r.rebuild(schema)
		return nil
	}
	return nil
}

// savePart keeps what a full walk has read since its last part. A walk over the changes needs no parts: what it has read
// is known to the next one.
func (r *run) savePart(ctx context.Context) error {
	if !r.sync.Full {
		return nil
	}
	part := crm.NewBuilder(r.opts.Portal, r.opts.CRM, r.schema)
	for _, id := range r.pending {
		if d, ok := r.rows.Get(id); ok {
			if err := part.Add(d); err != nil {
				return err
			}
		}
	}
	now := crm.At(r.opts.Now())
	r.count(nil)
	r.sync.Watermark = r.newest
	if err := r.store.SavePart(ctx, r.sync, part.Build(now, r.sync.Facts, crm.Completeness{})); err != nil {
		return fmt.Errorf("keep what was read: %w", err)
	}
	r.saved += len(r.pending)
	r.pending = nil
	return nil
}

// saveTime is how long the last part of an interrupted sync may take to be kept after ctx has ended.
const saveTime = 10 * time.Second
