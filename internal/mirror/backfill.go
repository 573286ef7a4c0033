package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// BackfillStore keeps what a backfill needs between its runs.
type BackfillStore interface {
	// LoadSnapshot returns the snapshot kept last, nil where there is none.
	LoadSnapshot(ctx context.Context, portal string) (*crm.Snapshot, error)
	// HistoryState returns the state that was kept last, nil where there is none.
	HistoryState(ctx context.Context, portal string) (*crm.HistoryState, error)
	// Histories returns the histories that were read and that no snapshot holds: those that are whole and were not taken in
	// yet, and those that are not whole.
	Histories(ctx context.Context, portal string) ([]crm.HistoryRecord, error)
	// SaveHistories keeps histories that were read, in the place of what was kept of the same deals.
	SaveHistories(ctx context.Context, portal string, records []crm.HistoryRecord) error
	// SaveBackfill keeps the state of a portal's backfill, drops the histories of the named deals, and unless it is nil puts
	// the snapshot in the place of the newest one, which must be of the same moment.
	SaveBackfill(ctx context.Context, portal string, state crm.HistoryState, drop []string, snapshot *crm.Snapshot) error
}

// BackfillOptions say what a backfill is to do.
type BackfillOptions struct {
	Portal string // our name of it
	// Reserve is how many tokens the syncs of the rest of the day are foreseen to take: the backfill leaves them.
	Reserve int64
	// Patient asks for nothing before the time at which the last backfill said that it can go on.
	Patient bool
	// Enough is asked between two deals whether to stop there; nil: never.
	Enough func() bool
	Now    func() time.Time // nil: the system's clock
	Log    *slog.Logger     // nil: says nothing
	// Meter counts the connector's requests, where the caller made it listen to them.
	Meter *Meter
	// Progress, if any, is told after every few deals how many histories are known and of how many deals.
	Progress func(known, deals int64)
}

// Backfilled is what a backfill came to.
type Backfilled struct {
	crm.HistoryState
	Read             int64 // histories that were read, whole or not
	Changed          bool  // the kept snapshot knows more than before
	More             bool  // it was stopped, and can go on at once
	Requests, Tokens int64
}

const (
	// heardAtOnce is how many histories are kept at a time: a crash loses no more than so many.
	heardAtOnce = 10
	// askedAtOnce is how many deals are made ready at a time.
	askedAtOnce = 500
	// hourly and daily are how long a backfill stays away from what refused it without saying until when.
	hourly, daily = time.Hour, 24 * time.Hour
)

// Backfill reads the stage history of deals one by one where the CRM tells it so ([connectors.Historian]), the most useful
// first, and puts it into the snapshot that the last complete sync led to. It stops where the budget ends, and says when it
// can go on; what was read is kept on the way. On an incomplete snapshot it does nothing, and neither for any other CRM: the
// result is then the state as it was.
//
// What the CRM refuses is told in the result's Why and RetryAt and is no error, except that it does not accept the
// authorization. An error means that, or that ctx ended or the store failed; the result tells of what was done before.
func Backfill(ctx context.Context, conn connectors.Connector, store BackfillStore, opts BackfillOptions) (Backfilled, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Meter == nil {
		opts.Meter = new(Meter)
	}
	historian, ok := conn.(connectors.Historian)
	if !ok {
		return Backfilled{}, nil
	}
	var out Backfilled
	last, err := store.HistoryState(ctx, opts.Portal)
	if err != nil {
		return out, err
	}
	if last != nil {
		out.HistoryState = *last
	}
	snap, err := store.LoadSnapshot(ctx, opts.Portal)
	if err != nil || snap == nil || !snap.Asked.Has(crm.FactHistory) || !snap.Completeness.Complete() {
		return out, err
	}
	kept, err := store.Histories(ctx, opts.Portal)
	if err != nil {
		return out, err
	}
	b := &backfill{opts: opts, historian: historian, store: store, snap: snap, out: out, requests: opts.Meter.Requests(), tokens: opts.Meter.Tokens()}
	b.begin(kept)
	asked := b.ask(ctx)
	if err := b.end(ctx, asked); err != nil {
		return b.out, errors.Join(asked, err)
	}
	if ctx.Err() != nil || b.broken != nil || errors.Is(asked, connectors.ErrUnauthorized) {
		return b.out, asked
	}
	return b.out, nil
}

