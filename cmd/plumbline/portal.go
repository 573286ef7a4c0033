package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/all"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/oauth"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
)

func newPortal(a *app) *cobra.Command {
	c := &cobra.Command{Use: "portal", Short: "Connect CRM accounts and see what they may do", Example: "  plumbline portal connect acme --crm hubspot\n  plumbline portal list"}
	c.AddCommand(newPortalConnect(a), newPortalAdd(a), newPortalList(a), newPortalCheck(a))
	return c
}

// crmFlag binds --crm and finds the kind of CRM that it names.
func crmFlag(c *cobra.Command) func(name string, cfg *config.Config) (connectors.Type, error) {
	var names []string
	for _, t := range all.Types() {
		names = append(names, t.Name)
	}
	crm := c.Flags().String("crm", "", "which CRM it is: "+strings.Join(names, ", "))
	return func(name string, cfg *config.Config) (connectors.Type, error) {
		if !portalName().MatchString(name) {
			return connectors.Type{}, usage("portal name %q: use lower-case letters, digits, - and _", name)
		}
		p, configured := cfg.Portal(name)
		if *crm == "" && configured {
			*crm = p.CRM
		}
		if configured && p.CRM != *crm {
			return connectors.Type{}, usage("portal %s is configured as %s, not %s", name, p.CRM, *crm)
		}
		t, ok := all.Find(*crm)
		if !ok {
			return connectors.Type{}, misused(c, "--crm %q: choose one of %s", *crm, strings.Join(names, ", "))
		}
		return t, nil
	}
}

// openFor opens the store for a new connection, once the portal's name and CRM are known to be right.
func (a *app) openFor(ctx context.Context, name string, kind func(string, *config.Config) (connectors.Type, error)) (*shop, connectors.Type, error) {
	cfg, err := a.loadConfig()
	if err != nil {
		return nil, connectors.Type{}, err
	}
	t, err := kind(name, cfg)
	if err != nil {
		return nil, connectors.Type{}, err
	}
	s, err := a.openWith(ctx, cfg)
	if err != nil {
		return nil, t, err
	}
	imported, err := s.imported(ctx, name)
	if err == nil && imported {
		err = usage("portal %s was imported from a file: connect the account under another name", name)
	}
	if err != nil {
		return nil, t, errors.Join(err, s.Close())
	}
	return s, t, nil
}

func newPortalConnect(a *app) *cobra.Command {
	var noBrowser bool
	c := &cobra.Command{
		Use: "connect NAME", Short: "Connect an account by OAuth", Args: oneArg("the portal's name"),
		Example: "  plumbline portal connect acme --crm hubspot\n  plumbline portal connect acme --crm hubspot --no-browser",
		Long: "Sends you to the CRM's consent page and takes its redirect on the port of connectors.CRM.redirect_url.\n" +
			"--no-browser prints the page's URL alone on stdout and waits five minutes for the redirect, or for the\nredirected URL pasted on stdin.",
	}
	kind := crmFlag(c)
	c.Flags().BoolVar(&noBrowser, "no-browser", false, "print the URL instead of opening a browser")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		s, t, err := a.openFor(cmd.Context(), args[0], kind)
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		open := oauth.OpenBrowser
		if noBrowser {
			open = nil
		}
		return failed(a.connectPortal(cmd.Context(), s, args[0], t, open))
	}
	return c
}

// connectPortal runs the OAuth flow and keeps what it gives. open shows the consent page; nil prints its URL.
func (a *app) connectPortal(ctx context.Context, s *shop, name string, t connectors.Type, open func(string) error) error {
	client := s.oauthApp(t)
	if client.ClientID == "" || s.cfg.Connectors[t.Name].ClientSecret.IsZero() {
		return usage("connectors.%s.client_id and client_secret are not configured: register an app with the CRM, or use plumbline portal add with a static token", t.Name)
	}
	flow := oauth.Flow{App: client, Open: open, Out: a.stdout, In: a.stdin, Hints: teller{a}, Client: &http.Client{Timeout: oauthTimeout}, Now: a.now}
	grant, err := flow.Run(ctx)
	if err != nil {
		return err
	}
	if err := s.vault.Connect(ctx, name, t.Name, grant); err != nil {
		return err
	}
	a.tell("%s is connected: %s account %s, %s", name, t.Name, grant.Account, text.Plural(len(grant.Scopes), "scope"))
	return nil
}

func newPortalAdd(a *app) *cobra.Command {
	var tokenFile string
	c := &cobra.Command{
		Use: "add NAME", Short: "Connect an account by a static token, which is sealed in the store", Args: oneArg("the portal's name"),
		Example: "  plumbline portal add acme --crm hubspot --token-file token.txt",
	}
	kind := crmFlag(c)
	c.Flags().StringVar(&tokenFile, "token-file", "", "`file` that holds the token")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if tokenFile == "" {
			return misused(cmd, "--token-file is missing")
		}
		token, err := oauth.ReadToken(tokenFile)
		if err != nil {
			return usage("%w", err)
		}
		s, t, err := a.openFor(cmd.Context(), args[0], kind)
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		if err := s.vault.Add(cmd.Context(), args[0], t.Name, token); err != nil {
			return failed(err)
		}
		a.tell("%s is connected by a static token; see what it may do with plumbline portal check %s", args[0], args[0])
		return nil
	}
	return c
}

