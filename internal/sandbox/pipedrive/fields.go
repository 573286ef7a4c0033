package pipedrive

import (
	"crypto/sha1" //nolint:gosec // keys of custom fields look like its sums; nothing is protected by them
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// option is one value of a field. Ids of some built-in fields are texts.
type option struct {
	ID      any    `json:"id"`
	Label   string `json:"label"`
	Color   any    `json:"color"`
	Added   any    `json:"add_time"`
	Updated any    `json:"update_time"`
}

// required is where a field must be filled by people.
type required struct {
	Enabled  bool                `json:"enabled"`
	Stages   []int64             `json:"stage_ids"`
	Statuses map[string][]string `json:"statuses"`
}

// field is a field of deals.
type field struct {
	name, code, kind, description string
	options                       []option
	custom, optional              bool
	must                          required
}

// externalKey is the custom field with a deal's id in the file it was loaded from.
var externalKey = customKey("External ID")

func customKey(name string) string {
	sum := sha1.Sum([]byte(name)) //nolint:gosec // a key, not a secret
	return hex.EncodeToString(sum[:])
}

// loadFields makes the fields of deals: the built-in ones, and some custom ones as accounts have them.
func (p *portal) loadFields() []*field {
	var out []*field
	add := func(name, code, kind string, options ...option) *field {
		f := &field{name: name, code: code, kind: kind, options: options, must: required{Stages: []int64{}, Statuses: map[string][]string{}}}
		out = append(out, f)
		return f
	}
	add("ID", "id", "int")
	add("Title", "title", "varchar")
	add("Creator", "creator_user_id", "user")
	add("Owner", "owner_id", "user")
	add("Value", "value", "monetary")
	add("Currency of Value", "currency", "varchar")
	add("Contact person", "person_id", "people")
	add("Organization", "org_id", "org")
	add("Pipeline", "pipeline_id", "double")
	add("Stage", "stage_id", "stage")
	add("Status", "status", "status", options("open", "Open", "won", "Won", "lost", "Lost", "deleted", "Deleted")...)
	add("Deal created", "add_time", "date")
	add("Update time", "update_time", "date")
	add("Last stage change", "stage_change_time", "date")
	add("Probability", "probability", "int")
	add("Lost reason", "lost_reason", "varchar_options", p.reasonOptions()...)
	add("Visible to", "visible_to", "visible_to", option{ID: 1, Label: "Item owner"}, option{ID: 3, Label: "All users"})
	add("Deal closed on", "close_time", "date")
	add("Won time", "won_time", "date")
	add("Lost time", "lost_time", "date")
	add("Expected close date", "expected_close_date", "date")
	add("Label", "label_ids", "set", option{ID: 1, Label: "Hot", Color: "red"}, option{ID: 2, Label: "Warm", Color: "yellow"}, option{ID: 3, Label: "Cold", Color: "blue"})
	add("Source origin", "origin", "varchar")
	add("Source channel", "channel", "enum", p.channelOptions()...)
	for _, name := range includable() {
		add(strings.ReplaceAll(name, "_", " "), name, "varchar").optional = true
	}
	made := stampV2(born())
	custom := func(name, kind string, options ...option) {
		for i := range options {
			options[i].Added, options[i].Updated = made, made
		}
		add(name, customKey(name), kind, options...).custom = true
	}
	custom("Industry segment", "enum", option{ID: 101, Label: "Manufacturing"}, option{ID: 102, Label: "Services"}, option{ID: 103, Label: "Public sector"})
	custom("Products of interest", "set", option{ID: 104, Label: "Core"}, option{ID: 105, Label: "Add-on"})
	custom("Next step", "text")
	custom("Contract start", "date")
	for i := range p.world.Deals {
		if p.world.Deals[i].External != "" {
			custom("External ID", "varchar")
			break
		}
	}
	return out
}

// options makes options of pairs of id and label.
func options(pairs ...string) []option {
	var out []option
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, option{ID: pairs[i], Label: pairs[i+1]})
	}
	return out
}

// reasonOptions are the account's predefined lost reasons; none where the world keeps them as free text.
func (p *portal) reasonOptions() []option {
	out := []option{}
	if lp := p.world.LossProperty; lp != nil {
		for i, o := range lp.Options {
			out = append(out, option{ID: 49 + i, Label: o.Label})
		}
	}
	return out
}

func (p *portal) field(code string) *field {
	for _, f := range p.fields {
		if f.code == code {
			return f
		}
	}
	return nil
}

// customKeys are the keys of all custom fields.
func (p *portal) customKeys() []string {
	keys := []string{}
	for _, f := range p.fields {
		if f.custom {
			keys = append(keys, f.code)
		}
	}
	return keys
}

func (f *field) view(set traits, include []string) map[string]any {
	v := map[string]any{"field_name": f.name, "field_code": f.code, "description": textOrNull(f.description), "field_type": f.kind, "options": nil,
		"subfields": nil, "is_custom_field": f.custom, "is_optional_response_field": f.optional}
	if f.options != nil && (f.kind != "varchar_options" || set.reasonOptions) {
		v["options"] = slices.Clone(f.options)
	}
	if slices.Contains(include, "required_fields") {
		v["required_fields"] = f.must
	}
	if slices.Contains(include, "important_fields") {
		v["important_fields"] = required{Stages: []int64{}}
	}
	if slices.Contains(include, "ui_visibility") {
		v["ui_visibility"] = map[string]any{"add_visible_flag": true, "details_visible_flag": true, "projects_detail_visible_flag": false}
	}
	return v
}

// serveFields answers GET /api/v2/dealFields.
func (p *portal) serveFields(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	from := 0
	if cursor := c.query.Get("cursor"); cursor != "" {
		if from = slices.IndexFunc(p.fields, func(f *field) bool { return f.code == cursor }); from < 0 {
			return nil, c.bad("cursor", "is not valid")
		}
	}
	to := min(from+limit, len(p.fields))
	data := []any{}
	for _, f := range p.fields[from:to] {
		data = append(data, f.view(c.set, c.list("include_fields")))
	}
	var next *string
	if to < len(p.fields) {
		next = &p.fields[to].code
	}
	return envelope{Success: true, Data: data, Additional: map[string]any{"next_cursor": next}}, nil
}

func (p *portal) serveField(c *call) (any, error) {
	if f := p.field(c.r.PathValue("code")); f != nil {
		return one(f.view(c.set, c.list("include_fields"))), nil
	}
	return nil, c.notFound("Field")
}

// demanded reports whether the account's rules want the field filled for a deal where it stands.
func (f *field) demanded(d *deal) bool {
	return f.must.Enabled && (slices.Contains(f.must.Stages, d.stage) || slices.Contains(f.must.Statuses[itoa(d.pipeline)], d.status))
}

// refuses says why a value does not fit a custom field; "" when it does. null clears a field.
func (f *field) refuses(v any) string {
	if v == nil {
		return ""
	}
	switch f.kind {
	case "enum":
		if !f.hasOption(v) {
			return "Option not found"
		}
	case "set":
		list, ok := v.([]any)
		if !ok || len(list) == 0 || slices.ContainsFunc(list, func(e any) bool { return !f.hasOption(e) }) {
			return "Expected an array of options; use null to clear"
		}
	case "date":
		return isDate.refuses(v)
	case "double", "int":
		return isNumber.refuses(v)
	default:
		return isText.refuses(v)
	}
	return ""
}

func (f *field) hasOption(v any) bool {
	n, ok := v.(json.Number)
	return ok && slices.ContainsFunc(f.options, func(o option) bool { return fmt.Sprint(o.ID) == n.String() })
}
