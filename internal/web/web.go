// Package web serves the pages that people look at.
//
// Its one idea: a page is one file and one template, rendered on the server from kept results, and reads without scripts.
// Its one rule: nothing is loaded from anywhere else, and the policy that the pages send says so.
package web

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
)

//go:embed static
var static embed.FS

// Source is what the pages show.
type Source interface {
	LastResults(ctx context.Context) ([]*audit.Result, error)
	LastSync(ctx context.Context, portal string) (*crm.Sync, error)
	// Portals returns every connected portal, audited or not.
	Portals(ctx context.Context) ([]store.Portal, error)
	// Trend tells what has become of a portal's findings since a moment; nil: there is nothing to compare.
	Trend(ctx context.Context, portal string, since crm.Instant) (*audit.Trend, error)
	// Baselines returns a portal's baselines, the one that was set last first.
	Baselines(ctx context.Context, portal string) ([]store.Baseline, error)
	// Held returns which of a portal's findings held from one moment to another.
	Held(ctx context.Context, portal string, from, to crm.Instant) (map[string]bool, error)
	// StepStates counts a portal's steps by state.
	StepStates(ctx context.Context, portal string) (map[remedy.State]int, error)
	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
}

// Options are what the pages are made of.
type Options struct {
	Source  Source
	Words   *text.Words
	Version string
	Log     *slog.Logger
	// Ready adds conditions to readiness beside the store, such as the job engine; nil: none.
	Ready func(ctx context.Context) error
	// Next tells when a portal's next cycle is due; nil or the zero time: there is no schedule.
	Next func(ctx context.Context, portal string) (time.Time, error)
	// Metrics answers /metrics; nil: it is served elsewhere.
	Metrics http.Handler
}

// Handler returns the pages: /, /healthz, /readyz, and /metrics where Options.Metrics is set.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", newStatusPage(o))
	Probes(mux, o)
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	if sub, err := fs.Sub(static, "static"); err == nil {
		mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(sub)))
	}
	return secured(http.NewCrossOriginProtection().Handler(mux))
}

// Probes adds /healthz (the process) and /readyz (store and job engine) to a mux.
func Probes(mux *http.ServeMux, o Options) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		err := o.Source.Ping(ctx)
		if err == nil && o.Ready != nil {
			err = o.Ready(ctx)
		}
		if err != nil {
			o.Log.Warn("not ready", "error", err)
			plain(w, http.StatusServiceUnavailable, "not ready: "+err.Error()+"\n")
			return
		}
		plain(w, http.StatusOK, "ready\n")
	})
}

func plain(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the client is gone where this fails
}

// secured sets the headers that keep a page from loading, framing, sending or keeping anything foreign.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // the pages hold customers' data
		next.ServeHTTP(w, r)
	})
}
