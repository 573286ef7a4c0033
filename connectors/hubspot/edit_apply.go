package hubspot

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/connectors"
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

// write is one kind of batch that writes.
type write struct {
	operation, path string
	body            func(places []int) any
	settle          func(places []int, answer batch)
}

// Apply sends edits: properties to be created first, then changes of stages, one by one, then changes of deals and new tasks in batches of 100, and removals
// last. What was sent and not answered is unknown; nothing is sent twice, except that a batch which HubSpot refused as a
// whole is sent again in halves until only what is wrong with it is refused.
func (e *editor) Apply(ctx context.Context, schema crm.Schema, edits []crm.Edit) []crm.Receipt {
	e.setZone(schema.Zone)
	a := &applying{editor: e, schema: schema, edits: edits, out: make([]crm.Receipt, len(edits))}
	groups := map[crm.Op]map[crm.Kind][]int{}
	for i, edit := range edits {
		a.out[i] = crm.Receipt{Key: edit.Key, ID: edit.Target.ID, Outcome: crm.OutcomeRejected, Why: "HubSpot cannot do this"}
		if groups[edit.Op] == nil {
			groups[edit.Op] = map[crm.Kind][]int{}
		}
		groups[edit.Op][edit.Target.Kind] = append(groups[edit.Op][edit.Target.Kind], i)
	}
	for _, i := range groups[crm.OpAddProperty][crm.KindProperty] {
		a.addProperty(ctx, i)
	}
	for _, i := range groups[crm.OpSet][crm.KindStage] {
		a.setStage(ctx, i)
	}
	a.set(ctx, groups[crm.OpSet][crm.KindDeal])
	for some := range slices.Chunk(groups[crm.OpAddTask][crm.KindTask], batchSize) {
		a.addTasks(ctx, some)
	}
	for some := range slices.Chunk(groups[crm.OpRemove][crm.KindTask], batchSize) {
		a.removeTasks(ctx, some)
	}
	for _, i := range groups[crm.OpRemove][crm.KindProperty] {
		a.removeProperty(ctx, i)
	}
	return a.out
}

func (a *applying) applied(i int, id string, after crm.Fields, why string) {
	a.out[i] = crm.Receipt{Key: a.edits[i].Key, Outcome: crm.OutcomeApplied, ID: id, After: after, Why: why, RequestID: a.out[i].RequestID}
}

func (a *applying) not(i int, outcome crm.Outcome, why string) {
	a.out[i].Outcome, a.out[i].Why = outcome, why
}

// send sends one batch of edits and settles each of them.
func (a *applying) send(ctx context.Context, w write, places []int) {
	if len(places) == 0 {
		return
	}
	var answer batch
	reply, err := a.rest.Do(ctx, rest.Request{
		Operation: w.operation, Method: http.MethodPost, Path: w.path, Body: w.body(places), Write: true, Lanes: []string{laneBurst},
	}, &answer)
	if err == nil {
		for _, i := range places {
			a.out[i].RequestID = rest.RequestID(reply.Header)
			a.not(i, crm.OutcomeUnknown, "HubSpot's answer does not name it")
		}
		w.settle(places, answer)
		return
	}
	if refusedWhole(reply.Status) && len(places) > 1 {
		half := len(places) / 2
		a.send(ctx, w, places[:half])
		a.send(ctx, w, places[half:])
		return
	}
	v := verdict(reply, err)
	for _, i := range places {
		a.failed(i, v)
	}
}

// failed settles an edit by what its request came to.
func (a *applying) failed(i int, v crm.Receipt) {
	v.Key, v.ID = a.edits[i].Key, a.edits[i].Target.ID
	a.out[i] = v
}

// unsent settles an edit before which something had to be read, which failed.
func (a *applying) unsent(i int, err error) {
	a.failed(i, crm.Receipt{Outcome: crm.OutcomeRejected, Why: "not sent: " + err.Error(), Again: true})
}

// refusedWhole reports whether a status says that something in the batch is wrong and nothing of it was written.
func refusedWhole(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusConflict || status == http.StatusUnprocessableEntity
}

// verdict tells what a failed write came to. Only an answer that refuses proves that nothing was written.
func verdict(reply rest.Reply, err error) crm.Receipt {
	var e *rest.Error
	if !errors.As(err, &e) {
		return crm.Receipt{Outcome: crm.OutcomeUnknown, Why: err.Error()}
	}
	p := told(reply)
	r := crm.Receipt{Outcome: crm.OutcomeRejected, RequestID: cmp.Or(p.CorrelationID, e.RequestID), Why: reason(e.Status, p)}
	switch {
	case !e.Sent:
		r.Why, r.Again = "not sent: "+err.Error(), true
	case e.Status < 300 || e.Status >= 500 || e.Status == http.StatusRequestTimeout:
		r.Outcome, r.Why = crm.OutcomeUnknown, err.Error()
	case e.Status == http.StatusForbidden && len(scopes(p)) > 0:
		r.Why = "missing scope " + strings.Join(scopes(p), " or ")
	case e.Status == http.StatusUnauthorized: // HubSpot's own words: no valid indicator that the token is spent
		r.Why, r.Again = r.Why+"; HubSpot did not accept the authorization", true
	case e.Status == http.StatusTooManyRequests || e.Status == http.StatusLocked || e.Status == 477:
		r.Why, r.Again = r.Why+"; HubSpot was busy, it can be tried again", true
	}
	return r
}

