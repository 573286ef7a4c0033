package web

import (
	"context"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
)

// fake is a source of pages.
type fake struct {
	results []*audit.Result
	syncs   map[string]*crm.Sync
	portals []store.Portal
	steps   map[string]map[remedy.State]int
	trend   *audit.Trend
	bases   []store.Baseline
	held    map[string]bool
	err     error
}

func (f *fake) Trend(context.Context, string, crm.Instant) (*audit.Trend, error) {
	return f.trend, f.err
}

func (f *fake) Baselines(context.Context, string) ([]store.Baseline, error) { return f.bases, f.err }

func (f *fake) Held(context.Context, string, crm.Instant, crm.Instant) (map[string]bool, error) {
	return f.held, f.err
}

func (f *fake) LastResults(context.Context) ([]*audit.Result, error) { return f.results, f.err }

func (f *fake) LastSync(_ context.Context, portal string) (*crm.Sync, error) {
	return f.syncs[portal], f.err
}

func (f *fake) Portals(context.Context) ([]store.Portal, error) { return f.portals, f.err }

func (f *fake) StepStates(_ context.Context, portal string) (map[remedy.State]int, error) {
	return f.steps[portal], f.err
}

func (f *fake) Ping(context.Context) error { return f.err }

// A store is what the pages are made of.
var _ Source = (*store.DB)(nil)

func ptr[T any](v T) *T { return &v }

// noon is the moment of every test.
func noon() crm.Instant { return crm.At(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)) }

// healthy is a portal of which everything was read.
func healthy() *fake {
	at := noon()
	eur := []crm.Money{{Amount: 12_500_000, Currency: "EUR"}, {Amount: 70_000, Currency: "USD"}}
	finding := func(id, name string, severity audit.Severity, amount crm.Amount) audit.Finding {
		return audit.Finding{ID: id, Policy: "stale-in-stage", Severity: severity, Subject: crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: id}, Name: name, Lead: true, Case: "c" + id,
			URL: "https://app.hubspot.com/deal/" + id, StageName: "Demo held", OwnerName: "Ada", Value: crm.Money{Amount: amount, Currency: "EUR"}}
	}
	waived := finding("w", "Accepted as it is", audit.Critical, 1)
	waived.Waived = &audit.Waiver{Reason: "agreed", Until: at.Add(30 * 24 * time.Hour)}
	return &fake{
		results: []*audit.Result{{
			Portal: "acme", CRM: "hubspot", AsOf: at, Complete: true, Score: ptr(71.4), Grade: "C", ValueAtRisk: eur, Read: map[string]crm.Count{"deals": {Expected: ptr(int64(8800)), Read: 8800}},
			ScoreParts:   []audit.ScorePart{{Family: audit.FamilyActivity, Points: 25, Lost: 7.5, Judged: 40}},
			Judged:       map[string]audit.Judged{"stale-in-stage": {Judged: 1589, Passed: 1500, Unknown: 500}, "stage-skipped": {Unknown: 2000}, "amount-missing": {Judged: 5, Passed: 5}},
			Findings:     []audit.Finding{finding("1", "Small and late", audit.Medium, 10_000), finding("2", "Grave", audit.High, 20_000), finding("3", "Big and late", audit.Medium, 90_000), waived},
			MissingNeeds: []audit.MissingNeed{{Need: "stage history", Policies: []string{"stale-in-stage", "stage-skipped"}, Records: 500, Why: "the account does not keep it", Cure: "turn it on"}},
			Pipelines: []audit.PipelineStats{{
				ID: "p", Name: "New Business", OpenDeals: 2089, OpenValue: eur, WinRate90: nil, WinRate365: ptr(0.63), AverageCycleDays: ptr(47.99), MedianCycleDays: ptr(45.0), VelocityPerDay: eur, RealisedPerDay: nil,
				WeightedForecast: []audit.ForecastPart{{Amount: "1234.5", Currency: "EUR"}},
				Stages: []audit.StageStats{
					{ID: "s", Name: "Demo held", Kind: "open", OpenDeals: 2089, OpenValue: eur, MedianDays: ptr(5.25), Conversion: ptr(0.875), ConfiguredProbability: ptr(0.4)},
					{ID: "w", Name: "Closed won", Kind: "won", ConfiguredProbability: ptr(1.0)},
				},
			}},
		}},
		syncs:   map[string]*crm.Sync{"acme": {Started: at.Add(-2 * time.Minute), Ended: at.Add(-time.Minute)}},
		portals: []store.Portal{{Name: "acme", CRM: "hubspot"}},
		steps:   map[string]map[remedy.State]int{"acme": {remedy.Proposed: 1565, remedy.Failed: 2}},
	}
}