func newPortalList(a *app) *cobra.Command {
	format := ""
	c := &cobra.Command{Use: "list", Short: "List the portals and how they stand", Example: "  plumbline portal list", Args: noArgs}
	c.Flags().StringVar(&format, "format", "table", "table or json")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		f, err := report.ParseFormat(format, report.Table, report.JSON)
		if err != nil {
			return usage("%w", err)
		}
		s, err := a.open(cmd.Context())
		if err != nil {
			return failed(err)
		}
		defer s.Close()
		views, err := s.standing(cmd.Context())
		if err != nil {
			return failed(err)
		}
		if f == report.JSON {
			return failed(report.WriteJSON(a.stdout, views))
		}
		if len(views) == 0 {
			fmt.Fprintln(a.stdout, "There is no portal yet: connect one with plumbline portal connect NAME --crm hubspot")
			return nil
		}
		var rows [][]string
		titles := []string{"PORTAL", "CRM", "GROUP", "CONNECTED BY", "ACCOUNT", "LAST SYNC", "STATE"}
		told := slices.ContainsFunc(views, func(v portalView) bool { return v.History != nil })
		if told {
			titles = append(titles, "STAGE HISTORY")
		}
		for _, v := range views {
			row := []string{v.Name, v.CRM, v.Group, v.Auth, v.Account, v.Synced, v.State}
			if told {
				row = append(row, v.History.words())
			}
			rows = append(rows, row)
		}
		return failed(report.Grid(a.stdout, a.style(), titles, rows))
	}
	return c
}

// portalView is a line of portal list.
type portalView struct {
	Name    string `json:"name"`
	CRM     string `json:"crm"`
	Group   string `json:"group"`
	Auth    string `json:"connected_by"` // oauth, token, token file, snapshot (imported, not connected), "" not connected
	Account string `json:"account"`
	Synced  string `json:"last_sync"`
	State   string `json:"state"`
	// History is how far stage history is known; absent where it is not read deal by deal.
	History *historyView `json:"history,omitempty"`
}

// standing tells of every portal how it is connected and when it was last pulled.
func (s *shop) standing(ctx context.Context) ([]portalView, error) {
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	views := []portalView{}
	for _, n := range names {
		v, err := s.stands(ctx, n)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

func (s *shop) stands(ctx context.Context, name string) (portalView, error) {
	p, err := s.settings(ctx, name)
	if err != nil {
		return portalView{}, err
	}
	v := portalView{Name: p.Name, CRM: p.CRM, Group: p.Group, State: "not connected"}
	kept, err := s.db.Portals(ctx)
	if err != nil {
		return v, err
	}
	for _, k := range kept {
		if k.Name == name {
			v.Auth, v.Account, v.State = k.Auth, k.Account, "connected"
			if k.Auth == store.AuthSnapshot {
				v.State = "imported from a file"
			}
			if !k.Revoked.IsZero() {
				v.State = "revoked by the CRM: connect again"
			}
		}
	}
	if p.TokenFile != "" {
		v.Auth, v.State = "token file", "connected"
	}
	history, err := s.db.HistoryState(ctx, name)
	if err != nil {
		return v, err
	}
	if history != nil {
		v.History = viewHistory(*history)
	}
	sync, err := s.db.LastSync(ctx, name)
	if err != nil || sync == nil {
		return v, err
	}
	v.Synced = sync.Started.Time().Format("2006-01-02 15:04")
	switch {
	case sync.Ended.IsZero():
		v.State += ", the last sync was interrupted"
	case !sync.Completeness.Complete():
		v.State += ", the last sync is incomplete"
	}
	return v, nil
}

func newPortalCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "check [NAME…]", Short: "Name each missing scope and what it costs", Example: "  plumbline portal check acme",
		Long: "Asks the CRM what the connection may do. Exits 4 when a scope is missing.",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return failed(err)
			}
			defer s.Close()
			return failed(a.checkPortals(cmd.Context(), s, args))
		},
	}
}

func (a *app) checkPortals(ctx context.Context, s *shop, names []string) error {
	portals, err := s.connected(ctx, names)
	if err != nil {
		return err
	}
	var v verdict
	var rows [][]string
	var errs []error
	for _, p := range portals {
		access, err := probe(ctx, p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, x := range access {
			state, cost := "granted", ""
			if !x.Granted {
				state, cost = "MISSING", x.Cost
				v.add(exitIncomplete)
				a.warn("%s lacks the scope %s: %s", p.Name, x.Scope, x.Cost)
			}
			rows = append(rows, []string{p.Name, x.Scope, state, cost})
		}
	}
	if len(rows) > 0 {
		if err := report.Grid(a.stdout, a.style(), []string{"PORTAL", "SCOPE", "STATE", "WITHOUT IT"}, rows); err != nil {
			return err
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return v.err()
}

// probe finds out what a portal's connection may do.
func probe(ctx context.Context, p daemon.Portal) ([]connectors.Access, error) {
	conn, _, err := p.Connect(ctx)
	if err != nil {
		return nil, err
	}
	prober, ok := conn.(connectors.Prober)
	if !ok {
		return nil, fmt.Errorf("portal %s: this kind of CRM does not tell what a connection may do", p.Name)
	}
	access, err := prober.Probe(ctx)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", p.Name, err)
	}
	return access, nil
}
