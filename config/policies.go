package config

import (
	"cmp"
	"encoding"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Checks are a portal's checks by policy id: for every known policy one without a scope, then one per scope that is
// configured more narrowly. The narrowest scope that fits a record wins.
type Checks map[string][]Check

// Check is one policy's settings within one scope, with everything of the wider scopes worked in.
type Check struct {
	Policy   string
	Pipeline string // name or id; "" is every pipeline
	Stage    string // name or id within Pipeline; "" is every stage
	Amounts  Band   // of the deals there only these; the zero value: those that no check with amounts takes
	Enabled  *bool  // nil: as the policy is by default
	Reason   string // why it is off, or set as it is
	Severity string // "": as the policy grades
	Fix      string // report, propose or auto; report unless configured
	Grace    time.Duration
	// Settings is a pointer from the policy's constructor.
	Settings any
	// Origin tells where each value comes from that is not the policy's own default: the setting's key, or enabled,
	// severity, fix or grace → "policies", "portal acme", "policies, pipeline Sales", ….
	Origin map[string]string
}

// level is what can be said of a policy at each level.
type level struct {
	Enabled  *bool     `yaml:"enabled" desc:"whether the policy is judged"`
	Reason   string    `yaml:"reason" desc:"why, for those who read the report"`
	Severity string    `yaml:"severity" desc:"info, low, medium, high or critical; empty: as the policy grades"`
	Fix      string    `yaml:"fix" desc:"report: nothing is written; propose: steps wait for approval; auto: steps are approved at once"`
	Grace    *Duration `yaml:"grace" desc:"how long a finding must last before anything is written"`
}

// layer is a node in which policies, or one policy, are configured.
type layer struct {
	at    place
	node  ast.Node
	from  string
	depth int // 0: a policy, 1: a pipeline of it, 2: a stage of that, bandDepth: amounts within any of these
	band  Band
}

// bandDepth is the depth of a layer that is for amounts.
const bandDepth = 3

// inner are the keys under which a policy's layers hold narrower scopes, by depth, and what one of those is.
var inner = [...]struct{ key, one string }{{"pipelines", "pipeline"}, {"stages", "stage"}, {}, {}}

// checks works the layers, the widest first, into checks of every known policy.
func (d *decoder) checks(layers ...layer) Checks {
	byPolicy := map[string][]layer{}
	ids := slices.Collect(maps.Keys(d.known.Policies))
	for i, l := range layers {
		ms, _ := d.members(l.at, l.node)
		for _, m := range ms {
			if _, ok := d.known.Policies[m.name]; !ok && !d.broken[m.name] {
				d.blot(m.value)
				d.add(spotOf(m.key), l.at.key(m.name).path, "there is no such policy%s", Meant(m.name, ids))
			}
		}
		for _, id := range ids {
			one := layer{at: l.at.key(id), from: l.from}
			if j := slices.IndexFunc(ms, func(m member) bool { return m.name == id }); j >= 0 {
				one.node = ms[j].value
			}
			if one.node != nil || i == 0 { // the first layer also has what the environment says
				byPolicy[id] = append(byPolicy[id], one)
			}
		}
	}
	out := Checks{}
	for _, id := range ids {
		out[id] = d.scopes(id, byPolicy[id])
	}
	return out
}

// scopes makes a policy's checks: the one without a scope, then those of pipelines, and of stages within them; behind each of
// these those of its amounts.
func (d *decoder) scopes(id string, layers []layer) []Check {
	var out []Check
	add := func(c Check, layers []layer, depth int) map[string][]layer {
		whole, narrower, bands := d.check(c, layers, depth)
		out = append(out, whole)
		for _, part := range divide(bands) {
			c.Amounts = part.band
			banded, _, _ := d.check(c, slices.Concat(layers, part.layers), bandDepth)
			out = append(out, banded)
		}
		return narrower
	}
	pipelines := add(Check{Policy: id}, layers, 0)
	for _, pipeline := range scopeNames(pipelines) {
		within := append(slices.Clone(layers), pipelines[pipeline]...)
		stages := add(Check{Policy: id, Pipeline: pipeline}, within, 1)
		for _, stage := range scopeNames(stages) {
			add(Check{Policy: id, Pipeline: pipeline, Stage: stage}, append(slices.Clone(within), stages[stage]...), 2)
		}
	}
	return out
}

func scopeNames(m map[string][]layer) []string { return slices.Sorted(maps.Keys(m)) }

// check works layers into one check of a depth, and returns the layers of the next narrower scopes that they name, and those
// for amounts.
func (d *decoder) check(c Check, layers []layer, depth int) (whole Check, narrower map[string][]layer, bands []layer) {
	c.Settings, c.Origin, c.Fix = d.known.Policies[c.Policy](), map[string]string{}, "report"
	narrower = map[string][]layer{}
	var unfit error
	var since layer // the one with which the settings began to be unfit
	for _, l := range layers {
		deeper := inner[l.depth]
		aside := []string{"settings"}
		if l.depth != bandDepth {
			aside = append(aside, amountsKey)
		}
		if deeper.key != "" {
			aside = append(aside, deeper.key)
		}
		var said level
		kept := d.structure(l.at, l.node, reflect.ValueOf(&said).Elem(), aside...)
		d.apply(&c, said, l)
		d.settings(&c, layer{at: l.at.key("settings"), node: kept["settings"], from: l.from})
		if err := validate(c.Settings); err == nil || unfit == nil || err.Error() != unfit.Error() {
			unfit, since = err, l
		}
		bands = append(bands, d.bands(l, kept[amountsKey])...)
		if deeper.key == "" || l.depth != depth {
			continue
		}
		ms, _ := d.members(l.at.key(deeper.key), kept[deeper.key])
		for _, m := range ms {
			at := l.at.key(deeper.key).key(m.name)
			at.env = "" // names of pipelines and stages are not known beforehand
			narrower[m.name] = append(narrower[m.name], layer{at: at, node: m.value, from: l.from + ", " + deeper.one + " " + m.name, depth: depth + 1})
		}
	}
	if unfit != nil {
		d.wrong(since.at.key("settings").path, "%v", unfit)
	}
	return c, narrower, bands
}

// validate asks settings whether they fit together, where they can tell.
func validate(settings any) error {
	if v, ok := settings.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

// apply puts what a level says over what the wider ones said.
func (d *decoder) apply(c *Check, said level, l layer) {
	note := func(key string, given bool) {
		if given {
			c.Origin[key] = l.from
		}
	}
	if said.Enabled != nil {
		c.Enabled = said.Enabled
	}
	c.Reason = cmp.Or(said.Reason, c.Reason)
	c.Severity = cmp.Or(said.Severity, c.Severity)
	c.Fix = cmp.Or(said.Fix, c.Fix)
	if said.Grace != nil {
		c.Grace = said.Grace.Duration()
	}
	note("enabled", said.Enabled != nil)
	note("severity", said.Severity != "")
	note("fix", said.Fix != "")
	note("grace", said.Grace != nil)
	d.oneOf(l.at.key("severity").path, said.Severity, severities)
	d.oneOf(l.at.key("fix").path, said.Fix, modes)
}

// settings decodes a policy's own settings into the struct of its constructor.
func (d *decoder) settings(c *Check, l layer) {
	v := reflect.ValueOf(c.Settings).Elem()
	before := texts(v)
	d.structure(l.at, l.node, v)
	ms := map[string]bool{}
	if m, ok := l.node.(*ast.MappingNode); ok {
		for _, mv := range m.Values {
			ms[mv.Key.GetToken().Value] = true
		}
	}
	for name, text := range texts(v) {
		if ms[name] || before[name] != text {
			c.Origin[name] = l.from
		}
	}
}

// texts returns a struct's values by key, each as a text that tells whether it changed.
func texts(v reflect.Value) map[string]string {
	out := map[string]string{}
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		out[name] = textOf(v.Field(i))
	}
	return out
}

func textOf(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	return literal(v.Interface())
}
