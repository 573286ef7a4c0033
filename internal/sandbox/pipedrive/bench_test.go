package pipedrive_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// walk reads a list to its end, in process, and returns how many records it has and how many requests it took.
func walk(tb testing.TB, s *sandbox.Server, query string) (records, requests int) {
	tb.Helper()
	for cursor := ""; ; {
		req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://sandbox/pipedrive/api/v2/"+query+cursor, nil)
		if err != nil {
			tb.Fatal(err)
		}
		req.Header.Set("x-api-token", sandbox.StaticToken)
		resp, err := s.Transport().RoundTrip(req)
		if err != nil {
			tb.Fatal(err)
		}
		var page struct {
			Data       []json.RawMessage `json:"data"`
			Additional struct {
				Next *string `json:"next_cursor"`
			} `json:"additional_data"`
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			tb.Fatalf("%d %v %s", resp.StatusCode, err, text)
		}
		if err := json.Unmarshal(text, &page); err != nil {
			tb.Fatal(err)
		}
		records += len(page.Data)
		requests++
		if page.Additional.Next == nil {
			return records, requests
		}
		cursor = "&cursor=" + *page.Additional.Next
	}
}

func newBig(tb testing.TB, n int) *sandbox.Server {
	tb.Helper()
	world := sandbox.Generate(sandbox.GenOptions{Deals: n, Seed: 3})
	s, err := sandbox.New(sandbox.Options{Clock: world.Now, Tiers: map[string]string{"pipedrive": "ultimate:1"}}, pipedrive.New(world))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// A full pull of 10,000 deals costs what the documents say: requests and tokens by pages of 500.
func TestCostOfAFullPull(t *testing.T) {
	s := newBig(t, 10_000)
	records, requests := walk(t, s, "deals?limit=500&status=open,won,lost,deleted&include_fields=last_incoming_mail_time")
	if records != 10_000 || requests != 20 {
		t.Errorf("%d deals in %d requests", records, requests)
	}
	if archived, _ := walk(t, s, "deals/archived?limit=500"); archived != 100 {
		t.Errorf("%d archived", archived)
	}
	if got := s.Counters().Tokens; got != 20*10+20 {
		t.Errorf("%d tokens", got)
	}
	if got := s.Counters().Requests["pipedrive"]["deals.list"]; got != 20 {
		t.Errorf("%d lists", got)
	}
}

func BenchmarkStart10000(b *testing.B) {
	world := sandbox.Generate(sandbox.GenOptions{Deals: 10_000, Seed: 3})
	for b.Loop() {
		if _, err := sandbox.New(sandbox.Options{Clock: world.Now}, pipedrive.New(world)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWalk10000(b *testing.B) {
	s := newBig(b, 10_000)
	if err := s.Face("pipedrive").(sandbox.Tuner).Tune("budget", "2000000000"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		s.SetClock(s.Now().Add(60_000_000_000)) // past the burst limit
		b.StartTimer()
		walk(b, s, "deals?limit=500&sort_by=update_time&include_fields=last_activity_id,next_activity_id,last_incoming_mail_time,last_outgoing_mail_time")
	}
}