func options(t *testing.T, s Source) Options {
	t.Helper()
	words, err := text.English([]*audit.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Source: s, Words: words, Version: "1.2.3", Log: slog.New(slog.DiscardHandler),
		Next: func(context.Context, string) (time.Time, error) { return noon().Time().Add(time.Hour), nil }}
}

// get asks a handler, and returns the answer with its body.
func get(t *testing.T, h http.Handler, path string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	r := w.Result()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

// words is what a person reads of a page: its texts, each row of a table on a line.
func words(page string) string {
	page = regexp.MustCompile(`(?s)^.*<main>|</main>.*$`).ReplaceAllString(page, "")
	page = regexp.MustCompile(`\s+`).ReplaceAllString(page, " ")
	page = regexp.MustCompile(`</(tr|div|p|li|h\d|caption|ul)>`).ReplaceAllString(page, "\n")
	page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " ")
	page = strings.ReplaceAll(html.UnescapeString(page), "\u00a0", " ")
	return regexp.MustCompile(` *\n[ \n]*`).ReplaceAllString(regexp.MustCompile(` +`).ReplaceAllString(page, " "), "\n")
}

func mustHave(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(page, l) {
			t.Errorf("the page lacks %q", l)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

func TestStatusOfAHealthyPortal(t *testing.T) {
	r, body := get(t, Handler(options(t, healthy())), "/")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%s, %s", r.Status, r.Header.Get("Content-Type"))
	}
	page := words(body)
	mustHave(t, page,
		"acme hubspot", "Score 71.4 C\n", "Open deals 2,089\n", "Deals read 8,800\n", "Value at risk 1,250 EUR + 7 USD\n",
		"Audited 22 Nov 2026 12:00 UTC\n", "Last sync 22 Nov 2026 11:59 UTC\n", "Next cycle 22 Nov 2026 13:00 UTC\n",
		"\nactivity 7.5 25 7.5 of 25 40\n", "\nproposed 1,565 wait for a decision", "\nfailed 2 refused by the CRM",
		"\nhigh stale-in-stage stale-in-stage 3 1,589 500\n", "\nhigh Grave stale-in-stage stale-in-stage Demo held Ada 2 EUR\n",
		"\nstage-skipped stage-skipped 0 0 2,000\n", "stage history: the account does not keep it (turn it on); stale-in-stage , stage-skipped for 500 records\n",
		"New Business\n", "Open 2,089 deals, 1,250 EUR + 7 USD\n", "Win rate, 365 days 63 %\n", "Win rate, 90 days –\n", "Cycle, average 48.0 d\n", "Velocity 1,250 EUR + 7 USD a day\n", "Realised –\n",
		"Forecast, as configured 1,235 EUR\n", "\nDemo held 2,089 1,250 EUR + 7 USD 5.2 d – 88 % 40 % –\n", "\nClosed won won – – – – – 100 % –\n",
	)
	for _, not := range []string{"Incomplete", "broke off", "Accepted as it is", "no longer lets us in", "amount-missing", "Portals"} {
		if strings.Contains(page, not) {
			t.Errorf("the page says %q", not)
		}
	}
	order := []int{strings.Index(page, "Grave"), strings.Index(page, "Big and late"), strings.Index(page, "Small and late")}
	if order[0] < 0 || order[0] > order[1] || order[1] > order[2] {
		t.Errorf("the worst cases stand at %v", order)
	}
}

func TestStatusOfAnIncompletePortal(t *testing.T) {
	f := healthy()
	r := f.results[0]
	r.Complete, r.Score, r.Grade, r.Findings = false, nil, "", nil
	r.Read = map[string]crm.Count{"deals": {Expected: ptr(int64(8800)), Read: 7000, Failed: 3}}
	r.Incomplete = []crm.Gap{{Object: "deals", Why: "the CRM answered 502", RetryAt: noon().Add(time.Hour)}}
	f.syncs["acme"].Completeness.Gaps = r.Incomplete
	_, body := get(t, Handler(options(t, f)), "/")
	page := words(body)
	mustHave(t, page, "Incomplete. This is not the whole portal, and no clean bill.", "deals: the CRM answered 502; it can go on at 22 Nov 2026 13:00 UTC", "Score none: the data is incomplete\n",
		"Deals read 7,000 of 8,800, 3 failed\n", "Last sync 22 Nov 2026 11:59 UTC, incomplete\n")
	if strings.Contains(page, "No findings") {
		t.Error("an outage looks like hygiene")
	}
	if !strings.Contains(body, `role="alert"`) {
		t.Error("the banner is not an alert")
	}
}

// TestStatusAfterASyncBrokeOff: the audit that is shown was whole, but what came after it failed.
func TestStatusAfterASyncBrokeOff(t *testing.T) {
	f := healthy()
	f.syncs["acme"] = &crm.Sync{Started: noon().Add(time.Hour), Ended: noon().Add(time.Hour + time.Minute), Error: "listing deals: 423 locked", Completeness: crm.Completeness{Gaps: []crm.Gap{{Object: "deals"}}}}
	_, body := get(t, Handler(options(t, f)), "/")
	mustHave(t, words(body), "The last sync broke off. listing deals: 423 locked", "What is shown here is of 22 Nov 2026 12:00 UTC.", "Last sync 22 Nov 2026 13:01 UTC, incomplete\n")

	f.syncs["acme"] = &crm.Sync{Started: noon().Add(time.Hour)}
	_, body = get(t, Handler(options(t, f)), "/")
	mustHave(t, words(body), "Last sync begun 22 Nov 2026 13:00 UTC, not at its end\n")
}

func TestStatusWithoutFindings(t *testing.T) {
	f := healthy()
	f.results[0].Findings = f.results[0].Findings[3:] // the accepted one
	_, body := get(t, Handler(options(t, f)), "/")
	mustHave(t, words(body), "\nNo findings.", "\nstale-in-stage stale-in-stage 0 1,589 500\n")
	if strings.Contains(body, "Worst cases") {
		t.Error("there is a table of no cases")
	}
	f.results[0].Score = nil
	_, body = get(t, Handler(options(t, f)), "/")
	mustHave(t, words(body), "Score none: too little could be judged\n")
}

func TestStatusBeforeAnything(t *testing.T) {
	_, body := get(t, Handler(options(t, &fake{})), "/")
	mustHave(t, words(body), "No portal is connected yet: plumbline portal connect NAME")

	f := &fake{portals: []store.Portal{{Name: "new", CRM: "hubspot"}, {Name: "gone", CRM: "hubspot", Revoked: noon().Time(), Why: "The refresh token was revoked."}}}
	_, body = get(t, Handler(options(t, f)), "/")
	page := words(body)
	mustHave(t, page, "new hubspot\nNothing has been audited yet.\nLast sync none yet\n", "gone hubspot\nThe CRM no longer lets us in. The refresh token was revoked. Connect it again: plumbline portal connect gone")
	if strings.Index(page, "gone") > strings.Index(page, "new hubspot") {
		t.Error("the portals are not in order")
	}
}

// TestSeveralPortals are listed above, each with the place where it is told of.
func TestSeveralPortals(t *testing.T) {
	f := healthy()
	broken := *f.results[0]
	broken.Portal, broken.CRM, broken.Complete, broken.Score, broken.Grade, broken.ValueAtRisk = "beta", "pipedrive", false, nil, "", nil
	f.results = append(f.results, &broken)
	f.portals = append(f.portals, store.Portal{Name: "new", CRM: "pipedrive"})
	_, body := get(t, Handler(options(t, f)), "/")
	mustHave(t, words(body), "\nacme hubspot 71.4 C 2,089 3 1,250 EUR + 7 USD complete\n", "\nbeta pipedrive – 2,089 3 – incomplete\n", "\nnew pipedrive – – – – not audited yet\n")
	for _, name := range []string{"acme", "beta", "new"} {
		if !strings.Contains(body, `<a href="#portal-`+name+`">`) || !strings.Contains(body, `<section id="portal-`+name+`"`) {
			t.Errorf("the list does not lead to %s", name)
		}
	}
}

// TestManyCases shows the worst of them and says how many there are.
func TestManyCases(t *testing.T) {
	f := healthy()
	one := f.results[0].Findings[0]
	f.results[0].Findings = nil
	for range worstRows + 12 {
		f.results[0].Findings = append(f.results[0].Findings, one)
	}
	_, body := get(t, Handler(options(t, f)), "/")
	if n := strings.Count(body, one.Name); n != worstRows {
		t.Errorf("%d cases are shown", n)
	}
	mustHave(t, words(body), "And 12 more cases: plumbline findings acme")
}

// TestHostileNames come from the CRM's users; none of them becomes markup, a script or an address that runs.
func TestHostileNames(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.Version}}`
	f := healthy()
	r := f.results[0]
	r.Portal, r.CRM, r.Incomplete, r.Complete = evil, evil, []crm.Gap{{Object: evil, Why: evil}}, false
	r.Findings[0].Name, r.Findings[0].StageName, r.Findings[0].OwnerName, r.Findings[0].Value.Currency = evil, evil, evil, evil
	r.Findings[0].URL, r.Findings[1].URL = "javascript:alert(3)", `https://x/" onmouseover="alert(4)`
	r.Pipelines[0].Name, r.Pipelines[0].Stages[0].Name, r.Pipelines[0].Stages[0].Kind = evil, evil, evil
	r.MissingNeeds[0].Why = evil
	f.portals = []store.Portal{{Name: evil, Revoked: noon().Time(), Why: evil}}
	f.syncs = map[string]*crm.Sync{evil: {Started: noon().Add(time.Hour), Error: evil}}
	f.steps = map[string]map[remedy.State]int{evil: {remedy.Proposed: 1}}
	resp, body := get(t, Handler(options(t, f)), "/")
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	for _, bad := range []string{"<script", "<img", `"javascript:`, `" onmouseover`, "alert(1)<"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	if n := strings.Count(body, "&lt;script&gt;"); n < 10 {
		t.Errorf("the name is shown %d times", n)
	}
}

