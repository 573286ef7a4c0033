package vocabulary

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

//go:embed reasons.tsv
var reasonsTSV string

// Option is one value of the recommended list of loss reasons.
type Option struct {
	Value string // as stored: lower case, never changed
	Label string // in English
}

// The values that have a meaning of their own for policies.
const (
	Unresponsive   = "unresponsive"
	NotInterested  = "not_interested"
	ClosedByPolicy = "closed_by_policy"
	Other          = "other"
)

// Options returns the recommended loss reasons, in the order of the drop-down.
func Options() []Option {
	return []Option{
		{"budget", "Budget or price"},
		{"competitor", "Competitor"},
		{"product_fit", "Product fit or value"},
		{"timing", "Wrong timing"},
		{"status_quo", "No decision (status quo)"},
		{"decision_maker", "No decision-maker buy-in"},
		{"commitment", "Lack of commitment"},
		{Unresponsive, "Unresponsive"},
		{NotInterested, "Not interested"},
		{ClosedByPolicy, "Closed by policy"},
		{Other, "Other"},
	}
}

var reasonPhrases = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, l := range rows(reasonsTSV) {
		for _, p := range strings.Split(l[3], "|") {
			m[Fold(p)] = l[0]
		}
	}
	for _, o := range Options() {
		m[Fold(o.Value)], m[Fold(o.Label)] = o.Value, o.Value
	}
	return m
})

// Reason returns the option that a loss reason written as text means, by an exact list of phrases; ok is false when the
// phrase is not on it.
func Reason(text string) (value string, ok bool) {
	value, ok = reasonPhrases()[Fold(text)]
	return value, ok
}

// Blank reports whether a text says nothing: it has neither a letter nor a digit.
func Blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