// backfill is one backfill on its way.
type backfill struct {
	opts      BackfillOptions
	historian connectors.Historian
	store     BackfillStore
	snap      *crm.Snapshot
	out       Backfilled

	whole   map[int32][]crm.StageMove // by deal: what is to be taken in
	beside  map[int32]crm.History     // by deal: what was told beside its moves
	partial map[int32]bool            // deals of which the CRM does not tell all
	drop    map[string]bool           // deals whose kept histories have served
	pending []crm.HistoryRecord       // heard and not kept yet
	broken  error                     // why the store did not keep them

	requests, tokens int64 // on the meter at the start
}

// begin sorts the kept histories: those that are whole are taken in, those that are not keep their deal from being asked for
// again for as long as it stays where it was.
func (b *backfill) begin(kept []crm.HistoryRecord) {
	b.whole, b.beside, b.partial, b.drop = map[int32][]crm.StageMove{}, map[int32]crm.History{}, map[int32]bool{}, map[string]bool{}
	for _, rec := range kept {
		if i, ok := b.about(rec); ok {
			b.take(i, rec.History)
		} else {
			b.drop[rec.Deal] = true
		}
	}
	c := b.snap.Columns()
	for i := range c.ID {
		if b.waits(int32(i)) && lacksHistory(c, i) && (!c.Known[i].Has(crm.FactCreated) || c.Created[i].IsZero()) {
			b.partial[int32(i)] = true // a way begins with the deal's creation
		}
	}
	b.tally()
}

// about finds the deal that a history is of, if it is as it was when it was asked for, and still in need of one.
func (b *backfill) about(rec crm.HistoryRecord) (int32, bool) {
	i, ok := b.snap.Find(rec.Deal)
	if !ok {
		return 0, false
	}
	c := b.snap.Columns()
	return i, b.waits(i) && b.snap.Stage(c.Stage[i]).ID == rec.Stage && c.StageEntry[i] == rec.Entered &&
		(c.CloseDate[i] == rec.CloseDate || !b.lacksDates(i))
}

func lacksHistory(c *crm.Columns, i int) bool { return !c.Known[i].Has(crm.FactHistory) }

// lacksDates reports whether the values of an open deal's close date are asked for and not known. Nobody looks at those of
// closed deals.
func (b *backfill) lacksDates(i int32) bool {
	c := b.snap.Columns()
	return b.snap.Asked.Has(crm.FactDates|crm.FactCloseDate) && c.Status[i] == crm.Open && !c.Archived[i] &&
		c.Known[i].Has(crm.FactCloseDate) && !c.Known[i].Has(crm.FactDates)
}

// waits reports whether something of a deal is still to be told.
func (b *backfill) waits(i int32) bool {
	return !b.partial[i] && (!b.wayKnown(i) || b.lacksDates(i) && !b.beside[i].Known.Has(crm.FactDates))
}

// wayKnown reports whether a deal's way is known whole by now.
func (b *backfill) wayKnown(i int32) bool {
	_, whole := b.whole[i]
	return whole || !lacksHistory(b.snap.Columns(), int(i))
}

// take takes in what was told of a deal. Where that is not everything, the deal is not asked for again as it stands.
func (b *backfill) take(i int32, h crm.History) {
	if h.Known != 0 {
		b.beside[i] = h
	}
	if h.Complete && lacksHistory(b.snap.Columns(), int(i)) {
		b.whole[i] = h.Moves
	}
	b.drop[h.Deal] = !b.waits(i)
	b.partial[i] = b.waits(i)
}

