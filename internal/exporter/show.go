package exporter

import (
	"strconv"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
)

// show sends what was read.
func (c *Collector) show(g gauges, s state) {
	for portal, crm := range s.crms() {
		g.set(c.portal, 1, portal, crm)
	}
	for _, p := range s.portals {
		g.flag(c.authorized, p.Revoked.IsZero(), p.Name)
	}
	for _, r := range s.results {
		c.result(g, r)
	}
	c.findingCounts(g, s)
	for _, x := range s.changes {
		g.total(c.opened, x.Open+x.Resolved, x.Portal)
		g.total(c.resolved, x.Resolved, x.Portal)
		g.set(c.ending, float64(x.Ending), x.Portal)
	}
	for _, x := range s.news {
		g.set(c.newFindings, float64(x.N), x.Portal, x.Severity.String())
	}
	for _, x := range s.syncs {
		c.sync(g, x)
	}
	for _, x := range s.schedules {
		g.at(c.next, x.Next, x.Portal)
	}
	for portal, h := range s.histories {
		g.set(c.histories, float64(h.Known), portal, "known")
		g.set(c.histories, float64(h.Partial), portal, "partial")
		g.set(c.histories, float64(h.Waiting), portal, "waiting")
	}
	for portal, byState := range s.steps {
		for _, st := range stepStates() {
			g.set(c.steps, float64(byState[st]), portal, string(st))
		}
	}
}

// stepStates are the states in which a step can be.
func stepStates() []remedy.State {
	return []remedy.State{remedy.Proposed, remedy.Approved, remedy.Rejected, remedy.Expired, remedy.Superseded, remedy.Manual,
		remedy.Applying, remedy.Applied, remedy.Stale, remedy.Failed, remedy.Undone}
}

// findingCounts sends how many findings hold, and 0 for each severity of a policy that has none: a series that comes and
// goes cannot be watched. There is no 0 where nothing could be judged, nor after an incomplete audit, for neither is a pass.
func (c *Collector) findingCounts(g gauges, s state) {
	n := map[store.FindingCount]int{}
	for _, r := range s.results {
		if !r.Complete {
			continue
		}
		for policy, j := range r.Judged {
			if j.Judged == 0 && j.Unknown > 0 {
				continue
			}
			for severity := audit.Info; severity <= audit.Critical; severity++ {
				n[store.FindingCount{Portal: r.Portal, Policy: policy, Severity: severity, State: store.FindingOpen}] = 0
			}
		}
	}
	for _, f := range s.findings {
		k := f
		k.N = 0
		n[k] += f.N
	}
	for k, v := range n {
		g.set(c.findings, float64(v), k.Portal, k.Policy, k.Severity.String(), string(k.State))
	}
}

func (c *Collector) result(g gauges, r *audit.Result) {
	g.at(c.audited, r.AsOf, r.Portal)
	g.flag(c.auditComplete, r.Complete, r.Portal)
	g.opt(c.score, r.Score, r.Portal)
	g.money(c.atRisk, r.ValueAtRisk, r.Portal)
	g.money(c.atStake, r.ValueAtStake, r.Portal)
	for _, x := range r.ScoreGains {
		g.set(c.gain, x.Gain, r.Portal, x.Policy)
	}
	for policy, j := range r.Judged {
		g.set(c.judged, float64(j.Judged), r.Portal, policy)
		g.set(c.unjudged, float64(j.Unknown), r.Portal, policy)
	}
	for _, p := range r.Pipelines {
		c.onePipeline(g, r.Portal, p)
	}
}

func (c *Collector) onePipeline(g gauges, portal string, p audit.PipelineStats) {
	g.set(c.pipeline, 1, portal, p.ID, p.Name)
	g.opt(c.winRate, p.WinRate90, portal, p.ID, "90d")
	g.opt(c.winRate, p.WinRate365, portal, p.ID, "365d")
	g.opt(c.winRate, p.AdjustedWinRate365, portal, p.ID, "365d_adjusted")
	g.quantiles(c.cycle, p.N["average_cycle_days"], p.AverageCycleDays, p.MedianCycleDays, p.P90CycleDays, portal, p.ID)
	g.money(c.velocity, p.VelocityPerDay, portal, p.ID)
	g.money(c.realised, p.RealisedPerDay, portal, p.ID)
	c.forecasts(g, p.WeightedForecast, portal, p.ID, "configured")
	c.forecasts(g, p.CalibratedForecast, portal, p.ID, "calibrated")
	for _, s := range p.Stages {
		c.oneStage(g, s, portal, p.ID)
	}
}

// oneStage sends a stage's name, and for an open stage its numbers.
func (c *Collector) oneStage(g gauges, s audit.StageStats, portal, pipeline string) {
	g.set(c.stage, 1, portal, pipeline, s.ID, s.Name, s.Kind)
	if s.Kind != "open" {
		return
	}
	g.set(c.deals, float64(s.OpenDeals), portal, pipeline, s.ID)
	g.money(c.value, s.OpenValue, portal, pipeline, s.ID)
	g.quantiles(c.stageDays, s.N["median_days"], nil, s.MedianDays, s.P90Days, portal, pipeline, s.ID)
	g.opt(c.conversion, s.Conversion, portal, pipeline, s.ID)
	g.opt(c.skipRate, s.SkipRate, portal, pipeline, s.ID)
	g.opt(c.backwardRate, s.BackwardRate, portal, pipeline, s.ID)
	g.opt(c.probability, s.ConfiguredProbability, portal, pipeline, s.ID, "configured")
	g.opt(c.probability, s.ObservedProbability, portal, pipeline, s.ID, "calibrated")
}

func (c *Collector) forecasts(g gauges, parts []audit.ForecastPart, portal, pipeline, window string) {
	for _, f := range parts {
		if v, err := strconv.ParseFloat(f.Amount, 64); err == nil {
			g.set(c.forecast, v, portal, pipeline, f.Currency, window)
		}
	}
}

func (c *Collector) sync(g gauges, s store.SyncState) {
	portal := s.Sync.Portal
	ended := !s.Sync.Ended.IsZero()
	g.flag(c.complete, ended && s.Sync.Completeness.Complete(), portal)
	g.at(c.lastSuccess, s.LastComplete, portal)
	if ended {
		g.set(c.duration, s.Sync.Ended.Sub(s.Sync.Started).Seconds(), portal)
	}
	for object, n := range s.Sync.Completeness.Read {
		c.count(g, n, portal, object)
	}
}

func (c *Collector) count(g gauges, n crm.Count, portal, object string) {
	if n.Expected != nil {
		g.set(c.records, float64(*n.Expected), portal, object, "expected")
	}
	g.set(c.records, float64(n.Read), portal, object, "read")
	g.set(c.records, float64(n.Failed), portal, object, "failed")
}
