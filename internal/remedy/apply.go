package remedy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// Application says what is applied, where, and in whose name. The caller holds the portal's lease.
type Application struct {
	Portal string
	Editor connectors.Editor
	Schema crm.Schema
	Store  Store
	Now    func() time.Time
	Run    string // this run's id; it names its steps for an undo
	Who    string
	// Max is how many steps may be sent at most; 0 is no limit.
	Max int
	// Steps limits the run to these, in this order as far as what they need allows; nil is every approved step of the portal.
	Steps []string
	// Settle is how long what is on the wire may take to settle once ctx has ended; 0 is two minutes.
	Settle time.Duration
	// Quiet is how long a request that had no answer and left no trace yet may still be on its way; before that it is not
	// sent again, and nothing else is written to its record. 0 is 30 seconds.
	Quiet time.Duration
	// Wait waits for requests to become quiet, so that the run can settle them itself; nil: they are left to the next run.
	Wait func(ctx context.Context, d time.Duration) error
}

// Result is what a run of apply or undo did.
type Result struct {
	Run    string       `json:"run"`
	Portal string       `json:"portal"`
	Steps  []StepResult `json:"steps"`
}

// Unfinished reports whether an approved step did not come to its end.
func (r *Result) Unfinished() bool {
	for _, s := range r.Steps {
		if s.Unfinished {
			return true
		}
	}
	return false
}

// batchSize is how many edits are sent together at most.
const batchSize = 100

// Apply carries out the portal's approved steps. It first settles what an earlier run left unsettled. Each batch is read,
// compared with Before, journalled, sent, read back and journalled again; when ctx ends, the batch on the wire is settled
// and the rest stays approved. The result tells what was done also where an error ends the run.
func Apply(ctx context.Context, app Application) (*Result, error) {
	r, err := newRun(app)
	if err != nil {
		return nil, err
	}
	if err := r.recover(ctx); err != nil {
		return r.result(), fmt.Errorf("settle an earlier run: %w", err)
	}
	if err := r.applyAndWait(ctx); err != nil {
		return r.result(), fmt.Errorf("apply: %w", err)
	}
	return r.result(), nil
}

// applyAndWait applies, and once more when what had to be left could be waited for.
func (r *run) applyAndWait(ctx context.Context) error {
	if err := r.applyAll(ctx); err != nil || r.Wait == nil || len(r.busy)+int(r.early) == 0 {
		return err
	}
	if err := r.Wait(ctx, max(r.early.Sub(0), r.Quiet)+time.Second); err != nil {
		return err
	}
	clear(r.busy)
	if err := r.recover(ctx); err != nil {
		return err
	}
	return r.applyAll(ctx)
}

// run is one run over a portal's steps.
type run struct {
	Application
	last  crm.Instant
	early crm.Instant // how long what is on its way must still be waited for at most
	sent  int
	state map[string]State // of every step that this run has met
	order []string         // of the steps that the result speaks of
	said  map[string]StepResult
	busy  map[crm.Ref]string // records with a step that is not settled
}

func newRun(app Application) (*run, error) {
	if app.Editor == nil {
		return nil, errors.New("apply: the connection to the portal cannot write")
	}
	if app.Settle == 0 {
		app.Settle = 2 * time.Minute
	}
	if app.Quiet == 0 {
		app.Quiet = 30 * time.Second
	}
	return &run{Application: app, state: map[string]State{}, said: map[string]StepResult{}, busy: map[crm.Ref]string{}}, nil
}

// now is the present moment, later than every one that the run asked for before: the order of writes must show.
func (r *run) now() crm.Instant {
	r.last = max(crm.At(r.Now()), r.last+1)
	return r.last
}

// same compares two texts of a field by what they mean, where the connector knows.
func (r *run) same(field, a, b string) bool {
	if a == b {
		return true
	}
	c, ok := r.Editor.(connectors.Comparer)
	return ok && c.Same(field, a, b)
}

// allSame reports whether live shows every field of want.
func (r *run) allSame(want, live crm.Fields) bool {
	for f, v := range want {
		got, ok := live[f]
		if !ok || !r.same(f, got, v) {
			return false
		}
	}
	return true
}

// say notes what the result says of a step; the last word counts.
func (r *run) say(s *Step, unfinished bool) {
	if _, ok := r.said[s.ID]; !ok {
		r.order = append(r.order, s.ID)
	}
	r.said[s.ID] = StepResult{ID: s.ID, State: s.State, Why: s.Why, Unfinished: unfinished}
	r.state[s.ID] = s.State
}

func (r *run) result() *Result {
	res := &Result{Run: r.Run, Portal: r.Portal, Steps: []StepResult{}}
	for _, id := range r.order {
		res.Steps = append(res.Steps, r.said[id])
	}
	return res
}

