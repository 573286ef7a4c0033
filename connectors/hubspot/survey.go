package hubspot

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// shipped are the names under which HubSpot ships the stages of these ids.
var shipped = map[string]string{
	"appointmentscheduled": "Appointment Scheduled", "qualifiedtobuy": "Qualified To Buy", "presentationscheduled": "Presentation Scheduled",
	"decisionmakerboughtin": "Decision Maker Bought-In", "contractsent": "Contract Sent", "closedwon": "Closed Won", "closedlost": "Closed Lost",
}

// shippedSets are the open stages of HubSpot's own pipeline. Of its translations none is documented.
func shippedSets() [][]string {
	var set []string
	for _, id := range []string{"appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "contractsent"} {
		set = append(set, shipped[id])
	}
	return [][]string{set}
}

// outreachDays is how far back touches are counted by kind.
const outreachDays = 90

// Survey reads the pipelines' rules, one request each, and counts the touches of the last 90 days by kind, three requests, as
// far as the facts ask for it. What a scope or the portal's plan withholds is left unknown, and said.
func (c *reader) Survey(ctx context.Context, s crm.Schema, facts crm.Fact) (crm.Schema, error) {
	if facts.Has(crm.FactRules) {
		if err := c.readRules(ctx, &s); err != nil {
			return s, err
		}
	}
	if facts.Has(crm.FactOutreach) {
		if err := c.readOutreach(ctx, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (c *reader) readRules(ctx context.Context, s *crm.Schema) error {
	s.Pipelines = slices.Clone(s.Pipelines)
	s.RulesAvailable = false
	for i := range s.Pipelines {
		p := &s.Pipelines[i]
		p.Rules = nil
		read, err := c.getRules(ctx, p.ID)
		switch {
		case missing(err):
			s.Unknown = append(s.Unknown, crm.MissingFact{Fact: crm.FactRules,
				Why: "the scope " + scopeRules + " is missing, or the portal's plan has no pipeline rules", Cure: "grant it and connect again"})
			return nil
		case errors.Is(err, connectors.ErrNotFound):
			continue // this plan or this pipeline has none
		case err != nil:
			return err
		}
		s.RulesAvailable = true
		p.Rules = &crm.Rules{NoSkip: read.Validation.NoSkip.covers(p), NoBack: read.Validation.NoBack.covers(p)}
	}
	return nil
}

// covers reports whether a rule holds for every open stage of a pipeline. One that holds for some forbids no move in general.
func (r rule) covers(p *crm.Pipeline) bool {
	open := 0
	for _, st := range p.Stages {
		if st.Kind == crm.Open {
			open++
			if !r.All && !slices.Contains(r.Stages, st.ID) {
				return false
			}
		}
	}
	return r.All || open > 0
}

func (c *reader) readOutreach(ctx context.Context, s *crm.Schema) error {
	now := c.opts.Now()
	ms := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	window := []filter{
		{Property: "hs_timestamp", Operator: "GTE", Value: ms(now.AddDate(0, 0, -outreachDays))},
		{Property: "hs_timestamp", Operator: "LTE", Value: ms(now)},
	}
	out := map[string]int{}
	for _, kind := range []struct {
		name, objects string
		filters       []filter
	}{
		{"call", "calls", []filter{{"hs_call_direction", "NEQ", "INBOUND"}}},
		{"meeting", "meetings", []filter{{"hs_meeting_outcome", "NEQ", "CANCELED"}, {"hs_meeting_outcome", "NEQ", "NO_SHOW"}}},
		{"email", "emails", []filter{{"hs_email_direction", "EQ", "EMAIL"}}},
	} {
		n, err := c.count(ctx, kind.objects, slices.Concat(window, kind.filters)...)
		if missing(err) {
			s.Unknown = append(s.Unknown, crm.MissingFact{Fact: crm.FactOutreach,
				Why: "the scope " + scopeTasks + " or " + scopeMails + " is missing", Cure: "grant both and connect again"})
			return nil
		}
		if err != nil {
			return err
		}
		out[kind.name] = int(n)
	}
	s.Outreach, s.OutreachKnown = out, true
	return nil
}

// untold names what HubSpot does not tell of deals, and what the granted scopes keep from us.
func (c *reader) untold() []crm.MissingFact {
	out := []crm.MissingFact{
		{Fact: crm.FactFirstMail, Why: "HubSpot's deals do not tell when the first e-mail was sent", Cure: "none: HubSpot tells it of the e-mails alone"},
	}
	for _, s := range []struct {
		fact  crm.Fact
		scope string
	}{
		{crm.FactQuotes, scopeQuotes}, {crm.FactLineItems, scopeLineItems}, {crm.FactNextDue, scopeTasks},
	} {
		if !c.may(s.scope) {
			out = append(out, crm.MissingFact{Fact: s.fact, Why: "the scope " + s.scope + " is missing", Cure: "grant it and connect again"})
		}
	}
	return out
}
