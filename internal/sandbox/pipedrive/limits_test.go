package pipedrive_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

func plan(tier string) sandbox.Options {
	return sandbox.Options{Tiers: map[string]string{"pipedrive": tier}}
}

func TestBurst(t *testing.T) {
	for tier, most := range map[string]int{"lite": 20, "growth": 40, "premium": 100, "ultimate:3": 120} {
		s := start(t, plan(tier))
		for i := range most {
			r := s.get("/v2/deals/1001").is(200)
			if left := r.header.Get("x-ratelimit-remaining"); left != fmt.Sprint(most-1-i) {
				t.Fatalf("%s: %s left after %d", tier, left, i+1)
			}
		}
		r := s.get("/v2/deals/1001").is(429, "success", false)
		if got := r.header.Get("x-ratelimit-remaining") + r.header.Get("Retry-After"); got != "0" {
			t.Errorf("%s: remaining and Retry-After %q, want 0 and none", tier, got)
		}
		if c := s.sandbox.Counters(); c.Throttled != 1 || c.Tokens != int64(most) {
			t.Errorf("%s: %d throttled, %d tokens", tier, c.Throttled, c.Tokens)
		}
		s.ticks = s.ticks.Add(2 * time.Second)
		s.get("/v2/deals/1001").is(200)
	}
}

func TestSearchesHaveTheirOwnBurst(t *testing.T) {
	s := start(t, plan("ultimate"))
	for range 10 {
		s.get("/v2/deals/search?term=acme").is(200, "data/items/0/item/id", 1001)
	}
	s.get("/v2/deals/search?term=acme").is(429)
	s.get("/v2/deals/1001").is(200)
}

func TestDayIsByPlanAndSeats(t *testing.T) {
	for tier, want := range map[string]string{"lite:1": "30000", "growth:2": "120000", "premium": "600000", "ultimate:1": "210000", "": "240000"} {
		r := start(t, plan(tier)).get("/v2/deals").is(200) // 4 active users
		if got := r.header.Get("x-daily-ratelimit-token-limit"); got != want {
			t.Errorf("%s: %s tokens a day, want %s", tier, got, want)
		}
	}
}

func TestDayRunsOut(t *testing.T) {
	s := start(t, plan("lite:1"))
	s.tune("budget", "25")
	s.tune("retry_after", "true")
	s.get("/v2/deals").is(200)
	if got := s.get("/v2/deals").is(200).header.Get("x-daily-ratelimit-token-remaining"); got != "5" {
		t.Errorf("%s tokens remain, want 5", got)
	}
	r := s.get("/v2/deals").is(429)
	if left := r.header.Get("x-ratelimit-remaining"); left == "0" || left == "" {
		t.Errorf("a spent day looks like a burst: %s requests remain", left)
	}
	if got := r.header.Get("Retry-After"); got != "43200" {
		t.Errorf("Retry-After is %s at noon", got)
	}
	s.ticks = day(1)
	s.get("/v2/deals").is(200)
	s.tune("daily_headers", "false")
	if got := s.get("/v2/deals").is(200).header.Get("x-daily-ratelimit-token-limit"); got != "" {
		t.Errorf("the day's budget is told: %s", got)
	}
}

func TestRefusedRequestsMayBeFree(t *testing.T) {
	s := start(t, plan("lite:1"))
	s.get("/v2/deals?foo=1").is(400)
	s.get("/v2/deals/5").is(404)
	if got := s.sandbox.Counters().Tokens; got != 11 {
		t.Errorf("%d tokens, want 11", got)
	}
	s.tune("failed_calls_cost", "false")
	if got := s.get("/v2/deals/5").is(404).header.Get("x-daily-ratelimit-token-remaining"); got != "29989" {
		t.Errorf("%s tokens remain, want 29989", got)
	}
	if got := s.sandbox.Counters().Tokens; got != 11 {
		t.Errorf("%d tokens, want 11", got)
	}
}

func TestWhoIgnores429GetsThePage(t *testing.T) {
	s := start(t, plan("lite"))
	for range 20 {
		s.get("/v2/deals/1001").is(200)
	}
	for range 10 {
		s.get("/v2/deals/1001").is(429)
	}
	r := s.get("/v2/deals/1001").is(403)
	if !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.Contains(r.raw, "rate limited") {
		t.Errorf("not the page: %s", r.raw)
	}
	s.ticks = s.ticks.Add(30 * time.Second)
	s.get("/v2/deals/1001").is(403)
	s.ticks = s.ticks.Add(31 * time.Second)
	s.get("/v2/deals/1001").is(200)
}

