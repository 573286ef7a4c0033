package audit

import (
	"maps"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// CaseSum counts a family's cases: one per deal and family, led by one of its findings.
type CaseSum struct {
	Family Family      `json:"family"`
	Cases  int         `json:"cases"`
	Value  []crm.Money `json:"value"` // at stake in their open deals, as their leading findings say
}

// stakes fills in the money that is at stake, by policy, by family and in all, and counts the cases. Waived findings count
// nowhere. In one sum a record counts once, with the highest value that its findings give it, whatever their severity.
func (r *runner) stakes(out *Result) {
	byPolicy, all := newTally(r.snap.Len()), newTally(r.snap.Len())
	cases, worth := map[Family]int{}, map[Family]moneyBag{}
	out.ValueByPolicy, out.Cases = map[string][]crm.Money{}, []CaseSum{}
	status, last := r.snap.Columns().Status, ""
	for i := range r.findings { // one policy after the other
		f := &r.findings[i]
		if f.off || f.Waived != nil {
			continue
		}
		if last != "" && f.Policy != last {
			out.ValueByPolicy[last] = byPolicy.next(i)
		}
		last = f.Policy
		byPolicy.add(r.findings, i)
		open := f.at.kind != crm.KindDeal || status[f.at.index] == crm.Open
		if open {
			all.add(r.findings, i)
		}
		if f.Case == "" || !f.Lead {
			continue
		}
		if worth[f.Family] == nil {
			worth[f.Family] = moneyBag{}
		}
		if cases[f.Family]++; open {
			worth[f.Family].add(f.Value)
		}
	}
	if last != "" {
		out.ValueByPolicy[last] = byPolicy.next(0)
	}
	for _, f := range slices.Sorted(maps.Keys(cases)) {
		out.Cases = append(out.Cases, CaseSum{f, cases[f], worth[f].list()})
	}
	out.ValueAtStake = all.next(0)
}

// tally sums the money of findings over records, each once with its highest value.
type tally struct {
	from  int32   // number of the first finding of the present sum
	deals []int32 // by deal, the number of the finding by which it was last counted
	rest  map[record]crm.Money
	sums  moneyBag
}

func newTally(deals int) *tally {
	return &tally{from: 1, deals: make([]int32, deals), rest: map[record]crm.Money{}, sums: moneyBag{}}
}

// add counts finding i.
func (t *tally) add(findings []noted, i int) {
	at, m := findings[i].at, findings[i].Value
	if m.IsZero() {
		return
	}
	had := t.rest[at]
	if at.kind == crm.KindDeal {
		if n := t.deals[at.index]; n >= t.from {
			had = findings[n-1].Value
		}
	}
	if !had.IsZero() && had.Amount >= m.Amount {
		return
	}
	if at.kind == crm.KindDeal {
		t.deals[at.index] = int32(i) + 1
	} else {
		t.rest[at] = m
	}
	if !had.IsZero() {
		t.sums[had.Currency] -= had.Amount
	}
	t.sums.add(m)
}

// next gives the sums and begins anew with finding i.
func (t *tally) next(i int) []crm.Money {
	out := t.sums.list()
	t.from = int32(i) + 1
	clear(t.rest)
	clear(t.sums)
	return out
}

// moneyBag sums money by currency.
type moneyBag map[string]crm.Amount

func (b moneyBag) add(m crm.Money) {
	if !m.IsZero() {
		b[m.Currency] += m.Amount
	}
}

func (b moneyBag) list() []crm.Money {
	out := make([]crm.Money, 0, len(b))
	for _, c := range slices.Sorted(maps.Keys(b)) {
		if b[c] == 0 {
			continue // taken over by a higher value in another currency
		}
		out = append(out, crm.Money{Amount: b[c], Currency: c})
	}
	return out
}
