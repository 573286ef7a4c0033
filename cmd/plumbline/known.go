package main

import (
	"errors"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/connectors/all"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
	"github.com/plumbline/plumbline/policies"
	"github.com/plumbline/plumbline/policies/own"
)

// callback is the redirect URL that the CRM's app has registered unless the configuration says otherwise.
const callback = "http://localhost:8976/oauth/callback"

// catalogue is the policies that there are: those that are built in, then the account's own.
type catalogue []*audit.Policy

func (c catalogue) ids() []string {
	var ids []string
	for _, p := range c {
		ids = append(ids, p.ID)
	}
	return ids
}

// find returns the policy with an id, nil when there is none.
func (c catalogue) find(id string) *audit.Policy {
	for _, p := range c {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// words are the sentences that people read.
func (c catalogue) words() (*text.Words, error) { return text.English(c) }

// catalogue returns the policies there are. The account's own are among them once the configuration is loaded.
func (a *app) catalogue() catalogue {
	list := catalogue(policies.All())
	if a.own != nil {
		list = append(list, a.own.Policies...)
	}
	return list
}

// loadOwn reads files of own policies.
func loadOwn(files []own.File) *own.Set {
	return own.Load(files, own.Options{Taken: catalogue(policies.All()).ids(), Meant: config.Meant})
}

// readOwn reads those that the configuration names.
func (a *app) readOwn(files []config.File) config.Own {
	list := make([]own.File, len(files))
	for i, f := range files {
		list[i] = own.File(f)
	}
	a.own = loadOwn(list)
	out := config.Own{Policies: map[string]func() any{}, Broken: a.own.Broken}
	for _, p := range a.own.Policies {
		out.Policies[p.ID] = p.NewSettings
	}
	for _, p := range a.own.Problems {
		out.Problems = append(out.Problems, config.Problem(p))
	}
	return out
}

// known is what a configuration can speak of: the CRMs and policies that are built in.
func known() config.Known {
	k := config.Known{
		Connectors: map[string]config.Connector{
			"hubspot":   {APIURL: "https://api.hubapi.com", OAuthURL: "https://app.hubspot.com", RedirectURL: callback},
			"pipedrive": {OAuthURL: "https://oauth.pipedrive.com", RedirectURL: callback},
		},
		Policies: map[string]func() any{}, OwnPrefix: own.Prefix,
	}
	for _, t := range all.Types() {
		k.CRMs = append(k.CRMs, t.Name)
	}
	for _, p := range policies.All() {
		k.Policies[p.ID] = p.NewSettings
	}
	return k
}

// loadConfig reads the configuration, or the defaults where there is no file and none was asked for.
func (a *app) loadConfig() (*config.Config, error) {
	k := known()
	k.Own = a.readOwn
	cfg, err := config.Load(config.Find(a.configFile), k, a.getenv)
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		return nil, usage("the configuration has %s:\n%w", text.Plural(len(problems), "problem"), problems)
	case err != nil:
		return nil, usage("%w", err)
	}
	return cfg, nil
}

// checks turns configured checks into those of the audit: for every policy at least one.
func (c catalogue) checks(configured config.Checks) ([]audit.Check, error) {
	var out []audit.Check
	for _, p := range c {
		list := configured[p.ID]
		if len(list) == 0 {
			list = []config.Check{{Policy: p.ID, Fix: string(audit.ModeReport), Settings: p.NewSettings()}}
		}
		for _, c := range list {
			check, err := newCheck(p, c)
			if err != nil {
				return nil, err
			}
			out = append(out, check)
		}
	}
	return out, nil
}

func newCheck(p *audit.Policy, c config.Check) (audit.Check, error) {
	settings, err := p.Checker(c.Settings)
	if err != nil {
		return audit.Check{}, err
	}
	out := audit.Check{
		Policy: p, Settings: settings, Mode: audit.Mode(c.Fix), Grace: audit.Days(c.Grace),
		Pipeline: c.Pipeline, Stage: c.Stage, Band: audit.Band{From: crm.Amount(c.Amounts.From), To: crm.Amount(c.Amounts.To), Currency: c.Amounts.Currency}, Origin: c.Origin, Off: p.Off, Why: c.Reason,
	}
	if c.Enabled != nil {
		out.Off = !*c.Enabled
	}
	if c.Severity != "" {
		if err := out.Severity.UnmarshalText([]byte(c.Severity)); err != nil {
			return audit.Check{}, err
		}
	}
	return out, nil
}

// facts are what must be read of deals for the checks that are on.
func facts(list []audit.Check) crm.Fact {
	f := crm.FactName | crm.FactCreated | crm.FactClosed | crm.FactOwner | crm.FactAmount | crm.FactCloseDate | crm.FactModified | crm.FactOrigin
	for _, c := range list {
		if !c.Off {
			f |= c.Policy.Facts
		}
		if c.Mode == audit.ModeAuto {
			f |= crm.FactBuyer | crm.FactTouch // the guard asks for the last two-way contact
		}
	}
	// Statistics need the way that every deal took.
	return f | crm.FactHistory | crm.FactStageEntry
}

func zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, usage("time zone %q is not known; use an IANA name such as Europe/Paris", name)
	}
	return loc, nil
}
