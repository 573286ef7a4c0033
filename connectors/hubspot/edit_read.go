package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

// Read returns live values as HubSpot stores them; "" for a field without one. A field whose property the portal does not
// have is not in the record's map. The key under a task's body is not part of the body.
func (e *editor) Read(ctx context.Context, schema crm.Schema, refs []crm.Ref, names ...string) (map[crm.Ref]crm.Fields, error) {
	e.setZone(schema.Zone)
	byKind := map[crm.Kind][]crm.Ref{}
	for _, r := range refs {
		byKind[r.Kind] = append(byKind[r.Kind], r)
	}
	out := map[crm.Ref]crm.Fields{}
	for kind, some := range byKind {
		var err error
		switch kind {
		case crm.KindDeal:
			err = e.liveDeals(ctx, schema, some, names, out)
		case crm.KindTask:
			err = e.liveTasks(ctx, some, names, out)
		case crm.KindStage:
			err = e.liveStages(ctx, some, names, out)
		case crm.KindProperty:
			err = e.liveProperties(ctx, some, names, out)
		default:
			err = fmt.Errorf("hubspot: a %s cannot be read by itself", kind)
		}
		if err != nil {
			return nil, err
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

func (e *editor) liveDeals(ctx context.Context, schema crm.Schema, refs []crm.Ref, names []string, out map[crm.Ref]crm.Fields) error {
	property := map[string]string{}
	ask := []string{propModified} // so that deals are found even where no field is asked for
	for _, n := range names {
		p, err := propertyOf(schema, n)
		if err != nil {
			return fmt.Errorf("hubspot: %w", err)
		}
		property[n] = p
		ask = append(ask, p)
	}
	if len(names) > 0 {
		ask = ask[1:]
	}
	live := map[string]crm.Fields{}
	for some := range slices.Chunk(ids(refs), batchSize) {
		rows, err := e.readDeals(ctx, some, ask, nil, false)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.bad != nil {
				return fmt.Errorf("reading deals: deal %s cannot be decoded", r.ID)
			}
			if !r.Archived {
				live[r.ID] = pick(r.Properties, property)
			}
		}
	}
	give(refs, live, out)
	return nil
}

// pick gives a record's values by neutral name.
func pick(t texts, property map[string]string) crm.Fields {
	f := crm.Fields{}
	for field, name := range property {
		if v, ok := t.get(name); ok {
			f[field] = v
		}
	}
	return f
}

// give hands live records to those who asked for them.
func give(refs []crm.Ref, live map[string]crm.Fields, out map[crm.Ref]crm.Fields) {
	for _, r := range refs {
		if f, ok := live[r.ID]; ok {
			out[r] = f
		}
	}
}

// filled reports whether any deal has a value in a property. The search lags behind, so what it finds is looked at.
func (e *editor) filled(ctx context.Context, property string) (bool, error) {
	found := rest.Pages(ctx, "", func(ctx context.Context, after string) (list, string, error) {
		l, err := e.searchDeals(ctx, searchRequest{
			FilterGroups: []filterGroup{{[]filter{{Property: property, Operator: "HAS_PROPERTY"}}}},
			Properties:   []string{propModified}, Limit: searchPageSize, After: after,
		})
		return l, l.Paging.Next.After, err
	})
	for page, err := range found {
		if err != nil {
			return false, err
		}
		var some []string
		for _, r := range page.Results {
			some = append(some, r.ID)
		}
		for part := range slices.Chunk(some, batchSize) {
			rows, err := e.readDeals(ctx, part, []string{property}, nil, false)
			if err != nil {
				return false, err
			}
			for _, r := range rows {
				if v, _ := r.Properties.get(property); v != "" || r.bad != nil {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

func (e *editor) liveTasks(ctx context.Context, refs []crm.Ref, names []string, out map[crm.Ref]crm.Fields) error {
	property := map[string]string{}
	ask := []string{taskSubject}
	for _, n := range names {
		p, ok := taskProperty(n)
		if !ok && n != crm.FieldDeal {
			return fmt.Errorf("hubspot: tasks have no field %q", n)
		}
		if ok {
			property[n] = p
			ask = append(ask, p)
		}
	}
	live := map[string]crm.Fields{}
	for some := range slices.Chunk(ids(refs), batchSize) {
		rows, err := e.readTasks(ctx, some, ask)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.bad != nil {
				return fmt.Errorf("reading tasks: task %s cannot be decoded", r.ID)
			}
			if r.Archived {
				continue
			}
			f := pick(r.Properties, property)
			if body, ok := f[crm.FieldBody]; ok {
				f[crm.FieldBody], _ = cutKey(body)
			}
			live[r.ID] = f
		}
	}
	if slices.Contains(names, crm.FieldDeal) {
		deals, err := e.associated(ctx, "tasks", "deals", ids(refs))
		if err != nil {
			return err
		}
		for id, f := range live {
			f[crm.FieldDeal] = ""
			if d := deals[id]; len(d) > 0 {
				f[crm.FieldDeal] = d[0]
			}
		}
	}
	give(refs, live, out)
	return nil
}

func (e *editor) liveProperties(ctx context.Context, refs []crm.Ref, names []string, out map[crm.Ref]crm.Fields) error {
	live := map[string]crm.Fields{}
	for _, id := range ids(refs) {
		p, err := e.getProperty(ctx, id, false)
		if errors.Is(err, connectors.ErrNotFound) || err == nil && p.Archived {
			continue
		}
		if err != nil {
			return err
		}
		all, err := definedAs(p)
		if err != nil {
			return err
		}
		f := crm.Fields{}
		for _, n := range names {
			v, ok := all[n]
			if !ok {
				return fmt.Errorf("hubspot: properties have no field %q", n)
			}
			f[n] = v
		}
		live[id] = f
	}
	give(refs, live, out)
	return nil
}

// definedAs gives a property's definition by neutral names.
func definedAs(p property) (crm.Fields, error) {
	f := crm.Fields{crm.FieldName: p.Name, crm.FieldLabel: p.Label, crm.FieldType: p.Type, crm.FieldOptions: ""}
	if p.Type == "enumeration" {
		b, err := json.Marshal(optionsOf(p))
		if err != nil {
			return nil, fmt.Errorf("hubspot: property %s: %w", p.Name, err)
		}
		f[crm.FieldOptions] = string(b)
	}
	return f, nil
}

// Lookup finds what earlier tries made, by key: tasks through the associations of their deals, for the search lags, and
// properties by their name.
func (e *editor) Lookup(ctx context.Context, schema crm.Schema, edits []crm.Edit) (map[string]string, error) {
	e.setZone(schema.Zone)
	made := map[string]string{}
	keys := map[string]bool{}
	var deals []string
	for _, edit := range edits {
		switch edit.Op {
		case crm.OpAddTask:
			keys[edit.Key] = true
			deals = append(deals, edit.After[crm.FieldDeal])
		case crm.OpAddProperty:
			name := edit.After[crm.FieldName]
			p, err := e.getProperty(ctx, name, false)
			if err != nil && !errors.Is(err, connectors.ErrNotFound) {
				return nil, err
			}
			if _, key := cutKey(p.Description); err == nil && !p.Archived && key == edit.Key {
				made[edit.Key] = name
			}
		}
	}
	if len(deals) == 0 {
		return made, nil
	}
	slices.Sort(deals)
	byDeal, err := e.associated(ctx, "deals", "tasks", slices.Compact(deals))
	if err != nil {
		return nil, err
	}
	var tasks []string
	for _, some := range byDeal {
		tasks = append(tasks, some...)
	}
	found, err := e.keys(ctx, tasks)
	if err != nil {
		return nil, err
	}
	for id, key := range found {
		if keys[key] {
			made[key] = id
		}
	}
	return made, nil
}

// keys reads the keys that tasks carry, by task; "" for one without. Tasks that do not exist are absent.
func (e *editor) keys(ctx context.Context, tasks []string) (map[string]string, error) {
	slices.Sort(tasks)
	out := map[string]string{}
	for some := range slices.Chunk(slices.Compact(tasks), batchSize) {
		rows, err := e.readTasks(ctx, some, []string{taskBody})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.bad != nil { // it may be the very one that is looked for
				return nil, fmt.Errorf("reading tasks: task %s cannot be decoded", r.ID)
			}
			if !r.Archived {
				body, _ := r.Properties.get(taskBody)
				_, out[r.ID] = cutKey(body)
			}
		}
	}
	return out, nil
}
