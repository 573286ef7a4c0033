package hubspot

import (
	"context"
	"net/url"
	"slices"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
)

// The scopes.
const (
	scopeDeals         = "crm.objects.deals.read"
	scopeSchemas       = "crm.schemas.deals.read"
	scopeOwners        = "crm.objects.owners.read"
	scopeTasks         = "crm.objects.contacts.read"
	scopeAccount       = "oauth"
	scopeWriteDeals    = "crm.objects.deals.write"
	scopeWriteTasks    = "crm.objects.contacts.write"
	scopeWriteProperty = "crm.schemas.deals.write"
	scopeQuotes        = "crm.objects.quotes.read"
	scopeLineItems     = "crm.objects.line_items.read"
	scopeMails         = "sales-email-read"
	scopeRules         = "crm.pipelines.governance.read"
)

// Probe finds out what the connection may do, by one cheap read each. What it may write cannot be tried without writing, so
// that is told only where the granted scopes are known.
func (c *reader) Probe(ctx context.Context) ([]connectors.Access, error) {
	one := url.Values{"limit": {"1"}}
	var out []connectors.Access
	for _, p := range []struct {
		connectors.Access
		operation, path string
		query           url.Values
	}{
		{connectors.Access{Scope: scopeDeals, Needed: true, Cost: "no deal can be read: nothing can be audited"}, "deals.list", pathDeals, one},
		{connectors.Access{Scope: scopeSchemas, Needed: true, Cost: "pipelines and stages cannot be read: nothing can be audited"}, "pipelines.list", pathPipelines, nil},
		{connectors.Access{Scope: scopeOwners, Cost: "owner-inactive cannot be judged, findings name owners by id, and no step can give a deal to another owner"}, "owners.list", pathOwners, one},
		{connectors.Access{Scope: scopeTasks, Cost: "tasks cannot be read back: no task can be created or taken back for stale-in-stage, open-too-long, no-next-activity, close-date-past, close-date-missing, amount-missing and lost-reason-missing"}, "tasks.list", pathTasks, one},
		{connectors.Access{Scope: scopeMails, Cost: "e-mails cannot be counted: how the team's touches divide by kind is not known"}, "emails.list", pathObjects + "emails", one},
		{connectors.Access{Scope: scopeQuotes, Cost: "quotes cannot be read: policies that look at quotes cannot judge"}, "quotes.list", pathObjects + "quotes", one},
		{connectors.Access{Scope: scopeLineItems, Cost: "line items cannot be read: no amount is proposed from them"}, "line_items.list", pathObjects + "line_items", one},
		{connectors.Access{Scope: scopeAccount, Cost: "the account's currency and time zone are not known: values have no currency and close-date-past goes by UTC; findings have no links"}, "account.details", pathAccount, nil},
	} {
		err := c.do(ctx, "trying what the connection may do", rest.Request{Operation: p.operation, Method: "GET", Path: p.path, Query: p.query}, nil)
		if err != nil && !missing(err) {
			return out, err
		}
		p.Granted = err == nil
		out = append(out, p.Access)
	}
	if len(c.opts.Scopes) == 0 || c.opts.ReadOnly {
		return out, nil
	}
	for _, a := range []connectors.Access{
		{Scope: scopeWriteDeals, Cost: "no close date, owner or loss reason can be set: close-date-past, owner-missing, owner-inactive and lost-reason-free-text are reported only"},
		{Scope: scopeWriteTasks, Cost: "no task can be created: the policies whose fix is a task are reported only"},
		{Scope: scopeWriteProperty, Cost: "the drop-down for loss reasons cannot be created, nor the probability of a stage set: lost-reason-free-text and the policies about probabilities are reported only"},
	} {
		a.Granted = c.may(a.Scope)
		out = append(out, a)
	}
	return out, nil
}

// may reports whether a scope is granted, or might be because the granted ones are not known.
func (c *reader) may(scope string) bool {
	return len(c.opts.Scopes) == 0 || slices.Contains(c.opts.Scopes, scope)
}
