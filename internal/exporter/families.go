package exporter

import (
	"math"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/plumbline/plumbline/internal/crm"
)

// families are the descriptions of the collector's metrics, by what they show.
type families struct {
	up, portal, authorized, pipeline, stage         *prometheus.Desc
	score, findings, judged, unjudged, atRisk       *prometheus.Desc
	atStake, gain, newFindings, ending              *prometheus.Desc
	opened, resolved                                *prometheus.Desc
	deals, value, stageDays, winRate, cycle         *prometheus.Desc
	velocity, realised, forecast                    *prometheus.Desc
	conversion, skipRate, backwardRate, probability *prometheus.Desc
	complete, records, lastSuccess, duration        *prometheus.Desc
	audited, auditComplete, next, steps, histories  *prometheus.Desc
}

// newFamilies describes the metrics. Their labels are portal, pipeline, stage, policy, severity and state, and of closed
// sets currency, window, quantile, object, outcome and unit; names are labels of the _info metrics alone.
func newFamilies() families {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("plumbline_"+name, help, labels, nil)
	}
	return families{
		up:         d("state_up", "Whether the state could be read from the store for this scrape: 1 or 0; at 0 the other gauges are absent."),
		portal:     d("portal_info", "A connected portal; always 1.", "portal", "crm"),
		authorized: d("portal_authorized", "Whether the CRM still accepts the portal's authorization: 1 or 0; absent where a token file is used.", "portal"),
		pipeline:   d("pipeline_info", "The name of a pipeline; always 1.", "portal", "pipeline", "name"),
		stage:      d("stage_info", "The name and kind (open, won, lost) of a stage; always 1.", "portal", "pipeline", "stage", "name", "kind"),

		score:    d("score", "The portal's score, 0 to 100; absent when it may not be given, as after an incomplete sync.", "portal"),
		findings: d("findings", "Findings that hold, by policy and severity; state is open or waived. 0 is shown only for policies that a complete audit could judge.", "portal", "policy", "severity", "state"),
		judged:   d("judged", "Records that a policy judged.", "portal", "policy"),
		unjudged: d("unjudged", "Records that a policy could not judge.", "portal", "policy"),
		atRisk:   d("value_at_risk", "Sum of the amounts of distinct open deals with an unwaived high or critical case.", "portal", "currency"),

		atStake: d("value_at_stake", "Sum of the amounts of distinct records with an unwaived finding, closed deals left out.", "portal", "currency"),
		gain:    d("score_gain", "Points that the score would win if all findings of a policy were resolved and nothing else changed.", "portal", "policy"),

		newFindings: d("new_findings", "Unwaived findings that hold and began after the baseline that was set last; absent where a portal has none.", "portal", "severity"),
		ending:      d("waivers_ending", "Waived findings whose waiver ends within 14 days.", "portal"),
		opened:      d("findings_opened_total", "Findings that were ever opened, each time anew.", "portal"),
		resolved:    d("findings_resolved_total", "Findings that were ever resolved.", "portal"),

		deals:        d("deals", "Open deals in a stage.", "portal", "pipeline", "stage"),
		value:        d("deal_value", "Sum of the amounts of the open deals in a stage.", "portal", "pipeline", "stage", "currency"),
		stageDays:    d("stage_days", "Days in a stage (Kaplan-Meier over 365 days): quantiles 0.5 and 0.9, absent when not reached; the count is of visits, the sum is not defined.", "portal", "pipeline", "stage"),
		conversion:   d("stage_conversion", "Share of the deals that left a stage for good forwards, 0 to 1.", "portal", "pipeline", "stage"),
		skipRate:     d("stage_skip_rate", "Share of the deals that passed a stage without visiting it, 0 to 1.", "portal", "pipeline", "stage"),
		backwardRate: d("stage_backward_rate", "Share of the moves out of a stage that went backwards, 0 to 1.", "portal", "pipeline", "stage"),
		probability:  d("stage_probability", "Probability that a deal in a stage is won, 0 to 1; window is configured (in the CRM) or calibrated (as observed).", "portal", "pipeline", "stage", "window"),

		winRate:  d("win_rate", "Won / (won + lost) by closing date, 0 to 1; window 90d, 365d or 365d_adjusted (presumed lost counted as lost).", "portal", "pipeline", "window"),
		cycle:    d("cycle_days", "Days from creation to won of the deals won in 365 days: quantiles 0.5 and 0.9; sum / count is the average.", "portal", "pipeline"),
		velocity: d("velocity_per_day", "Open deals x average won amount x win rate / average cycle, in money per day.", "portal", "pipeline", "currency"),
		realised: d("realised_per_day", "Money won in 365 days / 365.", "portal", "pipeline", "currency"),
		forecast: d("forecast", "Sum of amount x probability of open deals; window is configured or calibrated.", "portal", "pipeline", "currency", "window"),

		complete:      d("sync_complete", "Whether the last sync read everything: 1 or 0; 0 as well while a full one that was begun is not at its end.", "portal"),
		records:       d("sync_records", "Records of the last sync; outcome is expected, read or failed.", "portal", "object", "outcome"),
		lastSuccess:   d("sync_last_success_timestamp_seconds", "When a sync last was complete, in Unix seconds.", "portal"),
		histories:     d("history_deals", "Deals by how far their stage history is known, where it is read deal by deal: state is known, partial (asked for, and the CRM does not tell all) or waiting.", "portal", "state"),
		duration:      d("sync_duration_seconds", "How long the last sync took; absent while it is not at its end.", "portal"),
		audited:       d("audit_last_timestamp_seconds", "The moment that the last audit judged, in Unix seconds.", "portal"),
		auditComplete: d("audit_complete", "Whether the last audit saw the whole portal: 1 or 0; at 0 nothing is resolved and counts are of what was read.", "portal"),
		next:          d("next_cycle_timestamp_seconds", "When the portal's next cycle is due, in Unix seconds.", "portal"),
		steps:         d("steps", "Steps of plans by state.", "portal", "state"),
	}
}

