package audittest

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// setup is portal.yaml.
type setup struct {
	Now           string               `yaml:"now"`
	Portal        string               `yaml:"portal"`
	CRM           string               `yaml:"crm"`
	Currency      string               `yaml:"currency"`
	Zone          string               `yaml:"zone"`
	Pipelines     yaml.MapSlice        `yaml:"pipelines"`
	Users         []string             `yaml:"users"`
	UsersKnown    bool                 `yaml:"users_known"`
	ClosedStages  bool                 `yaml:"closed_stages"`
	ActivityBased bool                 `yaml:"activity_based"`
	LossReason    lossReason           `yaml:"loss_reason"`
	Check         checkText            `yaml:",inline"`
	Checks        []checkText          `yaml:"checks"`
	Others        map[string]checkText `yaml:"others"`

	PipelineFacts map[string]pipelineText `yaml:"pipeline_facts"`
	StageFacts    map[string]stageText    `yaml:"stage_facts"` // by pipeline/stage
	Able          able                    `yaml:",inline"`

	now  crm.Instant
	zone *time.Location
}

type lossReason struct {
	Kind        string   `yaml:"kind"`
	Field       string   `yaml:"field"`
	DetailField string   `yaml:"detail_field"`
	TextField   string   `yaml:"text_field"`
	Options     []string `yaml:"options"` // value, or value=label
	Writable    bool     `yaml:"writable"`
	ByHand      bool     `yaml:"by_hand"`
}

type checkText struct {
	Pipeline string         `yaml:"pipeline"`
	Stage    string         `yaml:"stage"`
	Settings map[string]any `yaml:"settings"`
	Severity string         `yaml:"severity"`
	Mode     audit.Mode     `yaml:"mode"`
	Off      bool           `yaml:"off"`
}

func readPortal(files map[string][]byte) (*setup, error) {
	s := &setup{
		Now: "2026-11-22", Portal: "acme", CRM: "hubspot", Currency: "EUR", Zone: "UTC", UsersKnown: true, ClosedStages: true,
		LossReason: lossReason{Kind: "text", Field: "closed_lost_reason", Writable: true},
	}
	for _, name := range []string{"portal.yaml", "portal.yaml+"} {
		if err := strict(files[name], s); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	var err error
	if s.zone, err = time.LoadLocation(s.Zone); err != nil {
		return nil, err
	}
	if s.now, err = s.instant(s.Now); err != nil {
		return nil, fmt.Errorf("now: %w", err)
	}
	return s, nil
}

func strict(text []byte, into any) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	return yaml.UnmarshalWithOptions(text, into, yaml.Strict())
}

// instant reads a time of a case; "" is none.
func (s *setup) instant(text string) (crm.Instant, error) {
	switch {
	case text == "":
		return 0, nil
	case text == "now":
		return s.now, nil
	case text[0] == '-' || text[0] == '+':
		var d audit.Days
		if err := d.UnmarshalText([]byte(text[1:])); err != nil {
			return 0, err
		}
		if text[0] == '-' {
			d = -d
		}
		return s.now.Add(d.Duration()), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, s.zone); err == nil {
			return crm.At(t), nil
		}
	}
	return 0, fmt.Errorf("time %q is none of 2026-01-10, 2026-01-10 15:04, RFC 3339, now, -30d, +12h", text)
}

// schema makes the portal's set-up.
func (s *setup) schema() (crm.Schema, error) {
	out := crm.Schema{
		Account: "1", Currency: s.Currency, Zone: s.Zone, UsersKnown: s.UsersKnown, ClosedStages: s.ClosedStages, ActivityBased: s.ActivityBased,
		LossReason: crm.LossReason{Kind: crm.LossReasonKind(s.LossReason.Kind), Field: s.LossReason.Field, DetailField: s.LossReason.DetailField,
			TextField: s.LossReason.TextField, Writable: s.LossReason.Writable, ByHand: s.LossReason.ByHand},
	}
	for _, o := range s.LossReason.Options {
		value, label, ok := strings.Cut(o, "=")
		if !ok {
			label = value
		}
		out.LossReason.Options = append(out.LossReason.Options, crm.Option{Value: value, Label: label})
	}
	for _, u := range s.Users {
		name, inactive := strings.CutSuffix(u, " (inactive)")
		name, queue := strings.CutSuffix(name, " (queue)")
		out.Users = append(out.Users, crm.User{ID: name, Name: name, Active: !inactive, Queue: queue})
	}
	for i, item := range s.Pipelines {
		name := fmt.Sprint(item.Key)
		list, ok := item.Value.([]any)
		if !ok {
			return out, fmt.Errorf("pipeline %s is not a list of stages", name)
		}
		p := crm.Pipeline{ID: name, Name: name, Order: i}
		for j, text := range list {
			st, err := stage(fmt.Sprint(text))
			if err != nil {
				return out, fmt.Errorf("pipeline %s: %w", name, err)
			}
			st.Order = j
			p.Stages = append(p.Stages, st)
		}
		out.Pipelines = append(out.Pipelines, p)
	}
	if len(out.Pipelines) == 0 {
		return out, fmt.Errorf("there are no pipelines")
	}
	return out, s.fillSchema(&out)
}

var stageLine = regexp.MustCompile(`^(.*?)(?:\s+(\d+)%)?(?:\s+rot=(\d+))?(?:\s*=\s*(won|lost))?$`)

// stage reads "Demo 40% rot=14" or "Won=won".
func stage(text string) (crm.Stage, error) {
	m := stageLine.FindStringSubmatch(text)
	if m == nil || m[1] == "" {
		return crm.Stage{}, fmt.Errorf("stage %q is not a name with, if wanted, 40%%, rot=14, =won or =lost", text)
	}
	s := crm.Stage{ID: m[1], Name: m[1]}
	probability := func(p float64) { s.Probability = &p }
	switch m[4] {
	case "won":
		s.Kind = crm.Won
		probability(1)
	case "lost":
		s.Kind = crm.Lost
		probability(0)
	}
	if m[2] != "" {
		n, _ := strconv.Atoi(m[2])
		probability(float64(n) / 100)
	}
	if m[3] != "" {
		n, _ := strconv.Atoi(m[3])
		s.RotDays = &n
	}
	return s, nil
}

// allChecks makes the checks of the policy and of those beside it.
func (s *setup) allChecks(policy *audit.Policy, others []*audit.Policy) ([]audit.Check, error) {
	var out []audit.Check
	for _, c := range append([]checkText{s.Check}, s.Checks...) {
		check, err := c.check(policy)
		if err != nil {
			return nil, err
		}
		out = append(out, check)
	}
	for _, o := range others {
		check, err := s.Others[o.ID].check(o)
		if err != nil {
			return nil, err
		}
		out = append(out, check)
	}
	return out, nil
}

func (c checkText) check(policy *audit.Policy) (audit.Check, error) {
	out := audit.Check{Policy: policy, Pipeline: c.Pipeline, Stage: c.Stage, Mode: c.Mode, Off: c.Off}
	settings := policy.NewSettings()
	text, err := yaml.Marshal(c.Settings)
	if err == nil && len(c.Settings) > 0 {
		err = strict(text, settings)
	}
	if err != nil {
		return out, fmt.Errorf("settings of %s: %w", policy.ID, err)
	}
	checker, ok := settings.(audit.Checker)
	if !ok {
		return out, fmt.Errorf("settings of %s cannot check", policy.ID)
	}
	out.Settings = checker
	if c.Severity != "" {
		if err := out.Severity.UnmarshalText([]byte(c.Severity)); err != nil {
			return out, err
		}
	}
	return out, nil
}
