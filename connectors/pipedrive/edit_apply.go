package pipedrive

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

// applying is one call of Apply. Edits are named by their place.
type applying struct {
	*editor
	schema crm.Schema
	edits  []crm.Edit
	out    []crm.Receipt
}

// Apply sends edits one by one, for Pipedrive writes no batches: first changes of stages and deals, then new tasks, removals
// last. The answer to a change is the stored record, so it needs no reading back. What was sent and not answered is unknown,
// and nothing is sent twice.
func (e *editor) Apply(ctx context.Context, schema crm.Schema, edits []crm.Edit) []crm.Receipt {
	e.given(schema)
	a := &applying{editor: e, schema: schema, edits: edits, out: make([]crm.Receipt, len(edits))}
	var set, add, remove []int
	for i, edit := range edits {
		a.out[i] = crm.Receipt{Key: edit.Key, ID: edit.Target.ID, Outcome: crm.OutcomeRejected, Why: "Pipedrive cannot do this"}
		switch edit.Op {
		case crm.OpSet:
			set = append(set, i)
		case crm.OpAddTask:
			add = append(add, i)
		case crm.OpRemove:
			if edit.Target.Kind == crm.KindTask {
				remove = append(remove, i)
			}
		}
	}
	for _, i := range set {
		switch edits[i].Target.Kind {
		case crm.KindDeal:
			a.deal(ctx, i)
		case crm.KindStage:
			a.stage(ctx, i)
		}
	}
	for _, i := range add {
		a.task(ctx, i)
	}
	a.remove(ctx, remove)
	return a.out
}

func (a *applying) applied(i int, id string, after crm.Fields, why string) {
	a.out[i] = crm.Receipt{Key: a.edits[i].Key, Outcome: crm.OutcomeApplied, ID: id, After: after, Why: why, RequestID: a.out[i].RequestID}
}

func (a *applying) not(i int, outcome crm.Outcome, why string) {
	a.out[i].Outcome, a.out[i].Why = outcome, why
}

// send sends one edit. It settles the edit and returns false unless the answer is the record.
func (a *applying) send(ctx context.Context, i int, r rest.Request, out any) bool {
	reply, err := a.rest.Do(ctx, r, out)
	if err != nil {
		v := a.verdict(reply, err)
		v.Key, v.ID = a.edits[i].Key, a.edits[i].Target.ID
		a.out[i] = v
		return false
	}
	a.out[i].RequestID = rest.RequestID(reply.Header)
	return true
}

// verdict tells what a failed write came to. Only an answer that refuses proves that nothing was written.
func (a *applying) verdict(reply rest.Reply, err error) crm.Receipt {
	var e *rest.Error
	if !errors.As(err, &e) {
		return crm.Receipt{Outcome: crm.OutcomeUnknown, Why: err.Error()}
	}
	r := crm.Receipt{Outcome: crm.OutcomeRejected, RequestID: e.RequestID, Why: reason(e.Status, told(reply))}
	var exhausted *rest.ExhaustedError
	switch {
	case !e.Sent:
		r.Why, r.Again = "not sent: "+err.Error(), true
	case blocked(reply.Status, reply.Header, reply.Body):
		r.Why, r.Again = a.blockedError().Error(), true
	case e.Status == http.StatusTooManyRequests && errors.As(err, &exhausted):
		r.Why, r.Again = exhausted.Error(), true
	case e.Status < 300 || e.Status >= 500 || e.Status == http.StatusRequestTimeout:
		r.Outcome, r.Why = crm.OutcomeUnknown, err.Error()
	case e.Status == http.StatusUnauthorized:
		r.Why, r.Again = "Pipedrive does not accept our authorization: connect again", true
	case e.Status == http.StatusForbidden:
		r.Why = "a scope is missing, or the connection's user may not do this"
	case e.Status == http.StatusTooManyRequests || e.Status == http.StatusLocked:
		r.Why, r.Again = r.Why+"; Pipedrive was busy, it can be tried again", true
	}
	return r
}

