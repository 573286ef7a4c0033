package own

import (
	"fmt"
	"strings"
)

// The ends of facts' names, which say what they are.
const (
	unitAt    = "_at"
	unitOn    = "_on"
	unitDays  = "_days"
	unitRate  = "_rate"
	unitCount = "_count"
	unitMoney = "_money"
)

// template turns a message, in which {name} stands for a fact, into the template that the built-in policies use. Names of facts
// say how they are shown. at counts characters from the beginning.
func template(message string, facts map[string]*fact) (text string, bad []issue) {
	var b strings.Builder
	runes := []rune(message)
	for i := 0; i < len(runes); i++ {
		switch runes[i] {
		case '}':
			bad = append(bad, issue{i, "} closes nothing; {name} stands for a fact"})
		case '{':
			end := i + 1
			for end < len(runes) && runes[end] != '}' && runes[end] != '{' {
				end++
			}
			if end == len(runes) || runes[end] == '{' {
				return "", append(bad, issue{i, "{ is not closed; {name} stands for a fact"})
			}
			name := strings.TrimSpace(string(runes[i+1 : end]))
			if f, ok := facts[name]; ok {
				b.WriteString(f.shown(name))
			} else {
				bad = append(bad, issue{i + 1, fmt.Sprintf("there is no fact %q", name)})
			}
			i = end
		default:
			b.WriteRune(runes[i])
		}
	}
	return b.String(), bad
}

// shown is the template's part that shows a fact.
func (f *fact) shown(name string) string {
	switch {
	case strings.HasSuffix(name, unitAt), strings.HasSuffix(name, unitOn):
		return "{{date ." + name + "}}"
	case strings.HasSuffix(name, unitDays):
		return "{{days ." + name + "}}"
	case strings.HasSuffix(name, unitRate):
		return "{{pct ." + name + "}}"
	case strings.HasSuffix(name, unitCount):
		return "{{count ." + name + "}}"
	case strings.HasSuffix(name, unitMoney):
		return "{{money ." + name + "}}"
	case f.kind == factList:
		return "{{join ." + name + "}}"
	case f.kind == factBool:
		return `{{if .` + name + `}}yes{{else if eq (print .` + name + `) "false"}}no{{else}}?{{end}}`
	default:
		return "{{or ." + name + ` "?"}}`
	}
}
