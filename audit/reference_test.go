package audit_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// slow works the numbers out again, one definition at a time, from the deals as they were exported.
type slow struct {
	set   crm.Schema
	deals []crm.Deal
}

func slowly(snap *crm.Snapshot) slow { return slow{snap.Schema, exports(snap)} }

func (s slow) stage(d *crm.Deal, id string) crm.Stage {
	for _, p := range s.set.Pipelines {
		for _, st := range p.Stages {
			if p.ID == d.Pipeline && st.ID == id {
				return st
			}
		}
	}
	return crm.Stage{Order: -1}
}

func (s slow) status(d *crm.Deal) crm.Status {
	if d.Status != nil {
		return *d.Status
	}
	return s.stage(d, d.Stage).Kind
}

// within is (T - from, T - to].
func within(at crm.Instant, w audit.Window) bool { return at > ago(w.From) && at <= ago(w.To) }

func (s slow) closed(d *crm.Deal, w audit.Window) bool {
	return s.status(d) != crm.Open && d.Known.Has(crm.FactClosed) && within(d.Closed, w) && (!w.Steady || !s.mass(d))
}

func (s slow) mass(d *crm.Deal) bool {
	date := func(at crm.Instant) bool { return at.Time().Truncate(day).Equal(at.Time()) }
	actor := func(d *crm.Deal) string {
		if d.Known.Has(crm.FactCloser) {
			return "by " + d.Closer
		}
		return "nobody knows"
	}
	if n := len(d.Moves); d.Closer == crm.Us && d.Known.Has(crm.FactCloser) || n > 0 && d.Moves[n-1].Origin == crm.OriginPlumbline {
		return true
	}
	for _, first := range s.deals { // whose closing begins the 10 minutes
		with, among := 0, false
		for i := range s.deals {
			o := &s.deals[i]
			if s.status(o) == crm.Open || !o.Known.Has(crm.FactClosed) || date(o.Closed) || actor(o) != actor(d) ||
				o.Closed < first.Closed || o.Closed.Sub(first.Closed) > 10*time.Minute || o.Closed > now() || o.Closed <= ago(3*365) {
				continue
			}
			with++
			among = among || o.ID == d.ID
		}
		if among && with >= 20 {
			return true
		}
	}
	return false
}

// cycle is the days from creation to closing, -1 where that is no cycle.
func (s slow) cycle(d *crm.Deal) float64 {
	length := d.Closed.Sub(d.Created)
	bornClosed := d.Known.Has(crm.FactHistory) && len(d.Moves) > 0 && s.stage(d, d.Moves[0].Stage).Kind != crm.Open && d.Moves[0].At.Sub(d.Created) < time.Hour
	if !s.set.ClosedStages && length < time.Second && d.Closed.Time().Truncate(day) != d.Closed.Time() {
		bornClosed = true
	}
	if !d.Known.Has(crm.FactCreated) || d.Created.IsZero() || length < 0 || bornClosed {
		return -1
	}
	return d.Closed.Days(d.Created)
}

func (s slow) winRate(pipeline string, w audit.Window) (out audit.Rate) {
	for i := range s.deals {
		if d := &s.deals[i]; d.Pipeline == pipeline && s.closed(d, w) {
			out.N++
			out.K += b2i(s.status(d) == crm.Won)
		}
	}
	return out
}

func (s slow) cycles(pipeline string, w audit.Window) audit.Sample {
	var days []float64
	for i := range s.deals {
		if d := &s.deals[i]; d.Pipeline == pipeline && s.closed(d, w) && s.status(d) == crm.Won && s.cycle(d) >= 0 {
			days = append(days, s.cycle(d))
		}
	}
	return audit.SampleOf(days...)
}

func (s slow) newDeals(pipeline string, w audit.Window) (n int) {
	for i := range s.deals {
		d := &s.deals[i]
		made := d.Known.Has(crm.FactOrigin) && (d.Origin == crm.OriginImport || d.Origin == crm.OriginPlumbline)
		n += b2i(d.Pipeline == pipeline && d.Known.Has(crm.FactCreated) && within(d.Created, w) && !made)
	}
	return n
}