// deal changes a deal.
func (a *applying) deal(ctx context.Context, i int) {
	body, wire := map[string]any{}, map[string]string{}
	custom := map[string]any{}
	for field, text := range a.edits[i].After {
		name, err := fieldOf(a.schema, field)
		if err != nil {
			a.not(i, crm.OutcomeRejected, err.Error())
			return
		}
		v, err := a.wire(field, name, text)
		if err != nil {
			a.not(i, crm.OutcomeRejected, err.Error())
			return
		}
		wire[field] = name
		if customRe.MatchString(name) {
			custom[name] = v
		} else {
			body[name] = v
		}
	}
	if len(custom) > 0 {
		body["custom_fields"] = custom
	}
	r := a.request(patchDeal, a.edits[i].Target.ID, nil)
	r.Body = body
	var out single[record]
	switch {
	case !a.send(ctx, i, r, &out):
	case out.Data == nil:
		a.not(i, crm.OutcomeUnknown, "Pipedrive's answer does not hold the deal")
	default:
		a.applied(i, a.edits[i].Target.ID, pick(*out.Data, wire), "")
	}
}

// stage changes a stage's rotting or probability.
func (a *applying) stage(ctx context.Context, i int) {
	body, err := stageBody(a.edits[i].After)
	if err != nil {
		a.not(i, crm.OutcomeRejected, err.Error())
		return
	}
	r := a.request(patchStage, a.edits[i].Target.ID, nil)
	r.Body = body
	var out single[record]
	if !a.send(ctx, i, r, &out) {
		return
	}
	if out.Data == nil {
		a.not(i, crm.OutcomeUnknown, "Pipedrive's answer does not hold the stage")
		return
	}
	var names []string
	for n := range a.edits[i].After {
		names = append(names, n)
	}
	after, _ := stageFields(*out.Data, names) // stageBody has seen to the names
	a.applied(i, a.edits[i].Target.ID, after, "")
}

// task creates an activity of the type task for a deal, with the edit's key under its note.
func (a *applying) task(ctx context.Context, i int) {
	e := a.edits[i]
	deal, err := a.wire(crm.FieldDeal, wireStage, e.After[crm.FieldDeal]) // an id like any other
	due, errDue := instant(e.After[crm.FieldDue], a.zone())
	if err = errors.Join(err, errDue); err != nil || due.IsZero() {
		a.not(i, crm.OutcomeRejected, "the deal or the due time of the task cannot be read")
		return
	}
	body := map[string]any{
		"subject": e.After[crm.FieldSubject], "type": "task", "deal_id": deal, "note": noteOf(e.After[crm.FieldBody], e.Key),
		"due_date": due.Time().Format(time.DateOnly), "due_time": due.Time().Format("15:04"),
	}
	if owner := e.After[crm.FieldOwner]; owner != "" {
		if body["owner_id"], err = a.wire(crm.FieldOwner, wireOwner, owner); err != nil {
			a.not(i, crm.OutcomeRejected, err.Error())
			return
		}
	}
	r := a.request(postActivity, "", nil)
	r.Body = body
	var out single[activity]
	switch {
	case !a.send(ctx, i, r, &out):
	case out.Data == nil || out.Data.ID.text == "":
		a.not(i, crm.OutcomeUnknown, "Pipedrive's answer does not hold the task")
	default:
		after, _ := a.reader.task(*out.Data, []string{crm.FieldDeal, crm.FieldOwner, crm.FieldSubject, crm.FieldBody, crm.FieldDue})
		a.applied(i, out.Data.ID.text, after, "")
	}
}

// remove deletes tasks that carry a key of ours, and no others.
func (a *applying) remove(ctx context.Context, places []int) {
	if len(places) == 0 {
		return
	}
	var refs []crm.Ref
	for _, i := range places {
		refs = append(refs, a.edits[i].Target)
	}
	tasks, err := a.tasks(ctx, ids(refs))
	for _, i := range places {
		id := a.edits[i].Target.ID
		t, exists := tasks[id]
		_, key := cutKey(t.Note.text)
		switch {
		case err != nil:
			a.out[i].Why, a.out[i].Again = "not sent: "+err.Error(), true
		case !exists:
			a.applied(i, id, nil, "it was gone already")
		case key == "":
			a.not(i, crm.OutcomeRejected, "the task carries no key of Plumbline, so it is left alone")
		default:
			if a.send(ctx, i, a.request(dropActivity, id, nil), nil) {
				a.applied(i, id, nil, "")
			}
		}
	}
}
