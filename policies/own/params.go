package own

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/plumbline/plumbline/audit"
)

// The types that a parameter can have.
const (
	paramNumber   = "number"
	paramDuration = "duration"
	paramShare    = "share"
	paramText     = "text"
	paramList     = "list"
)

// paramKinds lists them.
func paramKinds() []string {
	return []string{paramDuration, paramList, paramNumber, paramShare, paramText}
}

// param is a setting of an own policy.
type param struct {
	name, kind, doc string
	value           any // the default: float64, audit.Days, audit.Share, string or []string
}

// celType is what the parameter is in expressions: durations are numbers of days, shares numbers from 0 to 1.
func (p *param) celType() *cel.Type {
	switch p.kind {
	case paramText:
		return cel.StringType
	case paramList:
		return texts()
	default:
		return cel.DoubleType
	}
}

// read sets the default from a text, for all kinds but lists.
func (p *param) read(s string) error {
	var err error
	switch p.kind {
	case paramNumber:
		var f float64
		if f, err = strconv.ParseFloat(s, 64); err != nil || f-f != 0 {
			return fmt.Errorf("%q is not a number", s)
		}
		p.value = f
	case paramDuration:
		var d audit.Days
		err = d.UnmarshalText([]byte(s))
		p.value = d
	case paramShare:
		var v audit.Share
		err = v.UnmarshalText([]byte(s))
		p.value = v
	case paramText:
		p.value = s
	default:
		err = fmt.Errorf("a list is written [one, another]")
	}
	return err
}

// settingsType makes the struct type that the configuration decodes the parameters into.
func settingsType(params []param) reflect.Type {
	fields := make([]reflect.StructField, len(params))
	for i, p := range params {
		fields[i] = reflect.StructField{
			Name: "P" + strconv.Itoa(i), Type: reflect.TypeOf(p.value),
			Tag: reflect.StructTag(`yaml:` + strconv.Quote(p.name) + ` desc:` + strconv.Quote(p.doc)),
		}
	}
	return reflect.StructOf(fields)
}

// newSettings returns a constructor of settings with their defaults.
func newSettings(params []param) func() any {
	t := settingsType(params)
	return func() any {
		v := reflect.New(t)
		for i := range params {
			def := reflect.ValueOf(params[i].value)
			if list, ok := params[i].value.([]string); ok {
				def = reflect.ValueOf(append([]string(nil), list...))
			}
			v.Elem().Field(i).Set(def)
		}
		return v.Interface()
	}
}

// setParam writes a text into one of the settings.
func setParam(settings any, i int, s string) error {
	v := reflect.ValueOf(settings).Elem().Field(i)
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(s))
	}
	switch v.Kind() {
	case reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f-f != 0 {
			return fmt.Errorf("%q is not a number", s)
		}
		v.SetFloat(f)
	case reflect.String:
		v.SetString(s)
	default:
		return fmt.Errorf("a list is written [one, another]")
	}
	return nil
}

// celParams turns settings into what expressions see.
func celParams(settings any) []ref.Val {
	v := reflect.ValueOf(settings).Elem()
	out := make([]ref.Val, v.NumField())
	for i := range out {
		switch p := v.Field(i).Interface().(type) {
		case float64:
			out[i] = types.Double(p)
		case audit.Days:
			out[i] = types.Double(p.Float())
		case audit.Share:
			out[i] = types.Double(p)
		case string:
			out[i] = types.String(p)
		case []string:
			out[i] = types.NewStringList(types.DefaultTypeAdapter, p)
		}
	}
	return out
}
