package audit_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// inspect gives a test the pass of one deal policy.
func inspect(t testing.TB, snap *crm.Snapshot, look func(p *audit.Pass)) *audit.Result {
	t.Helper()
	return mustRun(t, snap, nil, audit.Check{Policy: audit.Define(audit.Meta{ID: "look", Subject: crm.KindDeal}, scripted{look})})
}

// won makes a deal created some days before it was won.
func wonDeal(id string, cycle, wonAgo float64) crm.Deal {
	return history(id, "a", move("s0", wonAgo+cycle), move("won", wonAgo))
}

func TestAverageCycle(t *testing.T) {
	late := wonDeal("late", 500, 400)                // won before the window
	closed := history("closed", "a", move("won", 5)) // created closed
	backward := wonDeal("backward", 10, 20)
	backward.Created = backward.Closed + 1
	dark := wonDeal("dark", 7, 20)
	dark.Known &^= crm.FactCreated
	r := inspect(t, snapshot(t, schema(pipeline("a", 2)), wonDeal("1", 40, 1), wonDeal("2", 30, 2), wonDeal("3", 60, 364), wonDeal("4", 70, 4), late, closed, backward, dark),
		func(p *audit.Pass) {
			if c := p.Stats.WonCycles(0); c.Mean() != 50 || c.Quantile(0.5) != 40 || c.Quantile(0.9) != 70 || c.N() != 4 {
				t.Errorf("cycles of 40, 30, 60 and 70 days: mean %v, median %v, p90 %v of %d", c.Mean(), c.Quantile(0.5), c.Quantile(0.9), c.N())
			}
		})
	p := r.Pipelines[0]
	if *p.AverageCycleDays != 50 || *p.MedianCycleDays != 40 || *p.P90CycleDays != 70 || p.N["average_cycle_days"] != 4 {
		t.Errorf("average %v, median %v, p90 %v, n %d", *p.AverageCycleDays, *p.MedianCycleDays, *p.P90CycleDays, p.N["average_cycle_days"])
	}
}

func TestWinRates(t *testing.T) {
	unknown := history("unknown", "a", move("s0", 300), move("lost", 30))
	unknown.Known &^= crm.FactClosed
	archived := history("archived", "a", move("s0", 300), move("lost", 80))
	archived.Archived = true
	r := inspect(t, snapshot(t, schema(pipeline("a", 2), pipeline("b", 2)),
		wonDeal("w1", 10, 89), wonDeal("w2", 10, 91), wonDeal("w3", 10, 365.5),
		history("l1", "a", move("s0", 300), move("lost", 1)), unknown, archived,
		history("open", "a", move("s0", 9)), history("zombie", "a", move("s0", 300))), func(*audit.Pass) {})
	got := r.Pipelines[0]
	third, half, two5 := 1.0/3, 0.5, 0.4
	if diff := cmp.Diff([]*float64{&third, &half, &two5}, []*float64{got.WinRate90, got.WinRate365, got.AdjustedWinRate365}); diff != "" {
		t.Errorf("90 d, 365 d, adjusted: %s", diff)
	}
	if got.N["win_rate_90d"] != 3 || got.N["win_rate_365d"] != 4 || got.N["adjusted_win_rate_365d"] != 5 {
		t.Errorf("n %v", got.N)
	}
	if b := r.Pipelines[1]; b.WinRate365 != nil || b.AverageCycleDays != nil || b.N["win_rate_365d"] != 0 {
		t.Error("an empty pipeline has no numbers")
	}
}

