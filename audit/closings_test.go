package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

func TestMassClosings(t *testing.T) {
	var deals []crm.Deal
	crowd := func(name string, n int, apart time.Duration, closer func(i int) string, beginning crm.Instant) {
		for i := range n {
			at := beginning.Add(time.Duration(i) * apart)
			d := history(fmt.Sprintf("%s %02d", name, i), "a", move("s0", 80), crm.StageMove{Stage: "lost", At: at})
			d.Closer = closer(i)
			deals = append(deals, d)
		}
	}
	one := func(int) string { return "u1" }
	crowd("twenty", 20, 30*time.Second, one, ago(10).Add(time.Hour))
	crowd("nineteen", 19, 30*time.Second, one, ago(11).Add(time.Hour))
	crowd("too slow", 20, 32*time.Second, one, ago(12).Add(time.Hour))
	crowd("two people", 20, time.Second, func(i int) string { return []string{"u1", "u2"}[i%2] }, ago(13).Add(time.Hour))
	crowd("a day's date", 20, 0, one, ago(14))
	crowd("automation", 25, time.Second, func(int) string { return "" }, ago(15).Add(time.Hour))
	crowd("ours", 1, 0, func(int) string { return crm.Us }, ago(16).Add(time.Hour))
	moved := history("our move", "a", move("s0", 80), crm.StageMove{Stage: "lost", At: ago(17).Add(time.Hour), Origin: crm.OriginPlumbline})
	moved.Known &^= crm.FactCloser
	deals = append(deals, moved, history("alone", "a", move("s0", 80), move("won", 5)))
	snap := snapshot(t, schema(pipeline("a", 2)), deals...)
	inspect(t, snap, func(p *audit.Pass) {
		got := map[string]int{}
		for i := range int32(snap.Len()) {
			if p.Stats.MassClosed(i) {
				var name string
				if _, err := fmt.Sscanf(snap.ID(i), "%s", &name); err != nil {
					t.Fatal(err)
				}
				got[name]++
			}
		}
		if diff := cmp.Diff(map[string]int{"twenty": 20, "automation": 25, "ours": 1, "our": 1}, got); diff != "" {
			t.Error(diff)
		}
		if all, steady := p.Stats.WinRate(0, audit.Last(90)), p.Stats.WinRate(0, audit.Lately(90)); all.N != len(deals) || steady.N != len(deals)-47 || steady.K != 1 {
			t.Errorf("win rate of all %v, without mass closings %v of %d deals", all, steady, len(deals))
		}
		if c := p.Stats.Conversion(0, audit.Lately(90)); c.N != len(deals)-47 {
			t.Errorf("conversion without mass closings %v", c)
		}
	})
}

