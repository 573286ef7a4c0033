package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/all"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/exporter"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/oauth"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

// shop is everything that commands on portals work with: the configuration, the open store, the tokens.
type shop struct {
	cfg      *config.Config
	db       *store.DB
	vault    *oauth.Vault
	policies catalogue
	words    *text.Words
	registry *prometheus.Registry
	requests *exporter.Requests
	log      *slog.Logger
	now      func() time.Time
}

// open loads the configuration and opens the store that it names.
func (a *app) open(ctx context.Context) (*shop, error) { return a.openAbout(ctx, "") }

// openAbout is open for a command about a policy, unless there is none of that name; "" names none.
func (a *app) openAbout(ctx context.Context, policy string) (*shop, error) {
	cfg, err := a.loadConfig()
	if err != nil {
		return nil, err
	}
	if err := a.catalogue().has(policy); err != nil {
		return nil, err
	}
	return a.openWith(ctx, cfg)
}

func (a *app) openWith(ctx context.Context, cfg *config.Config) (*shop, error) {
	url, err := cfg.StoreURL()
	if err != nil {
		return nil, usage("store.url: %w", err)
	}
	w, err := a.catalogue().words()
	if err != nil {
		return nil, err
	}
	keys, err := oauth.OpenKeys(a.getenv("PLUMBLINE_KEY"), oauth.KeyFile(url))
	if err != nil {
		return nil, usage("%w", err)
	}
	log := a.log()
	db, err := store.Open(ctx, url, store.Options{Log: log, Now: a.now})
	if err != nil {
		return nil, err
	}
	s := &shop{cfg: cfg, db: db, policies: a.catalogue(), words: w, log: log, now: a.now, registry: prometheus.NewRegistry()}
	s.vault = oauth.NewVault(db, keys, oauth.Options{Client: &http.Client{Timeout: 30 * time.Second}, Now: a.now, Log: log})
	s.requests = exporter.NewRequests(s.registry)
	s.registry.MustRegister(exporter.NewCollector(db, log), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s, nil
}

// Close closes the store.
func (s *shop) Close() error { return s.db.Close() }

// cycle is what does the work on portals.
func (s *shop) cycle(wait bool) *daemon.Cycle {
	return &daemon.Cycle{Store: s.db, Words: s.words, Now: s.now, Log: s.log, Holder: holder(), Wait: wait, Pause: pause}
}

// pause waits for a while, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// holder names this process in leases.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("plumbline %d on %s", os.Getpid(), host)
}

