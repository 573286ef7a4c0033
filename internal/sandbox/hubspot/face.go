// Package hubspot is the sandbox's HubSpot: one account as its API shows it, in the dated version 2026-09 and under the v3 and v4 names
// that the vendor's own clients use.
//
// Its one idea: records keep every value they ever had, and all that HubSpot calculates is calculated when it is asked for, so that an answer
// never contradicts the history. Its one rule: it behaves as HubSpot was seen to behave, traps included, and where that is not known it
// takes the stricter reading.
package hubspot

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// Name is the face's name and the first part of its paths.
const Name = "hubspot"

// longestURI is how long a request's query may be; what needs more goes by POST.
const longestURI = 16 << 10

// Face is the sandbox's HubSpot account.
type Face struct {
	gate     *sandbox.Gate
	world    *sandbox.World
	settings *settings
	mux      *http.ServeMux
	routes   map[string]*route // by pattern

	mu     sync.RWMutex
	portal *portal // another one after each reset
}

var (
	_ sandbox.Face    = (*Face)(nil)
	_ sandbox.Planter = (*Face)(nil)
	_ sandbox.Tuner   = (*Face)(nil)
)

// New makes the face of a world, for [sandbox.New]. The world must not change afterwards. The account's tier is pro where none is named.
func New(world *sandbox.World, opts ...Option) func(*sandbox.Gate) sandbox.Face {
	return func(gate *sandbox.Gate) sandbox.Face {
		f := &Face{gate: gate, world: world, settings: newSettings(), mux: http.NewServeMux(), routes: map[string]*route{}}
		for _, opt := range opts {
			opt(f.settings)
		}
		f.Reset()
		for _, r := range routeTable() {
			f.routes[r.pattern] = &r
			f.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) { f.serve(&r, w, req) })
		}
		return f
	}
}

// Name is "hubspot".
func (f *Face) Name() string { return Name }

// Reset puts every record and every limit back to how it was at the start; settings stay.
func (f *Face) Reset() {
	tier := f.gate.Tier(Name)
	if tier == "" {
		tier = "pro"
	}
	fresh := newPortal(f.world, f.settings, tier, f.gate.Now(), f.gate.Wrote)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.portal = fresh
}

// current is the portal as of the last reset.
func (f *Face) current() *portal {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.portal
}

// Truth lists the problems that were planted in the world.
func (f *Face) Truth() []sandbox.Planted { return f.world.Truth }

// Tune changes a setting: search_lag, property_lag (durations), inline_associations (a number), merge_keeps_id,
// auto_close_date (true or false), withhold (scopes that are not granted from now on), require (STAGE=PROPERTY, by spaces: what the
// account's rules demand, which the API obeys since 2026-09).
func (f *Face) Tune(name, value string) error { return f.settings.tune(name, value) }

// Operation names what a request does; "other" where the face has nothing at its path.
func (f *Face) Operation(r *http.Request) string {
	canonical := withPath(r, canonicalPath(r.URL.Path))
	_, pattern := f.mux.Handler(canonical)
	rt := f.routes[pattern]
	if rt == nil {
		return "other"
	}
	if !strings.Contains(rt.op, "{type}") {
		return rt.op
	}
	// The mux fills path values only when it serves: the kind is the path segment where the pattern has it.
	parts, segments := strings.Split(rt.pattern, "/"), strings.Split(canonical.URL.Path, "/")
	for i, part := range parts {
		if part == "{type}" && i < len(segments) {
			if k := f.current().kinds.find(segments[i]); k != nil {
				return strings.ReplaceAll(rt.op, "{type}", k.name)
			}
		}
	}
	return "other"
}

// ServeHTTP serves one request of the API.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = withPath(r, canonicalPath(r.URL.Path))
	w.Header().Set(correlationHeader, uuid()) // HubSpot's name of the request, which its support asks for
	if len(r.URL.RawQuery) > longestURI {
		writeFailure(w, r, &failure{status: http.StatusRequestURITooLong, message: "URI too long"})
		return
	}
	if _, pattern := f.mux.Handler(r); f.routes[pattern] == nil {
		writeFailure(w, r, noRoute())
		return
	}
	f.mux.ServeHTTP(w, r)
}

