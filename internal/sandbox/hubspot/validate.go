package hubspot

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// longestText is how long a text property may be.
const longestText = 65_536

// warning tells what a write changed of a value.
type warning struct {
	Category string            `json:"category"`
	Message  string            `json:"message"`
	Context  map[string]string `json:"context"`
}

// change is one property's new value, in the form in which it is stored; "" clears it.
type change struct{ name, value string }

// changes is what a write does to one record.
type changes struct {
	list     []change
	warnings []warning
	bad      []badValue
}

func (ch *changes) get(name string) (string, bool) {
	for _, c := range ch.list {
		if c.name == name {
			return c.value, true
		}
	}
	return "", false
}

func (ch *changes) refuse(property, code, message string, args ...any) {
	ch.bad = append(ch.bad, badValue{message: fmt.Sprintf(message, args...), code: code, property: property})
}

// prepare checks the values that a request wants to write; r is nil for a record that is to be made. Activities drop what does not exist
// or cannot be written without a word; other objects refuse it.
func (p *portal) prepare(c *call, k *kind, r *record, props map[string]any) *changes {
	ch := &changes{}
	for _, name := range slices.Sorted(maps.Keys(props)) {
		raw := asText(props[name])
		prop := p.properties(k).live(name, c.now)
		switch {
		case prop == nil && !k.activity:
			ch.refuse(name, "PROPERTY_DOESNT_EXIST", "Property %q does not exist", name)
			continue
		case prop == nil:
			continue
		case prop.Modification.ReadOnlyValue && !k.activity:
			ch.refuse(name, "READ_ONLY_VALUE", "%q is a read only property; its value cannot be set.", name)
			continue
		case prop.Modification.ReadOnlyValue:
			continue
		}
		value, bad := p.normalise(k, prop, raw, r)
		if bad != nil {
			ch.bad = append(ch.bad, *bad)
			continue
		}
		if value != raw && (prop.Type == "datetime" || prop.Type == "date") {
			ch.warnings = append(ch.warnings, warning{Category: "PROPERTY_VALUE_NORMALIZED",
				Message: "The value of " + name + " was normalized.", Context: map[string]string{
					"propertyName": name, "rawValue": raw, "normalizedValue": value}})
		}
		if !sandbox.Ignored(c.r.Context(), name) {
			ch.list = append(ch.list, change{name, value})
		}
	}
	if k.name == "deals" {
		p.settleStage(ch, r)
		if c.path("version") == strictVersion {
			p.checkRequired(ch, r)
		}
	}
	if r == nil && k.activity {
		if at, ok := ch.get("hs_timestamp"); !ok || at == "" {
			ch.refuse("hs_timestamp", "REQUIRED_FIELD", "hs_timestamp is a required property.")
		}
	}
	return ch
}

// asText is a property value of a request as text.
func asText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case json.Number:
		return x.String()
	}
	return fmt.Sprint(v)
}

// settleStage keeps a deal's pipeline and stage together: a stage alone brings its pipeline with it.
func (p *portal) settleStage(ch *changes, r *record) {
	lineID, hasLine := ch.get("pipeline")
	stageID, hasStage := ch.get("dealstage")
	if r == nil && len(p.lines) > 0 {
		if !hasLine && !hasStage {
			lineID, hasLine = p.lines[0].id, true
			ch.list = append(ch.list, change{"pipeline", lineID})
		}
		if l := p.line(lineID); !hasStage && l != nil && len(l.stages) > 0 {
			stageID, hasStage = l.stages[0].id, true
			ch.list = append(ch.list, change{"dealstage", stageID})
		}
	}
	if !hasLine && !hasStage {
		return
	}
	if !hasStage {
		stageID = r.current("dealstage")
	}
	l, st := p.stage(stageID)
	switch {
	case st == nil: // was refused as a value
	case !hasLine:
		ch.list = append(ch.list, change{"pipeline", l.id})
	case l.id != lineID && p.line(lineID) != nil:
		ch.refuse("dealstage", "INVALID_OPTION", "%s is not a stage of the pipeline %s", stageID, lineID)
	}
}

// strictVersion is the version since which the API obeys the account's rules about required properties.
const strictVersion = "2026-09"