// set changes deals. HubSpot refuses a batch that names a deal twice, so a second edit of one goes into a later batch.
func (a *applying) set(ctx context.Context, places []int) {
	for len(places) > 0 {
		used := map[string]bool{}
		var now, later []int
		for _, i := range places {
			if id := a.edits[i].Target.ID; used[id] || len(now) == batchSize {
				later = append(later, i)
			} else {
				used[id] = true
				now = append(now, i)
			}
		}
		a.send(ctx, write{"deals.batch-update", pathDeals + "/batch/update", a.updates, a.updated}, a.translatable(now))
		places = later
	}
}

// translatable leaves out edits of fields that HubSpot does not have.
func (a *applying) translatable(places []int) []int {
	return slices.DeleteFunc(places, func(i int) bool {
		_, err := a.writes(i)
		if err != nil {
			a.not(i, crm.OutcomeRejected, err.Error())
		}
		return err != nil
	})
}

// writes gives what an edit writes, by HubSpot's names.
func (a *applying) writes(i int) (map[string]string, error) {
	out := map[string]string{}
	for field, v := range a.edits[i].After {
		name, err := propertyOf(a.schema, field)
		if err != nil {
			return nil, err
		}
		out[name] = stored(field, v, a.zone())
	}
	return out, nil
}

func (a *applying) updates(places []int) any {
	var in batchInput
	for _, i := range places {
		p, _ := a.writes(i) // translatable has seen to it
		in.Inputs = append(in.Inputs, input{ID: a.edits[i].Target.ID, Properties: p})
	}
	return in
}

func (a *applying) updated(places []int, answer batch) {
	byID := map[string]row{}
	for _, r := range answer.Results {
		byID[r.ID] = r
	}
	refused := refusals(answer.Errors, "ids")
	for _, i := range places {
		id := a.edits[i].Target.ID
		r, ok := byID[id]
		p, no := refused[id]
		switch {
		case ok && r.bad == nil:
			property := map[string]string{}
			for field := range a.edits[i].After {
				property[field], _ = propertyOf(a.schema, field)
			}
			a.applied(i, id, pick(r.Properties, property), "")
		case ok:
			a.applied(i, id, nil, "")
		case no:
			a.not(i, crm.OutcomeRejected, reason(0, p))
		}
	}
}

// refusals are the problems of a partly refused batch by what they are about.
func refusals(problems []problem, about string) map[string]problem {
	out := map[string]problem{}
	for _, p := range problems {
		for _, id := range p.Context.list(about) {
			out[id] = p
		}
	}
	return out
}

// addTasks creates tasks, each with its deal and its key. The key is also the trace id by which HubSpot names the result.
func (a *applying) addTasks(ctx context.Context, places []int) {
	a.send(ctx, write{"tasks.batch-create", pathTasks + "/batch/create", a.newTasks, a.addedTasks}, places)
}

func (a *applying) newTasks(places []int) any {
	var in batchInput
	for _, i := range places {
		e := a.edits[i]
		p := map[string]string{
			taskSubject: e.After[crm.FieldSubject], taskBody: withKey(e.After[crm.FieldBody], e.Key),
			taskDue: stored(crm.FieldDue, e.After[crm.FieldDue], a.zone()), taskStatus: "NOT_STARTED", taskType: "TODO",
		}
		if owner := e.After[crm.FieldOwner]; owner != "" {
			p[propOwner] = owner
		}
		in.Inputs = append(in.Inputs, input{Properties: p, TraceID: e.Key, Associations: []association{{
			To: map[string]string{"id": e.After[crm.FieldDeal]}, Types: []associationType{{"HUBSPOT_DEFINED", taskToDeal}},
		}}})
	}
	return in
}

func (a *applying) addedTasks(places []int, answer batch) {
	byKey := map[string]row{}
	for n, r := range answer.Results {
		body, _ := r.Properties.get(taskBody)
		_, key := cutKey(body)
		key = cmp.Or(r.TraceID, key)
		if key == "" && len(answer.Results) == len(places) {
			key = a.edits[places[n]].Key // all were made, and results come in the order of the inputs
		}
		byKey[key] = r
	}
	refused := refusals(answer.Errors, "objectWriteTraceId")
	for _, i := range places {
		key := a.edits[i].Key
		if r, ok := byKey[key]; ok && r.ID != "" {
			f := pick(r.Properties, map[string]string{
				crm.FieldSubject: taskSubject, crm.FieldBody: taskBody, crm.FieldDue: taskDue, crm.FieldOwner: propOwner,
			})
			if body, ok := f[crm.FieldBody]; ok {
				f[crm.FieldBody], _ = cutKey(body)
			}
			a.applied(i, r.ID, f, "")
		} else if p, no := refused[key]; no {
			a.not(i, crm.OutcomeRejected, reason(0, p))
		}
	}
}

