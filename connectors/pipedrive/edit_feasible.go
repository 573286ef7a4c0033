package pipedrive

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// judge judges edits before anybody approves them.
type judge struct {
	*editor
	schema crm.Schema
	fields map[string]dealField
}

// Feasible tells for each edit whether it can be done, and what of it cannot be restored. It costs one request for the fields
// of deals where custom ones are to be written, and one for the user's rights where stages are.
func (e *editor) Feasible(ctx context.Context, schema crm.Schema, edits []crm.Edit) ([]connectors.Verdict, error) {
	e.given(schema)
	j := &judge{editor: e, schema: schema, fields: e.knownFields()}
	custom, stages := false, false
	for _, edit := range edits {
		stages = stages || edit.Target.Kind == crm.KindStage
		for field := range edit.After {
			if name, err := fieldOf(schema, field); err == nil {
				custom = custom || customRe.MatchString(name) || strings.HasPrefix(field, crm.PropertyField(""))
			}
		}
	}
	var err error
	if custom && j.fields == nil {
		if j.fields, err = e.readFields(ctx); err != nil {
			return nil, err
		}
	}
	if stages {
		if _, err := e.readMe(ctx); err != nil {
			return nil, err
		}
	}
	out := make([]connectors.Verdict, len(edits))
	for i, edit := range edits {
		out[i] = j.edit(edit)
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

func (j *judge) edit(e crm.Edit) connectors.Verdict {
	switch {
	case e.Op == crm.OpSet && e.Target.Kind == crm.KindDeal:
		return j.scoped(scopeWriteDeals, j.set(e))
	case e.Op == crm.OpSet && e.Target.Kind == crm.KindStage:
		return j.stage(e)
	case e.Op == crm.OpAddTask:
		return j.scoped(scopeWriteTasks, j.task(e))
	case e.Op == crm.OpRemove && e.Target.Kind == crm.KindTask:
		return j.scoped(scopeWriteTasks, ok())
	case e.Op == crm.OpAddProperty:
		return lossOptions(e)
	case e.Target.Kind == crm.KindPipeline:
		return manual("change it in Pipedrive under Pipeline, Edit pipeline")
	}
	return impossible("Pipedrive cannot do %q to a %s", e.Op, e.Target.Kind)
}

// scoped makes a verdict manual when the scope for it is known to be missing.
func (j *judge) scoped(scope string, v connectors.Verdict) connectors.Verdict {
	if v.Feasible == connectors.FeasibleOK && !j.may(scope) {
		return manual("the scope %s is missing: add it to the app and connect again, or make the change in Pipedrive by hand", scope)
	}
	return v
}

// lossOptions is the list of loss reasons that a person must type: Pipedrive's API reads the company's list and cannot write it.
func lossOptions(e crm.Edit) connectors.Verdict {
	var options []crm.Option
	if json.Unmarshal([]byte(e.After[crm.FieldOptions]), &options) != nil || len(options) == 0 {
		return impossible("Pipedrive needs no property for %s", e.After[crm.FieldLabel])
	}
	var labels []string
	for _, o := range options {
		if !o.Hidden {
			labels = append(labels, o.Label)
		}
	}
	return manual("in Pipedrive, under Company settings, Lost reasons, add one by one: %s; then switch off free-form reasons", strings.Join(labels, "; "))
}

// set judges a change to a deal.
func (j *judge) set(e crm.Edit) connectors.Verdict {
	if e.Target.ID == "" || len(e.After) == 0 {
		return impossible("the edit names no deal or no field")
	}
	var lost []string
	for _, field := range slices.Sorted(maps.Keys(e.After)) {
		name, err := fieldOf(j.schema, field)
		if err != nil {
			return impossible("%v", err)
		}
		if words := j.value(field, name, e.After[field]); words != "" {
			return impossible("%s", words)
		}
		before, read := e.Before[field]
		// Pipedrive does not say that a close date can be cleared, and a deal always has an owner and a value.
		// Nor does it give a deal back to a user who was deactivated.
		if !read || before == "" && (field == crm.FieldCloseDate || field == crm.FieldOwner) || field == crm.FieldOwner && !j.activeUser(before) {
			lost = append(lost, field)
		}
		if field == crm.FieldStage || field == crm.FieldPipeline {
			lost = append(lost, wireMoved)
		}
	}
	if j.rotting() {
		lost = append(lost, wireUpdated)
	}
	slices.Sort(lost)
	return ok(slices.Compact(lost)...)
}

// rotting reports whether deals of the account rot. Their clock is the last update of the record, which every write is; an undo is
// but one more.
func (j *judge) rotting() bool {
	return slices.ContainsFunc(j.schema.Pipelines, func(p crm.Pipeline) bool {
		return slices.ContainsFunc(p.Stages, func(s crm.Stage) bool { return s.RotDays != nil })
	})
}

// value says why a field does not take a value; "" when it does.
func (j *judge) value(field, name, text string) string {
	if f, exists := j.fields[name]; customRe.MatchString(name) || strings.HasPrefix(field, crm.PropertyField("")) {
		switch {
		case !exists:
			return "the account's deals have no field " + name
		case f.Custom && !writable(f):
			return fmt.Sprintf("fields of the type %s, such as %s, are not written", f.Type, f.Name)
		case f.Type == "enum" && text != "" && !slices.ContainsFunc(f.Options, func(o option) bool { return o.ID.text == text }):
			return fmt.Sprintf("%q is no option of the field %s", text, f.Name)
		}
	}
	if _, err := j.wire(field, name, text); err != nil {
		return err.Error()
	}
	switch field {
	case crm.FieldOwner:
		i := slices.IndexFunc(j.schema.Users, func(u crm.User) bool { return u.ID == text })
		if j.schema.UsersKnown && i < 0 {
			return "the account has no user " + text
		}
		if j.schema.UsersKnown && !j.schema.Users[i].Active {
			return "the user " + j.schema.Users[i].Name + " is deactivated"
		}
	case crm.FieldStage:
		if _, found := j.findStage(text); !found {
			return "the account has no stage " + text
		}
	}
	return ""
}

// activeUser reports whether a user can be given deals, as far as is known.
func (j *judge) activeUser(id string) bool {
	i := slices.IndexFunc(j.schema.Users, func(u crm.User) bool { return u.ID == id })
	return !j.schema.UsersKnown || i >= 0 && j.schema.Users[i].Active
}

func (j *judge) findStage(id string) (crm.Stage, bool) {
	for _, p := range j.schema.Pipelines {
		for _, s := range p.Stages {
			if s.ID == id {
				return s, true
			}
		}
	}
	return crm.Stage{}, false
}

func (j *judge) task(e crm.Edit) connectors.Verdict {
	if e.After[crm.FieldDeal] == "" || e.After[crm.FieldSubject] == "" {
		return impossible("a task needs a deal and a subject")
	}
	if at, err := instant(e.After[crm.FieldDue], j.zone()); err != nil || at.IsZero() {
		return impossible("a task needs the time at which it is due")
	}
	if owner := e.After[crm.FieldOwner]; owner != "" {
		if words := j.value(crm.FieldOwner, wireOwner, owner); words != "" {
			return manual("%s: name a fallback owner in the configuration, or give the task to somebody by hand", words)
		}
	}
	return ok()
}

// stage judges a change to a stage: rotting and probability.
func (j *judge) stage(e crm.Edit) connectors.Verdict {
	if _, found := j.findStage(e.Target.ID); !found || len(e.After) == 0 {
		return impossible("the account has no stage %s, or nothing of it is to be changed", e.Target.ID)
	}
	if _, err := stageBody(e.After); err != nil {
		return impossible("%v", err)
	}
	if !j.mayAdmin() {
		return manual("stages are changed by administrators, and this connection is none's: connect as one, with the scope %s, or set it in Pipedrive under Pipeline, Edit pipeline", scopeAdmin)
	}
	var lost []string
	if before, read := e.Before[crm.FieldRotDays]; e.After[crm.FieldRotDays] != "" && (!read || before == "") {
		lost = append(lost, wireRotDays) // the number stays behind, without effect, when rotting is switched off again
	}
	return ok(lost...)
}

// stageBody makes what is sent to change a stage.
func stageBody(after crm.Fields) (map[string]any, error) {
	body := map[string]any{}
	for field, text := range after {
		n, err := strconv.Atoi(text)
		switch {
		case field == crm.FieldRotDays && text == "":
			body[wireRots] = false
		case field == crm.FieldRotDays && (err != nil || n < 1 || n > 1000):
			return nil, fmt.Errorf("%q is no number of days", text)
		case field == crm.FieldRotDays:
			body[wireRots], body[wireRotDays] = true, n
		case field == crm.FieldProbability && (err != nil || n < 0 || n > 100):
			return nil, fmt.Errorf("%q is no probability in percent", text)
		case field == crm.FieldProbability:
			body[wireProbability] = n
		default:
			return nil, fmt.Errorf("stages have no field %q that can be written", field)
		}
	}
	return body, nil
}
