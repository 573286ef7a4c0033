package own

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// expr is an expression that was found to be sound.
type expr struct {
	source  string
	program cel.Program
	typ     *cel.Type
	uses    []int // indexes into world.deal, ascending
	moving  []use // what in it changes as time passes
	world   *world
}

// use is a place in an expression that names something.
type use struct {
	name string
	at   int // characters from the beginning
}

// issue is a mistake within an expression.
type issue struct {
	at   int // characters from the beginning
	text string
}

// compile checks an expression and makes it ready.
func (w *world) compile(source string, meant func(word string, candidates []string) string) (*expr, []issue) {
	if strings.TrimSpace(source) == "" {
		return nil, []issue{{0, "is empty"}}
	}
	checked, found := w.env.Compile(source)
	if found.Err() != nil {
		return nil, w.issues(source, found, meant)
	}
	e := &expr{source: source, typ: checked.OutputType(), world: w}
	if bad := e.look(checked); len(bad) > 0 {
		return nil, bad
	}
	options, bad := w.limit(checked)
	if bad != "" {
		return nil, []issue{{0, bad}}
	}
	var err error
	if e.program, err = w.env.Program(checked, options...); err != nil {
		return nil, []issue{{0, err.Error()}}
	}
	return e, nil
}

// look notes which fields an expression uses, and what in it moves with the clock.
func (e *expr) look(checked *cel.Ast) []issue {
	rep := checked.NativeRep()
	place := func(x ast.Expr) int { return offset(e.source, rep.SourceInfo().GetStartLocation(x.ID())) }
	var bad []issue
	selected := map[int64]bool{}
	ast.PreOrderVisit(rep.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		var operand ast.Expr
		name := ""
		switch x.Kind() {
		case ast.SelectKind:
			operand, name = x.AsSelect().Operand(), x.AsSelect().FieldName()
		case ast.IdentKind:
			if n := x.AsIdent(); n == nameNow || n == nameToday {
				e.moving = append(e.moving, use{n, place(x)})
			} else if (n == nameDeal || n == namePortal || n == nameParams) && !selected[x.ID()] {
				bad = append(bad, issue{place(x), n + " stands for nothing by itself; name one of its fields: " + n + ".…"})
			}
		case ast.StructKind:
			bad = append(bad, issue{place(x), "nothing can be made here"})
		}
		if operand == nil || operand.Kind() != ast.IdentKind {
			return
		}
		selected[operand.ID()] = true
		if operand.AsIdent() != nameDeal {
			return
		}
		name, presence := strings.CutPrefix(strings.TrimPrefix(name, prefixHas), prefixKnown)
		i := slices.IndexFunc(e.world.deal, func(f field) bool { return f.name == name })
		if i < 0 {
			return
		}
		if e.world.deal[i].moves && !presence && !strings.HasPrefix(x.AsSelect().FieldName(), prefixHas) {
			e.moving = append(e.moving, use{nameDeal + "." + name, place(operand)})
		}
		if !slices.Contains(e.uses, i) {
			e.uses = append(e.uses, i)
		}
	}))
	slices.Sort(e.uses)
	return bad
}

// limit bounds what an expression may cost on a deal. Where it is cheap whatever the deal, nothing is counted at run time.
func (w *world) limit(checked *cel.Ast) (options []cel.ProgramOption, bad string) {
	usual, err := w.env.EstimateCost(checked, usualSizes{})
	if err != nil {
		return nil, "what it costs cannot be estimated: " + err.Error()
	}
	if usual.Max > maxSteps {
		return nil, fmt.Sprintf("it can take %s steps on a deal, more than the %d that are allowed", steps(usual.Max), maxSteps)
	}
	if worst, err := w.env.EstimateCost(checked, noSizes{}); err == nil && worst.Max <= maxSteps {
		return nil, ""
	}
	return []cel.ProgramOption{cel.CostLimit(maxSteps)}, ""
}

func steps(n uint64) string {
	if n > 1_000_000_000 {
		return "more than a billion"
	}
	return fmt.Sprint(n)
}

// usualSizes takes texts and lists to be of a usual size.
type usualSizes struct{ noSizes }

// EstimateSize gives the size of a deal's text or list.
func (usualSizes) EstimateSize(element cost.AstNode) *cost.SizeEstimate {
	if len(element.Path()) == 0 {
		return nil
	}
	switch element.Type().Kind() {
	case types.StringKind:
		return &cost.SizeEstimate{Max: usualText}
	case types.ListKind:
		return &cost.SizeEstimate{Max: usualList}
	}
	return nil
}

// noSizes knows nothing of sizes.
type noSizes struct{}

