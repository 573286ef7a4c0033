package config

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Band is a range of amounts of one currency, in 1/10,000 of its unit. The zero value is none.
type Band struct {
	From     int64  // the least amount in it; 0: no lower bound
	To       int64  // the least amount above it; 0: no upper bound
	Currency string // ISO 4217
}

// amountsKey is the key under which a policy, a pipeline or a stage has settings for amounts.
const amountsKey = "amounts"

// bandText is how a band is written: ">= 50000 EUR", "< 1000 EUR" or "1000 - 50000 EUR".
var bandText = regexp.MustCompile(`^(?:(>=|<) *(\d{1,12}(?:\.\d{1,4})?)|(\d{1,12}(?:\.\d{1,4})?) *- *(\d{1,12}(?:\.\d{1,4})?)) +([A-Z]{3})$`)

// parseBand reads a band; ok is false where the text is none, or nothing is in it.
func parseBand(s string) (b Band, ok bool) {
	p := bandText.FindStringSubmatch(s)
	if p == nil {
		return Band{}, false
	}
	b.Currency = p[5]
	switch p[1] {
	case ">=":
		b.From = parts(p[2])
		return b, true
	case "<":
		b.To = parts(p[2])
		return b, b.To > 0
	default:
		b.From, b.To = parts(p[3]), parts(p[4])
		return b, b.From < b.To
	}
}

// parts reads a decimal number in 1/10,000.
func parts(s string) int64 {
	whole, rest, _ := strings.Cut(s, ".")
	n, _ := strconv.ParseInt(whole+(rest + "0000")[:4], 10, 64) // the pattern lets digits through alone
	return n
}

// end is the upper bound as a number that compares.
func (b Band) end() int64 {
	if b.To == 0 {
		return math.MaxInt64
	}
	return b.To
}

// bands reads the layers for amounts within another layer. Those of one place may not overlap.
func (d *decoder) bands(l layer, n ast.Node) []layer {
	var out []layer
	at := l.at.key(amountsKey)
	ms, _ := d.members(at, n)
	for _, m := range ms {
		b, ok := parseBand(m.name)
		if !ok {
			d.add(spotOf(m.key), at.key(m.name).path, "%q is not a range of amounts such as \">= 50000 EUR\", \"< 1000 EUR\" or \"1000 - 50000 EUR\"", m.name)
			continue
		}
		for _, o := range out {
			if b.Currency == o.band.Currency && b.From < o.band.end() && o.band.From < b.end() {
				d.add(spotOf(m.key), at.key(m.name).path, "shares amounts with %q", strings.TrimPrefix(o.from, l.from+", amounts "))
			}
		}
		place := at.key(m.name)
		place.env = "" // amounts are not known beforehand
		out = append(out, layer{at: place, node: m.value, from: l.from + ", amounts " + m.name, depth: bandDepth, band: b})
	}
	return out
}

// share is a part of the amounts and the layers that hold for it.
type share struct {
	band   Band
	layers []layer
}

// divide cuts the amounts into parts that do not overlap, each with the layers that cover it, in their order.
func divide(bands []layer) []share {
	bounds := map[string]map[int64]bool{}
	for _, l := range bands {
		if bounds[l.band.Currency] == nil {
			bounds[l.band.Currency] = map[int64]bool{}
		}
		bounds[l.band.Currency][l.band.From], bounds[l.band.Currency][l.band.end()] = true, true
	}
	var out []share
	for _, currency := range slices.Sorted(maps.Keys(bounds)) {
		cuts := slices.Sorted(maps.Keys(bounds[currency]))
		for i, from := range cuts[:len(cuts)-1] {
			part := share{band: Band{From: from, To: cuts[i+1], Currency: currency}}
			for _, l := range bands {
				if l.band.Currency == currency && l.band.From <= from && cuts[i+1] <= l.band.end() {
					part.layers = append(part.layers, l)
				}
			}
			if part.band.To == math.MaxInt64 {
				part.band.To = 0
			}
			if len(part.layers) > 0 {
				out = append(out, part)
			}
		}
	}
	return out
}
