package audit

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Setting is one setting's value in force, and where it comes from.
type Setting struct {
	Value string `json:"value"` // as it would be written
	From  string `json:"from"`  // as in [Check.Origin]; "default" for the policy's own
}

// Settings are the settings in force, by name.
type Settings map[string]Setting

// FromDefault is where a setting comes from that nobody configured.
const FromDefault = "default"

// Effective returns the check's settings in force; nil where its policy has none.
func (c *Check) Effective() Settings {
	v := valuesOf(c.Settings)
	if v.Kind() != reflect.Struct {
		return nil
	}
	var out Settings
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		if out == nil {
			out = Settings{}
		}
		from := c.Origin[name]
		if from == "" {
			from = FromDefault
		}
		out[name] = Setting{SettingText(v.Field(i).Interface()), from}
	}
	return out
}

// valuesOf is the struct that holds what a checker is set to.
func valuesOf(c Checker) reflect.Value {
	var held any = c
	if own, ok := c.(interface{ Values() any }); ok {
		held = own.Values()
	}
	v := reflect.ValueOf(held)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return v
}

// SettingText writes a setting's value as it would be configured.
func SettingText(v any) string {
	if m, ok := v.(encoding.TextMarshaler); ok {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	if list, ok := v.([]string); ok {
		return "[" + strings.Join(list, ", ") + "]"
	}
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	if s := fmt.Sprint(v); s != "" {
		return s
	}
	return `""`
}
