package own

import (
	_ "embed"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
)

//go:embed own-policies.md
var page string

// Document is the page for those who write own policies, with the tables of the fields that expressions may speak of.
func Document() string {
	deal, portal := table(dealFields(), true), table(portalFields(), false)
	return strings.NewReplacer("<!-- deal -->", deal, "<!-- portal -->", portal).Replace(page)
}

func table(fields []field, marks bool) string {
	var b strings.Builder
	b.WriteString("| field | type | meaning |")
	if marks {
		b.WriteString(" | needs |")
	}
	b.WriteString("\n|---|---|---|")
	if marks {
		b.WriteString("---|---|")
	}
	for _, f := range fields {
		fmt.Fprintf(&b, "\n| `%s` | %s | %s |", f.name, typeName(f.typ), f.doc)
		if marks {
			var of []string
			if f.lacking() {
				of = append(of, "may lack")
			}
			if f.moves {
				of = append(of, "moves")
			}
			fmt.Fprintf(&b, " %s | %s |", strings.Join(of, ", "), f.need)
		}
	}
	return b.String()
}

// lacking reports whether a deal can have none of it; texts, lists and numbers that are not counted from a moment are then empty.
func (f *field) lacking() bool {
	return f.moves || f.typ.IsExactType(cel.TimestampType) || f.typ.IsExactType(cel.BoolType) || f.optional
}

// typeName names a type for people.
func typeName(t *cel.Type) string {
	switch {
	case t.IsExactType(cel.StringType):
		return "text"
	case t.IsExactType(cel.BoolType):
		return "true or false"
	case t.IsExactType(cel.TimestampType):
		return "moment"
	case t.IsExactType(cel.IntType):
		return "whole number"
	case t.IsExactType(cel.DoubleType):
		return "number"
	default:
		return "list of texts"
	}
}