// applyAll takes approved steps in batches, those that others need first, until none is left that can be applied.
func (r *run) applyAll(ctx context.Context) error {
	if r.Steps != nil && len(r.Steps) == 0 {
		return nil
	}
	steps, err := r.Store.Steps(ctx, Filter{Portal: r.Portal, IDs: r.Steps, States: []State{Approved}})
	if err != nil {
		return fmt.Errorf("read the approved steps: %w", err)
	}
	if err := r.learnNeeds(ctx, steps); err != nil {
		return err
	}
	waiting := make([]*Step, len(steps))
	for i := range steps {
		waiting[i] = &steps[i]
	}
	if r.Steps != nil {
		place := map[string]int{}
		for i, id := range r.Steps {
			place[id] = i
		}
		slices.SortStableFunc(waiting, func(a, b *Step) int { return place[a.ID] - place[b.ID] })
	}
	for {
		var batch []*Step
		batch, waiting = r.nextBatch(waiting)
		if len(batch) == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.applyBatch(ctx, batch); err != nil {
			return err
		}
	}
	return r.leave(ctx, waiting)
}

// leave says of the steps that could not be taken what they wait for. An undo whose need ended stale ends so too.
func (r *run) leave(ctx context.Context, waiting []*Step) error {
	var changes []Change
	byID := map[string]*Step{}
	for _, s := range waiting {
		byID[s.ID] = s
	}
	for _, s := range waiting {
		need := r.waitsFor(s)
		if r.limited(s, byID) {
			continue
		}
		why := fmt.Sprintf("it waits for step %s, which is %s", need, or(string(r.state[need]), "not known"))
		if s.Undoes != "" && r.state[need] == Stale {
			if err := s.move(Stale, why, r.now()); err != nil {
				return err
			}
			changes = append(changes, Change{s, s.entry(string(Stale), r.Who, r.now())})
		}
		s.Why = why
		r.say(s, true)
	}
	return recordAll(ctx, r.Store, changes)
}

// waitsFor is the step that must come first, or "".
func (r *run) waitsFor(s *Step) string { return or(r.missing(s), r.busy[s.Edit.Target]) }

