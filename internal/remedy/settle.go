package remedy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// targets are the records that a batch writes, each once.
func targets(batch []*Step) []crm.Ref {
	var refs []crm.Ref
	seen := map[crm.Ref]bool{}
	for _, s := range batch {
		if !seen[s.Edit.Target] {
			seen[s.Edit.Target] = true
			refs = append(refs, s.Edit.Target)
		}
	}
	return refs
}

// fieldsOf are the names of the fields that a batch writes or rests on; for records to be removed one that shows that they exist.
func fieldsOf(batch []*Step) []string {
	names := map[string]bool{}
	for _, s := range batch {
		for f := range s.Edit.After {
			names[f] = true
		}
		if s.Edit.Op == crm.OpSet {
			for f := range s.Edit.Before {
				names[f] = true
			}
		}
		switch {
		case s.Edit.Op != crm.OpRemove:
		case s.Edit.Target.Kind == crm.KindProperty:
			names[crm.FieldName] = true
		default:
			names[crm.FieldSubject] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// only returns the values of live for the fields of want.
func only(live, want crm.Fields) crm.Fields {
	out := crm.Fields{}
	for f := range want {
		if v, ok := live[f]; ok {
			out[f] = v
		}
	}
	return out
}

// different names the fields of want that live shows otherwise.
func (r *run) different(want, live crm.Fields) string {
	var names []string
	for f, v := range want {
		if got, ok := live[f]; !ok || !r.same(f, got, v) {
			names = append(names, f)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// settle finds out what became of a batch that was sent, and writes it down. Steps whose outcome is not known stay applying.
func (r *run) settle(ctx context.Context, sent []*Step) error {
	live, readErr := r.readBack(ctx, sent)
	var changes []Change
	for _, s := range sent {
		state, why := r.outcome(s, live[s.Edit.Key], readErr)
		if state == Applying {
			changes = append(changes, r.unsettled(s, why))
			continue
		}
		if err := s.move(state, why, r.now()); err != nil {
			return err
		}
		if state == Approved {
			changes = append(changes, Change{s, s.entry(EventRetry, r.Who, r.now())})
			r.say(s, true)
			continue
		}
		more, err := r.settled(ctx, s)
		if err != nil {
			return err
		}
		changes = append(changes, more...)
	}
	if err := r.Store.Record(ctx, changes); err != nil {
		return fmt.Errorf("write down what happened: %w", err)
	}
	return nil
}

// unsettled leaves a step applying. Until it is settled no other step may write to its record.
func (r *run) unsettled(s *Step, why string) Change {
	s.Why = why
	r.say(s, true)
	if s.Edit.Target.ID != "" {
		r.busy[s.Edit.Target] = s.ID
	}
	return Change{Step: s}
}

// sight is what a read-back shows of one step.
type sight struct {
	exists bool
	fields crm.Fields
	id     string // of a created record
}

// readBack looks at what the CRM now holds, by key of the edit. Only the receipt of a created record says it all.
func (r *run) readBack(ctx context.Context, sent []*Step) (map[string]sight, error) {
	seen := map[string]sight{}
	var read []*Step
	var look []crm.Edit
	for _, s := range sent {
		rec := s.Outcome.Receipt
		switch {
		case rec.Outcome == crm.OutcomeRejected:
		case s.creates() && rec.Outcome == crm.OutcomeApplied && rec.ID != "":
			seen[s.Edit.Key] = sight{exists: true, id: rec.ID}
		case s.creates():
			look = append(look, s.Edit)
		default: // an answer may only echo the request, so it does not tell what is stored
			read = append(read, s)
		}
	}
	var errs []error
	if len(read) > 0 {
		live, err := r.Editor.Read(ctx, r.Schema, targets(read), fieldsOf(read)...)
		errs = append(errs, err)
		for _, s := range read {
			fields, exists := live[s.Edit.Target]
			if err == nil {
				seen[s.Edit.Key] = sight{exists: exists, fields: fields}
			}
		}
	}
	if len(look) > 0 {
		found, err := r.Editor.Lookup(ctx, r.Schema, look)
		errs = append(errs, err)
		for _, e := range look {
			if err == nil {
				seen[e.Key] = sight{exists: found[e.Key] != "", id: found[e.Key]}
			}
		}
	}
	return seen, errors.Join(errs...)
}

// outcome tells the state that a sent step came to. Applying means that it is not known, Approved that nothing was done.
func (r *run) outcome(s *Step, now sight, readErr error) (State, string) {
	rec := &s.Outcome.Receipt
	if rec.Outcome == crm.OutcomeRejected && rec.Again {
		return Approved, "not done yet: " + or(rec.Why, "the CRM was busy")
	}
	if rec.Outcome == crm.OutcomeRejected {
		return Failed, or(rec.Why, "the CRM refused it")
	}
	unknown := rec.Outcome != crm.OutcomeApplied
	if readErr != nil && !now.exists {
		return Applying, fmt.Sprintf("the outcome is not known, the next run finds it out: %v", readErr)
	}
	if s.creates() {
		if !now.exists {
			return Applying, "the outcome is not known, the next run finds it out: " + or(rec.Why, "no id came back")
		}
		rec.ID, rec.Outcome = now.id, crm.OutcomeApplied
		return Applied, ""
	}
	if s.Edit.Op == crm.OpRemove {
		switch {
		case !now.exists:
			return Applied, ""
		case unknown:
			return Applying, "the outcome is not known, the next run finds it out: " + rec.Why
		default:
			return Failed, "the CRM accepted the removal and still has the record"
		}
	}
	s.Outcome.After = only(now.fields, s.Edit.After)
	switch {
	case now.exists && r.allSame(s.Edit.After, now.fields):
		return Applied, conflictWords(s)
	case unknown:
		return Applying, "the outcome is not known, the next run finds it out: " + rec.Why
	case !now.exists:
		return Failed, "the record no longer exists"
	default:
		return Failed, "the CRM accepted the write and did not store it: " + r.different(s.Edit.After, now.fields)
	}
}

// settled returns the changes that record a step which has come to its end, and for an undo the step that is undone with it.
func (r *run) settled(ctx context.Context, s *Step) ([]Change, error) {
	at := r.now()
	r.say(s, s.State == Stale || s.State == Failed || len(s.Outcome.Conflicts) > 0)
	changes := []Change{{s, s.entry(string(s.State), r.Who, at)}}
	if s.State != Applied || s.Undoes == "" || len(s.Outcome.Conflicts) > 0 {
		return changes, nil // with conflicts the step is undone in part: what is left may be undone later
	}
	undone, err := r.Store.Steps(ctx, Filter{IDs: []string{s.Undoes}})
	if err != nil {
		return nil, fmt.Errorf("read the step that is undone: %w", err)
	}
	for i := range undone {
		o := &undone[i]
		if err := o.move(Undone, "undone by step "+s.ID, at); err != nil {
			continue // it was undone before
		}
		o.Ended = 0 // it mutes its finding from now on, though that was gone in the meantime
		e := o.entry(string(Undone), r.Who, at)
		e.Run = r.Run
		changes = append(changes, Change{o, e})
	}
	return changes, nil
}

// recover settles the steps that an earlier run left applying: the live record tells what became of them.
func (r *run) recover(ctx context.Context) error {
	steps, err := r.Store.Steps(ctx, Filter{Portal: r.Portal, States: []State{Applying}})
	if err != nil {
		return fmt.Errorf("read the unsettled steps: %w", err)
	}
	left := make([]*Step, len(steps))
	for i := range steps {
		left[i] = &steps[i]
	}
	for part := range slices.Chunk(left, batchSize) {
		if err := r.recoverSome(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) recoverSome(ctx context.Context, left []*Step) error {
	for _, s := range left {
		s.Outcome.Receipt = crm.Receipt{Key: s.Edit.Key, Outcome: crm.OutcomeUnknown, RequestID: s.Outcome.Receipt.RequestID}
	}
	var seen = map[string]sight{}
	for _, kind := range byKind(left) { // records of one kind share their fields
		some, err := r.readBack(ctx, kind)
		if err != nil {
			return err
		}
		maps.Copy(seen, some)
	}
	var changes []Change
	for _, s := range left {
		state, why := r.afterCrash(s, seen[s.Edit.Key])
		if state == Applying {
			changes = append(changes, r.unsettled(s, why))
			continue
		}
		if err := s.move(state, why, r.now()); err != nil {
			return err
		}
		if state == Approved {
			changes = append(changes, Change{s, s.entry(EventRetry, r.Who, r.now())})
			continue
		}
		more, err := r.settled(ctx, s)
		if err != nil {
			return err
		}
		changes = append(changes, more...)
	}
	return r.Store.Record(ctx, changes)
}

func byKind(steps []*Step) [][]*Step {
	groups := map[string][]*Step{}
	for _, s := range steps {
		k := string(s.Edit.Target.Kind) + string(s.Edit.Op)
		groups[k] = append(groups[k], s)
	}
	var out [][]*Step
	for _, k := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, groups[k])
	}
	return out
}

// afterCrash judges a step whose request may or may not have left in an earlier run: live = After is applied, live =
// Before may be tried again, anything else is stale; the latter two only once no request can still be on its way.
func (r *run) afterCrash(s *Step, now sight) (State, string) {
	state, why := r.found(s, now)
	if early := s.Outcome.Sent.Add(r.Quiet) - r.now(); state != Applied && early > 0 {
		r.early = max(r.early, early)
		return Applying, "its request may still be on its way; apply again after " + s.Outcome.Sent.Add(r.Quiet).Time().Format(time.RFC3339)
	}
	return state, why
}

// found tells what a live record shows of a request that had no answer.
func (r *run) found(s *Step, now sight) (State, string) {
	const done = "an earlier run had done it"
	if s.creates() || s.Edit.Op == crm.OpRemove {
		if state, _ := r.outcome(s, now, nil); state == Applied {
			return Applied, done
		}
		return Approved, ""
	}
	s.Outcome.After = only(now.fields, s.Edit.After)
	switch {
	case !now.exists:
		return Stale, "the record no longer exists"
	case r.allSame(s.Edit.After, now.fields):
		return Applied, or(conflictWords(s), done)
	case r.allSame(s.Outcome.Before, now.fields):
		s.Outcome.After = nil
		return Approved, ""
	default:
		return Stale, "the record shows neither what it did nor what was written: " + r.different(s.Edit.After, now.fields)
	}
}
