package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the golden files anew")

// days stands for a policy's own type of setting.
type days float64

func (d *days) UnmarshalText(b []byte) error {
	n, ok := strings.CutSuffix(string(b), "d")
	v, err := strconv.ParseFloat(n, 64)
	if err != nil || !ok {
		return fmt.Errorf("%q is not a length such as 30d", b)
	}
	*d = days(v)
	return nil
}

func (d days) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%gd", float64(d)), nil }

type stale struct {
	Limit  days     `yaml:"limit" desc:"how long"`
	Floor  days     `yaml:"floor" desc:"at least"`
	Visits int      `yaml:"min_visits" desc:"how many"`
	Factor float64  `yaml:"factor" desc:"times"`
	Strict bool     `yaml:"strict" desc:"or not"`
	Kinds  []string `yaml:"kinds" desc:"which"`
}

func (s *stale) Validate() error {
	if s.Floor > s.Limit {
		return errors.New("floor is above limit")
	}
	return nil
}

type missing struct {
	FromStage int `yaml:"from_stage" desc:"from which stage on"`
}

func known() Known {
	return Known{
		CRMs: []string{"hubspot"},
		Connectors: map[string]Connector{
			"hubspot":   {APIURL: "https://api.hubapi.com", OAuthURL: "https://app.hubspot.com", RedirectURL: "http://localhost:8976/oauth/callback"},
			"pipedrive": {OAuthURL: "https://oauth.pipedrive.com", RedirectURL: "http://localhost:8976/oauth/callback"},
		},
		Policies: map[string]func() any{
			"stale-in-stage": func() any { return &stale{Limit: 30, Floor: 7, Visits: 30, Factor: 2} },
			"amount-missing": func() any { return &missing{FromStage: 2} },
		},
	}
}

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

// TestMistakes reads every file of testdata that is not valid: one mistake each, named by the file.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("only %d files (%v)", len(files), err)
	}
	for _, name := range files {
		base := strings.TrimSuffix(filepath.Base(name), ".yaml")
		t.Run(base, func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(filepath.Base(name), b, known(), env(map[string]string{"HOME_CRM": "hubspott"}))
			got := "no problem"
			if err != nil {
				got = err.Error()
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is shown:\n%s", got)
			}
			golden := "testdata/" + base + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimRight(string(want), "\n"), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got == "no problem" {
				t.Error("this file should not be valid")
			}
		})
	}
}

func load(t *testing.T, text string, vars map[string]string) *Config {
	t.Helper()
	c, err := Parse("/etc/plumbline/plumbline.yaml", []byte(text), known(), env(vars))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExample(t *testing.T) {
	c := load(t, string(Example()), nil)
	p, ok := c.Portal("acme")
	if !ok || p.CRM != "hubspot" || p.Limits != (Limits{PerRun: 200, PerDay: 500, ShareOfOpen: 0.05}) || p.Budget.Share != 0.2 {
		t.Errorf("portal: %+v", p)
	}
	// Apart from its policies, freezes and window the sample shows the defaults.
	want := Default(known())
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(Secret{}), cmpopts.IgnoreFields(Config{}, "File", "Dir", "Portals", "Checks", "Freeze", "WriteWindow")); diff != "" {
		t.Errorf("the example differs from the defaults (-want +got)\n%s", diff)
	}
	// Every key is in the sample.
	for _, k := range Keys(known()) {
		name := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
		if !strings.Contains(string(Example()), name) {
			t.Errorf("the example does not show %s", k.Path)
		}
		if k.Text == "" {
			t.Errorf("%s has no description", k.Path)
		}
	}
}