// limited reports whether a waiting step was left for a later run by the limit of this one: it could have been taken, or
// what it waits for could.
func (r *run) limited(s *Step, waiting map[string]*Step) bool {
	for range waiting {
		need := r.waitsFor(s)
		if need == "" {
			return true
		}
		if s = waiting[need]; s == nil {
			return false
		}
	}
	return false // they wait for each other
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// learnNeeds reads the states of the steps that others need.
func (r *run) learnNeeds(ctx context.Context, steps []Step) error {
	var ids []string
	for i := range steps {
		r.state[steps[i].ID] = steps[i].State
		ids = append(ids, steps[i].Needs...)
	}
	if len(ids) == 0 {
		return nil
	}
	needed, err := r.Store.Steps(ctx, Filter{Portal: r.Portal, IDs: ids})
	if err != nil {
		return fmt.Errorf("read the steps that others need: %w", err)
	}
	for i := range needed {
		r.state[needed[i].ID] = needed[i].State
	}
	return nil
}

// missing is the first step that s needs and that is not applied, or "".
func (r *run) missing(s *Step) string {
	for _, id := range s.Needs {
		if r.state[id] != Applied {
			return id
		}
	}
	return ""
}

// nextBatch takes the first steps that may be sent together: one operation, one kind of record, no record twice.
func (r *run) nextBatch(waiting []*Step) (batch, rest []*Step) {
	size := batchSize
	if r.Max > 0 {
		size = min(size, r.Max-r.sent)
	}
	targets := map[crm.Ref]bool{}
	for _, s := range waiting {
		fits := len(batch) < size && r.missing(s) == ""
		if fits && len(batch) > 0 {
			first := batch[0].Edit
			fits = s.Edit.Op == first.Op && s.Edit.Target.Kind == first.Target.Kind
		}
		if s.Edit.Target.ID != "" { // a record's steps are taken in their order
			fits = fits && !targets[s.Edit.Target] && r.busy[s.Edit.Target] == ""
			targets[s.Edit.Target] = true
		}
		if fits {
			batch = append(batch, s)
		} else {
			rest = append(rest, s)
		}
	}
	return batch, rest
}

// applyBatch takes one batch from the pre-read to the settled journal.
func (r *run) applyBatch(ctx context.Context, batch []*Step) error {
	send, err := r.preRead(ctx, batch)
	if err != nil {
		return err
	}
	if send, err = r.writeDown(ctx, send); err != nil || len(send) == 0 {
		return err
	}
	r.sent += len(send)
	// From here on the requests may be on the wire: what becomes of them is found out and written down even when ctx ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Settle)
	defer cancel()
	edits := make([]crm.Edit, len(send))
	for i, s := range send {
		edits[i] = s.Edit
	}
	receipts := r.Editor.Apply(ctx, r.Schema, edits)
	for i, s := range send {
		s.Outcome.Receipt = crm.Receipt{Key: s.Edit.Key, Outcome: crm.OutcomeUnknown, Why: "the connector gave no receipt"}
		if i < len(receipts) {
			s.Outcome.Receipt = receipts[i]
		}
	}
	return r.settle(ctx, send)
}

// writeDown journals that the steps are being applied, before any request leaves. Steps that somebody changed meanwhile
// are left out.
func (r *run) writeDown(ctx context.Context, send []*Step) ([]*Step, error) {
	if len(send) == 0 {
		return nil, nil
	}
	changes := make([]Change, len(send))
	for i, s := range send {
		if err := s.move(Applying, "", r.now()); err != nil {
			return nil, err
		}
		s.Outcome.Run, s.Outcome.Sent, s.Outcome.Receipt = r.Run, r.now(), crm.Receipt{}
		changes[i] = Change{s, s.entry(string(Applying), r.Who, r.now())}
	}
	err := r.Store.Record(ctx, changes)
	if !errors.Is(err, ErrConflict) {
		return send, err
	}
	var kept []*Step
	for i, s := range send {
		switch err := r.Store.Record(ctx, changes[i:i+1]); {
		case errors.Is(err, ErrConflict):
			s.State, s.Why = Approved, ErrConflict.Error()
			r.say(s, true)
		case err != nil:
			return nil, err
		default:
			kept = append(kept, s)
		}
	}
	return kept, nil
}

// preRead reads exactly the fields that the batch would write and returns the steps that still may be sent. The others
// are recorded as applied, where the record shows After already, or as stale.
func (r *run) preRead(ctx context.Context, batch []*Step) (send []*Step, err error) {
	var live map[crm.Ref]crm.Fields
	switch {
	case !batch[0].creates():
		live, err = r.Editor.Read(ctx, r.Schema, targets(batch), fieldsOf(batch)...)
	default:
		return r.lookBefore(ctx, batch)
	}
	if err != nil {
		return nil, fmt.Errorf("read before the write: %w", err)
	}
	var changes []Change
	for _, s := range batch {
		now, exists := live[s.Edit.Target]
		state, why := r.judge(s, now, exists)
		if state == Approved {
			send = append(send, s)
			continue
		}
		if s.Outcome.Sent.IsZero() {
			s.Outcome.Run = r.Run
		}
		if err := s.move(state, why, r.now()); err != nil {
			return nil, err
		}
		more, err := r.settled(ctx, s)
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	return send, recordAll(ctx, r.Store, changes)
}

// lookBefore looks for the records of creating steps that were tried before; those found are applied.
func (r *run) lookBefore(ctx context.Context, batch []*Step) (send []*Step, err error) {
	var tried []crm.Edit
	for _, s := range batch {
		if !s.Outcome.Sent.IsZero() {
			tried = append(tried, s.Edit)
		}
	}
	if len(tried) == 0 {
		return batch, nil
	}
	found, err := r.Editor.Lookup(ctx, r.Schema, tried)
	if err != nil {
		return nil, fmt.Errorf("look for records of an earlier try: %w", err)
	}
	var changes []Change
	for _, s := range batch {
		id := found[s.Edit.Key]
		if id == "" || s.Outcome.Sent.IsZero() {
			send = append(send, s)
			continue
		}
		s.Outcome.Receipt = crm.Receipt{Key: s.Edit.Key, Outcome: crm.OutcomeApplied, ID: id}
		if err := s.move(Applied, "an earlier try had made it", r.now()); err != nil {
			return nil, err
		}
		more, err := r.settled(ctx, s)
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	return send, recordAll(ctx, r.Store, changes)
}

// judge compares a record with what the step was made for: Approved means that it may be sent. It keeps the text read.
func (r *run) judge(s *Step, live crm.Fields, exists bool) (State, string) {
	if s.Edit.Op == crm.OpRemove {
		if !exists {
			return Applied, "it was gone already"
		}
		return Approved, ""
	}
	if !exists {
		return Stale, "the record no longer exists"
	}
	if s.Undoes != "" {
		return r.narrow(s, live)
	}
	if r.allSame(s.Edit.After, live) {
		if s.Outcome.Sent.IsZero() {
			s.Outcome.Before = only(live, s.Edit.After)
		}
		s.Outcome.After = only(live, s.Edit.After)
		return Applied, "the record showed it already"
	}
	s.Outcome.Before = only(live, s.Edit.After)
	if !r.allSame(s.Edit.Before, live) {
		return Stale, "changed since the plan was made: " + r.different(s.Edit.Before, live)
	}
	return Approved, ""
}
