package audit

import (
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// pipelineFigures are what the walk gathers of one pipeline.
type pipelineFigures struct {
	deals, known, open     int // unarchived
	won, lost              int // in 365 days
	won90, lost90          int
	presumed               int // open deals presumed lost
	amountless             int // open deals known to have no amount
	lengths                []int64
	cycles                 Sample
	presumedAfter          float64 // days
	money                  []moneyFigures
	openMoney, wonMoney    purse
	weighted, calibrated   int // deals in the forecasts
	forecast, calibratedBy []forecastSums
}

// moneyFigures are those of one currency.
type moneyFigures struct {
	open, won, lost int
	cycleDays       float64
	cycles          int
}

// stageFigures are what the walk gathers of one stage.
type stageFigures struct {
	open      int
	money     purse
	entries   []crm.Instant
	passes    []int64 // moment of passing, shifted by one; the lowest bit: it was skipped
	stays     []int64 // lengths of the visits begun in 365 days, shifted by one; the lowest bit: it has ended
	wonVisits []int64
	wonSample Sample
	toWin     []winning

	converted, dropped   int // A and X
	moved, back          int // moves to other open stages in 180 days
	closedWon, closedAll int // of deals closed in 365 days that visited it, presumed lost ones among all
}

// winning is a stay of a deal won in 365 days.
type winning struct {
	deal        int32
	stay, toWin int64 // length of the stay, and from its beginning to the win
}

// walk reads the snapshot once and gathers everything that the numbers rest on.
func (s *Stats) walk() {
	if s.walked {
		return
	}
	s.walked = true
	currencies := len(s.snap.Columns().Currencies)
	s.pipelines = make([]pipelineFigures, len(s.snap.Schema.Pipelines))
	for i := range s.pipelines {
		f := &s.pipelines[i]
		f.openMoney, f.wonMoney, f.money = newPurse(s.snap), newPurse(s.snap), make([]moneyFigures, currencies)
	}
	s.stages = make([]stageFigures, s.snap.NumStages())
	entries := make([]int, len(s.stages)) // room for as many visits as there are moves: growing slices would copy them over and over
	for _, m := range s.snap.Columns().Moves {
		if m.Stage != crm.None {
			entries[m.Stage]++
		}
	}
	for i, n := range entries {
		s.stages[i].money = newPurse(s.snap)
		s.stages[i].entries, s.stages[i].passes = make([]crm.Instant, 0, n), make([]int64, 0, n)
	}
	w := walker{Stats: s, passed: make([]int, len(s.stages)), year: s.since(year), quarter: s.since(quarter), half: s.since(halfYear)}
	for i := range int32(s.snap.Len()) {
		r, visits, ok := s.at(i)
		if !ok {
			continue
		}
		w.deal(&r, visits)
		if len(visits) > 0 {
			w.history(&r, visits)
		}
	}
	for i := range s.pipelines {
		f := &s.pipelines[i]
		f.cycles, f.lengths = newSample(f.lengths), nil
		f.presumedAfter = max(2*f.cycles.Mean(), f.cycles.Quantile(0.99))
	}
	s.presume()
}

// at is deal i with its visits as of the moment of the numbers; no visits where its history is not known. ok is false for a
// deal that there was not yet.
func (s *Stats) at(i int32) (r crm.Row, visits []Visit, ok bool) {
	r = s.snap.Deal(i)
	if !s.past {
		s.visits, _ = s.layout.visits(s.snap, &r, forever, s.visits[:0])
		return r, s.visits, true
	}
	if r.Created > s.now {
		return r, nil, false
	}
	if r.Status != crm.Open && r.Closed > s.now {
		r.Status, r.Closed = crm.Open, 0
	}
	s.visits, ok = s.layout.visits(s.snap, &r, s.now, s.visits[:0])
	if !ok {
		return r, nil, true
	}
	if last := s.visits[len(s.visits)-1].Stage; last != r.Stage && last != crm.None {
		r.Stage, r.Pipeline, r.Status = last, s.layout.pipeline[last], s.layout.kind[last]
	}
	return r, s.visits, true
}

// presume counts the open deals that are presumed lost, as closed deals of the stages that they visited.
func (s *Stats) presume() {
	status, archived := s.snap.Columns().Status, s.snap.Columns().Archived
	for i := range int32(s.snap.Len()) {
		if status[i] != crm.Open || archived[i] {
			continue
		}
		if r := s.snap.Deal(i); !s.PresumedLost(r) {
			continue
		}
		r, visits, ok := s.at(i)
		if !ok || r.Status != crm.Open {
			continue
		}
		s.pipelines[r.Pipeline].presumed++
		s.layout.each(visits, func(stage int32) { s.stages[stage].closedAll++ })
	}
}

// each calls f once for every open stage among the visits.
func (l *layout) each(visits []Visit, f func(stage int32)) {
	l.walk++
	for _, v := range visits {
		if v.Stage != crm.None && l.kind[v.Stage] == crm.Open && l.marks[v.Stage] != l.walk {
			l.marks[v.Stage] = l.walk
			f(v.Stage)
		}
	}
}

// walker goes over deals one by one.
type walker struct {
	*Stats
	passed              []int // scratch: the deal that last passed the stage
	year, quarter, half crm.Instant
	number              int
}

// deal counts what needs no history.
func (w *walker) deal(r *crm.Row, visits []Visit) {
	f := &w.pipelines[r.Pipeline]
	money := &f.money[r.Currency]
	if !r.Archived {
		f.deals++
		if len(visits) > 0 {
			f.known++
		}
	}
	switch {
	case r.Status == crm.Open && !r.Archived:
		f.open++
		money.open++
		w.stages[r.Stage].open++
		if r.Amount != 0 {
			f.openMoney.add(r.Currency, float64(r.Amount))
			w.stages[r.Stage].money.add(r.Currency, float64(r.Amount))
		} else if r.Known.Has(crm.FactAmount) {
			f.amountless++
		}
	case r.Status == crm.Won && w.closedAfter(r, w.year):
		f.won++
		money.won++
		if r.Closed > w.quarter {
			f.won90++
		}
		if r.Amount != 0 {
			f.wonMoney.add(r.Currency, float64(r.Amount))
		}
		if length := r.Closed - r.Created; r.Known.Has(crm.FactCreated) && !r.Created.IsZero() && length >= 0 && !w.createdClosed(r, visits) {
			f.lengths = append(f.lengths, int64(length))
			money.cycles++
			money.cycleDays += length.Days(0)
		}
	case r.Status == crm.Lost && w.closedAfter(r, w.year):
		f.lost++
		money.lost++
		if r.Closed > w.quarter {
			f.lost90++
		}
	}
}

func (w *walker) closedAfter(r *crm.Row, after crm.Instant) bool {
	return r.Known.Has(crm.FactClosed) && r.Closed > after && r.Closed <= w.now
}

// createdClosed reports whether a deal was closed the moment it was created. A history that begins long after the creation,
// as an import leaves it, says nothing of that, nor do days without a time.
func (w *walker) createdClosed(r *crm.Row, visits []Visit) bool {
	if !w.snap.Schema.ClosedStages && r.Closed.Sub(r.Created) < time.Second && r.Closed != dayOf(r.Closed, w.snap.Zone()) {
		return true
	}
	return len(visits) > 0 && visits[0].Stage != crm.None && w.layout.kind[visits[0].Stage] != crm.Open &&
		visits[0].Entered.Sub(r.Created) < time.Hour
}

// history counts what rests on a deal's visits.
func (w *walker) history(r *crm.Row, visits []Visit) {
	wonLately := r.Status == crm.Won && w.closedAfter(r, w.year)
	closedLately := wonLately || r.Status == crm.Lost && w.closedAfter(r, w.year)
	for i, v := range visits {
		if v.Stage == crm.None {
			continue
		}
		f := &w.stages[v.Stage]
		f.entries = append(f.entries, v.Entered)
		if w.layout.kind[v.Stage] != crm.Open {
			continue
		}
		w.stay(f, r, v, wonLately)
		if i+1 < len(visits) && v.Left > w.half {
			w.moved(f, v.Stage, visits[i+1].Stage)
		}
	}
	if closedLately {
		w.layout.each(visits, func(stage int32) {
			w.stages[stage].closedAll++
			if wonLately {
				w.stages[stage].closedWon++
			}
		})
	}
	w.conversions(r, visits)
	if r.Origin != crm.OriginImport || !r.Known.Has(crm.FactOrigin) {
		w.passes(r, visits)
	}
}

// stay counts the length of one visit.
func (w *walker) stay(f *stageFigures, r *crm.Row, v Visit, wonLately bool) {
	end, ended := v.Left, int64(1)
	if end.IsZero() {
		if r.Status != crm.Open { // closed in this stage, nobody knows when: it is neither over since then nor still going on
			return
		}
		end, ended = w.now, 0
	}
	length := int64(end - v.Entered)
	if wonLately {
		f.toWin = append(f.toWin, winning{r.Index, length, int64(r.Closed - v.Entered)})
	}
	if length < int64(shortVisit/time.Microsecond) {
		return
	}
	if v.Entered > w.year {
		f.stays = append(f.stays, length<<1|ended)
	}
	if r.Status == crm.Won && ended == 1 && end > w.year {
		f.wonVisits = append(f.wonVisits, length)
	}
}

// moved counts a move between two open stages of one pipeline.
func (w *walker) moved(f *stageFigures, from, to int32) {
	l := w.layout
	if to == crm.None || l.kind[to] != crm.Open || l.pipeline[to] != l.pipeline[from] {
		return
	}
	f.moved++
	if l.order[to] < l.order[from] {
		f.back++
	}
}

// conversions counts, for every stage that the deal left for good in the window, whether it went on from there or was lost.
func (w *walker) conversions(r *crm.Row, visits []Visit) {
	l := w.layout
	l.walk++
	for i, v := range visits {
		if v.Stage == crm.None || l.kind[v.Stage] != crm.Open || l.marks[v.Stage] == l.walk {
			continue
		}
		l.marks[v.Stage] = l.walk
		left, on := v.Left, r.Status == crm.Won
		for _, next := range visits[i+1:] {
			switch {
			case next.Stage == v.Stage:
				left = next.Left
			case next.Stage == crm.None || l.pipeline[next.Stage] != l.pipeline[v.Stage]:
			case l.kind[next.Stage] == crm.Won, l.kind[next.Stage] == crm.Open && l.order[next.Stage] > l.order[v.Stage]:
				on = true
			}
		}
		switch f := &w.stages[v.Stage]; {
		case left <= w.year: // not left, or before the window
		case on:
			f.converted++
		case r.Status == crm.Lost:
			f.dropped++
		}
	}
}

// passes notes when the deal passed which stages, and whether it skipped them. Stretches within one pipeline count by
// themselves, as for skips.
func (w *walker) passes(r *crm.Row, visits []Visit) {
	l := w.layout
	l.walk++
	w.number++
	for _, v := range visits {
		if v.Stage != crm.None {
			l.marks[v.Stage] = l.walk
		}
	}
	pipeline, from, reach := int32(crm.None), int32(crm.None), int32(crm.None)
	for i, v := range visits {
		if v.Stage == crm.None {
			continue
		}
		if p := l.pipeline[v.Stage]; p != pipeline {
			pipeline, from = p, crm.None
		}
		if l.kind[v.Stage] == crm.Lost {
			continue
		}
		o := l.order[v.Stage]
		if from == crm.None {
			from, reach = o, o
		}
		if o > reach {
			w.pass(pipeline, max(reach, from+1), o, v.Entered)
			reach = o
		}
		if i == len(visits)-1 && r.Status == crm.Won && l.kind[v.Stage] == crm.Open && !v.Left.IsZero() {
			w.pass(pipeline, max(reach, from+1), l.first[pipeline+1]-l.first[pipeline], v.Left)
		}
	}
}

// pass notes the stages of the orders [lo, hi) as passed, each once per deal.
func (w *walker) pass(pipeline, lo, hi int32, at crm.Instant) {
	l := w.layout
	for s := l.first[pipeline] + lo; s < l.first[pipeline]+hi; s++ {
		if !l.counted[s] || w.passed[s] == w.number {
			continue
		}
		w.passed[s] = w.number
		skipped := int64(1)
		if l.marks[s] == l.walk {
			skipped = 0
		}
		w.stages[s].passes = append(w.stages[s].passes, int64(at)<<1|skipped)
	}
}
