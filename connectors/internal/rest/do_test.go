package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

type thing struct {
	Name string `json:"name"`
}

var get = Request{Operation: "thing", Method: "GET", Path: "/things", Lanes: []string{"burst"}}

func TestReadsAreTriedAgain(t *testing.T) {
	tests := map[string]struct {
		bad     func() (*http.Response, error)
		atLeast time.Duration
	}{
		"500":       {func() (*http.Response, error) { return reply(500, "oops"), nil }, 500 * time.Millisecond},
		"502":       {func() (*http.Response, error) { return reply(502, ""), nil }, 500 * time.Millisecond},
		"524":       {func() (*http.Response, error) { return reply(524, ""), nil }, 500 * time.Millisecond},
		"429":       {func() (*http.Response, error) { return reply(429, "{}"), nil }, time.Second},
		"429 after": {func() (*http.Response, error) { return reply(429, "{}", "Retry-After", "7"), nil }, 7 * time.Second},
		"423":       {func() (*http.Response, error) { return reply(423, "{}"), nil }, 2 * time.Second},
		"477":       {func() (*http.Response, error) { return reply(477, "{}", "Retry-After", "31"), nil }, 31 * time.Second},
		"network":   {func() (*http.Response, error) { return nil, errors.New("connection reset by peer") }, 500 * time.Millisecond},
		"cut body": {func() (*http.Response, error) {
			r := reply(200, "")
			r.Body = io.NopCloser(cut{strings.NewReader(`{"name":"a`)})
			return r, nil
		}, 500 * time.Millisecond},
		"cut JSON": {func() (*http.Response, error) { return reply(200, `{"name":"a`), nil }, 500 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, s, clock := newClient(t, func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return tt.bad()
				}
				return reply(200, `{"name":"ada"}`), nil
			})
			var got thing
			if _, err := c.Do(t.Context(), get, &got); err != nil {
				t.Fatal(err)
			}
			if got.Name != "ada" || s.n != 2 {
				t.Errorf("got %q after %d requests, want ada after 2", got.Name, s.n)
			}
			if clock.all < tt.atLeast || clock.all > tt.atLeast*3/2 {
				t.Errorf("waited %s, want %s and a little jitter", clock.all, tt.atLeast)
			}
		})
	}
}

