package own

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/plumbline/plumbline/internal/crm"
)

// factKind is what a fact is kept as.
type factKind uint8

const (
	factText factKind = iota
	factBool
	factList
	factNumber
	factMoney
	factAt
	factOn
)

// fact is one value that findings rest on.
type fact struct {
	name string
	kind factKind
	*expr
}

// newFact settles how a fact is kept, by its expression's type and the end of its name.
func newFact(name string, e *expr) (*fact, error) {
	f := &fact{name: name, expr: e}
	unit := ""
	for _, u := range []string{unitAt, unitOn, unitDays, unitRate, unitCount, unitMoney} {
		if strings.HasSuffix(name, u) {
			unit = u
		}
	}
	number := e.typ.IsExactType(cel.DoubleType) || e.typ.IsExactType(cel.IntType) || e.typ.IsExactType(cel.UintType)
	switch {
	case unit == unitAt && e.typ.IsExactType(cel.TimestampType):
		f.kind = factAt
	case unit == unitOn && e.typ.IsExactType(cel.TimestampType):
		f.kind = factOn
	case unit == unitMoney && number:
		f.kind = factMoney
	case (unit == unitDays || unit == unitRate || unit == unitCount) && number, unit == unitDays && e.typ.IsExactType(cel.DurationType):
		f.kind = factNumber
	case unit == "" && e.typ.IsExactType(cel.StringType):
		f.kind = factText
	case unit == "" && e.typ.IsExactType(cel.BoolType):
		f.kind = factBool
	case unit == "" && e.typ.IsExactType(texts()):
		f.kind = factList
	default:
		return nil, unitError(name, unit, e.typ, number)
	}
	return f, nil
}

func unitError(name, unit string, typ *cel.Type, number bool) error {
	switch {
	case unit != "":
		want := "a number"
		if unit == unitAt || unit == unitOn {
			want = "a moment"
		}
		return fmt.Errorf("a fact whose name ends in %s is %s, and this is of type %s", unit, want, cel.FormatCELType(typ))
	case number:
		return fmt.Errorf("a number says by the end of its name what it is: %s_days, %s_count, %s_rate (0 to 1) or %s_money (in the deal's currency)", name, name, name, name)
	case typ.IsExactType(cel.TimestampType):
		return fmt.Errorf("a moment says by the end of its name how it is shown: %s_at, or %s_on for the date alone", name, name)
	case typ.IsExactType(cel.DurationType):
		return fmt.Errorf("a length of time ends in _days: %s_days", name)
	default:
		return fmt.Errorf("a fact is a text, a number, a moment, true or false, or a list of texts, and this is of type %s", cel.FormatCELType(typ))
	}
}

// keep turns a value into what a finding keeps; nil where there is nothing to keep.
func (f *fact) keep(v ref.Val, r *record) any {
	switch f.kind {
	case factText:
		if s, ok := v.(types.String); ok {
			return string(s)
		}
	case factBool:
		if b, ok := v.(types.Bool); ok {
			return bool(b)
		}
	case factList:
		if list, err := v.ConvertToNative(reflect.TypeFor[[]string]()); err == nil {
			return list
		}
	case factNumber:
		if n, ok := number(v); ok {
			return n
		}
	case factMoney:
		if n, ok := number(v); ok && n > -9e14 && n < 9e14 {
			return strings.TrimSpace(crm.Amount(math.Round(n*1e4)).String() + " " + r.pass.Snap.Currency(r.row.Currency))
		}
	case factAt:
		if t, ok := v.(types.Timestamp); ok {
			return t.UTC().Format(time.RFC3339Nano)
		}
	case factOn:
		if t, ok := v.(types.Timestamp); ok {
			return t.In(r.pass.Snap.Zone()).Format(time.DateOnly)
		}
	}
	return nil
}

func number(v ref.Val) (float64, bool) {
	switch n := v.(type) {
	case types.Double:
		f := float64(n)
		return f, f-f == 0 // neither infinite nor no number
	case types.Int:
		return float64(n), true
	case types.Uint:
		return float64(n), true
	case types.Duration:
		return n.Hours() / 24, true
	}
	return 0, false
}
