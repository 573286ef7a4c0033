package own

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/plumbline/plumbline/audit"
)

// The names of the types of deal, portal and params.
const (
	typeDeal   = "Deal"
	typePortal = "Portal"
	typeParams = "Params"
)

// has(deal.x) and known(deal.x) become the fields "has x" and "known x", which no expression can name otherwise.
const (
	prefixHas   = "has "
	prefixKnown = "known "
)

// Bounds of an expression. A step is what CEL counts as cost.
const (
	maxSource  = 4096    // characters
	maxNesting = 50      // brackets within brackets
	maxSteps   = 100_000 // per deal
	usualText  = 200     // characters that a text is taken to have where a cost is estimated
	usualList  = 20      // entries that a list is taken to have
)

// world is what the expressions of one policy can speak of.
type world struct {
	env    *cel.Env
	deal   []field
	params []param
}

// newWorld makes the world of a policy with these parameters.
func newWorld(params []param) (*world, error) {
	w := &world{deal: dealFields(), params: params}
	base, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("make the types of expressions: %w", err)
	}
	p := &provider{Provider: base, structs: map[string]map[string]*types.FieldType{
		typeDeal: dealTypes(w.deal), typePortal: plainTypes(portalFields()), typeParams: paramTypes(params),
	}}
	w.env, err = cel.NewEnv(
		cel.CustomTypeProvider(p), cel.CustomTypeAdapter(base),
		cel.Variable(nameDeal, cel.ObjectType(typeDeal)), cel.Variable(namePortal, cel.ObjectType(typePortal)),
		cel.Variable(nameParams, cel.ObjectType(typeParams)),
		cel.Variable(nameNow, cel.TimestampType), cel.Variable(nameToday, cel.TimestampType),
		cel.CrossTypeNumericComparisons(true), cel.ParserExpressionSizeLimit(maxSource), cel.ParserRecursionLimit(maxNesting),
		cel.ExpressionNestingDepthLimit(maxNesting),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals()),
		cel.ClearMacros(), cel.Macros(cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro, cel.FilterMacro, cel.MapMacro, cel.MapFilterMacro),
		cel.Macros(presence("has", prefixHas), presence("known", prefixKnown)),
		cel.Function("days", cel.Overload("days_duration", []*cel.Type{cel.DurationType}, cel.DoubleType, cel.UnaryBinding(inDays))),
		cel.Function("lower", cel.Overload("lower_string", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(lower))),
	)
	if err != nil {
		return nil, fmt.Errorf("make the world of expressions: %w", err)
	}
	return w, nil
}

// presence is the macro by which an expression asks whether a field is there.
func presence(name, prefix string) cel.Macro {
	return cel.GlobalMacro(name, 1, func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		arg := args[0]
		if arg.Kind() != ast.SelectKind || arg.AsSelect().Operand().Kind() != ast.IdentKind || arg.AsSelect().Operand().AsIdent() != nameDeal {
			return nil, eh.NewError(arg.ID(), name+"() asks about a field of the deal: "+name+"(deal.amount)")
		}
		return eh.NewSelect(eh.Copy(arg.AsSelect().Operand()), prefix+arg.AsSelect().FieldName()), nil
	})
}

func inDays(v ref.Val) ref.Val {
	d, ok := v.(types.Duration)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return types.Double(d.Hours() / 24)
}

// provider adds our types to CEL's own.
type provider struct {
	types.Provider
	structs map[string]map[string]*types.FieldType
}

// FindStructType tells the checker that a type exists.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.structs[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames lists the fields of a type.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := p.structs[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, true
}

// FindStructFieldType finds a field.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ok := p.structs[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	f, ok := fields[field]
	return f, ok
}

// NewValue makes nothing: expressions look at deals and make none.
func (p *provider) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("nothing of type %s can be made", name)
}

// absentError says that a deal has none of a field that an expression takes for granted.
type absentError struct{ field *field }

func (e *absentError) Error() string { return "the deal has no " + e.field.noun }

// dealTypes gives CEL the fields of deals, each with its presence.
func dealTypes(fields []field) map[string]*types.FieldType {
	out := make(map[string]*types.FieldType, 3*len(fields))
	for i := range fields {
		f := &fields[i]
		unknown := types.NewUnknown(int64(i), types.NewAttributeTrail(nameDeal))
		absent := &absentError{f}
		out[f.name] = &types.FieldType{Type: f.typ,
			IsSet: func(of any) bool { r := of.(*record); return !f.isKnown(r) || f.get(r) != nil },
			GetFrom: func(of any) (any, error) {
				r := of.(*record)
				if !f.isKnown(r) {
					return unknown, nil
				}
				if v := f.get(r); v != nil {
					return v, nil
				}
				return nil, absent
			}}
		always := func(any) bool { return true }
		out[prefixHas+f.name] = &types.FieldType{Type: types.BoolType, IsSet: always, GetFrom: func(of any) (any, error) {
			r := of.(*record)
			if !f.isKnown(r) {
				return unknown, nil
			}
			return types.Bool(filled(f.get(r))), nil
		}}
		out[prefixKnown+f.name] = &types.FieldType{Type: types.BoolType, IsSet: always, GetFrom: func(of any) (any, error) {
			return types.Bool(f.isKnown(of.(*record))), nil
		}}
	}
	return out
}

// isKnown reports whether the deal's value, or that there is none, is known.
func (f *field) isKnown(r *record) bool {
	if f.known != nil {
		return f.known(r)
	}
	return r.row.Known.Has(f.fact)
}

// filled reports whether a value is something: a text or a list that is not empty, a number that is not 0.
func filled(v ref.Val) bool {
	switch v := v.(type) {
	case nil:
		return false
	case types.String:
		return v != ""
	case types.Double:
		return v != 0
	case types.Int:
		return v != 0
	default:
		return true
	}
}

func plainTypes(fields []field) map[string]*types.FieldType {
	out := map[string]*types.FieldType{}
	for i := range fields {
		get := fields[i].get
		out[fields[i].name] = &types.FieldType{Type: fields[i].typ, IsSet: func(any) bool { return true },
			GetFrom: func(of any) (any, error) { return get(of.(*record)), nil }}
	}
	return out
}

func paramTypes(params []param) map[string]*types.FieldType {
	out := map[string]*types.FieldType{}
	for i := range params {
		out[params[i].name] = &types.FieldType{Type: params[i].celType(), IsSet: func(any) bool { return true },
			GetFrom: func(of any) (any, error) { return of.(*record).params[i], nil }}
	}
	return out
}

// lack is what the lack of a field is called in reports.
func (f *field) lack() audit.Need {
	if f.need == "" {
		return audit.NeedExpression
	}
	return f.need
}
