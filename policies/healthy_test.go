package policies

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// A healthy portal is drawn by chance alone: deals come at random, stay for log-normal times, go on or are lost by the toss of a
// coin whose odds never change. Every number is one that the catalogue allows; at the limit, it is the last one.

const (
	healthyDays = 830 // of history: enough to compare with the year before
	healthyDay  = 24 * time.Hour
)

// healthyNow is the moment of all simulated audits, a Wednesday.
func healthyNow() time.Time { return time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC) }

// line is a simulated pipeline: its open stages' true figures.
type line struct {
	share  float64
	median []float64 // days
	sigma  []float64
	goesOn []float64 // chance to go on
	skips  []float64 // chance to be left out
}

// business is a simulated portal's true figures.
type business struct {
	rng       *rand.Rand
	lines     []line
	owners    int
	channels  []float64 // shares; what is left has no channel
	silent    float64   // share of the losses that fell silent
	other     float64   // share of the losses whose reason is "other"
	answered  float64   // share of the deals of which the buyer is heard
	automatic float64   // share of the moves that automation makes
}

func drawBusiness(rng *rand.Rand, deals int, atLimit bool) *business {
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*rng.Float64() }
	b := &business{
		rng: rng, owners: 3 + rng.IntN(3+min(deals/100, 12)), silent: between(0.05, 0.3), other: between(0.02, 0.2),
		answered: between(0.7, 0.95), automatic: between(0.1, 0.5),
	}
	top := between(0.25, 0.8)
	known := between(0.55, 0.95)
	if atLimit {
		b.silent, b.other, top, known = 0.3, 0.2, 0.8, 0.8
	}
	b.channels = []float64{known * top, known * (1 - top) * 0.6, known * (1 - top) * 0.4}
	n := 1 + rng.IntN(3)
	for i := range n {
		l := line{share: 1 / float64(n)}
		if n > 1 && i == 0 {
			l.share = 0.6
		} else if n > 1 {
			l.share = 0.4 / float64(n-1)
		}
		stages := 3 + rng.IntN(4)
		cycle, on, skip := between(20, 90), between(0.72, 0.9), between(0, 0.15)
		if atLimit {
			skip = 0.25
		}
		for s := range stages {
			l.median = append(l.median, cycle/float64(stages)*between(0.8, 1.25))
			l.sigma = append(l.sigma, between(0.5, 0.9))
			l.goesOn = append(l.goesOn, min(0.95, on+between(-0.04, 0.04)))
			l.skips = append(l.skips, 0)
			if s == stages/2 { // of the deals that go past a stage more have skipped it than of all: of those in it some are lost
				l.skips[s] = skip * l.goesOn[s] / (1 - skip + skip*l.goesOn[s])
			}
		}
		b.lines = append(b.lines, l)
	}
	return b
}

// odds is the chance that a deal in a stage is won.
func (l *line) odds(stage int) float64 {
	p := 1.0
	for s := stage; s < len(l.goesOn); s++ {
		on := l.goesOn[s]
		if s > stage {
			on = l.skips[s] + (1-l.skips[s])*on
		}
		p *= on
	}
	return p
}

// healthyPortal draws a portal of about so many deals.
func healthyPortal(seed uint64, deals int, atLimit bool) (*crm.Snapshot, error) {
	rng := rand.New(rand.NewPCG(seed, uint64(deals)))
	b := drawBusiness(rng, deals, atLimit)
	builder := crm.NewBuilder("healthy", "hubspot", b.schema())
	for i := range deals {
		if err := builder.Add(b.deal(i)); err != nil {
			return nil, err
		}
	}
	return builder.Build(crm.At(healthyNow()), crm.AllFacts, crm.Completeness{}), nil
}

func (b *business) schema() crm.Schema {
	calls := 1000 - int(100+700*b.rng.Float64())
	out := crm.Schema{Outreach: map[string]int{"call": calls, "email": 1000 - calls}, OutreachKnown: true, Currency: "EUR", Zone: "UTC", UsersKnown: true, ClosedStages: true, ProbabilityStep: 0.01, ProbabilityMin: 0.01, ProbabilityMax: 0.99, ProbabilityUnit: 1,
		LossReason: crm.LossReason{Kind: crm.LossOptions, Field: "why", TextField: "closed_lost_reason"}}
	for _, v := range []string{"budget", "competitor", "timing", "status_quo", "unresponsive", "not_interested", "other"} {
		out.LossReason.Options = append(out.LossReason.Options, crm.Option{Value: v, Label: v})
	}
	for i := range b.owners {
		out.Users = append(out.Users, crm.User{ID: fmt.Sprint("u", i), Name: fmt.Sprint("Owner ", i), Active: true})
	}
	for i, l := range b.lines {
		p := crm.Pipeline{ID: fmt.Sprint("p", i), Name: fmt.Sprint("Pipeline ", i), Order: i}
		for s := range l.median {
			odds := math.Round(100*l.odds(s)) / 100
			p.Stages = append(p.Stages, crm.Stage{ID: fmt.Sprint("s", s), Name: fmt.Sprint("Step ", s), Order: s, Probability: &odds})
		}
		won, lost := 1.0, 0.0
		p.Stages = append(p.Stages,
			crm.Stage{ID: "won", Name: "Won", Order: len(l.median), Kind: crm.Won, Probability: &won},
			crm.Stage{ID: "lost", Name: "Lost", Order: len(l.median) + 1, Kind: crm.Lost, Probability: &lost})
		out.Pipelines = append(out.Pipelines, p)
	}
	return out
}

