package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// The closed sets of words.
var (
	severities = []string{"info", "low", "medium", "high", "critical"}
	modes      = []string{"report", "propose", "auto"}
)

var portalName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// literal shows a value that has no text of its own.
func literal(v any) string { return fmt.Sprintf("%#v", v) }

// validate checks what the types alone do not.
func (d *decoder) validate(c *Config) {
	d.storeURL(c)
	d.address("server.listen", c.Server.Listen, false)
	d.address("metrics.listen", c.Metrics.Listen, true)
	d.webURL("server.public_url", c.Server.PublicURL)
	d.schedule("defaults.schedule", c.Defaults.Schedule)
	d.zone("defaults.timezone", c.Defaults.Timezone)
	d.limits("limits", c.Limits)
	for i, f := range c.Freeze {
		path := place{path: "freeze"}.index(i).path
		_, from := d.spots[path+".from"]
		_, to := d.spots[path+".to"]
		switch {
		case !from || !to:
			d.wrong(path, "needs both from and to")
		case f.From != Date{} && f.To.In(time.UTC).Before(f.From.In(time.UTC)):
			d.wrong(path+".to", "is before from")
		}
	}
	for name, conn := range c.Connectors {
		path := place{path: "connectors"}.key(name).path
		if _, ok := d.known.Connectors[name]; !ok {
			d.wrong(path, "there is no such connector%s", Meant(name, slices.Collect(maps.Keys(d.known.Connectors))))
			continue
		}
		d.webURL(path+".api_url", conn.APIURL)
		d.webURL(path+".oauth_url", conn.OAuthURL)
		d.webURL(path+".redirect_url", conn.RedirectURL)
	}
	d.portals(c.Portals)
}

func (d *decoder) portals(portals []Portal) {
	first := map[string]int{}
	for i, p := range portals {
		path := place{path: "portals"}.index(i).path
		switch {
		case p.Name == "":
			d.wrong(path+".name", "is missing")
		case !portalName.MatchString(p.Name):
			d.wrong(path+".name", "%q may have lower-case letters, digits, - and _ only", p.Name)
		case first[p.Name] > 0:
			d.wrong(path+".name", "%q is the name of portals[%d] already", p.Name, first[p.Name]-1)
		}
		if first[p.Name] == 0 {
			first[p.Name] = i + 1
		}
		if d.said(path+".budget.share") && p.Budget.Share == 0 {
			d.wrong(path+".budget.share", "must be more than 0%%: without any requests nothing can be read")
		}
		if p.CRM == "" {
			d.wrong(path+".crm", "is missing; it can be %s", strings.Join(d.known.CRMs, ", "))
		} else {
			d.oneOf(path+".crm", p.CRM, d.known.CRMs)
		}
		if d.said(path + ".schedule") {
			d.schedule(path+".schedule", p.Schedule)
		}
		if d.said(path + ".timezone") {
			d.zone(path+".timezone", p.Timezone)
		}
		d.limits(path+".limits", p.Limits)
		if p.Budget.TokensPerDay < 0 {
			d.wrong(path+".budget.tokens_per_day", "is below 0")
		}
	}
}

// oneOf checks a word against a closed set; "" passes.
func (d *decoder) oneOf(path, word string, words []string) {
	if word != "" && !slices.Contains(words, word) {
		d.wrong(path, "%q is not known%s", word, Meant(word, words))
	}
}

// storeURL says nothing of the URL itself, which may hold a password.
func (d *decoder) storeURL(c *Config) {
	u := c.Store.URL
	if u.file != "" {
		return
	}
	file, sqlite := strings.CutPrefix(u.value, "sqlite:")
	postgres := strings.HasPrefix(u.value, "postgres://") || strings.HasPrefix(u.value, "postgresql://")
	if !postgres && (!sqlite || file == "") {
		d.wrong("store.url", "must be sqlite:FILE or postgres://…")
	}
}

func (d *decoder) address(path, s string, optional bool) {
	if s == "" && optional {
		return
	}
	_, port, err := net.SplitHostPort(s)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		d.wrong(path, "%q is not an address with a port such as 127.0.0.1:8080", s)
	}
}

func (d *decoder) webURL(path, s string) {
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	if strings.Contains(s, "@") { // there is a password in it, perhaps
		at := d.spots[path]
		d.blots[at.line] = append(d.blots[at.line], blot{column: at.column})
		d.wrong(path, "must not have a user")
		return
	}
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		d.wrong(path, "%q is not a URL that begins with http:// or https://", s)
	case u.RawQuery != "" || u.Fragment != "":
		d.wrong(path, "must not have a query or a fragment")
	}
}

// schedule checks a cron expression. A zone within it would contradict the portal's own.
func (d *decoder) schedule(path, s string) {
	if strings.HasPrefix(s, "TZ=") || strings.HasPrefix(s, "CRON_TZ=") {
		d.wrong(path, "must not name a time zone; timezone does")
		return
	}
	if _, err := cron.ParseStandard(s); err != nil {
		d.wrong(path, "%q is not a schedule of five cron fields such as \"0 6 * * *\": %v", s, err)
	}
}

func (d *decoder) zone(path, s string) {
	if _, err := time.LoadLocation(s); err != nil || s == "" || s == "Local" {
		d.wrong(path, "%q is not the name of a time zone such as Europe/Paris", s)
	}
}

// said reports whether the file or the environment gives a value itself. What is inherited is checked where it was given.
func (d *decoder) said(path string) bool {
	_, ok := d.spots[path]
	return ok
}

func (d *decoder) limits(path string, l Limits) {
	if l.PerRun < 1 && d.said(path+".per_run") {
		d.wrong(path+".per_run", "must be at least 1; fix: report keeps a policy from writing")
	}
	if l.PerDay < 1 && d.said(path+".per_day") {
		d.wrong(path+".per_day", "must be at least 1; fix: report keeps a policy from writing")
	}
}