// tally counts how far it has come.
func (b *backfill) tally() {
	s := crm.HistoryState{RetryAt: b.out.RetryAt, Why: b.out.Why}
	for i := range int32(b.snap.Len()) {
		switch {
		case b.waits(i):
			s.Waiting++
		case b.wayKnown(i):
			s.Known++
		default:
			s.Partial++
		}
	}
	b.out.HistoryState = s
}

// ask asks for the histories of the deals that wait, until there are no more or something stops it, which is the error.
func (b *backfill) ask(ctx context.Context) error {
	now := crm.At(b.opts.Now())
	if b.out.Waiting == 0 {
		b.out.RetryAt, b.out.Why = 0, ""
		return nil
	}
	if b.opts.Patient && b.out.RetryAt > now {
		return nil
	}
	b.out.RetryAt, b.out.Why = 0, ""
	b.historian.Reserve(b.opts.Reserve)
	queue := b.queue()
	for len(queue) > 0 && !b.out.More {
		n := min(askedAtOnce, len(queue))
		if err := errors.Join(b.askSome(ctx, queue[:n]), b.keep(ctx)); err != nil {
			return err
		}
		queue = queue[n:]
	}
	return ctx.Err()
}

func (b *backfill) askSome(ctx context.Context, some []int32) error {
	deals := make([]crm.Deal, len(some))
	for n, i := range some {
		deals[n] = b.snap.Export(i)
	}
	n := 0
	for h, err := range b.historian.History(ctx, b.snap.Schema, deals) {
		if err != nil {
			return err
		}
		b.hear(some[n], deals[n], h)
		if n++; len(b.pending) >= heardAtOnce {
			if err := b.keep(ctx); err != nil {
				return err
			}
		}
		if b.opts.Enough != nil && b.opts.Enough() {
			b.out.More = b.out.Waiting > 0
			return nil
		}
	}
	return ctx.Err()
}

// sameEntry is how far a history's last move may be from the entry into the deal's stage: they are told by two requests. A
// later one was made since the snapshot was taken, and the next sync sees it.
const sameEntry = time.Minute

// hear takes in one history.
func (b *backfill) hear(i int32, d crm.Deal, h crm.History) {
	if n := len(h.Moves); h.Complete && (n == 0 || h.Moves[n-1].Stage != d.Stage ||
		d.Known.Has(crm.FactStageEntry) && h.Moves[n-1].At.Sub(d.StageEntry).Abs() > sameEntry) {
		h.Complete = false
	}
	h.Deal = d.ID
	asOf(&h, d)
	b.take(i, h)
	rec := crm.HistoryRecord{History: h, Stage: d.Stage, Entered: d.StageEntry, CloseDate: d.CloseDate}
	b.out.Read++
	b.out.Waiting--
	if b.wayKnown(i) {
		b.out.Known++
	} else {
		b.out.Partial++
	}
	if !h.Complete {
		rec.Moves = nil // a way with a hole tells no more than what was seen of it
	}
	b.pending = append(b.pending, rec)
}

// asOf takes out of what was told of a deal what has happened since the snapshot was taken: the next sync sees it.
func asOf(h *crm.History, d crm.Deal) {
	if h.Known.Has(crm.FactDates) {
		n := len(h.Dates)
		for n > 0 && h.Dates[n-1].To != d.CloseDate && h.Dates[n-1].At > d.Modified {
			n--
		}
		if h.Dates = h.Dates[:n]; n == 0 || h.Dates[n-1].To != d.CloseDate {
			h.Dates, h.Known = nil, h.Known&^crm.FactDates
		}
	}
	if d.Status == nil || *d.Status == crm.Open {
		h.Closer, h.Known = "", h.Known&^crm.FactCloser
	}
}

