package pipedrive_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/pipedrive"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// account is a Pipedrive account in a sandbox, on a clock that only waiting moves.
type account struct {
	*sandbox.Server
	world *sandbox.World

	mu       sync.Mutex
	now      time.Time
	requests int64
	tokens   int64
	calls    []connectors.Call
}

func newAccount(t testing.TB, world *sandbox.World, tier string, set ...face.Option) *account {
	t.Helper()
	a := &account{world: world, now: world.Now}
	server, err := sandbox.New(sandbox.Options{Ticks: a.clock, Tiers: map[string]string{"pipedrive": tier}}, face.New(world, set...))
	if err != nil {
		t.Fatal(err)
	}
	a.Server = server
	return a
}

func (a *account) clock() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

func (a *account) sleep(ctx context.Context, d time.Duration) error {
	a.pass(d)
	return ctx.Err()
}

// pass lets time pass.
func (a *account) pass(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

func (a *account) observe(c connectors.Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, c)
	a.requests++
	a.tokens += c.Tokens
}

// spent is what was spent since the last call: requests and tokens, by our own count.
func (a *account) spent() (requests, tokens int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	requests, tokens = a.requests, a.tokens
	a.requests, a.tokens = 0, 0
	return requests, tokens
}

type authorised struct{ next http.RoundTripper }

func (a authorised) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("x-api-token", sandbox.StaticToken)
	return a.next.RoundTrip(req)
}

// open opens a connection of its own, with an empty memory.
func (a *account) open(t testing.TB, change ...func(*connectors.Options)) connectors.Connector {
	t.Helper()
	o := connectors.Options{
		Portal: "p", APIURL: "https://sandbox.test/pipedrive", Client: &http.Client{Transport: authorised{a.Transport()}},
		Log: slog.New(slog.DiscardHandler), Now: a.clock, Sleep: a.sleep, Observe: a.observe,
	}
	for _, f := range change {
		f(&o)
	}
	c, err := pipedrive.Type().Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func schema(t testing.TB, c connectors.Connector) crm.Schema {
	t.Helper()
	s, err := c.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pull walks to the end, or to the first error.
func pull(ctx context.Context, c connectors.Connector, s crm.Schema, w crm.Work) (map[string]crm.Deal, []crm.Page, error) {
	deals := map[string]crm.Deal{}
	var pages []crm.Page
	for page, err := range c.Deals(ctx, s, w) {
		if err != nil {
			return deals, pages, err
		}
		pages = append(pages, page)
		for _, d := range page.Deals {
			deals[d.ID] = d
		}
	}
	return deals, pages, nil
}
