package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// HubSpot's limits of an enumeration.
const (
	maxOptions    = 5000
	maxOptionText = 3000
)

var propertyNameRe = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

// judge judges edits before anybody approves them.
type judge struct {
	*editor
	schema     crm.Schema
	properties map[string]property
	adding     map[string]property // what other edits of the same plan create
}

// Feasible tells for each edit whether it can be done, and what of it cannot be restored. It costs one request for the
// properties, and one for each property to be created.
func (e *editor) Feasible(ctx context.Context, schema crm.Schema, edits []crm.Edit) ([]connectors.Verdict, error) {
	e.setZone(schema.Zone)
	all, err := e.listProperties(ctx, "deals")
	if err != nil {
		return nil, err
	}
	j := &judge{editor: e, schema: schema, properties: e.keep(all), adding: map[string]property{}}
	for _, edit := range edits {
		if edit.Op == crm.OpAddProperty {
			if p, err := definition(edit); err == nil {
				j.adding[p.Name] = p
			}
		}
	}
	out := make([]connectors.Verdict, len(edits))
	for i, edit := range edits {
		out[i], err = j.edit(ctx, edit)
		if err != nil {
			return nil, err
		}
		out[i].Key = edit.Key
	}
	return out, nil
}

func ok(irreversible ...string) connectors.Verdict {
	return connectors.Verdict{Feasible: connectors.FeasibleOK, Irreversible: irreversible}
}

func manual(format string, args ...any) connectors.Verdict {
	return connectors.Verdict{Feasible: connectors.FeasibleManual, Words: fmt.Sprintf(format, args...)}
}

func impossible(format string, args ...any) connectors.Verdict {
	return connectors.Verdict{Feasible: connectors.FeasibleImpossible, Words: fmt.Sprintf(format, args...)}
}

func (j *judge) edit(ctx context.Context, e crm.Edit) (connectors.Verdict, error) {
	switch {
	case e.Op == crm.OpSet && e.Target.Kind == crm.KindDeal:
		return j.scoped(scopeWriteDeals, j.set(e)), nil
	case e.Op == crm.OpSet && e.Target.Kind == crm.KindStage:
		return j.scoped(scopeWriteProperty, j.stage(e)), nil
	case e.Op == crm.OpAddTask:
		return j.scoped(scopeWriteTasks, j.task(e)), nil
	case e.Op == crm.OpAddProperty:
		v, err := j.property(ctx, e)
		return j.scoped(scopeWriteProperty, v), err
	case e.Op == crm.OpRemove && e.Target.Kind == crm.KindTask:
		return j.scoped(scopeWriteTasks, ok()), nil
	case e.Op == crm.OpRemove && e.Target.Kind == crm.KindProperty:
		return j.scoped(scopeWriteProperty, ok()), nil
	case e.Target.Kind == crm.KindStage || e.Target.Kind == crm.KindPipeline:
		return manual("change it in HubSpot under Settings, Objects, Deals, Pipelines"), nil
	}
	return impossible("HubSpot cannot do %q to a %s", e.Op, e.Target.Kind), nil
}

// scoped makes a verdict manual when the scope for it is known to be missing.
func (j *judge) scoped(scope string, v connectors.Verdict) connectors.Verdict {
	if v.Feasible == connectors.FeasibleOK && !j.may(scope) {
		return manual("the scope %s is missing: grant it and connect again, or make the change in HubSpot by hand", scope)
	}
	return v
}

// set judges a change to a deal.
func (j *judge) set(e crm.Edit) connectors.Verdict {
	if e.Target.ID == "" || len(e.After) == 0 {
		return impossible("the edit names no deal or no field")
	}
	var lost []string
	for _, field := range slices.Sorted(maps.Keys(e.After)) {
		name, err := propertyOf(j.schema, field)
		if err != nil {
			return impossible("%v", err)
		}
		p, exists := j.properties[name]
		if a, ok := j.adding[name]; ok && !exists {
			p, exists = a, true
		}
		if !exists {
			return impossible("the portal's deals have no property %s", name)
		}
		if !p.writable() {
			return impossible("HubSpot keeps the property %s itself: it cannot be written", name)
		}
		if words := j.value(field, p, e.After[field]); words != "" {
			return impossible("%s", words)
		}
		if _, ok := e.Before[field]; !ok {
			lost = append(lost, field)
		}
		if field == crm.FieldStage && j.closes(e) {
			lost = append(lost, crm.FieldCloseDate) // HubSpot may set it by itself when a deal is closed, and does not put it back
		}
	}
	return ok(lost...)
}

