package hubspot

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

const missingScopes = `{"status":"error","category":"MISSING_SCOPES","message":"secret","errors":[{"message":"secret","context":{"requiredGranularScopes":["b.read","a.read","b.read"]}}]}`

func TestErrorsByStatus(t *testing.T) {
	tests := []struct {
		status int
		body   string
		is     error
		text   string
	}{
		{401, `{"category":"EXPIRED_AUTHENTICATION","message":"secret"}`, connectors.ErrUnauthorized, "status 401"},
		{404, `<html>secret</html>`, connectors.ErrNotFound, "status 404"},
		{500, `secret`, connectors.ErrUnavailable, "status 500 after 6 tries"},
		{423, `secret`, connectors.ErrUnavailable, "status 423 after 6 tries"},
		{403, missingScopes, nil, "missing scope a.read or b.read"},
		{403, `{"category":"MISSING_SCOPES","context":{"requiredGranularScopes":["a.read"]}}`, nil, "missing scope a.read"},
		{403, `{}`, nil, "does not say which"},
		{400, `{"category":"VALIDATION_ERROR","message":"secret"}`, nil, "status 400"},
		{429, `{"policyName":"TEN_SECONDLY_ROLLING","message":"You have reached your ten_secondly_rolling limit."}`, nil, "rate limit"},
		{429, `{"policyName":"DAILY","message":"You have reached your daily limit."}`, nil, "2026-11-23T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, tt.text), func(t *testing.T) {
			c := opened(t, func(*http.Request, []byte) (int, any) { return tt.status, tt.body })
			_, err := c.listPipelines(t.Context())
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Fatalf("error %v, want %v", err, tt.is)
			}
			if s := err.Error(); !strings.Contains(s, tt.text) || strings.Contains(s, "secret") || !strings.Contains(s, "reading pipelines") {
				t.Errorf("error %q, want %q in it", s, tt.text)
			}
			var scope *connectors.ScopeError
			if errors.As(err, &scope) != (tt.status == 403) {
				t.Errorf("%v is a ScopeError: %v", err, scope != nil)
			}
			var limit *connectors.LimitError
			if errors.As(err, &limit) != (tt.status == 429) {
				t.Errorf("%v is a LimitError: %v", err, limit != nil)
			}
		})
	}
}