func (s slow) createdToWon(pipeline string) (out audit.Rate) {
	h := s.cycles(pipeline, audit.Last(365)).Quantile(0.9)
	for i := range s.deals {
		d := &s.deals[i]
		if d.Pipeline != pipeline || !d.Known.Has(crm.FactCreated) || !within(d.Created, audit.Window{From: 365 + h, To: h}) || s.cycles(pipeline, audit.Last(365)).N() == 0 {
			continue
		}
		out.N++
		out.K += b2i(s.status(d) == crm.Won && d.Known.Has(crm.FactClosed) && d.Closed.Sub(d.Created).Hours() <= 24*h+1e-9)
	}
	return out
}

// stay is one stay of a deal.
type slowStay struct {
	stage         string
	entered, left crm.Instant
}

func (s slow) way(d *crm.Deal) (out []slowStay) {
	if !d.Known.Has(crm.FactHistory) {
		return nil
	}
	for _, m := range d.Moves {
		if n := len(out); n == 0 || out[n-1].stage != m.Stage {
			if n > 0 {
				out[n-1].left = m.At
			}
			out = append(out, slowStay{m.Stage, m.At, 0})
		}
	}
	if n := len(out); n > 0 && s.status(d) != crm.Open && s.stage(d, out[n-1].stage).Kind == crm.Open && d.Closed >= out[n-1].entered {
		out[n-1].left = d.Closed
	}
	return out
}

// conversion is A / (A + X): each deal once, by the moment at which it left the stage for the last time.
func (s slow) conversion(pipeline string, st crm.Stage, w audit.Window) (out audit.Rate) {
	for i := range s.deals {
		d := &s.deals[i]
		first, last := -1, -1
		way := s.way(d)
		for k, v := range way {
			if v.stage == st.ID && d.Pipeline == pipeline && v.entered >= s.set.HistoryFrom {
				if last = k; first < 0 {
					first = k
				}
			}
		}
		if first < 0 || st.Kind != crm.Open || !within(way[last].left, w) || w.Steady && s.mass(d) && s.closed(d, audit.Last(3*365)) {
			continue
		}
		on := s.status(d) == crm.Won
		for _, v := range way[first:] {
			to := s.stage(d, v.stage)
			on = on || to.Kind == crm.Won || to.Kind == crm.Open && to.Order > st.Order
		}
		if on || s.status(d) == crm.Lost {
			out.N++
			out.K += b2i(on)
		}
	}
	return out
}

func (s slow) active(pipeline string, days float64) (out audit.Rate) {
	for i := range s.deals {
		d := &s.deals[i]
		if d.Pipeline != pipeline || s.status(d) != crm.Open || d.Archived {
			continue
		}
		entered, told := d.StageEntry, d.Known.Has(crm.FactStageEntry)
		if d.Known.Has(crm.FactHistory) {
			entered, told = d.Moves[0].At, true
			for _, m := range d.Moves {
				if m.Origin != crm.OriginPlumbline {
					entered = max(entered, m.At)
				}
			}
		}
		buyer := d.Known.Has(crm.FactBuyer)
		alive := told && within(entered, audit.Last(days)) || buyer && within(d.Buyer, audit.Last(days))
		if alive || told && buyer {
			out.N++
			out.K += b2i(alive)
		}
	}
	return out
}

