package hubspot_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

const redirect = "http://localhost:8976/oauth/callback"

// form posts a form without a bearer token.
func (s *server) form(path string, pairs ...string) reply {
	s.t.Helper()
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.http.URL+"/hubspot"+path, strings.NewReader(values.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.finish(req)
}

// authorize walks through the consent page and returns what comes back to the app.
func (s *server) authorize(pairs ...string) url.Values {
	s.t.Helper()
	values := url.Values{"client_id": {"sandbox"}, "redirect_uri": {redirect}, "state": {"s1"}}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	r := s.do("GET", "/oauth/authorize?"+values.Encode(), nil).is(302)
	back, err := url.Parse(r.header.Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), redirect+"?") || back.Query().Get("state") != "s1" {
		s.t.Fatalf("redirected to %s: %v", back, err)
	}
	return back.Query()
}

var client = []string{"client_id", "sandbox", "client_secret", "sandbox"}

func (s *server) exchange(code string, more ...string) reply {
	return s.form("/oauth/2026-09/token", append(append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", redirect}, client...), more...)...)
}

// connect authorizes for scopes and uses the token from then on.
func (s *server) connect(scopes string) (access, refresh string) {
	s.t.Helper()
	r := s.exchange(s.authorize("scope", scopes).Get("code")).is(200, "token_type", "bearer", "expires_in", 1800, "hub_id", 44237313, "token_use", "access_token")
	access, _ = r.at("access_token").(string)
	refresh, _ = r.at("refresh_token").(string)
	s.token = access
	return access, refresh
}

func TestCodeFlow(t *testing.T) {
	s := start(t, sandbox.Options{})
	access, refresh := s.connect("crm.objects.deals.read oauth")
	if len(access) < 200 || !strings.HasPrefix(refresh, "na1-") {
		t.Errorf("access token of %d characters, refresh token %.6s", len(access), refresh)
	}
	s.do("GET", dealsPath, nil).is(200)
	for _, path := range []string{"/oauth/2026-09/token", "/oauth/v1/token", "/oauth/v3/token"} {
		s.form(path, append([]string{"grant_type", "refresh_token", "refresh_token", refresh}, client...)...).is(200, "refresh_token", refresh, "scopes", "[crm.objects.deals.read oauth]")
	}
	if n := s.sandbox.Counters().Requests["hubspot"]["oauth.token"]; n != 4 {
		t.Errorf("%d token requests", n)
	}
	if n := s.sandbox.Counters().Total("hubspot"); n != 1 {
		t.Errorf("%d requests without authorization", n)
	}
}

func TestCodesAreUsedOnce(t *testing.T) {
	s := start(t, sandbox.Options{})
	code := s.authorize("scope", "oauth").Get("code")
	s.exchange(code).is(200)
	s.exchange(code).is(400, "error", "invalid_grant", "status", "BAD_AUTH_CODE")
	s.exchange(s.authorize("scope", "oauth").Get("code"), "redirect_uri", "http://elsewhere/").is(400, "status", "BAD_REDIRECT_URI")
	s.exchange(s.authorize("scope", "oauth").Get("code"), "client_secret", "wrong").is(400, "error", "invalid_client", "status", "BAD_CLIENT_SECRET")
	s.exchange(s.authorize("scope", "oauth").Get("code"), "client_id", "wrong").is(400, "status", "BAD_CLIENT_ID")
	late := s.authorize("scope", "oauth").Get("code")
	s.ticks = today.Add(11 * time.Minute)
	s.exchange(late).is(400, "status", "BAD_AUTH_CODE")
}

func TestCodeVerifier(t *testing.T) {
	s := start(t, sandbox.Options{})
	sum := sha256.Sum256([]byte("verifier"))
	challenge := []string{"scope", "oauth", "code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method", "S256"}
	s.exchange(s.authorize(challenge...).Get("code"), "code_verifier", "guess").is(400, "status", "BAD_CODE_VERIFIER")
	s.exchange(s.authorize(challenge...).Get("code"), "code_verifier", "verifier").is(200)
}

func TestAuthorizePageRefuses(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.do("GET", "/oauth/authorize?client_id=other&scope=oauth&redirect_uri="+url.QueryEscape(redirect), nil).is(400)
	s.do("GET", "/oauth/authorize?client_id=sandbox&scope=oauth&redirect_uri=javascript:alert(1)", nil).is(400)
	s.do("GET", "/oauth/authorize?client_id=sandbox&redirect_uri="+url.QueryEscape(redirect), nil).is(400)
	s.do("GET", "/oauth/44237313/authorize?client_id=sandbox&scope=oauth&redirect_uri="+url.QueryEscape(redirect), nil).is(302)
}

func TestConsentPageAsks(t *testing.T) {
	s := start(t, sandbox.Options{Consent: true})
	path := "/oauth/authorize?client_id=sandbox&state=s1&scope=crm.objects.deals.read&redirect_uri=" + url.QueryEscape(redirect)
	if r := s.do("GET", path, nil).is(200); !strings.Contains(r.raw, "<li>crm.objects.deals.read</li>") {
		t.Error(r.raw)
	}
	if where := s.form(path, "decision", "deny").is(302).header.Get("Location"); !strings.Contains(where, "error=access_denied") || !strings.Contains(where, "state=s1") {
		t.Error(where)
	}
	if where := s.form(path, "decision", "allow").is(302).header.Get("Location"); !strings.Contains(where, "code=na1-") {
		t.Error(where)
	}
}

func TestTokensExpireOnTheSandboxsClock(t *testing.T) {
	s := start(t, sandbox.Options{})
	_, refresh := s.connect("crm.objects.deals.read")
	s.ticks = today.Add(1799 * time.Second)
	s.do("GET", dealsPath, nil).is(200)
	s.ticks = today.Add(1800 * time.Second)
	s.do("GET", dealsPath, nil).is(401, "category", "EXPIRED_AUTHENTICATION")
	renewed := s.form("/oauth/2026-09/token", append([]string{"grant_type", "refresh_token", "refresh_token", refresh}, client...)...).is(200)
	s.token, _ = renewed.at("access_token").(string)
	s.do("GET", dealsPath, nil).is(200)
	s.token = "nonsense"
	s.do("GET", dealsPath, nil).is(401, "category", "INVALID_AUTHENTICATION")
}

func TestRevokedRefreshToken(t *testing.T) {
	s := start(t, sandbox.Options{})
	access, refresh := s.connect("crm.objects.deals.read")
	introspect := func(token string) reply {
		return s.form("/oauth/2026-09/token/introspect", append([]string{"token", token}, client...)...)
	}
	introspect(access).is(200, "active", true, "expires_in", 1800, "hub_id", 44237313, "scopes", "[crm.objects.deals.read oauth]")
	introspect(refresh).is(200, "active", true, "token_use", "refresh_token")
	s.do("GET", "/oauth/v1/access-tokens/"+access, nil).is(200, "hub_id", 44237313)
	s.do("GET", "/oauth/v1/refresh-tokens/"+refresh, nil).is(200, "client_id", "sandbox")
	s.form("/oauth/2026-09/token/revoke", append([]string{"token", refresh, "token_type_hint", "refresh_token"}, client...)...).is(200)
	introspect(refresh).is(200, "active", false)
	s.do("GET", dealsPath, nil).is(200) // access tokens live on
	s.form("/oauth/2026-09/token", append([]string{"grant_type", "refresh_token", "refresh_token", refresh}, client...)...).is(400,
		"error", "invalid_grant", "status", "BAD_REFRESH_TOKEN", "message", "refresh token is invalid, expired or revoked")
	s.do("DELETE", "/oauth/v1/refresh-tokens/"+refresh, nil).is(404)
}

func TestUninstallEndsEverything(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.connect("crm.objects.deals.read")
	s.do("DELETE", "/appinstalls/2026-09/external-install", nil).is(204)
	s.do("GET", dealsPath, nil).is(401)
}

func TestScopes(t *testing.T) {
	s := start(t, sandbox.Options{}, hubspot.With("withhold", "crm.objects.owners.read"))
	s.connect("crm.objects.deals.read crm.objects.owners.read crm.objects.contacts.read")
	s.do("GET", dealsPath, nil).is(200)
	s.do("GET", pipelinesPath, nil).is(200) // either scope will do
	s.do("GET", "/account-info/2026-09/details", nil).is(200)
	s.do("GET", "/crm/objects/2026-09/tasks", nil).is(200)
	for _, c := range []struct{ method, path, scope string }{
		{"GET", "/crm/owners/2026-09", "[crm.objects.owners.read]"}, // asked for, not granted
		{"PATCH", dealsPath + "/1001", "[crm.objects.deals.write]"},
		{"POST", "/crm/objects/2026-09/tasks", "[crm.objects.contacts.write]"},
		{"GET", "/crm/objects/2026-09/emails", "[crm.objects.contacts.read sales-email-read]"},
		{"POST", propertiesPath, "[crm.schemas.deals.write]"},
	} {
		s.do(c.method, c.path, m{}).is(403, "category", "MISSING_SCOPES", "errors/0/context/requiredGranularScopes", c.scope)
	}
	s.token = sandbox.StaticToken
	s.do("GET", "/crm/owners/2026-09", nil).is(403)
	s.do("POST", "/oauth/v2/private-apps/get/access-token-info", m{"tokenKey": sandbox.StaticToken}).is(200, "hubId", 44237313, "userId", 1000000)
	s.do("POST", "/oauth/v2/private-apps/get/access-token-info", m{"tokenKey": "other"}).is(401)
}
