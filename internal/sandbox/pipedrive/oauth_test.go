package pipedrive_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

const back = "http://localhost:8976/oauth/callback"

// authorize asks for a code.
func (s *server) authorize(redirect string) string {
	s.t.Helper()
	query := url.Values{"client_id": {"sandbox"}, "redirect_uri": {redirect}, "state": {"s 1"}}
	r := s.plain("GET", "/oauth/authorize?"+query.Encode(), nil)
	if r.status != http.StatusFound {
		s.t.Fatalf("status %d: %s", r.status, r.raw)
	}
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		s.t.Fatal(err)
	}
	if to.Query().Get("state") != "s 1" || !strings.HasPrefix(to.String(), redirect) {
		s.t.Fatalf("sent back to %s", to)
	}
	return to.Query().Get("code")
}

// plain sends a form, or nothing, with the client's credentials.
func (s *server) plain(method, path string, form url.Values) reply {
	s.t.Helper()
	var in io.Reader
	if form != nil {
		in = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+"/pipedrive"+path, in)
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("sandbox", "sandbox")
	}
	return s.finish(req)
}

func (s *server) exchange(code string) reply {
	return s.plain("POST", "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}})
}

func (s *server) refresh(token string) reply {
	return s.plain("POST", "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func text(v any) string { s, _ := v.(string); return s }

func TestOAuth(t *testing.T) {
	s := start(t, sandbox.Options{})
	code := s.authorize(back)
	r := s.exchange(code).is(200, "token_type", "Bearer", "expires_in", 3599, "api_domain", s.http.URL+"/pipedrive",
		"scope", "base,deals:full,activities:full,contacts:full,users:read,recents:read,search:read,admin,deal-fields:full")
	s.exchange(code).is(400, "error", "invalid_grant")
	s.bearer = text(r.at("access_token"))
	if len(s.bearer) < 768 {
		t.Errorf("an access token of %d letters", len(s.bearer))
	}
	s.get("/v2/deals/1001").is(200)
	s.ticks = s.ticks.Add(time.Hour)
	s.get("/v2/deals/1001").is(401, "error", "Invalid token: access_token is invalid")
	again := s.refresh(text(r.at("refresh_token"))).is(200, "refresh_token", r.at("refresh_token"))
	s.bearer = text(again.at("access_token"))
	s.get("/v2/deals/1001").is(200)

	s.plain("POST", "/oauth/revoke", url.Values{"token": {s.bearer}, "token_type_hint": {"access_token"}}).is(200)
	s.get("/v2/deals/1001").is(401)
	s.bearer = text(s.refresh(text(r.at("refresh_token"))).is(200).at("access_token"))
	s.plain("POST", "/oauth/revoke", url.Values{"token": {text(r.at("refresh_token"))}}).is(200)
	s.get("/v2/deals/1001").is(401)
	s.refresh(text(r.at("refresh_token"))).is(400, "error", "invalid_grant")
	s.plain("POST", "/oauth/revoke", url.Values{"token": {"unknown"}}).is(200)
}

func TestOAuthRefusals(t *testing.T) {
	s := start(t, sandbox.Options{})
	code := s.authorize(back)
	s.ticks = s.ticks.Add(5*time.Minute + time.Second)
	s.exchange(code).is(400, "error", "invalid_grant")
	s.plain("POST", "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {s.authorize(back)}, "redirect_uri": {"http://elsewhere.example"}}).is(400)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL+"/pipedrive/oauth/token", strings.NewReader("grant_type=refresh_token&refresh_token=x"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	s.finish(req).is(401, "error", "invalid_client")
	s.plain("GET", "/oauth/authorize?client_id=other&redirect_uri="+back, nil).is(400)
	s.bearer = "pat-sandbox" // is an API token, not an access token
	s.get("/v2/deals").is(401)
}

func TestRefreshTokensIdleOut(t *testing.T) {
	s := start(t, sandbox.Options{})
	token := text(s.exchange(s.authorize(back)).at("refresh_token"))
	for range 3 {
		s.ticks = s.ticks.AddDate(0, 0, 59)
		s.refresh(token).is(200)
	}
	s.ticks = s.ticks.AddDate(0, 0, 61)
	s.refresh(token).is(400, "error", "invalid_grant")
}

func TestRefreshMayRotateAndEndOlderTokens(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.tune("rotate_refresh", "true")
	first := s.exchange(s.authorize(back))
	next := s.refresh(text(first.at("refresh_token"))).is(200)
	if next.at("refresh_token") == first.at("refresh_token") {
		t.Error("the refresh token did not rotate")
	}
	s.refresh(text(first.at("refresh_token"))).is(400)
	s.bearer = text(first.at("access_token"))
	s.get("/v2/deals/1001").is(200)
	s.tune("refresh_ends_access", "true")
	s.refresh(text(next.at("refresh_token"))).is(200)
	s.get("/v2/deals/1001").is(401)
}

func TestConsentPage(t *testing.T) {
	s := start(t, sandbox.Options{Consent: true})
	path := "/oauth/authorize?client_id=sandbox&redirect_uri=" + url.QueryEscape(back)
	if r := s.plain("GET", path, nil).is(200); !strings.Contains(r.raw, "deals:full") {
		t.Errorf("the page does not name the scopes: %s", r.raw)
	}
	if to := s.plain("POST", path, url.Values{"decision": {"deny"}}).is(302).header.Get("Location"); to != back+"?error=user_denied" {
		t.Errorf("denied: sent to %s", to)
	}
	if to := s.plain("POST", path, url.Values{"decision": {"allow"}}).is(302).header.Get("Location"); !strings.HasPrefix(to, back+"?code=") {
		t.Errorf("allowed: sent to %s", to)
	}
}

func TestScopesAndRights(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.tune("withhold", "recents:read,admin")
	r := s.exchange(s.authorize(back)).is(200)
	if strings.Contains(text(r.at("scope")), "recents") {
		t.Errorf("granted %s", r.at("scope"))
	}
	s.bearer = text(r.at("access_token"))
	s.get("/v1/deals/1001/changelog").is(403, "error", "Scope and URL mismatch")
	s.do("PATCH", "/v2/stages/11", `{"deal_probability":30}`).is(403, "error", "Scope and URL mismatch")
	s.get("/v2/stages/11").is(200, "data/deal_probability", 20)
	s.bearer = ""
	s.do("PATCH", "/v2/stages/11", `{"deal_probability":30}`).is(200, "data/deal_probability", 30)
	s.tune("admin", "false")
	s.do("PATCH", "/v2/stages/11", `{"deal_probability":40}`).is(403, "success", false)
	s.get("/v1/users/me").is(200, "data/access/0/admin", false, "data/access/1", nil)
	s.get("/v1/users/1/permissions").is(200, "data/can_merge_deals", false)
}

func TestUninstallTellsTheApp(t *testing.T) {
	var told []string
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		id, secret, _ := r.BasicAuth()
		told = append(told, strings.Join([]string{r.Method, r.URL.Path, id, secret, text(body["client_id"]), text(body["timestamp"])}, " "))
		w.WriteHeader(http.StatusTeapot) // which nobody minds
	}))
	defer app.Close()
	s := start(t, sandbox.Options{})
	code := s.authorize(app.URL + "/callback")
	r := s.plain("POST", "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {app.URL + "/callback"}}).is(200)
	s.tune("uninstall", "now")
	if want := "DELETE /callback sandbox sandbox sandbox 2026-09-01T12:00:00Z"; len(told) != 1 || told[0] != want {
		t.Errorf("told %q, want %q", told, want)
	}
	s.refresh(text(r.at("refresh_token"))).is(400)
	s.bearer = text(r.at("access_token"))
	s.get("/v2/deals/1001").is(401)
}
