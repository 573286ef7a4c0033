package rest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// worst is the largest number of times within any span of a length.
func worst(times []time.Time, per time.Duration) int {
	most := 0
	for i := range times {
		n := 0
		for j := i; j < len(times) && times[j].Sub(times[i]) < per; j++ {
			n++
		}
		most = max(most, n)
	}
	return most
}

func TestAWindowNeverHoldsMoreThanTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := newClock()
		limit := rapid.Int64Range(1, 30).Draw(t, "limit")
		pace := NewPace("p", clock.clock(), nil, Limit{Lane: "burst", Max: limit, Per: 10 * time.Second, Share: 1})
		var sent []time.Time
		for range rapid.IntRange(1, 120).Draw(t, "n") {
			_, release, err := pace.wait(context.Background(), []string{"burst"}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			sent = append(sent, clock.now())
			clock.at = clock.at.Add(time.Duration(rapid.Int64Range(0, 2000).Draw(t, "latency")) * time.Millisecond)
			release()
		}
		if got := worst(sent, 10*time.Second); int64(got) > limit {
			t.Fatalf("%d requests within a span that takes %d", got, limit)
		}
	})
}

// 206 requests of a full pull of 10,000 deals at 110 per 10 s must not take more than 1.05 times what the limit allows.
func TestThePaceUsesTheLimit(t *testing.T) {
	c, s, clock := newClient(t, func(int, *http.Request) (*http.Response, error) { return reply(200, "{}"), nil })
	c.cfg.Read = func(int, http.Header, []byte) Signal { return Signal{Max: 110, Remaining: -1, Per: 10 * time.Second} }
	for range 1106 {
		if _, err := c.Do(t.Context(), get, nil); err != nil {
			t.Fatal(err)
		}
	}
	allowed := time.Duration(float64(s.n) / 110 * float64(10*time.Second))
	if clock.all > allowed*105/100 {
		t.Errorf("%d requests took %s, more than 1.05 times the %s that the limit allows", s.n, clock.all, allowed)
	}
}

func TestThrottlingSlowsDownAndRecovers(t *testing.T) {
	c, _, clock := newClient(t, func(n int, _ *http.Request) (*http.Response, error) {
		if n == 10 {
			return reply(429, "{}"), nil
		}
		return reply(200, "{}"), nil
	})
	lane := c.cfg.Pace.lanes["burst"]
	for range 10 {
		if _, err := c.Do(t.Context(), get, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := lane.count(); got != 76 {
		t.Errorf("after a 429 the lane uses %d, want 76 (four fifths of 96)", got)
	}
	for range 40 {
		clock.at = clock.at.Add(time.Second)
		if _, err := c.Do(t.Context(), get, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := lane.count(); got != 96 {
		t.Errorf("40 s later the lane uses %d, want 96 again", got)
	}
}

// Another process of the same app has used 90 of 100: what is left but for the headroom is 6, one of which was ours.
func TestWhatOthersUseIsCounted(t *testing.T) {
	left := int64(10)
	c, _, clock := newClient(t, func(int, *http.Request) (*http.Response, error) { return reply(200, "{}"), nil })
	c.cfg.Read = func(int, http.Header, []byte) Signal {
		left--
		return Signal{Max: 100, Remaining: left, Per: 10 * time.Second}
	}
	for i := range 7 {
		if _, err := c.Do(t.Context(), get, nil); err != nil {
			t.Fatal(err)
		}
		if waited := clock.all > 0; waited != (i == 6) {
			t.Errorf("request %d of 7 waited: %v", i+1, waited)
		}
	}
}

// ledger is the simplest true ledger.
type ledger struct {
	mu    sync.Mutex
	taken map[string]int64
	takes int
}

func (l *ledger) Take(_ context.Context, portal, window string, want, limit int64) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.takes++
	k := portal + " " + window
	n := max(0, min(want, limit-l.taken[k]))
	l.taken[k] += n
	return n, nil
}

func TestTwoPacesShareALedger(t *testing.T) {
	clock := newClock()
	l := &ledger{taken: map[string]int64{}}
	limit := Limit{Lane: "burst", Max: 20, Per: 10 * time.Second, Share: 1}
	a, b := NewPace("p", clock.clock(), l, limit), NewPace("p", clock.clock(), l, limit)
	perWindow := map[int64]int{}
	for i := range 60 {
		p := a
		if i%2 == 1 {
			p = b
		}
		_, release, err := p.wait(t.Context(), []string{"burst"}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		release()
		perWindow[clock.now().Unix()/10]++
	}
	for w, n := range perWindow {
		if n > 20 {
			t.Errorf("window %d: %d requests, of 20", w, n)
		}
	}
	if len(perWindow) < 3 || len(perWindow) > 4 {
		t.Errorf("60 requests took %d windows of 20", len(perWindow))
	}
	if l.takes > 40 {
		t.Errorf("the ledger was asked %d times for 60 requests: blocks are not used", l.takes)
	}
}

// In real time (here: that of a bubble), with many callers at once.
func TestManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []time.Time
		pace := NewPace("p", Clock{}, nil, Limit{Lane: "burst", Max: 10, Per: time.Second, Share: 1})
		c := New(Config{Base: "https://crm.test", Pace: pace, Client: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			mu.Lock()
			seen = append(seen, time.Now())
			n := len(seen)
			mu.Unlock()
			time.Sleep(30 * time.Millisecond)
			if n%7 == 0 {
				return reply(500, ""), nil
			}
			return reply(200, "{}"), nil
		})}})
		var wg sync.WaitGroup
		errs := make(chan error, 50)
		for range 50 {
			wg.Go(func() {
				_, err := c.Do(t.Context(), get, nil)
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if got := worst(seen, time.Second); got > 10 {
			t.Errorf("%d requests within a second that takes 10", got)
		}
	})
}

func TestACallThatWaitsCanBeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := NewPace("p", Clock{}, nil, Limit{Lane: "burst", Max: 1, Per: time.Hour, Share: 1})
		_, release, err := pace.wait(t.Context(), []string{"burst"}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		release()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, _, err = pace.wait(ctx, []string{"burst"}, time.Time{}); fmt.Sprint(err) != "context deadline exceeded" {
			t.Errorf("error %v, want the deadline's", err)
		}
	})
}
