package pipedrive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// mostOptions is how many options a field may have.
const mostOptions = 10_000

// custom finds the custom field that a path names. What is built in cannot be written.
func (p *portal) customField(c *call) (*field, error) {
	f := p.field(c.r.PathValue("code"))
	switch {
	case f == nil:
		return nil, c.notFound("Field")
	case !f.custom:
		return nil, failV2(http.StatusBadRequest, "ERR_BAD_REQUEST", "Field "+f.code+" is not a custom field and cannot be changed")
	}
	return f, nil
}

// serveFieldCreate answers POST /api/v2/dealFields.
func (p *portal) serveFieldCreate(c *call) (any, error) {
	in, err := c.read(map[string]rule{"field_name": {shape: isText}, "field_type": {shape: isText}, "options": {isAny, true}, "description": {isText, true},
		"ui_visibility": {isObject, true}, "important_fields": {isObject, true}, "required_fields": {isObject, true}})
	if err != nil {
		return nil, err
	}
	kinds := []string{"varchar", "text", "double", "int", "monetary", "date", "enum", "set", "user", "org", "people", "phone", "time", "address"}
	switch {
	case strings.TrimSpace(in.text("field_name")) == "":
		return nil, invalid("field_name", "Required")
	case !slices.Contains(kinds, in.text("field_type")):
		return nil, invalid("field_type", "must be one of "+strings.Join(kinds, ", "))
	}
	f := &field{name: in.text("field_name"), code: customKey(fmt.Sprint(in.text("field_name"), p.newID())), kind: in.text("field_type"),
		description: in.text("description"), custom: true, must: required{Stages: []int64{}, Statuses: map[string][]string{}}}
	if f.kind == "enum" || f.kind == "set" {
		raw, _ := json.Marshal(in["options"]) // was decoded from JSON
		var labels []struct {
			Label string `json:"label"`
		}
		if json.Unmarshal(raw, &labels) != nil || len(labels) == 0 {
			return nil, invalid("options", "Required")
		}
		for _, l := range labels {
			f.options = append(f.options, p.newOption(l.Label, c.now))
		}
	}
	if err := f.demand(in); err != nil {
		return nil, err
	}
	p.fields = append(p.fields, f)
	c.wrote++
	return one(f.view(c.set, []string{"required_fields"})), nil
}

func (p *portal) newOption(label string, now time.Time) option {
	at := stampV2(now)
	return option{ID: int(p.newID()), Label: label, Added: at, Updated: at}
}

// demand reads required_fields.
func (f *field) demand(in fields) error {
	if !in.has("required_fields") {
		return nil
	}
	raw, _ := json.Marshal(in["required_fields"]) // was decoded from JSON
	next := required{Stages: []int64{}, Statuses: map[string][]string{}}
	if err := json.Unmarshal(raw, &next); err != nil {
		return invalid("required_fields", "Expected {enabled, stage_ids, statuses}")
	}
	f.must = next
	return nil
}

// serveFieldPatch answers PATCH /api/v2/dealFields/{code}.
func (p *portal) serveFieldPatch(c *call) (any, error) {
	f := p.field(c.r.PathValue("code"))
	if f == nil || !c.set.builtinFields {
		var err error
		if f, err = p.customField(c); err != nil {
			return nil, err
		}
	}
	in, err := c.read(map[string]rule{"field_name": {shape: isText}, "description": {isText, true}, "ui_visibility": {isObject, true},
		"important_fields": {isObject, true}, "required_fields": {isObject, true}})
	if err != nil {
		return nil, err
	}
	if err := f.demand(in); err != nil {
		return nil, err
	}
	if in.has("field_name") && !c.ignored("field_name") {
		f.name = in.text("field_name")
	}
	if in.has("description") && !c.ignored("description") {
		f.description = in.text("description")
	}
	c.wrote++
	return one(f.view(c.set, []string{"required_fields"})), nil
}

// serveFieldDelete answers DELETE /api/v2/dealFields/{code}; the values go with the field.
func (p *portal) serveFieldDelete(c *call) (any, error) {
	f, err := p.customField(c)
	if err != nil {
		return nil, err
	}
	p.fields = slices.DeleteFunc(p.fields, func(x *field) bool { return x == f })
	for _, d := range p.deals.order {
		delete(d.custom, f.code)
	}
	c.wrote++
	return one(f.view(c.set, nil)), nil
}

// optionInput is one entry of a body about options.
type optionInput struct {
	ID    json.Number `json:"id"`
	Label string      `json:"label"`
}

// options reads the body of a request about a field's options: a list, taken whole or not at all.
func (p *portal) options(c *call, id, label bool) (*field, []optionInput, error) {
	f, err := p.customField(c)
	if err != nil {
		return nil, nil, err
	}
	if f.kind != "enum" && f.kind != "set" {
		return nil, nil, failV2(http.StatusBadRequest, "ERR_BAD_REQUEST", "Field "+f.code+" has no options")
	}
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.DisallowUnknownFields()
	var in []optionInput
	if err := dec.Decode(&in); err != nil || len(in) == 0 {
		return nil, nil, invalid("body", "must be an array of options")
	}
	for _, o := range in {
		switch {
		case id != (o.ID != ""), label != (strings.TrimSpace(o.Label) != ""):
			return nil, nil, invalid("body", "wrong or missing keys of an option")
		case id && !f.hasOption(o.ID):
			return nil, nil, invalid("id", "Option "+o.ID.String()+" not found")
		case label && slices.ContainsFunc(f.options, func(x option) bool { return x.Label == o.Label && fmt.Sprint(x.ID) != o.ID.String() }):
			return nil, nil, invalid("label", "Option "+o.Label+" exists already")
		}
	}
	return f, in, nil
}

// serveOptionsCreate answers POST /api/v2/dealFields/{code}/options with the new options alone.
func (p *portal) serveOptionsCreate(c *call) (any, error) {
	f, in, err := p.options(c, false, true)
	if err != nil {
		return nil, err
	}
	if len(f.options)+len(in) > mostOptions {
		return nil, invalid("body", "a field has at most 10000 options")
	}
	made := []option{}
	for _, o := range in {
		made = append(made, p.newOption(o.Label, c.now))
	}
	f.options = append(f.options, made...)
	c.wrote++
	return one(made), nil
}

// serveOptionsPatch answers PATCH /api/v2/dealFields/{code}/options.
func (p *portal) serveOptionsPatch(c *call) (any, error) {
	f, in, err := p.options(c, true, true)
	if err != nil {
		return nil, err
	}
	changed := []option{}
	for _, o := range in {
		i := f.optionAt(o.ID)
		f.options[i].Label, f.options[i].Updated = o.Label, stampV2(c.now)
		changed = append(changed, f.options[i])
	}
	c.wrote++
	return one(changed), nil
}

// serveOptionsDelete answers DELETE /api/v2/dealFields/{code}/options.
func (p *portal) serveOptionsDelete(c *call) (any, error) {
	f, in, err := p.options(c, true, false)
	if err != nil {
		return nil, err
	}
	gone := []option{}
	for _, o := range in {
		if i := f.optionAt(o.ID); i >= 0 {
			gone = append(gone, f.options[i])
			f.options = slices.Delete(slices.Clone(f.options), i, i+1)
		}
	}
	c.wrote++
	return one(gone), nil
}

func (f *field) optionAt(id json.Number) int {
	return slices.IndexFunc(f.options, func(o option) bool { return fmt.Sprint(o.ID) == id.String() })
}