// correlationHeader names a request in every answer.
const correlationHeader = "X-Hubspot-Correlation-Id"

// Fail answers as HubSpot does when it fails with the status.
func (f *Face) Fail(w http.ResponseWriter, r *http.Request, status int) {
	writeFailure(w, r, faultFailure(status))
}

// serve takes a request through authentication, limits and scopes to its handler.
func (f *Face) serve(rt *route, w http.ResponseWriter, r *http.Request) {
	if rt.open != nil {
		rt.open(f, w, r)
		return
	}
	c := &call{r: r, query: r.URL.Query(), now: f.gate.Now(), base: f.gate.Base(r), status: http.StatusOK}
	c.dated = strings.HasPrefix(r.PathValue("version"), "20")
	answer, fl := f.answer(rt, c, w.Header())
	switch {
	case fl != nil:
		if fl.status == http.StatusTooManyRequests {
			f.gate.Throttled()
		}
		writeFailure(w, r, fl)
	case answer == nil:
		if c.status == http.StatusOK {
			c.status = http.StatusNoContent
		}
		w.WriteHeader(c.status)
	default:
		writeJSON(w, c.status, answer)
	}
}

func (f *Face) answer(rt *route, c *call, header http.Header) (any, *failure) {
	var fl *failure
	p := f.current()
	if c.grant, fl = f.authenticate(c.r, c.now); fl != nil {
		return nil, fl
	}
	if fl := p.limits.take(header, c.grant.Static, strings.HasSuffix(rt.op, ".search"), c.now); fl != nil {
		return nil, fl
	}
	if name := c.path("type"); name != "" {
		if c.kind = p.kinds.find(name); c.kind == nil {
			return nil, &failure{status: http.StatusBadRequest, message: "Unable to infer object type from: " + name,
				body: map[string]any{"status": "error", "message": "Unable to infer object type from: " + name}}
		}
	}
	if fl := allowed(rt.needs, c); fl != nil {
		return nil, fl
	}
	var err error
	if c.body, err = io.ReadAll(io.LimitReader(c.r.Body, 16<<20)); err != nil {
		return nil, invalid("The body could not be read: %s", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	answer, err := rt.serve(p, c)
	if err != nil && !errors.As(err, &fl) {
		fl = faultFailure(http.StatusInternalServerError)
	}
	return answer, fl
}

// authenticate reads the bearer token.
func (f *Face) authenticate(r *http.Request, now time.Time) (sandbox.Grant, *failure) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return sandbox.Grant{}, unauthorized("INVALID_AUTHENTICATION")
	}
	if token == sandbox.StaticToken {
		return sandbox.Grant{Static: true, Scopes: f.settings.grant(allScopes)}, nil
	}
	grant, known, live := f.gate.Grants.Access(token, now)
	switch {
	case !known:
		return grant, unauthorized("INVALID_AUTHENTICATION")
	case !live:
		return grant, unauthorized("EXPIRED_AUTHENTICATION")
	}
	return grant, nil
}

// withPath is the request at another path.
func withPath(r *http.Request, path string) *http.Request {
	if r.URL.Path == path {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = path, ""
	other := new(http.Request)
	*other = *r
	other.URL = &u
	return other
}

// canonicalPath puts the version where the dated API has it: /crm/v3/objects/deals is /crm/objects/v3/deals.
func canonicalPath(path string) string {
	parts := strings.SplitN(path, "/", 5) // "", crm, v3, objects, rest
	if len(parts) >= 4 && parts[1] == "crm" && (parts[2] == "v3" || parts[2] == "v4") {
		parts[2], parts[3] = parts[3], parts[2]
		return strings.Join(parts, "/")
	}
	return path
}