// value says why a property does not take a value; "" when it does.
func (j *judge) value(field string, p property, value string) string {
	switch {
	case value == "":
		return ""
	case field == crm.FieldCloseDate:
		if _, err := instant(value, j.zone()); err != nil {
			return "the close date is not a date"
		}
	case field == crm.FieldAmount:
		if _, err := crm.ParseAmount(value); err != nil {
			return "the amount is not a number"
		}
	case field == crm.FieldOwner:
		i := slices.IndexFunc(j.schema.Users, func(u crm.User) bool { return u.ID == value })
		if j.schema.UsersKnown && i < 0 {
			return "the portal has no owner " + value
		}
		if j.schema.UsersKnown && !j.schema.Users[i].Active {
			return "the owner " + j.schema.Users[i].Name + " is deactivated"
		}
	case field == crm.FieldStage:
		if !j.hasStage(value) {
			return "the portal has no stage " + value
		}
	case p.Type == "enumeration" && !p.External && len(p.Options) > 0:
		if !slices.ContainsFunc(p.Options, func(o option) bool { return o.Value == value }) {
			return fmt.Sprintf("%q is no option of the property %s", value, p.Name)
		}
	}
	return ""
}

func (j *judge) hasStage(id string) bool { _, ok := j.kind(id); return ok }

func (j *judge) kind(stage string) (crm.Status, bool) {
	for _, p := range j.schema.Pipelines {
		for _, s := range p.Stages {
			if s.ID == stage {
				return s.Kind, true
			}
		}
	}
	return crm.Open, false
}

// closes reports whether an edit opens or closes a deal.
func (j *judge) closes(e crm.Edit) bool {
	before, _ := j.kind(e.Before[crm.FieldStage])
	after, _ := j.kind(e.After[crm.FieldStage])
	return (before == crm.Open) != (after == crm.Open)
}

func (j *judge) task(e crm.Edit) connectors.Verdict {
	if e.After[crm.FieldDeal] == "" || e.After[crm.FieldSubject] == "" {
		return impossible("a task needs a deal and a subject")
	}
	if _, err := instant(e.After[crm.FieldDue], j.zone()); err != nil || e.After[crm.FieldDue] == "" {
		return impossible("a task needs the time at which it is due")
	}
	if words := j.value(crm.FieldOwner, property{}, e.After[crm.FieldOwner]); words != "" {
		return manual("%s: name a fallback owner in the configuration, or give the task to somebody by hand", words)
	}
	return ok()
}

// property judges the creation of a property. HubSpot brings an archived one of the same name back, with its old values
// in the deals, so that is not done.
func (j *judge) property(ctx context.Context, e crm.Edit) (connectors.Verdict, error) {
	p, err := definition(e)
	if err != nil {
		return impossible("%v", err), nil
	}
	if old, exists := j.properties[p.Name]; exists {
		if identical(old, p) {
			return ok(), nil
		}
		return impossible("the portal has a property %s already, and it is defined otherwise: rename or delete it first", p.Name), nil
	}
	archived, err := j.archived(ctx, p.Name)
	if err != nil {
		return connectors.Verdict{}, err
	}
	if archived {
		return impossible("%s", archivedWords(p.Name)), nil
	}
	return ok(), nil
}

func archivedWords(name string) string {
	return fmt.Sprintf("a property %s was deleted less than 90 days ago: creating it would bring its old values back; restore it in HubSpot, or delete it there for good, and plan again", name)
}

// archived reports whether there is an archived property of that name.
func (e *editor) archived(ctx context.Context, name string) (bool, error) {
	p, err := e.getProperty(ctx, name, true)
	if errors.Is(err, connectors.ErrNotFound) {
		return false, nil
	}
	return err == nil && p.Archived, err
}

// definition makes the property that an edit creates.
func definition(e crm.Edit) (property, error) {
	p := property{
		Name: e.After[crm.FieldName], Label: e.After[crm.FieldLabel], Type: e.After[crm.FieldType], FieldType: "textarea",
		GroupName: "dealinformation", Description: "Made by Plumbline (" + mark + e.Key + ")",
	}
	if !propertyNameRe.MatchString(p.Name) || p.Label == "" {
		return p, fmt.Errorf("a property needs a label, and a name of small letters, digits and _")
	}
	switch p.Type {
	case "string":
		return p, nil
	case "enumeration":
		p.FieldType = "select"
	default:
		return p, fmt.Errorf("a property of the type %q cannot be created", p.Type)
	}
	var options []crm.Option
	if err := json.Unmarshal([]byte(e.After[crm.FieldOptions]), &options); err != nil {
		return p, fmt.Errorf("the options of %s cannot be read", p.Name)
	}
	if len(options) == 0 || len(options) > maxOptions {
		return p, fmt.Errorf("%s has %d options: HubSpot takes 1 to %d", p.Name, len(options), maxOptions)
	}
	for i, o := range options {
		if len(o.Label)+len(o.Value) > maxOptionText || strings.TrimSpace(o.Value) == "" || o.Label == "" {
			return p, fmt.Errorf("option %d of %s is empty or too long", i+1, p.Name)
		}
		p.Options = append(p.Options, option{Label: o.Label, Value: o.Value, DisplayOrder: i, Hidden: o.Hidden})
	}
	return p, nil
}

// identical reports whether two properties are defined alike, whoever made them.
func identical(a, b property) bool {
	return a.Type == b.Type && a.Label == b.Label && slices.Equal(optionsOf(a), optionsOf(b))
}
