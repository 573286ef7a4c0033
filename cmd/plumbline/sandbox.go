package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// sandboxFlags are the flags of sandbox.
type sandboxFlags struct {
	listen  string
	deals   int
	seed    uint64
	csv     csvFlags
	tier    string
	faults  string
	clock   string
	consent string
	tiers   map[string]string
	at      time.Time
}

// controlHelp tells how the sandbox is steered and looked into.
const controlHelp = `    GET /control                      the time and counters: requests by CRM and operation; tokens, throttled, writes; crms: the sums of each
    PUT /control/faults               rules as in --faults, which take the place of the present ones
    PUT /control/clock                the time (RFC 3339) from which the clock runs on; empty: the real time
    PUT /control/settings/CRM         traits of a portal, as a JSON object of texts: {"withhold":"users:read"}
    POST /control/reset               everything as it was at the start; connections stay
    GET /control/records/CRM/KIND/ID  a record as it is stored: /control/records/pipedrive/deals/1
    GET /control/truth                the problems that were planted; ?crm=CRM: those that this CRM's portal has`

func newSandbox(a *app) *cobra.Command {
	f := &sandboxFlags{}
	c := &cobra.Command{
		Use: "sandbox", Short: "Serve the simulated CRMs alone",
		Long: "Serves a simulated HubSpot portal under /hubspot, a Pipedrive account with the same sales history under /pipedrive, and their\n" +
			"control under /control. Client id and secret are \"sandbox\", a static token is \"pat-sandbox\". Prints one line of JSON when it\n" +
			"is ready. Only Pipedrive meters tokens; the rules of --faults hold for both, or below :path=/hubspot or /pipedrive alone.\n\n" + controlHelp,
		Example: "  plumbline sandbox --deals 500 --seed 3\n  plumbline sandbox --load-csv deals.csv --stages \"New,Won=won,Lost=lost\"\n" +
			"  plumbline sandbox --tier hubspot=starter,pipedrive=lite:3\n  plumbline sandbox --faults \"status=500:every=7;status=429:p=0.05\"",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return failed(a.serveSandbox(cmd.Context(), f))
		},
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:9500", "address and port; port 0 takes a free one")
	c.Flags().IntVar(&f.deals, "deals", 2000, "how many deals each portal has")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "the seed that the portals are made of")
	f.csv.bind(c, "load-csv", "fill the portals from this `file` instead")
	c.Flags().StringVar(&f.tier, "tier", "", "`subscriptions`: hubspot=free|starter|pro|enterprise,pipedrive=lite|growth|premium|ultimate[:SEATS]")
	c.Flags().StringVar(&f.faults, "faults", "", "`rules` separated by ;: status=N|latency=D|truncate|drop|ignore=FIELD, each with :every=K or :p=0.05, and :path=PREFIX")
	c.Flags().StringVar(&f.clock, "clock", "", "start at this `time` (RFC 3339) instead of now")
	c.Flags().StringVar(&f.consent, "consent", "", "ask: the consent page waits for a click")
	return c
}

func (f *sandboxFlags) check() error {
	if err := f.checkTiers(); err != nil {
		return err
	}
	if f.clock != "" {
		at, err := time.Parse(time.RFC3339, f.clock)
		if err != nil {
			return usage("--clock %q is not a time in RFC 3339, such as 2026-11-22T09:00:00Z", f.clock)
		}
		f.at = at
	}
	if err := f.csv.alone("load-csv"); err != nil {
		return err
	}
	if f.consent != "" && f.consent != "ask" {
		return usage("--consent %q: the only value is ask", f.consent)
	}
	if f.deals < 0 || f.deals > 1_000_000 {
		return usage("--deals %d: give 0 to 1,000,000", f.deals)
	}
	return nil
}

