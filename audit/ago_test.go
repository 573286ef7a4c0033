package audit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// drawHistories draws a portal of two pipelines with deals of every fate over three years: known and unknown histories, dates that
// never came, deals closed and opened again, in crowds and alone. Times lie on a grid of hours, some at the very same moment.
func drawHistories(t *rapid.T, tb testing.TB, closedStages bool) *crm.Snapshot {
	set := schema(pipeline("a", 3), pipeline("b", 2))
	if !closedStages {
		set.ClosedStages = false
		for i := range set.Pipelines {
			set.Pipelines[i].Stages = set.Pipelines[i].Stages[:len(set.Pipelines[i].Stages)-2]
		}
	}
	set.Users = append(set.Users, crm.User{ID: "u2", Name: "Ben", Active: true})
	if rapid.IntRange(0, 3).Draw(t, "mirrored") == 0 {
		set.HistoryFrom = ago(400)
	}
	crowd := rapid.SampledFrom([]float64{0, 0, 3, 20, 100}).Draw(t, "crowd")
	var deals []crm.Deal
	for i := range rapid.IntRange(0, 80).Draw(t, "deals") {
		deals = append(deals, drawDeal(t, fmt.Sprint(i), set, crowd))
	}
	return snapshot(tb, set, deals...)
}

// drawDeal draws one deal. Where there is a crowd, that many days ago, most closings are in it, a minute apart or two.
func drawDeal(t *rapid.T, id string, set crm.Schema, crowd float64) crm.Deal {
	p := set.Pipelines[rapid.IntRange(0, len(set.Pipelines)-1).Draw(t, "pipeline")]
	at := crm.Instant(0)
	later := func(most int) crm.Instant {
		return min(now(), at.Add(time.Duration(rapid.IntRange(0, most).Draw(t, "hours"))*time.Hour))
	}
	at = ago(float64(rapid.IntRange(0, 1100).Draw(t, "days")))
	created := at
	var path []crm.StageMove
	for range rapid.IntRange(1, 5).Draw(t, "moves") {
		origin := rapid.SampledFrom([]crm.Origin{crm.OriginPerson, crm.OriginPerson, crm.OriginAutomation, crm.OriginUnknown, crm.OriginPlumbline}).Draw(t, "by")
		path = append(path, crm.StageMove{Stage: p.Stages[rapid.IntRange(0, len(p.Stages)-1).Draw(t, "stage")].ID, At: at, Origin: origin})
		at = later(24 * 60)
	}
	d := history(id, p.ID, path...)
	d.Created = created
	if !set.ClosedStages {
		if status := rapid.SampledFrom([]crm.Status{crm.Open, crm.Open, crm.Won, crm.Lost}).Draw(t, "status"); status != crm.Open {
			d.Status, d.Closed = &status, later(24*60)
		}
	}
	if at := ago(crowd).Add(time.Duration(60+rapid.IntRange(0, 12).Draw(t, "minute")) * time.Minute); crowd > 0 && d.Closed != 0 && at > d.StageEntry && rapid.IntRange(0, 9).Draw(t, "alone") > 0 {
		d.Closed = at
		if set.ClosedStages {
			d.StageEntry, d.Moves[len(d.Moves)-1].At = at, at
		}
	}
	d.Closer = rapid.SampledFrom([]string{"u1", "u1", "u1", "", crm.Us}).Draw(t, "closer")
	d.Owner = rapid.SampledFrom([]string{"u1", "u2", ""}).Draw(t, "owner")
	d.Amount = crm.Amount(rapid.IntRange(0, 5).Draw(t, "amount")) * 100_0000
	d.Currency = rapid.SampledFrom([]string{"EUR", "EUR", "USD"}).Draw(t, "currency")
	d.LossReason = rapid.SampledFrom([]string{"", "price"}).Draw(t, "reason")
	d.Buyer, d.Touch = later(24*90), later(24*90)
	d.CloseDate = ago(float64(rapid.IntRange(-60, 60).Draw(t, "close")))
	d.Archived = rapid.IntRange(0, 9).Draw(t, "archived") == 0
	d.Origin = rapid.SampledFrom([]crm.Origin{crm.OriginPerson, crm.OriginImport}).Draw(t, "made")
	for _, f := range []crm.Fact{crm.FactHistory, crm.FactCreated, crm.FactClosed, crm.FactStageEntry, crm.FactBuyer, crm.FactLossReason, crm.FactCloser} {
		if rapid.IntRange(0, 7).Draw(t, "unknown") == 0 {
			d.Known &^= f
		}
	}
	return d
}

