package hubspot_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

// bigWorld has n deals of the shape of the small world's first one.
func bigWorld(n int) *sandbox.World {
	world := smallWorld()
	model := world.Deals[0]
	world.Deals = nil
	for i := range n {
		d := model
		d.ID, d.Created = fmt.Sprint(1_000_000+i), model.Created.Add(time.Duration(i)*time.Second)
		world.Deals = append(world.Deals, d)
	}
	return world
}

func newBig(tb testing.TB, n int) *sandbox.Server {
	tb.Helper()
	s, err := sandbox.New(sandbox.Options{Clock: today, Tiers: map[string]string{"hubspot": hubspot.Unlimited}}, hubspot.New(bigWorld(n)))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// call sends a request in process and returns the body.
func call(tb testing.TB, s *sandbox.Server, method, path, body string) string {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, "http://sandbox/hubspot"+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+sandbox.StaticToken)
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		tb.Fatalf("%d %v %s", resp.StatusCode, err, text)
	}
	return string(text)
}

const fullPage = dealsPath + "?limit=50&propertiesWithHistory=dealstage&associations=companies&properties=dealname,pipeline,dealstage,amount," +
	"deal_currency_code,closedate,hubspot_owner_id,closed_lost_reason,hs_object_source,notes_last_contacted,notes_next_activity_date," +
	"hs_sales_email_last_replied,hs_latest_meeting_activity,hs_v2_date_entered_current_stage,hs_primary_associated_company,hs_merged_object_ids"

func BenchmarkStart10000(b *testing.B) {
	for b.Loop() {
		newBig(b, 10_000)
	}
}

func BenchmarkWalk10000(b *testing.B) {
	s := newBig(b, 10_000)
	for b.Loop() {
		for page := range 200 {
			call(b, s, "GET", fmt.Sprint(fullPage, "&after=", 999_999+page*50), "")
		}
	}
}

func BenchmarkSearch10000(b *testing.B) {
	s := newBig(b, 10_000)
	for b.Loop() {
		call(b, s, "POST", dealsPath+"/search", `{"filterGroups":[{"filters":[{"propertyName":"hs_lastmodifieddate","operator":"GTE","value":"2026-08-31T00:00:00Z"}]}],
			"sorts":[{"propertyName":"hs_lastmodifieddate","direction":"ASCENDING"}],"limit":200}`)
	}
}
