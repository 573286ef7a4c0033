package exporter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
)

// A store is what the collector reads from.
var _ Source = (*store.DB)(nil)

// fake is a source of which every part can fail.
type fake struct {
	state
	fails string // the part that fails
	hangs bool   // until the scrape gives up
}

func (f *fake) part(ctx context.Context, name string) error {
	if f.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if f.fails == name {
		return errors.New("the store is closed")
	}
	return nil
}

func (f *fake) LastFigures(ctx context.Context) ([]*audit.Result, error) {
	return f.results, f.part(ctx, "figures")
}

func (f *fake) CountFindings(ctx context.Context) ([]store.FindingCount, error) {
	return f.findings, f.part(ctx, "findings")
}

func (f *fake) CountChanges(ctx context.Context) ([]store.FindingChanges, error) {
	return f.changes, f.part(ctx, "changes")
}

func (f *fake) CountNew(ctx context.Context) ([]store.NewCount, error) {
	return f.news, f.part(ctx, "news")
}

func (f *fake) LastSyncs(ctx context.Context) ([]store.SyncState, error) {
	return f.syncs, f.part(ctx, "syncs")
}

func (f *fake) Portals(ctx context.Context) ([]store.Portal, error) {
	return f.portals, f.part(ctx, "portals")
}

func (f *fake) Schedules(ctx context.Context) ([]store.Schedule, error) {
	return f.schedules, f.part(ctx, "schedules")
}

func (f *fake) StepStates(ctx context.Context, portal string) (map[remedy.State]int, error) {
	return f.steps[portal], f.part(ctx, "steps")
}

func (f *fake) HistoryStates(ctx context.Context) (map[string]crm.HistoryState, error) {
	return f.histories, f.part(ctx, "histories")
}

func ptr[T any](v T) *T { return &v }

// whole is a state in which every metric has a value.
func whole() *fake {
	eur := []crm.Money{{Amount: 12_500_000, Currency: "EUR"}}
	asOf := crm.At(time.Unix(1_700_000_000, 0))
	return &fake{state: state{
		results: []*audit.Result{{
			Portal: "acme", CRM: "hubspot", AsOf: asOf, Complete: true, Score: ptr(71.4), Grade: "C", ValueAtRisk: eur, ValueAtStake: eur, ScoreGains: []audit.ScoreGain{{Policy: "stale", Records: 2, Gain: 4.1}},
			Judged: map[string]audit.Judged{"stale": {Judged: 40, Passed: 38, Unknown: 2}, "late": {Judged: 40, Passed: 40}, "blind": {Unknown: 40}, "idle": {}},
			Pipelines: []audit.PipelineStats{{
				ID: "p1", Name: "Sales", WinRate90: ptr(0.5), WinRate365: ptr(0.0), AdjustedWinRate365: ptr(0.25),
				AverageCycleDays: ptr(30.0), MedianCycleDays: ptr(28.0), P90CycleDays: ptr(60.0), VelocityPerDay: eur, RealisedPerDay: eur,
				WeightedForecast: []audit.ForecastPart{{Amount: "10.50", Currency: "EUR"}}, CalibratedForecast: []audit.ForecastPart{{Amount: "8.25", Currency: "EUR"}},
				N: map[string]int{"average_cycle_days": 4},
				Stages: []audit.StageStats{
					{ID: "s1", Name: "New", Kind: "open", OpenDeals: 7, OpenValue: eur, MedianDays: ptr(3.0), P90Days: ptr(9.0), Conversion: ptr(0.75), SkipRate: ptr(0.0),
						BackwardRate: ptr(0.1), ConfiguredProbability: ptr(0.2), ObservedProbability: ptr(0.3), N: map[string]int{"median_days": 50}},
					{ID: "s2", Name: "Won", Kind: "won", Order: 1},
				},
			}},
		}},
		findings:  []store.FindingCount{{Portal: "acme", Policy: "stale", Severity: audit.High, State: store.FindingOpen, N: 2}, {Portal: "acme", Policy: "stale", Severity: audit.High, State: store.FindingWaived, N: 1}},
		changes:   []store.FindingChanges{{Portal: "acme", Resolved: 11, Open: 3, Ending: 1}},
		news:      []store.NewCount{{Portal: "acme", Severity: audit.High, N: 2}, {Portal: "acme", Severity: audit.Low}},
		syncs:     []store.SyncState{{LastComplete: asOf, Sync: crm.Sync{Portal: "acme", Started: asOf.Add(-90 * time.Second), Ended: asOf, Completeness: crm.Completeness{Read: map[string]crm.Count{"deals": {Expected: ptr(int64(40)), Read: 40}, "owners": {Read: 3}}}}}},
		portals:   []store.Portal{{Name: "acme", CRM: "hubspot"}},
		schedules: []store.Schedule{{Portal: "acme", Next: asOf.Add(time.Hour)}},
		steps:     map[string]map[remedy.State]int{"acme": {remedy.Proposed: 5, remedy.Failed: 1}},
		histories: map[string]crm.HistoryState{"acme": {Known: 1240, Partial: 60, Waiting: 7500}},
	}}
}

