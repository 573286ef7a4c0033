package pipedrive

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// Read returns live values as Pipedrive stores them; "" for a field without one. A field that the account does not have is not
// in the record's map. The key under a task's note is not part of its body.
func (e *editor) Read(ctx context.Context, schema crm.Schema, refs []crm.Ref, names ...string) (map[crm.Ref]crm.Fields, error) {
	e.given(schema)
	byKind := map[crm.Kind][]crm.Ref{}
	for _, r := range refs {
		byKind[r.Kind] = append(byKind[r.Kind], r)
	}
	out := map[crm.Ref]crm.Fields{}
	for kind, some := range byKind {
		var live map[string]crm.Fields
		var err error
		switch kind {
		case crm.KindDeal:
			live, err = e.liveDeals(ctx, schema, ids(some), names)
		case crm.KindTask:
			live, err = e.liveTasks(ctx, ids(some), names)
		case crm.KindStage:
			live, err = e.liveStages(ctx, names)
		case crm.KindProperty:
			continue // the list of loss reasons has none of its own
		default:
			err = fmt.Errorf("pipedrive: a %s cannot be read by itself", kind)
		}
		if err != nil {
			return nil, err
		}
		for _, r := range some {
			if f, there := live[r.ID]; there {
				out[r] = f
			}
		}
	}
	return out, nil
}

// ids gives the ids of refs, each once.
func ids(refs []crm.Ref) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.ID)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// liveDeals reads deals; those that were archived or deleted are not listed.
func (e *editor) liveDeals(ctx context.Context, schema crm.Schema, ids, names []string) (map[string]crm.Fields, error) {
	wire := map[string]string{}
	var custom []string
	for _, n := range names {
		name, err := fieldOf(schema, n)
		if err != nil {
			return nil, fmt.Errorf("pipedrive: %w", err)
		}
		wire[n] = name
		if customRe.MatchString(name) && !slices.Contains(custom, name) {
			custom = append(custom, name)
		}
	}
	if len(custom) == 0 {
		custom = e.custom(0, crm.LossReason{})
	}
	live := map[string]crm.Fields{}
	for some := range slices.Chunk(ids, batchSize) {
		q := url.Values{"ids": {strings.Join(some, ",")}, "limit": {strconv.Itoa(pageSize)}}
		if len(custom) > 0 && len(custom) <= maxCustom {
			q.Set("custom_fields", strings.Join(custom, ","))
		}
		l, err := fetch[record](ctx, e.reader, "reading deals", listDeals, "", q)
		if err != nil {
			return nil, err
		}
		for _, r := range l.Data {
			if r.bad != nil {
				return nil, fmt.Errorf("reading deals: deal %s cannot be decoded", r.id)
			}
			status, _ := r.it.text("status")
			archived, _ := r.it.text("is_archived")
			if status != "deleted" && archived != "true" {
				live[r.id] = pick(r.it, wire)
			}
		}
	}
	return live, nil
}

// pick gives a record's values by neutral name.
func pick(r record, wire map[string]string) crm.Fields {
	f := crm.Fields{}
	for field, name := range wire {
		if text, there := r.text(name); there {
			f[field] = text
		}
	}
	return f
}

func (e *editor) liveTasks(ctx context.Context, ids, names []string) (map[string]crm.Fields, error) {
	tasks, err := e.tasks(ctx, ids)
	if err != nil {
		return nil, err
	}
	live := map[string]crm.Fields{}
	for id, a := range tasks {
		if live[id], err = e.task(a, names); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// task gives an activity's values by neutral name.
func (c *reader) task(a activity, names []string) (crm.Fields, error) {
	f := crm.Fields{}
	for _, n := range names {
		switch n {
		case crm.FieldDeal:
			f[n] = a.Deal.text
		case crm.FieldOwner:
			f[n] = a.Owner.text
		case crm.FieldSubject:
			f[n] = a.Subject.text
		case crm.FieldBody:
			f[n] = body(a.Note.text)
		case crm.FieldDue:
			f[n] = c.dueText(a)
		default:
			return nil, fmt.Errorf("pipedrive: tasks have no field %q", n)
		}
	}
	return f, nil
}

// tasks reads activities by id. Those that do not exist, or were deleted, are absent.
func (c *reader) tasks(ctx context.Context, ids []string) (map[string]activity, error) {
	out := map[string]activity{}
	for some := range slices.Chunk(ids, batchSize) {
		rows, err := c.readActivities(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.bad != nil {
				return nil, fmt.Errorf("reading activities: activity %s cannot be decoded", r.id)
			}
			if !r.it.Deleted {
				out[r.id] = r.it
			}
		}
	}
	return out, nil
}

func (e *editor) liveStages(ctx context.Context, names []string) (map[string]crm.Fields, error) {
	all, err := whole[record](ctx, e.reader, "reading stages", listStages, url.Values{})
	if err != nil {
		return nil, err
	}
	live := map[string]crm.Fields{}
	for _, r := range all {
		if live[r.id()], err = stageFields(r, names); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// stageFields gives a stage's values by neutral name. The days of a stage that does not rot mean nothing.
func stageFields(r record, names []string) (crm.Fields, error) {
	f := crm.Fields{}
	for _, n := range names {
		switch n {
		case crm.FieldRotDays:
			f[n], _ = r.text(wireRotDays)
			if rots, _ := r.text(wireRots); rots != "true" {
				f[n] = ""
			}
		case crm.FieldProbability:
			f[n], _ = r.text(wireProbability)
		case crm.FieldName:
			f[n], _ = r.text("name")
		default:
			return nil, fmt.Errorf("pipedrive: stages have no field %q", n)
		}
	}
	return f, nil
}

// Lookup finds the tasks that earlier tries made, by the keys under their notes: it reads the activities of each deal.
func (e *editor) Lookup(ctx context.Context, _ crm.Schema, edits []crm.Edit) (map[string]string, error) {
	wanted := map[string]bool{}
	var deals []string
	for _, edit := range edits {
		if edit.Op == crm.OpAddTask && edit.After[crm.FieldDeal] != "" {
			wanted[edit.Key] = true
			deals = append(deals, edit.After[crm.FieldDeal])
		}
	}
	slices.Sort(deals)
	made := map[string]string{}
	for _, id := range slices.Compact(deals) {
		for page, err := range pages[activity](ctx, e.reader, "reading the activities of a deal", listActivities, "", url.Values{"deal_id": {id}}, "") {
			if missingRecord(err) {
				break
			}
			if err != nil {
				return nil, err
			}
			for _, r := range page.Data {
				if _, key := cutKey(r.it.Note.text); r.bad == nil && !r.it.Deleted && wanted[key] {
					made[key] = r.id
				}
			}
		}
	}
	return made, nil
}
