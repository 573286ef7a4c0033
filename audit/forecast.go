package audit

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// forecastSums are one currency's weighted sums by month or bucket, in 1/10,000.
type forecastSums struct {
	total  float64
	months map[string]float64
}

func (f *forecastSums) add(month string, amount float64) {
	if f.months == nil {
		f.months = map[string]float64{}
	}
	f.total += amount
	f.months[month] += amount
}

// forecast sums the open deals' amounts by the month in which they are expected to close: weighted by the stages' own
// probabilities, and calibrated by the observed ones, with the stage's own where too few deals show it. Without a single
// observed one a pipeline has no calibrated forecast. Deals without an amount or a probability are in neither.
func (s *Stats) forecast() {
	s.walk()
	today := dayOf(s.now, s.snap.Zone())
	calibrated := make([]bool, len(s.pipelines))
	for st := range int32(len(s.stages)) {
		if _, ok := s.observed(st); ok {
			calibrated[s.layout.pipeline[st]] = true
		}
	}
	currencies := len(s.snap.Columns().Currencies)
	for i := range s.pipelines {
		s.pipelines[i].forecast, s.pipelines[i].calibratedBy = make([]forecastSums, currencies), make([]forecastSums, currencies)
	}
	var months []monthOf
	status := s.snap.Columns().Status
	for i := range int32(s.snap.Len()) {
		if !s.past && status[i] != crm.Open {
			continue
		}
		r, _, ok := s.rowAt(i)
		if !ok || r.Status != crm.Open || r.Archived || r.Amount == 0 {
			continue
		}
		f, month := &s.pipelines[r.Pipeline], s.month(&r, today, &months)
		if p := s.snap.Stage(r.Stage).Probability; p != nil {
			f.weighted++
			f.forecast[r.Currency].add(month, *p*float64(r.Amount))
		}
		if p, observed, ok := s.probability(r.Stage); ok && calibrated[r.Pipeline] {
			if observed {
				f.calibrated++
			}
			f.calibratedBy[r.Currency].add(month, p*float64(r.Amount))
		}
	}
}

// monthOf is one month of the account's zone.
type monthOf struct {
	from, to crm.Instant
	name     string
}

// month is where a deal's amount goes: "2026-12", "past" before today, "none" without a date. seen are the months met so far.
func (s *Stats) month(r *crm.Row, today crm.Instant, seen *[]monthOf) string {
	at := r.CloseDate
	switch {
	case !r.Known.Has(crm.FactCloseDate) || at.IsZero():
		return "none"
	case at < today:
		return "past"
	}
	for _, m := range *seen {
		if m.from <= at && at < m.to {
			return m.name
		}
	}
	t := at.Time().In(s.snap.Zone())
	start := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location())
	m := monthOf{crm.At(start), crm.At(start.AddDate(0, 1, 0)), start.Format("2006-01")}
	*seen = append(*seen, m)
	return m.name
}

func (s *Stats) forecastParts(sums []forecastSums) []ForecastPart {
	out := []ForecastPart{}
	for c, f := range sums {
		if f.months == nil {
			continue
		}
		part := ForecastPart{Amount: toAmount(f.total).String(), Currency: s.snap.Currency(int32(c)), Months: map[string]string{}}
		for _, m := range slices.Sorted(maps.Keys(f.months)) {
			part.Months[m] = toAmount(f.months[m]).String()
		}
		out = append(out, part)
	}
	slices.SortFunc(out, func(a, b ForecastPart) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}
