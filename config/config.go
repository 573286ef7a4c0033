package config

import (
	_ "embed"
	"maps"
	"path/filepath"
	"strings"
	"time"
)

//go:embed example.yaml
var example []byte

// Example is the one documented sample of a configuration. It is valid as it stands.
func Example() []byte { return example }

// Known is what a configuration can speak of.
type Known struct {
	// CRMs are the names that portals[].crm may have.
	CRMs []string
	// Connectors are the sections that connectors may have, with their defaults.
	Connectors map[string]Connector
	// Policies gives, per policy id, a constructor that returns a pointer to a fresh struct of the policy's default settings.
	Policies map[string]func() any
	// OwnPrefix begins the ids of own policies, for the schema; "": there are none.
	OwnPrefix string
	// Own makes policies of the files that own_policies names; nil: there can be none.
	Own func(files []File) Own
}

// File is a file that the configuration names, as it is. Path is for messages.
type File struct {
	Path string
	Text []byte
}

// Own is what files of own policies hold.
type Own struct {
	// Policies are like [Known].Policies.
	Policies map[string]func() any
	// Broken are the ids of policies that are not there for their mistakes.
	Broken []string
	// Problems are the mistakes, with their sources.
	Problems []Problem
}

// Config is the whole configuration, with defaults, the environment and inheritance worked in.
type Config struct {
	// File is the file that was read, "" when there was none; Dir is the folder that relative paths start from.
	File string `yaml:"-"`
	Dir  string `yaml:"-"`

	Store       Store                `yaml:"store" desc:"where data is kept"`
	Server      Server               `yaml:"server" desc:"pages and, unless metrics.listen is set, metrics"`
	Metrics     Metrics              `yaml:"metrics" desc:"metrics on a port of their own"`
	Connectors  map[string]Connector `yaml:"connectors" desc:"the app that is registered with each CRM"`
	Defaults    Defaults             `yaml:"defaults" desc:"what portals have that say nothing else"`
	Guard       Duration             `yaml:"guard" desc:"how recent a two-way contact keeps a deal from being changed unasked"`
	Freeze      []Freeze             `yaml:"freeze" desc:"days on which nothing is written unasked"`
	WriteWindow Window               `yaml:"write_window" desc:"the hours of the week in which something may be written unasked, for example Mon-Fri 08:00-18:00; empty: always"`
	Limits      Limits               `yaml:"limits" desc:"how much may be written unasked"`
	OwnPolicies []string             `yaml:"own_policies" desc:"files of policies that you wrote yourself, see own-policies.md"`
	Portals     []Portal             `yaml:"portals" desc:"the connected CRM accounts"`

	// Checks are the policies' settings where no portal says anything else: what an audit of a file uses.
	Checks Checks `yaml:"-"`
}

// Store says where data is kept.
type Store struct {
	URL Secret `yaml:"url" desc:"sqlite:FILE, or postgres://…"`
}

// Server says where pages and the API are served.
type Server struct {
	Listen    string `yaml:"listen" desc:"address and port; port 0 takes a free one"`
	PublicURL string `yaml:"public_url" desc:"the URL at which people reach the pages"`
}

// Metrics says where metrics are served.
type Metrics struct {
	Listen string `yaml:"listen" desc:"address and port of the metrics alone; empty: on server.listen"`
}

// Connector is the app that is registered with a CRM.
type Connector struct {
	APIURL       string `yaml:"api_url" desc:"base URL of the API; a sandbox or a proxy will do"`
	OAuthURL     string `yaml:"oauth_url" desc:"base URL of the authorize page"`
	ClientID     string `yaml:"client_id" desc:"the app's client id"`
	ClientSecret Secret `yaml:"client_secret" desc:"the app's client secret"`
	RedirectURL  string `yaml:"redirect_url" desc:"the exact redirect URL registered with the app; portal connect listens on its port"`
}

// Defaults are what portals have that say nothing else.
type Defaults struct {
	Schedule string `yaml:"schedule" desc:"when to sync and audit: five cron fields, or @daily and the like"`
	Timezone string `yaml:"timezone" desc:"IANA time zone of the schedule and of dates"`
}

// Freeze is a span of days, both included, on which nothing is written unasked.
type Freeze struct {
	From Date `yaml:"from" desc:"first day, YYYY-MM-DD"`
	To   Date `yaml:"to" desc:"last day, YYYY-MM-DD"`
}

// Limits bound what is written unasked. A share is of the portal's open deals and allows at least one.
type Limits struct {
	PerRun      int   `yaml:"per_run" desc:"steps per run"`
	PerDay      int   `yaml:"per_day" desc:"steps per day"`
	ShareOfOpen Share `yaml:"share_of_open" desc:"share of the open deals per run"`
	Money       Money `yaml:"money" desc:"sum of the amounts of the deals changed per run, for example 50000 EUR; empty: no limit"`
}