func TestLimitBodies(t *testing.T) {
	s := start(t, sandbox.Options{Faults: "status=429:path=/api/v2"})
	for body, want := range map[string]string{"json": `"request over limit"`, "html": "<h1>429", "empty": ""} {
		s.tune("limit_body", body)
		r := s.get("/v2/deals").is(429)
		if !strings.Contains(r.raw, want) || body == "empty" && r.raw != "" {
			t.Errorf("%s: %q", body, r.raw)
		}
	}
	s.tune("reset_unix", "true")
	if got := s.get("/v2/deals").header.Get("x-ratelimit-reset"); got != fmt.Sprint(today.Add(2*time.Second).Unix()) {
		t.Errorf("reset is %s", got)
	}
}

func TestFaultBodies(t *testing.T) {
	s := start(t, sandbox.Options{})
	fail := func(status int) reply {
		if err := s.sandbox.SetFaults(fmt.Sprintf("status=%d", status)); err != nil {
			t.Fatal(err)
		}
		return s.get("/v2/deals")
	}
	fail(500).is(500, "success", false, "code", "ERR_INTERNAL_SERVER_ERROR")
	fail(503).is(503, "success", false)
	fail(401).is(401, "errorCode", 401)
	if r := fail(403).is(403); !strings.Contains(r.raw, "cloudflare") && !strings.Contains(r.raw, "Cloudflare") {
		t.Errorf("403 is %s", r.raw)
	}
	if r := fail(524).is(524); !strings.Contains(r.raw, "<html>") {
		t.Errorf("524 is %s", r.raw)
	}
	s.get("/v1/users").is(524)
	if err := s.sandbox.SetFaults("status=500"); err != nil {
		t.Fatal(err)
	}
	s.get("/v1/users").is(500, "success", false, "data", nil, "error", "Internal Server Error")
}

func TestMidnightMayBeElsewhere(t *testing.T) {
	s := start(t, plan("lite:1"))
	s.tune("budget", "10")
	s.tune("budget_zone", "America/New_York")
	s.tune("retry_after", "true")
	s.get("/v2/deals").is(200)
	s.ticks = day(1).Add(-11 * time.Hour) // 1 o'clock UTC is 21 o'clock there
	if got := s.get("/v2/deals").is(429).header.Get("Retry-After"); got != "10800" {
		t.Errorf("Retry-After is %s", got)
	}
	s.ticks = s.ticks.Add(3 * time.Hour)
	s.get("/v2/deals").is(200)
}

func TestOverdraw(t *testing.T) {
	s := start(t, plan("lite:1"))
	s.tune("budget", "15")
	s.get("/v2/deals").is(200)
	s.get("/v2/deals").is(429)
	s.tune("overdraw", "true")
	s.get("/v2/deals").is(200)
	s.get("/v2/deals/1001").is(429)
}

func TestCheckTier(t *testing.T) {
	for tier, ok := range map[string]bool{"lite": true, "growth:3": true, "ultimate": true, "pro": false, "": false, "lite:0": false, "lite:": false, "premium:x": false,
		"premium:-1": false, "premium:+1": false, "ultimate:100000": true, "ultimate:9000000000000": false, "growth:1:2": false, "Growth": false, pipedrive.Unlimited: false} {
		if err := pipedrive.CheckTier(tier); (err == nil) != ok {
			t.Errorf("%q: %v", tier, err)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	s := start(t, sandbox.Options{})
	for name, value := range map[string]string{"nothing": "1", "admin": "perhaps", "budget": "x", "ban_for": "x", "limit_body": "xml", "changelog_since": "x", "budget_zone": "Mars/One"} {
		if err := s.sandbox.Face("pipedrive").(sandbox.Tuner).Tune(name, value); err == nil {
			t.Errorf("%s=%s is taken", name, value)
		}
	}
}

// Many clients at once: nothing is lost and nothing is counted twice.
func TestManyAtOnce(t *testing.T) {
	s := start(t, sandbox.Options{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				s.patch(1001, fmt.Sprintf(`{"value":%d,"title":"by %d"}`, i*100+j, i)).is(200)
				s.get("/v2/deals?include_fields=next_activity_id").is(200)
				s.do("POST", "/v2/activities", `{"subject":"x","type":"task","deal_id":1001}`).is(200)
				s.get("/v1/deals/1001/changelog").is(200)
			}
		})
	}
	all.Wait()
	s.get("/v2/deals/1001?include_fields=undone_activities_count").is(200, "data/undone_activities_count", 3+160)
	if c := s.sandbox.Counters(); c.Writes != 320 || c.Requests["pipedrive"]["deals.update"] != 160 {
		t.Errorf("counted %+v", c)
	}
}