// scrape gathers a source as a scrape does, each series by its name and sorted labels.
func scrape(t *testing.T, source Source) map[string]float64 {
	t.Helper()
	c := NewCollector(source, slog.New(slog.DiscardHandler))
	c.timeout = 50 * time.Millisecond
	return gather(t, c)
}

func gather(t *testing.T, all ...prometheus.Collector) map[string]float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	for _, c := range all {
		reg.MustRegister(c)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := func(name string, more ...string) string {
				return strings.TrimPrefix(name, "plumbline_") + " " + strings.Join(append(slices.Clone(labels), more...), " ")
			}
			switch {
			case m.GetSummary() != nil:
				for _, q := range m.GetSummary().GetQuantile() {
					out[key(f.GetName(), fmt.Sprintf("quantile=%v", q.GetQuantile()))] = q.GetValue()
				}
				out[key(f.GetName()+"_count")] = float64(m.GetSummary().GetSampleCount())
				out[key(f.GetName()+"_sum")] = m.GetSummary().GetSampleSum()
			case m.GetCounter() != nil:
				out[key(f.GetName())] = m.GetCounter().GetValue()
			default:
				out[key(f.GetName())] = m.GetGauge().GetValue()
			}
		}
	}
	return out
}

// among picks the series of some names, without the trailing space of those that have no labels.
func among(all map[string]float64, names ...string) map[string]float64 {
	out := map[string]float64{}
	for k, v := range all {
		if name, _, _ := strings.Cut(k, " "); slices.Contains(names, name) {
			out[strings.TrimSpace(k)] = v
		}
	}
	return out
}

