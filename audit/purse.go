package audit

import (
	"cmp"
	"math"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// purse sums money by currency.
type purse struct {
	snap *crm.Snapshot
	sums []float64 // in 1/10,000, by the snapshot's currency
	n    []int
}

func newPurse(snap *crm.Snapshot) purse {
	n := len(snap.Columns().Currencies)
	return purse{snap: snap, sums: make([]float64, n), n: make([]int, n)}
}

func (p *purse) add(currency int32, amount float64) {
	p.sums[currency] += amount
	p.n[currency]++
}

// count is how many amounts were added.
func (p *purse) count() int {
	n := 0
	for _, k := range p.n {
		n += k
	}
	return n
}

// money lists the sums of the currencies that came up, sorted by currency.
func (p *purse) money() []crm.Money {
	return p.each(func(c int32) float64 { return p.sums[c] })
}

// averages lists the averages, as money does.
func (p *purse) averages() []crm.Money {
	return p.each(func(c int32) float64 { return p.sums[c] / float64(p.n[c]) })
}

func (p *purse) each(value func(c int32) float64) []crm.Money {
	out := []crm.Money{}
	for c, n := range p.n {
		if n > 0 {
			out = append(out, crm.Money{Amount: toAmount(value(int32(c))), Currency: p.snap.Currency(int32(c))})
		}
	}
	slices.SortFunc(out, func(a, b crm.Money) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}

// toAmount rounds a sum in 1/10,000.
func toAmount(x float64) crm.Amount { return crm.Amount(math.Round(x)) }
