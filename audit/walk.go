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
	liveFor                float64 // age in days up to which an open deal is live: the limit of open-too-long as it comes
	oldest                 crm.Instant
	births                 []birth
	alive                  []openDeal
	closings               []Closing
	money                  []moneyFigures
	openMoney, wonMoney    purse
	lostMoney              purse
	weighted, calibrated   int // deals in the forecasts
	forecast, calibratedBy []forecastSums
}

// moneyFigures are those of one currency.
type moneyFigures struct {
	open, live, won, lost int
	cycleDays             float64
	cycles                int
}

// openDeal is what of an open deal is judged only when the cycles are known.
type openDeal struct {
	created  crm.Instant // none where it is not known
	currency int32
}

// birth is the creation of a deal.
type birth struct {
	at, won crm.Instant // won: none while it is not
	added   bool        // by an import or by us, not by the business
}

// stageFigures are what the walk gathers of one stage.
type stageFigures struct {
	open      int
	money     purse
	entries   []crm.Instant
	passes    []int64 // moment of passing, shifted by one; the lowest bit: it was skipped
	stays     []stay
	wonVisits []int64
	wonSample Sample
	toWin     []winning
	leavings  []leaving

	cohort, cohortOn     int // deals of the cohort, and those that went on in its time
	moved, back          int // moves to other open stages in 180 days
	closedWon, closedAll int // of deals closed in 365 days that visited it, presumed lost ones among all
}

// stay is a visit of at least 10 minutes that began within the kept time.
type stay struct {
	entered crm.Instant
	length  int64 // shifted by one; the lowest bit: it has ended
}

// leaving is a deal's leaving a stage for good within the kept time.
type leaving struct {
	at   crm.Instant
	deal int32
	on   bool // it went on from there; else it was lost
}

// winning is a stay of a deal won in 365 days.
type winning struct {
	deal        int32
	stay, toWin int64 // length of the stay, and from its beginning to the win
}

// walkDeals reads the snapshot once and gathers what needs no stage history.
func (s *Stats) walkDeals() {
	if s.pipelines != nil {
		return
	}
	currencies := len(s.snap.Columns().Currencies)
	s.pipelines = make([]pipelineFigures, len(s.snap.Schema.Pipelines))
	for i := range s.pipelines {
		f := &s.pipelines[i]
		f.openMoney, f.wonMoney, f.lostMoney, f.money = newPurse(s.snap), newPurse(s.snap), newPurse(s.snap), make([]moneyFigures, currencies)
	}
	s.stages = make([]stageFigures, s.snap.NumStages())
	for i := range s.stages {
		s.stages[i].money = newPurse(s.snap)
	}
	s.reserveDeals()
	w, whole := s.walker(), s.snap.Schema.HistoryByDeal
	for i := range int32(s.snap.Len()) {
		if r, moves, ok := s.rowAt(i); ok {
			w.deal(&r, moves)
			whole = whole && r.Known.Has(crm.FactHistory)
		}
	}
	if s.historyFrom = s.snap.Schema.HistoryFrom; whole {
		s.historyFrom = 0
	}
	for i := range s.pipelines {
		f := &s.pipelines[i]
		f.cycles, f.lengths = newSample(f.lengths), nil
		mean := f.cycles.Mean()
		f.presumedAfter, f.liveFor = max(2*mean, f.cycles.Quantile(0.99)), halfYear
		if f.cycles.N() >= velocityDeals {
			f.liveFor = max(2*mean, 30)
		}
	}
	s.openDeals()
}

// reserveDeals makes room for as many deals as there are in each pipeline now: growing slices would copy them over and over.
func (s *Stats) reserveDeals() {
	all, closed := make([]int, len(s.pipelines)), make([]int, len(s.pipelines))
	status := s.snap.Columns().Status
	for i, stage := range s.snap.Columns().Stage {
		p := s.layout.pipeline[stage]
		all[p]++
		if status[i] != crm.Open {
			closed[p]++
		}
	}
	for p := range s.pipelines {
		s.pipelines[p].births, s.pipelines[p].closings = make([]birth, 0, all[p]), make([]Closing, 0, closed[p])
	}
}

