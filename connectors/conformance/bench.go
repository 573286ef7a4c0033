package conformance

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
)

// Bench is one portal in one sandbox, on a clock that only waiting moves.
type Bench struct {
	World  *sandbox.World // as the CRM shows it
	Server *sandbox.Server
	// Client is authorised and speaks to the sandbox in process.
	Client *http.Client
	// Base is the API's URL.
	Base string

	subject Subject
	mu      sync.Mutex
	now     time.Time
	waited  time.Duration
	calls   []connectors.Call
	sent    []string // "METHOD /path" of every request
	token   string
}

// tier is what the portals of the tests pay for, where the limits are not what is tested.
const tier = "enterprise"

func newBench(t *testing.T, s Subject, world *sandbox.World) *Bench {
	t.Helper()
	b := &Bench{World: world, subject: s, now: world.Now, token: sandbox.StaticToken}
	server, err := sandbox.New(sandbox.Options{Ticks: b.clock, Tiers: map[string]string{s.Type.Name: tier}}, s.Face(world))
	if err != nil {
		t.Fatal(err)
	}
	b.Server = server
	if s.Seen != nil {
		b.World = s.Seen(world)
	}
	b.Base = "https://sandbox.test/" + s.Type.Name
	b.Client = &http.Client{Transport: bearer{b, server.Transport()}}
	return b
}

func (b *Bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// sleep moves the clock on.
func (b *Bench) sleep(ctx context.Context, d time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now, b.waited = b.now.Add(d), b.waited+d
	return ctx.Err()
}

// pass lets time pass that nobody waited for.
func (b *Bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// open opens a connector to the portal.
func (b *Bench) open(t *testing.T, change ...func(*connectors.Options)) connectors.Connector {
	t.Helper()
	o := connectors.Options{Portal: "p", APIURL: b.Base, Client: b.Client, Now: b.clock, Sleep: b.sleep, Observe: b.observe}
	for _, f := range change {
		f(&o)
	}
	c, err := b.subject.Type.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *Bench) observe(c connectors.Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, c)
}

// requests is how many requests the sandbox has had since the last call.
func (b *Bench) requests() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := int64(len(b.sent))
	b.sent = nil
	return n
}

// stored is a record as the sandbox keeps it, as JSON.
func (b *Bench) stored(t *testing.T, kind, id string) map[string]any {
	t.Helper()
	record, ok := b.Server.Face(b.subject.Type.Name).Record(kind, id)
	if !ok {
		t.Fatalf("the sandbox has no %s %s", kind, id)
	}
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// bearer authorises requests, and notes them.
type bearer struct {
	bench *Bench
	next  http.RoundTripper
}

func (a bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	a.bench.mu.Lock()
	a.bench.sent = append(a.bench.sent, req.Method+" "+strings.TrimPrefix(req.URL.Path, "/"+a.bench.subject.Type.Name))
	token := a.bench.token
	a.bench.mu.Unlock()
	req = req.Clone(req.Context())
	if header := a.bench.subject.Type.Auth.StaticHeader; header != "" {
		req.Header.Set(header, token)
	} else {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return a.next.RoundTrip(req)
}

// schema reads the portal's set-up.
func schema(t *testing.T, c connectors.Connector) crm.Schema {
	t.Helper()
	s, err := c.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pull walks over deals to the end, or to the first error.
func pull(ctx context.Context, c connectors.Connector, s crm.Schema, w crm.Work) (pages []crm.Page, err error) {
	for page, err := range c.Deals(ctx, s, w) {
		if err != nil {
			return pages, err
		}
		pages = append(pages, page)
	}
	return pages, nil
}

// deals gathers the deals of pages by id, without those that say that they are archived, and fails for one that comes twice.
func deals(t *testing.T, pages []crm.Page) map[string]crm.Deal {
	t.Helper()
	out := map[string]crm.Deal{}
	for _, p := range pages {
		for _, d := range p.Deals {
			if _, twice := out[d.ID]; twice {
				t.Errorf("deal %s came twice", d.ID)
			}
			if !d.Archived {
				out[d.ID] = d
			}
		}
		for _, f := range p.Failed {
			t.Errorf("could not be read: %s", f)
		}
	}
	return out
}
