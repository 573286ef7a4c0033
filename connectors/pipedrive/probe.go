package pipedrive

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/connectors"
)

// The scopes that tell what a connection may do. Those that end in :full cover those that end in :read.
const (
	scopeBase       = "base"
	scopeDeals      = "deals:read"
	scopeActivities = "activities:read"
	scopeUsers      = "users:read"
	scopeRecents    = "recents:read"
	scopeWriteDeals = "deals:full"
	scopeWriteTasks = "activities:full"
	scopeAdmin      = "admin"
)

// Probe finds out what the connection may do: by one cheap read each, and for what it may write by the scopes that were
// granted, where those are known, and by the rights of its user.
func (c *reader) Probe(ctx context.Context) ([]connectors.Access, error) {
	var out []connectors.Access
	for _, p := range []struct {
		connectors.Access
		endpoint
		paged bool
	}{
		{connectors.Access{Scope: scopeBase, Needed: true, Cost: "the account's currency and time zone, without which nothing is read"}, getMe, false},
		{connectors.Access{Scope: scopeDeals, Needed: true, Cost: "no deal can be read, so nothing can be audited"}, listDeals, true},
		{connectors.Access{Scope: scopeUsers, Cost: "owner-inactive cannot be judged, findings name owners by id, no step can give a deal to another owner, and the daily budget is taken for that of one user"}, listUsers, false},
		{connectors.Access{Scope: scopeActivities, Cost: "no-next-activity cannot be judged, nor can silence: stale-in-stage and open-too-long know the times of stages alone"}, listActivities, true},
	} {
		q := url.Values{}
		if p.paged {
			q.Set("limit", "1")
		}
		var err error
		if p.operation == getMe.operation {
			_, err = c.readMe(ctx)
		} else {
			err = c.do(ctx, "trying what the connection may do", c.request(p.endpoint, "", q), nil)
		}
		if err != nil && !missing(err) {
			return out, err
		}
		p.Granted = err == nil
		out = append(out, p.Access)
	}
	return append(out, c.granted()...), nil
}

// granted tells what cannot be tried without spending much, or without writing.
func (c *reader) granted() []connectors.Access {
	out := []connectors.Access{{Scope: scopeRecents, Granted: c.may(scopeRecents), Cost: "stage histories from before the first sync cannot be read, nor the values of close dates: policies that need them judge new deals alone"}}
	if c.opts.ReadOnly {
		return out
	}
	return append(out,
		connectors.Access{Scope: scopeWriteDeals, Granted: c.may(scopeWriteDeals), Cost: "no close date, owner or loss reason can be set: the policies whose fix that is are reported only"},
		connectors.Access{Scope: scopeWriteTasks, Granted: c.may(scopeWriteTasks), Cost: "no task can be created: the policies whose fix is a task are reported only"},
		connectors.Access{Scope: scopeAdmin, Granted: c.mayAdmin(), Cost: "rotting and the probabilities of stages cannot be set: the connection needs the scope, and a user who is an administrator"},
	)
}

// may reports whether a scope is granted, or might be because the granted ones are not known.
func (c *reader) may(scope string) bool {
	full := strings.TrimSuffix(scope, ":read") + ":full"
	return len(c.opts.Scopes) == 0 || slices.Contains(c.opts.Scopes, scope) || slices.Contains(c.opts.Scopes, full)
}

// mayAdmin reports whether stages can be changed, as far as the scopes and the user, if read, tell.
func (c *reader) mayAdmin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.may(scopeAdmin) && (c.me == nil || c.me.admin())
}
