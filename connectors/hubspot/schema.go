package hubspot

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

// Schema reads the portal's set-up in five requests, and one more for each further hundred owners: pipelines, properties,
// owners active and archived, and the account.
func (c *reader) Schema(ctx context.Context) (crm.Schema, error) {
	s := crm.Schema{
		Scopes: c.opts.Scopes, ClosedStages: true, ShippedSets: shippedSets(), CloseDateDefault: crm.MonthEnd, OneCloseDate: true,
		ProbabilityStep: 0.1, ProbabilityMin: 0.1, ProbabilityMax: 0.9, ProbabilityUnit: 1,
	}
	acc, err := c.getAccount(ctx)
	if err != nil && !missing(err) {
		return s, err
	}
	if err == nil {
		s.Account, s.Currency, s.Zone = acc.PortalID.String(), acc.Currency, acc.TimeZone
		s.DealURL = "https://" + cmp.Or(acc.UIDomain, "app.hubspot.com") + "/contacts/" + s.Account + "/record/0-3/{id}"
	}
	c.setZone(s.Zone)
	if s, err = c.Refresh(ctx, s); err != nil {
		return s, err
	}
	all, err := c.listProperties(ctx, "deals")
	if err != nil {
		return s, err
	}
	properties := c.keep(all)
	s.LossReason = c.lossReason(properties)
	s.Unknown = append(s.Unknown, absent(properties, s.LossReason)...)
	s.Unknown = append(s.Unknown, c.untold()...)
	switch s.Users, err = c.users(ctx); {
	case err == nil:
		s.UsersKnown = true
	case missing(err):
		s.Unknown = append(s.Unknown, crm.MissingFact{
			Fact: crm.FactOwner, Why: "the scope " + scopeOwners + " is missing", Cure: "grant it and connect again",
		})
	default:
		return s, err
	}
	return s, nil
}

// Refresh reads the pipelines again, in one request.
func (c *reader) Refresh(ctx context.Context, previous crm.Schema) (crm.Schema, error) {
	c.setZone(previous.Zone)
	all, err := c.listPipelines(ctx)
	if err != nil {
		return previous, err
	}
	surveyed := map[string]*crm.Rules{}
	for _, p := range previous.Pipelines {
		surveyed[p.ID] = p.Rules
	}
	previous.Pipelines = nil
	slices.SortStableFunc(all, func(a, b pipeline) int { return cmp.Compare(a.DisplayOrder, b.DisplayOrder) })
	for _, p := range all {
		if p.Archived {
			continue
		}
		out := crm.Pipeline{ID: p.ID, Name: p.Label, Order: len(previous.Pipelines), Created: c.when(p.CreatedAt), Updated: c.when(p.UpdatedAt), Rules: surveyed[p.ID]}
		slices.SortStableFunc(p.Stages, func(a, b stage) int { return cmp.Compare(a.DisplayOrder, b.DisplayOrder) })
		for _, st := range p.Stages {
			if st.Archived {
				continue
			}
			kind, probability := kindOf(st)
			out.Stages = append(out.Stages, crm.Stage{
				ID: st.ID, Name: st.Label, Order: len(out.Stages), Kind: kind, Probability: probability,
				Created: c.when(st.CreatedAt), Updated: c.when(st.UpdatedAt), Shipped: shipped[st.ID],
			})
			out.Changed = max(out.Changed, c.when(st.CreatedAt), c.when(st.UpdatedAt))
		}
		previous.Pipelines = append(previous.Pipelines, out)
	}
	return previous, nil
}

// when reads a time that only informs: one that cannot be read is none.
func (c *reader) when(text string) crm.Instant {
	i, _ := instant(text, c.zone())
	return i
}

// kindOf reads a stage's kind off its probability: HubSpot takes a stage for closed exactly when that is 0 or 1.
func kindOf(s stage) (crm.Status, *float64) {
	p, err := strconv.ParseFloat(s.Metadata["probability"], 64)
	unset := err != nil || math.IsNaN(p)
	p = min(max(p, 0), 1)
	closed := s.Metadata["isClosed"] == "true"
	switch {
	case unset && closed:
		return crm.Lost, nil // nothing says that it is won
	case unset:
		return crm.Open, nil
	case p >= 1 || closed && p > 0.5:
		return crm.Won, &p
	case p <= 0 || closed:
		return crm.Lost, &p
	}
	return crm.Open, &p
}

func (c *reader) users(ctx context.Context) ([]crm.User, error) {
	var users []crm.User
	known := map[string]bool{}
	for _, archived := range []bool{false, true} {
		for page, err := range c.ownerPages(ctx, archived) {
			if err != nil {
				return nil, err
			}
			for _, o := range page.Results {
				if known[o.ID] {
					continue
				}
				known[o.ID] = true
				name := cmp.Or(strings.TrimSpace(o.FirstName+" "+o.LastName), o.Email, o.ID)
				users = append(users, crm.User{ID: o.ID, Name: name, Email: o.Email, Active: !archived && !o.Archived, Queue: o.Type == "QUEUE",
					UserID: cmp.Or(plain(o.UserID), plain(o.EverUserID))})
			}
		}
	}
	return users, nil
}

// ownerPages walks over the owners, those that are archived or those that are not.
func (c *reader) ownerPages(ctx context.Context, archived bool) iter.Seq2[ownerList, error] {
	return rest.Pages(ctx, "", func(ctx context.Context, after string) (ownerList, string, error) {
		page, err := c.listOwners(ctx, archived, after)
		return page, page.Paging.Next.After, err
	})
}

// missing reports whether an error is a missing scope.
func missing(err error) bool {
	var scope *connectors.ScopeError
	return errors.As(err, &scope)
}

// keep remembers the properties of deals by name.
func (c *reader) keep(all []property) map[string]property {
	m := make(map[string]property, len(all))
	for _, p := range all {
		if !p.Archived {
			m[p.Name] = p
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.properties = m
	return m
}

// absent names the facts that the portal has no property for.
func absent(properties map[string]property, loss crm.LossReason) []crm.MissingFact {
	var out []crm.MissingFact
	for _, need := range []struct {
		fact  crm.Fact
		names []string // any of them will do
	}{
		{crm.FactTouch, []string{propTouch}},
		{crm.FactBuyer, []string{propReply, propMeeting}},
		{crm.FactPlanned, []string{propPlanned}},
		{crm.FactType, []string{propType}},
		{crm.FactSource, []string{propChannel}},
		{crm.FactContacts, []string{propContacts}},
		{crm.FactTouches | crm.FactFirstTouch, []string{propTouches}},
		{crm.FactFirstMeeting, []string{propMeeting}},
		{crm.FactNextDue, []string{propOverdue}},
		{crm.FactLineItems, []string{propLines}},
		{crm.FactEditor, []string{propEditor}},
		{crm.FactLossReason, []string{loss.Field}},
		{crm.FactLossDetail, []string{loss.DetailField}},
	} {
		names := slices.DeleteFunc(need.names, func(n string) bool { return n == "" })
		has := slices.ContainsFunc(names, func(n string) bool { _, ok := properties[n]; return ok })
		if len(names) > 0 && !has {
			out = append(out, crm.MissingFact{
				Fact: need.fact, Why: "the portal's deals have no property " + strings.Join(names, " or "), Cure: "add it, or name another one in the configuration",
			})
		}
	}
	return out
}

// sorted gives the properties in the order of their names, so that every choice among them is repeatable.
func sorted(properties map[string]property) []property {
	var out []property
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		out = append(out, properties[name])
	}
	return out
}
