package text

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// Thousands writes a whole number with commas: 8,800.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if neg {
		return "-" + b.String()
	}
	return b.String()
}

// Money writes an amount rounded to whole units: "12,500 EUR"; no money is "".
func Money(m crm.Money) string {
	if m.IsZero() {
		return ""
	}
	whole := int64(m.Amount) / 10_000
	if rest := int64(m.Amount) % 10_000; rest >= 5_000 {
		whole++
	} else if rest <= -5_000 {
		whole--
	}
	return strings.TrimSpace(Thousands(whole) + " " + m.Currency)
}

// Sum writes amounts of several currencies: "12,500 EUR + 900 USD"; none is "-".
func Sum(list []crm.Money) string {
	var parts []string
	for _, m := range list {
		if s := Money(m); s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, " + ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Thousands(int64(n)) + " " + noun + "s"
}

// Plural writes a number with its noun: "1 deal", "8,800 deals".
func Plural(n int, noun string) string { return plural(n, noun) }

func sortedKeys(m crm.Fields) []string { return slices.Sorted(maps.Keys(m)) }