func TestQuantileAgainstCounting(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cycles := rapid.SliceOfN(rapid.IntRange(0, 60), 1, 40).Draw(rt, "cycles")
		percent := rapid.IntRange(1, 100).Draw(rt, "percent")
		var deals []crm.Deal
		for i, c := range cycles {
			deals = append(deals, wonDeal(fmt.Sprint(i), float64(c), 1))
		}
		inspect(t, snapshot(t, schema(pipeline("a", 2)), deals...), func(p *audit.Pass) {
			got := p.Stats.WonCycles(0).Quantile(float64(percent) / 100)
			slices.Sort(cycles)
			for i, c := range cycles { // the first value that p % of all values reach
				if (i+1)*100 >= percent*len(cycles) {
					if got != float64(c) {
						rt.Fatalf("p%d of %v: %v, want %d", percent, cycles, got, c)
					}
					return
				}
			}
		})
	})
}

func TestWilson(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 500).Draw(rt, "n")
		k := rapid.IntRange(0, n).Draw(rt, "k")
		// The bounds are the shares p whose distance to k/n is z standard errors of p.
		for _, p := range []float64{audit.WilsonLower(k, n), audit.WilsonUpper(k, n)} {
			share, z := float64(k)/float64(n), 1.959963984540054
			if d := (share-p)*(share-p) - z*z*p*(1-p)/float64(n); math.Abs(d) > 1e-9 {
				rt.Fatalf("k %d, n %d: bound %v is off by %v", k, n, p, d)
			}
		}
	})
	if l, u := audit.WilsonLower(0, 0), audit.WilsonUpper(0, 0); l != 0 || u != 1 {
		t.Errorf("of nothing: %v to %v, want 0 to 1", l, u)
	}
}

// stays makes deals that stay in the second stage: the lengths that have ended, and those of open visits.
func stays(ended, open []int) []crm.Deal {
	var deals []crm.Deal
	for i, d := range ended {
		deals = append(deals, history(fmt.Sprint("e", i), "a", move("s0", 300), move("s1", 100), move("s2", 100-float64(d))))
	}
	for i, d := range open {
		deals = append(deals, history(fmt.Sprint("o", i), "a", move("s0", 300), move("s1", float64(d))))
	}
	return deals
}

func TestTimeInStageWithoutCensoringIsEmpirical(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ended := rapid.SliceOfN(rapid.IntRange(1, 99), 1, 30).Draw(rt, "ended")
		st := inspect(t, snapshot(t, schema(pipeline("a", 3)), stays(ended, nil)...), func(*audit.Pass) {}).Pipelines[0].Stages[1]
		slices.Sort(ended)
		n := len(ended)
		if *st.MedianDays != float64(ended[(n+1)/2-1]) || *st.P90Days != float64(ended[(9*n+9)/10-1]) || st.N["median_days"] != n {
			rt.Fatalf("%v: median %v, p90 %v of %d", ended, *st.MedianDays, *st.P90Days, st.N["median_days"])
		}
	})
}