func TestNoFile(t *testing.T) {
	c, err := Load("", known(), env(map[string]string{"PLUMBLINE_STORE_URL": "postgres://u:hunter2@h/d", "PLUMBLINE_LIMITS_PER_RUN": "7",
		"PLUMBLINE_CONNECTORS_HUBSPOT_CLIENT_ID": "me", "PLUMBLINE_POLICIES_STALE_IN_STAGE_SETTINGS_LIMIT": "9d", "PLUMBLINE_POLICIES_STALE_IN_STAGE_ENABLED": "false"}))
	if err != nil {
		t.Fatal(err)
	}
	url, err := c.StoreURL()
	if err != nil || url != "postgres://u:hunter2@h/d" {
		t.Errorf("store %q, %v", url, err)
	}
	check := c.Checks["stale-in-stage"][0]
	if c.Limits.PerRun != 7 || c.Connectors["hubspot"].ClientID != "me" || check.Settings.(*stale).Limit != 9 || *check.Enabled {
		t.Errorf("%+v %+v", c, check)
	}
	if diff := cmp.Diff(map[string]string{"limit": "policies", "enabled": "policies"}, check.Origin); diff != "" {
		t.Error(diff)
	}
	_, err = Load("", known(), env(map[string]string{"PLUMBLINE_LIMITS_PER_RUN": "many", "PLUMBLINE_GUARD": "x"}))
	want := "environment: PLUMBLINE_GUARD: \"x\" is not a duration such as 30d, 12h, 90m or 2w\nenvironment: PLUMBLINE_LIMITS_PER_RUN: \"many\" is not a whole number"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestPrecedence(t *testing.T) {
	c := load(t, "guard: 3d\nserver: {listen: \"${HOST:-127.0.0.1}:1\"}\nstore: {url: sqlite:data/x.db}\nportals: [{name: a, crm: hubspot, group: \"$${x}\"}]\n", map[string]string{"PLUMBLINE_GUARD": "4d"})
	if c.Guard.Duration() != 4*24*time.Hour || c.Server.Listen != "127.0.0.1:1" {
		t.Errorf("%v %q", c.Guard, c.Server.Listen)
	}
	if g := c.Portals[0].Group; g != "${x}" {
		t.Errorf("group %q", g)
	}
	if url, _ := c.StoreURL(); url != "sqlite:/etc/plumbline/data/x.db" {
		t.Errorf("store %q", url)
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "s"), []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	parse := func(line string, vars map[string]string) Secret {
		t.Helper()
		c, err := Parse(filepath.Join(dir, "c.yaml"), []byte("connectors: {hubspot: {"+line+"}}"), known(), env(vars))
		if err != nil {
			t.Fatal(err)
		}
		return c.Connectors["hubspot"].ClientSecret
	}
	const key = "PLUMBLINE_CONNECTORS_HUBSPOT_CLIENT_SECRET"
	for _, c := range []struct {
		line string
		vars map[string]string
		want string
	}{
		{"client_secret: plain", nil, "plain"},
		{`client_secret: "${S}"`, map[string]string{"S": "env"}, "env"},
		{"client_secret_file: s", nil, "from file"},
		{`client_secret: "", client_secret_file: s`, nil, "from file"},
		{"client_secret_file: s", map[string]string{key: "over"}, "over"},
		{"client_secret: plain", map[string]string{key + "_FILE": filepath.Join(dir, "s")}, "from file"},
	} {
		s := parse(c.line, c.vars)
		got, err := s.Reveal()
		if err != nil || got != c.want {
			t.Errorf("%s %v: %q, %v", c.line, c.vars, got, err)
		}
	}
	s := parse("client_secret: hunter2", nil)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "struct", struct{ S Secret }{s})
	j, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(Connector{ClientSecret: s})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s) + fmt.Sprintf("%v %#v", Connector{ClientSecret: s}, Connector{ClientSecret: s}) + string(j) + string(y) + log.String()
	if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e746572") {
		t.Errorf("the secret shows: %s", shown)
	}
	if _, err := (Secret{file: filepath.Join(dir, "none")}).Reveal(); err == nil {
		t.Error("a missing file reveals nothing")
	}
}

