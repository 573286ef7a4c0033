package hubspot

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
)

// The lanes of the pace: every request counts against the first, searches against both.
const (
	laneBurst  = "burst"
	laneSearch = "search"
)

// The limits until an answer tells better: those of the smallest subscription. HubSpot's search limit is one of the
// account, shared by all its programs, so one of its five a second is left to them.
const (
	burstMax, burstPer, burstShare    = 100, 10 * time.Second, 0.96
	searchMax, searchPer, searchShare = 5, time.Second, 0.8
	dailyReserve                      = 10 // of the daily limit, a tenth is left to the customer's other programs
)

// Type returns HubSpot as a kind of CRM.
func Type() connectors.Type {
	return connectors.Type{Name: "hubspot", Open: Open, Auth: connectors.Auth{
		Authorize: "/oauth/authorize", Token: "/oauth/" + Version + "/token",
		Scopes: []string{scopeAccount, scopeDeals},
		Optional: []string{scopeOwners, scopeWriteDeals, scopeSchemas, scopeWriteProperty, scopeTasks, scopeWriteTasks,
			scopeMails, scopeQuotes, scopeLineItems, scopeRules},
		AccountField: "hub_id", ScopesField: "scopes",
	}}
}

// reader reads a portal. It has no method that can change one.
type reader struct {
	opts  connectors.Options
	rest  *rest.Client
	clock rest.Clock
	// at is the account's time zone, known once a schema was read or given.
	at atomic.Pointer[time.Location]

	mu         sync.Mutex
	properties map[string]property // of deals, as last read
}

// editor reads and writes a portal.
type editor struct{ *reader }

var (
	_ connectors.Connector = (*reader)(nil)
	_ connectors.Counter   = (*reader)(nil)
	_ connectors.Sweeper   = (*reader)(nil)
	_ connectors.Refresher = (*reader)(nil)
	_ connectors.Surveyor  = (*reader)(nil)
	_ connectors.Comparer  = (*reader)(nil)
	_ connectors.Prober    = (*reader)(nil)
	_ connectors.Editor    = (*editor)(nil)
)

// Open connects to a portal. It sends nothing yet. With ReadOnly, what it returns is no [connectors.Editor].
func Open(o connectors.Options) (connectors.Connector, error) {
	if o.APIURL == "" {
		return nil, errors.New("hubspot: the API's URL is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &reader{opts: o, clock: rest.Clock{Now: time.Now}}
	if o.Sleep != nil {
		c.clock = rest.Clock{Now: o.Now, Sleep: o.Sleep}
	}
	var ledger rest.Ledger
	if o.Ledger != nil {
		ledger = o.Ledger
	}
	pace := rest.NewPace(o.Portal, c.clock, ledger,
		rest.Limit{Lane: laneBurst, Max: burstMax, Per: burstPer, Share: burstShare},
		rest.Limit{Lane: laneSearch, Max: searchMax, Per: searchPer, Share: searchShare})
	c.rest = rest.New(rest.Config{
		Base: strings.TrimSuffix(o.APIURL, "/"), Client: o.Client, Pace: pace, Log: o.Log,
		Read: c.signal, Fatal: fatal, Observe: c.observe,
	})
	if o.ReadOnly {
		return c, nil
	}
	return &editor{c}, nil
}

func (c *reader) observe(e rest.Exchange) {
	if c.opts.Observe == nil {
		return
	}
	c.opts.Observe(connectors.Call{
		Operation: e.Operation, Status: e.Status, Throttled: e.Status == http.StatusTooManyRequests,
		Budget: e.Signal.Remaining, Wait: e.Wait,
	})
}

// zone is the account's time zone; UTC until it is known.
func (c *reader) zone() *time.Location {
	if z := c.at.Load(); z != nil {
		return z
	}
	return time.UTC
}

// setZone keeps the account's zone, given by its IANA name.
func (c *reader) setZone(name string) *time.Location {
	if z, err := time.LoadLocation(name); err == nil && name != "" {
		c.at.Store(z)
	}
	return c.zone()
}

// do sends one request that reads.
func (c *reader) do(ctx context.Context, doing string, r rest.Request, out any) error {
	if r.Lanes == nil {
		r.Lanes = []string{laneBurst}
	}
	reply, err := c.rest.Do(ctx, r, out)
	return explain(doing, reply, err)
}