func TestTimeInStageAgainstProduct(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ended := rapid.SliceOfN(rapid.IntRange(1, 20), 0, 20).Draw(rt, "ended")
		open := rapid.SliceOfN(rapid.IntRange(1, 20), 0, 20).Draw(rt, "open")
		st := inspect(t, snapshot(t, schema(pipeline("a", 3)), stays(ended, open)...), func(*audit.Pass) {}).Pipelines[0].Stages[1]
		reached := func(p float64) *float64 {
			alive := 1.0
			for day := 1; day <= 20; day++ {
				leaving, there := 0, 0
				for _, d := range ended {
					leaving += b2i(d == day)
					there += b2i(d >= day)
				}
				for _, d := range open {
					there += b2i(d >= day)
				}
				if leaving > 0 {
					alive *= 1 - float64(leaving)/float64(there)
				}
				if leaving > 0 && alive <= 1-p+1e-9 {
					out := float64(day)
					return &out
				}
			}
			return nil
		}
		if diff := cmp.Diff([]*float64{reached(0.5), reached(0.9)}, []*float64{st.MedianDays, st.P90Days}); diff != "" {
			rt.Fatalf("ended %v, open %v: -want +got\n%s", ended, open, diff)
		}
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestShortAndOldVisitsAreNoStays(t *testing.T) {
	r := inspect(t, snapshot(t, schema(pipeline("a", 3)),
		history("click", "a", move("s0", 30), move("s1", 20), move("s2", 20-0.006)),
		history("old", "a", move("s0", 800), move("s1", 400), move("s2", 10)),
		history("stay", "a", move("s0", 30), move("s1", 20), move("s2", 15))), func(*audit.Pass) {})
	if st := r.Pipelines[0].Stages[1]; st.N["median_days"] != 1 || *st.MedianDays != 5 {
		t.Errorf("n %d, want only the stay of 5 days", st.N["median_days"])
	}
}

func TestConversion(t *testing.T) {
	r := inspect(t, snapshot(t, schema(pipeline("a", 3), pipeline("b", 2)),
		history("on", "a", move("s0", 30), move("s1", 20), move("s2", 10)),
		history("won", "a", move("s0", 30), move("s1", 20), move("won", 10)),
		history("lost", "a", move("s0", 30), move("s1", 20), move("lost", 10)),
		history("later lost", "a", move("s0", 30), move("s1", 20), move("s2", 15), move("lost", 10)),
		history("still there", "a", move("s0", 30), move("s1", 20)),
		history("back there", "a", move("s0", 30), move("s1", 20), move("s2", 18), move("s1", 15)),
		history("back", "a", move("s0", 30), move("s1", 20), move("s0", 10)),
		history("long ago", "a", move("s0", 800), move("s1", 700), move("won", 600)),
		history("moved out", "b", move("s1", 20), move("s0", 10))), func(*audit.Pass) {})
	st := r.Pipelines[0].Stages[1]
	if *st.Conversion != 0.75 || st.N["conversion"] != 4 {
		t.Errorf("conversion %v of %d, want 3 of 4", *st.Conversion, st.N["conversion"])
	}
	if *st.BackwardRate != 0.25 || st.N["backward_rate"] != 4 { // on, later lost, back there; back went back
		t.Errorf("backward %v of %d, want 1 of 4", *st.BackwardRate, st.N["backward_rate"])
	}
}

func TestObservedProbabilityNeedsThirty(t *testing.T) {
	var deals []crm.Deal
	for i := range 29 {
		stage := []string{"won", "lost"}[i%2]
		deals = append(deals, history(fmt.Sprint(i), "a", move("s0", 50), move("s1", 40), move(stage, 10)))
	}
	st := inspect(t, snapshot(t, schema(pipeline("a", 2)), deals...), func(*audit.Pass) {}).Pipelines[0].Stages[1]
	if st.ObservedProbability != nil || st.N["observed_probability"] != 29 {
		t.Errorf("observed %v of %d", show(st.ObservedProbability), st.N["observed_probability"])
	}
	// One more closed deal that never saw the stage, and one presumed lost that did.
	deals = append(deals, history("other", "a", move("s0", 50), move("won", 10)), history("zombie", "a", move("s0", 300), move("s1", 200)))
	p := inspect(t, snapshot(t, schema(pipeline("a", 2)), deals...), func(*audit.Pass) {}).Pipelines[0]
	want := (15 + 10*16.0/31) / (30 + 10)
	if st := p.Stages[1]; st.ObservedProbability == nil || math.Abs(*st.ObservedProbability-want) > 1e-12 || *st.ConfiguredProbability == want {
		t.Errorf("observed %s, want %v", show(st.ObservedProbability), want)
	}
}

func TestForecast(t *testing.T) {
	open := func(id, stage string, amount crm.Amount, closes crm.Instant) crm.Deal {
		d := history(id, "a", move(stage, 5))
		d.Amount, d.CloseDate = amount*1_0000, closes
		return d
	}
	deals := []crm.Deal{
		open("past", "s0", 300, ago(1)), open("today", "s0", 300, now()), open("later", "s1", 300, ago(-30)),
		open("dateless", "s1", 30, 0), open("no amount", "s1", 0, 0),
	}
	won := open("won", "won", 5000, 0)
	won.Closed = ago(5)
	p := inspect(t, snapshot(t, schema(pipeline("a", 2)), append(deals, won)...), func(*audit.Pass) {}).Pipelines[0]
	want := []audit.ForecastPart{{Amount: "420.00", Currency: "EUR", Months: map[string]string{"past": "100.00", "2026-11": "100.00", "2026-12": "200.00", "none": "20.00"}}}
	if diff := cmp.Diff(want, p.WeightedForecast); diff != "" {
		t.Error(diff)
	}
	if p.WithoutAmount != 1 {
		t.Errorf("%d open deals without an amount, want 1", p.WithoutAmount)
	}
	if len(p.CalibratedForecast) != 0 || p.N["weighted_forecast"] != 4 || p.N["calibrated_forecast"] != 0 {
		t.Errorf("calibrated %v, n %v", p.CalibratedForecast, p.N)
	}
	for i := range 30 { // the first stage is left for won by every second deal
		deals = append(deals, history(fmt.Sprint("c", i), "a", move("s0", 20), move([]string{"won", "lost"}[i%2], 10)))
	}
	p = inspect(t, snapshot(t, schema(pipeline("a", 2)), deals...), func(*audit.Pass) {}).Pipelines[0]
	want[0].Amount = "520.00"
	want[0].Months["past"], want[0].Months["2026-11"] = "150.00", "150.00"
	if diff := cmp.Diff(want, p.CalibratedForecast); diff != "" || p.N["calibrated_forecast"] != 2 {
		t.Errorf("n %v %s", p.N, diff)
	}
}

func TestVelocity(t *testing.T) {
	var deals []crm.Deal
	add := func(d crm.Deal, amount crm.Amount, currency string) {
		d.Amount, d.Currency = amount*1_0000, currency
		deals = append(deals, d)
	}
	for i := range 20 {
		add(wonDeal(fmt.Sprint("w", i), 50, 10), 1000, "EUR")
		add(history(fmt.Sprint("l", i), "a", move("s0", 60), move("lost", 10)), 9, "EUR")
	}
	for i := range 19 {
		add(wonDeal(fmt.Sprint("u", i), 50, 10), 1000, "USD")
	}
	for i := range 10 {
		add(history(fmt.Sprint("o", i), "a", move("s0", 5)), 300, "EUR")
		add(history(fmt.Sprint("p", i), "a", move("s0", 5)), 0, "USD")
	}
	p := inspect(t, snapshot(t, schema(pipeline("a", 2)), deals...), func(*audit.Pass) {}).Pipelines[0]
	eur := func(units float64) []crm.Money {
		return []crm.Money{{Amount: crm.Amount(math.Round(units * 1e4)), Currency: "EUR"}}
	}
	if diff := cmp.Diff(eur(10*1000*0.5/50), p.VelocityPerDay); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(eur(20000.0/365), p.RealisedPerDay); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(eur(300), p.AverageDealSize); diff != "" || p.N["average_deal_size"] != 10 || p.OpenDeals != 20 {
		t.Errorf("average of those with an amount: n %v %s", p.N, diff)
	}
}

func TestNumbersAndCountsHaveTheSameKeys(t *testing.T) {
	p := inspect(t, snapshot(t, schema(pipeline("a", 2))), func(*audit.Pass) {}).Pipelines[0]
	keys := []string{"open_deals", "open_value", "average_deal_size", "average_won_size", "win_rate_90d", "win_rate_365d", "adjusted_win_rate_365d",
		"average_cycle_days", "median_cycle_days", "p90_cycle_days", "velocity_per_day", "realised_per_day", "weighted_forecast", "calibrated_forecast",
		"adjusted_win_rate_90d", "created_to_won", "median_cycle_days_90d", "live_velocity_per_day", "velocity_per_day_90d_ago", "bloat", "new_deals_30d",
		"new_deals_month_before", "active_30d", "automated_moves_90d"}
	stage := []string{"open_deals", "open_value", "median_days", "p90_days", "conversion", "cohort_conversion", "skip_rate", "backward_rate", "configured_probability", "observed_probability"}
	for name, c := range map[string]struct {
		n    map[string]int
		keys []string
	}{"pipeline": {p.N, keys}, "stage": {p.Stages[0].N, stage}, "closed stage": {p.Stages[2].N, stage}} {
		var got []string
		for k := range c.n {
			got = append(got, k)
		}
		if diff := cmp.Diff(c.keys, got, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRemaining(t *testing.T) {
	snap := snapshot(t, schema(pipeline("a", 3)),
		history("1", "a", move("s0", 100), move("s1", 90), move("won", 50)),                                 // 40 there, then won
		history("2", "a", move("s0", 100), move("s1", 95), move("s2", 85), move("won", 60)),                 // 10 there, 25 more
		history("3", "a", move("s1", 100), move("s0", 95), move("s1", 90), move("s2", 70), move("won", 60)), // 5, then 20 there
		history("4", "a", move("s1", 900), move("won", 800)), history("5", "a", move("s1", 90), move("lost", 50)))
	inspect(t, snap, func(p *audit.Pass) {
		for age, want := range map[float64][]float64{0: {35, 40, 40}, 10.9: {20, 25, 30}, 15: {15, 25}, 40: {0}, 41: nil} {
			got := p.Stats.Remaining(1, age)
			var days []float64
			for i := range got.N() {
				days = append(days, got.Quantile(float64(i+1)/float64(got.N())))
			}
			if diff := cmp.Diff(want, days); diff != "" {
				t.Errorf("after %v days: %s", age, diff)
			}
		}
	})
}

// statusSchema is a pipeline of a CRM that keeps won and lost as a status of the deal.
func statusSchema() crm.Schema {
	s := schema(crm.Pipeline{ID: "a", Name: "a", Stages: []crm.Stage{{ID: "s0", Name: "First"}, {ID: "s1", Name: "Second", Order: 1}}})
	s.ClosedStages = false
	return s
}

func statusDeal(id string, status crm.Status, created, closed crm.Instant) crm.Deal {
	d := history(id, "a", crm.StageMove{Stage: "s0", At: created})
	d.Status, d.Closed = &status, closed
	return d
}

func TestCyclesLeaveOutDealsCreatedWonByStatus(t *testing.T) {
	noon := ago(10).Add(12 * time.Hour)
	r := inspect(t, snapshot(t, statusSchema(), statusDeal("created won", crm.Won, noon, noon), statusDeal("dates only", crm.Won, ago(10), ago(10)),
		statusDeal("quick", crm.Won, noon, noon.Add(time.Hour)), statusDeal("slow", crm.Won, ago(30), ago(20))), func(*audit.Pass) {})
	p := r.Pipelines[0]
	if want := (0 + 1.0/24 + 10) / 3; p.N["average_cycle_days"] != 3 || math.Abs(*p.AverageCycleDays-want) > 1e-9 {
		t.Errorf("average %v of %d, want %v of 3", *p.AverageCycleDays, p.N["average_cycle_days"], want)
	}
	if *p.WinRate365 != 1 || p.N["win_rate_365d"] != 4 {
		t.Errorf("win rate %v of %d: a deal created won is won", *p.WinRate365, p.N["win_rate_365d"])
	}
}

func TestStaysOfDealsClosedNobodyKnowsWhen(t *testing.T) {
	dark := statusDeal("dark", crm.Lost, ago(300), 0)
	dark.Known &^= crm.FactClosed
	p := inspect(t, snapshot(t, statusSchema(), dark, statusDeal("1", crm.Lost, ago(30), ago(20))), func(*audit.Pass) {}).Pipelines[0]
	if st := p.Stages[0]; st.N["median_days"] != 1 || st.P90Days == nil || *st.P90Days != 10 {
		t.Errorf("p90 %s of %d, want 10 of 1: a closed deal is not still in its stage", show(st.P90Days), st.N["median_days"])
	}
}
