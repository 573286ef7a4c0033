// Package exporter shows the state of every portal's pipelines to Prometheus.
//
// Its one idea: gauges are read from the last kept results at the moment of a scrape, so that nothing is reset and nothing
// goes stale. Its one rule: no label without a bound; a deal is never a label.
package exporter

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
)

// Source is where the state is read: the last result and sync of each portal, and how many steps are in each state.
type Source interface {
	LastResults(ctx context.Context) ([]*audit.Result, error)
	LastSyncs(ctx context.Context) ([]store.SyncState, error)
	// StepStates counts a portal's steps by state.
	StepStates(ctx context.Context, portal string) (map[remedy.State]int, error)
}

// Collector reads a Source at scrape time. Register it once.
type Collector struct {
	source  Source
	log     *slog.Logger
	timeout time.Duration
	families
}

// families are the descriptions of the gauges, by what they show.
type families struct {
	up, portal, pipeline, stage                        *prometheus.Desc
	score, findings, unjudged, atRisk                  *prometheus.Desc
	deals, value, stageDays, winRate, cycle            *prometheus.Desc
	velocity, realised, forecast, conversion, skipRate *prometheus.Desc
	complete, records, lastSuccess, audited, steps     *prometheus.Desc
}

// NewCollector returns a collector over a source; a scrape that takes longer than 10 s is cut short and counted as failed.
func NewCollector(source Source, log *slog.Logger) *Collector {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("plumbline_"+name, help, labels, nil)
	}
	return &Collector{source: source, log: log, timeout: 10 * time.Second, families: families{
		up:          d("state_up", "Whether the state could be read from the store for this scrape: 1 or 0."),
		portal:      d("portal_info", "A connected portal; always 1.", "portal", "crm"),
		pipeline:    d("pipeline_info", "The name of a pipeline; always 1.", "portal", "pipeline", "name"),
		stage:       d("stage_info", "The name and kind (open, won, lost) of a stage; always 1.", "portal", "pipeline", "stage", "name", "kind"),
		score:       d("score", "The portal's score, 0 to 100; absent when it may not be given, as after an incomplete sync.", "portal"),
		findings:    d("findings", "Findings by policy and severity; state is open or waived.", "portal", "policy", "severity", "state"),
		unjudged:    d("unjudged", "Records that a policy could not judge.", "portal", "policy"),
		atRisk:      d("value_at_risk", "Sum of the amounts of distinct open deals with an unwaived high or critical case.", "portal", "currency"),
		deals:       d("deals", "Open deals in a stage.", "portal", "pipeline", "stage"),
		value:       d("deal_value", "Sum of the amounts of the open deals in a stage.", "portal", "pipeline", "stage", "currency"),
		stageDays:   d("stage_days", "Days in a stage (Kaplan-Meier over 365 days); quantile 0.5 or 0.9.", "portal", "pipeline", "stage", "quantile"),
		winRate:     d("win_rate", "Won / (won + lost) by closing date, 0 to 1; window 90d, 365d or 365d_adjusted (presumed lost counted as lost).", "portal", "pipeline", "window"),
		cycle:       d("cycle_days", "Days from creation to won over 365 days; quantile 0.5 or 0.9, or mean.", "portal", "pipeline", "quantile"),
		velocity:    d("velocity_per_day", "Open deals x average won amount x win rate / average cycle, in money per day.", "portal", "pipeline", "currency"),
		realised:    d("realised_per_day", "Money won in 365 days / 365.", "portal", "pipeline", "currency"),
		forecast:    d("forecast", "Sum of amount x probability of open deals; window is configured or calibrated.", "portal", "pipeline", "currency", "window"),
		conversion:  d("stage_conversion", "Share of the deals that left a stage for good forwards, 0 to 1.", "portal", "pipeline", "stage"),
		skipRate:    d("stage_skip_rate", "Share of the deals that passed a stage without visiting it, 0 to 1.", "portal", "pipeline", "stage"),
		complete:    d("sync_complete", "Whether the last sync read everything: 1 or 0.", "portal"),
		records:     d("sync_records", "Records of the last sync; outcome is expected, read or failed.", "portal", "object", "outcome"),
		lastSuccess: d("sync_last_success_timestamp_seconds", "When a sync last was complete, in Unix seconds.", "portal"),
		audited:     d("audit_last_timestamp_seconds", "The moment that the last audit judged, in Unix seconds.", "portal"),
		steps:       d("steps", "Steps of plans by state.", "portal", "state"),
	}}
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.all() {
		ch <- d
	}
}