func (b *business) deal(i int) crm.Deal {
	rng, now := b.rng, healthyNow()
	at := now.Add(-time.Duration(rng.Float64() * float64(healthyDays*healthyDay)))
	if at.Weekday() == time.Sunday { // nobody works on Sundays
		at = at.Add(-healthyDay)
	}
	p := b.pick(b.lines)
	d := crm.Deal{
		ID: fmt.Sprint("d", i), Name: fmt.Sprint("Deal ", i), Pipeline: fmt.Sprint("p", p), Owner: fmt.Sprint("u", rng.IntN(b.owners)), Currency: "EUR",
		Company: fmt.Sprint("c", i), Created: crm.At(at), Type: []string{"newbusiness", "existingbusiness"}[rng.IntN(2)], Known: crm.AllFacts,
		Amount: crm.Amount(10_000 * (500 + rng.IntN(20_000))), CloseDate: crm.At(now.Add(20 * healthyDay)), Origin: crm.OriginPerson,
		Contacts: 1, Modified: crm.At(at),
	}
	x := rng.Float64()
	for c, share := range b.channels {
		if x -= share; x < 0 {
			d.Source = []string{"REFERRALS", "ORGANIC_SEARCH", "PAID_SEARCH"}[c]
			break
		}
	}
	b.walk(&d, &b.lines[p], at)
	last := d.Moves[len(d.Moves)-1].At
	d.StageEntry, d.Stage = last, d.Moves[len(d.Moves)-1].Stage
	if end := max(last, d.Closed); rng.Float64() < b.answered {
		if d.Closed == 0 { // open: the buyer was heard lately
			end = crm.At(now)
		}
		d.Buyer = max(d.Created, end.Add(-time.Duration(rng.ExpFloat64()*12*float64(healthyDay))))
		d.Touch, d.FirstTouch, d.Touches = d.Buyer, d.Created.Add(time.Hour), 3
	}
	return d
}

// pick draws a pipeline.
func (b *business) pick(lines []line) int {
	x := b.rng.Float64()
	for i := range lines {
		if x -= lines[i].share; x < 0 {
			return i
		}
	}
	return 0
}

// walk moves a deal through its pipeline until it is closed or it is today.
func (b *business) walk(d *crm.Deal, l *line, at time.Time) {
	enter := func(stage string) bool {
		if at.After(healthyNow()) {
			return false
		}
		origin := crm.OriginPerson
		if len(d.Moves) > 0 && b.rng.Float64() < b.automatic {
			origin = crm.OriginAutomation
		}
		d.Moves = append(d.Moves, crm.StageMove{Stage: stage, At: crm.At(at), Origin: origin})
		return true
	}
	for s := range l.median {
		if s > 0 && b.rng.Float64() < l.skips[s] {
			continue
		}
		if !enter(fmt.Sprint("s", s)) {
			return
		}
		at = at.Add(time.Duration(l.median[s] * math.Exp(l.sigma[s]*b.rng.NormFloat64()) * float64(healthyDay)))
		if b.rng.Float64() >= l.goesOn[s] {
			if enter("lost") {
				d.Closed, d.Closer, d.LossReason = crm.At(at), d.Owner, b.reason()
			}
			return
		}
	}
	if enter("won") {
		d.Closed, d.Closer = crm.At(at), d.Owner
	}
}

func (b *business) reason() string {
	switch x := b.rng.Float64(); {
	case x < b.silent:
		return []string{"unresponsive", "not_interested"}[b.rng.IntN(2)]
	case x < b.silent+b.other:
		return "other"
	default:
		return []string{"budget", "competitor", "timing", "status_quo"}[b.rng.IntN(4)]
	}
}

// trueMedian is the median cycle of a pipeline's won deals, by drawing many.
func trueMedian(l *line, rng *rand.Rand) float64 {
	var all []float64
	for range 2001 {
		sum := 0.0
		for s := range l.median {
			if rng.Float64() >= l.skips[s] {
				sum += l.median[s] * math.Exp(l.sigma[s]*rng.NormFloat64())
			}
		}
		all = append(all, sum)
	}
	slices.Sort(all)
	return all[1000]
}