// keep keeps what was heard, also after ctx has ended: it was paid for.
func (b *backfill) keep(ctx context.Context) error {
	if len(b.pending) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	if err := b.store.SaveHistories(ctx, b.opts.Portal, b.pending); err != nil {
		b.broken = fmt.Errorf("keep the stage histories: %w", err)
		return b.broken
	}
	b.pending = nil
	if b.opts.Progress != nil {
		b.opts.Progress(b.out.Known, b.out.Deals())
	}
	return nil
}

// end puts what was heard into the snapshot, and writes down what stopped the asking.
func (b *backfill) end(ctx context.Context, stopped error) error {
	b.out.Requests, b.out.Tokens = b.opts.Meter.Requests()-b.requests, b.opts.Meter.Tokens()-b.tokens
	if stopped != nil && ctx.Err() == nil && b.broken == nil {
		b.stopped(ctx, stopped)
	}
	b.out.More = b.out.More || ctx.Err() != nil && b.out.Waiting > 0
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	snap, err := b.patch()
	if err != nil {
		return err
	}
	var drop []string
	for id, served := range b.drop {
		if served {
			drop = append(drop, id)
		}
	}
	if err := b.store.SaveBackfill(ctx, b.opts.Portal, b.out.HistoryState, drop, snap); err != nil {
		return fmt.Errorf("keep the stage histories: %w", err)
	}
	b.out.Changed = snap != nil
	return nil
}

// stopped says why the asking ended early, and when it can go on.
func (b *backfill) stopped(ctx context.Context, err error) {
	now := crm.At(b.opts.Now())
	var limit *connectors.LimitError
	var scope *connectors.ScopeError
	b.out.Why = err.Error()
	switch {
	case errors.As(err, &limit) && crm.At(limit.RetryAt) > now:
		b.out.RetryAt = crm.At(limit.RetryAt)
		return
	case errors.As(err, &scope):
		b.out.RetryAt = now.Add(daily)
	default:
		b.out.RetryAt = now.Add(hourly)
	}
	b.opts.Log.WarnContext(ctx, "stage histories cannot be read", "portal", b.opts.Portal, "error", err)
}

// patch is the snapshot with what was heard; nil where that changes nothing. It shows the same moment and is as complete.
func (b *backfill) patch() (*crm.Snapshot, error) {
	schema := b.snap.Schema
	schema.HistoryFrom = b.historyFrom()
	if len(b.whole)+len(b.beside) == 0 && schema.HistoryFrom == b.snap.Schema.HistoryFrom {
		return nil, nil
	}
	rows := crm.NewBuilder(b.snap.Portal, b.snap.CRM, schema)
	for i := range int32(b.snap.Len()) {
		d := b.snap.Export(i)
		if moves, ok := b.whole[i]; ok {
			d.Moves, d.Known = moves, d.Known|crm.FactHistory
		}
		if h := b.beside[i]; h.Known.Has(crm.FactDates) && b.snap.Asked.Has(crm.FactDates) {
			d.Dates, d.Known = h.Dates, d.Known|crm.FactDates
		}
		if h := b.beside[i]; h.Known.Has(crm.FactCloser) && b.snap.Asked.Has(crm.FactCloser) {
			d.Closer, d.Known = h.Closer, d.Known|crm.FactCloser
		}
		if err := rows.Add(d); err != nil {
			return nil, err
		}
	}
	return rows.Build(b.snap.Taken, b.snap.Asked, b.snap.Completeness), nil
}

// historyFrom is since when every move is known. The snapshots show what was since the first of them; before that, a deal
// whose way is not known has not moved since it entered its stage. Where every way is known, so is every move.
func (b *backfill) historyFrom() crm.Instant {
	first := b.snap.Schema.HistoryFrom
	c := b.snap.Columns()
	from := crm.Instant(0)
	for i := range c.ID {
		if b.wayKnown(int32(i)) {
			continue
		}
		if !c.Known[i].Has(crm.FactStageEntry) || c.StageEntry[i].IsZero() {
			return first
		}
		from = max(from, min(first, c.StageEntry[i]))
	}
	return from
}
