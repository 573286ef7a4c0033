package hubspot_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

func TestBurstLimits(t *testing.T) {
	for _, c := range []struct {
		tier  string
		oauth bool
		most  int
	}{{"free", false, 100}, {"starter", false, 100}, {"", false, 190}, {"enterprise", false, 190}, {"pro", true, 110}} {
		t.Run(fmt.Sprint(c.tier, c.oauth), func(t *testing.T) {
			s := start(t, sandbox.Options{Tiers: map[string]string{"hubspot": c.tier}})
			if c.oauth {
				s.connect("crm.objects.deals.read")
			}
			for i := range c.most {
				r := s.do("GET", "/account-info/2026-09/details", nil).is(200)
				if got, want := r.header.Get("X-HubSpot-RateLimit-Remaining"), fmt.Sprint(c.most-1-i); got != want {
					t.Fatalf("remaining %s, want %s", got, want)
				}
			}
			s.ticks = today.Add(9 * time.Second)
			r := s.do("GET", "/account-info/2026-09/details", nil).is(429, "policyName", "TEN_SECONDLY_ROLLING",
				"message", "You have reached your ten_secondly_rolling limit.", "errorType", "RATE_LIMIT", "category", nil)
			if r.header.Get("Retry-After") != "" || r.header.Get("X-HubSpot-RateLimit-Max") != fmt.Sprint(c.most) {
				t.Errorf("headers %v", r.header)
			}
			if daily := r.header.Get("X-HubSpot-RateLimit-Daily"); c.oauth && daily != "" {
				t.Errorf("an OAuth token is told the daily limit %s", daily)
			}
			s.ticks = today.Add(10 * time.Second)
			s.do("GET", "/account-info/2026-09/details", nil).is(200)
			if n := s.sandbox.Counters().Throttled; n != 1 {
				t.Errorf("%d throttled", n)
			}
		})
	}
}

func TestDailyHeadersOfStaticTokens(t *testing.T) {
	s := start(t, sandbox.Options{Tiers: map[string]string{"hubspot": "starter"}})
	r := s.do("GET", dealsPath, nil).is(200)
	if got := r.header.Get("X-HubSpot-RateLimit-Daily") + " " + r.header.Get("X-HubSpot-RateLimit-Daily-Remaining"); got != "250000 249999" {
		t.Error(got)
	}
}

func TestSearchLimit(t *testing.T) {
	s := start(t, sandbox.Options{Tiers: map[string]string{"hubspot": "pro"}})
	for range 5 {
		r := s.do("POST", dealsPath+"/search", m{}).is(200)
		for name := range r.header {
			if strings.HasPrefix(strings.ToLower(name), "x-hubspot-ratelimit") {
				t.Errorf("a search tells %s", name)
			}
		}
	}
	s.do("POST", "/crm/objects/2026-09/companies/search", m{}).is(429, "policyName", "SECONDLY", "message", "You have reached your secondly limit.")
	s.ticks = today.Add(time.Second)
	s.do("POST", dealsPath+"/search", m{}).is(200)
}

func TestFaultBodies(t *testing.T) {
	s := start(t, sandbox.Options{})
	fault := func(rule string) {
		t.Helper()
		s.send("PUT", "/control/faults", rule).is(204)
	}
	fault("status=423")
	s.do("GET", dealsPath, nil).is(423, "status", "error")
	fault("status=477")
	if after := s.do("GET", dealsPath, nil).is(477, "category", "MIGRATION_IN_PROGRESS").header.Get("Retry-After"); after != "2" {
		t.Errorf("Retry-After %q", after)
	}
	fault("status=502")
	if r := s.do("GET", dealsPath, nil).is(502); r.raw != "" {
		t.Errorf("502 says %q to one who wants JSON", r.raw)
	}
	fault("status=429")
	s.do("GET", dealsPath, nil).is(429, "policyName", "TEN_SECONDLY_ROLLING")
	fault("status=401")
	s.do("GET", dealsPath, nil).is(401, "category", "EXPIRED_AUTHENTICATION")
	s.connect("crm.objects.deals.read") // authorization is spared
	fault("status=500:path=/oauth")
	s.form("/oauth/2026-09/token").is(500)
	fault("")
	s.do("GET", dealsPath, nil).is(200)
}

func TestNotFoundIsHTML(t *testing.T) {
	s := start(t, sandbox.Options{})
	if r := s.do("GET", pipelinesPath+"/none", nil).is(404); r.raw != "" {
		t.Errorf("body %q", r.raw)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+"/hubspot"+pipelinesPath+"/none", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if r := s.finish(req).is(404); !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
		t.Errorf("%v", r.header)
	}
	s.do("GET", "/crm/nowhere", nil).is(404)
	if n := s.sandbox.Counters().Requests["hubspot"]["other"]; n != 1 {
		t.Errorf("%d others", n)
	}
}

// TestConcurrentUse has many clients read and write at once; the race detector and the counters judge it.
func TestConcurrentUse(t *testing.T) {
	s := start(t, sandbox.Options{}, hubspot.With("search_lag", "1s"))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 20 {
				s.do("PATCH", dealsPath+"/1001", m{"properties": m{"amount": fmt.Sprint(i*100 + n), "dealstage": []string{"demo", "qualify"}[n%2]}}).is(200)
				s.do("GET", dealsPath+"?limit=50&propertiesWithHistory=dealstage&properties=notes_last_contacted&associations=contacts", nil).is(200)
				s.do("POST", dealsPath+"/search", m{"filterGroups": l{m{"filters": l{m{"propertyName": "amount", "operator": "HAS_PROPERTY"}}}}}).is(200)
				s.do("POST", "/crm/objects/2026-09/tasks", taskBody("1001", "2026-09-05")).is(201)
				if n == 10 && i == 0 {
					s.send("GET", "/control/records/hubspot/deals/1001", nil).is(200)
				}
			}
		})
	}
	wg.Wait()
	if n := s.sandbox.Counters().Writes; n != 8*20*2 {
		t.Errorf("%d writes", n)
	}
}
