package pipedrive

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// Schema reads the account's set-up in six requests: the connection's user, all users, pipelines, stages, the fields of deals
// and the types of activities.
func (c *reader) Schema(ctx context.Context) (crm.Schema, error) {
	// From now on our own snapshots show every move; what was before is told by the history of single deals.
	s := crm.Schema{
		Scopes: c.opts.Scopes, ActivityBased: true, CompanyIsContact: true, HistoryFrom: crm.At(c.opts.Now().Truncate(time.Second)),
		ShippedSets: shippedSets(), Rots: true, ProbabilityStep: 0.01, ProbabilityMin: 0.01, ProbabilityMax: 0.99, ProbabilityUnit: 100,
	}
	me, err := c.readMe(ctx)
	if err != nil {
		return s, err
	}
	s.Account, s.Currency, s.Zone = me.Company.text, me.Currency, me.Zone
	if me.Domain != "" {
		s.DealURL = "https://" + me.Domain + ".pipedrive.com/deal/{id}"
	}
	if s.Users, s.UsersKnown, err = c.users(ctx); err != nil {
		return s, err
	}
	if !s.UsersKnown {
		s.Unknown = append(s.Unknown, crm.MissingFact{
			Fact: crm.FactOwner, Why: "the scope " + scopeUsers + " is missing", Cure: "add it to the app and connect again",
		})
	}
	c.given(s)
	if s.Pipelines, err = c.pipelines(ctx); err != nil {
		return s, err
	}
	fields, err := c.readFields(ctx)
	if err != nil {
		return s, err
	}
	s.LossReason = c.lossReason(fields)
	s.Channels = optionsOf(fields[fieldChannel], false)
	s.RequiredKnown = require(s.Pipelines, fields)
	s.Unknown = append(s.Unknown, untold()...)
	if _, ok := fields[s.LossReason.DetailField]; !ok && s.LossReason.DetailField != "" {
		s.Unknown = append(s.Unknown, crm.MissingFact{
			Fact: crm.FactLossDetail, Why: "the account's deals have no field " + s.LossReason.DetailField, Cure: "name another one in the configuration",
		})
		s.LossReason.DetailField = ""
	}
	types, err := unpaged[activityType](ctx, c, "reading the types of activities", listTypes)
	switch {
	case missing(err):
		s.Unknown = append(s.Unknown, withoutActivities()...)
	case err != nil:
		return s, err
	default:
		s.ActivityKinds = kinds(types)
	}
	return s, nil
}

// withoutActivities is what cannot be known where activities may not be read.
func withoutActivities() []crm.MissingFact {
	var out []crm.MissingFact
	for _, f := range []crm.Fact{crm.FactTouch, crm.FactBuyer, crm.FactPlanned, crm.FactNextDue, crm.FactTouches | crm.FactFirstTouch, crm.FactEvidence} {
		out = append(out, crm.MissingFact{Fact: f, Why: "the scope " + scopeActivities + " is missing", Cure: "add it to the app and connect again"})
	}
	return out
}

// untold names what Pipedrive does not tell.
func untold() []crm.MissingFact {
	return []crm.MissingFact{
		{Fact: crm.FactType, Why: "Pipedrive's deals have no type", Cure: "none: Pipedrive has none"},
		{Fact: crm.FactQuotes, Why: "Pipedrive has no quotes that a program can read", Cure: "none: Pipedrive does not tell it"},
		{Fact: crm.FactEditor, Why: "Pipedrive's deals do not tell who changed them last", Cure: "none: Pipedrive tells it of single deals alone"},
		{Fact: crm.FactRules, Why: "Pipedrive forbids no moves of deals", Cure: "none: Pipedrive has no such rules"},
		{Fact: crm.FactOutreach, Why: "Pipedrive does not tell how many e-mails were sent", Cure: "none: Pipedrive tells it of single deals alone"},
	}
}

// shippedSets are the stages of the pipeline that a new account has: those of today's, and those of the accounts of before. Of its
// translations none is documented.
func shippedSets() [][]string {
	later := []string{"Contact Made", "Demo Scheduled", "Proposal Made", "Negotiations Started"}
	return [][]string{append([]string{"Qualified"}, later...), append([]string{"Lead In"}, later...)}
}