// openDeals counts what of the open deals can be told only when the cycles are known.
func (s *Stats) openDeals() {
	for i := range s.pipelines {
		f := &s.pipelines[i]
		for _, d := range f.alive {
			age := s.now.Days(d.created)
			f.presumed += b2i(d.created != 0 && f.cycles.N() > 0 && age > f.presumedAfter)
			f.money[d.currency].live += b2i(d.created == 0 || age <= f.liveFor)
		}
		f.alive = nil
	}
}

func (f *pipelineFigures) presumedLost(r *crm.Row, now crm.Instant) bool {
	return r.Status == crm.Open && f.cycles.N() > 0 && r.Known.Has(crm.FactCreated) && !r.Created.IsZero() && now.Days(r.Created) > f.presumedAfter
}

// walk reads the stage histories once and gathers everything that the numbers rest on.
func (s *Stats) walk() {
	if s.walked {
		return
	}
	s.walked = true
	s.walkDeals()
	entries := make([]int, len(s.stages)) // room for as many visits as there are moves
	for _, m := range s.snap.Columns().Moves {
		if m.Stage != crm.None {
			entries[m.Stage]++
		}
	}
	for i, n := range entries {
		f := &s.stages[i]
		f.entries, f.passes = make([]crm.Instant, 0, n), make([]int64, 0, n)
		if s.layout.kind[i] == crm.Open {
			f.stays, f.leavings = make([]stay, 0, n), make([]leaving, 0, n)
		}
	}
	w := s.walker()
	for i := range int32(s.snap.Len()) {
		r, visits, ok := s.at(i)
		if !ok {
			continue
		}
		if !r.Archived {
			f := &s.pipelines[r.Pipeline]
			f.deals++
			if len(visits) > 0 {
				f.known++
			}
		}
		if len(visits) > 0 {
			w.history(&r, visits)
		}
	}
}

// each calls f once for every open stage among the visits that began since history is known.
func (s *Stats) each(visits []Visit, f func(stage int32)) {
	l := s.layout
	l.walk++
	for _, v := range visits {
		if v.Stage != crm.None && l.kind[v.Stage] == crm.Open && l.marks[v.Stage] != l.walk && v.Entered >= s.historyFrom {
			l.marks[v.Stage] = l.walk
			f(v.Stage)
		}
	}
}

// walker goes over deals one by one.
type walker struct {
	*Stats
	passed                    []int // scratch: the deal that last passed the stage
	kept, year, quarter, half crm.Instant
	cohort                    []crm.Instant // per pipeline, the length of its p90 cycle; none without one
	number                    int
}

func (s *Stats) walker() *walker {
	w := &walker{
		Stats: s, passed: make([]int, len(s.stages)), cohort: make([]crm.Instant, len(s.pipelines)),
		kept: s.since(keptDays), year: s.since(year), quarter: s.since(quarter), half: s.since(halfYear),
	}
	for i := range s.pipelines {
		w.cohort[i] = span(s.pipelines[i].cycles.Quantile(0.9))
	}
	return w
}

// deal counts what needs no history.
func (w *walker) deal(r *crm.Row, moves []crm.Move) {
	f := &w.pipelines[r.Pipeline]
	w.born(f, r)
	if r.Status == crm.Open {
		w.open(f, r)
		return
	}
	if !w.closedAfter(r, w.kept) {
		return
	}
	c := Closing{Deal: r.Index, At: r.Closed, Won: r.Status == crm.Won, Cycle: -1}
	if length := r.Closed - r.Created; r.Known.Has(crm.FactCreated) && !r.Created.IsZero() && length >= 0 && !w.createdClosed(r, moves) {
		c.Cycle = length.Days(0)
	}
	f.closings = append(f.closings, c)
	if r.Closed > w.year {
		w.closed(f, r, &c)
	}
}

// born notes the creation of a deal.
func (w *walker) born(f *pipelineFigures, r *crm.Row) {
	if !r.Known.Has(crm.FactCreated) || r.Created.IsZero() || r.Created > w.now {
		return
	}
	if f.oldest.IsZero() || r.Created < f.oldest {
		f.oldest = r.Created
	}
	b := birth{at: r.Created, added: r.Known.Has(crm.FactOrigin) && (r.Origin == crm.OriginImport || r.Origin == crm.OriginPlumbline)}
	if r.Status == crm.Won && r.Known.Has(crm.FactClosed) && r.Closed <= w.now {
		b.won = r.Closed
	}
	f.births = append(f.births, b)
}