func TestLossesByStageAndReason(t *testing.T) {
	lost := func(id, reason string, path ...crm.StageMove) crm.Deal {
		d := history(id, "a", path...)
		d.LossReason = reason
		return d
	}
	dark := lost("dark", "price", move("s0", 50), move("lost", 20))
	dark.Known &^= crm.FactLossReason
	blind := lost("blind", "price", move("s0", 50), move("lost", 20))
	blind.Known &^= crm.FactHistory
	snap := snapshot(t, schema(pipeline("a", 2)), dark, blind,
		lost("1", "price", move("s0", 50), move("s1", 30), move("lost", 20)), lost("2", "price", move("s0", 50), move("s1", 30), move("lost", 20)),
		lost("3", "", move("s0", 50), move("lost", 20)), lost("4", "price", move("s0", 900), move("lost", 800)), wonDeal("5", 10, 20))
	inspect(t, snap, func(p *audit.Pass) {
		got := map[string]int{}
		for _, l := range p.Stats.Losses(0, audit.Last(365)) {
			got[fmt.Sprint(l.Stage, " ", snap.Text(l.Reason))] = l.N
		}
		if diff := cmp.Diff(map[string]int{"-1 price": 1, "0 ": 1, "1 price": 2}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWinRateByAge(t *testing.T) {
	snap := snapshot(t, schema(pipeline("a", 2)), wonDeal("1", 9, 5), wonDeal("2", 10, 5), history("3", "a", move("s0", 20), move("lost", 5)),
		wonDeal("4", 300, 5), history("closed at once", "a", move("won", 5)))
	inspect(t, snap, func(p *audit.Pass) {
		if diff := cmp.Diff([]audit.Rate{{K: 1, N: 1}, {K: 1, N: 2}, {K: 1, N: 1}}, p.Stats.WinRateByAge(0, audit.Last(365), 10, 30)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAutomatedMoves(t *testing.T) {
	by := func(stage string, daysAgo float64, o crm.Origin) crm.StageMove {
		return crm.StageMove{Stage: stage, At: ago(daysAgo), Origin: o}
	}
	snap := snapshot(t, schema(pipeline("a", 3)),
		history("1", "a", by("s0", 20, crm.OriginAutomation), by("s1", 10, crm.OriginPerson), by("s2", 5, crm.OriginAutomation)), // made by automation is no move
		history("2", "a", by("s0", 200, 0), by("s1", 100, crm.OriginAutomation), by("s2", 80, crm.OriginIntegration)),            // the first one is too old
		history("3", "a", by("s0", 60, 0), by("s1", 50, crm.OriginUnknown), by("s2", 40, crm.OriginImport), by("won", 30, crm.OriginPlumbline)))
	inspect(t, snap, func(p *audit.Pass) {
		if got := p.Stats.AutomatedMoves(0, 90); got != (audit.Rate{K: 2, N: 3}) {
			t.Errorf("automated %v, want 2 of 3", got)
		}
	})
}

func TestKnowsYearBefore(t *testing.T) {
	for name, c := range map[string]struct {
		oldest, historyFrom   float64
		want, wantMoves, none bool
	}{
		"a year and the cycle": {oldest: 395, want: true, wantMoves: true}, "a day less": {oldest: 394},
		"moves known later": {oldest: 500, historyFrom: 394, want: true}, "moves known in time": {oldest: 500, historyFrom: 395, want: true, wantMoves: true},
		"nothing": {none: true},
	} {
		var deals []crm.Deal
		if !c.none {
			deals = append(deals, wonDeal("1", 30, 5), history("2", "a", move("s0", c.oldest)))
		}
		set := schema(pipeline("a", 2))
		if c.historyFrom > 0 {
			set.HistoryFrom = ago(c.historyFrom)
		}
		inspect(t, snapshot(t, set, deals...), func(p *audit.Pass) {
			if got, moves := p.Stats.KnowsYearBefore(0, false), p.Stats.KnowsYearBefore(0, true); got != c.want || moves != c.wantMoves {
				t.Errorf("%s: %v, of moves %v", name, got, moves)
			}
		})
	}
}

// TestVisitsBegunBeforeHistoryIsKnown: who has not moved since history is known is seen whole, who has is not: their stays would
// all be long.
func TestVisitsBegunBeforeHistoryIsKnown(t *testing.T) {
	set := schema(pipeline("a", 2))
	set.HistoryFrom = ago(50)
	deals := []crm.Deal{history("1", "a", move("s0", 60)), history("2", "a", move("s0", 60), move("s1", 10)),
		history("3", "a", move("s0", 40), move("s1", 20)), history("4", "a", move("s0", 60), move("lost", 20))}
	p := inspect(t, snapshot(t, set, deals...), func(*audit.Pass) {}).Pipelines[0]
	if first := p.Stages[0]; first.N["median_days"] != 1 || *first.MedianDays != 20 || first.N["conversion"] != 1 || first.N["observed_probability"] != 0 {
		t.Errorf("first stage: %v, median %s", first.N, show(first.MedianDays))
	}
	if second := p.Stages[1]; second.N["median_days"] != 2 {
		t.Errorf("second stage: %v; its stays began later", second.N)
	}
	set.HistoryByDeal = true // and by now every one has been read
	p = inspect(t, snapshot(t, set, deals...), func(*audit.Pass) {}).Pipelines[0]
	if first := p.Stages[0]; first.N["median_days"] != 4 || first.N["conversion"] != 3 {
		t.Errorf("first stage when all is known: %v", first.N)
	}
}

func TestCohortConversion(t *testing.T) {
	var deals []crm.Deal
	for i := range 30 { // entered 380 days ago; a third went on in the p90 cycle of 20 days, a third later, a third never
		path := []crm.StageMove{move("s0", 380)}
		if i%3 < 2 {
			path = append(path, move("s1", []float64{370, 350}[i%3]))
		}
		deals = append(deals, history(fmt.Sprint(i), "a", path...))
	}
	inspect(t, snapshot(t, schema(pipeline("a", 2)), append(deals, wonDeal("w", 20, 5))...), func(p *audit.Pass) {
		if r, ok := p.Stats.CohortConversion(0); !ok || r != (audit.Rate{K: 11, N: 31}) { // the won one is of the cohort too
			t.Errorf("cohort %v %v, want 11 of 31", r, ok)
		}
	})
}

// TestBloat: half of the open deals are dead weight, so the pipeline promises more than it ever won.
func TestBloat(t *testing.T) {
	var deals []crm.Deal
	add := func(d crm.Deal) {
		d.Amount = 1000_0000
		deals = append(deals, d)
	}
	for i := range 73 {
		add(wonDeal(fmt.Sprint("w", i), 50, float64(i)*5+0.5))
	}
	for i := range 40 {
		add(history(fmt.Sprint("o", i), "a", move("s0", []float64{30, 300}[i%2])))
	}
	p := inspect(t, snapshot(t, schema(pipeline("a", 2)), deals...), func(*audit.Pass) {}).Pipelines[0]
	eur := func(units crm.Amount) []crm.Money { return []crm.Money{{Amount: units * 1_0000, Currency: "EUR"}} }
	if diff := cmp.Diff(eur(40*1000/50), p.VelocityPerDay); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(eur(20*1000/50), p.LiveVelocity); diff != "" {
		t.Error(diff)
	}
	// 90 days ago 55 deals had been won in a year, 20 were open for long and 10 of those won since had been begun.
	if b := p.Bloat; len(b) != 1 || b[0].Ratio != 4 || !near(b[0].Before, 30*1000.0/50/(55*1000.0/365)) {
		t.Errorf("bloat %+v, 90 days ago %s", b, show(b[0].Before))
	}
}