func TestScrapeOfAWholeState(t *testing.T) {
	got := scrape(t, whole())
	if sum := got["stage_days_sum pipeline=p1 portal=acme stage=s1"]; !math.IsNaN(sum) {
		t.Errorf("the sum of days in a stage is %v; it is not defined", sum)
	}
	for k := range got {
		if strings.HasPrefix(k, "findings ") || strings.HasPrefix(k, "steps ") || strings.HasPrefix(k, "stage_days_sum") {
			delete(got, k)
		}
	}
	want := map[string]float64{
		"state_up ": 1, "portal_info crm=hubspot portal=acme": 1, "portal_authorized portal=acme": 1, "score portal=acme": 71.4,
		"audit_last_timestamp_seconds portal=acme": 1.7e9, "audit_complete portal=acme": 1, "next_cycle_timestamp_seconds portal=acme": 1.7e9 + 3600,
		"pipeline_info name=Sales pipeline=p1 portal=acme":                     1,
		"stage_info kind=open name=New pipeline=p1 portal=acme stage=s1":       1,
		"stage_info kind=won name=Won pipeline=p1 portal=acme stage=s2":        1,
		"judged policy=stale portal=acme":                                      40,
		"judged policy=late portal=acme":                                       40,
		"judged policy=blind portal=acme":                                      0,
		"judged policy=idle portal=acme":                                       0,
		"unjudged policy=stale portal=acme":                                    2,
		"unjudged policy=late portal=acme":                                     0,
		"unjudged policy=blind portal=acme":                                    40,
		"unjudged policy=idle portal=acme":                                     0,
		"value_at_risk currency=EUR portal=acme":                               1250,
		"value_at_stake currency=EUR portal=acme":                              1250,
		"score_gain policy=stale portal=acme":                                  4.1,
		"findings_opened_total portal=acme":                                    14,
		"findings_resolved_total portal=acme":                                  11,
		"waivers_ending portal=acme":                                           1,
		"new_findings portal=acme severity=high":                               2,
		"new_findings portal=acme severity=low":                                0,
		"deals pipeline=p1 portal=acme stage=s1":                               7,
		"deal_value currency=EUR pipeline=p1 portal=acme stage=s1":             1250,
		"stage_days pipeline=p1 portal=acme stage=s1 quantile=0.5":             3,
		"stage_days pipeline=p1 portal=acme stage=s1 quantile=0.9":             9,
		"stage_days_count pipeline=p1 portal=acme stage=s1":                    50,
		"stage_conversion pipeline=p1 portal=acme stage=s1":                    0.75,
		"stage_skip_rate pipeline=p1 portal=acme stage=s1":                     0,
		"stage_backward_rate pipeline=p1 portal=acme stage=s1":                 0.1,
		"stage_probability pipeline=p1 portal=acme stage=s1 window=configured": 0.2,
		"stage_probability pipeline=p1 portal=acme stage=s1 window=calibrated": 0.3,
		"win_rate pipeline=p1 portal=acme window=90d":                          0.5,
		"win_rate pipeline=p1 portal=acme window=365d":                         0,
		"win_rate pipeline=p1 portal=acme window=365d_adjusted":                0.25,
		"cycle_days pipeline=p1 portal=acme quantile=0.5":                      28,
		"cycle_days pipeline=p1 portal=acme quantile=0.9":                      60,
		"cycle_days_count pipeline=p1 portal=acme":                             4,
		"cycle_days_sum pipeline=p1 portal=acme":                               120,
		"velocity_per_day currency=EUR pipeline=p1 portal=acme":                1250,
		"realised_per_day currency=EUR pipeline=p1 portal=acme":                1250,
		"forecast currency=EUR pipeline=p1 portal=acme window=configured":      10.5,
		"history_deals portal=acme state=known":                                1240,
		"history_deals portal=acme state=partial":                              60,
		"history_deals portal=acme state=waiting":                              7500,
		"forecast currency=EUR pipeline=p1 portal=acme window=calibrated":      8.25,
		"sync_complete portal=acme":                                            1,
		"sync_last_success_timestamp_seconds portal=acme":                      1.7e9,
		"sync_duration_seconds portal=acme":                                    90,
		"sync_records object=deals outcome=expected portal=acme":               40,
		"sync_records object=deals outcome=read portal=acme":                   40,
		"sync_records object=deals outcome=failed portal=acme":                 0,
		"sync_records object=owners outcome=read portal=acme":                  3,
		"sync_records object=owners outcome=failed portal=acme":                0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the scrape (-want +got):\n%s", diff)
	}
}

