package audittest

import (
	"fmt"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// rareColumns are the columns of what few policies look at.
func rareColumns() map[string]column {
	return map[string]column{
		"updated":         {fact: crm.FactUpdated, time: func(d *crm.Deal) *crm.Instant { return &d.Updated }, must: true},
		"modified":        {fact: crm.FactModified, time: func(d *crm.Deal) *crm.Instant { return &d.Modified }, must: true},
		"type":            {fact: crm.FactType, text: func(d *crm.Deal) *string { return &d.Type }},
		"source":          {fact: crm.FactSource, text: func(d *crm.Deal) *string { return &d.Source }},
		"contacts":        {fact: crm.FactContacts, n: func(d *crm.Deal) *int32 { return &d.Contacts }},
		"touches":         {fact: crm.FactTouches, n: func(d *crm.Deal) *int32 { return &d.Touches }},
		"first_touch":     {fact: crm.FactFirstTouch, time: func(d *crm.Deal) *crm.Instant { return &d.FirstTouch }},
		"first_meeting":   {fact: crm.FactFirstMeeting, time: func(d *crm.Deal) *crm.Instant { return &d.FirstMeeting }},
		"first_mail":      {fact: crm.FactFirstMail, time: func(d *crm.Deal) *crm.Instant { return &d.FirstMail }},
		"next_due":        {fact: crm.FactNextDue, time: func(d *crm.Deal) *crm.Instant { return &d.NextDue }},
		"quote_published": {fact: crm.FactQuotes, time: func(d *crm.Deal) *crm.Instant { return &d.Quote.Published }},
		"quote_expires":   {fact: crm.FactQuotes, time: func(d *crm.Deal) *crm.Instant { return &d.Quote.Expires }},
		"quote_signed":    {fact: crm.FactQuotes, time: func(d *crm.Deal) *crm.Instant { return &d.Quote.Signed }},
		"quote_paid":      {fact: crm.FactQuotes, time: func(d *crm.Deal) *crm.Instant { return &d.Quote.Paid }},
		"line_total":      {fact: crm.FactLineItems, sum: func(d *crm.Deal) *crm.Amount { return &d.LineTotal }},
		"editor":          {fact: crm.FactEditor, text: func(d *crm.Deal) *string { return &d.Editor }},
		"closer":          {fact: crm.FactCloser, text: func(d *crm.Deal) *string { return &d.Closer }},
	}
}

// dates reads "+10d@-60d;none@-3d@person": each value that the close date was given, and when.
func (s *setup) dates(d *crm.Deal, text string) error {
	if text == "" || text == "?" {
		return nil
	}
	d.Known |= crm.FactDates
	for _, entry := range strings.Split(text, ";") {
		parts := strings.Split(strings.TrimSpace(entry), "@")
		if len(parts) < 2 || len(parts) > 3 {
			return fmt.Errorf("dates %q are not date@time;date@time", text)
		}
		if parts[0] == "none" {
			parts[0] = ""
		}
		var c crm.DateChange
		var err error
		if c.To, err = s.instant(parts[0]); err != nil {
			return err
		}
		if c.At, err = s.instant(parts[1]); err != nil {
			return err
		}
		if len(parts) == 3 {
			if c.Origin, err = origin(parts[2]); err != nil {
				return err
			}
		}
		d.Dates = append(d.Dates, c)
	}
	return nil
}

// pipelineText is what portal.yaml tells of a pipeline beside its stages.
type pipelineText struct {
	Created string `yaml:"created"`
	Updated string `yaml:"updated"`
	Changed string `yaml:"changed"`
	NoOdds  bool   `yaml:"probabilities_off"`
	Rules   *struct {
		NoSkip bool   `yaml:"no_skip"`
		NoBack bool   `yaml:"no_back"`
		Since  string `yaml:"since"`
	} `yaml:"rules"`
}

// stageText is what portal.yaml tells of a stage beside its name, probability and rotting.
type stageText struct {
	Created  string   `yaml:"created"`
	Updated  string   `yaml:"updated"`
	Required []string `yaml:"required"`
	Shipped  string   `yaml:"shipped"`
}

// able is what portal.yaml tells of what the CRM can do and of what the portal does as a whole.
type able struct {
	CompanyIsContact bool           `yaml:"company_is_contact"`
	StagesOfDeals    bool           `yaml:"stages_of_deals"`
	RulesAvailable   bool           `yaml:"rules_available"`
	RequiredKnown    bool           `yaml:"required_known"`
	ShippedSets      [][]string     `yaml:"shipped_sets"`
	Outreach         map[string]int `yaml:"outreach"`
	Rots             bool           `yaml:"rots"`
	CloseDateDefault string         `yaml:"close_date_default"`
	OneCloseDate     bool           `yaml:"one_close_date"`
	ProbabilityStep  float64        `yaml:"probability_step"`
	ProbabilityMin   float64        `yaml:"probability_min"`
	ProbabilityMax   float64        `yaml:"probability_max"`
	ProbabilityUnit  float64        `yaml:"probability_unit"`
}

// fillSchema writes into the set-up what portal.yaml tells of it beside its names.
func (s *setup) fillSchema(out *crm.Schema) error {
	a := s.Able
	out.RulesAvailable, out.RequiredKnown, out.ShippedSets, out.Rots = a.RulesAvailable, a.RequiredKnown, a.ShippedSets, a.Rots
	out.CloseDateDefault, out.OneCloseDate = crm.CloseDateDefault(a.CloseDateDefault), a.OneCloseDate
	out.Outreach, out.OutreachKnown = a.Outreach, a.Outreach != nil
	out.CompanyIsContact, out.StagesOfDeals = a.CompanyIsContact, a.StagesOfDeals
	out.ProbabilityStep, out.ProbabilityMin, out.ProbabilityMax, out.ProbabilityUnit = a.ProbabilityStep, a.ProbabilityMin, a.ProbabilityMax, a.ProbabilityUnit
	pipelines, stages := 0, 0
	for i := range out.Pipelines {
		p := &out.Pipelines[i]
		if more, ok := s.PipelineFacts[p.ID]; ok {
			pipelines++
			if err := s.fillPipeline(p, more); err != nil {
				return fmt.Errorf("pipeline_facts of %s: %w", p.ID, err)
			}
		}
		for j := range p.Stages {
			st := &p.Stages[j]
			more, ok := s.StageFacts[p.ID+"/"+st.ID]
			if !ok {
				continue
			}
			stages++
			st.Required, st.Shipped = more.Required, more.Shipped
			if err := s.instants(map[*crm.Instant]string{&st.Created: more.Created, &st.Updated: more.Updated}); err != nil {
				return fmt.Errorf("stage_facts of %s/%s: %w", p.ID, st.ID, err)
			}
		}
	}
	if pipelines < len(s.PipelineFacts) || stages < len(s.StageFacts) {
		return fmt.Errorf("pipeline_facts or stage_facts name a pipeline, or a pipeline/stage, that is not there")
	}
	return nil
}

func (s *setup) fillPipeline(p *crm.Pipeline, more pipelineText) error {
	p.ProbabilitiesOff = more.NoOdds
	into := map[*crm.Instant]string{&p.Created: more.Created, &p.Updated: more.Updated, &p.Changed: more.Changed}
	if more.Rules != nil {
		p.Rules = &crm.Rules{NoSkip: more.Rules.NoSkip, NoBack: more.Rules.NoBack}
		into[&p.Rules.Since] = more.Rules.Since
	}
	return s.instants(into)
}

func (s *setup) instants(into map[*crm.Instant]string) error {
	for to, text := range into {
		at, err := s.instant(text)
		if err != nil {
			return err
		}
		*to = at
	}
	return nil
}