func (f *families) all() []*prometheus.Desc {
	return []*prometheus.Desc{f.up, f.portal, f.pipeline, f.stage, f.score, f.findings, f.unjudged, f.atRisk, f.deals, f.value, f.stageDays,
		f.winRate, f.cycle, f.velocity, f.realised, f.forecast, f.conversion, f.skipRate, f.complete, f.records, f.lastSuccess, f.audited, f.steps}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	up := 1.0
	if err := c.collect(ctx, gauges{ch}); err != nil {
		c.log.Error("read state for metrics", "error", err)
		up = 0
	}
	gauges{ch}.set(c.up, up)
}

func (c *Collector) collect(ctx context.Context, g gauges) error {
	results, err := c.source.LastResults(ctx)
	if err != nil {
		return err
	}
	for _, r := range results {
		c.result(g, r)
		states, err := c.source.StepStates(ctx, r.Portal)
		if err != nil {
			return err
		}
		for state, n := range states {
			g.set(c.steps, float64(n), r.Portal, string(state))
		}
	}
	syncs, err := c.source.LastSyncs(ctx)
	if err != nil {
		return err
	}
	for _, s := range syncs {
		c.sync(g, s)
	}
	return nil
}

// gauges sends gauge values.
type gauges struct{ ch chan<- prometheus.Metric }

func (g gauges) set(d *prometheus.Desc, v float64, labels ...string) {
	g.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// opt sends a value unless it is undefined: absent, never 0.
func (g gauges) opt(d *prometheus.Desc, v *float64, labels ...string) {
	if v != nil {
		g.set(d, *v, labels...)
	}
}

func (g gauges) money(d *prometheus.Desc, list []crm.Money, labels ...string) {
	for _, m := range list {
		g.set(d, m.Amount.Float(), append(labels[:len(labels):len(labels)], m.Currency)...)
	}
}

func (c *Collector) result(g gauges, r *audit.Result) {
	g.set(c.portal, 1, r.Portal, r.CRM)
	g.set(c.audited, float64(r.AsOf)/1e6, r.Portal)
	g.opt(c.score, r.Score, r.Portal)
	g.money(c.atRisk, r.ValueAtRisk, r.Portal)
	type key struct {
		policy, severity, state string
	}
	n := map[key]int{}
	for policy := range r.Judged {
		n[key{policy, audit.Info.String(), "open"}] += 0
	}
	for _, f := range r.Findings {
		k := key{f.Policy, f.Severity.String(), "open"}
		if f.Waived != nil {
			k.state = "waived"
		}
		n[k]++
	}
	for k, v := range n {
		g.set(c.findings, float64(v), r.Portal, k.policy, k.severity, k.state)
	}
	for policy, j := range r.Judged {
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
	g.opt(c.cycle, p.AverageCycleDays, portal, p.ID, "mean")
	g.opt(c.cycle, p.MedianCycleDays, portal, p.ID, "0.5")
	g.opt(c.cycle, p.P90CycleDays, portal, p.ID, "0.9")
	g.money(c.velocity, p.VelocityPerDay, portal, p.ID)
	g.money(c.realised, p.RealisedPerDay, portal, p.ID)
	c.forecasts(g, p.WeightedForecast, portal, p.ID, "configured")
	c.forecasts(g, p.CalibratedForecast, portal, p.ID, "calibrated")
	for _, s := range p.Stages {
		g.set(c.stage, 1, portal, p.ID, s.ID, s.Name, s.Kind)
		if s.Kind != "open" {
			continue
		}
		g.set(c.deals, float64(s.OpenDeals), portal, p.ID, s.ID)
		g.money(c.value, s.OpenValue, portal, p.ID, s.ID)
		g.opt(c.stageDays, s.MedianDays, portal, p.ID, s.ID, "0.5")
		g.opt(c.stageDays, s.P90Days, portal, p.ID, s.ID, "0.9")
		g.opt(c.conversion, s.Conversion, portal, p.ID, s.ID)
		g.opt(c.skipRate, s.SkipRate, portal, p.ID, s.ID)
	}
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
	complete := 0.0
	if !s.Sync.Ended.IsZero() && s.Sync.Completeness.Complete() {
		complete = 1
	}
	g.set(c.complete, complete, portal)
	if !s.LastComplete.IsZero() {
		g.set(c.lastSuccess, float64(s.LastComplete)/1e6, portal)
	}
	for object, n := range s.Sync.Completeness.Read {
		if n.Expected != nil {
			g.set(c.records, float64(*n.Expected), portal, object, "expected")
		}
		g.set(c.records, float64(n.Read), portal, object, "read")
		g.set(c.records, float64(n.Failed), portal, object, "failed")
	}
}
