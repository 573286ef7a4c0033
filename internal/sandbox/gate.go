package sandbox

import (
	"net/http"
	"time"
)

// Gate gives a face what all faces share: the clock, the counters, the authorizations and the set-up.
type Gate struct {
	// Grants is the face's own authorization server.
	Grants *Grants

	server *Server
	name   string // set once the face is known
}

// Now is the sandbox's time.
func (g *Gate) Now() time.Time { return g.server.Now() }

// Tier is the subscription that the account of a CRM has; "" leaves it to the face.
func (g *Gate) Tier(crm string) string { return g.server.opts.Tiers[crm] }

// Asks reports whether the consent page waits for a person; otherwise it redirects at once.
func (g *Gate) Asks() bool { return g.server.opts.Consent }

// Base is the URL under which a request reached the face, without a slash at its end.
func (g *Gate) Base(r *http.Request) string {
	scheme := r.URL.Scheme
	if scheme == "" {
		scheme = "http"
	}
	return scheme + "://" + r.Host + "/" + g.name
}

// Wrote counts records that were created, changed or removed.
func (g *Gate) Wrote(records int) {
	g.server.counters.sum(g.name, Sums{Writes: int64(records)})
}

// Throttled counts one request that was refused for a rate limit.
func (g *Gate) Throttled() { g.server.counters.sum(g.name, Sums{Throttled: 1}) }

// Spent counts tokens of a CRM that meters requests by weight.
func (g *Gate) Spent(tokens int64) { g.server.counters.sum(g.name, Sums{Tokens: tokens}) }
