package pipedrive

import (
	"cmp"
	"context"
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
		Rots: true, ProbabilityStep: 0.01, ProbabilityMin: 0.01, ProbabilityMax: 0.99, ProbabilityUnit: 100,
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
	for _, f := range []crm.Fact{crm.FactTouch, crm.FactBuyer, crm.FactPlanned} {
		out = append(out, crm.MissingFact{Fact: f, Why: "the scope " + scopeActivities + " is missing", Cure: "add it to the app and connect again"})
	}
	return out
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
