package audit

import (
	"cmp"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// numbers are the figures of every pipeline as they are kept and shown.
func (s *Stats) numbers() []PipelineStats {
	s.forecast()
	earlier := s.Ago(quarter)
	earlier.walkDeals()
	out := make([]PipelineStats, len(s.pipelines))
	flat := int32(0)
	for i := range s.pipelines {
		p := &s.snap.Schema.Pipelines[i]
		out[i] = s.pipelineNumbers(p, &s.pipelines[i])
		s.moreNumbers(int32(i), &earlier.pipelines[i], &out[i])
		out[i].Stages = make([]StageStats, len(p.Stages))
		for j := range p.Stages {
			out[i].Stages[j] = s.stageNumbers(flat)
			flat++
		}
	}
	return out
}

func (s *Stats) pipelineNumbers(p *crm.Pipeline, f *pipelineFigures) PipelineStats {
	closed, closed90 := f.won+f.lost, f.won90+f.lost90
	cycles := f.cycles
	return PipelineStats{
		ID: p.ID, Name: p.Name, OpenDeals: f.open, WithoutAmount: f.amountless,
		OpenValue: f.openMoney.money(), AverageDealSize: f.openMoney.averages(), AverageWonSize: f.wonMoney.averages(),
		WinRate90: ratio(f.won90, closed90), WinRate365: ratio(f.won, closed), AdjustedWinRate365: ratio(f.won, closed+f.presumed),
		AverageCycleDays: when(cycles.N() > 0, cycles.Mean()), MedianCycleDays: when(cycles.N() > 0, cycles.Quantile(0.5)),
		P90CycleDays:   when(cycles.N() > 0, cycles.Quantile(0.9)),
		VelocityPerDay: s.perCurrency(f, f.velocity), RealisedPerDay: s.perCurrency(f, f.realised),
		WeightedForecast: s.forecastParts(f.forecast), CalibratedForecast: s.forecastParts(f.calibratedBy),
		N: map[string]int{
			"open_deals": f.open, "open_value": f.openMoney.count(), "average_deal_size": f.openMoney.count(), "average_won_size": f.wonMoney.count(),
			"win_rate_90d": closed90, "win_rate_365d": closed, "adjusted_win_rate_365d": closed + f.presumed,
			"average_cycle_days": cycles.N(), "median_cycle_days": cycles.N(), "p90_cycle_days": cycles.N(),
			"velocity_per_day": f.won, "realised_per_day": f.wonMoney.count(),
			"weighted_forecast": f.weighted, "calibrated_forecast": f.calibrated,
		},
	}
}

// moreNumbers fills in what goes beyond the figures of 365 days: by money, lately, and against 90 days ago.
func (s *Stats) moreNumbers(pipeline int32, earlier *pipelineFigures, out *PipelineStats) {
	f := &s.pipelines[pipeline]
	out.WinRateByMoney90, out.WinRateByMoney365 = s.WinRateByMoney(pipeline, Last(quarter)), s.WinRateByMoney(pipeline, Last(year))
	adjusted := s.AdjustedWinRate(pipeline, Last(quarter))
	out.AdjustedWinRate90 = ratio(adjusted.K, adjusted.N)
	created, ok := s.CreatedToWon(pipeline)
	if ok {
		out.CreatedToWon = ratio(created.K, created.N)
	}
	lately := s.Cycles(pipeline, Last(quarter))
	out.MedianCycle90 = when(lately.N() > 0, lately.Quantile(0.5))
	out.LiveVelocity = s.perCurrency(f, f.liveVelocity)
	out.VelocityBefore = s.perCurrency(earlier, earlier.velocity)
	out.Bloat = s.bloat(f, earlier)
	out.NewDeals30 = s.NewDeals(pipeline, Last(month))
	out.NewDealsBefore = float64(s.NewDeals(pipeline, Window{From: month + halfYear, To: month})) / (halfYear / month)
	moved, automated := s.ActiveOpen(pipeline, month), s.AutomatedMoves(pipeline, quarter)
	out.Active30, out.AutomatedMoves90 = ratio(moved.K, moved.N), ratio(automated.K, automated.N)
	for key, n := range map[string]int{
		"adjusted_win_rate_90d": adjusted.N, "created_to_won": created.N, "median_cycle_days_90d": lately.N(),
		"live_velocity_per_day": f.won, "velocity_per_day_90d_ago": earlier.won, "bloat": f.won,
		"new_deals_30d": out.NewDeals30, "new_deals_month_before": s.NewDeals(pipeline, Window{From: month + halfYear, To: month}),
		"active_30d": moved.N, "automated_moves_90d": automated.N,
	} {
		out.N[key] = n
	}
}

// bloat compares what the open deals promise with what is won, per currency, today and 90 days ago.
func (s *Stats) bloat(f, earlier *pipelineFigures) []Bloat {
	out := []Bloat{}
	for c := range f.money {
		ratio, ok := f.bloat(int32(c))
		if !ok {
			continue
		}
		b := Bloat{Currency: s.snap.Currency(int32(c)), Ratio: ratio}
		if before, ok := earlier.bloat(int32(c)); ok {
			b.Before = &before
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b Bloat) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}

// bloat is velocity / realised of one currency.
func (f *pipelineFigures) bloat(currency int32) (float64, bool) {
	velocity, ok := f.velocity(currency)
	realised, _ := f.realised(currency)
	if !ok || realised <= 0 {
		return 0, false
	}
	return velocity / realised, true
}

// liveVelocity is velocity over the open deals that are not past their time.
func (f *pipelineFigures) liveVelocity(currency int32) (float64, bool) {
	m := &f.money[currency]
	all, ok := f.velocity(currency)
	if m.open == 0 {
		return 0, ok
	}
	return all * float64(m.live) / float64(m.open), ok
}

// velocity is the money per day that one currency's open deals bring at the pace of the last 365 days, in 1/10,000; not ok
// below the least number of won deals, of their amounts and of their cycles.
func (f *pipelineFigures) velocity(currency int32) (float64, bool) {
	m, wonSum, priced := &f.money[currency], f.wonMoney.sums[currency], f.wonMoney.n[currency]
	if min(m.won, priced, m.cycles) < velocityDeals || m.cycleDays == 0 {
		return 0, false
	}
	rate := float64(m.won) / float64(m.won+m.lost)
	cycle := m.cycleDays / float64(m.cycles)
	return float64(m.open) * wonSum / float64(priced) * rate / cycle, true
}

// realised is one currency's money won in 365 days per day.
func (f *pipelineFigures) realised(currency int32) (float64, bool) {
	return f.wonMoney.sums[currency] / year, f.wonMoney.n[currency] >= velocityDeals
}

func (s *Stats) perCurrency(f *pipelineFigures, value func(currency int32) (float64, bool)) []crm.Money {
	out := []crm.Money{}
	for c := range f.money {
		if v, ok := value(int32(c)); ok {
			out = append(out, crm.Money{Amount: toAmount(v), Currency: s.snap.Currency(int32(c))})
		}
	}
	slices.SortFunc(out, func(a, b crm.Money) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}

func (s *Stats) stageNumbers(stage int32) StageStats {
	st, f := s.snap.Stage(stage), &s.stages[stage]
	out := StageStats{
		ID: st.ID, Name: st.Name, Order: st.Order, Kind: st.Kind.String(), OpenDeals: f.open, OpenValue: f.money.money(),
		BackwardRate: ratio(f.back, f.moved), ConfiguredProbability: st.Probability,
	}
	conversion := s.Conversion(stage, Last(year))
	out.Conversion = ratio(conversion.K, conversion.N)
	if cohort, ok := s.CohortConversion(stage); ok {
		out.CohortConversion = ratio(cohort.K, cohort.N)
	}
	stays := s.Stays(stage, Last(year))
	passed, skipped := s.Passed(stage, halfYear)
	out.SkipRate = ratio(skipped, passed)
	q := stays.lengths.quantiles(0.5, 0.9)
	out.MedianDays, out.P90Days = q[0], q[1]
	if p, ok := s.observed(stage); ok {
		out.ObservedProbability = &p
	}
	configured := 0
	if st.Probability != nil {
		configured = 1
	}
	out.N = map[string]int{
		"open_deals": f.open, "open_value": f.money.count(), "median_days": stays.N(), "p90_days": stays.N(),
		"conversion": conversion.N, "cohort_conversion": f.cohort, "skip_rate": passed, "backward_rate": f.moved,
		"configured_probability": configured, "observed_probability": f.closedAll,
	}
	return out
}

// observed is the probability to win from a stage as history shows it: of the deals closed in 365 days that visited it the
// share that won, drawn a little to the pipeline's adjusted win rate. ok is false below 30 such deals.
func (s *Stats) observed(stage int32) (p float64, ok bool) {
	s.walk()
	f, pf := &s.stages[stage], &s.pipelines[s.layout.pipeline[stage]]
	if f.closedAll < observedDeals {
		return 0, false
	}
	prior := float64(f.closedWon) / float64(f.closedAll)
	if all := pf.won + pf.lost + pf.presumed; all > 0 {
		prior = float64(pf.won) / float64(all)
	}
	return (float64(f.closedWon) + priorDeals*prior) / (float64(f.closedAll) + priorDeals), true
}

// probability is the best one known for the deals of an open stage: the observed one, else the configured one.
func (s *Stats) probability(stage int32) (p float64, observed, ok bool) {
	if p, ok := s.observed(stage); ok {
		return p, true, true
	}
	if c := s.snap.Stage(stage).Probability; c != nil {
		return *c, false, true
	}
	return 0, false, false
}

// ratio is k / n, nil where n is 0.
func ratio(k, n int) *float64 {
	if n == 0 {
		return nil
	}
	x := float64(k) / float64(n)
	return &x
}

// when is x, nil where it is not defined.
func when(defined bool, x float64) *float64 {
	if !defined {
		return nil
	}
	return &x
}
