package rest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a clock that only sleeping moves.
type clock struct {
	mu  sync.Mutex
	at  time.Time
	all time.Duration // slept in all
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.all = c.at.Add(d), c.all+d
	return ctx.Err()
}

func (c *clock) clock() Clock { return Clock{Now: c.now, Sleep: c.sleep} }

// crm answers requests with a function.
type crm func(n int, req *http.Request) (*http.Response, error)

type server struct {
	mu     sync.Mutex
	n      int
	answer crm
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	return s.answer(s.n, req)
}

func reply(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// cut is a body that ends too early.
type cut struct{ io.Reader }

func (c cut) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// newClient makes a client whose CRM answers with a function, on a clock of its own.
func newClient(t *testing.T, answer crm) (*Client, *server, *clock) {
	t.Helper()
	c, s := newClock(), &server{answer: answer}
	pace := NewPace("p", c.clock(), nil, Limit{Lane: "burst", Max: 100, Per: 10 * time.Second, Share: 0.96})
	return New(Config{
		Base: "https://crm.test", Client: &http.Client{Transport: s}, Pace: pace,
		Read: func(status int, h http.Header, _ []byte) Signal {
			g := Signal{Max: -1, Remaining: -1, RetryAfter: RetryAfter(h, c.now())}
			if status == http.StatusTooManyRequests {
				g.Throttled = "burst"
			}
			return g
		},
	}), s, c
}