// TestFindings have a 0 for what was judged and found right, and for nothing else.
func TestFindings(t *testing.T) {
	zeros := func(policies ...string) map[string]float64 {
		out := map[string]float64{}
		for _, p := range policies {
			for s := audit.Info; s <= audit.Critical; s++ {
				out["findings policy="+p+" portal=acme severity="+s.String()+" state=open"] = 0
			}
		}
		return out
	}
	found := map[string]float64{
		"findings policy=stale portal=acme severity=high state=open":   2,
		"findings policy=stale portal=acme severity=high state=waived": 1,
	}
	t.Run("complete", func(t *testing.T) {
		want := zeros("stale", "late", "idle") // not blind: it could judge nothing
		maps.Copy(want, found)
		if diff := cmp.Diff(want, among(scrape(t, whole()), "findings")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("incomplete", func(t *testing.T) {
		f := whole()
		f.results[0].Complete, f.results[0].Score = false, nil
		f.syncs[0].Sync.Completeness.Gaps = []crm.Gap{{Object: "deals", Why: "502"}}
		got := scrape(t, f)
		if diff := cmp.Diff(found, among(got, "findings")); diff != "" {
			t.Errorf("an outage looks like hygiene (-want +got):\n%s", diff)
		}
		want := map[string]float64{"audit_complete portal=acme": 0, "sync_complete portal=acme": 0, "sync_last_success_timestamp_seconds portal=acme": 1.7e9}
		if diff := cmp.Diff(want, among(got, "audit_complete", "sync_complete", "score", "sync_last_success_timestamp_seconds")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestUndefinedIsAbsent has a portal of which nothing is defined but that it is there.
func TestUndefinedIsAbsent(t *testing.T) {
	f := &fake{state: state{
		results: []*audit.Result{{Portal: "acme", CRM: "csv", Complete: true, Pipelines: []audit.PipelineStats{{ID: "p1", Name: "Sales", Stages: []audit.StageStats{{ID: "s1", Name: "New", Kind: "open"}}}}}},
		syncs:   []store.SyncState{{Sync: crm.Sync{Portal: "acme", Started: 1}}},
	}}
	got := scrape(t, f)
	want := map[string]float64{
		"state_up ": 1, "portal_info crm=csv portal=acme": 1, "audit_complete portal=acme": 1, "pipeline_info name=Sales pipeline=p1 portal=acme": 1,
		"stage_info kind=open name=New pipeline=p1 portal=acme stage=s1": 1, "deals pipeline=p1 portal=acme stage=s1": 0, "sync_complete portal=acme": 0,
	}
	for _, s := range stepStates() {
		want["steps portal=acme state="+string(s)] = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHalfAQuantile(t *testing.T) {
	f := whole()
	f.results[0].Pipelines[0].Stages[0].P90Days = nil
	got := among(scrape(t, f), "stage_days")
	if diff := cmp.Diff(map[string]float64{"stage_days pipeline=p1 portal=acme stage=s1 quantile=0.5": 3}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPortalsBeforeTheirFirstAudit are shown as soon as they are connected, and so is that the CRM no longer lets us in.
func TestPortalsBeforeTheirFirstAudit(t *testing.T) {
	f := &fake{state: state{
		portals: []store.Portal{{Name: "new", CRM: "hubspot"}, {Name: "gone", CRM: "hubspot", Revoked: time.Unix(1, 0), Why: "revoked"}},
		steps:   map[string]map[remedy.State]int{"gone": {remedy.Approved: 4}},
	}}
	got := scrape(t, f)
	want := map[string]float64{"portal_info crm=hubspot portal=new": 1, "portal_info crm=hubspot portal=gone": 1, "portal_authorized portal=new": 1, "portal_authorized portal=gone": 0}
	if diff := cmp.Diff(want, among(got, "portal_info", "portal_authorized")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n, ok := got["steps portal=gone state=approved"]; !ok || n != 4 {
		t.Errorf("the steps of a portal without an audit: %v, %v", n, ok)
	}
}

// TestFailingStore shows that the state could not be read, and none of it.
func TestFailingStore(t *testing.T) {
	down := map[string]float64{"state_up ": 0}
	for _, part := range []string{"figures", "findings", "changes", "news", "syncs", "portals", "schedules", "steps", "histories"} {
		f := whole()
		f.fails = part
		if diff := cmp.Diff(down, scrape(t, f)); diff != "" {
			t.Errorf("where the %s fail (-want +got):\n%s", part, diff)
		}
	}
	f := whole()
	f.hangs = true
	if diff := cmp.Diff(down, scrape(t, f)); diff != "" {
		t.Errorf("where the store hangs (-want +got):\n%s", diff)
	}
}

// TestClosedStore is the same with a real one.
func TestClosedStore(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+t.TempDir()+"/plumbline.db", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]float64{"state_up ": 1}, scrape(t, db)); diff != "" {
		t.Errorf("an empty store (-want +got):\n%s", diff)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]float64{"state_up ": 0}, scrape(t, db)); diff != "" {
		t.Errorf("a closed store (-want +got):\n%s", diff)
	}
}

// TestHostileNames come from the CRM's users; a scrape bears them all.
func TestHostileNames(t *testing.T) {
	f := whole()
	f.results[0].Pipelines[0].Name = "A \"quoted\"\\\n# HELP x\x00 \xff\xfe name"
	got := scrape(t, f)
	if _, ok := got["pipeline_info name=A \"quoted\"\\\n# HELP x\x00 \uFFFD name pipeline=p1 portal=acme"]; !ok {
		t.Errorf("no such pipeline: %v", among(got, "pipeline_info"))
	}
}

// TestSeriesAreBounded: however many deals are wrong, the series are as many.
func TestSeriesAreBounded(t *testing.T) {
	count := func(n int) int {
		f := whole()
		f.findings[0].N, f.results[0].Pipelines[0].Stages[0].OpenDeals = n, n
		for i := range n {
			f.results[0].Findings = append(f.results[0].Findings, audit.Finding{ID: fmt.Sprint(i), Policy: "stale", Severity: audit.High, Subject: crm.Ref{ID: fmt.Sprint(i)}})
		}
		return len(scrape(t, f))
	}
	if few, many := count(1), count(5000); few != many {
		t.Errorf("%d series for 1 finding, %d for 5,000", few, many)
	}
}

func TestRequests(t *testing.T) {
	reg := prometheus.NewRegistry()
	r := NewRequests(reg)
	for _, status := range []int{200, 207, 404, 429, 503, 0, 999} {
		r.Observe("acme", "deals.list", status, 2, 0.5, 100-int64(status), "requests")
	}
	r.Observe("acme", "deals.list", 200, 0, 0, -1, "requests") // the CRM does not say what remains
	for i := range 1000 {
		r.Observe("acme", fmt.Sprintf("deals.%d", i), 200, 0, 0, -1, "requests")
	}
	got := gather(t, r.total, r.tokens, r.wait, r.budget)
	want := map[string]float64{
		"api_requests_total object=deals.list outcome=2xx portal=acme": 3, "api_requests_total object=deals.list outcome=4xx portal=acme": 1,
		"api_requests_total object=deals.list outcome=throttled portal=acme": 1, "api_requests_total object=deals.list outcome=5xx portal=acme": 1,
		"api_requests_total object=deals.list outcome=failed portal=acme": 2, "api_requests_total object=other outcome=2xx portal=acme": 1000 - 63,
		"api_tokens_total portal=acme": 14, "api_wait_seconds_total portal=acme": 3.5, "api_budget_remaining portal=acme unit=requests": 100,
	}
	for i := range mostObjects - 1 {
		want[fmt.Sprintf("api_requests_total object=deals.%d outcome=2xx portal=acme", i)] = 1
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestErrorsAreLogged: a scrape that shows nothing says why, without secrets of the store in the metrics.
func TestErrorsAreLogged(t *testing.T) {
	var log strings.Builder
	f := whole()
	f.fails = "syncs"
	gather(t, NewCollector(f, slog.New(slog.NewTextHandler(&log, nil))))
	if !strings.Contains(log.String(), "the store is closed") {
		t.Errorf("the log says %q", log.String())
	}
}
