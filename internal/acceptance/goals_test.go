package acceptance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies"
)

// The benchmarks BenchmarkGoal… hold the program to its goals of performance (docs/performance.md tells which). Each compares two
// ways in one run and reports medians and their ratio, because a machine's speed is nobody's goal.

// goalMoment is the moment that goals are judged at.
func goalMoment() crm.Instant { return crm.At(time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)) }

// dealsOr is how many deals a goal is measured with: PLUMBLINE_BENCH_DEALS, or so many.
func dealsOr(tb testing.TB, n int) int {
	tb.Helper()
	if s := os.Getenv("PLUMBLINE_BENCH_DEALS"); s != "" {
		given, err := strconv.Atoi(s)
		if err != nil || given < 1 {
			tb.Fatalf("PLUMBLINE_BENCH_DEALS: %q is no number of deals", s)
		}
		return given
	}
	if testing.Short() {
		return n / 100
	}
	return n
}

// goalSchema is a set-up of three pipelines of eight open stages.
func goalSchema() crm.Schema {
	s := crm.Schema{Account: "1", Currency: "EUR", UsersKnown: true, ClosedStages: true, LossReason: crm.LossReason{Kind: crm.LossText, Field: "closed_lost_reason"}}
	for p := range 3 {
		pipe := crm.Pipeline{ID: fmt.Sprintf("p%d", p), Name: []string{"Sales", "Partners", "Renewals"}[p], Order: p, Created: 1}
		for i, name := range []string{"New", "Qualified", "Meeting held", "Demo given", "Proposal sent", "Negotiation", "Legal review", "Contract sent"} {
			chance := float64(i+1) / 10
			pipe.Stages = append(pipe.Stages, crm.Stage{ID: fmt.Sprintf("p%ds%d", p, i), Name: name, Order: i, Probability: &chance})
		}
		one, none := 1.0, 0.0
		pipe.Stages = append(pipe.Stages, crm.Stage{ID: fmt.Sprintf("p%dw", p), Name: "Won", Order: 8, Kind: crm.Won, Probability: &one},
			crm.Stage{ID: fmt.Sprintf("p%dl", p), Name: "Lost", Order: 9, Kind: crm.Lost, Probability: &none})
		s.Pipelines = append(s.Pipelines, pipe)
	}
	for u := range 40 {
		s.Users = append(s.Users, crm.User{ID: fmt.Sprint(7000 + u), Name: fmt.Sprintf("Owner %d", u), Email: fmt.Sprintf("owner%d@acme.example", u), Active: u%13 != 0})
	}
	return s
}

