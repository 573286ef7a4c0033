package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/web"
)

func newServe(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Run every portal's cycle on its schedule; serve pages and metrics",
		Long: "Pulls, audits and plans each portal at its times, applies what was approved, and serves the status page,\n" +
			"/metrics, /healthz and /readyz. SIGTERM lets the step on the wire settle; a second one ends at once.",
		Example: "  plumbline serve --config plumbline.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return failed(err)
			}
			defer s.Close()
			unlock, err := s.lock()
			if err != nil {
				return failed(err)
			}
			defer unlock()
			portals, err := s.served(cmd.Context())
			if err != nil {
				return failed(err)
			}
			return failed(a.serve(cmd.Context(), s, portals, s.cfg.Server.Listen))
		},
	}
}

// served are the portals to serve. There may be none yet: pages and metrics are up all the same.
func (s *shop) served(ctx context.Context) ([]daemon.Portal, error) {
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		return s.portals(ctx, names)
	}
	s.log.Warn("there is no portal yet: connect one with plumbline portal connect NAME --crm hubspot, and start serve again")
	return nil, nil
}

// lock keeps a second serve off a SQLite file; on Postgres any number may run.
func (s *shop) lock() (unlock func(), err error) {
	url, err := s.cfg.StoreURL()
	if err != nil {
		return nil, err
	}
	file, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return func() {}, nil
	}
	l := flock.New(filepath.Clean(file) + ".lock")
	got, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	if !got {
		return nil, fmt.Errorf("another plumbline serve works on %s (it holds %s)", file, l.Path())
	}
	return func() { _ = l.Unlock() }, nil // the process ends here, and its lock with it
}

// serve runs the daemon and the pages until ctx ends.
func (a *app) serve(ctx context.Context, s *shop, portals []daemon.Portal, addr string) error {
	cycle := s.cycle(false)
	cycle.Pause = nil // a job is short: what is not settled yet waits for the next cycle
	d, err := daemon.New(ctx, daemon.Options{Cycle: cycle, Portals: portals, Now: a.now, Log: s.log})
	if err != nil {
		return err
	}
	metrics := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry, ErrorHandling: promhttp.ContinueOnError})
	opts := web.Options{Source: s.db, Words: s.words, Version: version(), Log: s.log, Ready: d.Ready, Next: s.nextRun, Metrics: metrics}
	own := s.cfg.Metrics.Listen
	if own != "" {
		opts.Metrics = nil
	}
	l, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	if own != "" {
		ml, err := listen(ctx, own)
		if err != nil {
			_ = l.Close() // nothing was served on it
			return err
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", metrics)
		web.Probes(mux, opts)
		g.Go(func() error { return serveHTTP(ctx, ml, mux) })
		a.tell("metrics on http://%s/metrics", ml.Addr())
	}
	g.Go(func() error { return serveHTTP(ctx, l, web.Handler(opts)) })
	g.Go(func() error { return d.Run(ctx) })
	a.tell("serving http://%s/", l.Addr())
	return g.Wait()
}

// nextRun tells when a portal's next cycle is due.
func (s *shop) nextRun(ctx context.Context, portal string) (time.Time, error) {
	list, err := s.db.Schedules(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for _, x := range list {
		if x.Portal == portal {
			return x.Next.Time(), nil
		}
	}
	return time.Time{}, nil
}
