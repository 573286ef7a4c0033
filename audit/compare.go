package audit

import (
	"math"

	"github.com/plumbline/plumbline/internal/crm"
)

const (
	settledDays = 7.0  // how much earlier a statistic must have said the same before it speaks
	levelOfTest = 0.05 // below which p must lie, unless the policy sets its own level
)

// Comparison is what a statistical policy asks of one record, to be settled with all that it asks of the portal: see
// [Pass.Compare].
type Comparison struct {
	Kind  crm.Kind // of the record, as in [Pass.OKAt]
	Index int32    // its place, as in [Pass.OKAt]
	// Key is the finding's key. Comparisons of one record with one key are alternatives, the gravest first: the first one that
	// speaks is told. With different keys they are findings of their own.
	Key string
	// Level is what p must lie below; 0 is 0.05.
	Level float64
	// Weigh looks at the numbers of one moment: it is called with those of now, and may be called with those of 7 days before. It
	// must take every number from s, and must not take one from Pass.Stats or from the snapshot's open deals.
	Weigh func(s *Stats) Evidence
	// Tell makes the finding where the comparison speaks; e is the evidence of now, with P adjusted for all comparisons.
	Tell func(e Evidence) Found
}

// Evidence is what the numbers of one moment say to a [Comparison].
type Evidence struct {
	N, Least int     // how many records it rests on, in the smaller of two samples, and the least number of them
	Effect   bool    // whether the effect reaches the policy's limit, however few records it rests on
	P        float64 // of the one-sided test, whether or not there is an effect; not a number counts as 1
	// Need, where it is not "", says that there is nothing to compare: what is missing, and Why in a short clause.
	Need Need
	Why  string
}

// CannotCompare is the evidence where there is nothing to compare.
func CannotCompare(need Need, why string) Evidence { return Evidence{P: 1, Need: need, Why: why} }

func (e *Evidence) enough() bool { return e.Need == "" && e.N >= e.Least }

// Compare asks whether a statistic may speak of a record, which the policy reports on in no other way. Nothing is reported at
// once: when all checks of the policy have asked, every record gets its one report.
//
// A finding opens only if (1) N reaches Least, (2) there is the effect, (3) P lies below the level after Holm's correction over
// everything that the policy compares in the portal with enough records, and (4) 1 to 3 also held as of 7 days earlier, by the
// same history. A finding that was open after the run before ([Input].Open) stays until the effect fails on both dates,
// whatever N and P are by then. A record of which nothing speaks passes if at least one of its comparisons has enough records
// now; else it cannot be judged, for what the first of them lacks.
func (p *Pass) Compare(c Comparison) {
	if c.Level == 0 {
		c.Level = levelOfTest
	}
	p.run.asked = append(p.run.asked, asked{p, c})
}

// asked is a comparison that waits to be settled.
type asked struct {
	pass *Pass
	Comparison
}

func (a *asked) record() record { return record{a.Kind, a.Index} }

// settle reports on all records that the present policy compared.
func (r *runner) settle() {
	if len(r.asked) == 0 {
		return
	}
	now := r.weigh(r.stats)
	before := make([]Evidence, len(now))
	if r.open(now) {
		before = r.weigh(r.stats.Ago(settledDays))
	}
	var order []record
	of := map[record][]int{}
	for i := range r.asked {
		at := r.asked[i].record()
		if of[at] == nil {
			order = append(order, at)
		}
		of[at] = append(of[at], i)
	}
	for _, at := range order {
		r.settleRecord(of[at], now, before)
	}
	r.asked = r.asked[:0]
}

// open reports whether a look at the numbers of 7 days before can change anything: something would speak now, or was open.
func (r *runner) open(now []Evidence) bool {
	for i := range now {
		if a := &r.asked[i]; a.speaks(&now[i]) || r.wasOpen(a) {
			return true
		}
	}
	return false
}

func (a *asked) speaks(e *Evidence) bool { return e.enough() && e.Effect && e.P < a.Level }

func (r *runner) wasOpen(a *asked) bool {
	return len(r.wasFound) > 0 && r.wasFound[FindingID(a.pass.check.Policy.ID, r.subject(a.record()), a.Key)]
}

// weigh takes the evidence of one moment and adjusts its p for all comparisons that have enough records.
func (r *runner) weigh(s *Stats) []Evidence {
	out := make([]Evidence, len(r.asked))
	var ps []float64
	for i := range r.asked {
		out[i] = r.asked[i].Weigh(s)
		if math.IsNaN(out[i].P) {
			out[i].P = 1
		}
		if out[i].enough() {
			ps = append(ps, out[i].P)
		}
	}
	adjusted := Holm(ps)
	for i := range out {
		if out[i].enough() {
			out[i].P, adjusted = adjusted[0], adjusted[1:]
		}
	}
	return out
}

// settleRecord makes the one report on a record of its comparisons.
func (r *runner) settleRecord(of []int, now, before []Evidence) {
	told, judged, dark := map[string]bool{}, false, false
	tell := func(when func(i int) bool) {
		for _, i := range of {
			a := &r.asked[i]
			if told[a.Key] || !when(i) {
				continue
			}
			told[a.Key] = true
			f := a.Tell(now[i])
			f.Key = a.Key
			a.pass.report(a.record(), f)
		}
	}
	tell(func(i int) bool { return r.asked[i].speaks(&now[i]) && r.asked[i].speaks(&before[i]) })
	tell(func(i int) bool { return (now[i].Effect || before[i].Effect) && r.wasOpen(&r.asked[i]) })
	if len(told) > 0 {
		return
	}
	for _, i := range of {
		judged = judged || now[i].enough()
		dark = dark || now[i].Need != "" && r.wasOpen(&r.asked[i]) // what cannot be compared any more closes nothing
	}
	first := &r.asked[of[0]]
	switch e := now[of[0]]; {
	case judged && !dark:
		first.pass.OKAt(first.Kind, first.Index)
	case e.Need != "":
		first.pass.UnknownAt(first.Kind, first.Index, e.Need, e.Why)
	default:
		first.pass.UnknownAt(first.Kind, first.Index, NeedHistoryN, "there are too few to tell")
	}
}

// report is FoundAt with the amount of a deal as its value.
func (p *Pass) report(at record, f Found) {
	if at.kind == crm.KindDeal {
		p.Found(p.Snap.Deal(at.index), f)
		return
	}
	p.FoundAt(at.kind, at.index, f)
}