// TestNumbersAgainstTheirDefinitions compares every windowed number with the slow one.
func TestNumbersAgainstTheirDefinitions(t *testing.T) {
	windows := []audit.Window{audit.Last(90), audit.Last(365), audit.Lately(90), audit.YearBefore(90), {From: 500, To: 20}}
	rapid.Check(t, func(rt *rapid.T) {
		snap := drawHistories(rt, t, rapid.Bool().Draw(rt, "closed stages"))
		ref := slowly(snap)
		inspect(t, snap, func(p *audit.Pass) {
			same := func(what string, got, want any) {
				if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
					rt.Fatalf("%s: -want +got\n%s", what, diff)
				}
			}
			for i := range int32(len(snap.Schema.Pipelines)) {
				pl := &snap.Schema.Pipelines[i]
				for _, w := range windows {
					same(fmt.Sprint("win rate ", w), p.Stats.WinRate(i, w), ref.winRate(pl.ID, w))
					same(fmt.Sprint("cycles ", w), p.Stats.Cycles(i, w), ref.cycles(pl.ID, w))
					same(fmt.Sprint("new deals ", w), p.Stats.NewDeals(i, w), ref.newDeals(pl.ID, w))
					for k, st := range pl.Stages {
						same(fmt.Sprint("conversion of ", st.ID, " ", w), p.Stats.Conversion(snap.StageIndex(i, int32(k)), w), ref.conversion(pl.ID, st, w))
					}
				}
				rate, _ := p.Stats.CreatedToWon(i)
				same("created to won", rate, ref.createdToWon(pl.ID))
				same("active", p.Stats.ActiveOpen(i, 30), ref.active(pl.ID, 30))
			}
		})
	})
}

// TestGehanAgainstPairs counts every pair of stays, and takes the variance over all of them.
func TestGehanAgainstPairs(t *testing.T) {
	type stay struct {
		days  int
		ended bool
	}
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) (out []stay) {
			for range rapid.IntRange(1, 12).Draw(rt, name) {
				out = append(out, stay{rapid.IntRange(1, 6).Draw(rt, "days"), rapid.IntRange(0, 2).Draw(rt, "ended") > 0})
			}
			return out
		}
		a, b := draw("a"), draw("b")
		var deals []crm.Deal
		for i, x := range append(slices.Clone(a), b...) {
			stage := []string{"s0", "s1"}[b2i(i >= len(a))]
			path := []crm.StageMove{move(stage, float64(x.days))}
			if x.ended {
				path = []crm.StageMove{move(stage, 100), move("lost", 100-float64(x.days))}
			}
			deals = append(deals, history(fmt.Sprint(i), "a", path...))
		}
		score := func(x stay, all []stay) (sum float64) {
			for _, y := range all {
				switch {
				case y.ended && (y.days < x.days || y.days == x.days && !x.ended):
					sum++
				case x.ended && (x.days < y.days || x.days == y.days && !y.ended):
					sum--
				}
			}
			return sum
		}
		all, w, squares := append(slices.Clone(a), b...), 0.0, 0.0
		for i, x := range all {
			u := score(x, all)
			squares += u * u
			if i < len(a) {
				w += u
			}
		}
		n := float64(len(all))
		want := 1.0
		if v := float64(len(a)*len(b)) / (n * (n - 1)) * squares; v > 0 {
			want = math.Erfc((w-1)/math.Sqrt(v)/math.Sqrt2) / 2
		}
		inspect(t, snapshot(t, schema(pipeline("a", 2)), deals...), func(p *audit.Pass) {
			both := audit.LongerStays(p.Stats.Stays(0, audit.Last(365)), p.Stats.Stays(1, audit.Last(365)))
			if got := p.Stats.LongerThanOthers(0, audit.Last(365)); !close9(got, want) || !close9(both, want) {
				rt.Fatalf("%v against %v: p %v and %v, want %v", a, b, got, both, want)
			}
		})
	})
}