// Portal is one connected CRM account.
type Portal struct {
	Name          string      `yaml:"name" desc:"unique; lower-case letters, digits, - and _"`
	CRM           string      `yaml:"crm" desc:"which CRM it is"`
	Group         string      `yaml:"group" desc:"a name to list portals together by"`
	Schedule      string      `yaml:"schedule" desc:"like defaults.schedule"`
	Timezone      string      `yaml:"timezone" desc:"like defaults.timezone"`
	TokenFile     string      `yaml:"token_file" desc:"a file with a static token, instead of OAuth"`
	Fields        Fields      `yaml:"fields" desc:"which properties hold what"`
	LossReasons   LossReasons `yaml:"loss_reasons" desc:"the portal's own words for loss reasons: lists of phrases, which overrule what Plumbline knows"`
	Budget        Budget      `yaml:"budget" desc:"how much of the CRM's API budget to use"`
	FallbackOwner string      `yaml:"fallback_owner" desc:"id or e-mail of who gets deals whose owner is gone"`
	Limits        Limits      `yaml:"limits" desc:"like the limits above, for this portal"`

	// Checks are the policies' settings for this portal.
	Checks Checks `yaml:"-"`
}

// Fields name the CRM's properties that hold loss reasons; "" leaves the choice to the connector.
type Fields struct {
	LostReason       string `yaml:"lost_reason" desc:"the property of the loss reason"`
	LostReasonDetail string `yaml:"lost_reason_detail" desc:"the property of the detail beside it"`
}

// LossReasons are a portal's own words for why deals were lost: whole texts, or parts of them.
type LossReasons struct {
	Budget         []string `yaml:"budget" desc:"phrases that mean budget or price"`
	Competitor     []string `yaml:"competitor" desc:"phrases that mean a competitor, such as the names of those in the market"`
	ProductFit     []string `yaml:"product_fit" desc:"phrases that mean product fit or value"`
	Timing         []string `yaml:"timing" desc:"phrases that mean wrong timing"`
	StatusQuo      []string `yaml:"status_quo" desc:"phrases that mean no decision"`
	DecisionMaker  []string `yaml:"decision_maker" desc:"phrases that mean no decision-maker buy-in"`
	Commitment     []string `yaml:"commitment" desc:"phrases that mean lack of commitment"`
	Unresponsive   []string `yaml:"unresponsive" desc:"phrases that mean unresponsive"`
	NotInterested  []string `yaml:"not_interested" desc:"phrases that mean not interested"`
	ClosedByPolicy []string `yaml:"closed_by_policy" desc:"phrases that mean closed by policy"`
	Other          []string `yaml:"other" desc:"phrases that mean another reason"`
}

// Phrases returns the phrases by the reason's value; reasons without any are left out.
func (l LossReasons) Phrases() map[string][]string {
	all := map[string][]string{
		"budget": l.Budget, "competitor": l.Competitor, "product_fit": l.ProductFit, "timing": l.Timing, "status_quo": l.StatusQuo,
		"decision_maker": l.DecisionMaker, "commitment": l.Commitment, "unresponsive": l.Unresponsive, "not_interested": l.NotInterested,
		"closed_by_policy": l.ClosedByPolicy, "other": l.Other,
	}
	maps.DeleteFunc(all, func(_ string, phrases []string) bool { return len(phrases) == 0 })
	return all
}

// Budget is how much of a CRM's own budget may be used.
type Budget struct {
	TokensPerDay int   `yaml:"tokens_per_day" desc:"the account's daily tokens; 0: assumed from its active users"`
	Share        Share `yaml:"share" desc:"the share of them that may be used"`
}

// Default returns what holds where a file says nothing.
func Default(k Known) *Config {
	c := &Config{
		Server:     Server{Listen: "127.0.0.1:8080"},
		Store:      Store{URL: Secret{value: "sqlite:plumbline.db"}},
		Connectors: map[string]Connector{}, OwnPolicies: []string{},
		Defaults: Defaults{Schedule: "0 6 * * *", Timezone: "UTC"},
		Guard:    Duration(14 * 24 * time.Hour),
		Limits:   Limits{PerRun: 200, PerDay: 500, ShareOfOpen: 0.05},
	}
	for name, conn := range k.Connectors {
		c.Connectors[name] = conn
	}
	return c
}

// Portal returns the portal with a name.
func (c *Config) Portal(name string) (Portal, bool) {
	for _, p := range c.Portals {
		if p.Name == name {
			return p, true
		}
	}
	return Portal{}, false
}

// StoreURL returns store.url with the path of a SQLite file made absolute.
func (c *Config) StoreURL() (string, error) {
	u, err := c.Store.URL.Reveal()
	if err != nil {
		return "", err
	}
	if file, ok := strings.CutPrefix(u, "sqlite:"); ok && file != ":memory:" {
		return "sqlite:" + c.abs(file), nil
	}
	return u, nil
}

// abs resolves a path from the configuration file's folder.
func (c *Config) abs(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Dir, path)
}