// A 429 for the day is final until midnight in the portal's zone: nothing more is sent.
func TestTheDailyLimitEndsEverything(t *testing.T) {
	n := 0
	c := opened(t, func(*http.Request, []byte) (int, any) {
		n++
		return 429, `{"policyName":"DAILY"}`
	})
	c.setZone("America/New_York")
	for range 3 {
		_, err := c.listPipelines(t.Context())
		var limit *connectors.LimitError
		if !errors.As(err, &limit) || limit.RetryAt.UTC().Format(time.RFC3339) != "2026-11-23T05:00:00Z" {
			t.Errorf("error %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	r := c.Apply(t.Context(), testSchema(), []crm.Edit{{Key: "k", Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindDeal, ID: "1"}, After: crm.Fields{"amount": "1"}}})
	if r[0].Outcome != crm.OutcomeRejected || !r[0].Again || n != 1 {
		t.Errorf("receipt %+v after %d requests: nothing was sent, so it can be sent again", r[0], n)
	}
}

func TestSignals(t *testing.T) {
	c := opened(t, nil)
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	const p = "X-HubSpot-RateLimit-"
	tests := []struct {
		name   string
		status int
		header http.Header
		body   string
		want   func(rest.Signal) bool
	}{
		{"no headers", 200, header(), "", func(s rest.Signal) bool { return s.Max == -1 && s.Remaining == -1 && s.Per == 0 && s.Exhausted == "" }},
		{"all", 200, header(p+"Max", "190", p+"Remaining", "7", p+"Interval-Milliseconds", "10000"), "", func(s rest.Signal) bool { return s.Max == 190 && s.Remaining == 7 && s.Per == 10*time.Second }},
		{"nonsense", 200, header(p+"Max", "-3", p+"Interval-Milliseconds", "much"), "", func(s rest.Signal) bool { return s.Max == -1 && s.Per == 0 }},
		{"the day is nearly used up", 200, header(p+"Daily", "250000", p+"Daily-Remaining", "24999"), "", func(s rest.Signal) bool { return s.Exhausted != "" }},
		{"the day is young", 200, header(p+"Daily", "250000", p+"Daily-Remaining", "25000"), "", func(s rest.Signal) bool { return s.Exhausted == "" }},
		{"burst", 429, header(), `{"policyName":"TEN_SECONDLY_ROLLING"}`, func(s rest.Signal) bool { return s.Throttled == laneBurst }},
		{"burst, by message", 429, header(), `{"message":"You have reached your ten_secondly_rolling limit."}`, func(s rest.Signal) bool { return s.Throttled == laneBurst }},
		{"search", 429, header(), `{"message":"You have reached your secondly limit."}`, func(s rest.Signal) bool { return s.Throttled == laneSearch }},
		{"unreadable", 429, header("Retry-After", "3"), `<html>`, func(s rest.Signal) bool { return s.Throttled == laneBurst && s.RetryAfter == 3*time.Second }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if s := c.signal(tt.status, tt.header, []byte(tt.body)); !tt.want(s) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Reasons of real refusals: codes and names, never a value.
func TestReasonsOfRealRefusals(t *testing.T) {
	tests := []struct{ file, want string }{
		{"batch__update__contacts__err-many-invalid-properties.json", "status 400: VALIDATION_ERROR, PROPERTY_DOESNT_EXIST (first000name), PROPERTY_DOESNT_EXIST (last000name)"},
		{"batch__update__contacts__err-duplicate-ids.json", "status 400: VALIDATION_ERROR"},
		{"metadata-err-schemas-scope.json", "status 400: MISSING_SCOPES"},
	}
	for _, tt := range tests {
		if got := reason(400, told(rest.Reply{Body: fixture(t, tt.file)})); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.file, got, tt.want)
		}
	}
	if got := scopes(told(rest.Reply{Body: fixture(t, "metadata-err-schemas-scope.json")})); fmt.Sprint(got) != "[custom-object-read]" {
		t.Errorf("scopes %v", got)
	}
	var b batch
	if err := json.Unmarshal(fixture(t, "batch__update__contacts__err-partial-success.json"), &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Results) != 1 || b.Results[0].bad != nil || b.Results[0].ID != "171591000199" {
		t.Errorf("results %+v", b.Results)
	}
	if p, ok := refusals(b.Errors, "ids")["unknownIdentifier888"]; !ok || reason(0, p) != "OBJECT_NOT_FOUND" {
		t.Errorf("refusals %+v", b.Errors)
	}
}

// A batch is cut in halves only where nothing of it was written.
func TestBisecting(t *testing.T) {
	edits := make([]crm.Edit, 16)
	for i := range edits {
		edits[i] = crm.Edit{Key: fmt.Sprint(i), Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindDeal, ID: fmt.Sprint(i)}, After: crm.Fields{"amount": "1"}}
	}
	for status, requests := range map[int]int{400: 9, 403: 1, 429: 1, 500: 1, 504: 1} {
		n := 0
		c := opened(t, func(_ *http.Request, body []byte) (int, any) {
			n++
			var in batchInput
			if err := json.Unmarshal(body, &in); err != nil {
				t.Fatal(err)
			}
			var results []any
			for _, i := range in.Inputs {
				if i.ID == "11" {
					return status, `{"category":"VALIDATION_ERROR"}`
				}
				results = append(results, map[string]any{"id": i.ID, "properties": i.Properties})
			}
			return 200, map[string]any{"results": results}
		})
		rejected, unknown, applied := 0, 0, 0
		for _, r := range c.Apply(t.Context(), testSchema(), edits) {
			switch r.Outcome {
			case crm.OutcomeRejected:
				rejected++
			case crm.OutcomeUnknown:
				unknown++
			case crm.OutcomeApplied:
				applied++
			}
		}
		if n != requests {
			t.Errorf("status %d: %d requests, want %d", status, n, requests)
		}
		if status == 400 && (rejected != 1 || applied != 15) || status >= 500 && unknown != 16 || status == 403 && rejected != 16 {
			t.Errorf("status %d: %d rejected, %d unknown, %d applied", status, rejected, unknown, applied)
		}
	}
}

// What the answer to a write does not name is unknown, not done.
func TestAnswersThatLeaveSomethingOut(t *testing.T) {
	edits := []crm.Edit{
		{Key: "a", Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindDeal, ID: "1"}, After: crm.Fields{"amount": "1"}},
		{Key: "b", Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindDeal, ID: "2"}, After: crm.Fields{"amount": "1"}},
		{Key: "c", Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindDeal, ID: "3"}, After: crm.Fields{"amount": "1"}},
	}
	c := opened(t, func(*http.Request, []byte) (int, any) {
		return 207, `{"results":[{"id":"1","properties":{"amount":"1"}}],"numErrors":1,"errors":[{"category":"OBJECT_NOT_FOUND","context":{"ids":["2"]}}]}`
	})
	got := c.Apply(t.Context(), testSchema(), edits)
	if got[0].Outcome != crm.OutcomeApplied || got[1].Outcome != crm.OutcomeRejected || got[1].Why != "OBJECT_NOT_FOUND" || got[2].Outcome != crm.OutcomeUnknown {
		t.Errorf("receipts %+v", got)
	}
}

func TestKeys(t *testing.T) {
	for text, want := range map[string][2]string{
		withKey("Call them.\nToday.", "0f3a.undo"): {"Call them.\nToday.", "0f3a.undo"},
		withKey("", "0f"):                          {"", "0f"},
		"<p>Call.</p><p>plumbline:0f</p>":          {"<p>Call.</p>", "0f"},
		"Call.<br>plumbline:0f\n":                  {"Call.", "0f"},
		"plumbline:0f is not at the end":           {"plumbline:0f is not at the end", ""},
		`<div dir="auto"><p>Call.</p><p style="margin:0;">plumbline:0f&nbsp;</p></div>`: {`<div dir="auto"><p>Call.</p>`, "0f"},
		"":                                 {"", ""},
		"Made by Plumbline (plumbline:0f)": {"Made by Plumbline (", "0f"},
	} {
		if rest, key := cutKey(text); rest != want[0] || key != want[1] {
			t.Errorf("%q gives %q and %q, want %q", text, rest, key, want)
		}
	}
}

func TestPathsNameTheVersion(t *testing.T) {
	for _, p := range []string{pathDeals, pathTasks, pathPipelines, pathProperties, pathOwners, pathAssociations, pathAccount} {
		if !strings.Contains(p, "/"+Version) {
			t.Errorf("%s does not name version %s", p, Version)
		}
	}
}
