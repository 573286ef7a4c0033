package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	orderedmap "github.com/pb33f/ordered-map/v2"
)

// Schema returns the JSON Schema of the configuration, for editors. It follows the structs that the file is decoded into,
// the policies' settings among them.
func Schema(known Known) ([]byte, error) {
	s := reflected(reflect.TypeFor[Config]())
	connectors := jsonschema.NewProperties()
	for _, name := range slices.Sorted(maps.Keys(known.Connectors)) {
		connectors.Set(name, reflected(reflect.TypeFor[Connector]()))
	}
	replace(s, "connectors", closed(connectors))
	policies := policiesSchema(known)
	s.Properties.Set("policies", policies)
	portals, _ := s.Properties.Get("portals")
	portals.Items.Properties.Set("policies", policies)
	portals.Items.Required = []string{"name", "crm"}
	if crm, ok := portals.Items.Properties.Get("crm"); ok {
		crm.Enum = anys(known.CRMs)
	}
	for _, p := range []struct{ object, key string }{{"store", "url"}} {
		object, _ := s.Properties.Get(p.object)
		addFile(object, p.key)
	}
	for pair := connectors.Oldest(); pair != nil; pair = pair.Next() {
		addFile(pair.Value, "client_secret")
	}
	s.Version = jsonschema.Version
	s.Title = "plumbline.yaml"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return append(b, '\n'), nil
}

// reflected is the schema of a struct, with the descriptions of its fields. Every key is optional, none is unknown.
func reflected(t reflect.Type) *jsonschema.Schema {
	r := &jsonschema.Reflector{
		Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true, FieldNameTag: "yaml", Mapper: scalarSchema,
		LookupComment: func(t reflect.Type, field string) string {
			if t.Kind() != reflect.Struct {
				return ""
			}
			f, _ := t.FieldByName(field)
			return f.Tag.Get("desc")
		},
	}
	s := r.ReflectFromType(t)
	s.Version = ""
	return s
}

// scalarSchema gives the schema of single values: any text, number or truth value may also come as ${VARIABLE}.
func scalarSchema(t reflect.Type) *jsonschema.Schema {
	variable := &jsonschema.Schema{Type: "string", Pattern: `\$\{`}
	switch {
	case t == secretType:
		return &jsonschema.Schema{Type: "string"}
	case reflect.PointerTo(t).Implements(textType):
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}}}
	case t.Kind() == reflect.Bool:
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "boolean"}, variable}}
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "integer"}, variable}}
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "number"}, variable}}
	}
	return nil
}

// policiesSchema is a policy's own schema for every policy.
func policiesSchema(known Known) *jsonschema.Schema {
	props := jsonschema.NewProperties()
	for _, id := range slices.Sorted(maps.Keys(known.Policies)) {
		settings := reflected(reflect.TypeOf(known.Policies[id]()).Elem())
		settings.Description = "the policy's own settings"
		amounts := named(levelSchema(settings), `narrower settings for deals by amount: ">= 50000 EUR", "< 1000 EUR", "1000 - 50000 EUR"`)
		amounts.PropertyNames = &jsonschema.Schema{Pattern: bandText.String()}
		stage := levelSchema(settings)
		stage.Properties.Set(amountsKey, amounts)
		pipeline := levelSchema(settings)
		pipeline.Properties.Set(amountsKey, amounts)
		pipeline.Properties.Set("stages", named(stage, "narrower settings for stages, by name or id"))
		policy := levelSchema(settings)
		policy.Properties.Set(amountsKey, amounts)
		policy.Properties.Set("pipelines", named(pipeline, "narrower settings for pipelines, by name or id"))
		props.Set(id, policy)
	}
	s := closed(props)
	if known.OwnPrefix != "" {
		s.PatternProperties = map[string]*jsonschema.Schema{"^" + known.OwnPrefix: {Type: "object", Description: "an own policy"}}
	}
	s.Description = "the policies' settings"
	return s
}

func levelSchema(settings *jsonschema.Schema) *jsonschema.Schema {
	s := reflected(reflect.TypeFor[level]())
	if p, ok := s.Properties.Get("severity"); ok {
		p.Enum = anys(severities)
	}
	if p, ok := s.Properties.Get("fix"); ok {
		p.Enum = anys(modes)
	}
	s.Properties.Set("settings", settings)
	return s
}

func closed(p *orderedmap.OrderedMap[string, *jsonschema.Schema]) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", Properties: p, AdditionalProperties: jsonschema.FalseSchema}
}

func named(s *jsonschema.Schema, description string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", AdditionalProperties: s, Description: description}
}

// replace exchanges a property's schema and keeps its description.
func replace(s *jsonschema.Schema, key string, by *jsonschema.Schema) {
	if old, ok := s.Properties.Get(key); ok {
		by.Description = old.Description
	}
	s.Properties.Set(key, by)
}

// addFile adds the key that names a secret's file.
func addFile(s *jsonschema.Schema, key string) {
	s.Properties.Set(key+"_file", &jsonschema.Schema{Type: "string", Description: "a file that holds " + key})
}

func anys(words []string) []any {
	var out []any
	for _, w := range words {
		out = append(out, w)
	}
	return out
}

// Key is one key of the configuration, for its documentation.
type Key struct {
	Path    string // portals[].limits.per_run
	Default string // as it would be written; "" when there is none
	Text    string // what it means
}

// Keys lists every key but those of policies, in the order of the structs.
func Keys(known Known) []Key {
	c := Default(known)
	c.Portals = []Portal{{Limits: c.Limits, Budget: Budget{Share: 0.2}}}
	c.Freeze = []Freeze{{}}
	var out []Key
	collect(&out, "", reflect.ValueOf(c).Elem())
	return out
}

func collect(out *[]Key, path string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		at, text, field := strings.TrimPrefix(path+"."+name, "."), f.Tag.Get("desc"), v.Field(i)
		single := field.Type() == secretType || field.Addr().Type().Implements(textType)
		switch {
		case !single && field.Kind() == reflect.Struct:
			*out = append(*out, Key{at, "", text})
			collect(out, at, field)
		case !single && field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.String:
			*out = append(*out, Key{at, "", text})
		case !single && field.Kind() == reflect.Slice:
			*out = append(*out, Key{at, "", text})
			collect(out, at+"[]", field.Index(0))
		case !single && field.Kind() == reflect.Map:
			*out = append(*out, Key{at, "", text})
			for _, name := range slices.Sorted(maps.Keys(field.Interface().(map[string]Connector))) {
				conn := field.Interface().(map[string]Connector)[name]
				collect(out, at+"."+name, reflect.ValueOf(&conn).Elem())
			}
		case field.Type() == secretType:
			*out = append(*out, Key{at, field.Interface().(Secret).value, text + "; or " + name + "_file"})
		case single:
			*out = append(*out, Key{at, emptyZero(field, textOf(field)), text})
		default:
			*out = append(*out, Key{at, emptyZero(field, fmt.Sprint(field.Interface())), text})
		}
	}
}

// emptyZero leaves out the text of a zero value that means nothing is set.
func emptyZero(v reflect.Value, text string) string {
	if v.IsZero() && v.Kind() != reflect.Int {
		return ""
	}
	return text
}