func TestInheritance(t *testing.T) {
	c := load(t, `
policies:
  stale-in-stage:
    severity: high
    grace: 7d
    settings: {limit: 40d, kinds: [a, b]}
    pipelines:
      Sales: {fix: propose, settings: {limit: 21d}, stages: {Offer: {settings: {min_visits: 5}}}}
portals:
  - {name: plain, crm: hubspot}
  - name: acme
    crm: hubspot
    limits: {per_run: 9}
    policies:
      stale-in-stage:
        settings: {factor: 3, kinds: [c]}
        pipelines:
          Sales: {enabled: false, reason: quiet, stages: {Offer: {enabled: true}, Demo: {settings: {limit: 14d}}}}
          Service: {settings: {strict: true}}
`, nil)
	p, _ := c.Portal("acme")
	if p.Limits.PerRun != 9 || p.Limits.PerDay != 500 {
		t.Errorf("limits %+v", p.Limits)
	}
	no, yes := false, true
	week := 7 * 24 * time.Hour
	base := map[string]string{"severity": "policies", "grace": "policies", "limit": "policies", "factor": "portal acme", "kinds": "portal acme"}
	with := func(more ...string) map[string]string {
		m := map[string]string{}
		for k, v := range base {
			m[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	gs, ps := "policies, pipeline Sales", "portal acme, pipeline Sales"
	want := []Check{
		{Severity: "high", Fix: "report", Grace: week, Settings: &stale{Limit: 40, Floor: 7, Visits: 30, Factor: 3, Kinds: []string{"c"}}, Origin: with()},
		{Pipeline: "Sales", Enabled: &no, Reason: "quiet", Severity: "high", Fix: "propose", Grace: week, Settings: &stale{Limit: 21, Floor: 7, Visits: 30, Factor: 3, Kinds: []string{"c"}},
			Origin: with("limit", gs, "fix", gs, "enabled", ps)},
		{Pipeline: "Sales", Stage: "Demo", Enabled: &no, Reason: "quiet", Severity: "high", Fix: "propose", Grace: week, Settings: &stale{Limit: 14, Floor: 7, Visits: 30, Factor: 3, Kinds: []string{"c"}},
			Origin: with("limit", ps+", stage Demo", "fix", gs, "enabled", ps)},
		{Pipeline: "Sales", Stage: "Offer", Enabled: &yes, Reason: "quiet", Severity: "high", Fix: "propose", Grace: week, Settings: &stale{Limit: 21, Floor: 7, Visits: 5, Factor: 3, Kinds: []string{"c"}},
			Origin: with("limit", gs, "fix", gs, "enabled", ps+", stage Offer", "min_visits", gs+", stage Offer")},
		{Pipeline: "Service", Severity: "high", Fix: "report", Grace: week, Settings: &stale{Limit: 40, Floor: 7, Visits: 30, Factor: 3, Strict: true, Kinds: []string{"c"}},
			Origin: with("strict", "portal acme, pipeline Service")},
	}
	for i := range want {
		want[i].Policy = "stale-in-stage"
	}
	if diff := cmp.Diff(want, p.Checks["stale-in-stage"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := len(c.Portals[0].Checks["stale-in-stage"]); n != 3 {
		t.Errorf("the other portal has %d checks, want those of policies alone", n)
	}
	if got := p.Checks["amount-missing"]; len(got) != 1 || got[0].Settings.(*missing).FromStage != 2 {
		t.Errorf("a policy that the file does not name: %+v", got)
	}
}

// TestSchema checks the schema against the decoder: it accepts the sample, and refuses the files whose mistake is one of shape.
func TestSchema(t *testing.T) {
	b, err := Schema(known())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("plumbline.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("plumbline.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(b []byte) error {
		var v any
		if err := yaml.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		inst, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(inst)
	}
	if err := check(Example()); err != nil {
		t.Errorf("the example: %v", err)
	}
	for _, name := range []string{"unknown-key", "unknown-policy", "misspelt-setting", "portal-without-name", "severity", "fix-mode", "limits-not-a-mapping", "portals-not-a-list", "unknown-stage-key"} {
		b, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if check(b) == nil {
			t.Errorf("the schema accepts %s", name)
		}
	}
	for _, want := range []string{"how long", "client_secret_file", "url_file", "the policy's own settings"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("the schema does not have %q", want)
		}
	}
}

func TestScalars(t *testing.T) {
	for in, want := range map[string]string{"30d": "30d", "2w": "14d", "1d12h": "1d12h", "90m": "1h30m", "0": "0d", "30": "", "-1d": "", "1y": "", "99999999w": ""} {
		var d Duration
		err := d.UnmarshalText([]byte(in))
		got, _ := d.MarshalText()
		if err != nil {
			got = nil
		}
		if string(got) != want {
			t.Errorf("duration %q: %q (%v), want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{"5%": "5%", "0.05": "5%", "100%": "100%", "101%": "", "-1%": "", "x": "", "NaN": "", "12.5%": "12.5%"} {
		var s Share
		err := s.UnmarshalText([]byte(in))
		got, _ := s.MarshalText()
		if err != nil {
			got = nil
		}
		if string(got) != want {
			t.Errorf("share %q: %q (%v), want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{"": "", "50000 EUR": "50000 EUR", "1.5": "1.5", "EUR 5": "error", "-5 EUR": "error", "5 eur": "error"} {
		var m Money
		err := m.UnmarshalText([]byte(in))
		got, _ := m.MarshalText()
		if err != nil {
			got = []byte("error")
		}
		if string(got) != want {
			t.Errorf("money %q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "Mon-Fri 08:00-18:00": "mon,tue,wed,thu,fri 08:00-18:00", "Sat-Sun 10:00-24:00": "sun,sat 10:00-24:00", "08:00-09:00": "sun,mon,tue,wed,thu,fri,sat 08:00-09:00",
		"Mon 18:00-08:00": "error", "Foo 08:00-09:00": "error", "onm 08:00-09:00": "error", "Mon 08:61-09:00": "error", "always": "error"} {
		var w Window
		err := w.UnmarshalText([]byte(in))
		got, _ := w.MarshalText()
		if err != nil {
			got = []byte("error")
		}
		if string(got) != want {
			t.Errorf("window %q: %q, want %q", in, got, want)
		}
	}
	var w Window
	if err := w.UnmarshalText([]byte("Mon-Fri 08:00-18:00")); err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	if !w.Contains(monday) || w.Contains(monday.Add(10*time.Hour)) || w.Contains(monday.AddDate(0, 0, -1)) || !(Window{}).Contains(monday) {
		t.Error("window: wrong hours")
	}
	f := Freeze{From: Date{2026, 12, 20}, To: Date{2027, 1, 2}}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	if !f.Contains(time.Date(2027, 1, 2, 23, 59, 0, 0, paris)) || f.Contains(time.Date(2027, 1, 3, 0, 0, 0, 0, paris)) || !f.Contains(time.Date(2026, 12, 20, 0, 0, 0, 0, paris)) {
		t.Error("freeze: wrong days")
	}
}

func TestNearest(t *testing.T) {
	words := []string{"timezone", "schedule", "token_file", "crm"}
	for in, want := range map[string]string{"timezon": "timezone", "tokn_file": "token_file", "shedule": "schedule", "mrc": "", "cmr": "crm", "colour": "", "": ""} {
		if got := nearest(in, words); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	if Find("x.yaml") != "x.yaml" {
		t.Error("the file that was asked for wins")
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("plumbline.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Find(""); got != "plumbline.yaml" {
		t.Errorf("found %q", got)
	}
	if _, err := Load("absent.yaml", known(), env(nil)); err == nil || errors.As(err, new(Problems)) {
		t.Errorf("absent file: %v", err)
	}
}

// FuzzLoad checks that no text makes the reader panic, that problems have a place in the file, and that what follows
// client_secret is never shown.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, name := range append(files, "example.yaml") {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(string(b))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse("f.yaml", []byte(text), known(), env(map[string]string{"A": "b: {c}"}))
		var ps Problems
		if err != nil && !errors.As(err, &ps) {
			t.Fatal(err)
		}
		for _, p := range ps {
			if p.Line < 0 || p.Line > strings.Count(text, "\n")+2 || p.Text == "" {
				t.Errorf("%+v", p)
			}
			_ = p.String()
		}
	})
}
