package deals

import (
	"cmp"
	_ "embed"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed amount-suspicious.md
var amountSuspiciousDoc string

type amountSuspicious struct {
	Tiny   float64     `yaml:"tiny" desc:"an amount of no more than this, in the deal's own currency, was typed to fill the field"`
	Rare   audit.Share `yaml:"rare" desc:"a run of digits (123, 9999) is fine from this share of won deals with the same amount on"`
	Times  float64     `yaml:"times" desc:"how many times the usual distance from the median of won deals an amount may lie away from it, in logarithms"`
	MinWon int         `yaml:"min_won" desc:"how many won deals in the same currency it takes to tell"`
}

// AmountSuspicious finds open deals whose amount looks like a placeholder or a slip of the keyboard.
func AmountSuspicious() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "amount-suspicious", Title: "Suspicious amount", Doc: amountSuspiciousDoc,
		Group: audit.Deals, Family: audit.FamilyForecast, Rank: 7, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedAmount, audit.NeedHistoryN}, Sources: "P", Fix: audit.FixAmount, Subject: crm.KindDeal,
		Facts: crm.FactAmount | crm.FactClosed | crm.FactLineItems,
		Message: `{{money .amount_money}} {{if eq .looks "tiny"}}looks like a placeholder` +
			`{{else if eq .looks "run"}}looks like a placeholder: a run of digits that hardly any of {{count .n_count}} won deals has` +
			`{{else}}is far from what won deals are worth: {{money .usual_money}} in the middle of {{count .n_count}}{{end}}`,
	}, amountSuspicious{Tiny: 1, Rare: 0.01, Times: 4, MinWon: 30})
}

func (s amountSuspicious) Validate() error {
	switch {
	case s.Tiny < 0:
		return errors.New("tiny must not be below 0")
	case s.Times <= 0:
		return errors.New("times must be more than 0")
	}
	return nil
}

func (s amountSuspicious) Check(p *audit.Pass) {
	usual := usualAmounts(p)
	tiny := crm.Amount(math.Round(s.Tiny * 1e4))
	for r := range p.Open() {
		u := &usual[r.Currency]
		switch {
		case !r.Known.Has(crm.FactAmount):
			p.Unknown(r, audit.NeedAmount, "its amount is not known")
		case r.Amount == 0: // that is missing, not suspicious
			p.OK(r)
		case r.Amount <= tiny:
			s.found(p, r, u, "tiny")
		case len(u.sorted) < max(1, s.MinWon):
			p.Unknown(r, audit.NeedHistoryN, "too few deals in its currency were won to tell what is usual")
		case digitRun(r.Amount) && u.share(r.Amount) < float64(s.Rare):
			s.found(p, r, u, "run")
		case u.spread > 0 && math.Abs(math.Log(r.Amount.Float())-u.median) > s.Times*u.spread:
			s.found(p, r, u, "far")
		default:
			p.OK(r)
		}
	}
}

func (s amountSuspicious) found(p *audit.Pass, r crm.Row, u *usualAmount, looks string) {
	currency := p.Snap.Currency(r.Currency)
	facts := audit.Facts{"looks": looks, "amount_money": moneyText(r.Amount, currency)}
	if looks != "tiny" {
		facts["n_count"] = float64(len(u.sorted))
	}
	if looks == "far" {
		facts["usual_money"] = moneyText(middle(u.sorted), currency)
	}
	p.Found(r, audit.Found{Severity: audit.Low, Facts: facts, Fix: amount(p, r)})
}

// moneyText writes an amount as a fact: "12.50 EUR".
func moneyText(a crm.Amount, currency string) string {
	if currency == "" {
		return a.String()
	}
	return a.String() + " " + currency
}

// amount is the fix for a missing or suspicious amount: the sum of the line items where there are some, else a task.
func amount(p *audit.Pass, r crm.Row) *audit.Fix {
	sum := p.Snap.LineTotal(r.Index)
	if !r.Known.Has(crm.FactLineItems) || sum <= 0 || sum == r.Amount {
		return task(p, r)
	}
	return &audit.Fix{Kind: audit.FixAmount, Edits: []crm.Edit{{
		Target: deal(p, r),
		Op:     crm.OpSet,
		Before: crm.Fields{},
		After:  crm.Fields{crm.FieldAmount: sum.String()},
	}}}
}

// usualAmount is what the deals of one currency were worth that were won within a year.
type usualAmount struct {
	sorted         []crm.Amount
	median, spread float64 // of the logarithms; the spread is the median distance, as wide as a standard deviation
}

// normal makes a median distance from the median as wide as the standard deviation of a normal distribution.
const normal = 1.4826

// usualKey asks for the usual amounts, which all checks of an audit share.
type usualKey struct{}

// usualAmounts are the usual amounts by index of currency.
func usualAmounts(p *audit.Pass) []usualAmount {
	return p.Once(usualKey{}, func() any {
		out := make([]usualAmount, len(p.Snap.Columns().Currencies))
		after := p.Now.Add(-365 * 24 * time.Hour)
		for r := range p.Stats.Deals() {
			if r.Status == crm.Won && r.Known.Has(crm.FactAmount|crm.FactClosed) && r.Amount > 0 && r.Closed > after {
				out[r.Currency].sorted = append(out[r.Currency].sorted, r.Amount)
			}
		}
		for i := range out {
			out[i].measure()
		}
		return out
	}).([]usualAmount)
}

func (u *usualAmount) measure() {
	if len(u.sorted) == 0 {
		return
	}
	slices.Sort(u.sorted)
	u.median = math.Log(middle(u.sorted).Float())
	far := make([]float64, len(u.sorted))
	for i, a := range u.sorted {
		far[i] = math.Abs(math.Log(a.Float()) - u.median)
	}
	slices.Sort(far)
	u.spread = normal * middle(far)
}

// share is that of won deals with exactly an amount.
func (u *usualAmount) share(a crm.Amount) float64 {
	from, _ := slices.BinarySearch(u.sorted, a)
	to, _ := slices.BinarySearch(u.sorted, a+1)
	return float64(to-from) / float64(len(u.sorted))
}

// middle is the median of sorted values: the ceil(n/2)-th.
func middle[T cmp.Ordered](sorted []T) T { return sorted[(len(sorted)+1)/2-1] }

// digitRun reports whether an amount is written with three or more digits that are all the same or go up or down one by one.
func digitRun(a crm.Amount) bool {
	switch {
	case a <= 0:
		return false
	case a%10_000 == 0:
		a /= 10_000
	case a%100 == 0: // with cents
		a /= 100
	}
	digits, step := 1, crm.Amount(0)
	for last := a % 10; a >= 10; digits++ {
		a /= 10
		d := last - a%10
		if digits > 1 && d != step || d < -1 || d > 1 {
			return false
		}
		step, last = d, a%10
	}
	return digits >= 3
}
