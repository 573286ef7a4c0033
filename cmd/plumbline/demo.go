package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/all"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// demoPortal is the name of the demo's portal of a CRM.
func demoPortal(crm string) string { return crm + "-demo" }

// demoFlags are the flags of demo.
type demoFlags struct {
	listen, dir, format string
	once                bool
	sandbox             sandboxFlags
	output              report.Format
}

func newDemo(a *app) *cobra.Command {
	f := &demoFlags{}
	c := &cobra.Command{
		Use: "demo", Short: "Try everything on simulated portals, without an account",
		Long: "Starts a simulated HubSpot portal and a Pipedrive account with the same sales history, connects both by the real\n" +
			"OAuth flow, pulls, audits and plans, shows findings and plans, and serves the status page and metrics until Ctrl-C.",
		Example: "  plumbline demo\n  plumbline demo --once --deals 500 --seed 7 --format json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if f.output, err = report.ParseFormat(f.format, report.Table, report.JSON); err != nil {
				return usage("%w", err)
			}
			if f.output == report.JSON && !f.once {
				return usage("--format json goes with --once")
			}
			if err := f.sandbox.check(); err != nil {
				return err
			}
			return failed(a.demo(cmd.Context(), f))
		},
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8080", "address and port of pages and metrics; port 0 takes a free one")
	c.Flags().IntVar(&f.sandbox.deals, "deals", 2000, "how many deals each portal has")
	c.Flags().Uint64Var(&f.sandbox.seed, "seed", 1, "the seed that the portals are made of")
	c.Flags().StringVar(&f.dir, "dir", "", "keep the state in this `folder` (default: a temporary one)")
	c.Flags().BoolVar(&f.once, "once", false, "one cycle, then end")
	c.Flags().StringVar(&f.format, "format", "table", "with --once: table or json")
	return c
}

// demo starts the sandbox beside the cycle, and ends it with it.
func (a *app) demo(ctx context.Context, f *demoFlags) error {
	dir := f.dir
	if dir == "" {
		tmp, err := os.MkdirTemp("", "plumbline-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	} else {
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	f.sandbox.tiers[pipedrive.Name] = "ultimate" // whose burst limit holds the demo up least
	server, err := a.newServer(&f.sandbox)
	if err != nil {
		return err
	}
	l, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	simulated, stop := context.WithCancel(context.WithoutCancel(ctx))
	var g errgroup.Group
	g.Go(func() error { return serveHTTP(simulated, l, server) })
	err = a.demoPortals(ctx, f, "http://"+l.Addr().String(), dir)
	stop()
	return errors.Join(err, g.Wait())
}

// demoConfig points at the sandbox; everything else is as by default.
func (a *app) demoConfig(ctx context.Context, base, dir string) (*config.Config, error) {
	cfg := config.Default(known())
	cfg.Dir = dir
	cfg.Store.URL = config.NewSecret("sqlite:" + filepath.Join(dir, "plumbline.db"))
	free, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	redirect := "http://" + free.Addr().String() + "/oauth/callback"
	if err := free.Close(); err != nil {
		return nil, err
	}
	for _, t := range all.Types() {
		c := config.Connector{OAuthURL: base + "/" + t.Name, ClientID: sandbox.ClientID, ClientSecret: config.NewSecret(sandbox.ClientSecret), RedirectURL: redirect}
		if cfg.Connectors[t.Name].APIURL != "" { // else the token reply names it
			c.APIURL = base + "/" + t.Name
		}
		cfg.Connectors[t.Name] = c
	}
	cfg.Defaults.Schedule = "* * * * *"
	return cfg, nil
}

func (a *app) demoPortals(ctx context.Context, f *demoFlags, base, dir string) error {
	cfg, err := a.demoConfig(ctx, base, dir)
	if err != nil {
		return err
	}
	s, err := a.openWith(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	var names []string
	for _, t := range all.Types() {
		name := demoPortal(t.Name)
		if err := a.quietly().connectPortal(ctx, s, name, t, consent(ctx)); err != nil {
			return err
		}
		names = append(names, name)
	}
	portals, err := s.portals(ctx, names)
	if err != nil {
		return err
	}
	began := time.Now()
	a.tell("simulated portals of %d deals each run on %s and are connected as %s", f.sandbox.deals, base, strings.Join(names, " and "))
	audits, plans, v, err := a.demoCycle(ctx, s, portals)
	if err != nil {
		return err
	}
	if err := a.showDemo(f, s, audits, plans); err != nil {
		return err
	}
	a.tell("pulled, audited and planned in %.1f s", time.Since(began).Seconds())
	if f.once {
		return v.err()
	}
	a.tell("a cycle runs every minute; Ctrl-C ends the demo")
	return a.serve(ctx, s, portals, f.listen)
}

// quietly is the app without what the OAuth flow tells a person: the demo answers the consent page itself.
func (a *app) quietly() *app {
	q := *a
	q.stderr = io.Discard
	return &q
}

// consent answers the consent page as a person's browser would: it follows the page's redirect back to us.
func consent(ctx context.Context) func(string) error {
	return func(page string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
		if err != nil {
			return err
		}
		// The flow is told of the answer while this request waits for it.
		go func() {
			if reply, err := http.DefaultClient.Do(req); err == nil {
				_ = reply.Body.Close() // its content is for people
			}
		}()
		return nil
	}
}

// demoCycle is one cycle: sync, audit, plan.
func (a *app) demoCycle(ctx context.Context, s *shop, portals []daemon.Portal) (audits []*audit.Result, plans []*remedy.Plan, v verdict, err error) {
	cycle := s.cycle(false)
	for _, p := range portals {
		p.Connect = kept(p.Connect)
		if _, err := cycle.Sync(ctx, p, daemon.Pull{Progress: a.progress(p.Name)}); err != nil {
			return nil, nil, v, err
		}
		r, err := cycle.Audit(ctx, p, 0)
		if err != nil {
			return nil, nil, v, err
		}
		if !r.Complete {
			v.add(exitIncomplete)
			a.sayIncomplete(p.Name, r.Incomplete)
		}
		plan, err := cycle.Plan(ctx, p, r, a.who(), false)
		if err != nil {
			return nil, nil, v, err
		}
		audits, plans = append(audits, r), append(plans, plan)
	}
	return audits, plans, v, nil
}

// connect opens a portal's connection, with the meter of its requests.
type connect = func(context.Context) (connectors.Connector, *mirror.Meter, error)

// kept opens a connection once: a second one would hold back for a moment, until it has learned the portal's limits anew.
func kept(open connect) connect {
	var conn connectors.Connector
	var meter *mirror.Meter
	return func(ctx context.Context) (connectors.Connector, *mirror.Meter, error) {
		var err error
		if conn == nil {
			conn, meter, err = open(ctx)
		}
		return conn, meter, err
	}
}

func (a *app) showDemo(f *demoFlags, s *shop, audits []*audit.Result, plans []*remedy.Plan) error {
	if f.output == report.JSON {
		return report.WriteJSON(a.stdout, map[string]any{"audits": auditViews(s.words, audits), "plans": plans})
	}
	style := a.style()
	style.Rows = 12
	if err := report.Audits(a.stdout, report.Table, s.words, style, audits...); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	return report.Plans(a.stdout, report.Table, style, plans...)
}