// goalPortal is a portal of n deals of the last three years with somewhat more than five moves each; a seventh of them are open. Where healthy is
// true no deal has anything that the usual policies find.
func goalPortal(tb testing.TB, name string, n int, healthy bool) *crm.Snapshot {
	tb.Helper()
	r := rand.New(rand.NewPCG(7, uint64(n)))
	b := crm.NewBuilder(name, "hubspot", goalSchema())
	for i := range n {
		if err := b.Add(goalDeal(r, i, healthy)); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Build(goalMoment(), crm.AllFacts, crm.Completeness{})
}

func goalDeal(r *rand.Rand, i int, healthy bool) crm.Deal {
	now, pipe := goalMoment(), i%3
	ago := func(days float64) crm.Instant { return now.Add(-time.Duration(days*24*3600) * time.Second) }
	open := i%7 == 0
	at := 20 + r.Float64()*1000
	if open {
		at = 1 + r.Float64()*30
	}
	d := crm.Deal{
		ID: strconv.Itoa(10_000_000_000 + i*7), Name: fmt.Sprintf("%s %d - %s", []string{"Nord", "Helio", "Brück", "Vanta", "Osei"}[i%5], i, []string{"renewal", "rollout", "pilot"}[i%3]),
		Pipeline: fmt.Sprintf("p%d", pipe), Owner: fmt.Sprint(7001 + r.IntN(12)), Currency: "EUR", Company: strconv.Itoa(20_000_000 + i/2),
		Amount: crm.Amount(1+r.IntN(90_000)) * 10_000, Created: ago(at), Origin: crm.OriginPerson, Known: crm.AllFacts &^ crm.FactDates,
		Contacts: 2, Type: "newbusiness", Source: []string{"", "REFERRALS", "PAID_SEARCH"}[i%3],
	}
	enter := func(stage string) {
		d.Stage, d.StageEntry = stage, ago(at)
		d.Moves = append(d.Moves, crm.StageMove{Stage: stage, At: ago(at), Origin: crm.OriginPerson})
	}
	last := 3 + r.IntN(6)
	if open {
		last = 8
	}
	d.FirstTouch, d.FirstMeeting, d.FirstMail, d.Touches = d.Created.Add(20*time.Minute), d.Created.Add(26*time.Hour), d.Created.Add(20*time.Minute), int32(3+r.IntN(9))
	for s := 0; s < 8 && s < last && at > 0.5; s++ {
		if s > 0 && s < last-1 && !healthy && r.IntN(12) == 0 {
			continue // skipped
		}
		enter(fmt.Sprintf("p%ds%d", pipe, s))
		if open && healthy && at < 6 {
			break
		}
		at -= 0.2 + r.ExpFloat64()*4
	}
	at = max(at, 0.2)
	if open {
		if healthy && at > 6 {
			d.Moves, at = d.Moves[:1], 1+r.Float64()*4
			d.Created, d.FirstTouch, d.FirstMeeting, d.FirstMail = ago(at), ago(at).Add(20*time.Minute), 0, ago(at).Add(20*time.Minute)
			d.Stage, d.StageEntry, d.Moves[0].At = d.Moves[0].Stage, ago(at), ago(at)
		}
		d.Touch, d.Buyer, d.Planned, d.NextDue = ago(1), ago(2), ago(-3), ago(-3)
		d.CloseDate = ago(-5 - float64(r.IntN(40)))
		if !healthy && r.IntN(4) == 0 {
			d.CloseDate = ago(float64(1 + r.IntN(40)))
		}
	} else {
		if kind := r.IntN(3); kind == 0 {
			enter(fmt.Sprintf("p%dw", pipe))
		} else {
			enter(fmt.Sprintf("p%dl", pipe))
			if healthy || kind == 1 {
				d.LossReason = []string{"Price was above their budget", "Chose a competitor", "Timing: project moved to next year", "No decision"}[r.IntN(4)]
			}
		}
		d.Closed, d.CloseDate, d.Touch, d.Buyer = ago(at), ago(at), ago(at+1), ago(at+2)
	}
	d.Modified = max(d.StageEntry, d.Touch)
	if healthy {
		d.Known, d.Dates = crm.AllFacts, []crm.DateChange{{At: d.Created, To: d.CloseDate, Origin: crm.OriginPerson}}
	}
	return d
}

// allChecks is the whole catalogue with its defaults.
func allChecks() []audit.Check {
	var list []audit.Check
	for _, p := range policies.All() {
		list = append(list, audit.Check{Policy: p, Settings: p.Defaults(), Mode: audit.ModeReport, Off: p.Off})
	}
	return list
}

// busy is the processor time that this process has taken, of all its threads, the garbage collector's too. Unlike the clock on the
// wall it does not run while other programs have the processor.
func busy(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// times runs f so often and gives the median of the processor time that it took.
func times(tb testing.TB, n int, f func()) time.Duration {
	tb.Helper()
	var all []time.Duration
	for range n {
		start := busy(tb)
		f()
		all = append(all, busy(tb)-start)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// pairs runs two ways in turn and gives the medians of what they took: what else the machine does, it does to both.
func pairs(tb testing.TB, n int, f, g func()) (time.Duration, time.Duration) {
	tb.Helper()
	var fs, gs []time.Duration
	for range n {
		fs = append(fs, times(tb, 1, f))
		gs = append(gs, times(tb, 1, g))
	}
	slices.Sort(fs)
	slices.Sort(gs)
	return fs[n/2], gs[n/2]
}

// goal reports a figure and says at its side what it should be.
func goal(b *testing.B, figure float64, unit, should string) {
	b.Helper()
	b.ReportMetric(figure, unit)
	b.Logf("%s: %.3g; goal: %s", unit, figure, should)
}