// removeTasks archives tasks that carry a key of ours, and no others.
func (a *applying) removeTasks(ctx context.Context, places []int) {
	var ids []string
	for _, i := range places {
		ids = append(ids, a.edits[i].Target.ID)
	}
	keys, err := a.keys(ctx, ids)
	var ours []int
	for _, i := range places {
		id := a.edits[i].Target.ID
		key, exists := keys[id]
		switch {
		case err != nil:
			a.unsent(i, err)
		case !exists:
			a.applied(i, id, nil, "it was gone already")
		case key == "":
			a.not(i, crm.OutcomeRejected, "the task carries no key of Plumbline, so it is left alone")
		default:
			ours = append(ours, i)
		}
	}
	a.send(ctx, write{"tasks.batch-archive", pathTasks + "/batch/archive", a.removals, func(places []int, _ batch) {
		for _, i := range places {
			a.applied(i, a.edits[i].Target.ID, nil, "")
		}
	}}, ours)
}

func (a *applying) removals(places []int) any {
	var in batchInput
	for _, i := range places {
		in.Inputs = append(in.Inputs, input{ID: a.edits[i].Target.ID})
	}
	return in
}

// addProperty creates a property of deals, unless an archived one of its name would come back to life.
func (a *applying) addProperty(ctx context.Context, i int) {
	p, err := definition(a.edits[i])
	if err != nil {
		a.not(i, crm.OutcomeRejected, err.Error())
		return
	}
	archived, err := a.archived(ctx, p.Name)
	switch {
	case err != nil:
		a.unsent(i, err)
		return
	case archived:
		a.not(i, crm.OutcomeRejected, archivedWords(p.Name))
		return
	}
	var made property
	reply, err := a.rest.Do(ctx, rest.Request{
		Operation: "properties.create", Method: http.MethodPost, Path: pathProperties, Body: p, Write: true, Lanes: []string{laneBurst},
	}, &made)
	id, why := rest.RequestID(reply.Header), ""
	if err != nil && reply.Status == http.StatusConflict {
		made, err = a.getProperty(ctx, p.Name, false)
		if err != nil || !identical(made, p) {
			a.not(i, crm.OutcomeRejected, "the portal has a property "+p.Name+" already, and it is defined otherwise")
			return
		}
		why = "it was there already, defined alike"
	} else if err != nil {
		a.failed(i, verdict(reply, err))
		return
	}
	a.out[i].RequestID = id
	after, _ := definedAs(made)
	a.applied(i, p.Name, after, why)
	a.awaitProperty(ctx, p.Name)
}

// awaitProperty waits until a new property can be read, for HubSpot takes a moment before it can be written into deals.
func (a *applying) awaitProperty(ctx context.Context, name string) {
	for wait := 250 * time.Millisecond; wait < 5*time.Second; wait *= 2 {
		if _, err := a.getProperty(ctx, name, false); !errors.Is(err, connectors.ErrNotFound) {
			return
		}
		if a.clock.Wait(ctx, wait) != nil {
			return
		}
	}
}

// removeProperty archives a property that carries a key of ours, and no other, unless somebody has begun to use it: what
// deals hold in it would go with it.
func (a *applying) removeProperty(ctx context.Context, i int) {
	name := a.edits[i].Target.ID
	p, err := a.getProperty(ctx, name, false)
	_, key := cutKey(p.Description)
	switch {
	case errors.Is(err, connectors.ErrNotFound) || err == nil && p.Archived:
		a.applied(i, name, nil, "it was gone already")
		return
	case err != nil:
		a.unsent(i, err)
		return
	case key == "":
		a.not(i, crm.OutcomeRejected, "the property carries no key of Plumbline, so it is left alone")
		return
	}
	switch used, err := a.filled(ctx, name); {
	case err != nil:
		a.unsent(i, err)
		return
	case used:
		a.not(i, crm.OutcomeRejected, "deals hold values in the property "+name+" that the undo does not take back, so it is left alone")
		return
	}
	reply, err := a.rest.Do(ctx, rest.Request{
		Operation: "properties.delete", Method: http.MethodDelete, Path: pathProperties + "/" + url.PathEscape(name), Write: true, Lanes: []string{laneBurst},
	}, nil)
	if err != nil && reply.Status != http.StatusNotFound {
		a.failed(i, verdict(reply, err))
		return
	}
	a.out[i].RequestID = rest.RequestID(reply.Header)
	a.applied(i, name, nil, "")
}