// checkRequired refuses a move into a stage that demands a value which the deal would not have.
func (p *portal) checkRequired(ch *changes, r *record) {
	stageID, moves := ch.get("dealstage")
	for _, rule := range p.settings.get().required {
		value, written := ch.get(rule.property)
		if !written && r != nil {
			value = r.current(rule.property)
		}
		if moves && rule.stage == stageID && value == "" {
			ch.refuse(rule.property, "MISSING_CONDITIONAL_REQUIRED_PROPERTY",
				"%s is required because of a conditional property rule based on [dealstage]", rule.property)
		}
	}
}

// normalise checks a value and brings it into the form in which it is stored.
func (p *portal) normalise(k *kind, prop *property, raw string, r *record) (string, *badValue) {
	no := func(code, message string, args ...any) (string, *badValue) {
		return "", &badValue{message: fmt.Sprintf(message, args...), code: code, property: prop.Name}
	}
	if raw == "" {
		return "", nil
	}
	switch prop.Type {
	case "number":
		text := strings.TrimSpace(raw)
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return no("INVALID_DOUBLE", "%s was not a valid number.", raw)
		}
		return text, nil
	case "bool":
		if text := strings.ToLower(raw); text == "true" || text == "false" {
			return text, nil
		}
		return no("INVALID_OPTION", "%s was not one of the allowed options: [true, false]", raw)
	case "datetime":
		t, ok := moment(raw)
		if !ok {
			return no("INVALID_LONG", "%s was not a valid long.", raw)
		}
		return stamp(t), nil
	case "date":
		t, ok := moment(raw)
		if !ok {
			return no("INVALID_LONG", "%s was not a valid long.", raw)
		}
		if !t.Equal(t.Truncate(24 * time.Hour)) {
			return no("INVALID_DATE", "%s is at %s, not midnight!", raw, t.Format(time.RFC3339))
		}
		return t.Format(time.DateOnly), nil
	case "enumeration":
		return p.normaliseOption(k, prop, raw, r)
	}
	if len(raw) > longestText {
		return no("INVALID_STRING_LENGTH", "The value is longer than %d characters.", longestText)
	}
	return raw, nil
}

// normaliseOption checks the value of an enumeration. Several values are separated by ";"; one in front appends to what is there.
func (p *portal) normaliseOption(k *kind, prop *property, raw string, r *record) (string, *badValue) {
	values := []string{raw}
	if prop.FieldType == "checkbox" {
		values = strings.Split(strings.TrimPrefix(raw, ";"), ";")
	}
	for _, v := range values {
		if !p.hasOption(k, prop, v) {
			return "", &badValue{message: fmt.Sprintf("%s was not one of the allowed options: [%s]", v, p.optionNames(k, prop)),
				code: "INVALID_OPTION", property: prop.Name}
		}
	}
	if prop.FieldType == "checkbox" && strings.HasPrefix(raw, ";") && r != nil && r.current(prop.Name) != "" {
		have := strings.Split(r.current(prop.Name), ";")
		for _, v := range values {
			if !slices.Contains(have, v) {
				have = append(have, v)
			}
		}
		return strings.Join(have, ";"), nil
	}
	return strings.Join(values, ";"), nil
}

// hasOption knows the options that are kept elsewhere too: stages, pipelines, owners, currencies.
func (p *portal) hasOption(k *kind, prop *property, value string) bool {
	switch {
	case prop.Name == "hubspot_owner_id":
		return p.owner(value) != nil
	case k.name == "deals" && prop.Name == "dealstage":
		_, st := p.stage(value)
		return st != nil
	case k.name == "deals" && prop.Name == "pipeline":
		return p.line(value) != nil
	case prop.Name == "deal_currency_code":
		return len(value) == 3 && strings.ToUpper(value) == value
	}
	return slices.ContainsFunc(prop.Options, func(o option) bool { return o.Value == value })
}

func (p *portal) optionNames(k *kind, prop *property) string {
	var names []string
	switch {
	case k.name == "deals" && prop.Name == "dealstage":
		for _, l := range p.lines {
			for _, s := range l.stages {
				names = append(names, s.id)
			}
		}
	case k.name == "deals" && prop.Name == "pipeline":
		for _, l := range p.lines {
			names = append(names, l.id)
		}
	default:
		for _, o := range prop.Options {
			names = append(names, fmt.Sprintf("label: %q value: %q", o.Label, o.Value))
		}
	}
	return strings.Join(names, ", ")
}
