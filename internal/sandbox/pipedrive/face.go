// Package pipedrive is the sandbox's Pipedrive: one company account as its API shows it, v2 where that exists and v1 for the rest.
//
// Its one idea: every change of a deal is kept with its time, and all that Pipedrive derives is derived from the same records when it is
// asked for, so that a list, a changelog and a summary never contradict each other. Its one rule: it behaves as Pipedrive documents or
// was seen to behave, traps included, and where that is not known a setting chooses between the answers.
package pipedrive

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// Name is the face's name and the first part of its paths.
const Name = "pipedrive"

// Face is the sandbox's Pipedrive account.
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

	_ sandbox.Renumberer = (*Face)(nil)
)

// New makes the face of a world, for [sandbox.New]. The world must not change afterwards. The account's plan is growth, with a seat per
// active user, where none is named.
func New(world *sandbox.World, opts ...Option) func(*sandbox.Gate) sandbox.Face {
	return func(gate *sandbox.Gate) sandbox.Face {
		gate.Grants.Idle, gate.Grants.TokenBytes = refreshLife, accessTokenBytes
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

// Name is "pipedrive".
func (f *Face) Name() string { return Name }

// Reset puts every record and every limit back to how it was at the start; settings stay.
func (f *Face) Reset() {
	fresh := newPortal(f.world, f.gate.Tier(Name), f.gate.Now())
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

// Truth lists the problems that were planted in the world and can exist on Pipedrive, by Pipedrive's ids.
func (f *Face) Truth() []sandbox.Planted {
	p, out := f.current(), f.Origins()
	for i := range out {
		out[i].Subject.ID = p.ids.subject(out[i].Subject)
	}
	return out
}

// Origins are the problems of Truth by the world's ids. A deal always has an owner here, won and lost are no stages, a new account
// has other stages than those that are planted as untouched, nobody tells who edited a deal, and there are no quotes. It
// enters no close date by itself, keeps the expected date of a closed deal apart, tells no closing but the last, and its deals have no type.
func (f *Face) Origins() []sandbox.Planted {
	var out []sandbox.Planted
	for _, planted := range f.world.Truth {
		switch planted.Policy {
		case "owner-missing", "several-closed-stages", "stage-after-won", "closing-stage-missing", "default-stages-untouched", "touched-in-bulk", "behind-its-evidence",
			"close-date-default", "dates-impossible", "reopened", "mixed-processes":
		default:
			out = append(out, planted)
		}
	}
	return out
}

// Tune changes a setting. True or false are: admin, rotate_refresh, refresh_ends_access, failed_calls_cost, overdraw, retry_after,
// daily_headers, reset_unix, ban_oauth, clamp_limit, any_cursor, restore, reopen_keeps, pipeline_alone, noop_bumps, activity_touches_deal,
// stage_change_at_add, lost_reason_options, free_lost_reasons, required_binds_api, builtin_fields, omit_nulls, long_due_time, flow_null,
// v1_deal. Others: withhold (scopes), nullable (fields of bodies) and hide_owners (users), each by spaces or commas; budget (tokens of a day, 0 for the plan's),
// budget_zone (IANA), ban_after (a number, 0 for never), ban_for (a duration), limit_body (json, html, empty), changelog_since (RFC 3339,
// empty for all). uninstall is no setting but an act, with any value: the app is removed from the account, and told so at its redirect
// addresses. What each means stands beside its default in settings.go.
func (f *Face) Tune(name, value string) error {
	if name == "uninstall" {
		return f.uninstall()
	}
	return f.settings.tune(name, value)
}

// Operation names what a request does; "other" where the face has nothing at its path.
func (f *Face) Operation(r *http.Request) string {
	_, pattern := f.mux.Handler(withPath(r, canonicalPath(r.URL.Path)))
	if rt := f.routes[pattern]; rt != nil {
		return rt.op
	}
	return "other"
}

// ServeHTTP serves one request of the API or of the authorization server.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = withPath(r, canonicalPath(r.URL.Path))
	if _, pattern := f.mux.Handler(r); f.routes[pattern] == nil {
		writeFailure(w, unauthorized()) // as the gateway answers for a path or method that it does not route
		return
	}
	f.mux.ServeHTTP(w, r)
}

// Fail answers as Pipedrive does when it fails with the status.
func (f *Face) Fail(w http.ResponseWriter, r *http.Request, status int) {
	if strings.HasPrefix(r.URL.Path, "/oauth/") {
		writeFailure(w, oauthFailure(status, "server_error", http.StatusText(status)))
		return
	}
	if status == http.StatusTooManyRequests {
		burstHeaders(w.Header(), f.settings.get(), f.gate.Now(), f.current().limits.plan.static, 0)
	}
	writeFailure(w, faultFailure(status, isV2(canonicalPath(r.URL.Path)), f.settings.get()))
}

// serve takes a request through authentication, limits and scopes to its handler.
func (f *Face) serve(rt *route, w http.ResponseWriter, r *http.Request) {
	if rt.open != nil {
		rt.open(f, w, r)
		return
	}
	c := &call{r: r, query: r.URL.Query(), now: f.gate.Now(), base: f.gate.Base(r), status: http.StatusOK, v2: isV2(r.URL.Path), set: f.settings.get()}
	answer, fl := f.answer(rt, c, w.Header())
	if fl != nil {
		if fl.status == http.StatusTooManyRequests {
			f.gate.Throttled()
		}
		writeFailure(w, fl)
		return
	}
	writeJSON(w, c.status, answer)
}

func (f *Face) answer(rt *route, c *call, header http.Header) (any, *failure) {
	var fl *failure
	p := f.current()
	if c.grant, c.token, fl = f.authenticate(c); fl != nil {
		return nil, fl
	}
	if fl = p.limits.take(header, c, rt.cost, rt.search); fl != nil {
		return nil, fl
	}
	f.gate.Spent(int64(rt.cost))
	answer, fl := f.dispatch(rt, p, c)
	if fl != nil && !c.set.failedCost {
		p.limits.giveBack(header, c, rt.cost)
		f.gate.Spent(-int64(rt.cost))
	}
	return answer, fl
}

func (f *Face) dispatch(rt *route, p *portal, c *call) (any, *failure) {
	if fl := rt.permitted(c); fl != nil {
		return nil, fl
	}
	if fl := rt.checkQuery(c); fl != nil {
		return nil, fl
	}
	var err error
	if c.body, err = io.ReadAll(io.LimitReader(c.r.Body, 16<<20)); err != nil {
		return nil, invalid("body", "could not be read")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now, p.set, p.actor = c.now, c.set, p.me.id
	p.purge(c.now)
	answer, err := rt.serve(p, c)
	var fl *failure
	if err != nil && !errors.As(err, &fl) {
		fl = faultFailure(http.StatusInternalServerError, c.v2, c.set)
	}
	if fl == nil {
		f.gate.Wrote(c.wrote)
	}
	return answer, fl
}

// authenticate reads the API token or the bearer token.
func (f *Face) authenticate(c *call) (sandbox.Grant, string, *failure) {
	for _, token := range []string{c.r.Header.Get("x-api-token"), c.query.Get("api_token")} {
		if token == "" {
			continue
		}
		if token != sandbox.StaticToken {
			return sandbox.Grant{}, "", unauthorized()
		}
		return sandbox.Grant{Static: true, Scopes: allScopes()}, token, nil
	}
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return sandbox.Grant{}, "", unauthorized()
	}
	grant, _, live := f.gate.Grants.Access(token, c.now)
	if !live {
		return grant, "", badAccessToken()
	}
	return grant, token, nil
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

// canonicalPath knows v1 under its shorter name, too.
func canonicalPath(path string) string {
	if strings.HasPrefix(path, "/v1/") {
		return "/api" + path
	}
	return path
}

func isV2(path string) bool { return strings.HasPrefix(path, "/api/v2/") }