// all are the families that are gauges, then those that are summaries, then the counters.
func (f *families) all() []*prometheus.Desc {
	return slices.Concat([]*prometheus.Desc{
		f.up, f.portal, f.authorized, f.pipeline, f.stage, f.score, f.findings, f.judged, f.unjudged, f.atRisk, f.atStake, f.gain, f.newFindings, f.ending, f.deals, f.value, f.conversion,
		f.skipRate, f.backwardRate, f.probability, f.winRate, f.velocity, f.realised, f.forecast, f.complete, f.records, f.lastSuccess, f.duration,
		f.audited, f.auditComplete, f.next, f.steps, f.histories,
	}, f.summaries(), f.counters())
}

// summaries are the families with quantiles. They are worked out anew for each audit, so that their counts go down too.
func (f *families) summaries() []*prometheus.Desc { return []*prometheus.Desc{f.stageDays, f.cycle} }

// counters are the families that only grow, for as long as the store knows the portal.
func (f *families) counters() []*prometheus.Desc { return []*prometheus.Desc{f.opened, f.resolved} }

// gauges sends values to a scrape.
type gauges struct{ ch chan<- prometheus.Metric }

// set sends a value. A name from a CRM that is not valid UTF-8 is mended: one such name must not fail the whole scrape.
func (g gauges) set(d *prometheus.Desc, v float64, labels ...string) {
	g.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, valid(labels)...)
}

// total sends how many there ever were.
func (g gauges) total(d *prometheus.Desc, n int, labels ...string) {
	g.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), valid(labels)...)
}

// opt sends a value unless it is undefined: absent, never 0.
func (g gauges) opt(d *prometheus.Desc, v *float64, labels ...string) {
	if v != nil {
		g.set(d, *v, labels...)
	}
}

// flag sends 1 or 0.
func (g gauges) flag(d *prometheus.Desc, v bool, labels ...string) {
	n := 0.0
	if v {
		n = 1
	}
	g.set(d, n, labels...)
}

// at sends a moment in Unix seconds, unless there is none.
func (g gauges) at(d *prometheus.Desc, at crm.Instant, labels ...string) {
	if !at.IsZero() {
		g.set(d, float64(at)/1e6, labels...)
	}
}

// money sends one value per currency, which is the last label.
func (g gauges) money(d *prometheus.Desc, list []crm.Money, labels ...string) {
	for _, m := range list {
		g.set(d, m.Amount.Float(), append(labels[:len(labels):len(labels)], m.Currency)...)
	}
}

// quantiles sends a median and a ninth decile of n values, unless neither is defined; an undefined mean leaves no sum.
func (g gauges) quantiles(d *prometheus.Desc, n int, mean, median, p90 *float64, labels ...string) {
	q := map[float64]float64{}
	if median != nil {
		q[0.5] = *median
	}
	if p90 != nil {
		q[0.9] = *p90
	}
	if len(q) == 0 {
		return
	}
	sum := math.NaN()
	if mean != nil {
		sum = *mean * float64(n)
	}
	g.ch <- prometheus.MustNewConstSummary(d, uint64(max(n, 0)), sum, q, valid(labels)...)
}

func valid(labels []string) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	return out
}