// EstimateCallCost leaves the cost of calls to CEL.
func (noSizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// EstimateSize leaves sizes open.
func (noSizes) EstimateSize(cost.AstNode) *cost.SizeEstimate { return nil }

// silence is why an expression gives no answer for a deal.
type silence struct {
	need audit.Need
	why  string
}

// eval works the expression out for a deal. Where it has no answer, the value is nil and the silence says why.
func (e *expr) eval(r *record) (ref.Val, silence) {
	out, _, err := e.program.Eval(r)
	if err != nil {
		return nil, e.failure(err)
	}
	if u, ok := out.(*types.Unknown); ok {
		f := &e.world.deal[u.IDs()[0]]
		return nil, silence{f.lack(), "its " + f.noun + " is not known"}
	}
	return out, silence{}
}

func (e *expr) failure(err error) silence {
	var absent *absentError
	var cancelled interpreter.EvalCancelledError
	switch {
	case errors.As(err, &absent):
		f := absent.field
		return silence{f.lack(), fmt.Sprintf("it has no %s, and the expression does not say what then: has(deal.%s) asks", f.noun, f.name)}
	case errors.As(err, &cancelled):
		return silence{audit.NeedExpression, fmt.Sprintf("the expression takes more than %d steps on it", maxSteps)}
	default:
		return silence{audit.NeedExpression, "the expression fails on it: " + err.Error()}
	}
}

// holds works out a condition.
func (e *expr) holds(r *record) (is, ok bool, why silence) {
	v, why := e.eval(r)
	if v == nil {
		return false, false, why
	}
	return v == types.True, true, silence{}
}

// facts are what must be read of deals for the expression.
func (e *expr) facts() crm.Fact {
	var f crm.Fact
	for _, i := range e.uses {
		f |= e.world.deal[i].fact
	}
	return f
}

// needs are the kinds of data that the expression rests on.
func (e *expr) needs() []audit.Need {
	var out []audit.Need
	for _, i := range e.uses {
		if n := e.world.deal[i].need; n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// issues words what CEL found wrong.
func (w *world) issues(source string, found *cel.Issues, meant func(word string, candidates []string) string) []issue {
	var out []issue
	for _, e := range found.Errors() {
		out = append(out, issue{named(source, offset(source, e.Location), e.Message), w.wording(e.Message, meant)})
	}
	slices.SortStableFunc(out, func(a, b issue) int { return cmp.Compare(a.at, b.at) })
	return slices.Compact(out)
}

// quoted is the first word between single quotes.
func quoted(s string) string {
	_, rest, _ := strings.Cut(s, "'")
	word, _, _ := strings.Cut(rest, "'")
	return word
}

// named moves a place to the name that a message is about: CEL points at a call's bracket, and for has() at that of the macro.
func named(source string, at int, message string) int {
	runes, name := []rune(source), quoted(message)
	at = min(max(at, 0), len(runes))
	switch {
	case strings.HasPrefix(message, "undeclared reference to"):
		if from := at - len([]rune(name)); from >= 0 && string(runes[from:at]) == name {
			return from
		}
	case strings.HasPrefix(message, "undefined field"):
		name = strings.TrimPrefix(strings.TrimPrefix(name, prefixHas), prefixKnown)
		if before, _, ok := strings.Cut(string(runes[at:]), "."+name); ok {
			return at + len([]rune(before)) + 1
		}
	}
	return at
}

// wording says in our words what CEL says in its own.
func (w *world) wording(message string, meant func(word string, candidates []string) string) string {
	switch {
	case strings.HasPrefix(message, "undefined field"):
		name := strings.TrimPrefix(strings.TrimPrefix(quoted(message), prefixHas), prefixKnown)
		return fmt.Sprintf("there is no field %q%s", name, meant(name, w.fieldNames()))
	case strings.HasPrefix(message, "undeclared reference to"):
		name := quoted(message)
		return fmt.Sprintf("there is nothing called %q%s", name, meant(name, []string{nameDeal, namePortal, nameParams, nameNow, nameToday, "has", "known", "days", "lower", "size"}))
	case strings.HasPrefix(message, "found no matching overload for"):
		_, given, _ := strings.Cut(message, "applied to ")
		given = strings.Trim(given, "'")
		hint := ""
		if given == "(double, int)" || given == "(int, double)" {
			hint = "; write the whole number with a decimal, 5.0 for 5, or turn it into one: double(deal.contacts)"
		}
		return fmt.Sprintf("%s cannot be applied to %s%s", operator(quoted(message)), given, hint)
	case strings.HasPrefix(message, "Syntax error: "):
		text, _, _ := strings.Cut(strings.TrimPrefix(message, "Syntax error: "), " expecting ")
		return "it is not an expression: " + strings.Join(strings.Fields(text), " ")
	default:
		return strings.Join(strings.Fields(message), " ")
	}
}

// operator shows a function as it is written: _>_ is >.
func operator(name string) string {
	if strings.Contains(name, "_") && !strings.ContainsAny(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz") {
		return strings.Trim(name, "_")
	}
	return name
}

func (w *world) fieldNames() []string {
	var names []string
	for _, f := range w.deal {
		names = append(names, f.name)
	}
	for _, p := range w.params {
		names = append(names, p.name)
	}
	for _, f := range portalFields() {
		names = append(names, f.name)
	}
	return names
}

// offset turns CEL's lines (from 1) and columns (from 0) into characters from the beginning.
func offset(source string, at interface {
	Line() int
	Column() int
}) int {
	n := 0
	for i, line := range strings.SplitAfter(source, "\n") {
		if i+1 == at.Line() {
			return n + at.Column()
		}
		n += len([]rune(line))
	}
	return n
}

func lower(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return types.String(strings.ToLower(string(s)))
}

// formatType names a type as messages do: bool, double, string, timestamp.
func formatType(t *cel.Type) string {
	s := cel.FormatCELType(t)
	return strings.TrimPrefix(s, "google.protobuf.")
}