func TestHeaders(t *testing.T) {
	o := options(t, healthy())
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plumbline_score 71.4\n") })
	h := Handler(o)
	for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/static/style.css", "/nothing"} {
		r, _ := get(t, h, path)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

// TestThePolicyHolds: the page asks for nothing that its own policy forbids: no script, no style within, nothing foreign.
func TestThePolicyHolds(t *testing.T) {
	h := Handler(options(t, healthy()))
	_, body := get(t, h, "/")
	for _, bad := range []string{"<script", "<style", " style=", " onclick", "@import"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	for _, m := range regexp.MustCompile(`<link [^>]*href="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		if r, css := get(t, h, m[1]); r.StatusCode != http.StatusOK || strings.Contains(css, "url(") {
			t.Errorf("%s: %s", m[1], r.Status)
		}
	}
}

func TestMetrics(t *testing.T) {
	o := options(t, healthy())
	h := Handler(o)
	if r, _ := get(t, h, "/metrics"); r.StatusCode != http.StatusNotFound {
		t.Errorf("metrics that are served elsewhere: %s", r.Status)
	}
	if _, body := get(t, h, "/"); strings.Contains(body, `href="/metrics"`) {
		t.Error("the page points to metrics that are not here")
	}
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plumbline_score 71.4\n") })
	h = Handler(o)
	if r, body := get(t, h, "/metrics"); r.StatusCode != http.StatusOK || body != "plumbline_score 71.4\n" {
		t.Errorf("%s, %q", r.Status, body)
	}
	if _, body := get(t, h, "/"); !strings.Contains(body, `href="/metrics"`) {
		t.Error("the page does not point to the metrics")
	}
}

func TestProbes(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+t.TempDir()+"/plumbline.db", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var engine error
	o := options(t, db)
	o.Ready = func(context.Context) error { return engine }
	probes := http.NewServeMux() // as on the port of the metrics
	Probes(probes, o)
	ask := func(want int, reason string) {
		t.Helper()
		for name, h := range map[string]http.Handler{"pages": Handler(o), "metrics": probes} {
			if r, body := get(t, h, "/readyz"); r.StatusCode != want || !strings.Contains(body, reason) {
				t.Errorf("%s: /readyz: %s, %q", name, r.Status, body)
			}
			if r, body := get(t, h, "/healthz"); r.StatusCode != http.StatusOK || body != "ok\n" {
				t.Errorf("%s: /healthz: %s, %q", name, r.Status, body)
			}
		}
	}
	ask(http.StatusOK, "ready")
	if r, body := get(t, Handler(o), "/"); r.StatusCode != http.StatusOK || !strings.Contains(body, "No portal is connected yet") {
		t.Errorf("an empty store: %s, %s", r.Status, body)
	}
	engine = errors.New("the job engine has not started")
	ask(http.StatusServiceUnavailable, "not ready: the job engine has not started")
	engine = nil
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	ask(http.StatusServiceUnavailable, "not ready: ask the store")
	r, body := get(t, Handler(o), "/")
	if r.StatusCode != http.StatusInternalServerError || !strings.Contains(body, "could not be read") {
		t.Errorf("the page of a closed store: %s, %q", r.Status, body)
	}
}

// TestOnlyReading: the pages change nothing, whoever asks.
func TestOnlyReading(t *testing.T) {
	h := Handler(options(t, healthy()))
	for _, path := range []string{"/", "/healthz", "/readyz"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
}

func TestStatusTellsWhatIsBesideTheFindings(t *testing.T) {
	f := healthy()
	r := f.results[0]
	days := 12.0
	f.trend = &audit.Trend{Since: noon().Add(-7 * 24 * time.Hour), AsOf: noon(), TrendCounts: audit.TrendCounts{New: 3, Resolved: 5, StillOpen: 31, Reopened: 1}, Age: audit.Spread{N: 35, MedianDays: &days, P90Days: &days, MaxDays: &days}}
	f.bases = []store.Baseline{{Portal: "acme", Name: "q3", At: noon().Add(-20 * 24 * time.Hour)}, {Portal: "acme", Name: "older"}}
	f.held = map[string]bool{"1": true, "w": true}
	r.PoliciesOff, r.PointsOff = 2, 1.25
	r.ScoreGains = []audit.ScoreGain{{Policy: "close-date-missing", Records: 37, Gain: 4.1}, {Policy: "stale-in-stage", Records: 1, Gain: 0.01}}
	r.Cases = []audit.CaseSum{{Family: audit.FamilyActivity, Cases: 20, Value: []crm.Money{{Amount: 90_000, Currency: "EUR"}}}}
	r.ValueByPolicy = map[string][]crm.Money{"stale-in-stage": {{Amount: 120_000, Currency: "EUR"}}}
	r.ValueAtStake = []crm.Money{{Amount: 130_000, Currency: "EUR"}}
	r.UnclassifiedLosses = []audit.TextCount{{Text: "blue giraffes", Deals: 4}}
	r.Findings[3].Waived = &audit.Waiver{Reason: "agreed", Until: noon().Add(3 * 24 * time.Hour)}
	_, body := get(t, Handler(options(t, f)), "/")
	mustHave(t, words(body), "Since 15 Nov 2026: 3 new, 5 resolved, 31 still open, 1 reopened; open for 12 days in the median, 12 days at most\n",
		"New since baseline q3 (2 Nov 2026 12:00 UTC): 2 findings\n", "activity 7.5 25 7.5 of 25 40 20 9 EUR\n", "2 policies off, worth 1.2 points.\n",
		"+4.1 if these 37 deals get a close date (close-date-missing)\n", "1 finding: plumbline findings acme --state waived\n",
		"stale-in-stage of Accepted as it is (w) is waived until 25 Nov 2026: agreed\n", "3 1,589 500 12 EUR\n", "Value at stake 13 EUR\n",
		"Loss reasons that nobody can classify: \"blue giraffes\" (4 deals)\n")
	if strings.Contains(body, "if this deal") {
		t.Error("a gain that rounds to nothing is shown")
	}
}