func (w *walker) open(f *pipelineFigures, r *crm.Row) {
	if r.Archived {
		return
	}
	f.open++
	d := openDeal{currency: r.Currency}
	if r.Known.Has(crm.FactCreated) {
		d.created = r.Created
	}
	f.alive = append(f.alive, d)
	f.money[r.Currency].open++
	w.stages[r.Stage].open++
	if r.Amount != 0 {
		f.openMoney.add(r.Currency, float64(r.Amount))
		w.stages[r.Stage].money.add(r.Currency, float64(r.Amount))
	} else if r.Known.Has(crm.FactAmount) {
		f.amountless++
	}
}

// closed counts a deal closed in 365 days.
func (w *walker) closed(f *pipelineFigures, r *crm.Row, c *Closing) {
	money, lately := &f.money[r.Currency], b2i(r.Closed > w.quarter)
	if !c.Won {
		f.lost++
		money.lost++
		f.lost90 += lately
		if r.Amount != 0 {
			f.lostMoney.add(r.Currency, float64(r.Amount))
		}
		return
	}
	f.won++
	money.won++
	f.won90 += lately
	if r.Amount != 0 {
		f.wonMoney.add(r.Currency, float64(r.Amount))
	}
	if c.Cycle >= 0 {
		f.lengths = append(f.lengths, int64(r.Closed-r.Created))
		money.cycles++
		money.cycleDays += c.Cycle
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *walker) closedAfter(r *crm.Row, after crm.Instant) bool {
	return r.Known.Has(crm.FactClosed) && r.Closed > after && r.Closed <= w.now
}

// createdClosed reports whether a deal was closed the moment it was created. A history that begins long after the creation,
// as an import leaves it, says nothing of that, nor do days without a time.
func (w *walker) createdClosed(r *crm.Row, moves []crm.Move) bool {
	if !w.snap.Schema.ClosedStages && r.Closed.Sub(r.Created) < time.Second && r.Closed != dayOf(r.Closed, w.snap.Zone()) {
		return true
	}
	return r.Known.Has(crm.FactHistory) && len(moves) > 0 && moves[0].Stage != crm.None && w.layout.kind[moves[0].Stage] != crm.Open &&
		moves[0].At.Sub(r.Created) < time.Hour
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
	if closedLately || !r.Archived && w.pipelines[r.Pipeline].presumedLost(r, w.now) {
		w.each(visits, func(stage int32) {
			w.stages[stage].closedAll++
			w.stages[stage].closedWon += b2i(wonLately)
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
	if v.Entered > w.kept && v.Entered >= w.historyFrom {
		f.stays = append(f.stays, stay{v.Entered, length<<1 | ended})
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

// conversions notes, for every stage that the deal left for good, whether it went on from there or was lost, and whether it did
// in time, if it is of the stage's cohort.
func (w *walker) conversions(r *crm.Row, visits []Visit) {
	l := w.layout
	l.walk++
	for i, v := range visits {
		if v.Stage == crm.None || l.kind[v.Stage] != crm.Open || l.marks[v.Stage] == l.walk || v.Entered < w.historyFrom {
			continue
		}
		l.marks[v.Stage] = l.walk
		left, on := v.Left, crm.Instant(0) // when it left for good, and when it was first further
		for _, next := range visits[i+1:] {
			switch {
			case next.Stage == v.Stage:
				left = next.Left
			case next.Stage == crm.None || l.pipeline[next.Stage] != l.pipeline[v.Stage] || !on.IsZero():
			case l.kind[next.Stage] == crm.Won, l.kind[next.Stage] == crm.Open && l.order[next.Stage] > l.order[v.Stage]:
				on = next.Entered
			}
		}
		if on.IsZero() && r.Status == crm.Won {
			on = max(r.Closed, v.Entered+1) // a win whose time is not known is one all the same
		}
		f := &w.stages[v.Stage]
		if left > w.kept && (!on.IsZero() || r.Status == crm.Lost) {
			f.leavings = append(f.leavings, leaving{left, r.Index, !on.IsZero()})
		}
		if h := w.cohort[l.pipeline[v.Stage]]; h > 0 && v.Entered > w.year-h && v.Entered <= w.now-h {
			f.cohort++
			f.cohortOn += b2i(!on.IsZero() && on <= v.Entered+h)
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