// require notes at each stage the fields that people must fill in there, and reports whether the account tells that at all. What
// must always be filled in is asked for when a deal is made: in the first stage.
func require(lines []crm.Pipeline, fields map[string]dealField) (known bool) {
	for _, code := range slices.Sorted(maps.Keys(fields)) {
		f := fields[code]
		if f.Required == nil {
			continue
		}
		known = true
		if !f.Required.Enabled.truth() {
			continue
		}
		always := len(f.Required.Stages) == 0 && len(f.Required.Statuses) == 0
		for _, p := range lines {
			for i := range p.Stages {
				st := &p.Stages[i]
				if always && i == 0 || slices.ContainsFunc(f.Required.Stages, func(v value) bool { return v.text == st.ID }) {
					st.Required = append(st.Required, cmp.Or(f.Name, f.Code))
				}
			}
		}
	}
	return known
}

// Refresh gives the schema back as it was: reading it again would cost as much as the poll itself. It is read with the full
// walks and once a day.
func (c *reader) Refresh(_ context.Context, previous crm.Schema) (crm.Schema, error) {
	c.given(previous)
	return previous, nil
}

func (c *reader) users(ctx context.Context) (users []crm.User, known bool, err error) {
	all, err := unpaged[user](ctx, c, "reading the users", listUsers)
	if missing(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	for _, u := range all {
		id := u.ID.text
		users = append(users, crm.User{
			ID: id, Name: cmp.Or(strings.TrimSpace(u.Name), u.Email, id), Email: u.Email, Active: u.Active.truth() && !u.Deleted.truth(),
		})
	}
	return users, true, nil
}

// pipelines reads pipelines and stages. A deal's being won or lost is a status of its own on Pipedrive, so every stage is open.
func (c *reader) pipelines(ctx context.Context) ([]crm.Pipeline, error) {
	lines, err := whole[pipeline](ctx, c, "reading pipelines", listPipelines, url.Values{})
	if err != nil {
		return nil, err
	}
	stages, err := whole[stage](ctx, c, "reading stages", listStages, url.Values{})
	if err != nil {
		return nil, err
	}
	lines = slices.DeleteFunc(lines, func(p pipeline) bool { return p.Deleted })
	stages = slices.DeleteFunc(stages, func(s stage) bool { return s.Deleted })
	slices.SortStableFunc(lines, func(a, b pipeline) int { return byOrder(a.Order, b.Order) })
	slices.SortStableFunc(stages, func(a, b stage) int { return byOrder(a.Order, b.Order) })
	var out []crm.Pipeline
	for _, p := range lines {
		line := crm.Pipeline{ID: p.ID.text, Name: p.Name.text, Order: len(out), Created: c.when(p.Added), Updated: c.when(p.Updated), ProbabilitiesOff: !p.Probabilities}
		for _, st := range stages {
			if st.Pipeline.text == p.ID.text {
				line.Stages = append(line.Stages, c.stage(st, p.Probabilities, len(line.Stages)))
				line.Changed = max(line.Changed, c.when(st.Added), c.when(st.Updated))
			}
		}
		out = append(out, line)
	}
	return out, nil
}

func (c *reader) stage(st stage, probabilities bool, order int) crm.Stage {
	out := crm.Stage{ID: st.ID.text, Name: st.Name.text, Order: order, Kind: crm.Open, Created: c.when(st.Added), Updated: c.when(st.Updated)}
	if percent, ok := st.Probability.number(); ok && probabilities {
		share := float64(percent) / 100
		out.Probability = &share
	}
	if days, ok := st.RotDays.number(); ok && st.Rots && days > 0 {
		out.RotDays = &days
	}
	return out
}

func byOrder(a, b value) int {
	x, _ := a.number()
	y, _ := b.number()
	return cmp.Compare(x, y)
}

// when reads a time that only informs: one that cannot be read is none.
func (c *reader) when(v value) crm.Instant {
	i, _ := instant(v.text, c.zone())
	return i
}