// everything writes down every number that the statistics give.
func everything(s *audit.Stats, snap *crm.Snapshot) []string {
	out := map[string]any{}
	windows := []audit.Window{audit.Last(90), audit.Last(365), audit.Lately(90), audit.YearBefore(90), {From: 200, To: 30}}
	for p := range int32(len(snap.Schema.Pipelines)) {
		say := func(name string, v ...any) { out[fmt.Sprint(p, " ", name)] = fmt.Sprintf("%+v", v) }
		known, deals := s.HistoryKnown(p)
		say("history", known, deals, s.KnowsYearBefore(p, false), s.KnowsYearBefore(p, true))
		rate, ok := s.CreatedToWon(p)
		say("open", s.OpenDeals(p), s.WonCycles(p), rate, ok, s.ActiveOpen(p, 30), s.AutomatedMoves(p, 90))
		byOwner := func(deal int32) int32 { return snap.Columns().Owner[deal] }
		for _, w := range windows {
			say(fmt.Sprint("window ", w), s.WinRate(p, w), s.AdjustedWinRate(p, w), s.WinRateByMoney(p, w), s.WinRateByAge(p, w, 10, 30), s.Cycles(p, w), s.NewDeals(p, w))
			reasons := []string{}
			for _, l := range s.Losses(p, w) {
				reasons = append(reasons, fmt.Sprint(l.Stage, snap.Text(l.Reason), l.N))
			}
			slices.Sort(reasons)
			say(fmt.Sprint("losses ", w), reasons, s.WinRateBy(p, w, byOwner), s.CyclesBy(p, w, byOwner))
		}
	}
	for st := range int32(snap.NumStages()) {
		say := func(name string, v ...any) { out[fmt.Sprint("stage ", st, " ", name)] = fmt.Sprintf("%+v", v) }
		passed, skipped := s.Passed(st, 180)
		cohort, ok := s.CohortConversion(st)
		say("all", passed, skipped, s.Entered(st, 90), cohort, ok, s.Backward(st), s.OpenShare(st), s.WonVisits(st), s.Remaining(st, 3))
		days, won, ok := s.StillNeeded(st, 3, 0.5)
		say("still needed", days, won, ok)
		odds, ok := s.Odds(st)
		say("odds", odds, ok)
		for _, w := range windows {
			say(fmt.Sprint("window ", w), s.Conversion(st, w), s.ConversionByOwner(st, w), s.LongerThanOthers(st, w), s.Stays(st, w))
		}
	}
	out["owners"] = s.OpenByOwner()
	var lines []string
	for name, v := range out {
		lines = append(lines, fmt.Sprint(name, ": ", v))
	}
	slices.Sort(lines)
	return lines
}

// TestAgoIsAsOf: the numbers of some days ago are those of the snapshot of that moment.
func TestAgoIsAsOf(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		snap := drawHistories(rt, t, rapid.Bool().Draw(rt, "closed stages"))
		days := float64(rapid.SampledFrom([]int{0, 7, 30, 90}).Draw(rt, "ago"))
		var ago, asOf []string
		inspect(t, snap, func(p *audit.Pass) { ago = everything(p.Stats.Ago(days), snap) })
		then := audit.AsOf(snap, now().Add(-time.Duration(days)*day))
		policy := audit.Define(audit.Meta{ID: "look", Subject: crm.KindDeal}, scripted{func(p *audit.Pass) { asOf = everything(p.Stats, then) }})
		if _, err := audit.Run(t.Context(), audit.Input{Snapshot: then, Checks: checksOf(policy), Now: then.Taken}); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(asOf, ago); diff != "" {
			for i := range int32(snap.Len()) {
				rt.Logf("%+v", snap.Export(i))
			}
			rt.Fatalf("%v days ago: -AsOf +Ago\n%s", days, diff)
		}
	})
}