// TestStillNeededAgainstRedistribution: whoever is still under way leaves its weight to those that went on longer (Efron 1967), which
// comes to the same as the product of the estimator.
func TestStillNeededAgainstRedistribution(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type way struct {
			days int
			how  string // won, lost, or "" while open
		}
		var ways []way
		var deals []crm.Deal
		for i := range rapid.IntRange(1, 20).Draw(rt, "deals") {
			x := way{rapid.IntRange(1, 8).Draw(rt, "days"), rapid.SampledFrom([]string{"won", "won", "lost", ""}).Draw(rt, "how")}
			path := []crm.StageMove{move("s0", float64(x.days))}
			if x.how != "" {
				path = []crm.StageMove{move("s0", 50), move(x.how, 50-float64(x.days))}
			}
			ways, deals = append(ways, x), append(deals, history(fmt.Sprint(i), "a", path...))
		}
		slices.SortStableFunc(ways, func(a, b way) int { return a.days*2 + b2i(a.how == "") - b.days*2 - b2i(b.how == "") })
		weight := make([]float64, len(ways))
		for i := range weight {
			weight[i] = 1
		}
		won, all := map[int]float64{}, 0.0
		for i, x := range ways {
			switch x.how {
			case "won":
				won[x.days] += weight[i]
				all += weight[i]
			case "":
				for k := i + 1; k < len(ways); k++ {
					weight[k] += weight[i] / float64(len(ways)-i-1)
				}
			}
		}
		inspect(t, snapshot(t, schema(pipeline("a", 2)), deals...), func(p *audit.Pass) {
			got, _, ok := p.Stats.StillNeeded(0, 0, 0.5)
			if !ok || all == 0 {
				if ok != (all > 0) {
					rt.Fatalf("ok %v for %v", ok, ways)
				}
				return
			}
			sum := 0.0
			for d := 1; ; d++ {
				if sum += won[d]; won[d] > 0 && sum >= all/2-1e-9 {
					if got != float64(d) {
						rt.Fatalf("%v: half of the wins within %v days, want %d", ways, got, d)
					}
					return
				}
			}
		})
	})
}

// TestStillNeededSeesSlowWinners: a young pipeline has won its fast deals only.
func TestStillNeededSeesSlowWinners(t *testing.T) {
	var deals []crm.Deal
	for i := range 60 {
		age := float64(i) + 0.5 // one new deal a day; every second one is won after 10 days, every other after 50
		path := []crm.StageMove{move("s0", age)}
		if needs := []float64{10, 50}[i%2]; age >= needs {
			path = append(path, move("won", age-needs))
		}
		deals = append(deals, history(fmt.Sprint(i), "a", path...))
	}
	inspect(t, snapshot(t, schema(pipeline("a", 2)), deals...), func(p *audit.Pass) {
		naive := p.Stats.Remaining(0, 0).Quantile(0.6)
		days, _, ok := p.Stats.StillNeeded(0, 0, 0.6)
		if naive != 10 || days != 50 || !ok {
			t.Errorf("won deals alone say %v days, with those still open %v; want 10 and 50", naive, days)
		}
	})
}

// TestNumbersDoNotMoveWithTheCalendar: all times shifted by whole days with the clock, and the deals' ids in another order, change
// no number.
func TestNumbersDoNotMoveWithTheCalendar(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		snap := drawHistories(rt, t, rapid.Bool().Draw(rt, "closed stages"))
		shift := time.Duration(rapid.IntRange(-800, 800).Draw(rt, "days")) * day
		back := rapid.Bool().Draw(rt, "backwards")
		move := func(at crm.Instant) crm.Instant {
			if at.IsZero() {
				return at
			}
			return at.Add(shift)
		}
		set := snap.Schema
		set.HistoryFrom = move(set.HistoryFrom)
		b := crm.NewBuilder("acme", "csv", set)
		for i, d := range exports(snap) {
			if back {
				d.ID = fmt.Sprintf("%0*d", len(d.ID), 999-i)
			}
			for _, at := range []*crm.Instant{&d.Created, &d.Closed, &d.StageEntry, &d.CloseDate, &d.Touch, &d.Buyer} {
				*at = move(*at)
			}
			for k := range d.Moves {
				d.Moves[k].At = move(d.Moves[k].At)
			}
			if err := b.Add(d); err != nil {
				rt.Fatal(err)
			}
		}
		moved := b.Build(now().Add(shift), crm.AllFacts, crm.Completeness{})
		var before, after []string
		inspect(t, snap, func(p *audit.Pass) { before = everything(p.Stats, snap) })
		policy := audit.Define(audit.Meta{ID: "look", Subject: crm.KindDeal}, scripted{func(p *audit.Pass) { after = everything(p.Stats, moved) }})
		if _, err := audit.Run(t.Context(), audit.Input{Snapshot: moved, Checks: checksOf(policy), Now: moved.Taken}); err != nil {
			rt.Fatal(err)
		}
		// A stay keeps the moment at which it began only for its window: lengths are compared, not moments.
		if diff := cmp.Diff(before, after); diff != "" {
			rt.Fatalf("shifted by %v: -before +after\n%s", shift, diff)
		}
	})
}