// faces are the simulated CRMs, in the order in which they are served.
func faces() []simulated {
	return []simulated{
		{hubspot.Name, "free, starter, pro or enterprise", hubspot.CheckTier, func(w *sandbox.World) func(*sandbox.Gate) sandbox.Face { return hubspot.New(w) }},
		{pipedrive.Name, "lite, growth, premium or ultimate, with :SEATS where you like", pipedrive.CheckTier, func(w *sandbox.World) func(*sandbox.Gate) sandbox.Face { return pipedrive.New(w) }},
	}
}

// simulated is one of the simulated CRMs.
type simulated struct {
	name  string
	tiers string // in words
	check func(tier string) error
	build func(*sandbox.World) func(*sandbox.Gate) sandbox.Face
}

// checkTiers reads --tier: CRM=TIER, by commas, each CRM once.
func (f *sandboxFlags) checkTiers() error {
	f.tiers = map[string]string{}
	if f.tier == "" {
		return nil
	}
	var ways []string
	for _, s := range faces() {
		ways = append(ways, s.name+"="+s.tiers)
	}
	for part := range strings.SplitSeq(f.tier, ",") {
		crm, tier, _ := strings.Cut(strings.TrimSpace(part), "=")
		at := slices.IndexFunc(faces(), func(s simulated) bool { return s.name == crm })
		if at < 0 {
			return usage("--tier %q: write %s", part, strings.Join(ways, "; "))
		}
		if err := faces()[at].check(tier); err != nil {
			return usage("--tier %q: %w; write %s", part, err, ways[at])
		}
		if f.tiers[crm] != "" {
			return usage("--tier names %s twice", crm)
		}
		f.tiers[crm] = tier
	}
	return nil
}

// world is what the sandbox is filled with.
func (a *app) world(f *sandboxFlags) (*sandbox.World, error) {
	now := f.at
	if now.IsZero() {
		now = a.now()
	}
	if f.csv.file == "" {
		return sandbox.Generate(sandbox.GenOptions{Deals: f.deals, Seed: f.seed, Now: now}), nil
	}
	file, err := f.csv.open()
	if err != nil {
		return nil, err
	}
	for _, r := range file.Unreadable {
		a.warn("%s", r)
	}
	schema, err := file.Schema(context.Background())
	if err != nil {
		return nil, err
	}
	return sandbox.FromDeals(schema, file.Rows(), now), nil
}

// newServer makes a sandbox whose portals all show one world.
func (a *app) newServer(f *sandboxFlags) (*sandbox.Server, error) {
	w, err := a.world(f)
	if err != nil {
		return nil, err
	}
	var build []func(*sandbox.Gate) sandbox.Face
	for _, s := range faces() {
		build = append(build, s.build(w))
	}
	server, err := sandbox.New(sandbox.Options{Faults: f.faults, Clock: f.at, Consent: f.consent == "ask", Tiers: f.tiers, Log: a.log()}, build...)
	if err != nil {
		return nil, usage("%w", err)
	}
	return server, nil
}

func (a *app) serveSandbox(ctx context.Context, f *sandboxFlags) error {
	server, err := a.newServer(f)
	if err != nil {
		return err
	}
	l, err := listen(ctx, f.listen)
	if err != nil {
		return err
	}
	base := "http://" + l.Addr().String()
	ready := struct {
		HubSpot   string `json:"hubspot"`
		Pipedrive string `json:"pipedrive"`
		Control   string `json:"control"`
	}{base + "/" + hubspot.Name, base + "/" + pipedrive.Name, base + "/control"}
	if err := json.NewEncoder(a.stdout).Encode(ready); err != nil {
		return errors.Join(err, l.Close())
	}
	return serveHTTP(ctx, l, server)
}

// listen opens a TCP port; its error says what to do.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return nil, usage("--listen %q is not an address and a port, such as 127.0.0.1:8080", addr)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; choose another address; port 0 takes a free one", addr, err)
	}
	return l, nil
}

// serveHTTP serves until ctx ends, then lets requests under way finish for a while.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) }}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- srv.Shutdown(end)
	})
	err := srv.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