// portals are the named portals, or all that are configured or connected.
func (s *shop) portals(ctx context.Context, names []string) ([]daemon.Portal, error) {
	known, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = known
	}
	if len(known) == 0 {
		return nil, usage("there is no portal yet: connect one with plumbline portal connect NAME --crm hubspot")
	}
	var out []daemon.Portal
	for i, n := range names {
		if !slices.Contains(known, n) {
			return nil, noPortal(n, known)
		}
		if slices.Contains(names[:i], n) {
			continue
		}
		p, err := s.portal(ctx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func noPortal(name string, known []string) error {
	return usage("%s", see(fmt.Sprintf("there is no portal %q%s", name, config.Meant(name, known)), "plumbline portal list"))
}

// names are the portals of the configuration, then those that are only connected.
func (s *shop) names(ctx context.Context) ([]string, error) {
	var names []string
	for _, p := range s.cfg.Portals {
		names = append(names, p.Name)
	}
	connected, err := s.db.Portals(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range connected {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

// settings are a portal's configuration; a portal that is connected and not configured has the defaults.
func (s *shop) settings(ctx context.Context, name string) (config.Portal, error) {
	if p, ok := s.cfg.Portal(name); ok {
		return p, nil
	}
	kept, err := s.db.Portal(ctx, name)
	if err != nil {
		return config.Portal{}, err
	}
	return config.Portal{Name: name, CRM: kept.CRM, Schedule: s.cfg.Defaults.Schedule, Timezone: s.cfg.Defaults.Timezone, Limits: s.cfg.Limits, Checks: s.cfg.Checks}, nil
}

// portal makes a portal ready for its cycle.
func (s *shop) portal(ctx context.Context, name string) (daemon.Portal, error) {
	p, err := s.settings(ctx, name)
	if err != nil {
		return daemon.Portal{}, err
	}
	list, err := s.policies.checks(p.Checks)
	if err != nil {
		return daemon.Portal{}, err
	}
	loc, err := zone(p.Timezone)
	if err != nil {
		return daemon.Portal{}, err
	}
	phrases := p.LossReasons.Phrases()
	if _, err := vocabulary.NewClassifier(phrases); err != nil {
		return daemon.Portal{}, usage("portal %s: loss_reasons: %w", p.Name, err)
	}
	imported, err := s.imported(ctx, name)
	if err != nil {
		return daemon.Portal{}, err
	}
	if imported {
		p.Schedule = "" // nothing comes by itself
	}
	return daemon.Portal{
		Name: p.Name, CRM: p.CRM, Imported: imported, Cron: p.Schedule, Zone: loc, Checks: list, Facts: facts(list), LossPhrases: phrases,
		Connect: func(ctx context.Context) (connectors.Connector, *mirror.Meter, error) {
			return s.connect(ctx, p, false)
		},
		Plan: func(now time.Time) remedy.Options { return s.rules(p, list, loc, now) },
	}, nil
}

// imported reports whether a portal's snapshots came from files.
func (s *shop) imported(ctx context.Context, name string) (bool, error) {
	kept, err := s.db.Portal(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return kept.Auth == store.AuthSnapshot, err
}

// connect opens a portal's connection with whatever authorises it.
func (s *shop) connect(ctx context.Context, p config.Portal, readOnly bool) (connectors.Connector, *mirror.Meter, error) {
	t, ok := all.Find(p.CRM)
	if !ok {
		return nil, nil, fmt.Errorf("portal %s: there is no connector for %q", p.Name, p.CRM)
	}
	api := cmp.Or(s.cfg.Connectors[p.CRM].APIURL, t.Auth.DefaultAPI)
	var scopes []string
	var transport http.RoundTripper
	var err error
	if p.TokenFile != "" {
		transport, err = s.oauthApp(t).FileTransport(p.TokenFile, api, nil)
	} else {
		kept, e := s.db.Portal(ctx, p.Name)
		if errors.Is(e, store.ErrNotFound) {
			return nil, nil, usage("portal %s is not connected: run plumbline portal connect %s --crm %s", p.Name, p.Name, p.CRM)
		}
		if e != nil {
			return nil, nil, e
		}
		if kept.Auth == oauth.AuthOAuth {
			scopes = kept.Scopes
		}
		api = cmp.Or(s.cfg.Connectors[p.CRM].APIURL, kept.API, t.Auth.DefaultAPI)
		transport, err = s.vault.Transport(p.Name, s.oauthApp(t), api, nil)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("portal %s: %w", p.Name, err)
	}
	meter := &mirror.Meter{}
	conn, err := t.Open(connectors.Options{
		Portal: p.Name, APIURL: api, Client: &http.Client{Transport: transport}, Ledger: s.db, Log: s.log, Now: s.now,
		Scopes: scopes, LossReason: p.Fields.LostReason, LossDetail: p.Fields.LostReasonDetail, ReadOnly: readOnly,
		TokensPerDay: int64(p.Budget.TokensPerDay), DailyShare: float64(p.Budget.Share),
		Observe: func(c connectors.Call) {
			meter.Observe(c)
			unit := "requests"
			if c.Tokens > 0 {
				unit = "tokens"
			}
			s.requests.Observe(p.Name, c.Operation, c.Status, c.Tokens, c.Wait.Seconds(), c.Budget, unit)
		},
	})
	return conn, meter, err
}

// oauthApp is our registration with a kind of CRM.
func (s *shop) oauthApp(t connectors.Type) oauth.App {
	c := s.cfg.Connectors[t.Name]
	tokens := c.APIURL
	if t.Auth.TokenAtConsent {
		tokens = c.OAuthURL
	}
	return oauth.App{
		CRM: t.Name, AuthorizeURL: strings.TrimSuffix(c.OAuthURL, "/") + t.Auth.Authorize, TokenURL: strings.TrimSuffix(tokens, "/") + t.Auth.Token,
		ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal, RedirectURL: c.RedirectURL,
		Scopes: t.Auth.Scopes, Optional: t.Auth.Optional, AccountField: t.Auth.AccountField, ScopesField: t.Auth.ScopesField,
		APIField: t.Auth.APIField, SecretInHeader: t.Auth.SecretInHeader, StaticHeader: t.Auth.StaticHeader,
	}
}

// rules are a portal's rules for plans at a moment.
func (s *shop) rules(p config.Portal, list []audit.Check, loc *time.Location, now time.Time) remedy.Options {
	limits := remedy.Limits{PerRun: p.Limits.PerRun, PerDay: p.Limits.PerDay, ShareOfOpen: float64(p.Limits.ShareOfOpen)}
	if m := p.Limits.Money; m.Amount != "" {
		if amount, err := crm.ParseAmount(m.Amount); err == nil {
			limits.Money = crm.Money{Amount: amount, Currency: m.Currency}
		}
	}
	o := remedy.Options{FallbackOwner: p.FallbackOwner, Zone: loc, Limits: limits, Guard: s.cfg.Guard.Duration(), Grace: map[string]time.Duration{}}
	for _, c := range list {
		// A plan knows one grace per policy: where scopes differ, the longest one holds for all.
		o.Grace[c.Policy.ID] = max(o.Grace[c.Policy.ID], c.Grace.Duration())
	}
	var holds []string
	local := now.In(loc)
	if slices.ContainsFunc(s.cfg.Freeze, func(f config.Freeze) bool { return f.Contains(local) }) {
		holds = append(holds, "nothing is written unasked on frozen days")
	}
	if !s.cfg.WriteWindow.Contains(local) {
		holds = append(holds, "it is outside of the write window")
	}
	o.Hold = strings.Join(holds, "; ")
	return o
}
