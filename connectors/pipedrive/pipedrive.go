package pipedrive

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

// laneBurst is the limit of requests within two seconds that Pipedrive counts per token.
const laneBurst = "burst"

// The burst limit until an answer tells better: that of an API token on the smallest plan.
const (
	burstMax, burstPer, burstShare = 20, 2 * time.Second, 0.9
)

// commonHost serves every account, for connections that do not name their account's own host. It knows v1 by another path.
const (
	commonHost = "api.pipedrive.com"
	commonURL  = "https://" + commonHost
)

// Type returns Pipedrive as a kind of CRM. Its apps have fixed scopes, so none is asked for.
func Type() connectors.Type {
	return connectors.Type{Name: "pipedrive", Open: Open, Auth: connectors.Auth{
		Authorize: "/oauth/authorize", Token: "/oauth/token", TokenAtConsent: true, SecretInHeader: true,
		APIField: "api_domain", AccountField: "api_domain", ScopesField: "scope", StaticHeader: "x-api-token", DefaultAPI: commonURL,
	}}
}

// reader reads an account. It has no method that can change one.
type reader struct {
	opts   connectors.Options
	rest   *rest.Client
	clock  rest.Clock
	budget *budget
	first  string // path of v1, where the host has its own
	// at is the account's time zone, known once a schema was read or given.
	at atomic.Pointer[time.Location]

	// noProducts is set once the products of deals may not be read.
	noProducts atomic.Bool

	mu     sync.Mutex
	fields map[string]dealField // of deals, as last read; nil: not read
	me     *user                // whose connection it is, as last read
}

// editor reads and writes an account.
type editor struct{ *reader }

var (
	_ connectors.Connector = (*reader)(nil)
	_ connectors.Counter   = (*reader)(nil)
	_ connectors.Sweeper   = (*reader)(nil)
	_ connectors.Refresher = (*reader)(nil)
	_ connectors.Comparer  = (*reader)(nil)
	_ connectors.Prober    = (*reader)(nil)
	_ connectors.Historian = (*reader)(nil)
	_ connectors.Estimator = (*reader)(nil)
	_ connectors.Editor    = (*editor)(nil)
)

// Open connects to an account. It sends nothing yet. With ReadOnly, what it returns is no [connectors.Editor].
func Open(o connectors.Options) (connectors.Connector, error) {
	if o.APIURL == "" {
		o.APIURL = commonURL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.DailyShare <= 0 {
		o.DailyShare = defaultShare
	}
	c := &reader{opts: o, clock: rest.Clock{Now: time.Now}, first: v1}
	if o.Sleep != nil {
		c.clock = rest.Clock{Now: o.Now, Sleep: o.Sleep}
	}
	if u, err := url.Parse(o.APIURL); err == nil && u.Host == commonHost {
		c.first = "/v1/"
	}
	var ledger rest.Ledger
	if o.Ledger != nil {
		ledger = o.Ledger
	}
	c.budget = &budget{portal: o.Portal, ledger: o.Ledger, now: c.clock.Now, share: min(o.DailyShare, 1), given: o.TokensPerDay}
	pace := rest.NewPace(o.Portal, c.clock, ledger, rest.Limit{Lane: laneBurst, Max: burstMax, Per: burstPer, Share: burstShare})
	c.rest = rest.New(rest.Config{
		Base: strings.TrimSuffix(o.APIURL, "/"), Client: o.Client, Pace: pace, Log: o.Log,
		Read: c.signal, Fatal: fatal, Spend: c.budget.spend, Observe: c.observe,
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
		Operation: e.Operation, Status: e.Status, Tokens: e.Cost, Throttled: e.Status == http.StatusTooManyRequests,
		Budget: e.Signal.Budget, Wait: e.Wait,
	})
}

// zone is the account's time zone; UTC until it is known.
func (c *reader) zone() *time.Location {
	if z := c.at.Load(); z != nil {
		return z
	}
	return time.UTC
}

// given takes over what a schema that was read before tells of the account.
func (c *reader) given(s crm.Schema) {
	if z, err := time.LoadLocation(s.Zone); err == nil && s.Zone != "" {
		c.at.Store(z)
	}
	if s.UsersKnown {
		c.budget.people(active(s.Users))
	}
}

// active is how many users can log in: about as many seats as the account pays for.
func active(users []crm.User) int {
	n := 0
	for _, u := range users {
		if u.Active {
			n++
		}
	}
	return n
}

// request makes an endpoint's request; id is put into its path.
func (c *reader) request(e endpoint, id string, q url.Values) rest.Request {
	path := e.path
	if strings.Contains(path, "%s") {
		path = strings.Replace(path, "%s", url.PathEscape(id), 1)
	} else {
		path += url.PathEscape(id)
	}
	if behind, ok := strings.CutPrefix(path, v1); ok {
		path = c.first + behind
	}
	return rest.Request{
		Operation: e.operation, Method: e.method, Path: path, Query: q, Write: e.method != http.MethodGet,
		Lanes: []string{laneBurst}, Cost: e.tokens, Spare: e.spare,
	}
}

// do sends one request that reads.
func (c *reader) do(ctx context.Context, doing string, r rest.Request, out any) error {
	reply, err := c.rest.Do(ctx, r, out)
	return c.explain(doing, reply, err)
}