func TestTheBodyIsSentAgain(t *testing.T) {
	var bodies []string
	c, _, _ := newClient(t, nil)
	c.retry.HTTPClient.Transport.(*transport).next = roundTrip(func(req *http.Request) (*http.Response, error) {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, string(b))
		if len(bodies) == 1 {
			return reply(503, ""), nil
		}
		return reply(200, "{}"), nil
	})
	search := Request{Operation: "search", Method: "POST", Path: "/search", Body: map[string]int{"limit": 1}, Lanes: []string{"burst"}}
	if _, err := c.Do(t.Context(), search, nil); err != nil {
		t.Fatal(err)
	}
	if len(bodies) != 2 || bodies[0] != `{"limit":1}` || bodies[0] != bodies[1] {
		t.Errorf("bodies %q, want the same one twice", bodies)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What a budget refuses is not sent, and each try is paid for.
func TestEachTryIsPaidFor(t *testing.T) {
	c, s, _ := newClient(t, func(n int, _ *http.Request) (*http.Response, error) {
		if n < 3 {
			return reply(503, ""), nil
		}
		return reply(200, "{}"), nil
	})
	left := int64(35)
	c.cfg.Spend = func(_ context.Context, r Request) error {
		if left < r.Cost {
			return &ExhaustedError{What: "the purse"}
		}
		left -= r.Cost
		return nil
	}
	costs := get
	costs.Cost = 10
	if _, err := c.Do(t.Context(), costs, nil); err != nil || s.n != 3 || left != 5 {
		t.Errorf("error %v after %d tries, %d left; want 3 tries of 10", err, s.n, left)
	}
	_, err := c.Do(t.Context(), costs, nil)
	var e *Error
	var exhausted *ExhaustedError
	if !errors.As(err, &exhausted) || !errors.As(err, &e) || e.Sent || s.n != 3 {
		t.Errorf("error %v, sent %d; want a refusal that was not sent", err, s.n)
	}
}

func TestWritesAreSentOnce(t *testing.T) {
	for name, bad := range map[string]func() (*http.Response, error){
		"500":     func() (*http.Response, error) { return reply(500, "{}"), nil },
		"429":     func() (*http.Response, error) { return reply(429, "{}"), nil },
		"423":     func() (*http.Response, error) { return reply(423, "{}"), nil },
		"network": func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		"cut":     func() (*http.Response, error) { return reply(200, `{"na`), nil },
	} {
		t.Run(name, func(t *testing.T) {
			c, s, _ := newClient(t, func(int, *http.Request) (*http.Response, error) { return bad() })
			var got thing
			_, err := c.Do(t.Context(), Request{Operation: "w", Method: "POST", Path: "/w", Body: 1, Write: true, Lanes: []string{"burst"}}, &got)
			var e *Error
			if !errors.As(err, &e) || !e.Sent || e.Tries != 1 {
				t.Errorf("error %#v, want one that was sent once", err)
			}
			if s.n != 1 {
				t.Errorf("%d requests, want 1", s.n)
			}
		})
	}
}

func TestGivingUp(t *testing.T) {
	c, s, _ := newClient(t, func(int, *http.Request) (*http.Response, error) { return reply(500, "secret body"), nil })
	_, err := c.Do(t.Context(), get, nil)
	if s.n != 1+maxFailures {
		t.Errorf("%d requests, want %d", s.n, 1+maxFailures)
	}
	if want := "GET /things: status 500 after 6 tries"; err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	c, s, _ = newClient(t, func(int, *http.Request) (*http.Response, error) { return reply(404, ""), nil })
	if _, err = c.Do(t.Context(), get, nil); err == nil || s.n != 1 {
		t.Errorf("a 404 was asked for %d times, error %v", s.n, err)
	}
	c, s, _ = newClient(t, func(int, *http.Request) (*http.Response, error) { return reply(200, `{"name":7}`), nil })
	if _, err = c.Do(t.Context(), get, &thing{}); !errors.Is(err, errNotJSON) || s.n != 1 {
		t.Errorf("JSON of another shape was asked for %d times, error %v", s.n, err)
	}
}

func TestALongRetryAfterEndsEverything(t *testing.T) {
	c, s, clock := newClient(t, func(int, *http.Request) (*http.Response, error) {
		return reply(477, "", "Retry-After", "7200"), nil
	})
	for range 2 {
		_, err := c.Do(t.Context(), get, nil)
		var e *ExhaustedError
		if !errors.As(err, &e) || !e.RetryAt.Equal(newClock().at.Add(2*time.Hour)) {
			t.Fatalf("error %v, want to be told to come back in two hours", err)
		}
	}
	if s.n != 1 || clock.all != 0 {
		t.Errorf("%d requests and %s of waiting, want 1 and none", s.n, clock.all)
	}
	clock.at = clock.at.Add(3 * time.Hour)
	if _, err := c.Do(t.Context(), get, nil); err == nil || s.n != 2 {
		t.Errorf("after the time is up %d requests, want 2", s.n)
	}
}

func TestFatalErrorsAreNotTriedAgain(t *testing.T) {
	revoked := errors.New("revoked")
	c, s, _ := newClient(t, func(int, *http.Request) (*http.Response, error) { return nil, fmt.Errorf("token: %w", revoked) })
	c.cfg.Fatal = func(err error) bool { return errors.Is(err, revoked) }
	if _, err := c.Do(t.Context(), get, nil); !errors.Is(err, revoked) || s.n != 1 {
		t.Errorf("error %v after %d requests, want revoked after 1", err, s.n)
	}
}

func TestCancelling(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, s, _ := newClient(t, func(int, *http.Request) (*http.Response, error) { cancel(); return reply(500, ""), nil })
	if _, err := c.Do(ctx, get, nil); !errors.Is(err, context.Canceled) || s.n != 1 {
		t.Errorf("error %v after %d requests, want context canceled after 1", err, s.n)
	}
}

// Whatever goes wrong, nothing that was sent or answered may show in errors and logs.
func TestNothingSecretInErrorsAndLogs(t *testing.T) {
	const secret = "s3cret"
	var log bytes.Buffer
	for name, bad := range map[string]func(req *http.Request) (*http.Response, error){
		"status": func(*http.Request) (*http.Response, error) { return reply(400, secret), nil },
		"storm":  func(*http.Request) (*http.Response, error) { return reply(500, secret), nil },
		"shape":  func(*http.Request) (*http.Response, error) { return reply(200, `{"name":{"`+secret+`":1}}`), nil },
		"syntax": func(*http.Request) (*http.Response, error) { return reply(200, secret), nil },
		"network": func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: io.EOF}
		},
		"text": func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("dial %s: refused", r.URL) },
		"header": func(r *http.Request) (*http.Response, error) {
			return nil, errors.New("bad header " + r.Header.Get("Authorization"))
		},
		"body": func(*http.Request) (*http.Response, error) {
			return nil, errors.New("cannot fetch token: 400\nResponse: " + secret)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, _ := newClient(t, nil)
			c.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			c.retry.HTTPClient.Transport.(*transport).next = roundTrip(func(req *http.Request) (*http.Response, error) {
				req = req.Clone(req.Context())
				req.Header.Set("Authorization", "Bearer "+secret)
				return bad(req)
			})
			r := get
			r.Query = url.Values{"after": {secret}}
			_, err := c.Do(t.Context(), r, &thing{})
			if err == nil {
				t.Fatal("no error")
			}
			if s := fmt.Sprintf("%v %+v", err, err); strings.Contains(s, secret) || !strings.Contains(s, "GET /things: ") {
				t.Errorf("error %q", s)
			}
		})
	}
	if strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "path=/things") {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestPages(t *testing.T) {
	next := map[string]string{"": "a", "a": "b", "b": ""}
	walk := func(from string) (seen []string, last error) {
		for page, err := range Pages(t.Context(), from, func(_ context.Context, after string) (string, string, error) {
			n, ok := next[after]
			if !ok {
				return "", "", errors.New("gone")
			}
			return "after " + after, n, nil
		}) {
			if err != nil {
				return seen, err
			}
			seen = append(seen, page)
		}
		return seen, nil
	}
	if seen, err := walk(""); err != nil || fmt.Sprint(seen) != "[after  after a after b]" {
		t.Errorf("got %v, %v", seen, err)
	}
	if seen, err := walk("b"); err != nil || len(seen) != 1 {
		t.Errorf("resumed walk gave %v, %v", seen, err)
	}
	next["b"] = "b"
	if seen, err := walk(""); err == nil || len(seen) != 3 {
		t.Errorf("a list that names itself gave %v, %v", seen, err)
	}
	next["b"], next["c"] = "c", "a"
	if seen, err := walk(""); err == nil || len(seen) > 20 {
		t.Errorf("a list that goes round in a circle gave %v, %v", seen, err)
	}
}
